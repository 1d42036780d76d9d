/** The client that a script's commands come from: the user of its caller, a database and a protocol of its own. */
import type { Blocked, Client } from '../commands/client.ts';
import type { Call } from '../commands/table.ts';
import { ClientState } from '../resp/client-state.ts';
import { ReplyWriter } from '../resp/reply-writer.ts';

export class ScriptClient extends ClientState implements Client {
  /** What MONITOR shows where clients have an address. */
  readonly address = 'lua';
  readonly localAddress = 'lua';
  readonly queryBytes = 0;
  readonly argumentBytes = 0;
  readonly queryFreeBytes = 0;
  readonly outputBytes = 0;
  readonly blocked = false;
  override readonly isScript = true;
  closeAfterReply = false;
  /** Where its commands write their replies. */
  readonly out = new ReplyWriter();

  constructor({ client, services }: Call) {
    super(client.id, client.user, true);
    this.mayBlock = false;
    this.out.onError = (text) => services.statistics.countError(text);
  }

  /** Before a script of `caller`. */
  actFor(caller: Client): void {
    this.caller = caller;
    this.user = caller.user;
    this.database = caller.database;
    this.noTouch = caller.noTouch;
    this.protocol = 2;
  }

  get protocol(): 2 | 3 {
    return this.out.protocol === 3 ? 3 : 2;
  }

  set protocol(protocol: 2 | 3) {
    this.out.protocol = protocol;
  }

  // what a script may not do is refused before it comes to these

  push(): void {}

  kill(): void {}

  deliver(): void {}

  block(): Blocked {
    throw new Error('a script must not wait');
  }

  unblock(): boolean {
    return false;
  }
}
