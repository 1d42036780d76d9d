/**
 * XREAD and XREADGROUP. Who waits is served with what is added on any node, once it is here. A group gets each entry once
 * as far as this node knows, also those that arrive late with an id that it is past; so does a connection that goes on with
 * XREAD where its last answer ended.
 */
import { type Database, KeyType, type StreamId } from '../../core/contract.ts';
import { STREAM_ID_MAX, streamIdAfter } from '../../core/index.ts';
import { Slice } from '../../core/slice.ts';
import { type Take, waitForKeys } from '../key-waits.ts';
import { redisEntry } from '../metadata/entry.ts';
import type { Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { copyEntry, copyRange, type EntryCopy, writeCopies, writeCopy, writeEntry } from './access.ts';
import { type From, type ReadRequest, readFrom, readRequest } from './read-arguments.ts';
import { type Batch, cursorsFor, type ReadCursor } from './read-cursors.ts';

/** As in Redis: who has waited gets no more at once, where it has not said how many. */
const WAITED_COUNT_MAX = 1000;

/** One key of an answer: in RESP3 they are the keys of a map. */
function writeKey(reply: Reply, key: Slice): void {
  if (reply.protocol < 3) reply.array(2);
  reply.bulk(key);
}

function writeKeys(reply: Reply, count: number): void {
  if (reply.protocol < 3) reply.array(count);
  else reply.map(count);
}

function runRead(call: Call): void {
  const request = readRequest(call);
  const from = request === undefined ? undefined : readFrom(call, request);
  if (request === undefined || from === undefined) return;
  const { args, client, reply } = call;
  const { firstKey, group, timeoutMs } = request;
  const cursors = group === 0 ? cursorsFor(client, args.slice(firstKey, firstKey + request.keys), from) : [];
  if (group === 0 ? answerRead(call, request, cursors) : answerGroup(call, request, from)) return;
  if (timeoutMs !== null && client.mayBlock) wait(call, request, cursors, timeoutMs);
  else reply.nilArray();
}

// --- XREAD

function answerRead({ args, db, reply }: Call, request: ReadRequest, cursors: readonly ReadCursor[]): boolean {
  const { firstKey, count } = request;
  const found: { readonly key: Slice; readonly cursor: ReadCursor; readonly batch: Batch }[] = [];
  for (const [place, cursor] of cursors.entries()) {
    const key = args[firstKey + place];
    const batch = cursor.next(db, key, count ?? Number.POSITIVE_INFINITY);
    if (batch.late.length + batch.total > 0) found.push({ key, cursor, batch });
  }
  if (found.length === 0) return false;
  writeKeys(reply, found.length);
  for (const { key, cursor, batch } of found) {
    writeKey(reply, key);
    writeBatch(reply, db, key, cursor, batch);
  }
  return true;
}

function writeBatch(reply: Reply, db: Database, key: Slice, cursor: ReadCursor, { late, range, total }: Batch): void {
  reply.array(late.length + total);
  for (const entry of late) {
    writeCopy(reply, entry);
    cursor.note(entry);
  }
  if (range === null || total === 0) return;
  let left = total;
  db.streams.range(key, range.least, range.greatest, range.step, (entry) => {
    writeEntry(reply, entry);
    cursor.note(entry);
    return --left > 0;
  });
}

// --- XREADGROUP

interface Reader {
  readonly group: Slice;
  readonly consumer: Slice;
  readonly noAck: boolean;
}

function answerGroup(call: Call, { firstKey, group, count, noAck }: ReadRequest, from: readonly From[]): boolean {
  const { args, reply } = call;
  const reader = { group: args[group], consumer: args[group + 1], noAck };
  const found: { readonly key: Slice; readonly entries: readonly EntryCopy[] }[] = [];
  for (const [place, start] of from.entries()) {
    const key = args[firstKey + place];
    const most = count ?? Number.POSITIVE_INFINITY;
    const entries =
      start.kind === 'new' ? takeNew(call.db, key, reader, most) : again(call, key, reader, start.id, most);
    // of what it has got already also nothing is an answer
    if (entries.length > 0 || start.kind === 'behind') found.push({ key, entries });
  }
  if (found.length === 0) return false;
  writeKeys(reply, found.length);
  for (const { key, entries } of found) {
    writeKey(reply, key);
    writeCopies(reply, entries);
  }
  return true;
}

function takeNew(db: Database, key: Slice, { group, consumer, noAck }: Reader, count: number): EntryCopy[] {
  const entries: EntryCopy[] = [];
  db.streams.readNew(key, group, consumer, count, noAck, (entry) => {
    entries.push(copyEntry(entry));
  });
  return entries;
}

/** What is pending for the consumer, which gets it once more. */
function again(
  { db, engine }: Call,
  key: Slice,
  { group, consumer }: Reader,
  behind: StreamId,
  count: number,
): EntryCopy[] {
  if (!db.streams.createConsumer(key, group, consumer)) db.streams.noteSeen(key, group, consumer);
  const least = streamIdAfter(behind);
  if (least === null) return [];
  const entries: EntryCopy[] = [];
  const delivered: { readonly id: StreamId; readonly deliveries: number }[] = [];
  db.streams.forEachPending(key, group, consumer, least, STREAM_ID_MAX, ({ id, deliveries, entry }) => {
    if (entry !== null) delivered.push({ id, deliveries: deliveries + 1 });
    return entries.push(entry === null ? { id, fields: null } : copyEntry(entry)) < count;
  });
  for (const { id, deliveries } of delivered) db.streams.claim(key, group, consumer, id, engine.now, deliveries);
  return entries;
}

// --- waiting

function wait(call: Call, request: ReadRequest, cursors: readonly ReadCursor[], timeoutMs: number): void {
  const { args } = call;
  const { firstKey, keys, group, count, noAck } = request;
  const lastKey = firstKey + keys - 1;
  const most = count ?? WAITED_COUNT_MAX;
  if (group === 0) {
    const take = takeNext(cursors, most);
    waitForKeys(call, { firstKey, lastKey, timeoutMs, eventsOf: () => [], take });
    return;
  }
  const reader = { group: new Slice(args[group].copy()), consumer: new Slice(args[group + 1].copy()), noAck };
  let hasJoined = false;
  const take: Take = (db, key) => {
    const error = refusal(db, key, reader.group);
    if (error !== null) return (reply) => reply.error(error);
    if (!db.streams.hasNew(key, reader.group)) return null;
    hasJoined = !db.streams.hasConsumer(key, reader.group, reader.consumer);
    return answerOne(key, takeNew(db, key, reader, most));
  };
  const eventsOf = () => (hasJoined ? ['xgroup-createconsumer'] : []);
  waitForKeys(call, { firstKey, lastKey, timeoutMs, eventsOf, take });
}

function takeNext(cursors: readonly ReadCursor[], count: number): Take {
  return (db, key) => {
    if (db.typeOf(key) !== KeyType.stream) return null;
    for (const cursor of cursors) {
      if (!cursor.names(key)) continue;
      const { late, range, total } = cursor.next(db, key, count);
      const entries = [...late];
      if (range !== null && total > 0) entries.push(...copyRange(db, key, { ...range, count: total }));
      if (entries.length === 0) continue;
      for (const entry of entries) cursor.note(entry);
      return answerOne(key, entries);
    }
    return null;
  };
}

/** Why nobody can wait for that group any more; null: one can. */
function refusal(db: Database, key: Slice, group: Slice): string | null {
  if (db.typeOf(key) !== KeyType.stream) return 'UNBLOCKED the stream key no longer exists';
  if (db.streams.hasGroup(key, group)) return null;
  return 'NOGROUP the consumer group this client was blocked on no longer exists';
}

function answerOne(key: Slice, entries: readonly EntryCopy[]): (reply: Reply) => void {
  return (reply) => {
    writeKeys(reply, 1);
    writeKey(reply, key);
    writeCopies(reply, entries);
  };
}

export const readingCommands: readonly Command[] = [redisEntry('xread', runRead), redisEntry('xreadgroup', runRead)];
