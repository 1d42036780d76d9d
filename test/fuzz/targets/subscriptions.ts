/**
 * What another node says of subscriptions and messages. It is refused with a warning, and then nothing has changed, or
 * taken; what is taken can be told to others and is understood there.
 */
import assert from 'node:assert/strict';
import { SUBSCRIPTION_KINDS } from '../../../src/commands/services.ts';
import { type Messenger, PubSub } from '../../../src/pubsub/index.ts';
import { decodeTold, encodeCounts, SayWriter, type SubscriptionCount, WANT } from '../../../src/pubsub/wire.ts';
import type { Target } from '../target.ts';

const PEER = 'a-peer';
const KNOWN: readonly SubscriptionCount[] = [
  { kind: 'channel', name: 'news', count: 2 },
  { kind: 'pattern', name: 'n*', count: 1 },
  { kind: 'shard', name: 's', count: 3 },
];

let pubsub: PubSub;
let messenger: Messenger;
let warned = 0;
let before = '';

export const target: Target = {
  name: 'subscriptions',
  guidedBy: ['/src/pubsub/'],
  bytesMax: 64 * 1024,
  works: true,
  seeds() {
    const said = new SayWriter();
    said.add('channel', Buffer.from('news'), Buffer.from('hello'));
    said.add('shard', Buffer.from(''), Buffer.from(''));
    return [
      encodeCounts('table', 7, 1, KNOWN),
      encodeCounts('change', 7, 2, [{ kind: 'channel', name: 'news', count: 0 }, ...KNOWN.slice(1)]),
      encodeCounts('change', 8, 2, KNOWN),
      Buffer.from(WANT),
      said.take({ replica: '00112233445566ff', number: 7 }),
    ];
  },
  prepare() {
    warned = 0;
    messenger = { send() {}, reachable: () => [PEER], onMessage() {}, onReach() {} };
    pubsub = new PubSub({ messenger, epoch: 1, defer: (work) => work(), warn: () => warned++ });
    for (const name of ['news', '']) pubsub.subscribe('channel', Buffer.from(name), { deliver() {} });
    pubsub.subscribe('pattern', Buffer.from('*a*b'), { deliver() {} });
    messenger.onMessage(PEER, encodeCounts('table', 7, 1, KNOWN));
    before = counts();
  },
  run(bytes) {
    messenger.onMessage(PEER, bytes);
  },
  check(bytes) {
    if (warned > 0) {
      assert.equal(counts(), before);
      return;
    }
    const told = decodeTold(bytes);
    if (told.tag === 'table' || told.tag === 'change')
      assert.deepEqual(decodeTold(encodeCounts(told.tag, told.epoch, told.version, told.entries)), told);
    else assert.equal(counts(), before);
  },
};

function counts(): string {
  return SUBSCRIPTION_KINDS.flatMap((kind) =>
    pubsub.names(kind).map((name) => `${kind} ${name} ${pubsub.count(kind, Buffer.from(name, 'latin1'))}`),
  )
    .sort()
    .join('\n');
}
