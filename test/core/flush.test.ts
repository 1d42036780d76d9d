/** Commands on whole keys and databases are effects on what they saw: concurrent writes survive them. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { perform, steps } from './operations.ts';
import { settle, sharing, stabilize } from './orders.ts';

/** One key of each kind. */
function fill(replica: Replica): void {
  txn(replica, (db) => {
    db.strings.write(s('string'), s('v'), NO_DEADLINE);
    db.strings.addInteger(s('counter'), 5);
    db.hashes.set(s('hash'), s('f'), s('v'), NO_DEADLINE);
    db.hashes.addInteger(s('hash'), s('n'), 5);
    db.sets.add(s('set'), s('m'));
    for (const value of ['x', 'y']) db.lists.push(s('list'), 'tail', s(value));
    db.zsets.assign(s('zset'), s('m'), 1);
    db.zsets.addScore(s('zset'), s('n'), 5);
  });
}

/** To be done where the keys are still there. */
function writeMeanwhile(replica: Replica): void {
  txn(replica, (db) => {
    db.strings.write(s('new'), s('v'), NO_DEADLINE);
    db.strings.addInteger(s('counter'), 2);
    db.hashes.set(s('hash'), s('g'), s('w'), NO_DEADLINE);
    db.hashes.addInteger(s('hash'), s('n'), 3);
    db.sets.add(s('set'), s('o'));
    db.lists.push(s('list'), 'head', s('w'));
    db.lists.assign(s('list'), 2, s('Y'));
    db.zsets.assign(s('zset'), s('o'), 2);
    db.zsets.addScore(s('zset'), s('n'), 3);
  });
}

const SURVIVES = {
  counter: '2',
  hash: { g: 'w', n: '3' },
  list: ['w', 'Y'],
  new: 'v',
  set: ['o'],
  zset: [
    ['o', 2],
    ['n', 3],
  ],
};
const ALL = {
  counter: '5',
  hash: { f: 'v', n: '5' },
  list: ['x', 'y'],
  set: ['m'],
  string: 'v',
  zset: [
    ['m', 1],
    ['n', 5],
  ],
};

function rename(replica: Replica, from: string, to: string): void {
  txn(replica, (db) => {
    db.copyTo(s(from), db, s(to));
    db.remove(s(from));
  });
}

test('FLUSHDB takes what it saw, and not what was written meanwhile', () => {
  const [a, b] = sharing(2, fill);
  txn(a, (db) => db.clear());
  writeMeanwhile(b);
  assert.equal(settle([a, b]), SURVIVES);
});

test('a flushed database has no digest, and after stability no memory', () => {
  const replicas = sharing(2);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  fill(replicas[0]);
  writeMeanwhile(replicas[1]);
  syncAll(replicas);
  txn(replicas[0], (db) => db.clear());
  syncAll(replicas);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(db.size, 0);
    assert.is(engine.digest(), makeReplica(7).engine.digest());
    assert.is(engine.statistics.pendingCollection, 0);
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

test('FLUSHDB on one database leaves the others', () => {
  const [a, b] = sharing(2, fill);
  txn(a, () => a.engine.databases[3].strings.write(s('k'), s('three'), NO_DEADLINE));
  syncAll([a, b]);
  txn(b, (db) => db.clear());
  settle([a, b]);
  assert.equal(contents(a.engine.databases[3]), { k: 'three' });
  assert.equal(contents(a.db), {});
});

test('SWAPDB carries what it saw; a write meanwhile stays in the database in which it was made', () => {
  const [a, b] = sharing(2, fill);
  txn(a, (db) => db.swapWith(a.engine.databases[1]));
  writeMeanwhile(b);
  settle([a, b]);
  for (const { engine } of [a, b]) {
    assert.equal(contents(engine.databases[0]), SURVIVES);
    assert.equal(contents(engine.databases[1]), ALL);
  }
});

test('two SWAPDBs at once leave one copy of all in the other database', () => {
  const [a, b] = sharing(2, fill);
  for (const replica of [a, b]) txn(replica, (db) => db.swapWith(replica.engine.databases[1]));
  settle([a, b]);
  assert.equal(contents(a.db), {});
  const { counter, ...others } = contents(b.engine.databases[1]);
  const { counter: _, ...expected } = ALL;
  assert.equal(others, expected);
  assert.is(counter, '5');
});

test('RENAME carries what it saw; a write meanwhile to the old name stays there', () => {
  for (const key of ['counter', 'hash', 'set'] as const) {
    const [a, b] = sharing(2, fill);
    rename(a, key, 'moved');
    writeMeanwhile(b);
    const { [key]: left, moved } = settle([a, b]);
    assert.equal(moved, ALL[key], key);
    assert.equal(left, SURVIVES[key], key);
  }
});

test('RENAME to two names at once leaves both', () => {
  const [a, b] = sharing(2, fill);
  rename(a, 'set', 'x');
  rename(b, 'set', 'y');
  const { set, x, y } = settle([a, b]);
  assert.equal([set, x, y], [undefined, ['m'], ['m']]);
});

test('RENAME over a key takes what it saw of that key', () => {
  const [a, b] = sharing(2, fill);
  rename(a, 'string', 'set');
  txn(b, (db) => db.sets.add(s('set'), s('o')));
  settle([a, b]);
  txn(b, (db) => db.remove(s('set')));
  const { set } = settle([a, b]);
  assert.is(set, undefined);
});

test('COPY takes times to live along, and leaves the source alone', () => {
  const [a, b] = sharing(2, fill);
  const deadline = a.engine.now + 5000;
  txn(a, (db) => {
    db.expireAt(s('hash'), deadline);
    db.hashes.expireAt(s('hash'), s('f'), deadline - 1000);
    db.copyTo(s('hash'), a.engine.databases[2], s('copy'));
  });
  settle([a, b]);
  const [, , target] = b.engine.databases;
  assert.equal(contents(target), { copy: ALL.hash });
  assert.is(target.deadlineOf(s('copy')), deadline);
  assert.is(target.hashes.deadlineOf(s('copy'), s('f')), deadline - 1000);
  assert.is(target.hashes.deadlineOf(s('copy'), s('n')), NO_DEADLINE);
  assert.equal(contents(b.db), ALL);
});

test('MOVE on two nodes at once, with a write meanwhile, loses nothing', () => {
  const replicas = sharing(3, fill);
  for (const replica of replicas.slice(0, 2)) {
    txn(replica, (db) => {
      db.copyTo(s('set'), replica.engine.databases[1], s('set'));
      db.remove(s('set'));
    });
  }
  txn(replicas[2], (db) => db.sets.add(s('set'), s('o')));
  settle(replicas);
  for (const { engine, db } of replicas) {
    assert.equal(contents(engine.databases[1]), { set: ['m'] });
    assert.equal(contents(db).set, ['o']);
  }
});

test('a counter that was cancelled among several types waits for stability once', () => {
  const replicas = sharing(2);
  const [a, b] = replicas;
  txn(a, (db) => db.strings.addInteger(s('k'), 1));
  txn(a, (db) => db.strings.write(s('k'), s('a'), NO_DEADLINE));
  txn(b, (db) => db.hashes.addInteger(s('k'), s('n'), 1));
  txn(b, (db) => db.strings.write(s('k'), s('b'), NO_DEADLINE));
  syncAll(replicas);
  for (const { engine } of replicas) assert.is(engine.statistics.pendingCollection, 2);
  txn(a, (db) => db.clear());
  stabilize(replicas);
  for (const { engine } of replicas) assert.is(engine.statistics.pendingCollection, 0);
});

test('after a flush by one that has seen all, nothing of any history is left anywhere', () => {
  fc.assert(
    fc.property(steps(3, 60), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
      for (const step of plan) perform(replicas, step);
      syncAll(replicas);
      syncAll(replicas);
      txn(replicas[0], (db) => db.clear());
      syncAll(replicas);
      stabilize(replicas);
      replicas.forEach(({ engine, db }, i) => {
        assert.is(db.size, 0);
        assert.is(engine.digest(), makeReplica(7).engine.digest());
        assert.is(engine.statistics.pendingCollection, 0);
        for (const key of ['k', 'l', 'm', 'renamed']) assert.is(engine.inspect(0, s(key)), null);
        for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
        assert.is(engine.statistics.arenaUsedBytes, used[i]);
      });
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 100) },
  );
});

test.run();
