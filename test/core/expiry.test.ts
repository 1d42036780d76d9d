/** Times to live of keys: what each governs, which of several counts, and when a key is hidden, removed and forgotten. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KEEP_DEADLINE, NO_DEADLINE, NO_KEY } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { perform, steps } from './operations.ts';
import { assertSame, settle, sharing, stabilize, tick } from './orders.ts';

function set(replica: Replica, value: string, afterMs?: number): void {
  const deadline = afterMs === undefined ? NO_DEADLINE : replica.engine.now + afterMs;
  txn(replica, (db) => db.strings.write(s('k'), s(value), deadline));
}

function expire(replica: Replica, afterMs: number, key = 'k'): void {
  txn(replica, (db) => db.expireAt(s(key), replica.engine.now + afterMs));
}

function persist(replica: Replica): boolean {
  return txn(replica, (db) => db.persist(s('k')));
}

function lifetimes(replicas: readonly Replica[]): number[] {
  return replicas.map(({ db, engine }) => {
    const deadline = db.deadlineOf(s('k'));
    return deadline < 0 ? deadline : deadline - engine.now;
  });
}

/** Collects on all; deadlines up to `patienceMs` ago may still have been lengthened elsewhere. */
function collect(replicas: readonly Replica[], patienceMs = 0): void {
  for (const { engine } of replicas) {
    engine.setStability([], engine.now - patienceMs);
    for (let turn = 0; turn < 3; turn++) engine.collect(100);
  }
}

test('of concurrent times to live the longest counts', () => {
  const replicas = sharing(3, (a) => set(a, 'v'));
  replicas.forEach((replica, i) => {
    expire(replica, [300, 500, 100][i]);
  });
  settle(replicas);
  assert.equal(lifetimes(replicas), [500, 500, 500]);
});

test('a later time to live that saw the earlier one replaces it, shorter too', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v', 500));
  expire(b, 100);
  settle([a, b]);
  assert.equal(lifetimes([a, b]), [100, 100]);
});

test('PERSIST wins over a concurrent time to live, and a later one ends it', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v', 500));
  assert.ok(persist(a));
  expire(b, 9000);
  settle([a, b]);
  assert.equal(lifetimes([a, b]), [NO_DEADLINE, NO_DEADLINE]);
  assert.not(persist(a));
  expire(b, 70);
  settle([a, b]);
  assert.equal(lifetimes([a, b]), [70, 70]);
});

test('a SET without time to live, with one, and with KEEPTTL, concurrent with an EXPIRE', () => {
  for (const [write, expected] of [
    [(replica: Replica) => set(replica, 'new'), NO_DEADLINE],
    [(replica: Replica) => set(replica, 'new', 700), 700],
    [(replica: Replica) => txn(replica, (db) => db.strings.write(s('k'), s('new'), KEEP_DEADLINE)), NO_DEADLINE],
  ] as const) {
    const [a, b] = sharing(2, (first) => set(first, 'old'));
    expire(a, 100);
    tick([a, b], 5);
    write(b);
    settle([a, b]);
    assert.is(get(a.db, 'k'), 'new');
    assert.equal(lifetimes([a, b]), [expected, expected]);
    tick([a, b], 200);
    collect([a, b]);
    assert.equal(settle([a, b]), { k: 'new' });
  }
});

test('the older of two concurrent values does not reappear when the newer has expired', () => {
  const [a, b] = sharing(2);
  set(a, 'without end');
  tick([a, b], 5);
  set(b, 'newer', 100);
  assert.equal(settle([a, b]), { k: 'newer' });
  assert.equal(lifetimes([a, b]), [NO_DEADLINE, NO_DEADLINE]);
  tick([a, b], 100);
  collect([a, b]);
  assert.equal(settle([a, b]), { k: 'without end' });
});

test('an increment answers what it leaves where the counter has ended, and only another type kept its key alive', () => {
  for (const [write, increment, read] of [
    [
      ({ db }: Replica) => db.strings.addInteger(s('k'), 10),
      ({ db }: Replica) => db.strings.addInteger(s('k'), 1),
      (replica: Replica) => Number(get(replica.db, 'k')),
    ],
    [
      ({ db }: Replica) => db.hashes.addInteger(s('k'), s('f'), 10),
      ({ db }: Replica) => db.hashes.addInteger(s('k'), s('f'), 1),
      ({ db }: Replica) => {
        const value = s('');
        return db.hashes.get(s('k'), s('f'), value) ? Number(value.latin1()) : null;
      },
    ],
  ] as const) {
    const [a, b] = sharing(2);
    txn(a, (db) => db.sets.add(s('k'), s('without end')));
    tick([a, b], 5);
    txn(b, () => write(b));
    expire(b, 100);
    settle([a, b]);
    tick([a, b], 100);
    const answer = txn(a, () => increment(a));
    assert.is(answer, 1);
    assert.is(read(a), answer);
  }
});

test('an increment keeps the time to live that it saw; one that did not see it lives on', () => {
  const [a, b, c] = sharing(3, (first) => {
    txn(first, (db) => db.strings.addInteger(s('k'), 10));
  });
  expire(a, 100);
  syncAll([a, b]);
  txn(b, (db) => db.strings.addInteger(s('k'), 1));
  assert.equal(settle([a, b]), { k: '11' });
  assert.equal(lifetimes([a, b]), [100, 100]);
  txn(c, (db) => db.strings.addInteger(s('k'), 5));
  assert.equal(settle([a, b, c]), { k: '16' });
  tick([a, b, c], 100);
  collect([a, b, c]);
  assert.equal(settle([a, b, c]), { k: '5' });
  assert.equal(lifetimes([a, b, c]), [NO_DEADLINE, NO_DEADLINE, NO_DEADLINE]);
});

test('a key is hidden on every node at its deadline, and forgotten where it is collected', () => {
  const replicas = sharing(3, (a) => set(a, 'v', 50));
  tick(replicas, 49);
  for (const { db } of replicas) assert.is(get(db, 'k'), 'v');
  tick(replicas, 1);
  for (const { db } of replicas) {
    assert.is(get(db, 'k'), null);
    assert.is(db.deadlineOf(s('k')), NO_KEY);
    assert.equal(contents(db), {});
  }
  collect(replicas.slice(0, 1));
  assert.equal(settle(replicas), {});
  for (const { db, engine } of replicas) {
    assert.is(db.size, 0);
    assert.is(db.volatileSize, 0);
    assert.is(engine.inspect(0, s('k')), null);
  }
});

test('reading an expired key before the horizon removes nothing: elsewhere it may have got more time', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v', 60));
  expire(b, 10_000);
  tick([a, b], 100);
  a.engine.setStability([], a.engine.now - 50);
  assert.is(
    txn(a, (db) => get(db, 'k')),
    null,
  );
  a.engine.collect(100);
  assert.equal(settle([a, b]), { k: 'v' });
});

test('values that expired beside others that live on are kept before the horizon: elsewhere they may have got more time', () => {
  const replicas = sharing(3, (first) => txn(first, (db) => db.sets.add(s('k'), s('old'))));
  const [a, b, c] = replicas;
  expire(a, 60);
  txn(c, (db) => db.sets.add(s('k'), s('unseen')));
  syncAll(replicas);
  expire(b, 10_000);
  txn(c, (db) => db.sets.add(s('k'), s('later')));
  syncAll([a, c]);
  tick(replicas, 100);
  for (const { engine } of replicas) engine.setStability([], engine.now - 50);
  for (const replica of [a, c]) {
    txn(replica, (db) => db.typeOf(s('k')));
    replica.engine.collect(100);
  }
  assert.equal(settle(replicas), { k: ['later', 'old', 'unseen'] });
});

test('collection anywhere and at any time leaves all with the same', () => {
  fc.assert(
    fc.property(steps(3, 60), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      plan.forEach((step, i) => {
        perform(replicas, step);
        if (step.step !== 'tick') return;
        const { engine } = replicas[i % 3];
        engine.setStability([], engine.now);
        engine.collect(100);
      });
      syncAll(replicas);
      syncAll(replicas);
      for (const replica of replicas) assertSame(replica, replicas[0]);
      tick(replicas, 100_000);
      collect(replicas);
      syncAll(replicas);
      for (const replica of replicas) {
        assertSame(replica, replicas[0]);
        assert.is(replica.db.volatileSize, 0);
      }
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 150) },
  );
});

test('a write over an expired key starts afresh, without its time to live', () => {
  const [a, b] = sharing(2, (first) => set(first, '40', 50));
  tick([a, b], 50);
  assert.is(
    txn(a, (db) => db.strings.addInteger(s('k'), 2)),
    2,
  );
  assert.equal(settle([a, b]), { k: '2' });
  assert.equal(lifetimes([a, b]), [NO_DEADLINE, NO_DEADLINE]);
});

test('a write of another type over an expired key shows that type', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v', 50));
  tick([a, b], 50);
  txn(b, (db) => db.sets.add(s('k'), s('m')));
  assert.equal(settle([a, b]), { k: ['m'] });
});

test('DEL takes the time to live with the value; a concurrent EXPIRE leaves nothing', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v'));
  txn(a, (db) => db.remove(s('k')));
  expire(b, 5000);
  assert.equal(settle([a, b]), {});
  for (const { db, engine } of [a, b]) {
    assert.is(db.volatileSize, 0);
    assert.is(engine.inspect(0, s('k')), null);
  }
});

test('a deadline in the past removes what it saw', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v'));
  expire(a, -1);
  set(b, 'w');
  assert.equal(settle([a, b]), { k: 'w' });
});

test('two nodes that collect the same key at once agree', () => {
  const replicas = sharing(3, (a) => set(a, 'v', 10));
  tick(replicas, 20);
  collect(replicas);
  assert.equal(settle(replicas), {});
});

test('many expired keys are collected, and leave no memory behind', () => {
  const replicas = sharing(2);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  for (let i = 0; i < 500; i++) {
    txn(replicas[i % 2], (db) => db.strings.write(s(`key ${i}`), s('v'.repeat(i)), replicas[0].engine.now + 10 + i));
  }
  syncAll(replicas);
  tick(replicas, 1000);
  for (const { engine } of replicas) engine.setStability([], engine.now);
  for (let turn = 0; turn < 100 && replicas[0].db.size > 0; turn++) replicas[0].engine.collect(20);
  assert.is(replicas[0].db.size, 0);
  assert.is(replicas[0].engine.statistics.expiredKeys, 500);
  syncAll(replicas);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(db.size, 0);
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    engine.collect(100);
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

test('a time to live that has governed nothing since its value was replaced is gone', () => {
  const [a, b] = sharing(2, (first) => set(first, 'v'));
  expire(a, 5000);
  set(b, 'w');
  settle([a, b]);
  set(b, 'x');
  settle([a, b]);
  for (const { engine, db } of [a, b]) {
    assert.equal(engine.inspect(0, s('k'))?.deadlines, []);
    assert.is(db.volatileSize, 0);
  }
});

test('a cancelled counter beside a value that lives on is no expired value: reading the key ends', () => {
  const [a, b, c] = [0, 1, 2].map(makeReplica);
  const key = s('k');
  txn(b, (db) => db.strings.addInteger(key, 5));
  txn(b, (db) => db.strings.write(key, s('of b'), NO_DEADLINE));
  txn(a, (db) => db.strings.write(key, s('of a'), NO_DEADLINE));
  a.engine.seal();
  for (const { bytes } of a.sealed) c.engine.receive(bytes);
  txn(c, (db) => db.expireAt(key, START_MS + 100_000));
  for (const each of [a, b]) each.engine.seal();
  for (const { bytes } of b.sealed) a.engine.receive(bytes);
  txn(a, (db) => db.expireAt(key, START_MS + 10));
  syncAll([a, b, c]);
  for (const each of [a, b, c]) {
    each.engine.setStability([], START_MS + 20);
    each.engine.setNow(START_MS + 20);
    txn(each, (db) => assert.is(db.typeOf(key), 1));
    assert.is(get(each.db, 'k'), 'of a');
  }
});

test.run();
