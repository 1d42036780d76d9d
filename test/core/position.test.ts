/** Positions: bytes in the order of the list, always room between two of them, and nothing taken that is none. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUNT_MAX,
  type ListEnd,
  PositionWriter,
  requirePosition,
  writeBetween,
} from '../../src/core/types/position.ts';

const STAMP = 258696806400000;
const ID = Buffer.from('00000000000000aa', 'hex');
const writer = new PositionWriter();

function pushed(end: ListEnd, stamp: number, count: number, id: Uint8Array = ID): Buffer {
  writer.reset().dot(end, stamp, id, count);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

function between(before: Buffer | null, after: Buffer | null, isAfter: boolean, stamp: number): Buffer {
  writeBetween(writer, before, after, isAfter);
  writer.dot('tail', stamp, ID, 0);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

function isPosition(bytes: Buffer, latest = STAMP + 1e6): boolean {
  try {
    requirePosition(bytes, 0, bytes.length, latest);
    return true;
  } catch {
    return false;
  }
}

test('pushes are ordered by stamp and count: from the middle to both ends', () => {
  const counts = [0, 1, 118, 119, 120, 127, 128, 5000, 32_767, 32_768, 2 ** 23, 2 ** 30, COUNT_MAX];
  const tail = [STAMP, STAMP + 1, STAMP + 2 ** 32].flatMap((stamp) =>
    counts.map((count) => pushed('tail', stamp, count)),
  );
  const head = [STAMP, STAMP + 1, STAMP + 2 ** 32].flatMap((stamp) =>
    counts.map((count) => pushed('head', stamp, count)),
  );
  const wanted = [...head.reverse(), ...tail];
  assert.equal([...wanted].sort(Buffer.compare), wanted);
  assert.ok(wanted.every((each) => isPosition(each, STAMP + 2 ** 33)));
  assert.is(pushed('tail', STAMP, 0).length, 16);
});

test('of pushes with one stamp the replica decides, at both ends', () => {
  const other = Buffer.from('00000000000000bb', 'hex');
  assert.is(Buffer.compare(pushed('tail', STAMP, 9), pushed('tail', STAMP, 0, other)), -1);
  assert.is(Buffer.compare(pushed('head', STAMP, 0, other), pushed('head', STAMP, 9)), -1);
});

test('there is room beside every position, wherever inserts have gone before', () => {
  const place = fc.record({ at: fc.nat(1000), isAfter: fc.boolean(), isSame: fc.boolean() });
  const start = [pushed('head', STAMP, COUNT_MAX), pushed('head', STAMP, 119), pushed('tail', STAMP, COUNT_MAX)];
  fc.assert(
    fc.property(fc.array(place, { maxLength: 60, size: 'max' }), (places) => {
      const all = [...start];
      let last = 0;
      places.forEach(({ at, isAfter, isSame }, i) => {
        const pivot = isSame ? last : at % all.length;
        last = isAfter ? pivot + 1 : pivot;
        const made = between(all[last - 1] ?? null, all[last] ?? null, isAfter, STAMP + 1 + i);
        all.splice(last, 0, made);
        assert.ok(isPosition(made));
        for (const beside of [last, last + 1])
          if (beside > 0 && beside < all.length) assert.is(Buffer.compare(all[beside - 1], all[beside]), -1);
      });
    }),
    { numRuns: 300 },
  );
});

test('inserts that were made at the same time have room between them, too', () => {
  const [x, z] = [pushed('tail', STAMP, 0), pushed('tail', STAMP, 1)];
  const [one, other] = [between(x, z, true, STAMP + 1), between(x, z, true, STAMP + 2)];
  assert.is(Buffer.compare(one, other), -1);
  for (const isAfter of [true, false]) {
    const made = between(one, other, isAfter, STAMP + 3);
    assert.equal([other, made, one].sort(Buffer.compare), [one, made, other]);
    for (const next of [between(one, made, isAfter, STAMP + 4), between(made, other, isAfter, STAMP + 4)])
      assert.equal([other, next, one].sort(Buffer.compare), [one, next, other]);
  }
});

test('bytes that are no position, or one from the future, are refused', () => {
  const [x, z] = [pushed('tail', STAMP, 0), pushed('tail', STAMP, 1)];
  const inserted = between(x, z, true, STAMP + 5);
  assert.ok(isPosition(inserted, STAMP + 5));
  assert.not.ok(isPosition(inserted, STAMP + 4));
  for (let length = 0; length < inserted.length; length++) {
    if (length !== x.length) assert.not.ok(isPosition(inserted.subarray(0, length)), `${length} bytes`);
  }
  const count = (...bytes: number[]) => Buffer.concat([x.subarray(0, 15), Buffer.from(bytes)]);
  assert.ok(isPosition(count(0xf0, 241)));
  for (const each of [[2], [0xf0, 239], [0xf1, 0, 241], [0xf3, 255, 255, 255, 255], [0xf4, 1], [0xf0]])
    assert.not.ok(isPosition(count(...each)), each.join());
});

test.run();
