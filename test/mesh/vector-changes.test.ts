/** Vectors by what has changed in them, and by what differs from another: whatever is told, the same vector comes out. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VersionVector } from '../../src/core/contract.ts';
import { FrameError } from '../../src/mesh/frames.ts';
import type { Link } from '../../src/mesh/link.ts';
import {
  changesBetween,
  differencesFrom,
  differing,
  VectorChanges,
  withChanges,
} from '../../src/mesh/vector-changes.ts';

const REPLICAS = ['1', '3', '5', '7', '9'].map((digit) => digit.repeat(16));
const vectors = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...REPLICAS), fc.integer({ min: 1, max: 4 })), { selector: ([id]) => id })
  .map(
    (entries): VersionVector =>
      entries.map(([replica, number]) => ({ replica, number, stamp: number * 10 })).sort(byReplica),
  );

function byReplica(one: { replica: string }, other: { replica: string }): number {
  return one.replica < other.replica ? -1 : 1;
}

/** Changes are kept by link, of which nothing else is asked. */
function link(): Link {
  return {} as Link;
}

test('a vector with the changes to another is that other; where an entry has gone there are none', () => {
  fc.assert(
    fc.property(vectors, vectors, (from, to) => {
      const changes = changesBetween(from, to);
      const hasGone = from.some(({ replica }) => !to.some((entry) => entry.replica === replica));
      assert.is(changes === null, hasGone);
      if (changes !== null) assert.equal(withChanges(from, changes), to);
    }),
  );
});

test('changes to a vector that comes in no order count all the same, each replica once', () => {
  const unordered = fc
    .tuple(vectors, fc.integer())
    .map(([vector, turn]) => (turn % 2 === 0 ? vector : [...vector].reverse()));
  fc.assert(
    fc.property(unordered, unordered, (vector, changes) => {
      const entries = new Map([...vector, ...changes].map((entry) => [entry.replica, entry]));
      const changed = withChanges(vector, changes);
      assert.equal([...changed].sort(byReplica), [...entries.values()].sort(byReplica));
    }),
  );
});

test('a vector told by its differences from another comes out as it was', () => {
  fc.assert(
    fc.property(vectors, vectors, (base, vector) => {
      assert.equal(differing(base, differencesFrom(base, vector)), vector);
    }),
  );
});

test('what is told on a link, one after the other, is heard on its other end; what is heard twice does no harm', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(vectors, fc.boolean())), (tellings) => {
      const [sender, receiver] = [new VectorChanges(), new VectorChanges()];
      const [near, far] = [link(), link()];
      for (const [vector, twice] of tellings) {
        const fields = sender.toWire(near, vector);
        assert.equal(receiver.fromWire(far, fields), vector);
        if (twice) assert.equal(receiver.fromWire(far, fields), vector);
      }
    }),
  );
});

test('only what has changed travels, and links that were told the same get the same', () => {
  const teller = new VectorChanges();
  const [one, other] = [link(), link()];
  const first: VersionVector = REPLICAS.map((replica) => ({ replica, number: 1, stamp: 10 }));
  const second = first.map((entry, index) => (index === 2 ? { ...entry, number: 2, stamp: 20 } : entry));
  for (const each of [one, other]) assert.equal(Object.keys(teller.toWire(each, first)), ['vector']);
  for (const each of [one, other]) assert.equal(teller.toWire(each, second), { changed: [[REPLICAS[2], 2, 20]] });
  assert.equal(teller.toWire(one, second), { changed: [] });
});

test('changes of a vector that was never told are refused, and so is one that grows without end', () => {
  const changes = new VectorChanges();
  assert.throws(
    () => changes.fromWire(link(), { changed: [] }),
    (error: unknown) => error instanceof FrameError,
  );
  const long = link();
  const entries = (from: number) =>
    Array.from({ length: 40_000 }, (_, index) => [(from + index).toString(16).padStart(16, '0'), 1, 1]);
  changes.fromWire(long, { vector: entries(0) });
  assert.throws(() => changes.fromWire(long, { changed: entries(40_000) }), /80000 entries/);
});

test.run();
