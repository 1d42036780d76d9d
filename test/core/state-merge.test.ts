/**
 * State transfer against delivery: whatever the two sides did, merging their states gives what delivering the txns
 * would have given, digest included, and nothing that either side has removed comes back.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Engine, fingerprintsOf, NO_DEADLINE } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { perform, type Step, steps } from './operations.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);

function exportAll(engine: Engine, bytesMax = 200): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let cursor = 0;
  do {
    const page = engine.exportState(cursor, bytesMax);
    pages.push(page.bytes);
    cursor = page.next;
  } while (cursor !== 0);
  return pages;
}

/** `to` takes over the whole state of `from`. */
function transfer(from: Replica, to: Replica, bytesMax = 200): void {
  from.engine.seal();
  to.engine.seal();
  to.engine.importState(exportAll(from.engine, bytesMax));
}

function agree(replicas: readonly Replica[]): void {
  const [first, ...others] = replicas;
  for (const other of others) {
    assert.equal(other.engine.vector(), first.engine.vector());
    assert.equal(contents(other.db), contents(first.db));
    assert.is(other.engine.digest(), first.engine.digest());
  }
}

/** Both ways between two replicas, and against a third that only ever got the txns. */
function assertMerged(a: Replica, b: Replica, everybody: readonly Replica[] = [a, b]): void {
  transfer(a, b);
  transfer(b, a);
  const byTxns = makeReplica(9);
  byTxns.engine.setNow(a.engine.now);
  for (let round = 0; round < everybody.length; round++)
    for (const { sealed } of everybody) for (const envelope of sealed) byTxns.engine.receive(envelope.bytes);
  agree([a, b, byTxns]);
}

function pair(): [Replica, Replica] {
  return [makeReplica(0), makeReplica(1)];
}

/** Grows by what the replica seals or applies from now on. */
function tailOf({ engine }: Replica): Uint8Array[] {
  const tail: Uint8Array[] = [];
  engine.seal();
  engine.onEnvelope(({ bytes }) => tail.push(Buffer.from(bytes)));
  return tail;
}

/** The same by comparison: only what differs. */
function transferCompared(from: Replica, to: Replica, bytesMax = 200, meanwhile: () => void = () => {}): number {
  from.engine.seal();
  to.engine.seal();
  const held = to.engine.slotDigests();
  if (held === null) throw new Error('nothing was loaded here');
  const tail = tailOf(from);
  const { slots, vector } = from.engine.compareSlots(held.digests);
  const lists: Uint8Array[] = [];
  let cursor = 0;
  do {
    const list = from.engine.listKeys(slots, cursor, bytesMax);
    lists.push(list.bytes);
    cursor = list.next;
    meanwhile();
  } while (cursor !== 0);
  const { wanted, equal, seen } = to.engine.chooseKeys(slots, lists);
  const names = new Set(fingerprintsOf(wanted));
  const pages: Uint8Array[] = [];
  do {
    const page = from.engine.exportState(cursor, bytesMax, names);
    pages.push(page.bytes);
    cursor = page.next;
    meanwhile();
  } while (cursor !== 0);
  from.engine.seal();
  to.engine.seal();
  to.engine.importState(pages, tail, { slots, vector, equal, seenAtSlots: held.seen, seenAtKeys: seen, kept: [] });
  return names.size;
}

test('a key that expires here and was removed there leaves nothing of its time to live in the digest', () => {
  const [a, b] = pair();
  txn(a, (db) => db.strings.write(s('k'), s('v'), NO_DEADLINE));
  syncAll([a, b]);
  txn(a, (db) => db.remove(s('k')));
  txn(b, (db) => db.expireAt(s('k'), START_MS + 5000));
  assertMerged(a, b);
  assert.is(a.db.volatileSize, 0);
  assert.is(b.engine.digest(), makeReplica(5).engine.digest());
});

test('a hash that gave way to a string leaves nothing of the times to live of its fields in the digest', () => {
  const [a, b] = pair();
  txn(a, (db) => db.hashes.set(s('k'), s('f'), s('v'), NO_DEADLINE));
  syncAll([a, b]);
  txn(a, (db) => db.strings.write(s('k'), s('v'), NO_DEADLINE));
  txn(b, (db) => db.hashes.expireAt(s('k'), s('f'), START_MS + 5000));
  assertMerged(a, b);
  assert.is(get(b.db, 'k'), 'v');
});

test('a hash that was removed from beside a set leaves nothing of the times to live of its fields in the digest', () => {
  const [a, b] = pair();
  txn(a, (db) => {
    db.hashes.set(s('k'), s('f'), s('v'), NO_DEADLINE);
    db.hashes.expireAt(s('k'), s('f'), START_MS + 5000);
  });
  txn(b, (db) => db.sets.add(s('k'), s('m')));
  const c = makeReplica(2);
  syncAll([a, b, c]);
  txn(c, (db) => db.sets.add(s('k'), s('m')));
  assertMerged(a, c, [a, b, c]);
  assert.equal(contents(a.db), { k: ['m'] });
});

test('what one side removed does not come back by a merge, what it has not seen stays', () => {
  const [a, b] = pair();
  txn(a, (db) => {
    for (const member of ['x', 'y']) db.sets.add(s('set'), s(member));
    db.hashes.set(s('hash'), s('f'), s('v'), NO_DEADLINE);
    db.strings.write(s('string'), s('v'), NO_DEADLINE);
    db.strings.addInteger(s('counter'), 5);
  });
  syncAll([a, b]);
  txn(a, (db) => {
    for (const key of ['set', 'hash', 'string', 'counter']) db.remove(s(key));
  });
  txn(b, (db) => {
    db.sets.add(s('set'), s('z'));
    db.hashes.set(s('hash'), s('g'), s('w'), NO_DEADLINE);
    db.strings.addInteger(s('counter'), 2);
  });
  assertMerged(a, b);
  assert.equal(contents(a.db), { counter: '2', hash: { g: 'w' }, set: ['z'] });
});

test('txns that arrive again after a merge, or that it held already, change nothing', () => {
  fc.assert(
    fc.property(steps(3, 40), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      const [a, b] = replicas;
      transfer(a, b);
      const digest = b.engine.digest();
      for (const { bytes } of a.sealed) assert.is(b.engine.receive(bytes).kind, 'duplicate');
      assert.is(b.engine.digest(), digest);
      syncAll(replicas);
      agree(replicas);
    }),
    { numRuns: RUNS },
  );
});

const longPlan: fc.Arbitrary<Step[]> = steps(3, 60).chain((first) =>
  steps(3, 60).map((second) => [...first, ...second]),
);

test('merges of long histories, in any page size and with txns between, agree with delivery', () => {
  fc.assert(
    fc.property(longPlan, longPlan, fc.constantFrom(1, 100, 100_000), (before, after, bytesMax) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const [a, b, c] = replicas;
      for (const step of before) perform(replicas, step);
      transfer(b, a, bytesMax);
      transfer(a, c, bytesMax);
      for (const step of after) perform(replicas, step);
      transfer(c, b, bytesMax);
      transfer(b, a, bytesMax);
      syncAll(replicas);
      syncAll(replicas);
      agree(replicas);
      const byTxns = makeReplica(9);
      byTxns.engine.setNow(a.engine.now);
      for (let round = 0; round < 4; round++)
        for (const { sealed } of replicas) for (const envelope of sealed) byTxns.engine.receive(envelope.bytes);
      agree([a, byTxns]);
    }),
    { numRuns: RUNS },
  );
});

test('transfers of what a comparison finds to differ agree with delivery as well', () => {
  fc.assert(
    fc.property(longPlan, longPlan, fc.constantFrom(1, 100, 100_000), (before, after, bytesMax) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const [a, b, c] = replicas;
      for (const step of before) perform(replicas, step);
      transferCompared(b, a, bytesMax);
      transferCompared(a, c, bytesMax);
      for (const step of after) perform(replicas, step);
      transferCompared(c, b, bytesMax);
      transferCompared(b, a, bytesMax);
      syncAll(replicas);
      syncAll(replicas);
      agree(replicas);
    }),
    { numRuns: RUNS },
  );
});

test('a comparison and its pages, taken while both sides write on, are merged, and the rest follows as txns', () => {
  fc.assert(
    fc.property(longPlan, longPlan, (before, meanwhile) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const [a, b] = replicas;
      for (const step of before) perform(replicas, step);
      let done = 0;
      const goOn = () => {
        for (const step of meanwhile.slice(done, done + 3)) perform(replicas, step);
        done += 3;
      };
      transferCompared(a, b, 1, goOn);
      syncAll(replicas);
      syncAll(replicas);
      agree(replicas);
    }),
    { numRuns: RUNS },
  );
});

test('a comparison of equal data sends no key, and of two that differ in one key that key', () => {
  const [a, b] = pair();
  for (let i = 0; i < 500; i++) txn(a, (db) => db.strings.write(s(`key:${i}`), s('x'), NO_DEADLINE));
  transfer(a, b);
  assert.is(transferCompared(a, b), 0);
  txn(a, (db) => db.strings.write(s('key:7'), s('y'), NO_DEADLINE));
  assert.is(transferCompared(a, b), 1);
  assert.is(b.engine.digest(), a.engine.digest());
  txn(a, (db) => db.remove(s('key:8')));
  assert.is(transferCompared(a, b), 0);
  assert.is(b.engine.digest(), a.engine.digest());
});

test('a merge with oneself, or twice with another, changes nothing', () => {
  fc.assert(
    fc.property(longPlan, (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const [a, b] = replicas;
      for (const step of plan) perform(replicas, step);
      transfer(a, b);
      const before = { digest: b.engine.digest(), contents: contents(b.db) };
      transfer(b, b);
      transfer(a, b);
      assert.equal({ digest: b.engine.digest(), contents: contents(b.db) }, before);
    }),
    { numRuns: RUNS },
  );
});

test('pages taken while the sender writes on are merged, and the rest follows as txns', () => {
  fc.assert(
    fc.property(longPlan, longPlan, (before, meanwhile) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const [a, b] = replicas;
      for (const step of before) perform(replicas, step);
      const pages: Uint8Array[] = [];
      const tail = tailOf(a);
      let cursor = 0;
      let done = 0;
      do {
        const page = a.engine.exportState(cursor, 1);
        pages.push(page.bytes);
        cursor = page.next;
        for (const step of meanwhile.slice(done, done + 3)) perform(replicas, step);
        done += 3;
      } while (cursor !== 0);
      a.engine.seal();
      b.engine.seal();
      b.engine.importState(pages, tail);
      syncAll(replicas);
      syncAll(replicas);
      agree(replicas);
    }),
    { numRuns: RUNS },
  );
});

test('pages that go beyond their tail are refused: the state would be ahead of its vector', () => {
  const [a, b] = pair();
  txn(a, (db) => db.strings.addInteger(s('a'), 1));
  txn(a, () => a.engine.databases[1].strings.addInteger(s('b'), 1));
  const tail = tailOf(a);
  const first = a.engine.exportState(0, 1);
  txn(a, () => {
    const db = a.engine.databases[1];
    db.strings.addInteger(s('b'), 5);
    db.remove(s('b'));
    db.strings.addInteger(s('b'), 2);
  });
  a.engine.seal();
  const second = a.engine.exportState(first.next, 1 << 20);
  assert.is(second.next, 0);
  const empty = b.engine.digest();
  assert.throws(() => b.engine.importState([first.bytes, second.bytes]), 'txn 3');
  assert.is(b.engine.digest(), empty);
  // the txn in the tail is applied over a page that holds it already
  b.engine.importState([first.bytes, second.bytes], tail);
  assert.is(get(b.engine.databases[1], 'b'), '2');
  agree([a, b]);
});

test('a page cut anywhere is refused before the first change', () => {
  const [a, b] = pair();
  txn(a, (db) => {
    db.hashes.set(s('hash'), s('f'), s('v'), START_MS + 500);
    db.strings.addInteger(s('counter'), 5);
    db.expireAt(s('counter'), START_MS + 700);
  });
  a.engine.seal();
  const [page] = exportAll(a.engine, 100_000);
  const empty = b.engine.digest();
  for (let length = 0; length < page.length; length++) {
    assert.throws(() => b.engine.importState([page.subarray(0, length)]), `${length} bytes`);
    assert.is(b.engine.digest(), empty);
    assert.is(b.db.size, 0);
  }
});

test('a cancelled counter is kept while additions to it are on their way: a state from before the cancellation may come', () => {
  const [author, writer, other] = [0, 1, 2].map(makeReplica);
  const key = s('counter');
  txn(author, (db) => db.strings.addInteger(key, 50));
  syncAll([author, writer, other]);
  txn(author, (db) => db.strings.addInteger(key, 12));
  author.engine.seal();
  for (const { bytes } of author.sealed) other.engine.receive(bytes);
  // it has the addition that the writer lacks, and not what the writer does now
  const page = other.engine.exportState(0, 1 << 20).bytes;
  txn(writer, (db) => db.strings.write(key, s('7'), NO_DEADLINE));
  txn(writer, (db) => db.remove(key));
  writer.engine.seal();
  for (const { bytes } of writer.sealed) for (const each of [author, other]) each.engine.receive(bytes);
  // all have what the writer wrote, but the writer lacks what another member has
  const stable = writer.engine.vector();
  writer.engine.setStability(stable, 0, new Set([author.engine.replica]));
  writer.engine.importState([page]);
  syncAll([author, writer, other]);
  for (const each of [author, writer, other]) {
    assert.is(get(each.db, 'counter'), '12');
    assert.is(each.engine.digest(), author.engine.digest());
  }
});

test.run();
