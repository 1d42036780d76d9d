/**
 * The clock guard: txns whose stamps are too far ahead of this node's clock are not applied before their time has come,
 * or one node with a broken clock would win every conflict for as long as it is ahead, and drag all clocks along. What
 * is refused is not kept: only where in its author's txns it begins, so a note a replica is all that it costs. When its
 * time comes the note goes, the gap shows, and anti-entropy brings it. May assume that stamps of one replica grow.
 */
import { unixMsOf } from './clock.ts';
import type { Gap, ReplicaId, Stamp, UnixMs } from './contract.ts';

/** More replicas with broken clocks are not told apart: their txns are refused one by one. */
const NOTES_MAX = 1024;

interface Note {
  /** The first txn that is too far ahead. */
  first: number;
  untilMs: UnixMs;
}

export class Quarantine {
  /** How far ahead of the clock here a stamp may be. */
  skewMaxMs = Number.POSITIVE_INFINITY;
  private readonly notes = new Map<ReplicaId, Note>();

  get size(): number {
    return this.notes.size;
  }

  has(replica: ReplicaId): boolean {
    return this.notes.has(replica);
  }

  /** By how many milliseconds a stamp is too far ahead; 0 if it is not. */
  excessOf(stamp: Stamp, now: UnixMs): number {
    return Math.max(0, unixMsOf(stamp) - now - this.skewMaxMs);
  }

  /** True of txns behind one that is refused. */
  holdsBack(replica: ReplicaId, first: number): boolean {
    const note = this.notes.get(replica);
    return note !== undefined && first >= note.first;
  }

  /** Txns of `replica` from `first` on are too early until the clock here is near `stamp`. */
  refuse(replica: ReplicaId, first: number, stamp: Stamp): void {
    const known = this.notes.get(replica);
    if (known !== undefined && known.first <= first) return;
    if (known === undefined && this.notes.size >= NOTES_MAX) return;
    this.notes.set(replica, { first, untilMs: unixMsOf(stamp) - this.skewMaxMs });
  }

  /** Lets go of those whose time has come. */
  release(now: UnixMs): void {
    for (const [replica, { untilMs }] of this.notes) if (untilMs <= now) this.notes.delete(replica);
  }

  /** What of the gaps may come in now. */
  withoutRefused(gaps: Gap[]): Gap[] {
    if (this.notes.size === 0) return gaps;
    return gaps.flatMap((gap) => {
      const note = this.notes.get(gap.replica);
      if (note === undefined || gap.to < note.first) return [gap];
      return gap.from >= note.first ? [] : [{ ...gap, to: note.first - 1 }];
    });
  }
}
