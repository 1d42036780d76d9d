/**
 * Writes to one element under a key, a field of a hash, a member of a sorted set or an element of a list: what of it is observed and therefore
 * replaced, the effect in the open txn, and its application, in that order. The types on top (types/hash.ts,
 * types/zset.ts, types/list.ts) know what a value means and when it is hidden.
 */
import { type Amount, plus } from './amount.ts';
import { type Cancel, cancelsOf } from './cell.ts';
import { KeyType } from './contract.ts';
import type { DatabaseView } from './database.ts';
import { addToElement, assignElement, removeElement } from './element-effects.ts';
import { type Elements, NO_CANCELS } from './elements.ts';
import type { Slice } from './slice.ts';
import { Op } from './txn.ts';

/** A type whose elements are registers, and its effects. */
export interface ElementKind {
  readonly type: KeyType;
  readonly assign: number;
  readonly remove: number;
}

/** Of those that are counters at once. */
export interface CountingKind extends ElementKind {
  readonly add: number;
}

export const HASH_FIELD: CountingKind = {
  type: KeyType.hash,
  assign: Op.hashAssign,
  add: Op.hashAdd,
  remove: Op.hashRemove,
};

export const ZSET_MEMBER: CountingKind = {
  type: KeyType.zset,
  assign: Op.zsetAssign,
  add: Op.zsetAdd,
  remove: Op.zsetRemove,
};

export const LIST_ELEMENT: ElementKind = { type: KeyType.list, assign: Op.listAssign, remove: Op.listRemove };

/** Of streams only those are counters that count the entries of an author. */
export const STREAM_ELEMENT: ElementKind = { type: KeyType.stream, assign: Op.streamAssign, remove: Op.streamRemove };

/** Their additions are named by what cancels them. */
export const COUNTING: readonly ElementKind[] = [HASH_FIELD, ZSET_MEMBER, STREAM_ELEMENT];

/** What a write that replaces the element at `at` (−1: there is none) cancels. */
export function elementCancels(part: Elements | undefined, at: number): readonly Cancel[] {
  return part === undefined || at < 0 || part.isSimple(at) ? NO_CANCELS : cancelsOf(part.cellAt(at));
}

/** A value for the element, which stands at `at` of `part`, if anywhere. */
export function writeElement(
  db: DatabaseView,
  kind: ElementKind,
  key: Slice,
  name: Slice,
  value: Slice,
  part: Elements | undefined,
  at: number,
): void {
  const cancels = elementCancels(part, at);
  const writer = db.txn.begin();
  writer.op(kind.assign, db.index, key, cancels);
  writer.run(name);
  writer.run(value);
  assignElement(db.keyspace, kind.type, key, name, value, cancels);
}

/** An addition to the element: it goes on with what this replica has added before. */
export function raiseElement(
  db: DatabaseView,
  kind: CountingKind,
  key: Slice,
  name: Slice,
  delta: Amount,
  part: Elements | undefined,
  at: number,
): void {
  const writer = db.txn.begin();
  const own = part === undefined || at < 0 ? 0 : part.ownFrame(at);
  const frame = own === 0 ? db.state.stamp : own;
  const sum = own === 0 || part === undefined ? delta : plus(part.ownSum(at), delta);
  writer.op(kind.add, db.index, key, NO_CANCELS);
  writer.run(name);
  writer.addition(frame, sum, delta);
  addToElement(db.keyspace, kind.type, key, name, frame, sum, delta);
}

/** The removal of the element at `at`. */
export function dropElement(
  db: DatabaseView,
  kind: ElementKind,
  key: Slice,
  name: Slice,
  part: Elements,
  at: number,
): void {
  const cancels = elementCancels(part, at);
  const writer = db.txn.begin();
  writer.op(kind.remove, db.index, key, cancels);
  writer.run(name);
  removeElement(db.keyspace, kind.type, key, name, cancels);
}
