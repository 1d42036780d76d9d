/** Streams: entries that nobody loses, ids that nobody makes twice, and groups whose work any node can take over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE, STREAM_ID_MAX, STREAM_ID_MIN, type StreamId } from '../../src/core/index.ts';
import { makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';
import { entriesOf, id, idText, pendingOf } from './streams.ts';

const x = s('x');
const g = s('g');

function add(replica: Replica, at: string | null = null, value = 'v'): string {
  return txn(replica, ({ streams }) => {
    const next = at === null ? streams.generateId(x) : id(at);
    if (next === null) return 'none';
    streams.add(x, next, [s('f'), s(value)], 0, 2);
    return idText(next);
  });
}

function read(replica: Replica, consumer: string, count = 100, noAck = false): string[] {
  const got: string[] = [];
  txn(replica, ({ streams }) =>
    streams.readNew(x, g, s(consumer), count, noAck, (entry) => got.push(idText(entry.id))),
  );
  return got;
}

function createGroup(replica: Replica, start = STREAM_ID_MIN, name = 'g'): boolean {
  return txn(replica, ({ streams }) => streams.createGroup(x, s(name), start, null));
}

function remove(replica: Replica, at: string): number {
  return txn(replica, ({ streams }) => streams.remove(x, id(at)));
}

function acknowledge(replica: Replica, at: string): number {
  return txn(replica, ({ streams }) => streams.acknowledge(x, g, id(at)));
}

function removeKey(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(x));
}

function statusOf({ db }: Replica) {
  const status = db.streams.status(x);
  if (status === null) throw new Error('no stream');
  return status;
}

function pending({ db }: Replica, consumer: string | null = null): string[] {
  return pendingOf(db, 'x', 'g', consumer).map((each) => each.split(' ').slice(0, 2).join(' '));
}

/** Two replicas with a stream of these entries and a group at its beginning. */
function withGroup(...ids: string[]): Replica[] {
  return sharing(2, (first) => {
    for (const each of ids) add(first, each);
    createGroup(first);
  });
}

// --- entries

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

// --- groups

test('groups that are made at the same time join, and those of other names stand beside them', () => {
  const [a, b] = sharing(2, (first) => add(first, '1-1'));
  createGroup(a);
  createGroup(b);
  createGroup(b, STREAM_ID_MIN, 'h');
  settle([a, b]);
  assert.equal(
    a.db.streams.groups(x).map(({ name }) => name.toString()),
    ['g', 'h'],
  );
  assert.is(createGroup(a), false);
});

test('what was delivered on one node is not delivered on another', () => {
  const [a, b] = withGroup('1-1', '2-1', '3-1');
  assert.equal(read(a, 'ann', 2), ['1-1', '2-1']);
  syncAll([a, b]);
  assert.equal(read(b, 'bob'), ['3-1']);
  assert.equal(read(b, 'bob'), []);
  settle([a, b]);
  assert.equal(pending(a), ['1-1 ann', '2-1 ann', '3-1 bob']);
});

test('an entry that arrives late, with a smaller id than what was delivered, is delivered too', () => {
  const [a, b] = withGroup('1-1');
  add(b, '2-1');
  add(b, '3-1');
  add(a, '5-1');
  assert.equal(read(a, 'ann'), ['1-1', '5-1']);
  syncAll([a, b]);
  const [status] = a.db.streams.groups(x);
  assert.equal([idText(status.lastDeliveredId), status.lag], ['5-1', 2]);
  assert.ok(a.db.streams.hasNew(x, g));
  assert.equal(read(a, 'ann'), ['2-1', '3-1']);
  assert.equal(read(a, 'ann'), []);
  settle([a, b]);
});

test('an XGROUP SETID takes back what it saw delivered, and the later of two counts', () => {
  const [a, b] = withGroup('1-1', '2-1', '3-1');
  read(a, 'ann');
  syncAll([a, b]);
  txn(b, ({ streams }) => streams.setGroupId(x, g, STREAM_ID_MIN, null));
  tick([a, b], 5);
  txn(a, ({ streams }) => streams.setGroupId(x, g, id('2-0'), null));
  settle([a, b]);
  assert.equal(read(b, 'bob'), ['2-1', '3-1']);
});

test('what two nodes deliver at the same time both have got, and the later one has it to do', () => {
  const [a, b] = withGroup('1-1', '2-1');
  assert.equal(read(a, 'ann'), ['1-1', '2-1']);
  tick([a, b], 5);
  assert.equal(read(b, 'bob', 1), ['1-1']);
  settle([a, b]);
  assert.equal(pending(a), ['1-1 bob', '2-1 ann']);
  assert.equal(pending(a, 'ann'), ['2-1 ann']);
  assert.equal(read(a, 'ann'), []);
});

test('an acknowledgement removes what it saw: a claim of the same time stays', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann');
  syncAll([a, b]);
  assert.is(acknowledge(a, '1-1'), 1);
  assert.is(acknowledge(a, '2-1'), 1);
  txn(b, ({ streams }) => streams.claim(x, g, s('bob'), id('2-1'), 1000, 7));
  settle([a, b]);
  assert.equal(pendingOf(a.db, 'x', 'g'), ['2-1 bob 1000 7']);
  assert.is(acknowledge(b, '2-1'), 1);
  settle([a, b]);
  assert.equal(pending(a), []);
});

test('the work of a node that is gone can be claimed on any other, from what it has told', () => {
  const [a, b, c] = sharing(3, (first) => {
    for (const each of ['1-1', '2-1']) add(first, each, `job ${each}`);
    createGroup(first);
  });
  read(a, 'ann');
  syncAll([a, b, c]);
  const jobs: string[] = [];
  c.db.streams.forEachPending(x, g, null, STREAM_ID_MIN, STREAM_ID_MAX, ({ id: each, entry }) => {
    entry?.forEachField((_, value) => jobs.push(`${idText(each)} ${value.latin1()}`));
    return true;
  });
  assert.equal(jobs, ['1-1 job 1-1', '2-1 job 2-1']);
  txn(c, ({ streams }) => streams.claim(x, g, s('carl'), id('1-1'), c.engine.now, 2));
  acknowledge(c, '1-1');
  settle([b, c, a]);
  assert.equal(pending(b), ['2-1 ann']);
  assert.equal(
    b.db.streams.consumers(x, g).map(({ name, pending: count }) => [name.toString(), count]),
    [
      ['ann', 1],
      ['carl', 0],
    ],
  );
});

test('an entry that is pending may be gone from the stream', () => {
  const [a, b] = withGroup('1-1');
  read(a, 'ann');
  remove(a, '1-1');
  settle([a, b]);
  const gone: boolean[] = [];
  b.db.streams.forEachPending(x, g, s('ann'), STREAM_ID_MIN, STREAM_ID_MAX, ({ entry }) => {
    gone.push(entry === null);
    return true;
  });
  assert.equal(gone, [true]);
});

test('the removal of a consumer takes what it saw pending: what was delivered at the same time stays, with its consumer', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann', 1);
  syncAll([a, b]);
  assert.is(
    txn(b, ({ streams }) => streams.deleteConsumer(x, g, s('ann'))),
    1,
  );
  read(a, 'ann', 1);
  settle([a, b]);
  assert.equal(pending(b), ['2-1 ann']);
  assert.ok(b.db.streams.hasConsumer(x, g, s('ann')));
});

test('a removed group that is used at the same time stays, with what was used, and goes on where it is', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann', 1);
  add(b, '2-2');
  syncAll([a, b]);
  assert.ok(txn(b, ({ streams }) => streams.destroyGroup(x, g)));
  assert.equal(read(a, 'ann', 2), ['2-1', '2-2']);
  settle([a, b]);
  assert.equal(pending(b), ['2-1 ann', '2-2 ann']);
  assert.equal(read(b, 'bob'), []);
  add(b, '3-1');
  assert.equal(read(b, 'bob'), ['3-1']);
  settle([a, b]);
});

test('a group that is removed is gone with all that belongs to it, and the stream stays', () => {
  const [a, b] = withGroup('1-1');
  read(a, 'ann');
  txn(a, ({ streams }) => {
    streams.trimToLength(x, 0);
    streams.destroyGroup(x, g);
  });
  settle([a, b]);
  assert.is(b.db.typeOf(x), 6);
  assert.equal(b.db.streams.groups(x), []);
  createGroup(b);
  assert.equal(pending(b), []);
});

test('a group alone, of a stream that was removed while it was used, leaves an empty stream when it goes', () => {
  const [a, b] = withGroup('1-1');
  removeKey(a);
  txn(b, ({ streams }) => streams.createConsumer(x, g, s('ann')));
  settle([a, b]);
  assert.ok(txn(a, ({ streams }) => streams.destroyGroup(x, g)));
  settle([a, b]);
  assert.is(b.db.typeOf(x), 6);
});

test('without NOACK nothing is lost, with it nothing is pending', () => {
  const [a, b] = withGroup('1-1', '2-1');
  assert.equal(read(a, 'ann', 1, true), ['1-1']);
  settle([a, b]);
  assert.equal(pending(b), []);
  assert.equal(read(b, 'bob'), ['2-1']);
});

test('entries-read and lag are counted on, unknown where nodes have read at the same time, and the lag is still right', () => {
  const [a, b] = withGroup('1-1', '2-1', '3-1', '4-1');
  read(a, 'ann', 1);
  assert.equal([a.db.streams.groups(x)[0].entriesRead, a.db.streams.groups(x)[0].lag], [1, 3]);
  read(b, 'bob', 2);
  settle([a, b]);
  assert.equal([a.db.streams.groups(x)[0].entriesRead, a.db.streams.groups(x)[0].lag], [null, 2]);
  read(a, 'ann');
  settle([a, b]);
  assert.equal([b.db.streams.groups(x)[0].entriesRead, b.db.streams.groups(x)[0].lag], [4, 0]);
});

test('polls that find nothing are noted here alone, what is delivered everywhere', () => {
  const [a, b] = withGroup('1-1');
  read(a, 'ann');
  syncAll([a, b]);
  tick([a, b], 1000);
  assert.equal(read(a, 'ann'), []);
  assert.is(a.engine.seal(), null, 'nothing is told');
  const seen = ({ db, engine }: Replica) => engine.now - db.streams.consumers(x, g)[0].seenMs;
  assert.equal([seen(a), seen(b)], [0, 1000]);
});

test('who watches the key is told of entries and groups, and not of who has got what', () => {
  const [a, b] = withGroup('1-1', '2-1');
  read(a, 'ann', 1);
  syncAll([a, b]);
  const changes = (work: () => void) => {
    let count = 0;
    const watch = b.engine.watch(0, x, () => count++);
    work();
    syncAll([a, b]);
    b.engine.unwatch(watch);
    return count > 0;
  };
  assert.not(changes(() => read(a, 'ann', 1)));
  assert.not(changes(() => acknowledge(a, '1-1')));
  assert.not(changes(() => txn(a, ({ streams }) => streams.claim(x, g, s('ann'), id('2-1'), 1, 1))));
  assert.ok(changes(() => read(a, 'bob')));
  assert.ok(changes(() => txn(a, ({ streams }) => streams.setGroupId(x, g, STREAM_ID_MIN, null))));
  assert.ok(changes(() => txn(a, ({ streams }) => streams.deleteConsumer(x, g, s('bob')))));
  assert.ok(changes(() => add(a, '3-1')));
  assert.ok(changes(() => txn(a, ({ streams }) => streams.destroyGroup(x, g))));
  assert.ok(changes(() => remove(a, '1-1')));
});

test('a stream that comes back by what a group was given is told of', () => {
  const [a, b] = withGroup('1-1');
  removeKey(b);
  b.engine.seal();
  let told = false;
  b.engine.watch(0, x, () => {
    told = true;
  });
  read(a, 'ann');
  syncAll([a, b]);
  assert.ok(told);
  assert.is(b.db.typeOf(x), 6);
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
