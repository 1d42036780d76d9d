/**
 * Times to live, as the oracle specifies them (docs/semantics.md): each belongs to the values that its author had seen,
 * of several the longest counts, and a key is there until all its values have ended.
 */
import { type Effect, isLater, observes } from './oracle.ts';

type Value = Extract<Effect, { kind: 'assign' | 'add' }>;
type End = Extract<Effect, { kind: 'end' }>;

/** When the last of the values ends; Infinity if one never does. `left`: what nothing has taken away. */
export function keyEnd(left: readonly Effect[]): number {
  const ends = endsOf(left);
  return valuesOf(left).reduce((latest, value) => Math.max(latest, valueEnd(value, ends)), Number.NEGATIVE_INFINITY);
}

/**
 * A time to live has passed, and the key is still there. What it has ended may have been removed meanwhile, with times
 * to live joined, on any node; or not yet.
 */
export function isDoubtful(left: readonly Effect[], nowMs: number): boolean {
  if (left.some(({ kind }) => kind === 'doubt')) return true;
  const values = valuesOf(left);
  return endsOf(left).some((end) => end.ms <= nowMs && values.some((value) => observes(end, value)));
}

function valueEnd(value: Value, ends: readonly End[]): number {
  const governing = ends.filter((end) => observes(end, value)).map(({ ms }) => ms);
  return governing.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...governing);
}

function endsOf(left: readonly Effect[]): End[] {
  return left.filter((effect): effect is End => effect.kind === 'end');
}

/** What a replica has added to one element counts as one value, which it wrote with the latest addition. */
function valuesOf(left: readonly Effect[]): Value[] {
  const values = left.filter((effect): effect is Value => effect.kind === 'assign' || effect.kind === 'add');
  const isPartOf = (value: Value, other: Value) =>
    other.kind === 'add' &&
    other.txn.replica === value.txn.replica &&
    other.part === value.part &&
    other.element === value.element &&
    isLater(other, value);
  return values.filter((value) => value.kind === 'assign' || !values.some((other) => isPartOf(value, other)));
}
