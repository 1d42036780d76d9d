/**
 * 64-bit integers as Redis understands them, parsed from and written to bytes. A safe integer stays a JS number;
 * only what is outside ±(2^53−1) becomes a bigint.
 */
import type { Integer } from './contract.ts';
import type { Slice } from './slice.ts';

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;

const digits = Buffer.alloc(24);

/** Redis's string2ll: optional '-', no leading zeros, no blanks, within 64 bits. Undefined if it is not one. */
export function parseInteger(bytes: Uint8Array, start: number, end: number): Integer | undefined {
  let length = end - start;
  if (length === 0 || length > 20) return undefined;
  let at = start;
  const negative = bytes[at] === 45;
  if (negative) {
    at++;
    length--;
    if (length === 0) return undefined;
  }
  const lead = bytes[at];
  if (lead === 48) return length === 1 && !negative ? 0 : undefined;
  if (lead < 49 || lead > 57) return undefined;
  if (length <= 15) {
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at] - 48;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }
  let digits = negative ? '-' : '';
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte < 48 || byte > 57) return undefined;
    digits += String.fromCharCode(byte);
  }
  const big = BigInt(digits);
  return big > INT64_MAX || big < INT64_MIN ? undefined : narrow(big);
}

/** The number form where it is safe. */
export function narrow(value: bigint): Integer {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** a + b, or undefined past 64 bits. */
export function addIntegers(a: Integer, b: Integer): Integer | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  return sum > INT64_MAX || sum < INT64_MIN ? undefined : narrow(sum);
}

export function formatInteger(value: Integer): string {
  return value.toString();
}

/** Spells a safe whole number into `out`, good until the next call. */
export function fillDigits(out: Slice, value: number): Slice {
  let at = digits.length;
  let rest = value < 0 ? -value : value;
  do {
    const quotient = Math.floor(rest / 10);
    digits[--at] = 48 + (rest - quotient * 10);
    rest = quotient;
  } while (rest > 0);
  if (value < 0) digits[--at] = 45;
  return out.set(digits, at, digits.length);
}
