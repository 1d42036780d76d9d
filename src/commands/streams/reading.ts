/**
 * XREAD and XREADGROUP. Who waits is served with what is added on any node, once it is here. A group gets each entry once
 * as far as this node knows, also those that arrive late with an id that it is past; XREAD goes by ids alone, and does not
 * see these.
 */
import { type Database, KeyType, type StreamId } from '../../core/contract.ts';
import { STREAM_ID_MAX, streamIdAfter } from '../../core/index.ts';
import { Slice } from '../../core/slice.ts';
import { type Take, waitForKeys } from '../key-waits.ts';
import { redisEntry } from '../metadata/entry.ts';
import type { Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import {
  copyEntry,
  copyRange,
  countEntries,
  type EntryCopy,
  type EntryRange,
  writeCopies,
  writeRange,
} from './access.ts';
import { type From, type ReadRequest, readFrom, readRequest } from './read-arguments.ts';

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
  const isAnswered = request.group === 0 ? answerRead(call, request, from) : answerGroup(call, request, from);
  if (isAnswered) return;
  if (request.timeoutMs !== null && call.client.mayBlock) wait(call, request, from, request.timeoutMs);
  else call.reply.nilArray();
}

// --- XREAD

/** The entries behind an id; null: there can be none. */
function rangeBehind(id: StreamId, count: number): EntryRange | null {
  const least = streamIdAfter(id);
  return least === null ? null : { least, greatest: STREAM_ID_MAX, step: 1, count };
}

function answerRead({ args, db, reply }: Call, { firstKey, count }: ReadRequest, from: readonly From[]): boolean {
  const found: { readonly key: Slice; readonly range: EntryRange; readonly total: number }[] = [];
  for (const [place, start] of from.entries()) {
    const key = args[firstKey + place];
    const range = start.kind === 'new' ? null : rangeBehind(start.id, count ?? Number.POSITIVE_INFINITY);
    const total = range === null ? 0 : countEntries(db, key, range);
    if (range !== null && total > 0) found.push({ key, range, total });
  }
  if (found.length === 0) return false;
  writeKeys(reply, found.length);
  for (const { key, range, total } of found) {
    writeKey(reply, key);
    writeRange(reply, db, key, range, total);
  }
  return true;
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

function wait(call: Call, request: ReadRequest, from: readonly From[], timeoutMs: number): void {
  const { args } = call;
  const { firstKey, keys, group, count, noAck } = request;
  const lastKey = firstKey + keys - 1;
  const most = count ?? WAITED_COUNT_MAX;
  if (group === 0) {
    const starts = from.map((start, place) => ({ key: args[firstKey + place].copy(), start }));
    const take = takeBehind(starts, most);
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

function takeBehind(starts: readonly { readonly key: Buffer; readonly start: From }[], count: number): Take {
  return (db, key) => {
    if (db.typeOf(key) !== KeyType.stream) return null;
    for (const { key: name, start } of starts) {
      const range = start.kind === 'new' || !name.equals(key.view()) ? null : rangeBehind(start.id, count);
      const entries = range === null ? [] : copyRange(db, key, range);
      if (entries.length > 0) return answerOne(key, entries);
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
