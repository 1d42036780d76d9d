/** When bulk is packed: for whom, of what length, and not again and again where it does not shrink. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Compression, type CompressionMode, LinkCompression } from '../../src/mesh/compression.ts';
import { type Bulk, encodeMap, FrameType } from '../../src/mesh/frames.ts';
import { Link } from '../../src/mesh/link.ts';
import { PLAIN_BYTES_MAX } from '../../src/mesh/packed-bulk.ts';
import { connection, FuzzedStream } from '../fuzz/mesh-parts.ts';

const { envelope, statePage } = FrameType;
const TEXT = Buffer.from(JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: `user ${id}` }))));

function linkOf(mode: CompressionMode, roundTrips: readonly number[] = [], shared = new Compression(mode)) {
  const link = new LinkCompression(shared);
  link.peerUnpacks = true;
  for (const ms of roundTrips) link.noteRoundTrip(ms);
  return link;
}

function isPacked(link: LinkCompression, bytes: Buffer, type: Bulk = statePage): boolean {
  return link.pack(type, bytes) !== null;
}

test('auto packs where every round trip took 5 ms or more', () => {
  assert.ok(isPacked(linkOf('auto', [40, 41, 300, 40, 42]), TEXT));
  assert.ok(isPacked(linkOf('auto', [5, 5, 5, 5, 5]), TEXT));
  assert.not(isPacked(linkOf('auto', [0.2, 0.3, 0.2, 0.2, 0.3]), TEXT));
});

test('one short round trip tells a near link, however long the others waited', () => {
  const link = linkOf('auto', [30, 0.4, 80]);
  for (let i = 0; i < 20; i++) link.noteRoundTrip(50);
  assert.not(isPacked(link, TEXT));
});

test('auto packs nothing before it has measured five times, and asks for that where the link may be far', () => {
  const link = linkOf('auto');
  for (const [ms, undecided, packed] of [
    [40, true, false],
    [50, true, false],
    [45, true, false],
    [90, true, false],
    [40, false, true],
  ] as const) {
    link.noteRoundTrip(ms);
    assert.equal([link.isUndecided, isPacked(link, TEXT)], [undecided, packed]);
  }
  assert.not(linkOf('auto', [1]).isUndecided, 'a near one is decided at once');
  for (const mode of ['yes', 'no'] as const) assert.not(linkOf(mode, [40]).isUndecided);
});

test('yes packs on every link, no on none', () => {
  assert.ok(isPacked(linkOf('yes'), TEXT));
  assert.not(isPacked(linkOf('no', [40, 40, 40, 40, 40]), TEXT));
});

test('another mode acts on links that are there', () => {
  const shared = new Compression('no');
  const link = linkOf('no', [], shared);
  shared.mode = 'yes';
  assert.ok(isPacked(link, TEXT));
  shared.mode = 'no';
  assert.not(isPacked(link, TEXT));
});

test('who has not said that it unpacks gets everything as it is', () => {
  const link = new LinkCompression(new Compression('yes'));
  assert.not(isPacked(link, TEXT));
});

test('what is short, or very long, travels as it is', () => {
  const link = linkOf('yes');
  const lengths = [1023, 1024, PLAIN_BYTES_MAX, PLAIN_BYTES_MAX + 1];
  assert.equal(
    lengths.map((length) => isPacked(link, Buffer.alloc(length, 'text '))),
    [false, true, true, false],
  );
});

test('what shrinks by less than a quarter travels as it is', () => {
  const mixed = (random: number) => Buffer.concat([randomBytes(random), Buffer.alloc(10_000 - random)]);
  assert.not(isPacked(linkOf('yes'), mixed(8000)));
  assert.ok(isPacked(linkOf('yes'), mixed(7000)));
});

test('after what did not shrink the next ones are not tried, twice as many each time, 32 at most', () => {
  const link = linkOf('yes');
  for (const untried of [2, 4, 8, 16, 32, 32]) {
    assert.not(isPacked(link, randomBytes(2000)));
    for (let i = 0; i < untried; i++) assert.not(isPacked(link, TEXT), `${i} of ${untried}`);
  }
  assert.ok(isPacked(link, TEXT));
  assert.ok(isPacked(link, TEXT));
  assert.not(isPacked(link, randomBytes(2000)));
  assert.equal([isPacked(link, TEXT), isPacked(link, TEXT), isPacked(link, TEXT)], [false, false, true]);
});

test('one type that does not shrink is nothing against another', () => {
  const link = linkOf('yes');
  assert.not(isPacked(link, randomBytes(2000), FrameType.keyList));
  assert.ok(isPacked(link, TEXT));
});

test('an envelope is packed once for all links, and each counts what it saved', () => {
  const shared = new Compression('yes');
  const [one, other] = [linkOf('yes', [], shared), linkOf('yes', [], shared)];
  const packed = one.pack(envelope, TEXT);
  assert.ok(packed !== null && packed === other.pack(envelope, TEXT));
  assert.equal(shared.statistics, {
    bulk_packed: 2,
    bulk_packed_saved_bytes: 2 * (TEXT.length - packed.length),
    bulk_unpacked: 0,
  });
});

test('other bulk is packed anew each time: its bytes may be others by then', () => {
  const link = linkOf('yes');
  const bytes = Buffer.alloc(2000, 'one ');
  const before = link.pack(statePage, bytes);
  bytes.fill('two ');
  assert.not.equal(link.pack(statePage, bytes), before);
});

test('a link measures five round trips at once where the first ones are long, then sends packed, at less of its credit', () => {
  const stream = new FuzzedStream();
  const link = new Link('a-peer', stream.asStream(), connection(), new Compression('auto'));
  link.ready = true;
  link.compression.peerUnpacks = true;
  const sent = (work: () => void): number => {
    const before = stream.sentBytes;
    work();
    return stream.sentBytes - before;
  };
  const pong = () => stream.bring(Buffer.concat(encodeMap(FrameType.pong, { t: performance.now() - 40 })));
  const page = () => link.sendBulk(statePage, TEXT);
  assert.is(sent(page), TEXT.length + 5);
  for (let i = 0; i < 4; i++) assert.ok(sent(pong) > 0);
  assert.is(sent(pong), 0);
  const packedBytes = sent(page);
  assert.ok(packedBytes < TEXT.length / 2);
  let pages = 0;
  for (; link.writable; pages++) page();
  assert.is(pages, Math.ceil((4 * 1024 * 1024 - TEXT.length - (packedBytes - 5)) / (packedBytes - 5)));
});

test.run();
