/**
 * Reading arguments: numbers and expire times, with the checks and the wording of Redis. A function that answers
 * `undefined` has written the error already, unless it says otherwise. What commands call per request (integers,
 * deadlines) allocates nothing while numbers are below 2^53.
 */
import type { Integer } from '../core/contract.ts';
import { Decimal, isInfinity } from '../core/decimal.ts';
import { INT64_MAX, INT64_MIN, parseInteger } from '../core/integer.ts';
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

/** For INCRBYFLOAT and HINCRBYFLOAT: an exact decimal. An infinity is a number to Redis, and answers `infiniteError`. */
export function decimalArgument(
  call: Call,
  index: number,
  infiniteError: string = Errors.notFinite,
): Decimal | undefined {
  const text = call.args[index].latin1();
  const value = Decimal.parse(text);
  if (value === undefined) call.reply.error(isInfinity(text) ? infiniteError : Errors.notFloat);
  return value;
}

/** A double as Redis's getDoubleFromObject takes it, infinities included; undefined without an answer if it is none. */
export function parseDouble(slice: Slice): number | undefined {
  const whole = parseInteger(slice.bytes, slice.start, slice.end);
  if (whole !== undefined) return Number(whole);
  const text = slice.latin1();
  if (isInfinity(text)) return infinityOf(text);
  if (/^[+-]?0x/i.test(text)) return doubleOf(Decimal.parse(text));
  const match = /^[+-]?(\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.exec(text);
  if (match === null) return undefined;
  const value = Number(text);
  // what is out of a double's range is refused, on both ends
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(match[1]))) return undefined;
  return value;
}

/** Undefined out of a double's range, on both ends. */
function doubleOf(decimal: Decimal | undefined): number | undefined {
  const value = decimal === undefined ? Number.NaN : Number(decimal.exact());
  return Number.isFinite(value) && (value !== 0 || decimal?.mantissa === 0n) ? value : undefined;
}

/** A double argument; writes `error` if it is none. */
export function doubleArgument(call: Call, index: number, error: string = Errors.notFloat): number | undefined {
  const value = parseDouble(call.args[index]);
  if (value === undefined) call.reply.error(error);
  return value;
}

/** A timeout in seconds, fractions included, as milliseconds; Infinity for 0, which is none. */
export function timeoutSecondsArgument(call: Call, index: number): number | undefined {
  const text = call.args[index].latin1();
  const seconds = Decimal.parse(text);
  const milliseconds =
    seconds !== undefined
      ? Math.ceil(Number(seconds.exact()) * 1000)
      : isInfinity(text)
        ? infinityOf(text)
        : Number.NaN;
  const error = refusedTimeout(milliseconds, call.engine.now);
  if (error === null) return milliseconds === 0 ? Number.POSITIVE_INFINITY : milliseconds;
  call.reply.error(error);
  return undefined;
}

function infinityOf(text: string): number {
  return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function refusedTimeout(milliseconds: number, now: number): string | null {
  if (Number.isNaN(milliseconds)) return 'ERR timeout is not a float or out of range';
  if (milliseconds < 0) return 'ERR timeout is negative';
  return milliseconds > Number(INT64_MAX) - now ? 'ERR timeout is out of range' : null;
}

export type ExpireUnit = 'ex' | 'px' | 'exat' | 'pxat';

/** The unit that an option word names, or undefined. */
export function expireUnit(word: Slice): ExpireUnit | undefined {
  if (word.isWord('ex')) return 'ex';
  if (word.isWord('px')) return 'px';
  if (word.isWord('exat')) return 'exat';
  if (word.isWord('pxat')) return 'pxat';
  return undefined;
}

/** The deadline in UNIX ms that an expire option's argument names; one that is not positive is an error. */
export function deadlineArgument(call: Call, index: number, unit: ExpireUnit): number | undefined {
  const value = integerArgument(call, index);
  if (value === undefined) return undefined;
  const deadline = value <= 0 ? undefined : toDeadline(value, unit, call.engine.now);
  if (deadline === undefined) call.reply.error(invalidExpire(call.command.name));
  return deadline;
}

/** Below this no unit can overflow: no big integers are needed to find out. */
const UNCHECKED_MAX = 2 ** 42;

/** UNIX ms, or undefined where Redis's 64-bit arithmetic would overflow. */
export function toDeadline(value: Integer, unit: ExpireUnit, now: number): number | undefined {
  const base = unit === 'ex' || unit === 'px' ? now : 0;
  const scale = unit === 'ex' || unit === 'exat' ? 1000 : 1;
  if (value > -UNCHECKED_MAX && value < UNCHECKED_MAX) return Number(value) * scale + base;
  const milliseconds = BigInt(value) * BigInt(scale);
  if (milliseconds > INT64_MAX - BigInt(base) || milliseconds < INT64_MIN) return undefined;
  return Number(milliseconds) + base;
}
