/** What the topic tells of a peer, against what a stream has told. */
import { type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { Encoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../../src/core/index.ts';
import { ClockAlarm } from '../../src/mesh/clock-alarm.ts';
import { Gossip } from '../../src/mesh/gossip.ts';
import { Members } from '../../src/mesh/members.ts';
import type { MeshNode } from '../../src/mesh/transport.ts';

type Validator = (peer: unknown, message: Pick<Message, 'data'>) => TopicValidatorResult;

const TOPIC = 'topic';
const VECTOR = Buffer.of(2);
const BEFORE = '00000000000000bb';
const SINCE = '00000000000000cc';
const PEER = { peerId: 'peer', region: '', zone: '', addresses: [] };
const SILENT = { warn() {} };
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

/** By which replica id the peer goes after a hello of one, and a vector on the topic of another. */
function replicaAfterTopic({ hello, topic, isLinked }: { hello: string; topic: string; isLinked: boolean }) {
  const engine = createEngine({ replica: '00000000000000aa', hashSeed: 1 });
  const members = new Members(engine, 'self', null, SILENT);
  const topicValidators = new Map<string, Validator>();
  const pubsub = { topicValidators, subscribe() {}, publish: () => Promise.resolve() };
  new Gossip({
    ...{ node: { services: { pubsub } } as unknown as MeshNode, topic: TOPIC, engine, members },
    ...{ clockAlarm: new ClockAlarm(SILENT), peerId: 'self', region: '', zone: '', addresses: () => [], log: SILENT },
    onVector() {},
    isLinked: () => isLinked,
    whenWanted: () => null,
    signSuffices: () => false,
  });
  members.report({ ...PEER, replica: hello, vector: [], clockMs: Date.now(), seenMs: Date.now() });
  const wire = { ...PEER, id: PEER.peerId, replica: topic, vector: [], clock: Date.now() };
  const data = Buffer.concat([VECTOR, encoder.encode(wire)]);
  assert.is(topicValidators.get(TOPIC)?.('peer', { data }), TopicValidatorResult.Accept);
  return members.get(PEER.peerId)?.replica;
}

test('a vector that was long on its way does not bring the former replica id of a linked peer back', () => {
  assert.is(replicaAfterTopic({ hello: SINCE, topic: BEFORE, isLinked: true }), SINCE);
});

test('of a peer to which there is no stream the topic tells under which replica id it goes now', () => {
  assert.is(replicaAfterTopic({ hello: BEFORE, topic: SINCE, isLinked: false }), SINCE);
});

test.run();
