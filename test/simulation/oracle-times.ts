/**
 * Times to live, as the oracle specifies them (docs/semantics.md): each belongs to the values that its author had seen,
 * of several the longest counts, and a key is there until all its values have ended.
 */
import { type Effect, isLater, observes } from './oracle.ts';
import { isThere } from './oracle-streams.ts';

type Value = Extract<Effect, { kind: 'assign' | 'add' }>;
type End = Extract<Effect, { kind: 'end' }>;

/** When the last of the values ends; Infinity if one never does. `left`: what nothing has taken away. */
export function keyEnd(left: readonly Effect[]): number {
  return lastEnd(valuesOf(left), endsOf(left, null));
}

/** When the last value of a hash field ends, by the times to live of that field alone. */
export function fieldEnd(left: readonly Effect[], field: string): number {
  return lastEnd(ofField(valuesOf(left), field), endsOf(left, field));
}

/**
 * A time to live has passed, and the key, or field, is still there. What it has ended may have been removed meanwhile,
 * with times to live joined, on any node; or not yet. For a field that has ended that matters where other types hide under the
 * key (`types`: how many there are), or where the key would end at another time without it.
 */
export function isDoubtful(left: readonly Effect[], nowMs: number, types: number): boolean {
  if (left.some(({ kind }) => kind === 'doubt')) return true;
  const values = valuesOf(left);
  const ends = endsOf(left, null);
  if (hasEndedSome(values, ends, nowMs)) return true;
  const lasting = values.filter(({ part, element }) => part !== 'hash' || fieldEnd(left, element) > nowMs);
  for (const field of new Set(lasting.filter(({ part }) => part === 'hash').map(({ element }) => element))) {
    if (hasEndedSome(ofField(lasting, field), endsOf(left, field), nowMs)) return true;
  }
  if (lasting.length === values.length) return false;
  return types > 1 || lastEnd(lasting, ends) !== lastEnd(values, ends);
}

function ofField(values: readonly Value[], field: string): Value[] {
  return values.filter(({ part, element }) => part === 'hash' && element === field);
}

function hasEndedSome(values: readonly Value[], ends: readonly End[], nowMs: number): boolean {
  return ends.some((end) => end.ms <= nowMs && values.some((value) => observes(end, value)));
}

function lastEnd(values: readonly Value[], ends: readonly End[]): number {
  return values.reduce((latest, value) => Math.max(latest, valueEnd(value, ends)), Number.NEGATIVE_INFINITY);
}

function valueEnd(value: Value, ends: readonly End[]): number {
  const governing = ends.filter((end) => observes(end, value)).map(({ ms }) => ms);
  return governing.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...governing);
}

/** Those of the key, or of a field. */
function endsOf(left: readonly Effect[], field: string | null): End[] {
  return left.filter((effect): effect is End => effect.kind === 'end' && effect.field === field);
}

/**
 * What a replica has added to one element counts as one value, which it wrote with the latest addition. What a stream only
 * remembers of removals is no value, if there is nothing else of it.
 */
function valuesOf(left: readonly Effect[]): Value[] {
  const all = left.filter((effect): effect is Value => effect.kind === 'assign' || effect.kind === 'add');
  const ofStream = new Map(all.filter(({ part }) => part === 'stream').map(({ element }) => [element, null]));
  const values = isThere(ofStream) ? all : all.filter(({ part }) => part !== 'stream');
  const isPartOf = (value: Value, other: Value) =>
    other.kind === 'add' &&
    other.txn.replica === value.txn.replica &&
    other.part === value.part &&
    other.element === value.element &&
    isLater(other, value);
  return values.filter((value) => value.kind === 'assign' || !values.some((other) => isPartOf(value, other)));
}
