/**
 * A node checks its own memory: whichever byte of the data changes by itself is found, and the copy of a peer mends it,
 * in memory and in the store. Of two copies that are sound and differ nothing is lost.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bitmapOf, type Flip, type Mended, NO_DEADLINE, slotsOf } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { perform, type Step, steps } from './operations.ts';

const RUNS = 300;
const KEYS = ['k', 'l', 'm', 'x', 'renamed'];

function agree([one, other]: readonly [Replica, Replica]): void {
  assert.equal(other.engine.vector(), one.engine.vector());
  assert.equal(contents(other.db), contents(one.db));
  assert.is(other.engine.digest(), one.engine.digest());
}

/** Looks at everything; gives the damaged slots. */
function check({ engine }: Replica): number[] {
  // what was written since the pass began is left to the next one
  for (let passes = 0; passes < 2; ) if (engine.checkSelf(100)) passes++;
  return slotsOf(engine.damagedSlots());
}

/** What a peer gives of our damaged slots. */
function mend(replica: Replica, peer: Replica, slots = replica.engine.damagedSlots()): Mended {
  replica.engine.watchSlots();
  const { pages, given } = peer.engine.giveSlots(slots);
  return replica.engine.mendSlots(pages, { slots: given, giver: peer.engine.replica, mend: true });
}

/** Both have applied the same. */
function pairOf(plan: readonly Step[]): [Replica, Replica] {
  // the first, which is damaged, folds what it can, or does not
  const first = plan.length % 2;
  const replicas: [Replica, Replica] = [makeReplica(first), makeReplica(1 - first)];
  for (const step of plan) perform(replicas, step);
  syncAll(replicas);
  syncAll(replicas);
  agree(replicas);
  return replicas;
}

/** Everything that the store would be told from now on. */
function drained({ engine }: Replica): Map<string, string> {
  const records = new Map<string, string>();
  while (
    engine.drainDirty(1000, ({ key, value }) =>
      records.set(Buffer.from(key).toString('latin1'), Buffer.from(value).toString('latin1')),
    ) > 0
  );
  return records;
}

test('whichever byte changes, it is found, and a peer’s copy mends it', () => {
  const flips: fc.Arbitrary<Flip> = fc.record({ place: fc.nat(10_000), mask: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(steps(2, 40), fc.constantFrom(...KEYS), flips, (plan, key, flip) => {
      const [a, b] = pairOf(plan);
      const stored = drained(a);
      assert.equal(check(a), []);
      if (!a.engine.flipByte(0, s(key), flip)) return;
      assert.is(check(a).length, 1, 'one damaged slot');
      const { keys, busy } = mend(a, b);
      assert.is(busy, 0);
      // what only led to the wrong place is mended where it is found
      assert.ok(keys.length <= 1 && keys.every((each) => each.key.toString() === key));
      assert.equal(check(a), []);
      agree([a, b]);
      // what the store then holds is what is in memory: a node that starts from it is equal
      for (const [name, value] of drained(a)) stored.set(name, value);
      const again = makeReplica(9);
      again.engine.setNow(a.engine.now);
      again.engine.loadVector(a.engine.replicaTable(), a.engine.vector());
      const records = [...stored].filter(([, value]) => value !== '');
      // values before the times to live that govern them
      for (const [name, value] of records.sort(([one], [other]) => (one < other ? -1 : 1)))
        again.engine.loadRecord(Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1'));
      agree([a, again]);
      // and both go on alike
      for (const step of plan) perform([a, b], step);
      syncAll([a, b]);
      syncAll([a, b]);
      agree([a, b]);
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test('a node with damaged data goes on: no command and no txn of others ends in an error', () => {
  const flips = fc.array(
    fc.record({
      key: fc.constantFrom(...KEYS),
      place: fc.nat(10_000),
      mask: fc.integer({ min: 1, max: 255 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(steps(2, 40), flips, steps(2, 40), (before, damage, after) => {
      const replicas = pairOf(before);
      for (const { key, ...flip } of damage) replicas[0].engine.flipByte(0, s(key), flip);
      for (const step of after) perform(replicas, step);
      syncAll(replicas);
      check(replicas[0]);
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test('a slot that is written while a peer is asked for it is left alone, and asked for again', () => {
  const [a, b] = [makeReplica(0), makeReplica(1)];
  txn(a, (db) => db.strings.write(s('k'), s('value'), NO_DEADLINE));
  syncAll([a, b]);
  a.engine.flipByte(0, s('k'), { place: 3, mask: 1 });
  const slots = check(a);
  assert.is(slots.length, 1);
  a.engine.watchSlots();
  const { pages, given } = b.engine.giveSlots(bitmapOf(slots));
  txn(a, (db) => db.strings.write(s('k'), s('later'), NO_DEADLINE));
  const { keys, busy } = a.engine.mendSlots(pages, { slots: given, giver: b.engine.replica, mend: true });
  assert.is(busy, 1);
  assert.is(keys.length, 0);
  syncAll([a, b]);
  mend(a, b);
  assert.equal(check(a), []);
  agree([a, b]);
});

test('a damaged slot is not given away', () => {
  const [a, b] = [makeReplica(0), makeReplica(1)];
  txn(a, (db) => db.strings.write(s('k'), s('value'), NO_DEADLINE));
  syncAll([a, b]);
  a.engine.flipByte(0, s('k'), { place: 3, mask: 1 });
  const slots = bitmapOf(check(a));
  assert.equal(slotsOf(a.engine.giveSlots(slots).given), []);
  // found only when it is asked for
  b.engine.flipByte(0, s('k'), { place: 2, mask: 1 });
  assert.equal(slotsOf(b.engine.giveSlots(slots).given), []);
});

test('two sound copies that differ are joined, alike on both sides, and nothing is lost', () => {
  const edits = fc.array(
    fc.record({ at: fc.nat(1), which: fc.nat(50), kind: fc.constantFrom('drop' as const, 'change' as const) }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(steps(2, 40), edits, (plan, damage) => {
      const replicas = pairOf(plan);
      const records = [...drained(replicas[0])];
      if (records.length === 0) return;
      for (const { at, which, kind } of damage) {
        const [name, value] = records[which % records.length];
        const bytes = Buffer.from(value, 'latin1');
        if (kind === 'change' && bytes.length > 0) bytes[bytes.length - 1] ^= 1;
        try {
          replicas[at].engine.loadRecord(Buffer.from(name, 'latin1'), kind === 'drop' ? Buffer.from([0, 0]) : bytes);
        } catch {
          // a byte that no record may have there
        }
      }
      const [a, b] = replicas;
      const all = bitmapOf(Array.from({ length: 16_384 }, (_, slot) => slot));
      mend(a, b, all);
      mend(b, a, all);
      assert.is(a.engine.digest(), b.engine.digest());
      assert.equal(check(a), []);
      assert.equal(check(b), []);
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test('a pass that is cut into pieces finds what one in one go finds, while others write', () => {
  const [a] = [makeReplica(0)];
  for (let i = 0; i < 500; i++) txn(a, (db) => db.strings.write(s(`key:${i}`), s('x'.repeat(i % 40)), NO_DEADLINE));
  txn(a, (db) => {
    for (let i = 0; i < 500; i++) db.sets.add(s('set'), s(`member:${i}`));
    db.expireAt(s('set'), START_MS + 60_000);
  });
  a.engine.flipByte(0, s('set'), { place: 5000, mask: 4 });
  let steps = 0;
  for (let passes = 0; passes < 2; steps++) {
    if (a.engine.checkSelf(10)) passes++;
    txn(a, (db) => db.strings.addInteger(s(`counter:${steps % 7}`), 1));
  }
  assert.ok(steps > 10, `${steps} steps`);
  assert.is(slotsOf(a.engine.damagedSlots()).length, 1);
});

test.run();
