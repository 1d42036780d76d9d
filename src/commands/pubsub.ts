/**
 * Publish and subscribe. A client's own subscriptions stand with the client: the counts in the replies need them, and the
 * rule that a RESP2 client which listens may do little else. Who listens in the whole mesh is Services.pubsub.
 */
import type { Slice } from '../core/slice.ts';
import type { Client } from './client.ts';
import { matchGlob } from './glob.ts';
import { answerHelp } from './help-reply.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import { type PubSubService, SUBSCRIPTION_KINDS, type SubscriptionKind } from './services.ts';
import type { Call, Command } from './table.ts';

/** Notes down a subscription of the client's, or its end. */
function note({ client }: Call, kind: SubscriptionKind, name: string, subscribed: boolean): void {
  const names = client.subscriptions[kind];
  if (subscribed) names.add(name);
  else names.delete(name);
  const { channel, pattern, shard } = client.subscriptions;
  client.subscribed = channel.size + pattern.size + shard.size;
}

/** One confirmation, with how many the client listens to: sharded channels are counted apart. `name` null: none. */
function confirm({ client, reply }: Call, kind: SubscriptionKind, word: string, name: Buffer | null): void {
  const { channel, pattern, shard } = client.subscriptions;
  reply.push(3);
  reply.bulkText(word);
  if (name === null) reply.nil();
  else reply.bulkBytes(name);
  reply.integer(kind === 'shard' ? shard.size : channel.size + pattern.size);
}

function subscribe(call: Call, kind: SubscriptionKind, word: string): void {
  const { args, argc, client, services } = call;
  for (let i = 1; i < argc; i++) {
    const name = args[i].view();
    if (services.pubsub.subscribe(kind, name, client)) note(call, kind, args[i].latin1(), true);
    confirm(call, kind, word, name);
  }
}

function unsubscribe(call: Call, kind: SubscriptionKind, word: string): void {
  const { args, argc, client, services } = call;
  const names = argc > 1 ? args.slice(1, argc).map((each: Slice) => each.latin1()) : [...client.subscriptions[kind]];
  for (const name of names) {
    const bytes = Buffer.from(name, 'latin1');
    if (services.pubsub.unsubscribe(kind, bytes, client)) note(call, kind, name, false);
    confirm(call, kind, word, bytes);
  }
  if (names.length === 0) confirm(call, kind, word, null);
}

/** The client has gone, or begins anew. */
export function unsubscribeAll(client: Client, pubsub: PubSubService): void {
  for (const kind of SUBSCRIPTION_KINDS) {
    const names = client.subscriptions[kind];
    for (const name of names) pubsub.unsubscribe(kind, Buffer.from(name, 'latin1'), client);
    names.clear();
  }
  client.subscribed = 0;
}

function publish({ args, reply, services }: Call, kind: 'channel' | 'shard'): void {
  reply.integer(services.pubsub.publish(kind, args[1].view(), args[2].view()));
}

function answerChannels({ args, argc, reply, services }: Call, kind: 'channel' | 'shard'): void {
  if (argc > 3) {
    reply.error(`ERR unknown subcommand or wrong number of arguments for '${args[1].text()}'. Try PUBSUB HELP.`);
    return;
  }
  let names = services.pubsub.names(kind).map((name) => Buffer.from(name, 'latin1'));
  if (argc > 2) {
    const { bytes, start, end } = args[2];
    names = names.filter((name) => matchGlob(bytes, start, end, name, 0, name.length, false));
  }
  reply.array(names.length);
  for (const name of names) reply.bulkBytes(name);
}

function answerCounts({ args, argc, reply, services }: Call, kind: 'channel' | 'shard'): void {
  reply.array((argc - 2) * 2);
  for (let i = 2; i < argc; i++) {
    reply.bulk(args[i]);
    reply.integer(services.pubsub.count(kind, args[i].view()));
  }
}

const HELP = [
  'CHANNELS [<pattern>]',
  '    Channels that anybody in the mesh listens to (default pattern: all).',
  'NUMPAT',
  '    The number of patterns that anybody in the mesh listens to.',
  'NUMSUB [<channel> ...]',
  '    How many clients in the mesh listen to each of these channels.',
  'SHARDCHANNELS [<pattern>]',
  '    Sharded channels that anybody in the mesh listens to (default pattern: all).',
  'SHARDNUMSUB [<shardchannel> ...]',
  '    How many clients in the mesh listen to each of these sharded channels.',
];

export const pubsubCommands: readonly Command[] = [
  redisEntry('subscribe', (call) => subscribe(call, 'channel', 'subscribe')),
  redisEntry('psubscribe', (call) => subscribe(call, 'pattern', 'psubscribe')),
  redisEntry('ssubscribe', (call) => subscribe(call, 'shard', 'ssubscribe')),
  redisEntry('unsubscribe', (call) => unsubscribe(call, 'channel', 'unsubscribe')),
  redisEntry('punsubscribe', (call) => unsubscribe(call, 'pattern', 'punsubscribe')),
  redisEntry('sunsubscribe', (call) => unsubscribe(call, 'shard', 'sunsubscribe')),
  redisEntry('publish', (call) => publish(call, 'channel')),
  redisEntry('spublish', (call) => publish(call, 'shard')),
  redisContainer('pubsub', [
    redisEntry('pubsub|channels', (call) => answerChannels(call, 'channel')),
    redisEntry('pubsub|help', ({ reply }) => answerHelp(reply, 'PUBSUB', HELP)),
    redisEntry('pubsub|numpat', ({ reply, services }) => reply.integer(services.pubsub.names('pattern').length)),
    redisEntry('pubsub|numsub', (call) => answerCounts(call, 'channel')),
    redisEntry('pubsub|shardchannels', (call) => answerChannels(call, 'shard')),
    redisEntry('pubsub|shardnumsub', (call) => answerCounts(call, 'shard')),
  ]),
];
