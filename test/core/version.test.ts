/** Replicas, version vectors and contexts: who has what, what is missing, which write is later. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VersionVector } from '../../src/core/index.ts';
import { covers, ReplicaTable } from '../../src/core/version.ts';

const IDS = ['00000000000000aa', '00000000000000bb', '00000000000000cc', '00000000000000dd'];

/** At most one entry a replica, in any order; stamps grow with numbers. */
const vector: fc.Arbitrary<VersionVector> = fc
  .uniqueArray(fc.record({ replica: fc.constantFrom(...IDS), number: fc.integer({ min: 1, max: 50 }) }), {
    selector: (entry) => entry.replica,
  })
  .map((entries) => entries.map((entry) => ({ ...entry, stamp: entry.number * 1000 })));

function tableWith(entries: VersionVector): ReplicaTable {
  const table = new ReplicaTable();
  for (const { replica, number, stamp } of entries) table.advance(table.indexOf(replica), number, stamp);
  return table;
}

test('a vector is what was advanced, sorted by replica, without those that never wrote', () => {
  fc.assert(
    fc.property(vector, (entries) => {
      const table = tableWith(entries);
      table.indexOf('0000000000000001');
      assert.equal(
        table.vector(),
        [...entries].sort((a, b) => (a.replica < b.replica ? -1 : 1)),
      );
    }),
  );
});

test('what is missing, and only that, makes up for the other vector', () => {
  fc.assert(
    fc.property(vector, vector, (mine, theirs) => {
      const numberOf = (entries: VersionVector, id: string) => entries.find((each) => each.replica === id)?.number ?? 0;
      const gaps = tableWith(mine).missing(theirs);
      for (const id of IDS) {
        const have = numberOf(mine, id);
        const want = numberOf(theirs, id);
        const gap = gaps.find((each) => each.replica === id);
        assert.equal(gap, want > have ? { replica: id, from: have + 1, to: want } : undefined);
      }
    }),
  );
});

test('a context covers exactly the stamps up to those of its vector', () => {
  fc.assert(
    fc.property(vector, (entries) => {
      const table = new ReplicaTable();
      for (const id of IDS) table.indexOf(id);
      const context = table.contextOf(entries);
      for (const id of IDS) {
        const last = entries.find((each) => each.replica === id)?.stamp ?? 0;
        for (const stamp of [1, last - 1, last, last + 1].filter((each) => each > 0))
          assert.is(covers(context, table.indexOf(id), stamp), stamp <= last);
      }
    }),
  );
});

test('no context covers everything: a local txn has seen all that is here', () => {
  assert.ok(covers(null, 7, 1e15));
});

test('of two dots exactly one is later, by stamp and then by id, whatever the order of the indexes', () => {
  const there = new ReplicaTable();
  const here = new ReplicaTable();
  for (const id of IDS) there.indexOf(id);
  for (const id of [...IDS].reverse()) here.indexOf(id);
  for (const a of IDS) {
    for (const b of IDS) {
      for (const [stampA, stampB] of [
        [1, 2],
        [2, 1],
        [2, 2],
      ]) {
        const later = here.later(stampA, here.indexOf(a), stampB, here.indexOf(b));
        assert.is(later, there.later(stampA, there.indexOf(a), stampB, there.indexOf(b)));
        assert.is(later, stampA === stampB ? a > b : stampA > stampB);
      }
    }
  }
});

test('an id that is not 16 hex digits is no replica', () => {
  const table = new ReplicaTable();
  for (const id of ['', 'x', '00000000000000AA', '00000000000000a', '00000000000000aaa'])
    assert.throws(() => table.indexOf(id), /16 hex digits/);
  assert.is(table.ids.length, 0);
});

test.run();
