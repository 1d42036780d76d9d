/** Bulk that travels packed: it comes out as it went in, through frames and chunks, and what no node packs is refused. */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BULK, encodeBulk, FRAME_BYTES_MAX, FrameError, FrameReader, FrameType } from '../../src/mesh/frames.ts';
import { PLAIN_BYTES_MAX, packBulk, unpackBulk } from '../../src/mesh/packed-bulk.ts';

/** Half of it is random: it shrinks, and not eightfold. */
function shrinking(length: number): Buffer {
  return Buffer.concat([randomBytes(length / 2), Buffer.alloc(length - length / 2, 'abc')]);
}

function packedBy(type: number, length: number, deflated: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, deflated]);
}

function refused(body: Buffer, why: RegExp): void {
  assert.throws(
    () => unpackBulk(body),
    (error: unknown) => error instanceof FrameError && why.test(error.message),
  );
}

for (const type of BULK) {
  test(`bulk of type ${type} comes out as it went in`, () => {
    for (const bytes of [Buffer.from('x'), shrinking(5000), randomBytes(300), Buffer.alloc(PLAIN_BYTES_MAX)]) {
      assert.equal(unpackBulk(packBulk(type, bytes)), { type, bytes });
    }
  });
}

test('what is packed and larger than a frame travels in chunks, however they arrive', () => {
  const bytes = shrinking(PLAIN_BYTES_MAX);
  const packed = packBulk(FrameType.statePage, bytes);
  assert.ok(packed.length > 2 * FRAME_BYTES_MAX && packed.length < bytes.length);
  const wire = Buffer.concat(encodeBulk(FrameType.packed, packed));
  const reader = new FrameReader();
  const bodies: Buffer[] = [];
  for (let at = 0; at < wire.length; at += 70_001) {
    reader.push(wire.subarray(at, at + 70_001), (type, body) => {
      assert.is(type, FrameType.packed);
      bodies.push(Buffer.from(body));
    });
  }
  assert.is(bodies.length, 1);
  assert.ok(unpackBulk(bodies[0]).bytes.equals(bytes));
});

test('what would shrink more than eightfold is filled up, and still comes out as it was', () => {
  const bytes = Buffer.alloc(80_000, 'the same again ');
  const packed = packBulk(FrameType.envelope, bytes);
  assert.is(packed.length, 10_000);
  assert.ok(unpackBulk(packed).bytes.equals(bytes));
});

test('more than eight times what came is refused unread', () => {
  const bomb = deflateRawSync(Buffer.alloc(PLAIN_BYTES_MAX));
  refused(packedBy(FrameType.envelope, PLAIN_BYTES_MAX, bomb), /1048576 bytes packed in/);
  // filled up it would be sound, but for one byte
  const short = Buffer.concat([bomb, Buffer.alloc(PLAIN_BYTES_MAX / 8 - bomb.length - 6)]);
  refused(packedBy(FrameType.envelope, PLAIN_BYTES_MAX, short), /1048576 bytes packed in 131071/);
});

test('a mebibyte is the most that is packed', () => {
  refused(packBulk(FrameType.envelope, randomBytes(PLAIN_BYTES_MAX + 1)), /1048577 bytes packed in/);
});

test('what holds more or less than it says is refused', () => {
  const deflated = deflateRawSync(randomBytes(1000));
  refused(packedBy(FrameType.envelope, 999, deflated), /packed bulk: /);
  refused(packedBy(FrameType.envelope, 1001, deflated), /1000 bytes packed as 1001/);
  refused(packedBy(FrameType.envelope, 0, deflated), /0 bytes packed in/);
});

test('a bomb that says to be small ends where it says', () => {
  const bomb = deflateRawSync(Buffer.alloc(64 * PLAIN_BYTES_MAX));
  refused(packedBy(FrameType.envelope, 8 * bomb.length, bomb), /packed bulk: /);
});

test('garbage, and what is cut short, is refused', () => {
  const packed = packBulk(FrameType.envelope, shrinking(4000));
  refused(packedBy(FrameType.envelope, 4000, randomBytes(2000).fill(0xff, 0, 1)), /packed bulk: /);
  refused(packed.subarray(0, packed.length - 100), /packed bulk: /);
  for (const length of [0, 1, 5]) refused(packed.subarray(0, length), /cut short/);
});

test('only bulk can be packed', () => {
  for (const type of [0, FrameType.hello, FrameType.chunk, FrameType.packed, 255])
    refused(packedBy(type, 10, deflateRawSync(randomBytes(10))), new RegExp(`packed frame ${type}`));
});

test.run();
