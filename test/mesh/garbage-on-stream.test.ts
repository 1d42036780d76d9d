/**
 * A peer opens the sync stream and sends what no node would: it is refused with a line in the log, what it can make a
 * node hold is bounded, and the other peers notice nothing.
 */
import { randomBytes } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.ts';
import { createEngine, Slice } from '../../src/core/index.ts';
import { encodeBulk, FRAME_BYTES_MAX, FrameType } from '../../src/mesh/frames.ts';
import { temporaryFolder } from '../processes/node-process.ts';
import { converged, newReplica, startNodes, stopAll, TestNode, until, writing } from './meshes.ts';
import { frame, Stranger, stopStrangers } from './strangers.ts';

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
});

/** What one stranger sends on one stream, once its hello was said where `hello` is true. */
interface Attack {
  name: string;
  hello: boolean;
  bytes: Uint8Array;
  /** In the line of the log. */
  said: RegExp;
}

function header(length: number, type: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length, 0);
  bytes[4] = type;
  return bytes;
}

/** The txn of a txns run with one SET in it. */
const ONE_TXN = oneTxn();

function oneTxn(): Buffer {
  const engine = createEngine({ replica: newReplica(), hashSeed: 1 });
  engine.setNow(Date.now());
  engine.begin();
  engine.databases[0].strings.write(Slice.of('k'), Slice.of('v'), -1);
  engine.commit();
  const sealed = engine.seal();
  if (sealed === null) throw new Error('nothing was sealed');
  return Buffer.from(decodeEnvelope(sealed.bytes).txns);
}

const EMPTY_CHUNK = Buffer.concat([header(2, FrameType.chunk), Buffer.from([0])]);

/** Of a version vector, of replicas that nobody has. */
function entries(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => [index.toString(16).padStart(16, '0'), 1, 1]);
}

/** A member nobody else knows of, which has a txn that the teller lacks. */
function strangerAhead(_: unknown, index: number): Record<string, unknown> {
  const replica = `f${index.toString(16).padStart(15, '0')}`;
  const who = { id: `stranger ${index}`, replica, region: '', zone: '', addresses: [] };
  return { ...who, differs: [[replica, 1, 1]], age: 0 };
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'random bytes',
    hello: false,
    bytes: Buffer.concat([Buffer.from([200]), randomBytes(5000)]),
    said: /frame of/,
  },
  { name: 'a header that claims 4 GiB', hello: false, bytes: header(0xffffffff, 1), said: /frame of 4294967295 bytes/ },
  { name: 'a frame of nothing', hello: true, bytes: header(0, 1), said: /frame of 0 bytes/ },
  { name: 'a frame before hello', hello: false, bytes: frame(FrameType.wantState, { n: 1 }), said: /before hello/ },
  {
    name: 'a hello that is an array',
    hello: false,
    bytes: Buffer.concat([header(2, 1), Buffer.from([0x80])]),
    said: /not a map/,
  },
  {
    name: 'a hello that is no CBOR',
    hello: false,
    bytes: Buffer.concat([header(4, 1), Buffer.from([0xbf, 0x61, 0xff])]),
    said: /not plain CBOR/,
  },
  { name: 'a frame of unknown type', hello: true, bytes: frame(77, {}), said: /unknown frame 77/ },
  {
    name: 'a vector of words',
    hello: true,
    bytes: frame(FrameType.vector, { vector: ['a'], clock: 1 }),
    said: /version vector/,
  },
  {
    name: 'a pull from between two txns',
    hello: true,
    bytes: frame(FrameType.pull, { r: newReplica(), from: 1.5, to: 2 }),
    said: /no whole number/,
  },
  {
    name: 'members that are none',
    hello: true,
    bytes: frame(FrameType.members, { base: [], list: [1] }),
    said: /bad member/,
  },
  {
    name: 'members that stand for more than anybody has',
    hello: true,
    bytes: frame(FrameType.members, { base: entries(2000), list: Array.from({ length: 70 }, strangerAhead) }),
    said: /members with 13\d+ entries/,
  },
  {
    name: 'changes of a vector that was never told',
    hello: true,
    bytes: frame(FrameType.vector, { changed: [], clock: 1 }),
    said: /was not told/,
  },
  {
    name: 'an envelope of random bytes',
    hello: true,
    bytes: Buffer.concat(encodeBulk(FrameType.envelope, randomBytes(1000))),
    said: /envelope: /,
  },
  {
    name: 'chunks of nothing without an end',
    hello: true,
    bytes: Buffer.concat([EMPTY_CHUNK, EMPTY_CHUNK]),
    said: /chunk of 1 bytes/,
  },
  {
    name: 'chunks of what comes whole',
    hello: true,
    bytes: Buffer.concat([header(3, FrameType.chunk), Buffer.from([FrameType.hello, 1])]),
    said: /chunks of frame 1/,
  },
];

for (const { name, hello, bytes, said } of ATTACKS) {
  test(`${name}: the sender is refused, with a line that says why`, async () => {
    const [a] = await startNodes(1);
    const stranger = await Stranger.start([a]);
    const stream = await stranger.open(a);
    if (hello) stream.send(stranger.hello());
    stream.send(bytes);
    await until('a line about it', () => a.said('warn').some((line) => line.includes('peer refused')));
    assert.match(a.said('warn').join('\n'), said);
    assert.is(a.up, 0);
    await until('a closed stream', () => stream.status !== 'open');
  });
}

test('hellos with wrong fields are refused', async () => {
  const wrong = [
    { p: 2 },
    { cluster: 'another' },
    { id: 'somebody' },
    { replica: 'x' },
    { addresses: [1] },
    { vector: 1 },
  ];
  const [a] = await startNodes(1);
  for (const changes of wrong) {
    const stranger = await Stranger.start([a]);
    const before = a.said('warn').length;
    const stream = await stranger.open(a);
    stream.send(stranger.hello(changes));
    await until(`a line about ${JSON.stringify(changes)}`, () => a.said('warn').length > before);
    await stranger.stop();
  }
  assert.is(a.mesh.peers().length, 0);
});

test('half a frame and silence, or pings and no hello, end in a closed stream while other peers go on', async () => {
  const nodes = await startNodes(2);
  const silent = await Stranger.start(nodes);
  const rude = await Stranger.start(nodes);
  const stop = writing(nodes, 20);
  const half = await silent.open(nodes[0]);
  half.send(silent.hello().subarray(0, 20));
  const pinging = await rude.open(nodes[0]);
  const timer = setInterval(() => {
    if (pinging.status === 'open') pinging.send(frame(FrameType.ping, { t: 1 }));
  }, 500);
  await until('both streams closed', () => half.status !== 'open' && pinging.status !== 'open', 20_000);
  clearInterval(timer);
  assert.is(nodes[0].counter('links_silent'), 1);
  assert.match(nodes[0].said('warn').join('\n'), 'no hello');
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) assert.is(node.get('writing:counter'), String(2 * rounds));
});

test('a flood of envelopes that can never be applied fills a bounded room, and writes still pass', async () => {
  const nodes = await startNodes(2);
  const stranger = await Stranger.start(nodes);
  const stream = await stranger.open(nodes[0]);
  stream.send(stranger.hello());
  const padding = Array.from({ length: 8000 }, (_, i) => ({
    replica: i.toString(16).padStart(16, '0'),
    number: 1,
    stamp: 1,
  }));
  for (let first = 2; first < 800; first++) {
    const bytes = encodeEnvelope({
      replica: stranger.replica,
      first,
      count: 1,
      base: 1e14,
      context: padding,
      txns: ONE_TXN,
    });
    for (const piece of encodeBulk(FrameType.envelope, bytes)) if (!stream.send(piece)) await stream.onDrain();
  }
  await until('a full waiting room', () => nodes[0].engine.statistics.waitingBytes > 60 * 1024 * 1024);
  assert.ok(nodes[0].engine.statistics.waitingBytes <= 64 * 1024 * 1024);
  for (const [index, node] of nodes.entries()) for (let i = 0; i < 50; i++) node.set(`k${index}:${i}`, 'v');
  await converged(nodes);
  assert.is(nodes[1].db.size, 100);
});

test('state pages that nobody asked for are not kept', async () => {
  const [a] = await startNodes(1);
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a);
  stream.send(stranger.hello());
  stream.send(frame(FrameType.stateBegin, { n: 1 }));
  const page = encodeBulk(FrameType.statePage, randomBytes(200 * 1024));
  for (let i = 0; i < 100; i++) for (const piece of page) if (!stream.send(piece)) await stream.onDrain();
  stream.send(frame(FrameType.stateEnd, { n: 1 }));
  stream.send(frame(77, {}));
  await until('the last frame', () => a.said('warn').some((line) => line.includes('unknown frame 77')));
  assert.is(a.counter('transfers_received'), 0);
});

test('a state that is none is refused whole, and the node goes on', async () => {
  const [a] = await startNodes(1);
  a.set('k', 'v');
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a, answerWithNonsense);
  stream.send(stranger.hello());
  stream.send(frame(FrameType.gone, { r: stranger.replica, from: 1 }));
  await until('a line about it', () => a.said('warn').some((line) => line.includes('refused: state: ')));
  assert.is(a.get('k'), 'v');
  assert.is(a.counter('transfers_received'), 0);
});

/** Sees the request for a state, which is the only frame of its type, and gives one. */
function answerWithNonsense(bytes: Uint8Array, stream: Stream): void {
  if (!Buffer.from(bytes).includes(Buffer.from([FrameType.wantState, 0xb9]))) return;
  stream.send(frame(FrameType.stateBegin, { n: 1 }));
  for (const piece of encodeBulk(FrameType.statePage, randomBytes(1000))) stream.send(piece);
  stream.send(frame(FrameType.stateEnd, { n: 1 }));
}

test('the pages of a transfer that was given up do not complete the next one', async () => {
  const [a] = await startNodes(1);
  a.set('k', 'v');
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a);
  stream.send(stranger.hello());
  stream.send(frame(FrameType.gone, { r: stranger.replica, from: 1 }));
  // the end of another one: had it counted, all that its pages did not name would be deleted
  stream.send(frame(FrameType.stateEnd, { n: 0 }));
  stream.send(frame(77, {}));
  await until('the last frame', () => a.said('warn').some((line) => line.includes('unknown frame 77')));
  assert.is(a.get('k'), 'v');
  assert.is(a.counter('transfers_received'), 0);
});

test('who asks and asks and never reads the answers is refused', async () => {
  const [a] = await startNodes(1);
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a);
  stream.send(stranger.hello());
  stream.pause();
  const asks = Buffer.concat(Array.from({ length: 10_000 }, () => frame(FrameType.ask, {})));
  for (let i = 0; i < 50 && stream.status === 'open'; i++) {
    if (!stream.send(asks)) await stream.onDrain().catch(() => undefined);
  }
  await until('a line about it', () => a.said('warn').some((line) => line.includes('does not read')));
});

test('a peer that was refused is not taken again at once', async () => {
  const [a] = await startNodes(1);
  const stranger = await Stranger.start([a]);
  for (let i = 0; i < 20; i++) {
    const stream = await stranger.open(a).catch(() => null);
    if (stream === null) continue;
    if (stream.status === 'open') stream.send(header(0xffffffff, 1));
    await until('a closed stream', () => stream.status !== 'open');
  }
  assert.is(a.said('warn').length, 1);
});

test('addresses that are none do not keep a node from starting again', async () => {
  const directory = temporaryFolder();
  const [a] = await startNodes(1, () => ({ directory }));
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a);
  stream.send(stranger.hello({ addresses: ['no address', '/ip4/1.2.3.4/tcp/99999999'] }));
  await until('the member', () => a.mesh.peers().length === 1);
  await a.stop();
  const again = await TestNode.start({ directory, engine: a.engine });
  assert.is(again.mesh.peers()[0].address, 'no address');
});

test('no frame is larger than its limit, and whole values come out of chunks', () => {
  const bytes = randomBytes(3 * FRAME_BYTES_MAX + 7);
  const pieces = encodeBulk(FrameType.envelope, bytes);
  const lengths = pieces.filter((piece) => piece.length === 5).map((piece) => Buffer.from(piece).readUInt32BE(0));
  assert.is(lengths.length, 4);
  assert.ok(lengths.every((length) => length <= FRAME_BYTES_MAX + 2));
});

test.run();
