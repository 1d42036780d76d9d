/**
 * Random users against a real redis-server: each rule is taken or refused in the same words, and what the user may do
 * then is the same, command by command. And what a user is shown as makes the same user again. PROPERTY_RUNS sets how
 * many users, PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from '../differential.ts';
import { WholeNode } from '../whole-node.ts';
import { compareAsNewer } from './newer.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);

/** Patterns and names of few letters, so that they meet. */
const glob = fc.stringMatching(/^[ab*?[\]\\^-]{0,4}$/);
const name = fc.stringMatching(/^[ab]{0,3}$/);
/** Of those that have the same commands in both: lists, sorted sets and their like are not there yet. */
const category = fc.constantFrom('string', 'hash', 'set', 'bitmap', 'pubsub', 'transaction', 'nosuch', 'ALL');
const command = fc.constantFrom(
  ...[
    'get',
    'SET',
    'mget',
    'copy',
    'config',
    'config|get',
    'config|SET',
    'select',
    'publish',
    'psubscribe',
    'hget',
    'sadd',
  ],
  ...['nosuch', 'config|nosuch', 'config|get|x', ''],
);
const selectorRule = fc.oneof(
  fc.tuple(fc.constantFrom('~', '%R~', '%W~', '%rw~', '%~', '%RR~', '%'), glob).map((parts) => parts.join('')),
  glob.map((pattern) => `&${pattern}`),
  fc.tuple(fc.constantFrom('+', '-'), command).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('+@', '-@'), category).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('+select|', '+get|', '+debug|'), fc.constantFrom('0', 'a', 'A', ''))
    .map((parts) => parts.join('')),
  fc.constantFrom('allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands', 'x'),
);
const rule = fc.oneof(
  { weight: 12, arbitrary: selectorRule },
  { weight: 3, arbitrary: fc.array(selectorRule, { maxLength: 4 }).map((rules) => `(${rules.join(' ')})`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('on', 'off', 'nopass', 'resetpass', 'reset', 'clearselectors', '(', ')', '(('),
  },
);
const call = fc.oneof(
  name.map((key) => ['get', key]),
  name.map((key) => ['set', key, 'v']),
  name.map((key) => ['set', key, 'v', 'get']),
  fc.tuple(name, name).map(([one, other]) => ['copy', one, other]),
  fc.tuple(name, name, name).map((keys) => ['mget', ...keys]),
  name.map((key) => ['hget', key, 'f']),
  name.map((key) => ['sadd', key, 'm']),
  fc.constantFrom(
    ['config', 'get', 'x'],
    ['config', 'set', 'x', 'y'],
    ['select', '0'],
    ['select', 'A'],
    ['auth', 'x'],
    ['multi'],
  ),
  name.map((channel) => ['publish', channel, 'm']),
  fc.tuple(name, name).map((channels) => ['subscribe', ...channels]),
  glob.map((pattern) => ['psubscribe', pattern]),
);

differentialTest(`what rules do is what they do in Redis (PROPERTY_SEED=${SEED})`, async () => {
  const both = await BothServers.open();
  try {
    const property = fc.asyncProperty(
      fc.array(fc.array(rule, { maxLength: 3 }), { maxLength: 8 }),
      fc.array(call, { minLength: 5, maxLength: 25 }),
      async (changes, calls) => {
        fc.pre(!changes.some((rules) => rules.filter(isOpening).length > 1));
        await both.answers(['ACL DELUSER bob', 'ACL SETUSER bob']);
        await compareAsNewer(
          both,
          changes.map((rules) => ['ACL', 'SETUSER', 'bob', ...rules]),
        );
        await compareAsNewer(
          both,
          calls.map((words) => ['ACL', 'DRYRUN', 'bob', ...words]),
        );
      },
    );
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  } finally {
    both.close();
  }
});

test(`a user is shown by rules that make it anew (PROPERTY_SEED=${SEED})`, async () => {
  const node = new WholeNode();
  const property = fc.asyncProperty(
    fc.array(rule, { maxLength: 12 }),
    fc.array(call, { maxLength: 25 }),
    async (rules, calls) => {
      await node.run('ACL DELUSER bob twin');
      for (const each of rules) await node.run('ACL', 'SETUSER', 'bob', each);
      await node.run('ACL SETUSER bob on >pw');
      const shown = await rulesOf(node, 'bob');
      assert.is(await node.run('ACL', 'SETUSER', 'twin', ...shown), 'OK');
      assert.equal(await rulesOf(node, 'twin'), shown);
      for (const words of calls) {
        const [one, other] = [
          await node.run('ACL', 'DRYRUN', 'bob', ...words),
          await node.run('ACL', 'DRYRUN', 'twin', ...words),
        ];
        assert.is(String(other).replace('User twin', 'User bob'), one);
      }
    },
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
});

/** Of two of them 7.0 takes the second for the beginning, 7.4 the first. */
function isOpening(word: string): boolean {
  return word.startsWith('(') && !word.endsWith(')');
}

async function rulesOf(node: WholeNode, name: string): Promise<string[]> {
  const lines = (await node.run('ACL LIST')) as string[];
  const line = lines.find((each) => each.startsWith(`user ${name} `)) ?? '';
  return line.split(' ').slice(2);
}

test.run();
