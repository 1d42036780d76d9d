/** Nodes that send packed what they owe each other, agree; and nobody gets it who has not said that it understands. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { Compression } from '../../src/mesh/compression.ts';
import { encodeBulk, FrameReader, FrameType } from '../../src/mesh/frames.ts';
import { packBulk } from '../../src/mesh/packed-bulk.ts';
import { converged, startNodes, stopAll, TestNode, until } from './meshes.ts';
import { frame, Stranger, stopStrangers } from './strangers.ts';

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
});

function document(id: number): string {
  return JSON.stringify({ id, name: `user ${id}`, mail: `user${id}@example.org`, tags: ['one', 'two'], active: true });
}

/** One txn. */
function writeDocuments(node: TestNode, count: number): void {
  node.txn((db) => {
    for (let i = 0; i < count; i++) db.strings.write(Slice.of(`key:${i}`), Slice.of(document(i)), -1);
  });
}

test('two nodes that pack agree on small values, large ones, and such as do not shrink', async () => {
  const [a, b] = await startNodes(2, () => ({ compression: new Compression('yes') }));
  writeDocuments(a, 5000);
  const noise = randomBytes(700_000);
  const text = Buffer.from(document(1).repeat(7000));
  b.set('text', text);
  b.set('noise', noise);
  b.set('long', Buffer.alloc(3_000_000, 'long '));
  await converged([a, b]);
  assert.is(b.get('key:4999'), document(4999));
  assert.ok(a.get('noise') === noise.toString('latin1') && a.get('text') === text.toString('latin1'));
  for (const node of [a, b]) assert.ok(node.counter('bulk_packed') > 0);
  assert.is(a.counter('bulk_packed'), b.counter('bulk_unpacked'));
  assert.is(b.counter('bulk_packed'), a.counter('bulk_unpacked'));
  assert.ok(a.counter('bulk_packed_saved_bytes') > 200_000);
  assert.equal([...a.said('warn'), ...b.said('warn')], []);
});

test('a state transfer travels packed, whole and compared', async () => {
  const options = () => ({ compression: new Compression('yes'), logBytesMax: 5000 });
  const a = await TestNode.start(options());
  writeDocuments(a, 20_000);
  a.set('more', 'of the log');
  const b = await TestNode.start({ ...options(), bootstrap: [a.address] });
  await until('the keys', () => b.db.size === 20_001);
  await converged([a, b]);
  const packed = a.counter('bulk_packed');
  const [{ bytesOut }] = a.mesh.peers();
  assert.ok(packed > 0 && bytesOut < a.counter('bulk_packed_saved_bytes'), `${bytesOut} bytes`);
  for (const node of [a, b]) node.mesh.setPaused(true);
  for (let i = 0; i < 20_000; i += 10) {
    a.set(`key:${i}`, document(i + 1));
    a.engine.seal();
  }
  for (const node of [a, b]) node.mesh.setPaused(false);
  await converged([a, b]);
  assert.is(b.counter('transfers_received'), 2);
  assert.ok(a.counter('bulk_packed') > packed);
});

test('one that packs and one that does not agree, and each sends as it is told', async () => {
  const [a, b] = await startNodes(2, (index) => ({ compression: new Compression(index === 0 ? 'yes' : 'no') }));
  writeDocuments(a, 1000);
  b.set('text', document(1).repeat(100));
  await converged([a, b]);
  assert.ok(a.counter('bulk_packed') > 0 && b.counter('bulk_unpacked') > 0);
  assert.equal([b.counter('bulk_packed'), a.counter('bulk_unpacked')], [0, 0]);
});

for (const understands of [false, true]) {
  test(`a peer that ${understands ? 'understands packed bulk gets it' : 'says nothing of it gets none'}`, async () => {
    const [a] = await startNodes(1, () => ({ compression: new Compression('yes') }));
    writeDocuments(a, 1000);
    a.engine.seal();
    const types = new Set<number>();
    const reader = new FrameReader();
    const stranger = await Stranger.start([a]);
    const stream = await stranger.open(a, (bytes) => reader.push(bytes, (type) => types.add(type)));
    stream.send(stranger.hello(understands ? { packed: true } : {}));
    stream.send(frame(FrameType.follow, { from: 1 }));
    const [wanted, other] = understands
      ? [FrameType.packed, FrameType.envelope]
      : [FrameType.envelope, FrameType.packed];
    await until('the txn', () => types.has(wanted));
    assert.not(types.has(other));
  });
}

test('packed bulk is refused before hello, and where it is none', async () => {
  const [a] = await startNodes(1);
  for (const [hello, body, said] of [
    [false, packBulk(FrameType.envelope, randomBytes(100)), /frame 28 before hello/],
    [true, randomBytes(100).fill(FrameType.envelope, 0, 1).fill(0, 1, 4), /packed/],
    [true, packBulk(FrameType.envelope, randomBytes(100)), /envelope: /],
  ] as const) {
    const before = a.said('warn').length;
    const stranger = await Stranger.start([a]);
    const stream = await stranger.open(a);
    if (hello) stream.send(stranger.hello());
    for (const piece of encodeBulk(FrameType.packed, body)) stream.send(piece);
    await until('a line about it', () => a.said('warn').length > before);
    assert.match(a.said('warn').slice(before).join('\n'), said);
    await stranger.stop();
  }
});

test.run();
