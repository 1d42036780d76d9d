/**
 * Which register an element belongs to, and what it puts there: by the 64-bit MurmurHash2 (MurmurHash64A) that Redis uses,
 * so that values of both can be merged. In pairs of 32-bit halves: big integers are thirty times slower.
 */
import type { Slice } from '../../core/slice.ts';

export const REGISTER_BITS = 14;
export const REGISTERS = 1 << REGISTER_BITS;
/** The bits of the hash that are counted in: a register holds up to one more. */
export const COUNTED_BITS = 64 - REGISTER_BITS;

const SEED = 0xadc83b19;
const MULTIPLIER_HIGH = 0xc6a4a793;
const MULTIPLIER_LOW = 0x5bd1e995;
const MULTIPLIER_LOW_HIGH = MULTIPLIER_LOW >>> 16;
const MULTIPLIER_LOW_LOW = MULTIPLIER_LOW & 0xffff;

/** The product of multiply(). */
let high = 0;
let low = 0;

/** Places of the last element that was hashed. */
export const place = { index: 0, count: 0 };

/** Fills `place` for an element. */
export function hashElement({ bytes, start, end }: Slice): typeof place {
  hash(bytes, start, end);
  place.index = low & (REGISTERS - 1);
  const restLow = (low >>> REGISTER_BITS) | (high << (32 - REGISTER_BITS));
  // a bit beyond the last ends the count
  const restHigh = (high >>> REGISTER_BITS) | (1 << (COUNTED_BITS - 32));
  place.count = (restLow !== 0 ? trailingZeros(restLow) : 32 + trailingZeros(restHigh)) + 1;
  return place;
}

function hash(bytes: Buffer, start: number, end: number): void {
  const length = end - start;
  multiply(0, length);
  let hashHigh = high;
  let hashLow = (low ^ SEED) >>> 0;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    multiply(bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at));
    multiply(high, (low ^ (high >>> 15)) >>> 0);
    multiply((hashHigh ^ high) >>> 0, (hashLow ^ low) >>> 0);
    hashHigh = high;
    hashLow = low;
  }
  const rest = end - at;
  if (rest > 0) {
    for (let i = 0; i < rest && i < 4; i++) hashLow ^= bytes[at + i] << (8 * i);
    for (let i = 4; i < rest; i++) hashHigh ^= bytes[at + i] << (8 * (i - 4));
    multiply(hashHigh >>> 0, hashLow >>> 0);
    hashHigh = high;
    hashLow = low;
  }
  multiply(hashHigh, (hashLow ^ (hashHigh >>> 15)) >>> 0);
  low = (low ^ (high >>> 15)) >>> 0;
}

/** By the multiplier of the hash, modulo 2^64. Both halves are not negative, and so are those of the product. */
function multiply(factorHigh: number, factorLow: number): void {
  const a = factorLow & 0xffff;
  const b = factorLow >>> 16;
  const middle = a * MULTIPLIER_LOW_HIGH + b * MULTIPLIER_LOW_LOW + Math.floor((a * MULTIPLIER_LOW_LOW) / 65536);
  const carried = b * MULTIPLIER_LOW_HIGH + Math.floor(middle / 65536);
  high = (carried + Math.imul(factorLow, MULTIPLIER_HIGH) + Math.imul(factorHigh, MULTIPLIER_LOW)) >>> 0;
  low = Math.imul(factorLow, MULTIPLIER_LOW) >>> 0;
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
