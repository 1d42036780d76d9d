/** The slow log: the latest commands that took longer than `slowlog-log-slower-than` microseconds. */
import type { Call } from './table.ts';

const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;

export interface SlowCommand {
  id: number;
  atSeconds: number;
  micros: number;
  args: string[];
  address: string;
  clientName: string;
}

export class SlowLog {
  /** Infinity: nothing is slow. */
  thresholdMicros = 10_000;
  lengthMax = 128;
  /** Latest first. */
  readonly entries: SlowCommand[] = [];
  private nextId = 0;

  note(call: Call, micros: number): void {
    const args: string[] = [];
    for (let i = 0; i < call.argc && i < ARGUMENTS_MAX; i++) {
      if (i === ARGUMENTS_MAX - 1 && call.argc > ARGUMENTS_MAX) {
        args.push(`... (${call.argc - ARGUMENTS_MAX + 1} more arguments)`);
        break;
      }
      const text = call.args[i].latin1();
      const excess = text.length - ARGUMENT_BYTES_MAX;
      args.push(excess > 0 ? `${text.slice(0, ARGUMENT_BYTES_MAX)}... (${excess} more bytes)` : text);
    }
    const { client } = call;
    this.entries.unshift({
      id: this.nextId++,
      atSeconds: Math.floor(call.engine.now / 1000),
      micros: Math.round(micros),
      args: call.command.name === 'auth' ? ['auth', '(redacted)'] : args,
      address: client.address,
      clientName: client.name,
    });
    if (this.entries.length > this.lengthMax) this.entries.length = this.lengthMax;
  }

  reset(): void {
    this.entries.length = 0;
  }
}
