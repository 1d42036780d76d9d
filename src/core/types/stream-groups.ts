/**
 * Streams, second part: groups and their consumers. A group is where it began, and of each author how far it has come: an
 * entry that arrives late, with a smaller id than others that were delivered, has an author of whom the group has not had
 * it. Whatever is written into a group says again that it exists, so that of a removal and a use at the same time the use
 * stays; what is left of a group is never without it.
 */
import type { ConsumerStatus, GroupStatus, StreamId, StreamStatus } from '../contract-streams.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { Slice } from '../slice.ts';
import { indexOf, orderOf } from '../stream-effects.ts';
import { Op } from '../txn.ts';
import { lagOf } from './stream-distance.ts';
import { NOTHING, StreamEntries, statusOf } from './stream-entries.ts';
import { compareStreamIds, STREAM_ID_MIN } from './stream-id.ts';
import { EntryCursor, type GroupIndex } from './stream-index.ts';
import { Item, NameWriter } from './stream-names.ts';

const bounds = new NameWriter();

export class StreamGroups extends StreamEntries {
  hasGroup(key: Slice, group: Slice): boolean {
    return this.findGroup(this.partForRead(key), group) !== undefined;
  }

  groupStatus(key: Slice, group: Slice): GroupStatus | null {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    return part === undefined || found === undefined ? null : groupStatusOf(part, found, statusOf(part));
  }

  groups(key: Slice): GroupStatus[] {
    const part = this.partForRead(key);
    if (part === undefined) return [];
    const status = statusOf(part);
    const existing = [...indexOf(part).groups.values()].filter(({ existence }) => existence !== 0);
    existing.sort((one, other) => one.name.compare(other.name));
    return existing.map((group) => groupStatusOf(part, group, status));
  }

  createGroup(key: Slice, group: Slice, id: StreamId, entriesRead: number | null): boolean {
    if (this.hasGroup(key, group)) return false;
    const hideAt = this.beginWrite(key);
    this.writeStart(key, group, id, entriesRead);
    this.db.extendDeadline(key, hideAt);
    return true;
  }

  setGroupId(key: Slice, group: Slice, id: StreamId, entriesRead: number | null): void {
    const hideAt = this.beginWrite(key);
    const part = this.partOf(key);
    const found = this.findGroup(part, group);
    if (part !== undefined && found !== undefined) this.dropAll(key, part, [...found.marks.values()]);
    this.writeStart(key, group, id, entriesRead);
    this.db.extendDeadline(key, hideAt);
  }

  private writeStart(key: Slice, group: Slice, id: StreamId, entriesRead: number | null): void {
    const { names, values } = this;
    this.write(key, names.ofGroup(Item.group, group), NOTHING);
    this.write(key, names.ofGroup(Item.groupBase, group), values.id(id));
    this.write(key, names.ofGroup(Item.groupRead, group), values.read(entriesRead));
  }

  raiseGroupId(key: Slice, group: Slice, id: StreamId): void {
    const part = this.partForWrite(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined || compareStreamIds(id, lastDelivered(part, found)) <= 0) return;
    const hideAt = this.beginWrite(key);
    this.touchGroup(key, group);
    this.write(key, this.names.ofGroup(Item.groupBase, group), this.values.id(id));
    this.db.extendDeadline(key, hideAt);
  }

  destroyGroup(key: Slice, group: Slice): boolean {
    const { db } = this;
    const part = this.partForWrite(key);
    if (part === undefined || this.findGroup(part, group) === undefined) return false;
    this.keepStream(key, part);
    for (const name of orderOf(part).seen.keys())
      if (name.startsWith(seenName(group, NOTHING))) orderOf(part).seen.delete(name);
    const writer = db.txn.begin();
    writer.op(Op.streamGroupClear, db.index, key, NO_CANCELS);
    writer.run(group);
    db.keyspace.streamGroupClear(key, group);
    return true;
  }

  /** A stream without groups stays; of one that was removed while somebody used a group of it nothing else may be left. */
  private keepStream(key: Slice, part: Elements): void {
    const { groups, counts, lasts } = indexOf(part);
    const { bytes, start, end } = this.names.only(Item.existence);
    if (groups.size > 1 || counts.length + lasts.length > 0 || part.table.find(bytes, start, end) >= 0) return;
    const hideAt = this.beginWrite(key);
    this.write(key, this.names.only(Item.existence), NOTHING);
    this.db.extendDeadline(key, hideAt);
  }

  // --- consumers

  createConsumer(key: Slice, group: Slice, consumer: Slice, seenMs = this.db.state.now, activeMs = -1): boolean {
    if (this.hasConsumer(key, group, consumer)) return false;
    const hideAt = this.beginWrite(key);
    this.touchGroup(key, group);
    this.write(key, this.names.consumer(group, consumer), this.values.consumer(seenMs, activeMs));
    this.db.extendDeadline(key, hideAt);
    return true;
  }

  deleteConsumer(key: Slice, group: Slice, consumer: Slice): number {
    const part = this.partForWrite(key);
    const found = this.findGroup(part, group)?.consumers.get(consumer.latin1());
    if (part === undefined || found === undefined) return 0;
    const pending: number[] = [];
    found.pending.walk(0, found.pending.size, 1, (reference) => {
      pending.push(reference);
      return true;
    });
    orderOf(part).seen.delete(seenName(group, consumer));
    this.dropAll(key, part, found.reference === 0 ? pending : [found.reference, ...pending]);
    return pending.length;
  }

  hasConsumer(key: Slice, group: Slice, consumer: Slice): boolean {
    return this.findGroup(this.partForRead(key), group)?.consumers.has(consumer.latin1()) === true;
  }

  consumers(key: Slice, group: Slice): ConsumerStatus[] {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined) return [];
    const order = orderOf(part);
    return found.existingConsumers().map(({ name, reference, pending }) => {
      const { seenMs, activeMs } = reference === 0 ? order.deliveryTimesOf(pending) : order.consumerTimesOf(reference);
      const seenHere = order.seen.get(seenName(group, new Slice(name))) ?? 0;
      return { name, seenMs: Math.max(seenMs, seenHere), activeMs, pending: pending.size };
    });
  }

  noteSeen(key: Slice, group: Slice, consumer: Slice): void {
    const part = this.partForRead(key);
    if (part === undefined || !this.hasConsumer(key, group, consumer)) return;
    orderOf(part).seen.set(seenName(group, consumer), this.db.state.now);
  }

  // --- for all parts

  /** The group if it exists. */
  protected findGroup(part: Elements | undefined, group: Slice): GroupIndex | undefined {
    if (part === undefined) return undefined;
    const found = indexOf(part).groups.get(group.latin1());
    return found === undefined || found.existence === 0 ? undefined : found;
  }

  /** Says again that the group exists; once a txn. */
  protected touchGroup(key: Slice, group: Slice): void {
    const name = this.names.ofGroup(Item.group, group);
    if (!this.isWrittenNow(key, name)) this.write(key, name, NOTHING);
  }

  /** By this txn. */
  protected isWrittenNow(key: Slice, { bytes, start, end }: Slice): boolean {
    const { state, txn } = this.db;
    const part = this.partOf(key);
    const at = part === undefined ? -1 : part.table.find(bytes, start, end);
    if (part === undefined || at < 0 || !part.isSimple(at) || !txn.started) return false;
    const reference = part.table.referenceAt(at);
    return part.table.replica(reference) === state.self && part.table.stamp(reference) === state.stamp;
  }
}

function seenName(group: Slice, consumer: Slice): string {
  return `${group.length}:${group.latin1()}${consumer.latin1()}`;
}

function groupStatusOf(part: Elements, group: GroupIndex, stream: StreamStatus): GroupStatus {
  const order = orderOf(part);
  const entriesRead = order.entriesReadOf(group.read);
  const lastDeliveredId = lastDelivered(part, group);
  return {
    name: group.name,
    lastDeliveredId,
    entriesRead,
    lag: isSpread(part, group) ? countNew(part, group) : lagOf(stream, lastDeliveredId, entriesRead),
    pending: group.pending.size,
    consumers: group.existingConsumers().length,
  };
}

/** Of several that were set at the same time the last one. Without one, since the group was removed while it was used: where it is. */
function startOf(part: Elements, group: GroupIndex): StreamId {
  const order = orderOf(part);
  if (group.base !== 0) return order.latestIdOf(group.base);
  return greatestMark(part, group);
}

function greatestMark(part: Elements, { marks }: GroupIndex): StreamId {
  const order = orderOf(part);
  let greatest = STREAM_ID_MIN;
  for (const reference of marks.values()) {
    const id = order.idOf(reference);
    if (compareStreamIds(id, greatest) > 0) greatest = id;
  }
  return greatest;
}

export function lastDelivered(part: Elements, group: GroupIndex): StreamId {
  const [start, mark] = [startOf(part, group), greatestMark(part, group)];
  return compareStreamIds(start, mark) > 0 ? start : mark;
}

/** How far the group has come with the entries of one author. */
function cameTo(part: Elements, group: GroupIndex, start: StreamId, author: Buffer): StreamId {
  const mark = orderOf(part).idOf(group.marks.get(author.toString('latin1')) ?? 0);
  return compareStreamIds(mark, start) > 0 ? mark : start;
}

/** The entries that the group has not had, in their order; those from `least` on. */
export function newEntries(part: Elements, group: GroupIndex, least = STREAM_ID_MIN): EntryCursor {
  const { authors } = indexOf(part);
  const start = startOf(part, group);
  const cursors = authors.map(({ author, entries }) => {
    const had = cameTo(part, group, start, author);
    const isBehind = compareStreamIds(had, least) >= 0;
    const { bytes, start: from, end } = isBehind ? bounds.bound(had, 'behind') : bounds.bound(least, 'before');
    return entries.cursor(bytes, from, end, 1, isBehind);
  });
  return new EntryCursor(cursors, authors[0]?.entries, 1);
}

function countNew(part: Elements, group: GroupIndex): number {
  const start = startOf(part, group);
  let count = 0;
  for (const { author, entries } of indexOf(part).authors) {
    const { bytes, start: from, end } = bounds.bound(cameTo(part, group, start, author), 'behind');
    count += entries.size - entries.countBefore(bytes, from, end, true);
  }
  return count;
}

/** Nodes have read for the group without knowing of each other: what Redis works out of its counts would be wrong. */
function isSpread(part: Elements, group: GroupIndex): boolean {
  return orderOf(part).isContested(group.read) || hasLate(part, group);
}

/** Something stands before what was delivered, and was not. */
function hasLate(part: Elements, group: GroupIndex): boolean {
  const { reference } = newEntries(part, group);
  if (reference === 0) return false;
  const { table } = part;
  const end = table.keyStart(reference) + table.keyLength(reference);
  const { bytes, start, end: boundEnd } = bounds.bound(lastDelivered(part, group), 'behind');
  return table.bufferOf(reference).compare(bytes, start, boundEnd, table.keyStart(reference), end) < 0;
}
