/**
 * What a command may know and change of the client that sent it. The object itself lives in resp/ (session);
 * the registry of all clients is in Services.
 */
import type { Watch } from '../core/contract.ts';
import type { User } from './acl/user.ts';
import type { ClientTracking } from './changes/tracking.ts';
import type { Subscriber, SubscriptionKind } from './services.ts';

export interface Client extends Subscriber {
  readonly id: number;
  /** host:port, as CLIENT LIST shows them. */
  readonly address: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
  lastCommandAtMs: number;
  lastCommand: string;
  name: string;
  libraryName: string;
  libraryVersion: string;
  database: number;
  protocol: 2 | 3;
  /** It has said who it is, or did not need to. */
  authenticated: boolean;
  user: User;
  /** Bytes waiting in the query buffer, of arguments that have come whole, and in the output. */
  readonly queryBytes: number;
  readonly argumentBytes: number;
  /** Room that is laid out for what is still to come of them. */
  readonly queryFreeBytes: number;
  readonly outputBytes: number;
  readonly commandsProcessed: number;

  /** MULTI state. `dirty`: a queued command was refused, EXEC answers EXECABORT. */
  multi: { readonly queue: QueuedCommand[]; bytes: number; dirty: boolean } | null;
  /** WATCHed keys; several a client. */
  readonly watches: { database: number; key: Buffer; watch: Watch }[];

  /** Names that it listens to, as latin1 text; `subscribed`: how many. */
  readonly subscriptions: Readonly<Record<SubscriptionKind, Set<string>>>;
  subscribed: number;

  /** Writes what is no reply: now, or behind the reply of the command that runs. */
  push(write: (reply: import('./reply.ts').Reply) => void): void;

  /** Whose script runs this client's commands; null: it is nobody's but its own. */
  readonly caller: Client | null;

  /** CLIENT TRACKING; null: off. */
  tracking: ClientTracking | null;

  noEvict: boolean;
  noTouch: boolean;
  /** CLIENT REPLY: off drops replies until on; skip drops the next one. */
  replyMode: 'on' | 'off' | 'skip-next' | 'skip-this';
  /** Closes once the replies written so far are flushed. */
  closeAfterReply: boolean;
  /** Closes at once. */
  kill(): void;
  /** Waits in a command that answers later, or for the end of a CLIENT PAUSE. */
  readonly blocked: boolean;
  /** False inside EXEC: there a command that would wait answers at once what it has. */
  mayBlock: boolean;
  /** It stands for a script: what its commands answer goes there. */
  readonly isScript: boolean;
  /**
   * Answers later (WAIT, DEBUG SLEEP): no further command of this client runs before resume(). `onUnblock` writes
   * what CLIENT UNBLOCK … TIMEOUT makes it answer; without it, CLIENT UNBLOCK leaves this client alone. `onAbandoned` is
   * called when the wait ends by that, or since the client has gone.
   */
  block(onUnblock?: (reply: import('./reply.ts').Reply) => void, onAbandoned?: () => void): Blocked;
  /** CLIENT UNBLOCK: ends the wait as a time-out, or with an UNBLOCKED error. False if there is nothing to end. */
  unblock(withError: boolean): boolean;
}

export interface Blocked {
  /** Called once. `write` fills the reply; nothing if the client has gone. `wrote`: with an effect that the reply tells of. */
  resume(write: (reply: import('./reply.ts').Reply) => void, wrote?: boolean): void;
  readonly abandoned: boolean;
}

export interface QueuedCommand {
  readonly command: import('./table.ts').Command;
  /** Owned copies of the arguments. */
  readonly args: readonly import('../core/slice.ts').Slice[];
}
