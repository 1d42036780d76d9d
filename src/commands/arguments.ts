/**
 * Reading arguments: numbers, options, expire times, with the checks and the wording of Redis. A function that
 * answers `undefined` has written the error already, unless it says otherwise.
 */
import { Decimal } from '../core/decimal.ts';
import { INT64_MAX, parseInteger } from '../core/integer.ts';
import type { Integer } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';
import { Errors, invalidExpire } from './reply.ts';
import type { Call } from './table.ts';

/** A 64-bit integer; writes `error` if it is none. */
export function integerArgument(call: Call, index: number, error: string = Errors.notInteger): Integer | undefined {
  const slice = call.args[index];
  const value = parseInteger(slice.bytes, slice.start, slice.end);
  if (value === undefined) call.reply.error(error);
  return value;
}

/** The same as a JS number; beyond 2^53 it loses digits, which no index or count minds. */
export function numberArgument(call: Call, index: number, error: string = Errors.notInteger): number | undefined {
  const value = integerArgument(call, index, error);
  return value === undefined ? undefined : Number(value);
}

/** A number within bounds; both kinds of failure answer `error`. */
export function rangedArgument(call: Call, index: number, min: number, max: number, error: string): number | undefined {
  const slice = call.args[index];
  const value = parseInteger(slice.bytes, slice.start, slice.end);
  if (value === undefined || value < min || value > max) {
    call.reply.error(error);
    return undefined;
  }
  return Number(value);
}

/** For INCRBYFLOAT and HINCRBYFLOAT: an exact decimal; infinities are refused as Redis refuses their sum. */
export function decimalArgument(call: Call, index: number): Decimal | undefined {
  const text = call.args[index].latin1();
  const value = Decimal.parse(text);
  if (value === undefined) call.reply.error(/^[+-]?inf(inity)?$/i.test(text) ? Errors.notFinite : Errors.notFloat);
  return value;
}

/** A double as Redis's getDoubleFromObject takes it; undefined without an answer if it is none. */
export function parseDouble(slice: Slice): number | undefined {
  const text = slice.latin1();
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined;
  return Number(text);
}

export type ExpireUnit = 'ex' | 'px' | 'exat' | 'pxat';

/** The deadline in UNIX ms that an expire option's argument names. `command` is for the error. */
export function deadlineArgument(call: Call, index: number, unit: ExpireUnit, command: string): number | undefined {
  const value = integerArgument(call, index);
  if (value === undefined) return undefined;
  const deadline = value <= 0 ? undefined : toDeadline(value, unit, call.engine.now);
  if (deadline === undefined) call.reply.error(invalidExpire(command));
  return deadline;
}

/** UNIX ms, or undefined where Redis's 64-bit arithmetic would overflow. */
export function toDeadline(value: Integer, unit: ExpireUnit, now: number): number | undefined {
  const relative = unit === 'ex' || unit === 'px';
  const scale = unit === 'ex' || unit === 'exat' ? 1000n : 1n;
  const milliseconds = BigInt(value) * scale;
  if (milliseconds > INT64_MAX || milliseconds < -INT64_MAX) return undefined;
  if (!relative) return Number(milliseconds);
  if (milliseconds > INT64_MAX - BigInt(now)) return undefined;
  return Number(milliseconds) + now;
}

/** The unit that an option word names, or undefined. */
export function expireUnit(word: Slice): ExpireUnit | undefined {
  if (word.isWord('ex')) return 'ex';
  if (word.isWord('px')) return 'px';
  if (word.isWord('exat')) return 'exat';
  if (word.isWord('pxat')) return 'pxat';
  return undefined;
}
