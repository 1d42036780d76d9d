/** How keys are used, and which of them are drawn as candidates for eviction; what data takes, as `maxmemory` counts it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE } from '../../src/core/index.ts';
import { Random } from '../simulation/random.ts';
import { makeReplica, type Replica, START_MS, s, txn } from './cluster.ts';

function replicaWith(...keys: string[]): Replica {
  const replica = makeReplica(0);
  for (const key of keys) write(replica, key);
  return replica;
}

function write(replica: Replica, key: string, deadline: number = NO_DEADLINE): void {
  txn(replica, (db) => db.strings.write(s(key), s('value'), deadline));
}

function seeded(): () => number {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  return () => random.next();
}

function sampled(replica: Replica, among: 'all' | 'volatile', by: 'use' | 'deadline', count = 100): [string, number][] {
  const found: [string, number][] = [];
  const random = seeded();
  replica.db.sample({ count, among, by, random }, ({ key, dispensable }) => found.push([key.latin1(), dispensable]));
  return found.sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

test('a key that was not used for long is the more dispensable', () => {
  const replica = replicaWith('old', 'read');
  replica.engine.setNow(START_MS + 100_000);
  write(replica, 'new');
  replica.db.touch(s('read'));
  replica.engine.setNow(START_MS + 101_000);
  assert.equal(sampled(replica, 'all', 'use'), [
    ['new', 1],
    ['old', 101],
    ['read', 1],
  ]);
  assert.is(replica.db.idleSeconds(s('old')), 101);
});

test('idle times are told for three days', () => {
  const replica = replicaWith('k');
  replica.engine.setNow(START_MS + 72 * 3_600_000);
  assert.is(replica.db.idleSeconds(s('k')), 72 * 3600);
});

test('of keys with times to live the one that ends first is the most dispensable, and no others are drawn', () => {
  const replica = replicaWith('stays');
  write(replica, 'soon', START_MS + 1000);
  write(replica, 'late', START_MS + 50_000);
  txn(replica, (db) => db.persist(s('late')));
  write(replica, 'later', START_MS + 60_000);
  assert.equal(sampled(replica, 'volatile', 'deadline'), [
    ['later', -START_MS - 60_000],
    ['soon', -START_MS - 1000],
  ]);
});

test('however few there are of many, a draw finds some', () => {
  const replica = replicaWith(...Array.from({ length: 1000 }, (_, index) => `key:${index}`));
  assert.is(sampled(replica, 'all', 'use', 5).length, 5);
  txn(replica, (db) => {
    for (let index = 1; index < 1000; index++) db.remove(s(`key:${index}`));
  });
  assert.equal(
    sampled(replica, 'all', 'use', 5).map(([key]) => key),
    ['key:0'],
  );
});

test('a key that is removed but remembered is not drawn', () => {
  const replica = makeReplica(0);
  txn(replica, (db) => db.strings.addInteger(s('counter'), 5));
  replica.engine.seal();
  txn(replica, (db) => db.remove(s('counter')));
  assert.is(replica.engine.statistics.pendingCollection, 1);
  assert.equal(sampled(replica, 'all', 'use'), []);
});

test('uses are counted: seldom the more there are, and fewer as time goes by', () => {
  const replica = makeReplica(0);
  replica.engine.countUse({ growthFactor: 10, decayMinutes: 1 });
  write(replica, 'seldom');
  write(replica, 'often');
  assert.is(replica.db.useCount(s('seldom')), 5);
  for (let use = 0; use < 1000; use++) replica.db.touch(s('often'));
  const count = replica.db.useCount(s('often'));
  assert.ok(count > 8 && count < 40, `${count}`);
  const [often, seldom] = sampled(replica, 'all', 'use');
  assert.ok(seldom[1] > often[1]);
  replica.engine.setNow(START_MS + 3 * 60_000);
  assert.is(replica.db.useCount(s('often')), count - 3);
  replica.engine.setNow(START_MS + 600 * 60_000);
  assert.is(replica.db.useCount(s('often')), 0);
});

test('with a factor of 0 each use counts, up to 255; without decay a count stays', () => {
  const replica = makeReplica(0);
  replica.engine.countUse({ growthFactor: 0, decayMinutes: 0 });
  write(replica, 'k');
  for (let use = 0; use < 300; use++) replica.db.touch(s('k'));
  replica.engine.setNow(START_MS + 500 * 60_000);
  assert.is(replica.db.useCount(s('k')), 255);
});

test('what is read unnoticed is not used, whichever way that is kept', () => {
  for (const counting of [null, { growthFactor: 0, decayMinutes: 1 }]) {
    const replica = makeReplica(0);
    replica.engine.countUse(counting);
    write(replica, 'k');
    replica.engine.setNow(START_MS + 5000);
    replica.engine.readUnnoticed(true);
    replica.db.touch(s('k'));
    replica.engine.readUnnoticed(false);
    if (counting === null) assert.is(replica.db.idleSeconds(s('k')), 5);
    else assert.is(replica.db.useCount(s('k')), 5);
  }
});

test('how a key was used elsewhere can be set, where it is kept', () => {
  const replica = replicaWith('k');
  replica.db.setUse(s('k'), { count: 100 });
  assert.is(replica.db.idleSeconds(s('k')), 0);
  replica.db.setUse(s('k'), { idleSeconds: 1000 });
  assert.is(replica.db.idleSeconds(s('k')), 1000);
  replica.engine.countUse({ growthFactor: 10, decayMinutes: 1 });
  replica.db.setUse(s('k'), { idleSeconds: 1000 });
  replica.db.setUse(s('k'), { count: 100 });
  assert.is(replica.db.useCount(s('k')), 100);
});

test('what data takes grows with it and goes with it, whatever the store has seen of it', () => {
  const replica = makeReplica(0);
  const empty = replica.engine.dataBytes;
  const keys = Array.from({ length: 3 }, (_, index) => `key:${index}`);
  for (const key of keys) write(replica, key);
  const full = replica.engine.dataBytes;
  assert.ok(full > empty, `${empty} to ${full}`);
  while (replica.engine.drainDirty(Number.POSITIVE_INFINITY, () => {}) > 0);
  assert.is(replica.engine.dataBytes, full);
  txn(replica, (db) => {
    for (const key of keys) db.remove(s(key));
  });
  assert.is(replica.engine.dataBytes, empty);
});

test.run();
