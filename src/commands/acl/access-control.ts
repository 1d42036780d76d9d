/** All of a node that is about who may do what: its users, the log of what was refused, the file that users come from. */
import type { CommandRegistry } from '../services.ts';
import type { AclStorage } from './file.ts';
import { AclLog } from './log.ts';
import { Users } from './users.ts';

export class AccessControl {
  readonly users: Users;
  readonly log = new AclLog();
  /** Null without an `aclfile`. */
  storage: AclStorage | null = null;

  /** At first there is the default user, which may do everything without a password. */
  constructor(commands: CommandRegistry) {
    this.users = new Users(commands);
  }
}
