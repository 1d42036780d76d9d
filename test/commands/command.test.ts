/** COMMAND: against redis-server's own answers, and the registry's entries against what they describe. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommandRegistry } from '../../src/commands/index.ts';
import { categoriesOf, metadataOf, metadataOfRedis, redisCommandNames } from '../../src/commands/metadata/index.ts';
import type { Command } from '../../src/commands/table.ts';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

const registry = createCommandRegistry();
const everything = registry.all().flatMap((command) => [command, ...(command.subcommands ?? [])]);
const redisToo = everything.filter(({ name }) => metadataOfRedis(name) !== undefined);

/** Redis orders the sub-commands of a container by chance, and has more of them than we. */
const isContainer = (name: string) => redisCommandNames().some((other) => other.startsWith(`${name}|`));
const comparable = redisToo.map(({ name }) => name).filter((name) => !isContainer(name));

/** Each flag, category and so on of the entry that tells otherwise than Redis does. */
function disagreements(told: (command: Command) => unknown, redis: (command: Command) => unknown): string[] {
  return redisToo.flatMap((command) => {
    const [ours, theirs] = [JSON.stringify(told(command)), JSON.stringify(redis(command))];
    return ours === theirs ? [] : [`${command.name}: ${ours}, Redis ${theirs}`];
  });
}

/** Redis has given them an option since 7.0, of which the metadata are. */
const LONGER_SINCE: ReadonlyMap<string, number> = new Map([
  ['zrank', -3],
  ['zrevrank', -3],
]);

test('every entry has the arity that Redis gives the command', () => {
  assert.equal(
    disagreements(
      ({ arity }) => arity,
      (command) => LONGER_SINCE.get(command.name) ?? metadataOf(command).arity,
    ),
    [],
  );
});

test('every entry has the key positions that Redis gives the command', () => {
  const positions = ({ keys }: Command) => ('shown' in keys ? keys.shown : keys);
  assert.equal(
    disagreements(positions, (command) => metadataOf(command).keys),
    [],
  );
});

test('every entry writes, reads, refuses memory and is quick where Redis says so', () => {
  const kept = ['write', 'readonly', 'denyoom', 'fast', 'blocking', 'no_multi'];
  const flags = (all: readonly string[]) => kept.filter((flag) => all.includes(flag));
  assert.equal(
    disagreements(
      ({ flags: own }) => flags(own),
      (command) => flags(metadataOf(command).flags),
    ),
    [],
  );
});

test('the ACL categories of an entry, with those that its flags imply, are those of Redis', () => {
  const ours = (command: Command) => categoriesOf(command).map((category) => `@${category}`);
  assert.equal(
    disagreements(ours, (command) => metadataOf(command).categories),
    [],
  );
});

differentialTest('COMMAND INFO and DOCS answer as Redis does for each of its commands, in both protocols', async () => {
  const both = await BothServers.open();
  try {
    for (const protocol of [2, 3] as const) {
      await both.speak(protocol);
      await both.compare(comparable.flatMap((name) => [`COMMAND INFO ${name}`, `COMMAND DOCS ${name}`]));
      await both.compare(['COMMAND INFO nosuch get', 'COMMAND DOCS nosuch']);
    }
  } finally {
    both.close();
  }
});

differentialTest('COMMAND GETKEYS and GETKEYSANDFLAGS find the keys that Redis finds', async () => {
  const lines = [
    'get k',
    'set k v',
    'set k v get',
    'mset a 1 b 2 c 3',
    'mget a b c',
    'del a b',
    'bitop and dest a b',
    'rename a b',
    'copy a b',
    'smove a b m',
    'object encoding k',
    'memory usage k',
    'bitfield k get u8 0',
    'bitfield k set u8 0 1',
    'sintercard 2 a b limit 3',
    'sintercard 5 a b',
    'sintercard x a b',
    'sort k',
    'exists a b',
    'lcs a b',
    'ping',
    'nosuch k',
    'get',
    'config get maxmemory',
    'get a b',
    'unlink a',
    'watch a b',
    'sdiffstore d a b',
    'hset h f v',
    'object freq',
  ];
  const both = await BothServers.open();
  try {
    const known = lines.filter((line) => registry.find(line.split(' ')[0]) !== undefined || line.startsWith('nosuch'));
    await both.compare(known.map((line) => `COMMAND GETKEYS ${line}`));
    for (const protocol of [2, 3] as const) {
      await both.speak(protocol);
      await both.compare(known.map((line) => `COMMAND GETKEYSANDFLAGS ${line}`));
    }
  } finally {
    both.close();
  }
});

differentialTest('COMMAND LIST refuses the filters that Redis refuses', async () => {
  const both = await BothServers.open();
  try {
    await both.compare([
      'COMMAND LIST FILTERBY',
      'COMMAND LIST FILTERBY MODULE',
      'COMMAND LIST FILTERBY NOSUCH x',
      'COMMAND LIST FILTERBY MODULE none',
      'COMMAND LIST FILTERBY ACLCAT nosuch',
      'COMMAND LIST FILTERBY ACLCAT read more',
      'COMMAND LIST FILTERBY PATTERN nosuch*',
      'COMMAND NOSUCH',
    ]);
  } finally {
    both.close();
  }
});

test('COMMAND LIST finds by pattern and by category, sub-commands too', async () => {
  const node = new SingleNode();
  assert.equal(await node.sorted('COMMAND LIST FILTERBY PATTERN config|g*'), ['config|get']);
  const transactions = await node.sorted('COMMAND LIST FILTERBY ACLCAT transaction');
  assert.equal(transactions, ['discard', 'exec', 'multi', 'unwatch', 'watch']);
});

test('COMMAND COUNT counts what COMMAND lists', async () => {
  const node = new SingleNode();
  const all = (await node.run('COMMAND')) as ReplyValue[];
  assert.is(await node.run('COMMAND COUNT'), all.length);
  assert.is(all.length, registry.all().length);
});

test('commands of our own are described from their entries', async () => {
  const node = new SingleNode();
  await node.run('HELLO 3');
  const [info] = (await node.run('COMMAND INFO crdt|inspect')) as ReplyValue[][];
  assert.equal(info.slice(0, 7), ['crdt|inspect', 3, ['readonly'], 2, 2, 1, ['@read', '@slow']]);
  assert.equal(await node.run('COMMAND GETKEYS crdt inspect k'), ['k']);
});

test.run();
