/**
 * Streams as plain values, for tests of the core; and random operations on them, as the property tests draw them.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  type Database,
  Slice,
  STREAM_ID_MAX,
  STREAM_ID_MIN,
  type StreamEntry,
  type StreamId,
  streamIdAfter,
} from '../../src/core/index.ts';

export function idText({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`;
}

/** `5-1`. */
export function id(text: string): StreamId {
  const [ms, seq] = text.split('-').map(Number);
  return { ms, seq };
}

export function entryText(entry: StreamEntry): string {
  const words = [idText(entry.id)];
  entry.forEachField((field, value) => words.push(field.latin1(), value.latin1()));
  return words.join(' ');
}

export function entriesOf(db: Database, key: string, step: 1 | -1 = 1): string[] {
  const entries: string[] = [];
  db.streams.range(Slice.of(key), STREAM_ID_MIN, STREAM_ID_MAX, step, (entry) => {
    entries.push(entryText(entry));
    return true;
  });
  return entries;
}

/** What is pending in a group: id, consumer, how many times; of a consumer, or of all. */
export function pendingOf(db: Database, key: string, group: string, consumer: string | null = null): string[] {
  const pending: string[] = [];
  const of = consumer === null ? null : Slice.of(consumer);
  db.streams.forEachPending(Slice.of(key), Slice.of(group), of, STREAM_ID_MIN, STREAM_ID_MAX, (each) => {
    pending.push(`${idText(each.id)} ${each.consumer.toString()} ${each.deliveredMs} ${each.deliveries}`);
    return true;
  });
  return pending;
}

/** Everything that shows of a stream; every way of reading it must give the same. */
export function streamOf(db: Database, key: string): unknown {
  const { streams } = db;
  const name = Slice.of(key);
  const entries = entriesOf(db, key);
  assert.equal(entriesOf(db, key, -1).reverse(), entries);
  assert.is(streams.size(name), entries.length);
  const status = streams.status(name);
  assert.is(status?.length, entries.length);
  const groups = streams.groups(name).map((group) => {
    const groupName = group.name.toString();
    const of = Slice.of(groupName);
    const pending = pendingOf(db, key, groupName);
    const summary = streams.pendingSummary(name, of);
    assert.is(summary.count, pending.length);
    assert.is(group.pending, pending.length);
    for (const consumer of summary.consumers) {
      const own = pendingOf(db, key, groupName, consumer.name.toString());
      assert.is(own.length, consumer.count);
      assert.equal(
        own,
        pending.filter((each) => each.split(' ')[1] === consumer.name.toString()),
      );
    }
    const consumers = streams.consumers(name, of).map((each) => [each.name.toString(), each.activeMs, each.pending]);
    return { ...group, name: groupName, pending, consumers };
  });
  return { entries, ...status, groups };
}

export type StreamOperation =
  | { kind: 'xadd'; key: string; id: number; value: string }
  | { kind: 'xdel' | 'xtrim' | 'xsetid'; key: string; id: number }
  | { kind: 'xcreate' | 'xgroupsetid' | 'xdestroy'; key: string; group: string; id: number }
  | {
      kind: 'xread' | 'xnoack' | 'xclaim' | 'xack' | 'xdelconsumer' | 'xconsumer';
      key: string;
      group: string;
      consumer: string;
      id: number;
    };

const key = fc.constantFrom('k', 'x', 'y');
const group = fc.constantFrom('g', 'h');
const consumer = fc.constantFrom('ann', 'bob');
const place = fc.nat(12);

export const streamOperation: fc.Arbitrary<StreamOperation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('xadd' as const),
      key,
      id: place,
      value: fc.constantFrom('', 'v', 'w'.repeat(90)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('xdel' as const, 'xdel' as const, 'xtrim' as const, 'xsetid' as const),
      key,
      id: place,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('xcreate' as const, 'xcreate' as const, 'xgroupsetid' as const, 'xdestroy' as const),
      key,
      group,
      id: place,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'xread' as const,
        'xread' as const,
        'xnoack' as const,
        'xclaim' as const,
        'xack' as const,
        'xdelconsumer' as const,
        'xconsumer' as const,
      ),
      key,
      group,
      consumer,
      id: place,
    }),
  },
);

/** As a command would: what is not there is left alone. The key is free, or a stream. */
export function applyToStream({ streams }: Database, operation: StreamOperation, exists: boolean): void {
  const name = Slice.of(operation.key);
  if (operation.kind === 'xadd') {
    const last = streams.lastId(name);
    // a few ids, so that replicas choose the same ones; and generated ones
    const next = operation.id % 3 === 0 ? streams.generateId(name) : smallIdAfter(last, operation.id);
    if (next !== null) streams.add(name, next, [Slice.of('f'), Slice.of(operation.value)], 0, 2);
    return;
  }
  if (operation.kind === 'xcreate') {
    streams.create(name);
    const start = operation.id % 2 === 0 ? STREAM_ID_MIN : streams.lastId(name);
    streams.createGroup(name, Slice.of(operation.group), start, operation.id % 3 === 0 ? 0 : null);
    return;
  }
  if (!exists) return;
  const entry = id(entryAt(streams.size(name), operation.id, name, streams));
  switch (operation.kind) {
    case 'xdel':
      streams.remove(name, entry);
      return;
    case 'xtrim':
      if (operation.id % 2 === 0) streams.trimToLength(name, operation.id >> 1);
      else streams.trimBefore(name, entry);
      return;
    case 'xsetid':
      streams.setId(
        name,
        streams.lastId(name),
        operation.id % 2 === 0 ? operation.id + 20 : null,
        operation.id % 3 === 0 ? entry : null,
      );
      return;
  }
  const of = Slice.of(operation.group);
  if (!streams.hasGroup(name, of)) return;
  if (!('consumer' in operation)) {
    if (operation.kind === 'xdestroy') streams.destroyGroup(name, of);
    else if (operation.id % 4 === 0) streams.raiseGroupId(name, of, entry);
    else streams.setGroupId(name, of, entry, null);
    return;
  }
  const who = Slice.of(operation.consumer);
  switch (operation.kind) {
    case 'xread':
    case 'xnoack':
      streams.readNew(name, of, who, 1 + (operation.id % 4), operation.kind === 'xnoack', () => {});
      return;
    case 'xclaim':
      streams.claim(name, of, who, entry, 1000 + operation.id, operation.id);
      return;
    case 'xack':
      streams.acknowledge(name, of, entry);
      return;
    case 'xdelconsumer':
      streams.deleteConsumer(name, of, who);
      return;
    case 'xconsumer':
      streams.createConsumer(name, of, who);
      return;
  }
}

function smallIdAfter(last: StreamId, step: number): StreamId | null {
  if (Number(last.ms) > 100) return streamIdAfter(last);
  return { ms: Number(last.ms) + (step % 2), seq: Number(last.seq) + 1 };
}

/** The id of the entry at some place, so that operations meet. */
function entryAt(size: number, place: number, name: Slice, streams: Database['streams']): string {
  let found = `${place}-1`;
  let left = size === 0 ? 0 : place % size;
  streams.range(name, STREAM_ID_MIN, STREAM_ID_MAX, 1, ({ id: each }) => {
    found = idText(each);
    return left-- > 0;
  });
  return found;
}
