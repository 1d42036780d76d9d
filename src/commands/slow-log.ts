/** The slow log: the latest commands that took longer than `slowlog-log-slower-than` microseconds. */
import type { Slice } from '../core/slice.ts';
import type { Call } from './table.ts';

const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;
const SECRET_SETTINGS = ['requirepass', 'masteruser', 'masterauth', 'tls-key-file-pass', 'tls-client-key-file-pass'];
const USER_COMMANDS: ReadonlySet<string> = new Set(['acl|setuser', 'acl|deluser', 'acl|getuser']);

export interface SlowCommand {
  id: number;
  atSeconds: number;
  micros: number;
  args: string[];
  address: string;
  clientName: string;
}

export type LoggedCall = Pick<Call, 'args' | 'argc' | 'client' | 'command' | 'engine'>;

export class SlowLog {
  /** Infinity: nothing is slow. */
  thresholdMicros = 10_000;
  lengthMax = 128;
  /** Latest first. */
  readonly entries: SlowCommand[] = [];
  private nextId = 0;

  note(call: LoggedCall, micros: number): void {
    const args: string[] = [];
    for (let i = 0; i < call.argc && i < ARGUMENTS_MAX; i++) {
      if (i === ARGUMENTS_MAX - 1 && call.argc > ARGUMENTS_MAX) {
        args.push(`... (${call.argc - ARGUMENTS_MAX + 1} more arguments)`);
        break;
      }
      const text = isSecret(call, i) ? '(redacted)' : call.args[i].latin1();
      const excess = text.length - ARGUMENT_BYTES_MAX;
      args.push(excess > 0 ? `${text.slice(0, ARGUMENT_BYTES_MAX)}... (${excess} more bytes)` : text);
    }
    const { client } = call;
    this.entries.unshift({
      id: this.nextId++,
      atSeconds: Math.floor(call.engine.now / 1000),
      micros: Math.round(micros),
      args,
      address: client.address,
      clientName: client.name,
    });
    if (this.entries.length > this.lengthMax) this.entries.length = this.lengthMax;
  }

  reset(): void {
    this.entries.length = 0;
  }
}

/** What follows AUTH, and both words that follow AUTH2. */
export function isCredential(args: readonly Slice[], index: number): boolean {
  if (index < 7) return false;
  return args[index - 1].isWord('auth') || args[index - 1].isWord('auth2') || args[index - 2].isWord('auth2');
}

/** Passwords; as in Redis, with HELLO … AUTH the user's name too, and all that tells of users and their rules. */
function isSecret({ args, command }: LoggedCall, index: number): boolean {
  if (index === 0) return false;
  if (command.name === 'auth') return true;
  if (command.name === 'hello') return args[index - 1].isWord('auth') || (index > 1 && args[index - 2].isWord('auth'));
  if (command.name === 'migrate') return isCredential(args, index);
  if (USER_COMMANDS.has(command.name)) return index > 1;
  return command.name === 'config|set' && SECRET_SETTINGS.some((name) => args[index - 1].isWord(name));
}
