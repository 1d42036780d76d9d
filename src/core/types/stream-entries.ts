/**
 * Streams, first part: entries and what is known of all of them. An entry is an element of its own, named by its id and by
 * the replica that has added it; a removal removes those that it saw. The last id and the number of entries added are kept
 * by each author for itself, so that adding replaces nothing that another one has written.
 */
import { KeyType } from '../contract.ts';
import type { StreamEntry, StreamId, StreamStatus } from '../contract-streams.ts';
import type { DatabaseView } from '../database.ts';
import { dropElement, STREAM_ELEMENT, writeElement } from '../element-writes.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { Slice } from '../slice.ts';
import { SIMPLE } from '../state.ts';
import { indexOf, orderOf } from '../stream-effects.ts';
import { Op } from '../txn.ts';
import { compareStreamIds, generateStreamId, readStreamId, STREAM_ID_MAX, STREAM_ID_MIN, tagOf } from './stream-id.ts';
import { ENTRY_BYTES, Item, NameReader, NameWriter } from './stream-names.ts';
import { EntryView, ValueWriter } from './stream-values.ts';

export const NOTHING = new Slice();

const idWriter = new ValueWriter();
const reader = new NameReader();

export class StreamEntries {
  protected readonly db: DatabaseView;
  /** Names and values of what is being written. */
  protected readonly names = new NameWriter();
  protected readonly values = new ValueWriter();

  constructor(db: DatabaseView) {
    this.db = db;
  }

  // --- reading

  size(key: Slice): number {
    const part = this.partForRead(key);
    return part === undefined ? 0 : indexOf(part).length;
  }

  status(key: Slice): StreamStatus | null {
    const part = this.partForRead(key);
    return part === undefined ? null : statusOf(part);
  }

  lastId(key: Slice): StreamId {
    const part = this.partForRead(key);
    return part === undefined ? STREAM_ID_MIN : lastIdOf(part);
  }

  generateId(key: Slice): StreamId | null {
    const { now, replicas, self } = this.db.state;
    return generateStreamId(this.lastId(key), now, tagOf(replicas.bytes[self]));
  }

  range(
    key: Slice,
    least: StreamId,
    greatest: StreamId,
    step: 1 | -1,
    visit: (entry: StreamEntry) => boolean | undefined,
  ): void {
    const part = this.partForRead(key);
    if (part === undefined) return;
    const from = step === 1 ? this.names.bound(least, 'before') : this.names.bound(greatest, 'behind');
    const end = step === 1 ? greatest : least;
    const view = new EntryView();
    for (const cursor = indexOf(part).entries(from, step); cursor.reference !== 0; cursor.advance()) {
      const entry = viewEntry(part, cursor.reference, view);
      if (compareStreamIds(entry.id, end) * step > 0 || visit(entry) === false) return;
    }
  }

  // --- adding

  add(key: Slice, id: StreamId, fields: readonly Slice[], from: number, to: number): void {
    const { db, names, values } = this;
    const hideAt = this.beginWrite(key);
    const writer = db.txn.begin();
    const { stamp, self, replicas } = db.state;
    const part = this.partOf(key);
    const { bytes, start, end } = names.ofAuthor(Item.added, replicas.bytes[self]);
    const at = part === undefined ? -1 : part.table.find(bytes, start, end);
    const own = part === undefined || at < 0 ? 0 : part.ownFrame(at);
    const frame = own === 0 ? stamp : own;
    const sum = own === 0 || part === undefined ? 1 : Number(part.ownSum(at)) + 1;
    const idBytes = idWriter.id(id);
    const packed = values.entry(fields, from, to);
    writer.op(Op.streamAdd, db.index, key, NO_CANCELS);
    writer.run(idBytes);
    writer.run(packed);
    writer.addition(frame, sum, 1);
    db.keyspace.streamAdd(key, idBytes, packed, frame, sum, 1);
    db.extendDeadline(key, hideAt);
  }

  create(key: Slice): void {
    if (this.partForRead(key) !== undefined) return;
    const hideAt = this.beginWrite(key);
    this.write(key, this.names.only(Item.existence), NOTHING);
    this.db.extendDeadline(key, hideAt);
  }

  setId(key: Slice, lastId: StreamId, entriesAdded: number | null, maxDeletedId: StreamId | null): void {
    const { names, values } = this;
    const hideAt = this.beginWrite(key);
    const part = this.partOf(key);
    if (part !== undefined) {
      const { lasts, counts } = indexOf(part);
      this.dropAll(key, part, [...lasts, ...(entriesAdded === null ? [] : counts)]);
    }
    this.write(key, names.only(Item.last), values.id(lastId));
    if (entriesAdded !== null) this.write(key, names.only(Item.addedBase), values.number(entriesAdded));
    if (maxDeletedId !== null) this.write(key, names.only(Item.maxDeleted), values.id(maxDeletedId));
    this.db.extendDeadline(key, hideAt);
  }

  // --- removing

  remove(key: Slice, id: StreamId): number {
    const part = this.partForWrite(key);
    if (part === undefined) return 0;
    const removed: number[] = [];
    const cursor = indexOf(part).entries(this.names.bound(id, 'before'), 1);
    while (cursor.reference !== 0 && compareStreamIds(idOfEntry(part, cursor.reference), id) === 0) {
      removed.push(cursor.reference);
      cursor.advance();
    }
    if (removed.length === 0) return 0;
    const { maxDeleted } = indexOf(part);
    const isGreatest = compareStreamIds(id, orderOf(part).idOf(maxDeleted)) > 0;
    if (!isGreatest) {
      this.dropAll(key, part, removed);
      return removed.length;
    }
    // to note the id is a write as any other
    const hideAt = this.beginWrite(key);
    this.dropAll(key, this.partOf(key) ?? part, removed);
    this.write(key, this.names.only(Item.maxDeleted), this.values.id(id));
    this.db.extendDeadline(key, hideAt);
    return removed.length;
  }

  trimToLength(key: Slice, length: number, limit = Number.POSITIVE_INFINITY): number {
    const part = this.partForWrite(key);
    if (part === undefined) return 0;
    return this.trim(key, part, Math.min(indexOf(part).length - length, limit), STREAM_ID_MAX);
  }

  trimBefore(key: Slice, least: StreamId, limit = Number.POSITIVE_INFINITY): number {
    const part = this.partForWrite(key);
    return part === undefined ? 0 : this.trim(key, part, limit, least);
  }

  /** Removes the first `count` entries, as far as they are before `end`, as one effect. */
  private trim(key: Slice, part: Elements, count: number, end: StreamId): number {
    const { db, names } = this;
    const isBounded = end !== STREAM_ID_MAX;
    const cursor = indexOf(part).entries(names.bound(STREAM_ID_MIN, 'before'), 1);
    let trimmed = 0;
    let last = 0;
    for (; trimmed < count && cursor.reference !== 0; cursor.advance()) {
      if (isBounded && compareStreamIds(idOfEntry(part, cursor.reference), end) >= 0) break;
      last = cursor.reference;
      trimmed++;
    }
    if (last === 0) return 0;
    const { bytes, end: nameEnd } = part.table.fillKey(last, new Slice());
    const bound = new Slice(Buffer.from(bytes.subarray(nameEnd - ENTRY_BYTES, nameEnd)));
    const writer = db.txn.begin();
    writer.op(Op.streamTrim, db.index, key, NO_CANCELS);
    writer.run(bound);
    db.keyspace.streamTrim(key, bound);
    return trimmed;
  }

  // --- copies, and times to live that end

  /** All that makes up the stream, as a copy takes it over: what its authors have counted in one number. */
  forEachElement(key: Slice, visit: (name: Slice, value: Slice) => void): void {
    const part = this.partForRead(key);
    if (part === undefined) return;
    const { names, values } = this;
    const { lastId, maxDeletedId, entriesAdded } = statusOf(part);
    visit(names.only(Item.last), values.id(lastId));
    visit(names.only(Item.addedBase), values.number(entriesAdded));
    if (compareStreamIds(maxDeletedId, STREAM_ID_MIN) > 0) visit(names.only(Item.maxDeleted), values.id(maxDeletedId));
    const name = new Slice();
    const value = new Slice();
    for (let at = 0; at < part.table.positions; at++) {
      if (!part.isShown(at)) continue;
      const reference = part.table.referenceAt(at);
      const { bytes, start, end } = part.table.fillKey(reference, name);
      if (!reader.read(bytes, start, end) || isSummedUp(reader.item)) continue;
      visit(name, this.joined(part, reference, reader.item, value));
    }
  }

  /** What several values that were written at the same time come to. */
  private joined(part: Elements, reference: number, item: Item, value: Slice): Slice {
    if (part.table.kind(reference) === SIMPLE) return part.fillFrom(reference, value);
    const order = orderOf(part);
    if (item === Item.mark) return this.values.id(order.idOf(reference));
    if (item === Item.groupRead) return this.values.read(order.entriesReadOf(reference));
    if (item !== Item.consumer) return part.fillFrom(reference, value);
    const { seenMs, activeMs } = order.consumerTimesOf(reference);
    return this.values.consumer(seenMs, activeMs);
  }

  put(key: Slice, name: Slice, value: Slice): void {
    this.beginWrite(key);
    this.write(key, name, value);
  }

  /** The removal of the element at `at` of the table, as an effect. */
  removeElement(key: Slice, name: Slice, part: Elements, at: number): void {
    dropElement(this.db, STREAM_ELEMENT, key, name, part, at);
  }

  // --- for all parts

  protected partForRead(key: Slice): Elements | undefined {
    return this.db.partForRead(key, KeyType.stream);
  }

  /** Of the key that shows; what is under it in other types stays. */
  protected partForWrite(key: Slice): Elements | undefined {
    return this.db.findForWrite(key) < 0 ? undefined : this.partOf(key);
  }

  protected partOf(key: Slice): Elements | undefined {
    const { bodies } = this.db.keyspace;
    const body = bodies.findBody(key);
    return body === undefined ? undefined : bodies.partOf(body, KeyType.stream);
  }

  /** Before a write that adds something: gives the key's time to live, for extendDeadline. */
  protected beginWrite(key: Slice): number {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.stream);
    if (place < 0) this.dropLeftovers(key);
    return db.deadlineToExtend(place, key);
  }

  /** What was noted of a stream whose removal nobody had seen then: it must not count for a new one. */
  private dropLeftovers(key: Slice): void {
    const part = this.partOf(key);
    if (part !== undefined) this.dropAll(key, part, [indexOf(part).maxDeleted]);
  }

  protected write(key: Slice, name: Slice, value: Slice): void {
    const part = this.partOf(key);
    const at = part === undefined ? -1 : part.table.find(name.bytes, name.start, name.end);
    writeElement(this.db, STREAM_ELEMENT, key, name, value, part, at);
  }

  /** Removes these elements (0: none), each as an effect. */
  protected dropAll(key: Slice, part: Elements, references: readonly number[]): void {
    const name = new Slice();
    for (const reference of references) {
      if (reference === 0) continue;
      const bytes = part.table.fillKey(reference, name).copy();
      const at = part.table.find(bytes, 0, bytes.length);
      if (at >= 0) this.removeElement(key, name.set(bytes, 0, bytes.length), part, at);
      else this.db.state.noteDamage(part.terms.slotOf(reference));
    }
  }
}

function isSummedUp(item: Item): boolean {
  return item === Item.last || item === Item.added || item === Item.addedBase || item === Item.maxDeleted;
}

export function lastIdOf(part: Elements): StreamId {
  const order = orderOf(part);
  let last = STREAM_ID_MIN;
  for (const reference of indexOf(part).lasts) {
    const id = order.idOf(reference);
    if (compareStreamIds(id, last) > 0) last = id;
  }
  return last;
}

export function statusOf(part: Elements): StreamStatus {
  const order = orderOf(part);
  const index = indexOf(part);
  const { reference } = index.entries(firstName, 1);
  return {
    length: index.length,
    firstId: reference === 0 ? STREAM_ID_MIN : idOfEntry(part, reference),
    lastId: lastIdOf(part),
    maxDeletedId: order.idOf(index.maxDeleted),
    entriesAdded: index.counts.reduce((sum, each) => sum + order.countOf(each), 0),
    groups: index.groupCount,
  };
}

/** Before all entries. */
const firstName = new Slice(Buffer.from([Item.entry]));

/** The entry that stands at a reference, in a view that is valid until the next one. */
export function viewEntry(part: Elements, reference: number, view: EntryView): StreamEntry {
  return view.set(idOfEntry(part, reference), part.fillFrom(reference, value));
}

const value = new Slice();

export function idOfEntry({ table }: Elements, reference: number): StreamId {
  const end = table.keyStart(reference) + table.keyLength(reference);
  return end < ENTRY_BYTES ? STREAM_ID_MIN : readStreamId(table.bufferOf(reference), end - ENTRY_BYTES);
}
