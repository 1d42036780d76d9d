/** Replica ids that nobody writes under any more leave the vectors, and nothing else changes by that. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedError } from '../../src/core/bytes.ts';
import { decodeEnvelope } from '../../src/core/envelope.ts';
import { NO_DEADLINE, packRetirements, unpackRetirements } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { perform, steps } from './operations.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);
const NONE: ReadonlySet<string> = new Set();

/** A new incarnation, as after a crash. */
function rotate({ engine }: Replica, id: string): void {
  engine.rotateReplica(id.padStart(16, '0'));
}

function named({ engine }: Replica): string[] {
  return engine.shorten(engine.vector()).map(({ replica }) => replica);
}

/** Both have written; then `a` goes on under a new id, and everybody has everything. */
function incarnated(): { a: Replica; b: Replica; former: string } {
  const a = makeReplica(0);
  const b = makeReplica(1);
  const former = a.engine.replica;
  txn(a, (db) => db.sets.add(s('set'), s('of a')));
  txn(a, (db) => db.strings.write(s('key'), s('of a'), NO_DEADLINE));
  syncAll([a, b]);
  txn(b, (db) => db.strings.write(s('other'), s('of b'), NO_DEADLINE));
  rotate(a, 'a2');
  txn(a, (db) => db.strings.write(s('third'), s('of a2'), NO_DEADLINE));
  syncAll([a, b]);
  return { a, b, former };
}

function retired(): { a: Replica; b: Replica; former: string } {
  const all = incarnated();
  all.a.engine.retireFormer(all.b.engine.vector(), NONE);
  syncAll([all.a, all.b]);
  return all;
}

test('a former id stays in the vectors until every member has all of it', () => {
  const { a, b, former } = incarnated();
  const behind = b.engine.vector().map((entry) => (entry.replica === former ? { ...entry, number: 1 } : entry));
  a.engine.retireFormer(behind, NONE);
  assert.ok(named(a).includes(former));
  a.engine.retireFormer(b.engine.vector(), new Set([former]));
  assert.ok(named(a).includes(former), 'somebody goes on under it');
  a.engine.retireFormer(b.engine.vector(), NONE);
  assert.not(named(a).includes(former));
  assert.equal(a.engine.ownReplicas(), [a.engine.replica]);
});

test('it leaves the vectors of all, and the contexts of their envelopes, and is implied', () => {
  const { a, b, former } = retired();
  for (const each of [a, b]) {
    assert.not(named(each).includes(former));
    assert.ok(each.engine.vector().some(({ replica }) => replica === former));
    const sorted = [...each.engine.expand(each.engine.shorten(each.engine.vector()))];
    assert.equal(
      sorted.sort((one, other) => (one.replica < other.replica ? -1 : 1)),
      each.engine.vector(),
    );
  }
  txn(b, (db) => db.strings.write(s('later'), s('1'), NO_DEADLINE));
  b.engine.seal();
  const envelope = b.sealed.at(-1);
  assert.ok(envelope !== undefined);
  assert.not(decodeEnvelope(envelope.bytes).context.some(({ replica }) => replica === former));
});

test('a write removes what a retired replica had written', () => {
  for (const remover of ['a', 'b'] as const) {
    const all = retired();
    txn(all[remover], (db) => {
      db.sets.remove(s('set'), s('of a'));
      db.strings.write(s('key'), s('new'), NO_DEADLINE);
    });
    syncAll([all.a, all.b]);
    for (const each of [all.a, all.b]) {
      assert.equal(contents(each.db), { key: 'new', other: 'of b', third: 'of a2' });
    }
    assert.is(all.a.engine.digest(), all.b.engine.digest());
  }
});

test('an effect may name a retired replica: a time to live of what it wrote', () => {
  const { a, b } = retired();
  txn(b, (db) => db.expireAt(s('key'), b.engine.now + 5000));
  syncAll([a, b]);
  assert.is(a.db.deadlineOf(s('key')), a.engine.now + 5000);
  assert.is(a.engine.digest(), b.engine.digest());
});

test('who gets the state, not the txns, knows who has retired', () => {
  const { b, former } = retired();
  const node = makeReplica(2);
  node.engine.importState([b.engine.exportState(0, 1 << 20).bytes]);
  assert.not(named(node).includes(former));
  txn(b, (db) => db.strings.write(s('key'), s('new'), NO_DEADLINE));
  syncAll([b, node]);
  assert.is(get(node.db, 'key'), 'new');
  assert.is(node.engine.digest(), b.engine.digest());
});

test('whoever lacks some of a retired replica finds out once it is told of the retirement', () => {
  const { a, b, former } = retired();
  const node = makeReplica(2);
  const before = node.engine.missing(node.engine.expand(a.engine.shorten(a.engine.vector())));
  assert.not(before.some(({ replica }) => replica === former));
  node.engine.learnRetirements(unpackRetirements(packRetirements(b.engine.retirements())));
  const after = node.engine.missing(node.engine.expand(a.engine.shorten(a.engine.vector())));
  assert.equal(
    after.find(({ replica }) => replica === former),
    { replica: former, from: 1, to: 2 },
  );
});

test('one that writes on after all is named again, everywhere', () => {
  const original = makeReplica(0);
  txn(original, (db) => db.strings.write(s('key'), s('1'), NO_DEADLINE));
  const clone = makeReplica(1);
  const b = makeReplica(2);
  syncAll([original, clone, b]);
  // the clone takes the id that it was copied under for a former one of its own
  clone.engine.loadReplicas([original.engine.replica], [], [original.engine.replica]);
  clone.engine.retireFormer('alone', NONE);
  syncAll([clone, b]);
  assert.not(named(b).includes(original.engine.replica));
  txn(original, (db) => db.strings.write(s('key'), s('2'), NO_DEADLINE));
  syncAll([original, clone, b]);
  for (const each of [original, clone, b]) {
    assert.is(get(each.db, 'key'), '2');
    if (each !== original) assert.ok(named(each).includes(original.engine.replica));
  }
  txn(b, (db) => db.strings.write(s('key'), s('3'), NO_DEADLINE));
  syncAll([original, clone, b]);
  for (const each of [original, clone, b]) assert.is(get(each.db, 'key'), '3');
});

test('an id whose successor has retired as well is implied by that', () => {
  const { a, b, former } = retired();
  const second = a.engine.replica;
  rotate(a, 'a3');
  a.engine.retireFormer(b.engine.vector(), NONE);
  syncAll([a, b]);
  for (const each of [a, b]) assert.equal(named(each).sort(), [a.engine.replica, b.engine.replica].sort());
  const whole = new Map(
    b.engine.expand(b.engine.shorten(b.engine.vector())).map((each) => [each.replica, each.number]),
  );
  for (const { replica, number } of b.engine.vector()) assert.is(whole.get(replica), number, replica);
  assert.ok(whole.has(former) && whole.has(second));
});

test('retirements that are cut short, or speak of the future, are malformed', () => {
  const { b } = retired();
  const packed = packRetirements(b.engine.retirements());
  assert.throws(
    () => unpackRetirements(packed.subarray(0, 10)),
    (error: unknown) => error instanceof MalformedError,
  );
  assert.throws(
    () => unpackRetirements(packed.subarray(0, -1)),
    (error: unknown) => error instanceof MalformedError,
  );
  const [fact] = b.engine.retirements();
  const early = packRetirements([{ ...fact, byStamp: fact.stamp - 1 }]);
  assert.throws(
    () => unpackRetirements(early),
    (error: unknown) => error instanceof MalformedError,
  );
});

test('whatever happens, with new incarnations and retirements in between: all that have the same txns hold the same', () => {
  let retirements = 0;
  fc.assert(
    fc.property(
      fc.array(steps(3, 15), { minLength: 2, maxLength: 5 }),
      fc.infiniteStream(fc.nat(2)),
      (plans, picks) => {
        const replicas = [0, 1, 2].map(makeReplica);
        plans.forEach((plan, round) => {
          for (const step of plan) perform(replicas, step);
          const [who, whose] = [picks.next().value, picks.next().value];
          replicas[who].engine.seal();
          rotate(replicas[who], `${round}${who}f`);
          if (who !== whose) return;
          syncAll(replicas);
          const { engine } = replicas[(who + 1) % 3];
          engine.seal();
          for (const each of replicas) {
            const live = new Set(replicas.map(({ engine: { replica } }) => replica));
            each.engine.retireFormer(engine.vector(), live);
          }
        });
        syncAll(replicas);
        syncAll(replicas);
        const late = makeReplica(3);
        late.engine.setNow(replicas[0].engine.now);
        const envelopes = replicas.flatMap(({ sealed }) => [...sealed].reverse());
        for (const { bytes } of envelopes) late.engine.receive(bytes);
        const [first] = replicas;
        for (const other of [...replicas, late]) {
          assert.is(other.engine.statistics.waitingEnvelopes, 0);
          assert.equal(other.engine.vector(), first.engine.vector());
          assert.equal(contents(other.db), contents(first.db));
          assert.is(other.engine.digest(), first.engine.digest());
          const whole = other.engine.expand(first.engine.shorten(first.engine.vector()));
          assert.is(other.engine.missing(whole).length, 0);
          assert.equal(first.engine.missing(whole), []);
          assert.is(whole.length, first.engine.vector().length);
        }
        retirements += first.engine.retirements().length;
      },
    ),
    { numRuns: RUNS },
  );
  assert.ok(retirements > RUNS / 10, `${retirements} retirements in ${RUNS} runs`);
});

test.run();
