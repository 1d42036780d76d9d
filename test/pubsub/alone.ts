/** Publish and subscribe on a node that has no peers. */
import { PubSub } from '../../src/pubsub/index.ts';

export function pubsubAlone(): PubSub {
  return new PubSub({
    messenger: { send() {}, reachable: () => [], onMessage() {}, onReach() {} },
    epoch: 1,
    defer: (work) => work(),
    warn: (details, message) => {
      throw new Error(`${message}: ${JSON.stringify(details)}`);
    },
  });
}
