/**
 * What counters add up: whole numbers (a bigint past 2^53) and exact decimals. Sums are exact, so they do not
 * depend on the order in which replicas learn of the parts. A sum with a decimal part is a decimal, with a fraction
 * or without: it is what INCRBYFLOAT made, and not held to 64 bits.
 */
import type { ByteReader, ByteWriter } from './bytes.ts';
import { MalformedError } from './bytes.ts';
import type { Integer } from './contract.ts';
import { Decimal } from './decimal.ts';
import { INT64_MAX, INT64_MIN, narrow, parseInteger } from './integer.ts';

export type Amount = Integer | Decimal;

export function plus(a: Amount, b: Amount): Amount {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  if (a instanceof Decimal || b instanceof Decimal) return asDecimal(a).plus(asDecimal(b));
  return narrow(BigInt(a) + BigInt(b));
}

export function minus(a: Amount, b: Amount): Amount {
  if (b instanceof Decimal) return plus(a, b.negated());
  return plus(a, typeof b === 'number' ? -b : -b);
}

export function asDecimal(amount: Amount): Decimal {
  return amount instanceof Decimal ? amount : Decimal.fromInteger(amount);
}

/** The number that bytes spell, or undefined. */
export function parseAmount(bytes: Uint8Array, start: number, end: number): Amount | undefined {
  const whole = parseInteger(bytes, start, end);
  if (whole !== undefined) return whole;
  return Decimal.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
}

/** As a client sees it: a sum of concurrent increments past 64 bits shows the nearest 64-bit number. */
export function showAmount(amount: Amount): string {
  if (typeof amount === 'bigint') {
    if (amount > INT64_MAX) return INT64_MAX.toString();
    if (amount < INT64_MIN) return INT64_MIN.toString();
  }
  return amount.toString();
}

/** All digits. */
export function exactAmount(amount: Amount): string {
  return amount instanceof Decimal ? amount.exact() : amount.toString();
}

/** What is sent, stored and digested: all digits, and a point in every decimal, so that it is read as one. */
function spell(amount: Amount): string {
  const digits = exactAmount(amount);
  return amount instanceof Decimal && amount.isInteger() ? `${digits}.` : digits;
}

/** Even first varint: a safe non-negative number ×4; +2: negative; odd: text of that length. */
export function writeAmount(writer: ByteWriter, amount: Amount): void {
  if (typeof amount === 'number' && Math.abs(amount) < 2 ** 50) {
    writer.varint(amount < 0 ? -amount * 4 + 2 : amount * 4);
    return;
  }
  const text = Buffer.from(spell(amount), 'latin1');
  writer.varint(text.length * 2 + 1);
  writer.raw(text, 0, text.length);
}

export function readAmount(reader: ByteReader): Amount {
  const head = reader.varint();
  if (head % 2 === 0) {
    const size = Math.floor(head / 4);
    return head % 4 === 2 ? -size : size;
  }
  const length = (head - 1) / 2;
  const start = reader.at;
  if (length > reader.end - start) throw new MalformedError(`amount of ${length} bytes exceeds the rest`);
  reader.at = start + length;
  const text = reader.bytes.toString('latin1', start, reader.at);
  if (/^-?\d+$/.test(text)) return narrow(BigInt(text));
  const decimal = Decimal.fromExact(text);
  if (decimal === undefined) throw new MalformedError(`amount ${JSON.stringify(text)} is not a number`);
  return decimal;
}
