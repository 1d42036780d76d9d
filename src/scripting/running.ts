/** One script that runs: who runs it, what it may do, and what it has done so far. */
import type { CommandCall } from '../commands/dispatch.ts';
import type { Reply } from '../commands/reply.ts';
import type { ScriptClient } from './script-client.ts';

export interface RunningScript {
  readonly kind: 'script' | 'function';
  /** Its sha, or the name of the function: for errors. */
  readonly name: string;
  /** The call of EVAL or FCALL. */
  readonly caller: CommandCall;
  /** The call through which its commands run. */
  readonly call: CommandCall;
  readonly client: ScriptClient;
  readonly readOnly: boolean;
  /** Memory may be full. */
  readonly allowOom: boolean;
  /** Memory was full when it began: what it writes first is refused. */
  readonly outOfMemory: boolean;
  /** UNIX ms. */
  readonly startedAt: number;
  /** It has run a command that writes: from now on it must not be stopped. */
  wrote: boolean;
  killed: boolean;
  /** Who waits for its end, once it has been suspended. */
  readonly listeners: ((write: (reply: Reply) => void) => void)[];
}
