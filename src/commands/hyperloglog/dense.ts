/** The dense form of a sketch: 16,384 registers of 6 bits, one after the other from the lowest bit of the first byte on. */
import { REGISTERS } from './hash.ts';

const REGISTER_WIDTH = 6;
const REGISTER_MAX = (1 << REGISTER_WIDTH) - 1;
export const DENSE_BYTES = (REGISTERS * REGISTER_WIDTH) / 8;

/** `from`: where the registers begin in `bytes`. */
export function denseRegister(bytes: Buffer, from: number, index: number): number {
  const bit = index * REGISTER_WIDTH;
  const at = from + (bit >> 3);
  const shift = bit & 7;
  // the last register ends with its byte
  const next = shift > 8 - REGISTER_WIDTH ? bytes[at + 1] : 0;
  return ((bytes[at] >> shift) | (next << (8 - shift))) & REGISTER_MAX;
}

/** Raises a register; false if it holds as much already. */
export function raiseDense(bytes: Buffer, from: number, index: number, count: number): boolean {
  if (denseRegister(bytes, from, index) >= count) return false;
  const bit = index * REGISTER_WIDTH;
  const at = from + (bit >> 3);
  const shift = bit & 7;
  bytes[at] = (bytes[at] & ~(REGISTER_MAX << shift)) | (count << shift);
  if (shift <= 8 - REGISTER_WIDTH) return true;
  bytes[at + 1] = (bytes[at + 1] & ~(REGISTER_MAX >> (8 - shift))) | (count >> (8 - shift));
  return true;
}
