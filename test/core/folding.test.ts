/** Small collections that stand folded: nobody can tell but by the memory that they take. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, KeyType, NO_DEADLINE, slotsOf } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';

/** Of such that folds all that it can. */
function folder(unfoldedMax = 0): Replica {
  const engine = createEngine({ replica: 'f'.repeat(16), hashSeed: 11, unfoldedMax });
  const sealed: Replica['sealed'] = [];
  engine.setNow(START_MS);
  engine.setStability([], 0);
  engine.onEnvelope((envelope, local) => {
    if (local) sealed.push(envelope);
  });
  return { engine, db: engine.databases[0], sealed };
}

/** What is folded is folded between txns. */
function rest({ engine }: Replica): void {
  engine.begin();
  engine.commit();
}

function folded({ engine }: { engine: Engine }): number {
  return engine.statistics.foldedKeys;
}

/** A hash of counters and values, a set, a sorted set and a list of such and such elements. */
function fill(replica: Replica, count: number): void {
  txn(replica, (db) => {
    for (let i = 0; i < count; i++) {
      db.hashes.set(s('hash'), s(`field ${i}`), s(`value ${i}`), NO_DEADLINE);
      db.sets.add(s('set'), s(`member ${i}`));
      db.zsets.assign(s('zset'), s(`member ${i}`), i / 4);
      db.lists.push(s('list'), i % 3 === 0 ? 'head' : 'tail', s(`element ${i}`));
    }
    db.hashes.addInteger(s('hash'), s('count'), 7);
  });
}

test('what is folded is what it was: for readers, for writers, and for the digest', () => {
  const a = folder();
  const plain = makeReplica(0);
  fill(a, 100);
  syncAll([a, plain]);
  rest(a);
  assert.is(folded(a), 4);
  assert.is(a.engine.digest(), plain.engine.digest());
  assert.is(a.db.typeOf(s('zset')), KeyType.zset);
  assert.is(folded(a), 4);
  assert.equal(contents(a.db), contents(plain.db));
  assert.is(folded(a), 0);
  rest(a);
  txn(a, (db) => {
    db.hashes.set(s('hash'), s('field 3'), s('another'), NO_DEADLINE);
    db.sets.remove(s('set'), s('member 5'));
    db.zsets.addScore(s('zset'), s('member 7'), 100);
    db.lists.assign(s('list'), 50, s('another'));
  });
  rest(a);
  syncAll([a, plain]);
  assert.is(a.engine.digest(), plain.engine.digest());
  assert.equal(contents(a.db), contents(plain.db));
});

test('a folded collection takes a third of the memory or less', () => {
  const a = folder();
  const { dataBytes } = a.engine;
  fill(a, 100);
  const unfolded = a.engine.dataBytes - dataBytes;
  rest(a);
  assert.ok(a.engine.dataBytes - dataBytes < unfolded / 3, `${a.engine.dataBytes - dataBytes} of ${unfolded} bytes`);
});

test('what is in use stays as it is, and what nobody asks for some seconds is folded, also where nothing happens', () => {
  const a = folder(1000);
  txn(a, (db) => db.sets.add(s('busy'), s('member')));
  for (let i = 0; i < 200; i++) {
    a.engine.setNow(START_MS + 100 * i);
    txn(a, (db) => {
      db.sets.add(s(`set ${i}`), s('member'));
      db.sets.has(s('busy'), s('member'));
    });
  }
  const before = folded(a);
  assert.ok(before > 60 && before < 180, `${before}`);
  assert.is(a.db.sets.has(s('busy'), s('member')), true);
  assert.is(folded(a), before);
  a.engine.setNow(START_MS + 60_000);
  a.engine.collect(1);
  assert.is(folded(a), 201);
});

test('where much too much stands unfolded, use does not count', () => {
  const a = folder(100);
  for (let i = 0; i < 200; i++) txn(a, (db) => db.sets.add(s(`set ${i}`), s('member')));
  assert.ok(folded(a) > 150);
});

test('a scan goes on in what was folded in between', () => {
  const a = folder();
  fill(a, 100);
  const seen = new Set<string>();
  let cursor = 0;
  do {
    cursor = a.db.hashes.scan(s('hash'), cursor, 10, (field) => seen.add(field.latin1()));
    rest(a);
  } while (cursor !== 0);
  assert.is(seen.size, 101);
});

test('what is large, has fields that end, or holds what others wrote at the same time, is not folded', () => {
  const [a, b] = [folder(), makeReplica(0)];
  fill(a, 129);
  txn(a, (db) => {
    db.hashes.set(s('fleeting'), s('field'), s('value'), START_MS + 1000);
    db.hashes.set(s('disputed'), s('field'), s('one'), NO_DEADLINE);
  });
  txn(b, (db) => db.hashes.set(s('disputed'), s('field'), s('other'), NO_DEADLINE));
  syncAll([a, b]);
  rest(a);
  assert.is(folded(a), 0);
  assert.is(a.engine.digest(), b.engine.digest());
});

test('a key that is folded ends when its time has come', () => {
  const a = folder();
  fill(a, 10);
  txn(a, (db) => db.expireAt(s('set'), START_MS + 1000));
  rest(a);
  assert.is(folded(a), 4);
  assert.is(a.db.deadlineOf(s('set')), START_MS + 1000);
  a.engine.setNow(START_MS + 1001);
  assert.is(a.db.typeOf(s('set')), KeyType.none);
});

test('a block that is damaged is found, whichever byte it is, and a peer’s copy takes its place', () => {
  const [a, b] = [folder(), makeReplica(0)];
  fill(a, 3);
  syncAll([a, b]);
  for (let place = 0; place < 200; place++) {
    for (const key of ['hash', 'set', 'zset', 'list']) {
      rest(a);
      assert.is(folded(a), 4, `before ${key} ${place}`);
      assert.is(a.engine.flipByte(0, s(key), { place, mask: 1 + (place % 255) }), true);
      // what was written since a pass began is left to the next one
      for (let passes = 0; passes < 2; ) if (a.engine.checkSelf(1000)) passes++;
      const damaged = a.engine.damagedSlots();
      assert.is(slotsOf(damaged).length, 1, `${key} ${place}`);
      a.engine.watchSlots();
      const { pages, given } = b.engine.giveSlots(damaged);
      a.engine.mendSlots(pages, { slots: given, giver: b.engine.replica, mend: true });
      assert.is(a.engine.digest(), b.engine.digest(), `${key} ${place}`);
    }
  }
  assert.equal(contents(a.db), contents(b.db));
});

test.run();
