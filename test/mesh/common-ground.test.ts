/** What all members have, and who has more: the same as by looking at each entry, and not looked for twice. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VersionVector } from '../../src/core/contract.ts';
import { CommonGround } from '../../src/mesh/common-ground.ts';
import { numberOf } from '../../src/mesh/frames.ts';

const REPLICAS = ['1', '3', '5', '7'].map((digit) => digit.repeat(16));
const vectors = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...REPLICAS), fc.integer({ min: 1, max: 4 })), { selector: ([id]) => id })
  .map((entries): VersionVector => entries.map(([replica, number]) => ({ replica, number, stamp: number * 10 })));

test('stable is the least that any member has, of what is here; ahead is who has more of anything', () => {
  fc.assert(
    fc.property(vectors, fc.array(vectors), (ours, theirs) => {
      const { stable, ahead } = new CommonGround().of(ours, theirs);
      const expected = ours.map(({ replica, number }) =>
        Math.min(number, ...theirs.map((vector) => numberOf(vector, replica))),
      );
      assert.equal(
        stable.map(({ replica, number, stamp }) => ({ replica, number, stamp })),
        ours.map(({ replica }, index) => ({ replica, number: expected[index], stamp: expected[index] * 10 })),
      );
      const isAhead = (vector: VersionVector) => vector.some(({ replica, number }) => number > numberOf(ours, replica));
      assert.equal(ahead, theirs.filter(isAhead));
    }),
  );
});

test('what is asked for again after a change is what it is after it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(vectors, fc.array(vectors, { maxLength: 3 }))), (steps) => {
      const kept = new CommonGround();
      for (const [ours, theirs] of steps) assert.equal(kept.of(ours, theirs), new CommonGround().of(ours, theirs));
    }),
  );
});

test('without a change it is the same answer, whichever copy of our vector is given', () => {
  const ground = new CommonGround();
  const vector = (number: number): VersionVector => [{ replica: REPLICAS[0], number, stamp: number * 10 }];
  const theirs = [vector(1), vector(3)];
  const first = ground.of(vector(2), theirs);
  assert.is(ground.of(vector(2), [...theirs]), first);
  assert.is.not(ground.of(vector(3), theirs), first);
});

test.run();
