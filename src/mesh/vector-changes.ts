/**
 * Vectors of large clusters are long, and from one telling to the next little changes in them. So on each link the first
 * one goes whole, and later ones as what has changed: entries are absolute, so that one said twice, or a whole vector said
 * in between, does no harm. An entry that has gone (retirement.ts) makes the next one a whole one again.
 */
import type { VersionVector } from '../core/contract.ts';
import { FrameError, vectorFromWire, vectorToWire } from './frames.ts';
import type { Link } from './link.ts';

/** As many as there can be replicas. */
const ENTRIES_MAX = 65_535;

export class VectorChanges {
  private readonly told = new WeakMap<Link, VersionVector>();
  private readonly heard = new WeakMap<Link, VersionVector>();
  /** The last answer: one telling goes to many links that were told the same before. */
  private latest: { from: VersionVector | undefined; to: VersionVector; wire: Record<string, unknown> } | null = null;

  /** The fields of a frame that brings the link from what it was told last to this vector, which is not changed later. */
  toWire(link: Link, vector: VersionVector): Record<string, unknown> {
    const from = this.told.get(link);
    this.told.set(link, vector);
    if (this.latest?.from !== from || this.latest?.to !== vector)
      this.latest = { from, to: vector, wire: fieldsFor(from, vector) };
    return this.latest.wire;
  }

  /** The vector that such a frame means. Throws FrameError. */
  fromWire(link: Link, map: Record<string, unknown>): VersionVector {
    const vector = map.vector === undefined ? this.changed(link, map) : vectorFromWire(map.vector);
    this.heard.set(link, vector);
    return vector;
  }

  private changed(link: Link, map: Record<string, unknown>): VersionVector {
    const before = this.heard.get(link);
    if (before === undefined) throw new FrameError('changes of a vector that was not told');
    return withChanges(before, vectorFromWire(map.changed));
  }
}

function fieldsFor(from: VersionVector | undefined, to: VersionVector): Record<string, unknown> {
  const changes = from === undefined ? null : changesBetween(from, to);
  return changes === null ? { vector: vectorToWire(to) } : { changed: vectorToWire(changes) };
}

/** Entries that are other ones in `to`; null if one has gone. Both in the order of their replicas. */
export function changesBetween(from: VersionVector, to: VersionVector): VersionVector | null {
  const changes: VersionVector = [];
  let at = 0;
  for (const entry of to) {
    if (at < from.length && from[at].replica < entry.replica) return null;
    const before = at < from.length && from[at].replica === entry.replica ? from[at++] : undefined;
    if (before?.number !== entry.number || before.stamp !== entry.stamp) changes.push(entry);
  }
  return at < from.length ? null : changes;
}

/** In the order of replicas. Without changes it is the very same one. Throws FrameError if it is too long. */
export function withChanges(vector: VersionVector, changes: VersionVector): VersionVector {
  if (changes.length === 0) return vector;
  const changed = isInOrder(vector) && isInOrder(changes) ? merged(vector, changes) : gathered(vector, changes);
  if (changed.length > ENTRIES_MAX) throw new FrameError(`a vector of ${changed.length} entries`);
  return changed;
}

/** By replica, each once. */
function isInOrder(vector: VersionVector): boolean {
  for (let at = 1; at < vector.length; at++) if (vector[at - 1].replica >= vector[at].replica) return false;
  return true;
}

function merged(vector: VersionVector, changes: VersionVector): VersionVector {
  const all: VersionVector = [];
  let at = 0;
  for (const change of changes) {
    while (at < vector.length && vector[at].replica < change.replica) all.push(vector[at++]);
    if (at < vector.length && vector[at].replica === change.replica) at++;
    all.push(change);
  }
  while (at < vector.length) all.push(vector[at++]);
  return all;
}

function gathered(vector: VersionVector, changes: VersionVector): VersionVector {
  const entries = new Map([...vector, ...changes].map((entry) => [entry.replica, entry]));
  return [...entries.values()].sort((one, other) => (one.replica < other.replica ? -1 : 1));
}

/** What makes `vector` of `base`: its entries that are other ones there, and with a number of 0 those that it lacks. */
export function differencesFrom(base: VersionVector, vector: VersionVector): VersionVector {
  const left = new Map(base.map((entry) => [entry.replica, entry]));
  const differences: VersionVector = [];
  for (const entry of vector) {
    const known = left.get(entry.replica);
    left.delete(entry.replica);
    if (known?.number !== entry.number || known.stamp !== entry.stamp) differences.push(entry);
  }
  for (const replica of left.keys()) differences.push({ replica, number: 0, stamp: 0 });
  return differences;
}

/** The vector that is told by its differences from `base`; without any it is the very same one. */
export function differing(base: VersionVector, differences: VersionVector): VersionVector {
  const vector = withChanges(base, differences);
  return vector === base ? base : vector.filter(({ number }) => number > 0);
}
