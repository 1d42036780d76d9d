/**
 * The options of SET and GETEX, which are one grammar in Redis: conditions, what becomes of the time to live, and
 * whether the old value is wanted. Parsed into one record that is used again, as SET … EX is a hot path.
 */
import { type ExpireUnit, expireUnit } from './arguments.ts';
import { Errors } from './reply.ts';
import type { Call } from './table.ts';

export class StringOptions {
  condition: 'none' | 'nx' | 'xx' = 'none';
  get = false;
  keepDeadline = false;
  persist = false;
  /** Null: no expire time is given. */
  unit: ExpireUnit | null = null;
  /** Where its argument stands. Its value is not looked at here: Redis complains about syntax first. */
  timeAt = 0;

  /** Reads args[from..]; false after a syntax error. As in Redis an option may be repeated, and the last one counts. */
  parse(call: Call, from: number, command: 'set' | 'getex'): boolean {
    this.condition = 'none';
    this.get = false;
    this.keepDeadline = false;
    this.persist = false;
    this.unit = null;
    const { args, argc } = call;
    for (let i = from; i < argc; i++) {
      const unit = i + 1 < argc ? expireUnit(args[i]) : undefined;
      if (unit !== undefined && (this.unit ?? unit) === unit && !this.keepDeadline && !this.persist) {
        this.unit = unit;
        this.timeAt = ++i;
      } else if (!(command === 'set' ? this.takeOfSet(call, i) : this.takeOfGetEx(call, i))) {
        call.reply.error(Errors.syntax);
        return false;
      }
    }
    return true;
  }

  private takeOfSet({ args }: Call, at: number): boolean {
    const word = args[at];
    if (word.isWord('nx') && this.condition !== 'xx') this.condition = 'nx';
    else if (word.isWord('xx') && this.condition !== 'nx') this.condition = 'xx';
    else if (word.isWord('get')) this.get = true;
    else if (word.isWord('keepttl') && this.unit === null) this.keepDeadline = true;
    else return false;
    return true;
  }

  private takeOfGetEx({ args }: Call, at: number): boolean {
    if (!args[at].isWord('persist') || this.unit !== null) return false;
    this.persist = true;
    return true;
  }
}
