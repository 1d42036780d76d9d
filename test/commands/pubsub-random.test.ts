/**
 * Random subscriptions and messages against a real redis-server: all clients hear the same, in the same order.
 * Left out is what a server gives in an order of its own: UNSUBSCRIBE from all, PUBSUB CHANNELS with several.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { compareConversation } from './conversations.ts';
import { BothServers, differentialTest } from './differential.ts';
import { assertManyHold, SEED, words } from './random-commands.ts';

/** Two listen, and one publishes: who publishes to itself hears that after the answer since Redis 7.2, before it in 7.0. */
const LISTENERS = ['a', 'b'];
const PUBLISHER = 'p';
/** Each line is a pipeline: what is heard is asked for after each. */
const LINES_MAX = 6;
const PIPELINE_MAX = 400;

const channel = fc.constantFrom('news', 'news.art', 'n', 'x', 'é');
/** No channel is of two of them: whose message comes first is nobody's promise. */
const pattern = fc.constantFrom('news*', '[nx]', '??');
const listed = fc.array(channel, { minLength: 1, maxLength: 3 });
const asking = fc.oneof(
  words('PUBSUB', fc.constantFrom('NUMSUB', 'SHARDNUMSUB', 'numsub'), fc.array(channel, { maxLength: 3 })),
  words('PUBSUB', 'NUMPAT'),
  words('PUBSUB', fc.constantFrom('CHANNELS', 'SHARDCHANNELS'), fc.constantFrom('x', 'none', 'news.*', '[y]')),
  words('PUBSUB', fc.constantFrom([], ['x'], ['NUMPAT', 'x'], ['CHANNELS', 'x', 'y'], ['SHARDCHANNELS', 'x', 'y'])),
  words(fc.constantFrom('SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'PUBLISH', 'SPUBLISH')),
  words(fc.constantFrom('PING', 'DBSIZE')),
);
const listening = fc.oneof(
  { weight: 3, arbitrary: words('SUBSCRIBE', listed) },
  { weight: 2, arbitrary: words('UNSUBSCRIBE', listed) },
  { weight: 2, arbitrary: words('PSUBSCRIBE', fc.array(pattern, { minLength: 1, maxLength: 2 })) },
  { weight: 2, arbitrary: words('PUNSUBSCRIBE', pattern) },
  { weight: 2, arbitrary: words('SSUBSCRIBE', listed) },
  { weight: 2, arbitrary: words('SUNSUBSCRIBE', channel) },
  { weight: 2, arbitrary: asking },
);
const publishing = fc.oneof(
  { weight: 4, arbitrary: words('PUBLISH', channel, fc.constantFrom('m', 'é', 'm'.repeat(50))) },
  { weight: 3, arbitrary: words('SPUBLISH', channel, 'm') },
  { weight: 2, arbitrary: asking },
);
const pipeline = (by: fc.Arbitrary<string>, command: fc.Arbitrary<string[]>) =>
  fc
    .tuple(by, fc.array(command, { minLength: 1, maxLength: PIPELINE_MAX, size: 'max' }))
    .map(([name, commands]) => ({ by: name, commands: commands.map((each) => each.join(' ')) }));
const line = fc.oneof(pipeline(fc.constantFrom(...LISTENERS), listening), pipeline(fc.constant(PUBLISHER), publishing));
const sequences = fc.array(line, { minLength: 1, maxLength: LINES_MAX, size: 'max' });

let both: BothServers | undefined;
test.before(() => console.log(`PROPERTY_SEED=${SEED}`));
test.after(() => both?.close());

for (const protocol of [2, 3] as const) {
  differentialTest(`random messages are heard as from Redis in RESP${protocol}`, async () => {
    both ??= await BothServers.open();
    const servers = both;
    await assertManyHold(`RESP${protocol}`, ['pubsub'], sequences, async (lines) => {
      const greetings = [...LISTENERS, PUBLISHER].map((name) => `${name}: HELLO ${protocol}`);
      await compareConversation(servers, [
        ...greetings,
        ...lines.map(({ by, commands }) => `${by}: ${commands.join(' ; ')}`),
      ]);
      return lines.flatMap(({ commands }) => commands);
    });
  });
}

test.run();
