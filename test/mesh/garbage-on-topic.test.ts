/**
 * A peer of the cluster publishes garbage on the gossip topic: what is none of ours is refused and counted, its sender
 * soon not listened to, and the nodes agree on everything as if it were not there.
 */
import { randomBytes } from 'node:crypto';
import { Encoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.ts';
import { createEngine, type Envelope, Slice } from '../../src/core/index.ts';
import { vectorToWire } from '../../src/mesh/frames.ts';
import { sleep } from '../processes/node-process.ts';
import { converged, newReplica, startNodes, stopAll, type TestNode, until, writing } from './meshes.ts';
import { Stranger, stopStrangers } from './strangers.ts';

const ENVELOPE = 1;
const VECTOR = 2;
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
});

/** Envelopes of a replica that nobody knows, its first one left out, so that none of them can ever be applied. */
function ghostEnvelopes(count: number): Envelope[] {
  const engine = createEngine({ replica: newReplica(), hashSeed: 1 });
  engine.setNow(Date.now());
  const sealed: Envelope[] = [];
  engine.onEnvelope((envelope) => sealed.push(envelope));
  for (let i = 0; i <= count; i++) {
    engine.begin();
    engine.databases[0].strings.write(Slice.of(`ghost:${i}`), Slice.of('boo'), -1);
    engine.commit();
    engine.seal();
  }
  return sealed.slice(1);
}

function message(kind: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([kind]), body]);
}

/** Two nodes under writing, and a stranger on their topic. */
async function startWithStranger(): Promise<{ nodes: TestNode[]; stranger: Stranger; finish(): Promise<void> }> {
  const nodes = await startNodes(2);
  const stranger = await Stranger.start(nodes);
  await stranger.joinTopic(nodes);
  const stop = writing(nodes);
  const finish = async () => {
    await sleep(300);
    const rounds = stop();
    await converged(nodes);
    for (const node of nodes) {
      assert.is(node.get('writing:counter'), String(2 * rounds));
      assert.is(node.get('ghost:0'), null);
      assert.is(node.up, 1);
    }
  };
  return { nodes, stranger, finish };
}

test('random bytes, truncated envelopes and lengths that cannot be are refused and counted', async () => {
  const { nodes, stranger, finish } = await startWithStranger();
  const [real] = ghostEnvelopes(1);
  const garbage = [
    Buffer.alloc(0),
    Buffer.from([ENVELOPE]),
    message(99, Buffer.from('what?')),
    message(ENVELOPE, randomBytes(20_000)),
    message(VECTOR, randomBytes(500)),
    message(ENVELOPE, real.bytes.subarray(0, real.bytes.length - 5)),
    // an array and a byte string that claim to be longer than any memory
    message(ENVELOPE, Buffer.from('a161769bffffffffffffffff', 'hex')),
    message(ENVELOPE, Buffer.from('a161745bffffffffffffffff00', 'hex')),
    message(VECTOR, encoder.encode({ id: 7, vector: 'all of it' })),
    randomBytes(300 * 1024),
  ];
  for (const bytes of garbage) await stranger.publish(bytes);
  await until('refusals', () => nodes.every((node) => node.counter('gossip_refused') >= 5));
  for (const node of nodes) {
    const warnings = node.said('warn').filter((line) => line.includes('garbage'));
    assert.is(warnings.length, 1, 'one line a peer, not one a message');
  }
  await finish();
});

test('who goes on publishing garbage is not listened to after a while', async () => {
  const { nodes, stranger, finish } = await startWithStranger();
  for (let i = 0; i < 500; i++) {
    await stranger.publish(message(ENVELOPE, randomBytes(100)));
    if (i % 50 === 0) await sleep(300);
  }
  await finish();
  for (const node of nodes) {
    const refused = node.counter('gossip_refused');
    assert.ok(refused >= 5 && refused < 400, `${refused} of 500`);
  }
});

test('mutated envelopes do no harm, whatever bytes were hit', async () => {
  const { stranger, finish, nodes } = await startWithStranger();
  const ghosts = ghostEnvelopes(40);
  for (const ghost of ghosts) {
    const bytes = Buffer.from(ghost.bytes);
    for (let hits = 0; hits < 3; hits++)
      bytes[Math.floor(Math.random() * bytes.length)] ^= 1 + Math.floor(Math.random() * 255);
    for (const node of nodes) node.engine.receive(bytes);
    await stranger.publish(message(ENVELOPE, bytes));
  }
  await finish();
});

test('envelopes and vectors of numbers far ahead only wait, and take no place among the replicas', async () => {
  const { nodes, stranger, finish } = await startWithStranger();
  const [ghost] = ghostEnvelopes(1);
  const { txns } = decodeEnvelope(ghost.bytes);
  const known = nodes[0].engine.replica;
  for (let i = 0; i < 50; i++) {
    const replica = i % 2 === 0 ? known : newReplica();
    const ahead = { replica, first: 1e12 + i, count: 1, base: 1e14, context: [], txns };
    await stranger.publish(message(ENVELOPE, encodeEnvelope(ahead)));
    const vector = [{ replica, number: 1e15, stamp: 1e15 }];
    await stranger.publish(
      message(
        VECTOR,
        encoder.encode({
          id: stranger.peerId,
          replica: stranger.replica,
          region: '',
          zone: '',
          addresses: ['no address at all'],
          vector: vectorToWire(vector),
          clock: Date.now(),
        }),
      ),
    );
  }
  await until('waiting envelopes', () => nodes.every((node) => node.engine.statistics.waitingEnvelopes > 0));
  await finish();
  for (const node of nodes) {
    assert.is(node.engine.replicaTable().length, 2);
    assert.is(node.counter('replica_clashes'), 0);
  }
});

test.run();
