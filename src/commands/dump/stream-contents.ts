/** A stream of the database as a value for DUMP, and a value for RESTORE as a stream of the database. */
import type { Database, GroupStatus, StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MAX, STREAM_ID_MIN } from '../../core/index.ts';
import { Slice } from '../../core/slice.ts';
import { copyRange, WHOLE_STREAM } from '../streams/access.ts';
import type { EntryValue, GroupValue, PendingValue, StreamValue } from './streams.ts';

/** Of a stream that is there. */
export function streamValueOf(db: Database, key: Slice): StreamValue {
  const status = db.streams.status(key);
  if (status === null) throw new Error('the value of a stream that is not there');
  const { lastId, maxDeletedId, entriesAdded } = status;
  const entries = copyRange(db, key, WHOLE_STREAM).map(({ id, fields }): EntryValue => ({ id, fields: fields ?? [] }));
  const groups = db.streams.groups(key).map((group) => groupValueOf(db, key, group));
  return { entries, lastId, maxDeletedId, entriesAdded, groups };
}

function groupValueOf(db: Database, key: Slice, { name, lastDeliveredId, entriesRead }: GroupStatus): GroupValue {
  const group = new Slice(name);
  const pending: PendingValue[] = [];
  let last: StreamId | null = null;
  db.streams.forEachPending(key, group, null, STREAM_ID_MIN, STREAM_ID_MAX, (each) => {
    const { id, consumer, deliveredMs, deliveries } = each;
    // Redis has one for an id
    if (last === null || compareStreamIds(last, id) < 0) pending.push({ id, consumer, deliveredMs, deliveries });
    last = id;
    return true;
  });
  return { name, lastDeliveredId, entriesRead, consumers: db.streams.consumers(key, group), pending };
}

/** Under a key that is not there. */
export function writeStream(db: Database, key: Slice, stream: StreamValue): void {
  const { entries, lastId, maxDeletedId, entriesAdded, groups } = stream;
  if (entries.length === 0) db.streams.create(key);
  for (const { id, fields } of entries) {
    const slices = fields.map((each) => new Slice(each));
    db.streams.add(key, id, slices, 0, slices.length);
  }
  const maxDeleted = compareStreamIds(maxDeletedId, STREAM_ID_MIN) > 0 ? maxDeletedId : null;
  const isAsAdded = entriesAdded === entries.length && compareStreamIds(db.streams.lastId(key), lastId) === 0;
  if (!isAsAdded || maxDeleted !== null) db.streams.setId(key, lastId, entriesAdded, maxDeleted);
  for (const group of groups) writeGroup(db, key, group);
}

function writeGroup(db: Database, key: Slice, group: GroupValue): void {
  const name = new Slice(group.name);
  db.streams.createGroup(key, name, group.lastDeliveredId, group.entriesRead);
  for (const { name: consumer, seenMs, activeMs } of group.consumers) {
    db.streams.createConsumer(key, name, new Slice(consumer), seenMs, activeMs);
  }
  for (const { id, consumer, deliveredMs, deliveries } of group.pending) {
    db.streams.claim(key, name, new Slice(consumer), id, deliveredMs, deliveries);
  }
}
