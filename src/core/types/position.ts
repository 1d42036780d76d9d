/**
 * Positions: the names of list elements. Their order as bytes (unsigned, a prefix first) is the order of the list, and no
 * two elements ever bear the same one, whoever writes them where:
 *
 *   position = end dot, (fraction, dot)*
 *   dot      = stamp (7 bytes), replica id (8 bytes), count (1 to 5 bytes)
 *   fraction = digits of 31 bits, each with a lowest bit beside it that tells whether another one follows
 *
 * The first dot is that of the push: at the tail as it is, at the head all turned round, so that the latest comes first.
 * A stamp is later than all that its author has seen, so a push stands beyond both ends as he sees them; pushes that are
 * concurrent stand in the order of time, and what one command has pushed stays together. The count tells apart what one
 * txn pushes.
 *
 * LINSERT puts an element beside another one: the position goes on behind that one's, with a fraction between those of
 * its neighbours there, and the dot of the insert, which tells apart concurrent inserts that take the same fraction. Each
 * dot has room for a tree on both of its sides: the counts of elements are odd, and what stands before one goes on behind
 * the even count beside it. So an insert belongs to the push beside which it was made, whatever else is pushed meanwhile.
 */
import { MalformedError } from '../bytes.ts';
import { STAMP_MAX } from '../clock.ts';
import type { Stamp } from '../contract.ts';
import type { Slice } from '../slice.ts';

const STAMP_BYTES = 7;
const REPLICA_BYTES = 8;
/** The highest bit of a dot: it counts upward. */
const TAIL_BIT = 0x80;
const HIGHEST = Number.MAX_SAFE_INTEGER;
const WORD = 2 ** 32;
/** Counts below take one byte; of the others the first byte tells how many follow. */
const SHORT_COUNTS = 240;
/** Of the elements that one txn adds: twice this, and one, fits 32 bits. */
export const COUNT_MAX = 2 ** 31 - 2;
const DIGITS = 2 ** 31;
/**
 * How far from its neighbour an insert stands. What is inserted next usually goes to the far side of what was inserted
 * last: a million times before another digit is needed. Where it goes to the near side there is room for ten.
 */
const STEP = 1024;

export type ListEnd = 'head' | 'tail';

/** The bytes of a position under construction; grows as is needed, and is used again. */
export class PositionWriter {
  bytes = Buffer.alloc(64);
  length = 0;

  reset(): this {
    this.length = 0;
    return this;
  }

  into(out: Slice): Slice {
    return out.set(this.bytes, 0, this.length);
  }

  raw(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.bytes.set(bytes.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** The dot of the count-th element that a txn adds. `id`: the replica's, as bytes. */
  dot(end: ListEnd, stamp: Stamp, id: Uint8Array, count: number): void {
    this.reserve(STAMP_BYTES + REPLICA_BYTES + 5);
    const { bytes } = this;
    const time = end === 'tail' ? stamp : HIGHEST - stamp;
    const high = Math.floor(time / WORD);
    bytes[this.length++] = (high >>> 16) | (end === 'tail' ? TAIL_BIT : 0);
    bytes[this.length++] = high >>> 8;
    bytes[this.length++] = high;
    bytes.writeUInt32BE(time >>> 0, this.length);
    this.length += 4;
    const flip = end === 'tail' ? 0 : 0xff;
    for (let i = 0; i < REPLICA_BYTES; i++) bytes[this.length++] = id[i] ^ flip;
    this.count(2 * count + 1, end);
  }

  /** In the order of its bytes, or against it. */
  count(value: number, end: ListEnd): void {
    this.reserve(5);
    const { bytes } = this;
    const flip = end === 'tail' ? 0 : 0xff;
    if (value < SHORT_COUNTS) {
      bytes[this.length++] = value ^ flip;
      return;
    }
    const width = value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 24 ? 3 : 4;
    bytes[this.length++] = (SHORT_COUNTS + width - 1) ^ flip;
    for (let shift = 8 * (width - 1); shift >= 0; shift -= 8) bytes[this.length++] = (value >>> shift) ^ flip;
  }

  fraction(digits: readonly number[]): void {
    this.reserve(4 * digits.length);
    digits.forEach((digit, i) => {
      const more = i < digits.length - 1 ? 1 : 0;
      this.bytes.writeUInt32BE(digit * 2 + more, this.length);
      this.length += 4;
    });
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.alloc(Math.max(2 * this.bytes.length, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/**
 * If a name is just what a push of that dot makes, where it is pushed and the how-manieth it is: all that tells it from the
 * dot. Null: it is another one. `id`: the replica's, as bytes.
 */
export function pushedPlace(name: Slice, stamp: Stamp, id: Uint8Array): { end: ListEnd; count: number } | null {
  const { bytes, start, end } = name;
  if (end - start !== STAMP_BYTES + REPLICA_BYTES + 1) return null;
  const side: ListEnd = (bytes[start] & TAIL_BIT) !== 0 ? 'tail' : 'head';
  const doubled = bytes[end - 1] ^ (side === 'tail' ? 0 : 0xff);
  if (doubled >= SHORT_COUNTS || doubled % 2 === 0) return null;
  const count = (doubled - 1) / 2;
  pushed.reset().dot(side, stamp, id, count);
  for (let i = 0; i < pushed.length; i++) if (pushed.bytes[i] !== bytes[start + i]) return null;
  return { end: side, count };
}

/** One dot of a position, and the fraction before it (none before the first). Offsets into its bytes. */
interface Level {
  readonly digits: readonly number[];
  readonly start: number;
  readonly dot: number;
  readonly countAt: number;
  readonly end: number;
  readonly kind: ListEnd;
  readonly stamp: Stamp;
  readonly count: number;
}

interface Path {
  readonly bytes: Buffer;
  readonly levels: readonly Level[];
}

const pushed = new PositionWriter();

/** Throws MalformedError if these bytes are no position, or name a stamp after `latest`. */
export function requirePosition(bytes: Buffer, start: number, end: number, latest: Stamp): void {
  const { levels } = parse(bytes.subarray(start, end));
  if (levels.some(({ stamp }) => stamp > latest)) throw new MalformedError('a position from after what wrote it');
}

function parse(bytes: Buffer): Path {
  const levels: Level[] = [];
  let at = 0;
  do {
    const level = parseLevel(bytes, at, levels.length === 0);
    levels.push(level);
    at = level.end;
  } while (at < bytes.length);
  if (levels[levels.length - 1].count % 2 === 0) throw new MalformedError('a position that is no element');
  return { bytes, levels };
}

function parseLevel(bytes: Buffer, start: number, isFirst: boolean): Level {
  const digits: number[] = [];
  let at = start;
  for (let more = !isFirst; more; at += 4) {
    if (at + 4 > bytes.length) throw new MalformedError('a position that is cut short');
    const word = bytes.readUInt32BE(at);
    digits.push(word >>> 1);
    more = (word & 1) !== 0;
  }
  // nothing could be put before it
  if (!isFirst && digits[digits.length - 1] === 0) throw new MalformedError('a position with an empty fraction');
  const dot = at;
  const countAt = dot + STAMP_BYTES + REPLICA_BYTES;
  if (countAt >= bytes.length) throw new MalformedError('a position that is cut short');
  const kind = (bytes[dot] & TAIL_BIT) !== 0 ? 'tail' : 'head';
  const high = ((bytes[dot] & ~TAIL_BIT) << 16) | (bytes[dot + 1] << 8) | bytes[dot + 2];
  const time = high * WORD + bytes.readUInt32BE(dot + 3);
  const stamp = kind === 'tail' ? time : HIGHEST - time;
  if (!isFirst && kind === 'head') throw new MalformedError('a position with an end within');
  if (!(stamp > 0 && stamp <= STAMP_MAX)) throw new MalformedError(`a position with stamp ${stamp}`);
  const { count, end } = parseCount(bytes, countAt, kind);
  return { digits, start, dot, countAt, end, kind, stamp, count };
}

function parseCount(bytes: Buffer, at: number, kind: ListEnd): { count: number; end: number } {
  const flip = kind === 'tail' ? 0 : 0xff;
  const first = bytes[at] ^ flip;
  if (first < SHORT_COUNTS) return { count: first, end: at + 1 };
  const width = first - SHORT_COUNTS + 1;
  const end = at + 1 + width;
  if (width > 4 || end > bytes.length) throw new MalformedError('a position that is cut short');
  let count = 0;
  for (let i = at + 1; i < end; i++) count = count * 256 + (bytes[i] ^ flip);
  // one spelling for each number
  if (count < Math.max(SHORT_COUNTS, width === 1 ? 0 : 256 ** (width - 1)))
    throw new MalformedError('a position with a count that is spelled too long');
  // beside the last one there must be a place for what comes before it
  if (count > 2 * COUNT_MAX + 2) throw new MalformedError(`a position with count ${count}`);
  return { count, end };
}

/** Where an insert goes: the bytes before its fraction, the fractions that it must stand between, and where best. */
interface Gap {
  readonly low: readonly number[] | null;
  readonly high: readonly number[] | null;
  readonly near: 'low' | 'high' | 'middle';
}

/**
 * Writes all but the dot of a position beside an element: between the neighbours `before` and `after` (null: none), of
 * which the one that `isAfter` tells is the element meant. Throws MalformedError if one of them is no position.
 */
export function writeBetween(
  writer: PositionWriter,
  before: Buffer | null,
  after: Buffer | null,
  isAfter: boolean,
): void {
  const gap = gapBetween(
    writer.reset(),
    before === null ? null : parse(before),
    after === null ? null : parse(after),
    isAfter,
  );
  writer.fraction(digitsIn(gap));
}

function gapBetween(writer: PositionWriter, before: Path | null, after: Path | null, isAfter: boolean): Gap {
  if (before === null || after === null) {
    if (before !== null) return behind(writer, before, 0);
    if (after !== null) return ahead(writer, after, 0);
    throw new Error('an insert beside nothing');
  }
  let level = 0;
  while (level < before.levels.length && sameLevel(before, after, level)) level++;
  const high = after.levels[level];
  if (high === undefined) throw new MalformedError('positions out of order');
  if (level === before.levels.length) {
    writer.raw(before.bytes, 0, before.bytes.length);
    return { low: null, high: high.digits, near: 'high' };
  }
  const low = before.levels[level];
  const order = compareDigits(low.digits, high.digits);
  if (order > 0) throw new MalformedError('positions out of order');
  if (order < 0) {
    writer.raw(before.bytes, 0, low.start);
    const lastOf = ({ levels }: Path) => levels[levels.length - 1].stamp;
    return { low: low.digits, high: high.digits, near: lastOf(before) > lastOf(after) ? 'low' : 'high' };
  }
  // what stands ahead of an element has that element behind it
  return isAfter || isAheadOf(before, low, after, high) ? behind(writer, before, level) : ahead(writer, after, level);
}

/** Behind `before`, and behind nothing else that differs from it on that level. */
function behind(writer: PositionWriter, before: Path, level: number): Gap {
  const next = before.levels[level + 1];
  writer.raw(before.bytes, 0, before.levels[level].end);
  return next === undefined ? { low: null, high: null, near: 'middle' } : { low: next.digits, high: null, near: 'low' };
}

function ahead(writer: PositionWriter, after: Path, level: number): Gap {
  const { end, countAt, count, kind } = after.levels[level];
  const next = after.levels[level + 1];
  if (next !== undefined) {
    writer.raw(after.bytes, 0, end);
    return { low: null, high: next.digits, near: 'high' };
  }
  writer.raw(after.bytes, 0, countAt);
  writer.count(kind === 'tail' ? count - 1 : count + 1, kind);
  return { low: null, high: null, near: 'middle' };
}

function sameLevel(one: Path, other: Path, level: number): boolean {
  const { start, end } = one.levels[level];
  const others = other.levels[level];
  if (others === undefined || others.end - others.start !== end - start) return false;
  return one.bytes.compare(other.bytes, others.start, others.end, start, end) === 0;
}

/** True if `low` is the side of the same dot on which stands what comes before it. */
function isAheadOf(before: Path, low: Level, after: Path, high: Level): boolean {
  if (low.kind !== high.kind || low.count !== (high.kind === 'tail' ? high.count - 1 : high.count + 1)) return false;
  return high.count % 2 === 1 && before.bytes.compare(after.bytes, high.dot, high.countAt, low.dot, low.countAt) === 0;
}

function compareDigits(one: readonly number[], other: readonly number[]): number {
  for (let i = 0; i < one.length && i < other.length; i++) if (one[i] !== other[i]) return one[i] - other[i];
  return one.length - other.length;
}

/** A fraction between two others; the last digit of each is more than 0. */
function digitsIn({ low, high, near }: Gap): number[] {
  const digits: number[] = [];
  let isBounded = high !== null;
  for (let i = 0; ; i++) {
    const from = low?.[i] ?? 0;
    const to = (isBounded ? high?.[i] : undefined) ?? DIGITS;
    if (to - from >= 2) {
      const half = Math.floor((to - from) / 2);
      const step = Math.min(STEP, half);
      digits.push(near === 'middle' ? from + half : near === 'low' ? from + step : to - step);
      return digits;
    }
    digits.push(from);
    if (to > from) isBounded = false;
  }
}
