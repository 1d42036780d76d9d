/** Strings and counters: registers whose later write wins, increments that add up, and writes that cancel what they saw. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Decimal, type Integer, KEEP_DEADLINE, NO_DEADLINE } from '../../src/core/index.ts';
import { get, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);

function set(replica: Replica, value: string): void {
  txn(replica, (db) => db.strings.write(s('k'), s(value), NO_DEADLINE));
}

function add(replica: Replica, delta: Integer): unknown {
  return txn(replica, (db) => db.strings.addInteger(s('k'), delta));
}

function addDecimal(replica: Replica, text: string): unknown {
  return txn(replica, (db) => String(db.strings.addDecimal(s('k'), Decimal.parse(text) ?? Decimal.fromInteger(0))));
}

function remove(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(s('k')));
}

function siblings(replica: Replica): string[] {
  const [part] = replica.engine.inspect(0, s('k'))?.parts ?? [];
  return (part?.elements[0].values ?? []).map(({ value }) => value.toString()).sort();
}

test('of concurrent SETs all are kept, and the latest shows everywhere', () => {
  const replicas = sharing(3, (a) => set(a, 'old'));
  replicas.forEach((replica, i) => {
    set(replica, `value ${i}`);
    tick(replicas, 5);
  });
  assert.equal(settle(replicas), { k: 'value 2' });
  for (const replica of replicas) assert.equal(siblings(replica), ['value 0', 'value 1', 'value 2']);
});

test('SETs in the same millisecond show one value, the same everywhere', () => {
  const replicas = sharing(3);
  for (const [i, replica] of replicas.entries()) set(replica, `value ${i}`);
  assert.equal(settle(replicas), { k: 'value 2' });
});

test('a SET that saw the siblings leaves itself alone', () => {
  const [a, b, c] = sharing(3);
  set(a, 'x');
  set(b, 'y');
  syncAll([a, b, c]);
  set(c, 'z');
  assert.equal(settle([a, b, c]), { k: 'z' });
  assert.equal(siblings(a), ['z']);
});

test('a SET that saw one of two siblings leaves the other beside itself', () => {
  const [a, b, c] = sharing(3);
  set(a, 'x');
  syncAll([a, c]);
  tick([a, b, c], 5);
  set(b, 'y');
  tick([a, b, c], 5);
  set(c, 'z');
  assert.equal(settle([a, b, c]), { k: 'z' });
  assert.equal(siblings(b), ['y', 'z']);
});

test('a SET and a DEL cancel exactly the increments that they saw', () => {
  const [a, b, c] = sharing(3, (first) => add(first, 100));
  add(a, 1);
  syncAll([a, b]);
  set(b, '1000');
  add(c, 20);
  assert.equal(settle([a, b, c]), { k: '1020' });
  remove(a);
  add(b, 3);
  assert.equal(settle([a, b, c]), { k: '3' });
});

test('two DELs cancel the same increments once', () => {
  const [a, b, c] = sharing(3, (first) => add(first, 100));
  remove(a);
  remove(b);
  add(c, 5);
  assert.equal(settle([a, b, c]), { k: '5' });
});

test('an increment that comes after its own cancellation, late and again, adds nothing', () => {
  const [a, b, c] = sharing(3);
  add(a, 7);
  a.engine.seal();
  const [early] = a.sealed;
  syncAll([a, b]);
  remove(b);
  add(b, 1);
  syncAll([a, b, c]);
  stabilize([a, b, c]);
  for (const { engine } of [b, c]) assert.is(engine.receive(early.bytes).kind, 'duplicate');
  assert.equal(settle([a, b, c]), { k: '1' });
});

test('whole and decimal increments add up exactly', () => {
  const [a, b, c] = sharing(3, (first) => set(first, '0.1'));
  addDecimal(a, '0.2');
  add(b, 5);
  addDecimal(c, '-1e-17');
  assert.is(get(b.db, 'k'), '0.1');
  const { k } = settle([a, b, c]);
  assert.is(k, '0.29999999999999999');
});

test('an increment concurrent with a SET of text waits beneath it, and adds to the next number', () => {
  const [a, b] = sharing(2);
  add(a, 3);
  set(b, 'text');
  assert.equal(settle([a, b]), { k: 'text' });
  assert.is(add(a, 1), 'NOT_AN_INTEGER');
  set(a, '10');
  assert.equal(settle([a, b]), { k: '10' });
});

test('counters are back where they began in memory once cancelled increments are stable', () => {
  const replicas = sharing(3);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  for (let round = 0; round < 5; round++) {
    for (const replica of replicas) add(replica, 5);
    syncAll(replicas);
    set(replicas[round % 3], String(round));
    add(replicas[(round + 1) % 3], 2);
    syncAll(replicas);
  }
  remove(replicas[0]);
  syncAll(replicas);
  for (const { engine } of replicas) assert.ok(engine.statistics.pendingCollection > 0);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(engine.statistics.pendingCollection, 0);
    assert.is(engine.inspect(0, s('k')), null);
    assert.is(db.size, 0);
    engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

test('cancelled increments are kept until the cancellation is stable, not longer', () => {
  const [a, b] = sharing(2, (first) => add(first, 5));
  remove(a);
  a.engine.seal();
  const before = b.engine.vector();
  a.engine.setStability(before, a.engine.now);
  assert.is(a.engine.statistics.pendingCollection, 1);
  syncAll([a, b]);
  a.engine.setStability(b.engine.vector(), a.engine.now);
  assert.is(a.engine.statistics.pendingCollection, 0);
});

type Step = { at: number } & (
  | { kind: 'set'; value: number }
  | { kind: 'add'; delta: number }
  | { kind: 'remove' | 'sync' | 'stabilize' }
);
const at = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const), at, value: fc.nat(50) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('add' as const), at, delta: fc.integer({ min: -9, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'sync' as const, 'stabilize' as const), at }),
  },
);

/** What each replica has seen of all writes and increments, as plain sets: the definition of observed cancellation. */
class CounterModel {
  private readonly seen: Set<number>[] = [new Set(), new Set(), new Set()];
  private readonly effects: { kind: 'set' | 'add'; value: number; at: number }[] = [];
  private readonly erased: Set<number>[] = [new Set(), new Set(), new Set()];

  write(at: number, value: number | null): void {
    for (const effect of this.seen[at]) this.erased[at].add(effect);
    if (value !== null) this.note(at, 'set', value);
  }

  add(at: number, value: number): void {
    this.note(at, 'add', value);
  }

  syncAll(): void {
    const seen = new Set(this.seen.flatMap((each) => [...each]));
    const erased = new Set(this.erased.flatMap((each) => [...each]));
    for (let i = 0; i < 3; i++) {
      this.seen[i] = new Set(seen);
      this.erased[i] = new Set(erased);
    }
  }

  /** Of several bases the latest; here writes are numbered in the order of time. */
  shown(at: number): string | null {
    const live = [...this.seen[at]].filter((effect) => !this.erased[at].has(effect)).sort((a, b) => a - b);
    if (live.length === 0) return null;
    const bases = live.filter((effect) => this.effects[effect].kind === 'set');
    const base = bases.length === 0 ? 0 : this.effects[bases[bases.length - 1]].value;
    const sum = live.filter((effect) => this.effects[effect].kind === 'add');
    return String(base + sum.reduce((total, effect) => total + this.effects[effect].value, 0));
  }

  private note(at: number, kind: 'set' | 'add', value: number): void {
    this.seen[at].add(this.effects.length);
    this.effects.push({ kind, value, at });
  }
}

test('any history of SET, INCRBY and DEL shows what the definition of observed cancellation says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      const model = new CounterModel();
      for (const each of plan) {
        const replica = replicas[each.at];
        tick(replicas, 1);
        if (each.kind === 'set') {
          set(replica, String(each.value));
          model.write(each.at, each.value);
        } else if (each.kind === 'add') {
          assert.is(String(add(replica, each.delta)), String(Number(model.shown(each.at) ?? 0) + each.delta));
          model.add(each.at, each.delta);
        } else if (each.kind === 'remove') {
          assert.is(remove(replica), model.shown(each.at) !== null);
          model.write(each.at, null);
        } else {
          syncAll(replicas);
          model.syncAll();
          if (each.kind === 'stabilize') stabilize(replicas);
        }
        replicas.forEach(({ db }, i) => {
          assert.is(get(db, 'k'), model.shown(i));
        });
      }
    }),
    { numRuns: RUNS },
  );
});

test('KEEPTTL keeps the time to live of the value that it replaces', () => {
  const [a, b] = sharing(2, (first) => txn(first, (db) => db.strings.write(s('k'), s('v'), first.engine.now + 5000)));
  txn(b, (db) => db.strings.write(s('k'), s('w'), KEEP_DEADLINE));
  settle([a, b]);
  assert.is(a.db.deadlineOf(s('k')), a.engine.now + 5000);
});

test('an increment that is refused leaves what hides under the key in another type', () => {
  const [a, b] = [0, 1].map(makeReplica);
  txn(b, (db) => db.sets.add(s('k'), s('member')));
  tick([a, b], 5);
  set(a, 'no number');
  syncAll([a, b]);
  const digest = a.engine.digest();
  assert.is(add(a, 3), 'NOT_AN_INTEGER');
  assert.is(addDecimal(a, '1.5'), 'NOT_A_FLOAT');
  assert.is(a.engine.digest(), digest);
});

test.run();
