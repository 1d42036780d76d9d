/** Streams: entries that nobody loses, and ids that nobody makes twice. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE, STREAM_ID_MAX, STREAM_ID_MIN, type StreamId } from '../../src/core/index.ts';
import { makeReplica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';
import { acknowledge, add, createGroup, g, read, remove, removeKey, statusOf, withGroup, x } from './stream-work.ts';
import { entriesOf, id, idText, pendingOf } from './streams.ts';

test('entries stand in the order of their ids, whoever added them first', () => {
  const [a, b] = sharing(2);
  for (const each of ['1-1', '3-1', '5-0']) add(a, each);
  for (const each of ['2-7', '3-2', '6-0']) add(b, each);
  settle([a, b]);
  assert.equal(
    entriesOf(a.db, 'x').map((each) => each.split(' ')[0]),
    ['1-1', '2-7', '3-1', '3-2', '5-0', '6-0'],
  );
  assert.is(statusOf(a).entriesAdded, 6);
});

test('generated ids are behind all that is known, and no two replicas make the same one', () => {
  const replicas = sharing(3);
  const made: string[] = [];
  for (let round = 0; round < 50; round++) {
    for (const replica of replicas) made.push(add(replica));
    if (round % 7 === 0) syncAll(replicas);
  }
  assert.is(new Set(made).size, 150);
  syncAll(replicas);
  const [a] = replicas;
  const { lastId } = statusOf(a);
  const next = a.db.streams.generateId(x);
  assert.ok(next !== null && (next.ms > lastId.ms || next.seq > lastId.seq));
  settle(replicas);
});

test('a generated id is behind an explicit one from the future, up to the last id that there is', () => {
  const [a] = sharing(1);
  add(a, '9999999999999-5');
  assert.match(add(a), /^9999999999999-\d{1,6}$/);
  const half = 2n ** 64n - 1n;
  const last = (at: StreamId) => txn(a, ({ streams }) => streams.add(x, at, [s('f'), s('v')], 0, 2));
  last({ ms: 2n ** 63n, seq: half });
  assert.match(add(a, null), /^9223372036854775809-\d{1,6}$/);
  last(STREAM_ID_MAX);
  assert.is(a.db.streams.generateId(x), null);
  settle([a]);
});

test('of one id that two replicas add at the same time both entries stay, and go together', () => {
  const [a, b] = sharing(2);
  add(a, '5-1', 'of a');
  add(b, '5-1', 'of b');
  settle([a, b]);
  assert.equal(entriesOf(b.db, 'x'), ['5-1 f of a', '5-1 f of b']);
  assert.is(remove(b, '5-1'), 2);
  settle([a, b]);
  assert.equal(entriesOf(a.db, 'x'), []);
});

test('a removal takes the entries that it saw, and no other', () => {
  const [a, b] = sharing(2, (first) => {
    for (const each of ['1-1', '2-1', '3-1']) add(first, each);
  });
  txn(a, ({ streams }) => streams.trimToLength(x, 0));
  add(b, '3-2');
  settle([a, b]);
  assert.equal(entriesOf(a.db, 'x'), ['3-2 f v']);
});

test('of what is trimmed an entry that arrives late stays, though it stands before the others', () => {
  const [a, b] = sharing(2, (first) => add(first, '1-1'));
  add(b, '2-1');
  for (const each of ['3-1', '4-1', '5-1']) add(a, each);
  assert.is(
    txn(a, ({ streams }) => streams.trimBefore(x, id('5-0'))),
    3,
  );
  settle([a, b]);
  assert.equal(entriesOf(a.db, 'x'), ['2-1 f v', '5-1 f v']);
});

test('a removal of the stream takes what it saw, and an entry of the same time stays', () => {
  const [a, b] = sharing(2, (first) => add(first, '1-1'));
  removeKey(a);
  add(b, '2-1');
  settle([a, b]);
  assert.equal(entriesOf(a.db, 'x'), ['2-1 f v']);
  const { entriesAdded, lastId } = statusOf(a);
  assert.is(entriesAdded, 1, 'what was removed does not count any more');
  assert.is(idText(lastId), '2-1');
});

test('a stream whose last entry is gone stays, and knows its last id', () => {
  const [a, b] = sharing(2, (first) => add(first, '7-1'));
  remove(b, '7-1');
  settle([a, b]);
  assert.is(a.db.typeOf(x), 6);
  const { length, lastId, maxDeletedId, entriesAdded } = statusOf(a);
  assert.equal([length, idText(lastId), idText(maxDeletedId), entriesAdded], [0, '7-1', '7-1', 1]);
});

test('a removal that notes the id takes what it saw under the key in another type, as any write does', () => {
  const [a, b] = sharing(2);
  txn(a, ({ hashes }) => hashes.set(x, s('field'), s('value'), NO_DEADLINE));
  tick([a, b], 1);
  add(b, '7-1');
  settle([a, b]);
  assert.is(a.db.typeOf(x), 6);
  const types = () =>
    a.engine
      .inspect(0, x)
      ?.parts.map(({ type }) => type)
      .sort();
  assert.equal(types(), [2, 6]);
  remove(b, '7-1');
  settle([a, b]);
  assert.equal(types(), [6]);
});

test('a removal of the stream makes its ids forgotten', () => {
  const [a, b] = sharing(2, (first) => add(first, '7-1'));
  removeKey(a);
  add(a, '1-1');
  settle([a, b]);
  assert.equal(entriesOf(b.db, 'x'), ['1-1 f v']);
  assert.is(idText(statusOf(b).lastId), '1-1');
});

test('a removed stream does not come back by removals of the same time, and leaves nothing to a new one', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann');
  syncAll([a, b]);
  removeKey(a);
  remove(b, '2-1');
  acknowledge(b, '1-1');
  txn(b, ({ streams }) => streams.trimToLength(x, 0));
  settle([a, b]);
  assert.is(a.db.typeOf(x), 0);
  assert.is(a.db.size, 0);
  assert.is(b.db.streams.status(x), null);
  add(b, '1-1');
  settle([a, b]);
  assert.is(idText(statusOf(a).maxDeletedId), '0-0');
  removeKey(a);
  stabilize([a, b]);
  assert.is(a.engine.digest(), makeReplica(9).engine.digest());
});

test('an XSETID counts anew from what it saw, and what is added at the same time counts on top', () => {
  const [a, b] = sharing(2, (first) => {
    for (const each of ['1-1', '2-1', '3-1']) add(first, each);
  });
  txn(a, ({ streams }) => streams.setId(x, id('9-9'), 100, id('2-2')));
  add(b, '4-1');
  settle([a, b]);
  const { lastId, maxDeletedId, entriesAdded } = statusOf(b);
  assert.equal([idText(lastId), idText(maxDeletedId), entriesAdded], ['9-9', '2-2', 101]);
});

// --- the key

test('a copy is the whole stream, and two nodes that rename it alike leave one', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann', 1);
  syncAll([a, b]);
  for (const replica of [a, b]) {
    txn(replica, (db) => {
      db.copyTo(x, db, s('y'));
      db.remove(x);
    });
  }
  const { y } = settle([a, b]);
  assert.equal(entriesOf(a.db, 'y'), ['1-1 f v', '2-1 f v']);
  assert.is(a.db.streams.status(s('y'))?.entriesAdded, 2);
  assert.equal(pendingOf(b.db, 'y', 'g').length, 1);
  assert.ok(b.db.streams.hasNew(s('y'), g));
  assert.ok(y !== undefined);
});

test('FLUSHDB takes what it saw of streams, and after stability they leave nothing', () => {
  const replicas = sharing(2);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  const [a, b] = replicas;
  for (let i = 0; i < 300; i++) add(a);
  createGroup(a);
  read(a, 'ann');
  syncAll(replicas);
  add(b, null, 'late');
  txn(a, (db) => db.clear());
  settle(replicas);
  assert.is(entriesOf(a.db, 'x').length, 1);
  txn(b, (db) => db.clear());
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(db.size, 0);
    assert.is(engine.statistics.pendingCollection, 0);
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

test('SWAPDB carries a stream with its groups', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann', 1);
  txn(a, (db) => db.swapWith(a.engine.databases[1]));
  settle([a, b]);
  const [, db] = b.engine.databases;
  assert.equal(entriesOf(db, 'x').length, 2);
  assert.equal(pendingOf(db, 'x', 'g').length, 1);
  assert.is(b.db.size, 0);
});

test('a copy to where a stream was removed has nothing of that', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, '7-1');
    txn(first, (db) => db.streams.add(s('y'), id('1-1'), [s('f'), s('v')], 0, 2));
  });
  removeKey(a);
  remove(b, '7-1');
  syncAll([a, b]);
  txn(a, (db) => db.copyTo(s('y'), db, x));
  settle([a, b]);
  const { lastId, maxDeletedId } = statusOf(b);
  assert.equal([idText(lastId), idText(maxDeletedId)], ['1-1', '0-0']);
});

test('what is added to a stream with a time to live ends with it', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, '1-1');
    txn(first, (db) => db.expireAt(x, first.engine.now + 1000));
  });
  add(b, '2-1');
  txn(b, ({ streams }) => streams.createGroup(x, g, STREAM_ID_MIN, null));
  read(b, 'bob');
  settle([a, b]);
  tick([a, b], 1500);
  assert.is(a.db.typeOf(x), 0);
  assert.is(b.db.typeOf(x), 0);
});

test('a string over a stream removes it, and a stream that is written at the same time is there below', () => {
  const [a, b] = sharing(2, (first) => add(first, '1-1'));
  txn(a, (db) => db.strings.write(x, s('v'), NO_DEADLINE));
  tick([a, b], 5);
  add(b, '2-1');
  settle([a, b]);
  assert.equal(entriesOf(a.db, 'x'), ['2-1 f v']);
});

test('CRDT INSPECT names what makes up a stream', () => {
  const [a] = withGroup('1-1');
  read(a, 'ann');
  const [part] = a.engine.inspect(0, x)?.parts ?? [];
  const values = part.elements.map(({ values: [only] }) => only?.value.toString());
  const { now } = a.engine;
  assert.equal(values, [
    undefined,
    '1-1',
    '',
    '0-0',
    '1',
    '1-1',
    `seen ${now} active ${now}`,
    `ann since ${now} times 1`,
    'f v',
  ]);
  const names = part.elements.map(({ name }) => name?.toString());
  assert.equal(names, [
    `entries-added of ${a.engine.replica}`,
    `last-id of ${a.engine.replica}`,
    'group g',
    'start of group g',
    'entries-read of group g',
    `delivered to group g of ${a.engine.replica}`,
    'consumer of group g ann',
    `pending in group g 1-1 of ${a.engine.replica}`,
    `entry 1-1 of ${a.engine.replica}`,
  ]);
});

test.run();
