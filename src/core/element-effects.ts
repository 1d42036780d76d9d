/**
 * Effects on one element under a key, a field of a hash, a member of a set or sorted set, or an element of a list, as every replica applies
 * them: what differs between the types is only that fields have times to live. Part of keyspace.ts.
 */
import type { Amount } from './amount.ts';
import type { Body } from './bodies.ts';
import type { Cancel } from './cell.ts';
import { KeyType, type Stamp } from './contract.ts';
import type { Elements } from './elements.ts';
import type { Keyspace } from './keyspace.ts';
import type { Slice } from './slice.ts';
import { isBookkeeping } from './stream-packing.ts';
import { scoreAt } from './types/member-order.ts';

export function assignElement(
  keyspace: Keyspace,
  type: KeyType,
  key: Slice,
  name: Slice,
  value: Slice,
  cancels: readonly Cancel[],
): void {
  const { bodies, expiry } = keyspace;
  const body = bodies.ensureBody(key);
  const part = bodies.ensurePart(body, type);
  const at = part.table.find(name.bytes, name.start, name.end);
  const isUnseen = body.parts.length === 1 && isUnnoticed(part, name, at >= 0);
  const shownAlready = assignAt(part, at, name, value, cancels);
  if (hasDeadlines(body, type)) expiry.dropCoveredFieldDeadlines(body, name);
  keyspace.changed(key, body, isUnseen || (shownAlready && body.parts.length === 1));
}

/**
 * Writes a value into what find() saw at `at`. True if the score or member was shown already, and still is: an effect all the
 * same, but who watches the key sees nothing new.
 */
export function assignAt(part: Elements, at: number, name: Slice, value: Slice, cancels: readonly Cancel[]): boolean {
  const { type } = part;
  const isShown = at >= 0 && part.isShown(at);
  const isZset = type === KeyType.zset;
  // what increments and concurrent scores leave is known only when it is written
  const before = isZset && isShown && !part.isSimple(at) ? scoreAt(part, at) : Number.NaN;
  const holds = isShown && (type === KeyType.set || (isZset && part.isSimple(at) && part.holds(at, value)));
  part.assign(at, name.bytes, name.start, name.end, value.bytes, value.start, value.end, cancels);
  return holds || scoresStill(part, name, before);
}

/** `before`: NaN where the member was not shown, or is none of a sorted set. */
function scoresStill(part: Elements, name: Slice, before: number): boolean {
  return !Number.isNaN(before) && scoreAt(part, part.table.find(name.bytes, name.start, name.end)) === before;
}

export function addToElement(
  keyspace: Keyspace,
  type: KeyType,
  key: Slice,
  name: Slice,
  frame: Stamp,
  sum: Amount,
  delta: Amount,
): void {
  const { bodies, expiry } = keyspace;
  const body = bodies.ensureBody(key);
  const part = bodies.ensurePart(body, type);
  const at = part.table.find(name.bytes, name.start, name.end);
  const before = type === KeyType.zset ? scoreAt(part, at) : Number.NaN;
  part.add(at, name.bytes, name.start, name.end, frame, sum, delta);
  if (hasDeadlines(body, type)) expiry.refreshFieldDeadlines(body, name);
  keyspace.changed(key, body, body.parts.length === 1 && scoresStill(part, name, before));
}

export function removeElement(
  keyspace: Keyspace,
  type: KeyType,
  key: Slice,
  name: Slice,
  cancels: readonly Cancel[],
): void {
  const { bodies, expiry, state } = keyspace;
  const body = bodies.findBody(key);
  const part = body === undefined ? undefined : bodies.partOf(body, type);
  const at = part?.table.find(name.bytes, name.start, name.end) ?? -1;
  if (body === undefined || part === undefined || at < 0) {
    state.missed(key.bytes, key.start, key.end);
    return;
  }
  part.clearAt(at, cancels);
  if (part.table.count * 16 < part.table.positions) part.table.shrink();
  if (hasDeadlines(body, type)) expiry.dropCoveredFieldDeadlines(body, name);
  keyspace.changed(key, body, body.parts.length === 1 && isUnnoticed(part, name, false));
}

/** Who has got what of a stream is its groups' own affair, as in Redis: nobody who watches the key is told. */
function isUnnoticed(part: Elements, name: Slice, isRepeated: boolean): boolean {
  return part.type === KeyType.stream && part.size > 0 && isBookkeeping(name, isRepeated);
}

function hasDeadlines(body: Body, type: KeyType): boolean {
  return type === KeyType.hash && body.fieldDeadlines !== null;
}
