/**
 * Replicas and how far each has been applied. Inside the core a replica is a small index into this table (ids are
 * 64-bit), local to the node; on the wire and in digests the id stands. Stamps of one replica grow with its txn
 * numbers, so "covers txn n" and "covers stamp s" say the same, and contexts are kept as stamps alone.
 */
import type { Gap, ReplicaId, Stamp, VersionVector } from './contract.ts';
import { Lanes } from './hash.ts';

/** Indexes fit 16 bits. */
const REPLICAS_MAX = 65_536;

/** What a txn has observed: by replica index, the stamp of the last txn covered. Null covers everything applied here. */
export type Context = readonly number[] | null;

export class ReplicaTable {
  readonly ids: ReplicaId[] = [];
  /** Last txn applied, by index: its number and stamp. */
  readonly numbers: number[] = [];
  readonly stamps: Stamp[] = [];
  /** A word per replica for digests: the same on every node. */
  readonly words: number[] = [];
  /** The ids as bytes. */
  readonly bytes: Uint8Array[] = [];
  private readonly indexes = new Map<ReplicaId, number>();

  /** Index of a replica, added if new. Throws past 65,535. */
  indexOf(id: ReplicaId): number {
    const known = this.indexes.get(id);
    if (known !== undefined) return known;
    if (!/^[0-9a-f]{16}$/.test(id)) throw new RangeError(`replica id ${JSON.stringify(id)} is not 16 hex digits`);
    const index = this.ids.length;
    if (index >= REPLICAS_MAX) throw new RangeError(`replica ${id} is the 65,537th`);
    this.ids.push(id);
    this.numbers.push(0);
    this.stamps.push(0);
    this.words.push(wordOf(id));
    this.bytes.push(Buffer.from(id, 'hex'));
    this.indexes.set(id, index);
    return index;
  }

  /** Forgets all: only for a start from the store. */
  reset(): void {
    this.ids.length = 0;
    this.numbers.length = 0;
    this.stamps.length = 0;
    this.words.length = 0;
    this.bytes.length = 0;
    this.indexes.clear();
  }

  /** Index of a known replica, or undefined. */
  find(id: ReplicaId): number | undefined {
    return this.indexes.get(id);
  }

  /** Whether all of these could have an index: names from outside must be asked for before they are added. */
  hasRoomFor(entries: readonly { replica: ReplicaId }[]): boolean {
    if (this.ids.length + entries.length <= REPLICAS_MAX) return true;
    const unknown = new Set(entries.map(({ replica }) => replica).filter((id) => !this.indexes.has(id)));
    return this.ids.length + unknown.size <= REPLICAS_MAX;
  }

  advance(index: number, number: number, stamp: Stamp): void {
    this.numbers[index] = number;
    this.stamps[index] = stamp;
  }

  /** Order of writes: stamp, then replica id. */
  later(stampA: Stamp, replicaA: number, stampB: Stamp, replicaB: number): boolean {
    if (stampA !== stampB) return stampA > stampB;
    return this.ids[replicaA] > this.ids[replicaB];
  }

  vector(): VersionVector {
    const vector: VersionVector = [];
    for (let index = 0; index < this.ids.length; index++) {
      if (this.numbers[index] > 0) {
        vector.push({ replica: this.ids[index], number: this.numbers[index], stamp: this.stamps[index] });
      }
    }
    return vector.sort((a, b) => (a.replica < b.replica ? -1 : 1));
  }

  /** Stamps by index, for a vector from outside; replicas new here are added. */
  contextOf(vector: VersionVector): number[] {
    const context: number[] = [];
    for (const entry of vector) {
      const index = this.indexOf(entry.replica);
      while (context.length <= index) context.push(0);
      context[index] = entry.stamp;
    }
    return context;
  }

  missing(theirs: VersionVector): Gap[] {
    const gaps: Gap[] = [];
    for (const entry of theirs) {
      const index = this.find(entry.replica);
      const have = index === undefined ? 0 : this.numbers[index];
      if (entry.number > have) gaps.push({ replica: entry.replica, from: have + 1, to: entry.number });
    }
    return gaps;
  }
}

/** A replica's word for digests. */
export function wordOf(id: ReplicaId): number {
  return new Lanes().text(id).finish().a;
}

export function covers(context: Context, replica: number, stamp: Stamp): boolean {
  return context === null || (replica < context.length && context[replica] >= stamp);
}

/** Adds pairs (replica, stamp) to a list of such, the larger stamp winning. */
export function addPairs(into: number[], pairs: readonly number[]): void {
  for (let i = 0; i < pairs.length; i += 2) {
    let at = 0;
    while (at < into.length && into[at] !== pairs[i]) at += 2;
    if (at === into.length) into.push(pairs[i], pairs[i + 1]);
    else if (pairs[i + 1] > into[at + 1]) into[at + 1] = pairs[i + 1];
  }
}
