/** What users may not do is refused, and noted: against a real redis-server, then what cannot be compared with it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../src/commands/table.ts';
import type { ReplyValue } from '../../../src/resp/decode.ts';
import type { LocalClient } from '../../../src/resp/local-client.ts';
import { commandRegistry } from '../../conformance/services.ts';
import { BothServers, differentialTest, hasRedisServer } from '../differential.ts';
import { recordOf, WholeNode } from '../whole-node.ts';
import { compareAsNewer } from './newer.ts';

/** Of bob, whom the first request makes; the rest he says himself. */
const SAME_AS_REDIS: Readonly<Record<string, readonly string[]>> = {
  commands: [
    'ACL SETUSER bob on nopass ~* +get +client|id',
    'GET a',
    'SET a b',
    'CLIENT LIST',
    'CLIENT ID x',
    'PING',
    'NOSUCH',
    'CONFIG NOSUCH',
  ],
  'what needs no permission': ['ACL SETUSER bob on nopass', 'AUTH bob x', 'HELLO 9', 'RESET x', 'PING'],
  'arity before permission': ['ACL SETUSER bob on nopass', 'SET a', 'GET', 'GET a'],
  'first arguments': ['ACL SETUSER bob on nopass +select|1 +SELECT|2', 'SELECT 1', 'SELECT 2', 'SELECT 0', 'SELECT'],
  'keys to read and to write': [
    'ACL SETUSER bob on nopass +@all %R~r* %W~w* ~b*',
    'GET r',
    'GET w',
    'SET w v',
    'SET w v GET',
    'SET w get',
    'SET r v',
    'SET b v GET',
    'COPY r w',
    'COPY w r',
    'RENAME b1 w',
    'MGET r1 r2 w1',
    'MSET w1 1 b2 2 r3 3',
    'EXISTS w',
    'TYPE w',
    'STRLEN w',
    'WATCH w r b x',
    'BITFIELD r GET u1 0',
    'BITFIELD r SET u1 0 1',
    'SINTERCARD 2 r w',
    'SINTERCARD 9 r w',
    'OBJECT ENCODING r',
    'OBJECT ENCODING x',
    'DBSIZE',
    'GET ""',
  ],
  'channels, patterns to the letter': [
    'ACL SETUSER bob on nopass +@all &ch &news.* &odd[x',
    'PUBLISH ch m',
    'PUBLISH news.1 m',
    'PUBLISH other m',
    'SPUBLISH ch m',
    'SPUBLISH other m',
    'SUBSCRIBE ch other',
    'PSUBSCRIBE news.1',
    'PSUBSCRIBE n*',
    'SSUBSCRIBE other',
    'UNSUBSCRIBE other',
  ],
  'selectors do not add up': [
    'ACL SETUSER bob on nopass +get ~a (+set ~b) (+get ~c +mget)',
    'GET a',
    'GET b',
    'GET c',
    'SET b v',
    'SET a v',
    'MGET c c',
    'MGET c a',
    'PING',
  ],
  'a transaction with something that is not allowed': [
    'ACL SETUSER bob on nopass ~a +get +multi +exec +set',
    'MULTI',
    'GET a',
    'GET b',
    'PING',
    'EXEC',
    'MULTI',
    'DISCARD',
    'SET a v',
    'EXEC',
  ],
  'a transaction whose user loses what it queued': [
    'ACL SETUSER bob on nopass ~* &* +@all',
    'MULTI',
    'ACL SETUSER bob -get',
    'GET a',
    'ACL SETUSER bob resetkeys ~b',
    'SET a v',
    'SET b v',
    'ACL SETUSER bob resetchannels',
    'PUBLISH ch m',
    'EXEC',
  ],
  'EXEC itself': ['ACL SETUSER bob on nopass ~* +multi +get', 'MULTI', 'GET a', 'EXEC', 'GET a'],
};

let both: BothServers | null = null;

test.before(async () => {
  if (hasRedisServer) both = await BothServers.open();
});

test.after(() => both?.close());

for (const [subject, [user, ...requests]] of Object.entries(SAME_AS_REDIS)) {
  differentialTest(`${subject}: as Redis`, async () => {
    assert.ok(both !== null);
    await both.answers(['RESET', 'FLUSHALL', 'ACL DELUSER bob', user, 'AUTH bob x']);
    await compareAsNewer(both, requests);
  });
}

/** A node with a user bob, and a client of bob's. */
async function withBob(rules: string): Promise<{ node: WholeNode; bob: LocalClient }> {
  const node = new WholeNode();
  assert.is(await node.run(`ACL SETUSER bob on nopass ${rules}`), 'OK');
  const bob = node.connect();
  assert.is(await bob.run('AUTH', 'bob', 'x'), 'OK');
  return { node, bob };
}

test('whatever keys a command names, some of them are asked about', async () => {
  const { bob } = await withBob('+@all ~allowed');
  for (const command of everyCommand().filter(namesKeys)) {
    const words = sampleOf(command);
    assert.match(String(await bob.run(...words)), 'NOPERM No permissions to access a key', words.join(' '));
  }
});

test('every command that changes nothing of its user is refused to who may run none', async () => {
  const { bob } = await withBob('~* &*');
  for (const command of everyCommand().filter(({ flags }) => !flags.includes('no_auth'))) {
    const words = sampleOf(command);
    assert.match(String(await bob.run(...words)), `NOPERM User bob has no permissions to run the '${command.name}'`);
  }
});

test('what shows values of any key is for administrators', async () => {
  const { bob } = await withBob('~allowed +@read +crdt -@dangerous');
  assert.match(
    String(await bob.run('CRDT', 'CONFLICTS')),
    "NOPERM User bob has no permissions to run the 'crdt|conflicts'",
  );
  assert.match(String(await bob.run('CRDT', 'INSPECT', 'other')), 'NOPERM No permissions to access a key');
});

/** Without containers, which are no commands by themselves. */
function everyCommand(): Command[] {
  return commandRegistry.all().flatMap((command) => command.subcommands ?? [command]);
}

/** The positions of sharded channels are shown as if they were keys. */
function namesKeys({ group, keys }: Command): boolean {
  if (group === 'pubsub') return false;
  const [first] = 'shown' in keys ? keys.shown : keys;
  return first > 0 || 'shown' in keys;
}

/** Commands that count their keys, by the place of the count among the words. */
const COUNT_AT = new Map<string, number>([
  ...['sintercard', 'zinter', 'zunion', 'zdiff', 'zintercard', 'lmpop', 'zmpop'].map((name) => [name, 1] as const),
  ...['zinterstore', 'zunionstore', 'zdiffstore', 'blmpop', 'bzmpop'].map((name) => [name, 2] as const),
]);

/** A call of the right length, in which everything that could be a key is `forbidden`, and every number of keys 1. */
function sampleOf({ name, arity }: Command): string[] {
  const words = name.split('|');
  while (words.length < Math.abs(arity)) words.push('forbidden');
  const countAt = COUNT_AT.get(name);
  if (countAt !== undefined) words[countAt] = '1';
  return words;
}

test('a change holds for clients that are there at once', async () => {
  const { node, bob } = await withBob('~* +get');
  assert.is(await bob.run('GET', 'a'), null);
  await node.run('ACL SETUSER bob -get');
  assert.match(String(await bob.run('GET', 'a')), "NOPERM User bob has no permissions to run the 'get' command");
  await node.run('ACL SETUSER bob ~* &* +@all');
  assert.is(await bob.run('SET', 'a', 'v'), 'OK');
});

test('ACL LOG tells what was refused, to whom, where and why', async () => {
  const { node, bob } = await withBob('~a +get +publish +multi');
  const refused = [['SET', 'a', 'v'], ['GET', 'b'], ['PUBLISH', 'ch', 'm'], ['MULTI'], ['CLIENT', 'LIST']];
  for (const words of refused) await bob.run(...words);
  await node.run('AUTH bob x');
  await node.run('AUTH carol x');
  await node.run('RESET');
  const entries = await logOf(node);
  assert.equal(
    entries.map(({ reason, context, object, username }) => [reason, context, object, username]),
    [
      ['auth', 'toplevel', 'AUTH', 'carol'],
      ['command', 'multi', 'client|list', 'bob'],
      ['channel', 'toplevel', 'ch', 'bob'],
      ['key', 'toplevel', 'b', 'bob'],
      ['command', 'toplevel', 'set', 'bob'],
    ],
  );
  assert.equal(
    entries.map((entry) => entry['entry-id']),
    [4, 3, 2, 1, 0],
  );
  assert.match(String(entries[4]['client-info']), / cmd=set user=bob /);
  assert.ok(Number(entries[4]['timestamp-created']) > 0);
  assert.is(entries[4]['timestamp-last-updated'], entries[4]['timestamp-created']);
});

test('refusals that are alike are one entry of ACL LOG, which comes first again', async () => {
  const { node, bob } = await withBob('');
  for (const key of ['GET', 'SET', 'GET'])
    await bob.run(key, 'a', 'v', 'x').then(() => bob.run(key, 'a', ...(key === 'SET' ? ['v'] : [])));
  const entries = await logOf(node);
  assert.equal(
    entries.map(({ object, count }) => [object, count]),
    [
      ['get', 2],
      ['set', 2],
    ],
  );
});

test('what EXEC refuses is noted as of a transaction', async () => {
  const { node, bob } = await withBob('~* +get +multi +exec');
  await bob.run('MULTI');
  await bob.run('GET', 'a');
  await node.run('ACL SETUSER bob -get');
  await bob.run('EXEC');
  const [{ context, object }] = await logOf(node);
  assert.equal([context, object], ['multi', 'get']);
});

test('ACL LOG shows ten entries, or as many as are asked for, and keeps acllog-max-len of them', async () => {
  const { node, bob } = await withBob('+get');
  for (let i = 0; i < 12; i++) await bob.run('GET', `k${i}`);
  assert.is((await logOf(node)).length, 10);
  assert.is((await logOf(node, 'ACL LOG 2')).length, 2);
  assert.is((await logOf(node, 'ACL LOG 100')).length, 12);
  await node.run('CONFIG SET acllog-max-len 3');
  await bob.run('GET', 'last');
  assert.equal(
    (await logOf(node, 'ACL LOG 100')).map(({ object }) => object),
    ['last', 'k11', 'k10'],
  );
  await node.run('CONFIG SET acllog-max-len 0');
  await bob.run('GET', 'unseen');
  assert.equal(await logOf(node), []);
});

test('INFO counts what was refused, by reason', async () => {
  const { node, bob } = await withBob('+get +publish ~a');
  for (const words of [
    ['SET', 'a', 'v'],
    ['GET', 'b'],
    ['GET', 'b'],
    ['PUBLISH', 'ch', 'm'],
    ['AUTH', 'bobby', 'x'],
  ])
    await bob.run(...words);
  const stats = String(await node.run('INFO stats'));
  for (const [name, count] of [
    ['cmd', 1],
    ['key', 2],
    ['channel', 1],
    ['auth', 1],
  ] as const)
    assert.match(stats, `acl_access_denied_${name}:${count}\r\n`);
});

test('who listens to what is not allowed any more is disconnected, and nobody else', async () => {
  for (const [allowed, words, left, survives] of [
    ['&a', ['SUBSCRIBE', 'a'], 'resetchannels', false],
    ['&a', ['SSUBSCRIBE', 'a'], 'resetchannels &b', false],
    ['&a*', ['PSUBSCRIBE', 'a*'], 'resetchannels &a', false],
    ['&a*', ['PSUBSCRIBE', 'a*'], 'resetchannels &a?', false],
    ['allchannels', ['PSUBSCRIBE', 'a'], 'resetchannels &b', false],
    ['allchannels', ['SUBSCRIBE', 'a'], 'resetchannels &a*', true],
    ['&a &b', ['SUBSCRIBE', 'a'], 'resetchannels &a', true],
    ['&a*', ['PSUBSCRIBE', 'a*'], 'resetchannels &a* &b', true],
    ['&a', ['SUBSCRIBE', 'a'], 'allchannels', true],
    ['&a', ['SUBSCRIBE', 'a'], 'resetchannels (&a)', true],
    ['&a', ['PING'], 'resetchannels', true],
  ] as const) {
    const { node, bob } = await withBob(`+@all resetchannels ${allowed}`);
    await bob.run(...words);
    await node.run(`ACL SETUSER bob ${left}`);
    const isThere = / user=bob /.test(String(await node.run('CLIENT LIST')));
    assert.is(isThere, survives, `${allowed} ${words.join(' ')} ${left}`);
  }
});

test('the slow log tells nothing of users and their rules', async () => {
  const node = new WholeNode();
  node.services.slowLog.thresholdMicros = 0;
  await node.run('ACL SETUSER bob on >secret');
  await node.run('ACL GETUSER bob');
  await node.run('ACL DELUSER bob');
  const shown = node.services.slowLog.entries.map(({ args }) => args.join(' '));
  assert.equal(shown.slice(0, 3), [
    'ACL DELUSER (redacted)',
    'ACL GETUSER (redacted)',
    'ACL SETUSER (redacted) (redacted) (redacted)',
  ]);
});

async function logOf(node: WholeNode, command = 'ACL LOG'): Promise<Record<string, ReplyValue>[]> {
  const reply = await node.run(command);
  if (!Array.isArray(reply)) throw new Error(`no log: ${String(reply)}`);
  return reply.map(recordOf);
}

test.run();
