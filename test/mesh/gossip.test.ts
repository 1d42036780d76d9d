/** What the topic tells of a peer, against what a stream has told. */
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { Encoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../../src/core/index.ts';
import { Members } from '../../src/mesh/members.ts';
import { topicValidator } from './topic-validator.ts';

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
  const validate = topicValidator({ engine, members, log: SILENT, isLinked: () => isLinked });
  members.report({ ...PEER, replica: hello, vector: [], clockMs: Date.now(), seenMs: Date.now() });
  const wire = { ...PEER, id: PEER.peerId, replica: topic, vector: [], clock: Date.now() };
  const data = Buffer.concat([VECTOR, encoder.encode(wire)]);
  assert.is(validate('peer', { data }), TopicValidatorResult.Accept);
  return members.get(PEER.peerId)?.replica;
}

test('a vector that was long on its way does not bring the former replica id of a linked peer back', () => {
  assert.is(replicaAfterTopic({ hello: SINCE, topic: BEFORE, isLinked: true }), SINCE);
});

test('of a peer to which there is no stream the topic tells under which replica id it goes now', () => {
  assert.is(replicaAfterTopic({ hello: BEFORE, topic: SINCE, isLinked: false }), SINCE);
});

test.run();
