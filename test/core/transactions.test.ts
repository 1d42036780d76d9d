/** Transactions: their effects arrive as one, in causal order, and watches see what comes from elsewhere. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, tick } from './orders.ts';

function set(replica: Replica, key: string, value: string): void {
  txn(replica, (db) => db.strings.write(s(key), s(value), NO_DEADLINE));
}

test('at every moment of delivery a transaction is there whole or not at all', () => {
  const plan = fc.array(fc.record({ at: fc.nat(2), from: fc.nat(2), which: fc.nat(50) }), {
    maxLength: 60,
    size: 'max',
  });
  fc.assert(
    fc.property(plan, (steps) => {
      const replicas = [0, 1, 2].map(makeReplica);
      let number = 0;
      for (const { at, from, which } of steps) {
        if (at === from) {
          number++;
          txn(replicas[at], (db) => {
            for (const key of ['x', 'y', 'z']) db.strings.write(s(key), s(String(number)), NO_DEADLINE);
            db.hashes.set(s('h'), s('n'), s(String(number)), NO_DEADLINE);
          });
          replicas[at].engine.seal();
        } else {
          const { sealed } = replicas[from];
          if (sealed.length > 0) replicas[at].engine.receive(sealed[which % sealed.length].bytes);
        }
        for (const { db } of replicas) {
          const values = new Set([...['x', 'y', 'z'].map((key) => get(db, key)), fieldOf(db)]);
          assert.is(values.size, 1);
        }
      }
    }),
    { numRuns: 60 },
  );
});

function fieldOf(db: Replica['db']): string | null {
  const shown = contents(db).h;
  return shown === undefined ? null : (shown as Record<string, string>).n;
}

test('what somebody saw before it wrote is visible wherever its write is', () => {
  const [a, b, c] = sharing(3);
  set(a, 'cause', '1');
  syncAll([a, b]);
  set(b, 'effect', '1');
  b.engine.seal();
  for (const { bytes } of b.sealed) assert.is(c.engine.receive(bytes).kind, 'waiting');
  assert.is(get(c.db, 'effect'), null);
  for (const { bytes } of a.sealed) c.engine.receive(bytes);
  assert.equal([get(c.db, 'cause'), get(c.db, 'effect')], ['1', '1']);
});

test('later effects of a transaction see its earlier ones, everywhere', () => {
  const replicas = sharing(2);
  txn(replicas[0], (db) => {
    db.sets.add(s('k'), s('m'));
    db.remove(s('k'));
    db.hashes.set(s('k'), s('f'), s('1'), NO_DEADLINE);
    db.hashes.addInteger(s('k'), s('f'), 2);
    db.hashes.remove(s('k'), s('f'));
    db.strings.addInteger(s('k'), 5);
    db.strings.addInteger(s('k'), 6);
    db.expireAt(s('k'), replicas[0].engine.now + 1000);
    db.persist(s('k'));
    db.strings.write(s('l'), s('v'), replicas[0].engine.now + 1000);
    db.remove(s('l'));
  });
  assert.equal(settle(replicas), { k: '11' });
  assert.is(replicas[1].db.deadlineOf(s('k')), NO_DEADLINE);
});

test('a transaction without effects is none', () => {
  const [a] = sharing(1);
  const before = a.engine.vector();
  a.engine.begin();
  a.db.remove(s('nothing'));
  assert.not(a.db.persist(s('nothing')));
  assert.not(a.engine.commit());
  assert.equal(a.engine.vector(), before);
  assert.is(a.engine.seal(), null);
});

test('transactions do not nest, and no effect happens outside one', () => {
  const [a] = sharing(1);
  a.engine.begin();
  assert.throws(() => a.engine.begin());
  a.engine.commit();
  assert.throws(() => a.db.strings.write(s('k'), s('v'), NO_DEADLINE));
  assert.equal(contents(a.db), {});
});

const CHANGES: Readonly<Record<string, (replica: Replica) => void>> = {
  'a write': (replica) => set(replica, 'k', 'w'),
  'a removal': (replica) => txn(replica, (db) => db.remove(s('k'))),
  'a time to live': (replica) => txn(replica, (db) => db.expireAt(s('k'), replica.engine.now + 1000)),
  'an increment': (replica) => txn(replica, (db) => db.strings.addInteger(s('k'), 1)),
  'a flush': (replica) => txn(replica, (db) => db.clear()),
  'a swap': (replica) => txn(replica, (db) => db.swapWith(replica.engine.databases[1])),
};

test('a watch sees every kind of change of its key that comes from elsewhere', () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    const [a, b] = sharing(2, (first) => set(first, 'k', '1'));
    const watch = a.engine.watch(0, s('k'));
    const other = a.engine.watch(0, s('other'));
    change(b);
    assert.not(watch.changed, name);
    syncAll([a, b]);
    assert.ok(watch.changed, name);
    assert.not(other.changed, name);
  }
});

test('a watch sees changes of fields and members, and by a merged state', () => {
  const [a, b] = sharing(2, (first) =>
    txn(first, (db) => {
      db.hashes.set(s('h'), s('f'), s('v'), NO_DEADLINE);
      db.sets.add(s('s'), s('m'));
    }),
  );
  const watches = ['h', 's'].map((key) => a.engine.watch(0, s(key)));
  const untouched = a.engine.watch(1, s('h'));
  txn(b, (db) => {
    db.hashes.remove(s('h'), s('f'));
    db.sets.add(s('s'), s('n'));
  });
  b.engine.seal();
  a.engine.importState([b.engine.exportState(0, 100_000).bytes]);
  assert.equal(
    watches.map(({ changed }) => changed),
    [true, true],
  );
  assert.not(untouched.changed);
});

test('a watched key that expires has changed; one that was expired when the watch began has not', () => {
  const [a] = sharing(1, (first) => txn(first, (db) => db.strings.write(s('k'), s('v'), first.engine.now + 10)));
  const alive = a.engine.watch(0, s('k'));
  tick([a], 10);
  assert.ok(alive.changed);
  const expired = a.engine.watch(0, s('k'));
  assert.not(expired.changed);
  a.engine.setStability('alone', a.engine.now);
  a.engine.collect(10);
  assert.is(a.db.size, 0);
  assert.not(expired.changed);
});

test('an envelope within a transaction is refused by an exception, not applied half way', () => {
  const [a, b] = sharing(2);
  set(b, 'k', 'v');
  b.engine.seal();
  a.engine.begin();
  assert.throws(() => a.engine.receive(b.sealed[0].bytes));
  a.engine.commit();
  assert.equal(settle([a, b]), { k: 'v' });
});

test.run();
