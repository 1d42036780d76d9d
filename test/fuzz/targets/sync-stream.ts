/**
 * The sync stream: bytes of a peer, cut as they come, through link, frames and sync into an engine. Whatever they are,
 * the peer is refused with a FrameError or served; the state of the data is sound before and after.
 */

import type { Engine } from '../../../src/core/index.ts';
import { ClockAlarm } from '../../../src/mesh/clock-alarm.ts';
import { Compression } from '../../../src/mesh/compression.ts';
import { type Bulk, encodeBulk, encodeMap, FrameError, FrameType, vectorToWire } from '../../../src/mesh/frames.ts';
import { Link } from '../../../src/mesh/link.ts';
import { Members } from '../../../src/mesh/members.ts';
import { encodeMessage } from '../../../src/mesh/messenger.ts';
import { packBulk, unpackBulk } from '../../../src/mesh/packed-bulk.ts';
import { Sync } from '../../../src/mesh/sync.ts';
import { mutateCbor } from '../cbor-tree.ts';
import { assertSound, makeHistory, makeReceiver, pagesOf } from '../engines.ts';
import { connection, FuzzedLog, FuzzedStream } from '../mesh-parts.ts';
import { accepted, type MutationContext, type Target } from '../target.ts';

const HEAD_BYTES = 5;
const PEER = 'a-peer';
const PEER_REPLICA = 'eeeeeeeeeeeeeeee';
/** Longer frames are chunks of something. */
const PAGE_BYTES = 100_000;

/** A peer may ask, and what is on its way to it is bounded by its credit and by what it leaves unread (link.ts). */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

const history = makeHistory();
let engine: Engine = makeReceiver(history);
let stream = new FuzzedStream();
let link = new Link(PEER, stream.asStream(), connection(), new Compression('auto'));
let faults: unknown[] = [];
let dataBefore = '';

export const target: Target = {
  name: 'sync-stream',
  guidedBy: ['/src/mesh/', '/src/core/'],
  bytesMax: 256 * 1024,
  works: true,
  extraBytes: ANSWER_BYTES_MAX,
  seeds,
  mutate,
  prepare() {
    if (dataOf(engine) !== dataBefore) engine = makeReceiver(history);
    dataBefore = dataOf(engine);
    const log = new FuzzedLog();
    const members = new Members(engine, 'self', null, log);
    const sync = new Sync({
      engine,
      members,
      clockAlarm: new ClockAlarm(log),
      cluster: 'fuzzed',
      peerId: 'self',
      region: '',
      zone: '',
      gossips: true,
      addresses: () => [],
      storedLog: { read: async () => [], whenDurable: (callback) => callback(false) },
      log,
      takeNewReplica() {},
    });
    stream = new FuzzedStream();
    link = new Link(PEER, stream.asStream(), connection(), new Compression('auto'));
    faults = [];
    link.onFault = (error) => faults.push(error);
    link.onClosed = () => sync.remove(link);
    sync.add(link);
    // before a hello nothing else is looked at
    stream.bring(Buffer.concat(hello()));
  },
  run(bytes) {
    for (let at = 0; at < bytes.length && !link.closed; ) {
      const end = at + 1 + (bytes[at] === 0xff ? 7 : 4096);
      stream.bring(bytes.subarray(at, end));
      at = end;
    }
  },
  check() {
    const [fault] = faults;
    if (fault !== undefined) throw fault;
    if (!link.closed) link.close('the input is over');
    if (dataOf(engine) !== dataBefore) assertSound(engine);
  },
};

function dataOf(of: Engine): string {
  return JSON.stringify([of.digest(), of.vector(), of.replicaTable()]);
}

function hello(): Buffer[] {
  return encodeMap(FrameType.hello, {
    p: 1,
    cluster: 'fuzzed',
    id: PEER,
    replica: PEER_REPLICA,
    region: 'r',
    zone: 'z',
    addresses: ['/ip4/192.0.2.7/tcp/1'],
    vector: vectorToWire(engine.vector()),
    clock: Date.now(),
    gossip: true,
  });
}

/** To us, if to nobody else. */
function message(to = 'self'): Buffer {
  return encodeMessage(PEER, to, Buffer.from('hello'));
}

function seeds(): Buffer[] {
  const sender = makeReceiver(history);
  for (const bytes of history.after) sender.receive(bytes);
  const vector = vectorToWire(sender.vector());
  const held = engine.slotDigests()?.digests ?? Buffer.alloc(0);
  const { slots, vector: claimed } = sender.compareSlots(held);
  const list = sender.listKeys(slots, 0, PAGE_BYTES).bytes;
  const { wanted } = engine.chooseKeys(slots, [list]);
  const base = vectorToWire(engine.vector());
  const differs = vectorToWire([
    { replica: 'ffffffffffffffff', number: 3, stamp: 5 },
    { replica: engine.vector()[0].replica, number: 0, stamp: 0 },
  ]);
  const member = { id: 'other', replica: 'ffffffffffffffff', region: '', zone: '', addresses: [], differs, age: 5 };
  const map = (type: number, fields: Record<string, unknown>) => Buffer.concat(encodeMap(type, fields));
  const bulk = (type: Bulk, bytes: Uint8Array) => Buffer.concat(encodeBulk(type, bytes));
  const packed = (type: Bulk, bytes: Uint8Array) => Buffer.concat(encodeBulk(FrameType.packed, packBulk(type, bytes)));
  const envelopes = history.after.map((bytes) => bulk(FrameType.envelope, bytes));
  const pages = pagesOf(sender).map((bytes) => bulk(FrameType.statePage, bytes));
  const gone = map(FrameType.gone, { r: PEER_REPLICA, from: 1 });
  const wholeTransfer = [gone, map(FrameType.stateBegin, { n: 1 }), ...pages, map(FrameType.stateEnd, { n: 1 })];
  const comparedTransfer = [
    gone,
    map(FrameType.stateBegin, { n: 1, slots, x: claimed }),
    bulk(FrameType.keyList, list),
    map(FrameType.keysListed, { n: 1 }),
    ...pages,
    bulk(FrameType.stateTail, history.after[0]),
    map(FrameType.stateEnd, { n: 1 }),
  ];
  return [
    envelopes,
    [map(FrameType.vector, { vector, clock: Date.now() })],
    [map(FrameType.vector, { vector: vectorToWire(engine.vector()), clock: 1, digest: engine.digest() })],
    [map(FrameType.members, { base, list: [member, { ...member, differs: [] }] }), map(FrameType.ask, {})],
    [map(FrameType.vector, { vector: base, clock: 1 }), map(FrameType.vector, { changed: differs, clock: 2 })],
    [map(FrameType.follow, { from: 1 }), map(FrameType.pull, { r: engine.replica, from: 1, to: 9 })],
    [map(FrameType.pull, { r: String(engine.vector()[0].replica), from: 1, to: 9 })],
    [map(FrameType.wantState, { n: 3 })],
    [map(FrameType.wantState, { n: 3, held }), map(FrameType.wantKeys, { n: 3, k: wanted, last: true })],
    wholeTransfer,
    comparedTransfer,
    [map(FrameType.ping, { t: 1.5 }), map(FrameType.pong, { t: 1.5 }), map(FrameType.credit, { b: 9 })],
    [bulk(FrameType.message, message()), map(FrameType.seek, { peers: ['other'] })],
    [map(FrameType.reaches, { peers: ['other', PEER] }), bulk(FrameType.message, message('other'))],
    [Buffer.concat(hello())],
    history.after.map((bytes) => packed(FrameType.envelope, bytes)),
    [
      gone,
      map(FrameType.stateBegin, { n: 1, slots, x: claimed }),
      packed(FrameType.keyList, list),
      map(FrameType.keysListed, { n: 1 }),
      ...pagesOf(sender).map((bytes) => packed(FrameType.statePage, bytes)),
      packed(FrameType.stateTail, history.after[0]),
      map(FrameType.stateEnd, { n: 1 }),
    ],
  ].map((frames) => Buffer.concat(frames));
}

/** Whole frames, with lengths that fit: one of them changed, left out, doubled, moved, or taken from elsewhere. */
function mutate(bytes: Buffer, context: MutationContext): Buffer {
  const { random, other, scramble } = context;
  const frames = framesIn(bytes);
  const foreign = framesIn(other);
  if (frames.length === 0) return other;
  const at = random.below(frames.length);
  const { type, body } = frames[at];
  switch (random.below(8)) {
    case 0:
      frames.splice(at, 1);
      break;
    case 1:
      frames.splice(at, 0, ...Array.from({ length: random.pick([1, 2, 300]) }, () => frames[at]));
      break;
    case 2:
      if (foreign.length > 0) frames.splice(at, random.below(2), random.pick(foreign));
      break;
    case 3:
      frames[at] = { type: random.chance(0.8) ? 1 + random.below(28) : random.below(256), body };
      break;
    case 4:
      frames[at] = { type, body: scramble(body) };
      break;
    default:
      frames[at] = { type, body: type === FrameType.packed ? mutatePacked(body, context) : mutateCbor(body, context) };
  }
  return Buffer.concat(frames.map(frame));
}

/** What is in it, or else its own bytes. */
function mutatePacked(body: Buffer, context: MutationContext): Buffer {
  let changed = body;
  accepted(() => {
    const { type, bytes } = unpackBulk(body);
    changed = packBulk(type, mutateCbor(bytes, context));
  }, FrameError);
  return changed === body ? context.scramble(body) : changed;
}

function framesIn(bytes: Buffer): { type: number; body: Buffer }[] {
  const frames: { type: number; body: Buffer }[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end < at + HEAD_BYTES) break;
    frames.push({ type: bytes[at + 4], body: bytes.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return frames;
}

function frame({ type, body }: { type: number; body: Buffer }): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(body.length + 1, 0);
  head[4] = type;
  return Buffer.concat([head, body]);
}
