/**
 * Effects on streams, as every replica applies them, where they are more than a value under a name: an entry that is added,
 * entries that are delivered to a group, and the removal of many elements at once. Part of keyspace.ts.
 */
import type { Amount } from './amount.ts';
import type { Body } from './bodies.ts';
import { KeyType, type Stamp } from './contract.ts';
import { type Elements, NO_CANCELS } from './elements.ts';
import type { Keyspace } from './keyspace.ts';
import { Slice } from './slice.ts';
import { unpackDelivery } from './stream-packing.ts';
import { ID_BYTES } from './types/stream-id.ts';
import type { StreamIndex } from './types/stream-index.ts';
import { ENTRY_BYTES, Item, NameWriter } from './types/stream-names.ts';
import { StreamOrder } from './types/stream-order.ts';
import { ValueWriter } from './types/stream-values.ts';

const names = new NameWriter();
const values = new ValueWriter();
const entry = Buffer.alloc(ENTRY_BYTES);
const element = new Slice();
const NOTHING = new Slice();

export function indexOf(part: Elements): StreamIndex {
  return orderOf(part).index();
}

export function orderOf(part: Elements): StreamOrder {
  if (!(part.order instanceof StreamOrder)) throw new Error(`elements of type ${part.type} are no stream`);
  return part.order;
}

// --- an entry

/** `id`: its sixteen bytes. The addition is to what the author of the txn has added. */
export function addStreamEntry(
  keyspace: Keyspace,
  key: Slice,
  id: Slice,
  fields: Slice,
  frame: Stamp,
  sum: Amount,
  delta: Amount,
): void {
  const { bodies, state } = keyspace;
  const plain = bodies.findPlainPart(key, KeyType.stream);
  const body = plain === undefined ? bodies.ensureBody(key) : undefined;
  const part = body === undefined ? plain : bodies.ensurePart(body, KeyType.stream);
  if (part === undefined) return;
  const author = state.replicas.bytes[state.origin];
  id.bytes.copy(entry, 0, id.start, id.end);
  entry.set(author, ID_BYTES);
  put(part, names.entry(entry, 0), fields);
  const { bytes, start, end } = names.ofAuthor(Item.added, author);
  part.add(part.table.find(bytes, start, end), bytes, start, end, frame, sum, delta);
  put(part, names.ofAuthor(Item.last, author), id);
  if (body === undefined) state.touched(keyspace.index, key.bytes, key.start, key.end);
  else keyspace.changed(key, body);
}

function put(part: Elements, { bytes, start, end }: Slice, value: Slice): void {
  const at = part.table.find(bytes, start, end);
  part.assign(at, bytes, start, end, value.bytes, value.start, value.end, NO_CANCELS);
}

// --- a delivery

export function deliverStreamEntries(keyspace: Keyspace, key: Slice, delivery: Slice): void {
  const { bodies } = keyspace;
  const { group, consumer, nowMs, isPending, entriesRead, entries } = unpackDelivery(delivery);
  const body = bodies.ensureBody(key);
  const part = bodies.ensurePart(body, KeyType.stream);
  const isKnown =
    part.size > 0 && has(part, names.ofGroup(Item.group, group)) && has(part, names.consumer(group, consumer));
  put(part, names.ofGroup(Item.group, group), NOTHING);
  put(part, names.consumer(group, consumer), values.consumer(nowMs, entries.length > 0 ? nowMs : -1));
  if (entries.length > 0) put(part, names.ofGroup(Item.groupRead, group), values.read(entriesRead));
  for (const [author, at] of lastOfAuthors(entries)) {
    put(part, names.mark(group, Buffer.from(author, 'latin1')), element.set(entries, at, at + ID_BYTES));
  }
  if (isPending) {
    const value = values.pending(consumer, nowMs, 1);
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) put(part, names.pending(group, entries, at), value);
  }
  // who has got what is the group's own affair: nobody who watches the key is told
  keyspace.changed(key, body, isKnown && body.parts.length === 1);
}

function has(part: Elements, { bytes, start, end }: Slice): boolean {
  return part.table.find(bytes, start, end) >= 0;
}

/** By author, where its last entry stands: that with its greatest id. */
function lastOfAuthors(entries: Buffer): Map<string, number> {
  const last = new Map<string, number>();
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    last.set(entries.toString('latin1', at + ID_BYTES, at + ENTRY_BYTES), at);
  }
  return last;
}

// --- removals of many

/** Removes the entries up to this one (id and author) that the txn has observed. */
export function trimStream(keyspace: Keyspace, key: Slice, last: Slice): void {
  const found = partOf(keyspace, key);
  if (found === undefined) return;
  const { body, part } = found;
  const { bytes, start, end } = names.entry(last.bytes, last.start);
  const references: number[] = [];
  for (const { entries } of indexOf(part).authors) {
    const beyond = entries.countBefore(bytes, start, end, true);
    entries.walk(0, beyond, 1, (reference) => {
      references.push(reference);
      return true;
    });
  }
  clearAll(part, references);
  keyspace.changed(key, body);
}

/** Removes what there is of a group, as far as the txn has observed it. */
export function clearStreamGroup(keyspace: Keyspace, key: Slice, group: Slice): void {
  const found = partOf(keyspace, key);
  if (found === undefined) return;
  const { body, part } = found;
  const index = indexOf(part).groups.get(group.latin1());
  if (index === undefined) {
    keyspace.state.missed(key.bytes, key.start, key.end);
    return;
  }
  const { existence, base, read, marks, consumers, pending } = index;
  const references = [existence, base, read, ...marks.values()];
  for (const consumer of consumers.values()) references.push(consumer.reference);
  pending.walk(0, pending.size, 1, (reference) => {
    references.push(reference);
    return true;
  });
  clearAll(part, references);
  keyspace.changed(key, body);
}

function partOf(keyspace: Keyspace, key: Slice): { body: Body; part: Elements } | undefined {
  const { bodies, state } = keyspace;
  const body = bodies.findBody(key);
  const part = body === undefined ? undefined : bodies.partOf(body, KeyType.stream);
  if (body !== undefined && part !== undefined) return { body, part };
  state.missed(key.bytes, key.start, key.end);
  return undefined;
}

function clearAll(part: Elements, references: readonly number[]): void {
  const { table } = part;
  for (const reference of references) {
    if (reference === 0) continue;
    const { bytes, start, end } = table.fillKey(reference, element);
    const at = table.find(bytes, start, end);
    if (at >= 0) part.clearAt(at, NO_CANCELS);
    else part.state.noteDamage(part.terms.slotOf(reference));
  }
  if (table.count * 16 < table.positions) table.shrink();
}
