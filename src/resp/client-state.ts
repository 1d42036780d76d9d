/** What commands know and change of their client, apart from the conversation itself. */
import type { User } from '../commands/acl/user.ts';
import type { Client } from '../commands/client.ts';

export class ClientState {
  readonly id: number;
  readonly createdAtMs = Date.now();
  lastCommandAtMs = this.createdAtMs;
  lastCommand = 'NULL';
  commandsProcessed = 0;
  name = '';
  libraryName = '';
  libraryVersion = '';
  database = 0;
  authenticated: boolean;
  user: User;
  multi: Client['multi'] = null;
  readonly watches: Client['watches'][number][] = [];
  readonly subscriptions: Client['subscriptions'] = { channel: new Set(), pattern: new Set(), shard: new Set() };
  subscribed = 0;
  caller: Client | null = null;
  tracking: Client['tracking'] = null;
  mayBlock = true;
  readonly isScript: boolean = false;
  noEvict = false;
  noTouch = false;
  replyMode: Client['replyMode'] = 'on';

  constructor(id: number, user: User, authenticated: boolean) {
    this.id = id;
    this.user = user;
    this.authenticated = authenticated;
  }
}
