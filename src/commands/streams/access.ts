/**
 * What the commands on streams share: the check of the key's type, errors that name a group, and entries in replies. An
 * entry is written from the core's memory where that is possible; what is read before its effect, or answered later, is
 * copied.
 */
import { type Database, KeyType, type StreamEntry, type StreamId } from '../../core/contract.ts';
import { STREAM_ID_MAX, STREAM_ID_MIN, STREAM_NUMBER_MAX } from '../../core/index.ts';
import type { Slice } from '../../core/slice.ts';
import { numberArgument } from '../arguments.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call } from '../table.ts';
import { streamIdText } from './ids.ts';

/** True if the key is a stream, false if it is absent; undefined after WRONGTYPE. */
export function streamAt(call: Call, index = 1): boolean | undefined {
  const type = call.db.typeOf(call.args[index]);
  if (type === KeyType.stream) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For reads: as streamAt(), and counts the hit or miss. */
export function readStream(call: Call, index = 1): boolean | undefined {
  const found = streamAt(call, index);
  if (found === false) call.services.statistics.keyspaceMisses++;
  else call.services.statistics.keyspaceHits++;
  return found;
}

/** As Redis shows names in errors: as text that ends at the first zero byte. */
export function shownName(name: Slice): string {
  const { bytes, start, end } = name;
  const zero = bytes.subarray(start, end).indexOf(0);
  return bytes.toString('utf8', start, zero < 0 ? end : start + zero);
}

/** A number that a stream keeps. Redis takes larger ones, up to 2^63; of these `error` is the answer. */
export function countArgument(call: Call, index: number, error: string = Errors.notInteger): number | undefined {
  const count = numberArgument(call, index, error);
  if (count === undefined || count <= STREAM_NUMBER_MAX) return count;
  call.reply.error(error);
  return undefined;
}

export function noSuchKeyOrGroup(key: Slice, group: Slice): string {
  return `NOGROUP No such key '${shownName(key)}' or consumer group '${shownName(group)}'`;
}

export function noSuchGroup(key: Slice, group: Slice): string {
  return `NOGROUP No such consumer group '${shownName(group)}' for key name '${shownName(key)}'`;
}

// --- entries

export function writeId(reply: Reply, id: StreamId): void {
  reply.bulkText(streamIdText(id));
}

/** The id, and fields and values flat, in both protocols. */
export function writeEntry(reply: Reply, entry: StreamEntry): void {
  reply.array(2);
  writeId(reply, entry.id);
  reply.array(2 * entry.fieldCount);
  entry.forEachField((field, value) => {
    reply.bulk(field);
    reply.bulk(value);
  });
}

export interface EntryCopy {
  readonly id: StreamId;
  /** Fields and values by turns; null: the entry was removed. */
  readonly fields: readonly Buffer[] | null;
}

export function copyEntry(entry: StreamEntry): EntryCopy {
  const fields: Buffer[] = [];
  entry.forEachField((field, value) => fields.push(field.copy(), value.copy()));
  return { id: entry.id, fields };
}

export function writeCopy(reply: Reply, { id, fields }: EntryCopy): void {
  reply.array(2);
  writeId(reply, id);
  if (fields === null) {
    reply.nilArray();
    return;
  }
  reply.array(fields.length);
  for (const each of fields) reply.bulkBytes(each);
}

export function writeCopies(reply: Reply, entries: readonly EntryCopy[]): void {
  reply.array(entries.length);
  for (const entry of entries) writeCopy(reply, entry);
}

export interface EntryRange {
  readonly least: StreamId;
  readonly greatest: StreamId;
  readonly step: 1 | -1;
  readonly count: number;
}

export const WHOLE_STREAM: EntryRange = {
  least: STREAM_ID_MIN,
  greatest: STREAM_ID_MAX,
  step: 1,
  count: Number.POSITIVE_INFINITY,
};

/** How many entries that is. */
export function countEntries(db: Database, key: Slice, { least, greatest, step, count }: EntryRange): number {
  if (least === STREAM_ID_MIN && greatest === STREAM_ID_MAX) return Math.min(count, db.streams.size(key));
  let found = 0;
  if (count > 0) db.streams.range(key, least, greatest, step, () => ++found < count);
  return found;
}

/** An array of entries; `total`: how many they are. */
export function writeRange(
  reply: Reply,
  db: Database,
  key: Slice,
  range: EntryRange,
  total = countEntries(db, key, range),
): void {
  reply.array(total);
  if (total === 0) return;
  let left = total;
  db.streams.range(key, range.least, range.greatest, range.step, (entry) => {
    writeEntry(reply, entry);
    return --left > 0;
  });
}

export function copyRange(db: Database, key: Slice, { least, greatest, step, count }: EntryRange): EntryCopy[] {
  const entries: EntryCopy[] = [];
  if (count <= 0) return entries;
  db.streams.range(key, least, greatest, step, (entry) => entries.push(copyEntry(entry)) < count);
  return entries;
}

/** The entries that have that id: mostly one, or none. */
export function copiesOf(db: Database, key: Slice, id: StreamId): EntryCopy[] {
  return copyRange(db, key, { ...WHOLE_STREAM, least: id, greatest: id });
}

export function hasEntry(db: Database, key: Slice, id: StreamId): boolean {
  let found = false;
  db.streams.range(key, id, id, 1, () => {
    found = true;
    return false;
  });
  return found;
}
