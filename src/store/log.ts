/**
 * The log on disk: envelopes by replica and number. It is appended to through the commit queue, read back for peers
 * that lack more than memory holds, and cut from its old end once checkpoints cover it: beyond a size, beyond an age,
 * and, beyond a part of that size, what every member has.
 */
import type { Envelope, ReplicaId, VersionVector } from '../core/contract.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Disk } from './disk.ts';
import { type KeyRange, logKey, logValue, readLogKey, readLogValue } from './encoding.ts';
import type { LogSegment } from './metadata.ts';

/** The log is cut in pieces of about this share of its limits. */
const SEGMENTS_MAX = 32;
/**
 * Of the limit so much is kept even of what every member has: one that comes back from a crash has lost its last second
 * perhaps, and some txns are cheaper than a state transfer.
 */
const KEPT_SHARE = 1 / 4;

/** What all members have; null while nothing is known of them. */
export type Stable = VersionVector | 'alone' | null;

export class Log {
  bytesMax: number;
  /** 0: no limit. */
  ageMaxMs: number;
  /** Up to which number all txns of a replica were appended, or are covered by the state. */
  readonly ends = new Map<ReplicaId, number>();
  private readonly disk: Disk;
  private readonly queue: CommitQueue;
  private segments: LogSegment[] = [];
  /** So many of them, from the oldest on, are in the state on disk. */
  private covered = 0;
  private openBytes = 0;
  private openSinceMs = 0;

  constructor(disk: Disk, queue: CommitQueue, bytesMax: number, ageMaxMs: number) {
    this.disk = disk;
    this.queue = queue;
    this.bytesMax = bytesMax;
    this.ageMaxMs = ageMaxMs;
  }

  /** After loading: what the checkpoint says of the log, and the bytes that came after it. */
  resume(segments: readonly LogSegment[], openBytes: number, vector: VersionVector): void {
    this.segments = [...segments];
    this.covered = segments.length;
    this.openBytes = openBytes;
    this.openSinceMs = segments.at(-1)?.toMs ?? 0;
    for (const { replica, number } of vector) this.ends.set(replica, number);
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, this.openBytes);
  }

  /** Bytes since the last checkpoint began. */
  get bytesUncovered(): number {
    return this.openBytes;
  }

  /** The segments that there are. */
  get kept(): readonly LogSegment[] {
    return [...this.segments];
  }

  /** False if txns before this envelope never came by: the state was imported, and the log alone does not lead here. */
  append(envelope: Envelope): boolean {
    const key = logKey(envelope.replica, envelope.first);
    const value = logValue(key, envelope.last, envelope.bytes);
    this.queue.append({ type: 'put', key, value });
    if (this.openBytes === 0) this.openSinceMs = Date.now();
    this.openBytes += value.length;
    const end = this.ends.get(envelope.replica) ?? 0;
    // what comes behind a hole must not hide it: the txns of a state that was imported are in no log
    if (envelope.first > end + 1) return false;
    if (envelope.last > end) this.ends.set(envelope.replica, envelope.last);
    return true;
  }

  /** True if every txn of `vector` was appended here or is covered by the state. */
  leadsTo(vector: VersionVector): boolean {
    return vector.every(({ replica, number }) => number <= (this.ends.get(replica) ?? 0));
  }

  /** The state will be checkpointed up to `vector`, so txns that the log lacks are covered soon. */
  coverUpTo(vector: VersionVector): void {
    for (const { replica, number } of vector) {
      if (number > (this.ends.get(replica) ?? 0)) this.ends.set(replica, number);
    }
  }

  /**
   * Envelopes of one replica from the one that holds number `from` on, without a gap, about `bytesMax` bytes and at
   * least one. Empty if that one is not here (any more), or the disk cannot be read now.
   */
  async read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]> {
    if (!this.disk.isOpen) return [];
    const start = await this.disk.lastKey({ gte: logKey(replica, 0), lt: logKey(replica, from + 1) });
    if (start === undefined) return [];
    const envelopes: Envelope[] = [];
    let next = from;
    let bytes = 0;
    for await (const [key, sealed] of this.disk.entries({ gte: start, lt: logKey(replica, Number.MAX_SAFE_INTEGER) })) {
      const name = readLogKey(key);
      if (name === null || name.first > next) break;
      const { last, bytes: encoded } = readLogValue(key, sealed);
      if (last < next) continue;
      envelopes.push({ replica, first: name.first, last, bytes: encoded });
      next = last + 1;
      bytes += encoded.length;
      if (bytes >= bytesMax) break;
    }
    return envelopes;
  }

  /** A checkpoint begins at `vector`: what was appended so far becomes a segment, or part of the newest. */
  closeSegment(vector: VersionVector, nowMs: number): readonly LogSegment[] {
    const ends = vector.map(({ replica, number }) => [replica, number] as const);
    const newest = this.segments.at(-1);
    if (newest !== undefined && this.hasRoom(newest, nowMs)) {
      const { bytes, fromMs } = newest;
      this.segments[this.segments.length - 1] = { ends, bytes: bytes + this.openBytes, fromMs, toMs: nowMs };
      this.covered = Math.min(this.covered, this.segments.length - 1);
    } else if (this.openBytes > 0) {
      this.segments.push({ ends, bytes: this.openBytes, fromMs: this.openSinceMs, toMs: nowMs });
    }
    this.openBytes = 0;
    return [...this.segments];
  }

  private hasRoom({ bytes, fromMs }: LogSegment, nowMs: number): boolean {
    if (bytes >= this.bytesMax / SEGMENTS_MAX) return false;
    return this.ageMaxMs === 0 || nowMs - fromMs < this.ageMaxMs / SEGMENTS_MAX;
  }

  /** The checkpoint that began with the last closeSegment() is on the platter. */
  checkpointed(): void {
    this.covered = this.segments.length;
  }

  /** True if cut() has something to do. */
  isOverdue(stable: Stable, nowMs: number): boolean {
    if (this.covered === 0) return false;
    const { bytes } = this;
    const [oldest] = this.segments;
    if (bytes > this.bytesMax) return true;
    if (this.ageMaxMs > 0 && nowMs - oldest.toMs > this.ageMaxMs) return true;
    return bytes > this.bytesMax * KEPT_SHARE && hasAll(stable, oldest);
  }

  /** Drops the oldest segments as long as they are overdue and the state on disk covers them. Gives the rest. */
  async cut(stable: Stable, nowMs: number): Promise<readonly LogSegment[]> {
    while (this.isOverdue(stable, nowMs) && this.disk.isOpen) {
      for (const [replica, number] of this.segments[0].ends) {
        const range = await this.upTo(replica, number);
        if (range !== null) await this.disk.discard(range);
      }
      this.segments.shift();
      this.covered--;
    }
    return [...this.segments];
  }

  /** All envelopes of a replica that end at `number` or before; null if there are none. */
  private async upTo(replica: ReplicaId, number: number): Promise<KeyRange | null> {
    const gte = logKey(replica, 0);
    const lt = await this.disk.lastKey({ gte, lt: logKey(replica, number + 2) });
    if (lt === undefined) return null;
    return (await this.disk.firstKey({ gte, lt })) === undefined ? null : { gte, lt };
  }
}

function hasAll(stable: Stable, { ends }: LogSegment): boolean {
  if (stable === null || stable === 'alone') return stable === 'alone';
  const reached = new Map(stable.map(({ replica, number }) => [replica, number]));
  return ends.every(([replica, number]) => (reached.get(replica) ?? 0) >= number);
}
