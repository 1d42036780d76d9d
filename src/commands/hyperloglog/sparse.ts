/**
 * The sparse form of a sketch: its registers as runs. A byte 00nnnnnn is a run of up to 64 zeros; two bytes 01nnnnnn
 * nnnnnnnn are one of up to 16,384; a byte 1vvvvvnn is a value up to 32, up to 4 times. It is changed in place, step by step
 * as Redis does it, so that the same elements give the same bytes.
 */
import { REGISTERS } from './hash.ts';

const ZEROS_MAX = 64;
const VALUE_MAX = 32;
const VALUES_MAX = 4;
/** Runs looked at after a change for two that can be one. */
const JOINED_RUNS = 5;
/** A run may become three, of which two take two bytes. */
export const GROWTH_BYTES_MAX = 3;

export const EMPTY_SPARSE: readonly number[] = zeros(REGISTERS);

export interface Run {
  /** 0 for zeros. */
  value: number;
  length: number;
  bytes: number;
}

/** Reads the run at `at` into `run`; `next`: the byte behind, 0 if there is none. */
export function readRun(run: Run, byte: number, next: number): Run {
  if ((byte & 0x80) !== 0) {
    run.value = ((byte >> 2) & 31) + 1;
    run.length = (byte & 3) + 1;
    run.bytes = 1;
  } else {
    run.value = 0;
    run.bytes = (byte & 0x40) !== 0 ? 2 : 1;
    run.length = ((byte & 0x40) !== 0 ? ((byte & 63) << 8) | next : byte) + 1;
  }
  return run;
}

/** Visits the runs between two places with their first register; false if they are not those of a whole sketch. */
export function forEachRun(
  bytes: Buffer,
  from: number,
  end: number,
  visit: (first: number, length: number, value: number) => void,
): boolean {
  const run = { value: 0, length: 0, bytes: 0 };
  let first = 0;
  for (let at = from; at < end; at += run.bytes) {
    readRun(run, bytes[at], at + 1 < end ? bytes[at + 1] : 0);
    if (first + run.length > REGISTERS) return false;
    visit(first, run.length, run.value);
    first += run.length;
  }
  return first === REGISTERS;
}

/** What came of raiseSparse(). */
export type Raised =
  | 'unchanged'
  | 'corrupt'
  /** It does not fit: the sketch must become dense first. */
  | 'too large'
  /** Where the runs end now. */
  | number;

/**
 * Raises a register among the runs in `bytes` from `from` to `end`, behind which there is room for GROWTH_BYTES_MAX.
 * `bytesMax`: of the whole value, header and all.
 */
export function raiseSparse(
  bytes: Buffer,
  from: number,
  end: number,
  index: number,
  count: number,
  bytesMax: number,
): Raised {
  if (count > VALUE_MAX) return 'too large';
  const run = { value: 0, length: 0, bytes: 0 };
  let first = 0;
  let at = from;
  let previous = from;
  for (; at < end; at += run.bytes) {
    readRun(run, bytes[at], at + 1 < end ? bytes[at + 1] : 0);
    if (index < first + run.length) break;
    previous = at;
    first += run.length;
  }
  if (at >= end) return 'corrupt';
  if (run.value >= count) return 'unchanged';
  const split = run.bytes === 1 && run.length === 1 ? [value(count, 1)] : splitRun(run, first, index, count);
  const growth = split.length - run.bytes;
  if (growth > 0 && end + growth > bytesMax) return 'too large';
  bytes.copyWithin(at + split.length, at + run.bytes, end);
  bytes.set(split, at);
  return joinValues(bytes, previous, end + growth);
}

/** A run with one of its registers raised. */
function splitRun({ value: before, length }: Run, first: number, index: number, count: number): number[] {
  const rest = (registers: number) =>
    registers === 0 ? [] : before === 0 ? zeros(registers) : [value(before, registers)];
  return [...rest(index - first), value(count, 1), ...rest(first + length - 1 - index)];
}

/** Joins values that have come to stand beside their like. The new end. */
function joinValues(bytes: Buffer, from: number, end: number): number {
  let at = from;
  for (let left = JOINED_RUNS; left > 0 && at < end; left--) {
    const byte = bytes[at];
    if ((byte & 0x80) === 0) {
      at += (byte & 0x40) !== 0 ? 2 : 1;
      continue;
    }
    const next = at + 1 < end ? bytes[at + 1] : 0;
    const length = (byte & 3) + (next & 3) + 2;
    if ((next & 0xfc) === (byte & 0xfc) && length <= VALUES_MAX) {
      bytes.copyWithin(at, at + 1, end);
      bytes[at] = (byte & 0xfc) | (length - 1);
      end--;
    } else at++;
  }
  return end;
}

function zeros(length: number): number[] {
  if (length <= ZEROS_MAX) return [length - 1];
  return [0x40 | ((length - 1) >> 8), (length - 1) & 0xff];
}

function value(count: number, length: number): number {
  return 0x80 | ((count - 1) << 2) | (length - 1);
}
