/**
 * Ids of stream entries: milliseconds and a number among those of one millisecond, each of 64 bits without a sign. Both
 * are kept as Integer is: a number where that is exact, else a bigint, so that equal ones are `===`. As bytes, highest
 * first, ids are in their order.
 *
 * And the generator of ids. No two nodes may make the same one, and none may wait for another: the last six digits of
 * what is generated are a tag that follows from the id of the replica. Should two replicas have one tag, they may make one
 * id in the same millisecond: both entries are kept all the same, since they are told apart by their authors.
 */
import type { Integer } from '../contract.ts';
import type { StreamId } from '../contract-streams.ts';
import { tableHash } from '../hash.ts';
import { narrow } from '../integer.ts';

export const ID_BYTES = 16;
const HALF_MAX = 2n ** 64n - 1n;

export const STREAM_ID_MIN: StreamId = { ms: 0, seq: 0 };
export const STREAM_ID_MAX: StreamId = { ms: HALF_MAX, seq: HALF_MAX };

/** Tags are below it; a power of ten, so that one sees them. */
const TAGS = 1_000_000;
/** No generated number within a millisecond is larger: clients read them into doubles. */
const GENERATED_MAX = Number.MAX_SAFE_INTEGER - TAGS;

/** Negative, 0 or positive, as one stands before, at or behind the other. */
export function compareStreamIds(one: StreamId, other: StreamId): number {
  if (one.ms !== other.ms) return one.ms < other.ms ? -1 : 1;
  if (one.seq !== other.seq) return one.seq < other.seq ? -1 : 1;
  return 0;
}

/** The least id behind this one; null behind the greatest. */
export function streamIdAfter({ ms, seq }: StreamId): StreamId | null {
  if (seq !== HALF_MAX) return { ms, seq: plus(seq, 1n) };
  return ms === HALF_MAX ? null : { ms: plus(ms, 1n), seq: 0 };
}

/** The greatest id before this one; null before 0-0. */
export function streamIdBefore({ ms, seq }: StreamId): StreamId | null {
  if (seq !== 0) return { ms, seq: plus(seq, -1n) };
  return ms === 0 ? null : { ms: plus(ms, -1n), seq: HALF_MAX };
}

function plus(half: Integer, step: 1n | -1n): Integer {
  return narrow(BigInt(half) + step);
}

/** Of a replica: 0 … 999,999. */
export function tagOf(replica: Uint8Array): number {
  return tableHash(replica, 0, replica.length, 0) % TAGS;
}

/** An id behind `last` that no replica of another tag makes; null if there is none. */
export function generateStreamId(last: StreamId, nowMs: number, tag: number): StreamId | null {
  if (last.ms < nowMs) return { ms: nowMs, seq: tag };
  if (last.seq <= GENERATED_MAX) {
    const seq = Number(last.seq);
    const round = Math.floor(seq / TAGS) + (seq % TAGS < tag ? 0 : 1);
    return { ms: last.ms, seq: round * TAGS + tag };
  }
  return last.ms === HALF_MAX ? null : { ms: plus(last.ms, 1n), seq: tag };
}

/** Sixteen bytes from `at` on. */
export function writeStreamId(into: Buffer, at: number, { ms, seq }: StreamId): void {
  writeHalf(into, at, ms);
  writeHalf(into, at + 8, seq);
}

export function readStreamId(from: Buffer, at: number): StreamId {
  return { ms: readHalf(from, at), seq: readHalf(from, at + 8) };
}

function writeHalf(into: Buffer, at: number, half: Integer): void {
  if (typeof half === 'bigint') {
    into.writeBigUInt64BE(half, at);
    return;
  }
  const high = Math.floor(half / 0x100000000);
  into.writeUInt32BE(high, at);
  into.writeUInt32BE(half - high * 0x100000000, at + 4);
}

function readHalf(from: Buffer, at: number): Integer {
  const high = from.readUInt32BE(at);
  if (high < 0x200000) return high * 0x100000000 + from.readUInt32BE(at + 4);
  return from.readBigUInt64BE(at);
}
