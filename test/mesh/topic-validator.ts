/** What a node makes of messages on the gossip topic, without a mesh: the validator that it registers there. */
import type { Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { ClockAlarm } from '../../src/mesh/clock-alarm.ts';
import { Gossip, type GossipOptions } from '../../src/mesh/gossip.ts';
import type { MeshNode } from '../../src/mesh/transport.ts';

const TOPIC = 'topic';

export type Validator = (peer: unknown, message: Pick<Message, 'data'>) => TopicValidatorResult;

type Parts = Pick<GossipOptions, 'engine' | 'members' | 'log' | 'isLinked'>;

export function topicValidator(parts: Parts): Validator {
  const topicValidators = new Map<string, Validator>();
  const pubsub = { topicValidators, subscribe() {}, publish: () => Promise.resolve() };
  new Gossip({
    ...parts,
    node: { services: { pubsub } } as unknown as MeshNode,
    topic: TOPIC,
    clockAlarm: new ClockAlarm(parts.log),
    peerId: 'self',
    region: '',
    zone: '',
    addresses: () => [],
    onVector() {},
    whenWanted: () => 'now',
    signSuffices: () => false,
  });
  const validator = topicValidators.get(TOPIC);
  if (validator === undefined) throw new Error('nobody looks at the messages');
  return validator;
}
