/** Digest terms that are counted late: nobody who asks for a digest can tell. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, Slice } from '../../src/core/index.ts';
import { Uncounted } from '../../src/core/uncounted.ts';

const CAPACITY = 1 << 17;

/** Stands for a table: which hashes were counted again. */
class Counted {
  readonly hashes: number[] = [];

  countAgain(hash: number): void {
    this.hashes.push(hash);
  }
}

test('settling counts each entry again, once', () => {
  const uncounted = new Uncounted();
  const table = new Counted();
  for (let hash = 0; hash < 10; hash++) assert.ok(uncounted.add(table, hash));
  uncounted.settle();
  uncounted.settle();
  assert.equal(
    table.hashes,
    Array.from({ length: 10 }, (_, hash) => hash),
  );
});

test('a full list lets every eighth in, in place of the oldest, and never grows', () => {
  const uncounted = new Uncounted();
  const table = new Counted();
  for (let hash = 0; hash < CAPACITY; hash++) uncounted.add(table, hash);
  const accepted = Array.from({ length: 80 }, (_, i) => uncounted.add(table, CAPACITY + i));
  assert.is(accepted.filter(Boolean).length, 10);
  assert.equal(
    table.hashes,
    Array.from({ length: 10 }, (_, hash) => hash),
  );
  uncounted.settle();
  assert.is(table.hashes.length, CAPACITY + 10);
  assert.is(new Set(table.hashes).size, CAPACITY + 10);
});

test('some at a time, those that came last before the others, and a list that was full takes new ones then', () => {
  const uncounted = new Uncounted();
  const table = new Counted();
  for (let hash = 0; hash < CAPACITY + 8; hash++) uncounted.add(table, hash);
  table.hashes.length = 0;
  uncounted.settleSome(3);
  assert.equal(table.hashes, [CAPACITY - 3, CAPACITY - 2, CAPACITY - 1]);
  assert.ok([1, 2, 3].every((hash) => uncounted.add(table, hash)));
  assert.not.ok(uncounted.add(table, 4));
  uncounted.settleSome(CAPACITY * 2);
  assert.is(table.hashes.length, 3 + CAPACITY);
});

type Step = readonly [kind: number, key: number, value: number];

function apply(engine: Engine, [kind, key, value]: Step): void {
  const name = Slice.of(`k${key}`);
  const [db] = engine.databases;
  engine.begin();
  if (kind === 0) db.strings.write(name, Slice.of('v'.repeat(value)), -1);
  else if (kind === 1) db.remove(name);
  else if (db.typeOf(name) <= 1 && kind === 2) db.strings.addInteger(name, value);
  else if (kind === 3 && [0, 2].includes(db.typeOf(name))) db.hashes.set(name, Slice.of(`f${value % 3}`), name, -1);
  else if (kind === 4 && [0, 3].includes(db.typeOf(name))) db.sets.add(name, Slice.of(`m${value % 3}`));
  else if (kind === 5) db.expireAt(name, 2_000_000_000_000 + value);
  engine.commit();
}

function newEngine(): Engine {
  const engine = createEngine({ replica: '00000000000000a1', hashSeed: 7 });
  engine.setNow(1_800_000_000_000);
  engine.setStability([], 0);
  return engine;
}

test('a digest asked for after every step, or only at the end, is the same', () => {
  const step = fc.tuple(fc.nat(5), fc.nat(3), fc.nat(40));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const often = newEngine();
      const seldom = newEngine();
      for (const each of steps) {
        apply(often, each);
        often.digest();
        apply(seldom, each);
      }
      assert.is(seldom.digest(), often.digest());
    }),
    { numRuns: 300 },
  );
});

test('when everything is gone, the digest is that of nothing', () => {
  const engine = newEngine();
  const empty = engine.digest();
  for (let round = 0; round < 3; round++) {
    for (let kind = 0; kind < 6; kind++) for (let key = 0; key < 4; key++) apply(engine, [kind, key, round + 1]);
  }
  assert.is.not(engine.digest(), empty);
  for (let key = 0; key < 4; key++) apply(engine, [0, key, 3]);
  for (let key = 0; key < 4; key++) apply(engine, [1, key, 0]);
  engine.setStability('alone', 0);
  assert.is(engine.digest(), empty);
});

test.run();
