/** Groups of streams: what one node has given out no other one does, and any node can take over the work of another. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAM_ID_MAX, STREAM_ID_MIN } from '../../src/core/index.ts';
import { type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, tick } from './orders.ts';
import { acknowledge, add, createGroup, g, pending, read, remove, removeKey, withGroup, x } from './stream-work.ts';
import { id, idText, pendingOf } from './streams.ts';

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

test('who has something pending is a consumer, though all that was written with it has expired', () => {
  const [a, b] = withGroup('1-1');
  read(b, 'bob');
  tick([a, b], 5);
  read(a, 'ann');
  txn(a, (db) => db.expireAt(x, a.engine.now + 100));
  settle([a, b]);
  tick([a, b], 200);
  for (const { engine } of [a, b]) engine.collect(1000);
  settle([a, b]);
  assert.equal(pending(a), ['1-1 ann']);
  const consumers = a.db.streams.consumers(x, g);
  assert.equal(
    consumers.map((each) => [each.name.toString(), each.pending, each.activeMs]),
    [
      ['ann', 1, START_MS + 5],
      ['bob', 0, START_MS],
    ],
  );
  assert.is(a.db.streams.groups(x)[0].consumers, 2);
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

test.run();
