/** Ids of stream entries, as numbers and as bytes; and what a peer may not send of streams. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedError } from '../../src/core/bytes.ts';
import {
  compareStreamIds,
  Decimal,
  Slice,
  STREAM_ID_MAX,
  STREAM_ID_MIN,
  type StreamId,
  streamIdAfter,
  streamIdBefore,
} from '../../src/core/index.ts';
import { narrow } from '../../src/core/integer.ts';
import { requireCount, requireStreamName, requireStreamValue, unpackDelivery } from '../../src/core/stream-packing.ts';
import { generateStreamId, readStreamId, tagOf, writeStreamId } from '../../src/core/types/stream-id.ts';

const half = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 2n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 5n }),
);
const streamId: fc.Arbitrary<StreamId> = fc
  .tuple(half, half)
  .map(([ms, seq]) => ({ ms: narrow(ms), seq: narrow(seq) }));

function bytesOf(id: StreamId): Buffer {
  const bytes = Buffer.alloc(16);
  writeStreamId(bytes, 0, id);
  return bytes;
}

test('an id is the same after its bytes, which are in the order of ids', () => {
  fc.assert(
    fc.property(streamId, streamId, (one, other) => {
      assert.equal(readStreamId(bytesOf(one), 0), one);
      assert.is(Math.sign(bytesOf(one).compare(bytesOf(other))), Math.sign(compareStreamIds(one, other)));
      assert.is(compareStreamIds(one, other) === 0, one.ms === other.ms && one.seq === other.seq);
    }),
  );
});

test('between an id and the next one there is none', () => {
  fc.assert(
    fc.property(streamId, (id) => {
      const after = streamIdAfter(id);
      if (after === null) assert.equal(id, STREAM_ID_MAX);
      else {
        assert.ok(compareStreamIds(after, id) > 0);
        assert.equal(streamIdBefore(after), id);
      }
    }),
  );
  assert.is(streamIdBefore(STREAM_ID_MIN), null);
  assert.equal(streamIdAfter({ ms: 5, seq: 2n ** 64n - 1n }), { ms: 6, seq: 0 });
  assert.equal(streamIdBefore({ ms: 6, seq: 0 }), { ms: 5, seq: 2n ** 64n - 1n });
});

test('what is generated is behind the last id, bears the tag, and can be read into a double', () => {
  const tag = fc.nat(999_999);
  fc.assert(
    fc.property(streamId, fc.nat(2 ** 41), tag, (last, nowMs, own) => {
      const made = generateStreamId(last, nowMs, own);
      if (made === null) {
        assert.equal(last.ms, STREAM_ID_MAX.ms);
        return;
      }
      assert.ok(compareStreamIds(made, last) > 0);
      assert.is(Number(made.seq) % 1_000_000, own);
      assert.ok(Number.isSafeInteger(made.seq));
      if (last.ms < nowMs) assert.equal(made, { ms: nowMs, seq: own });
    }),
  );
});

test('replicas have tags of their own, mostly', () => {
  const tags = new Set(Array.from({ length: 1000 }, (_, i) => tagOf(Buffer.from(`${i}`.padStart(16, 'c'), 'hex'))));
  assert.ok(tags.size > 990);
});

test('names and values that no stream has are refused', () => {
  const slice = (hex: string) => new Slice(Buffer.from(hex, 'hex'));
  const id = '00'.repeat(16);
  const author = 'aa'.repeat(8);
  const good: [name: string, value: string][] = [
    ['00', ''],
    ['01', '05'],
    ['03', id],
    [`03${author}`, id],
    ['04', id],
    ['05016700', ''],
    ['05016701', id],
    ['05016702', '00'],
    [`05016703${author}`, id],
    ['0501670461', '0500'],
    [`05016705${id}${author}`, '01610501'],
    [`06${id}${author}`, '0101610162'],
  ];
  for (const [name, value] of good) {
    requireStreamValue(slice(name), slice(value));
    assert.throws(() => requireStreamValue(slice(name), slice(`${value}00`)), refused, name);
    if (value !== '') assert.throws(() => requireStreamValue(slice(name), slice(value.slice(2))), refused, name);
  }
  for (const name of [
    '',
    '07',
    '10',
    '0000',
    '02',
    `02${author}00`,
    `03${author}00`,
    '0501',
    '050167',
    '05016706',
    '0501670000',
    `06${id}`,
    `06${author}`,
  ])
    assert.throws(() => requireStreamName(slice(name)), refused, name);
  assert.throws(() => requireStreamValue(slice(`02${author}`), slice('')), refused, 'a count is no value');
  for (const delivery of ['', '0167', '016701610501', '01670161050200', '01670161050100aa'])
    assert.throws(() => unpackDelivery(slice(delivery)), refused);
  for (const count of [0.5, 2n ** 60n, new Decimal(25n, 1)]) assert.throws(() => requireCount(1, count), refused);
  assert.is(unpackDelivery(slice(`01670161050100${id}${author}`)).entries.length, 24);
});

function refused(error: unknown): boolean {
  return error instanceof MalformedError;
}

test.run();
