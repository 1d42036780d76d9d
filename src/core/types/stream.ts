/**
 * Streams, third part: what groups get, and what is pending. A delivery is one effect; what is pending is an element of its
 * own, which says for whom: of two consumers that got one entry at the same time on two nodes the later one has it, and
 * both have seen it. An acknowledgement removes what it saw. All of it is replicated, so that any node can hand out the
 * work of one that is gone.
 */
import type { PendingEntry, PendingSummary, StreamEntry, StreamId, StreamOperations } from '../contract-streams.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { Slice } from '../slice.ts';
import { indexOf, orderOf } from '../stream-effects.ts';
import { packDelivery } from '../stream-packing.ts';
import { Op } from '../txn.ts';
import { readWith } from './stream-distance.ts';
import { idOfEntry, statusOf, viewEntry } from './stream-entries.ts';
import { lastDelivered, newEntries, StreamGroups } from './stream-groups.ts';
import { compareStreamIds, ID_BYTES, STREAM_ID_MIN, writeStreamId } from './stream-id.ts';
import type { GroupIndex } from './stream-index.ts';
import { ENTRY_BYTES, Item } from './stream-names.ts';
import { EntryView } from './stream-values.ts';

export class StreamType extends StreamGroups implements StreamOperations {
  private readonly packed = new Slice();

  hasNew(key: Slice, group: Slice): boolean {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    return part !== undefined && found !== undefined && newEntries(part, found).reference !== 0;
  }

  isNew(key: Slice, group: Slice, id: StreamId): boolean {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined) return false;
    const cursor = newEntries(part, found, id);
    return cursor.reference !== 0 && compareStreamIds(idOfEntry(part, cursor.reference), id) === 0;
  }

  readNew(
    key: Slice,
    group: Slice,
    consumer: Slice,
    count: number,
    noAck: boolean,
    visit: (entry: StreamEntry) => void,
  ): number {
    const part = this.partForWrite(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined) return 0;
    const references: number[] = [];
    const view = new EntryView();
    for (const cursor = newEntries(part, found); cursor.reference !== 0; cursor.advance()) {
      if (references.length >= count) break;
      references.push(cursor.reference);
      visit(viewEntry(part, cursor.reference, view));
    }
    if (references.length > 0) {
      const entriesRead = readAfter(part, found, references);
      this.deliver(key, group, consumer, !noAck, entriesRead, entriesAt(part, references));
    } else if (!this.createConsumer(key, group, consumer)) this.noteSeen(key, group, consumer);
    return references.length;
  }

  private deliver(
    key: Slice,
    group: Slice,
    consumer: Slice,
    isPending: boolean,
    entriesRead: number | null,
    entries: Buffer,
  ): void {
    const { db, packed } = this;
    const hideAt = this.beginWrite(key);
    this.keepStart(key, group);
    packDelivery({ group, consumer, nowMs: db.state.now, isPending, entriesRead, entries }, packed);
    const writer = db.txn.begin();
    writer.op(Op.streamDeliver, db.index, key, NO_CANCELS);
    writer.run(packed);
    db.keyspace.streamDeliver(key, packed);
    db.extendDeadline(key, hideAt);
  }

  /** A group that was removed while it was used goes on where it is, and has a start again. */
  private keepStart(key: Slice, group: Slice): void {
    const part = this.partOf(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined || found.base !== 0) return;
    this.write(key, this.names.ofGroup(Item.groupBase, group), this.values.id(lastDelivered(part, found)));
  }

  // --- what is pending

  forEachPending(
    key: Slice,
    group: Slice,
    consumer: Slice | null,
    least: StreamId,
    greatest: StreamId,
    visit: (pending: PendingEntry) => boolean | undefined,
  ): void {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    const pending = consumer === null ? found?.pending : found?.consumers.get(consumer.latin1())?.pending;
    if (part === undefined || pending === undefined) return;
    const order = orderOf(part);
    const view = new EntryView();
    const { bytes, start, end } = this.names.bound(least, 'before', group);
    for (const cursor = pending.cursor(bytes, start, end, 1); cursor.reference !== 0; cursor.advance()) {
      const { reference } = cursor;
      const id = idOfEntry(part, reference);
      if (compareStreamIds(id, greatest) > 0) return;
      if (visit({ id, ...order.pendingOf(reference), entry: this.entryOf(part, reference, view) }) === false) return;
    }
  }

  /** The entry that something pending is about. */
  private entryOf(part: Elements, pending: number, view: EntryView): StreamEntry | null {
    const { table } = part;
    const nameEnd = table.keyStart(pending) + table.keyLength(pending);
    const { bytes, start, end } = this.names.entry(table.bufferOf(pending), nameEnd - ENTRY_BYTES);
    const at = part.findShown(bytes, start, end);
    return at < 0 ? null : viewEntry(part, table.referenceAt(at), view);
  }

  pendingSummary(key: Slice, group: Slice): PendingSummary {
    const part = this.partForRead(key);
    const found = this.findGroup(part, group);
    if (part === undefined || found === undefined || found.pending.size === 0) {
      return { count: 0, firstId: STREAM_ID_MIN, lastId: STREAM_ID_MIN, consumers: [] };
    }
    const { pending, consumers } = found;
    const having = [...consumers.values()].filter((consumer) => consumer.pending.size > 0);
    having.sort((one, other) => one.name.compare(other.name));
    return {
      count: pending.size,
      firstId: idOfEntry(part, pending.at(0)),
      lastId: idOfEntry(part, pending.at(pending.size - 1)),
      consumers: having.map(({ name, pending: { size } }) => ({ name, count: size })),
    };
  }

  claim(key: Slice, group: Slice, consumer: Slice, id: StreamId, deliveredMs: number, deliveries: number): void {
    const { names, values } = this;
    const { now } = this.db.state;
    const hideAt = this.beginWrite(key);
    this.touchGroup(key, group);
    const consumerName = names.consumer(group, consumer);
    if (!this.isWrittenNow(key, consumerName)) this.write(key, consumerName, values.consumer(now, now));
    for (const entry of this.entriesOf(key, group, id)) {
      this.write(key, names.pending(group, entry, 0), values.pending(consumer, deliveredMs, deliveries));
    }
    this.db.extendDeadline(key, hideAt);
  }

  /** Id and author of what has that id, in the stream or pending; of nothing, it is as if we had added it. */
  private entriesOf(key: Slice, group: Slice, id: StreamId): Buffer[] {
    const part = this.partOf(key);
    const entries = new Map<string, Buffer>();
    const found = this.findGroup(part, group);
    if (part !== undefined) {
      const take = (reference: number) => {
        const bytes = entriesAt(part, [reference]);
        entries.set(bytes.toString('latin1'), bytes);
      };
      for (const reference of this.pendingWith(part, found, group, id)) take(reference);
      const cursor = indexOf(part).entries(this.names.bound(id, 'before'), 1);
      for (; cursor.reference !== 0 && compareStreamIds(idOfEntry(part, cursor.reference), id) === 0; cursor.advance())
        take(cursor.reference);
    }
    if (entries.size > 0) return [...entries.values()];
    const { replicas, self } = this.db.state;
    const own = Buffer.alloc(ENTRY_BYTES);
    writeStreamId(own, 0, id);
    own.set(replicas.bytes[self], ID_BYTES);
    return [own];
  }

  acknowledge(key: Slice, group: Slice, id: StreamId): number {
    const part = this.partForWrite(key);
    if (part === undefined) return 0;
    const acknowledged = this.pendingWith(part, this.findGroup(part, group), group, id);
    this.dropAll(key, part, acknowledged);
    return acknowledged.length;
  }

  private pendingWith(part: Elements, found: GroupIndex | undefined, group: Slice, id: StreamId): number[] {
    const references: number[] = [];
    if (found === undefined) return references;
    const { bytes, start, end } = this.names.bound(id, 'before', group);
    const cursor = found.pending.cursor(bytes, start, end, 1);
    for (; cursor.reference !== 0 && compareStreamIds(idOfEntry(part, cursor.reference), id) === 0; cursor.advance())
      references.push(cursor.reference);
    return references;
  }
}

/** Id and author of these, one after another. */
function entriesAt({ table }: Elements, references: readonly number[]): Buffer {
  const entries = Buffer.alloc(references.length * ENTRY_BYTES);
  references.forEach((reference, i) => {
    const end = table.keyStart(reference) + table.keyLength(reference);
    table.bufferOf(reference).copy(entries, i * ENTRY_BYTES, end - ENTRY_BYTES, end);
  });
  return entries;
}

/** The group's count when it has got these too. What arrives late was counted as added, and is one more. */
function readAfter(part: Elements, group: GroupIndex, references: readonly number[]): number | null {
  const stream = statusOf(part);
  let last = lastDelivered(part, group);
  let read = orderOf(part).entriesReadOf(group.read);
  for (const reference of references) {
    const id = idOfEntry(part, reference);
    if (compareStreamIds(id, last) > 0) {
      read = readWith(stream, id, read);
      last = id;
    } else if (read !== null) read++;
  }
  return read;
}
