/** Making, changing, showing and removing users: against a real redis-server, then what cannot be compared with it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest, hasRedisServer } from '../differential.ts';
import { recordOf, WholeNode } from '../whole-node.ts';
import { compareAsNewer } from './newer.ts';

const HASH = '30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4';

/** Everything starts from the default user alone. */
const SAME_AS_REDIS: Readonly<Record<string, readonly string[]>> = {
  'a new user may do nothing': ['ACL SETUSER bob', 'ACL GETUSER bob', 'ACL LIST', 'ACL USERS', 'ACL GETUSER nobody'],
  'names without blanks': ['ACL SETUSER "a b"', 'ACL SETUSER "a\\x00b"', 'ACL SETUSER "a\\tb"', 'ACL USERS'],
  passwords: [
    `ACL SETUSER bob on >pw >other >pw #${HASH}`,
    'ACL GETUSER bob',
    'ACL SETUSER bob <other',
    'ACL SETUSER bob <nope',
    `ACL SETUSER bob !${HASH}`,
    `ACL SETUSER bob #${HASH.slice(1)}`,
    `ACL SETUSER bob #${HASH.toUpperCase()}`,
    `ACL SETUSER bob !${HASH}x`,
    'ACL SETUSER bob nopass',
    'ACL GETUSER bob',
    'ACL SETUSER bob >again',
    'ACL GETUSER bob',
    'ACL SETUSER bob resetpass',
    'ACL GETUSER bob',
  ],
  'key patterns': [
    'ACL SETUSER bob ~a %R~b %w~c %rW~d %WR~e ~a %W~b',
    'ACL GETUSER bob',
    'ACL SETUSER bob %X~a',
    'ACL SETUSER bob %RR~a',
    'ACL SETUSER bob "~a b"',
    'ACL SETUSER bob allkeys',
    'ACL SETUSER bob ~x',
    'ACL SETUSER bob %R~x',
    'ACL SETUSER bob resetkeys ~x',
    'ACL GETUSER bob',
  ],
  'channel patterns': [
    'ACL SETUSER bob &a &b* &a',
    'ACL GETUSER bob',
    'ACL SETUSER bob "&a b"',
    'ACL SETUSER bob allchannels',
    'ACL SETUSER bob &x',
    'ACL SETUSER bob resetchannels &x',
    'ACL GETUSER bob',
    'CONFIG SET acl-pubsub-default allchannels',
    'ACL SETUSER carol (+get)',
    'ACL GETUSER carol',
    'ACL SETUSER bob reset',
    'ACL GETUSER bob',
    'CONFIG SET acl-pubsub-default resetchannels',
  ],
  commands: [
    'ACL SETUSER bob +config|get',
    'ACL GETUSER bob',
    'ACL SETUSER bob +CONFIG',
    'ACL GETUSER bob',
    'ACL SETUSER bob -config',
    'ACL SETUSER bob +@all -get',
    'ACL GETUSER bob',
    'ACL SETUSER bob nocommands +select|0 +select|0',
    'ACL GETUSER bob',
    'ACL SETUSER bob +select',
    'ACL GETUSER bob',
    'ACL SETUSER bob allcommands',
    'ACL GETUSER bob',
  ],
  'commands that are not there': [
    'ACL SETUSER bob +nosuch',
    'ACL SETUSER bob -nosuch',
    'ACL SETUSER bob +@nosuch',
    'ACL SETUSER bob +config|nosuch',
    'ACL SETUSER bob -config|nosuch',
    'ACL SETUSER bob +config|get|x',
    'ACL SETUSER bob +get|a|b',
    'ACL SETUSER bob -get|a',
    'ACL SETUSER bob +get|',
    'ACL SETUSER bob +config|',
    'ACL SETUSER bob +',
    'ACL SETUSER bob -',
    'ACL SETUSER bob nosuch',
    'ACL SETUSER bob __proto__',
    'ACL SETUSER bob ""',
    'ACL GETUSER bob',
  ],
  selectors: [
    'ACL SETUSER bob (~a +get ) ( %R~b -@all +mget) ()',
    'ACL GETUSER bob',
    'ACL SETUSER bob "(~c +get)"',
    'ACL SETUSER bob (',
    'ACL SETUSER bob )',
    'ACL SETUSER bob (+get',
    'ACL SETUSER bob " ()"',
    'ACL SETUSER bob (on)',
    'ACL SETUSER bob (nope)',
    'ACL SETUSER bob (&* &x)',
    'ACL GETUSER bob',
    'ACL SETUSER bob clearselectors',
    'ACL GETUSER bob',
  ],
  'all rules or none': [
    'ACL SETUSER bob on >pw +get nosuch',
    'ACL GETUSER bob',
    'ACL SETUSER bob +get',
    'ACL SETUSER bob on ~x +nosuch',
    'ACL GETUSER bob',
  ],
  'the default user and requirepass': [
    'CONFIG SET requirepass one',
    'ACL GETUSER default',
    'AUTH one',
    'AUTH two',
    'ACL SETUSER default >two',
    'CONFIG GET requirepass',
    'AUTH two',
    'AUTH one',
    'ACL SETUSER default skip-sanitize-payload',
    'ACL GETUSER default',
    'ACL SETUSER default sanitize-payload',
    'CONFIG SET requirepass ""',
    'ACL GETUSER default',
    'AUTH anything',
    'AUTH default anything',
  ],
  'removing users': [
    'ACL SETUSER bob',
    'ACL DELUSER default',
    'ACL DELUSER bob default',
    'ACL DELUSER nobody bob bob',
    'ACL USERS',
  ],
  AUTH: [
    'ACL SETUSER bob >pw +@all',
    'AUTH bob pw',
    'ACL SETUSER bob on',
    'AUTH bob wrong',
    'AUTH nobody pw',
    'AUTH bob pw',
    'ACL WHOAMI',
    'HELLO 2 AUTH bob wrong',
    'ACL WHOAMI',
    'RESET',
    'ACL WHOAMI',
  ],
  'CLIENT KILL USER': [
    'ACL SETUSER bob',
    'CLIENT KILL USER nobody',
    'CLIENT KILL USER bob',
    'CLIENT KILL USER default',
  ],
  'DRYRUN of what makes no sense': [
    'ACL SETUSER bob',
    'ACL DRYRUN nobody get a',
    'ACL DRYRUN bob nosuch a',
    'ACL DRYRUN bob config nosuch',
    'ACL DRYRUN bob config',
    'ACL DRYRUN bob client|id',
    'ACL DRYRUN bob get',
    'ACL DRYRUN bob get a b',
    'ACL DRYRUN bob',
  ],
  'wrong words': [
    'ACL',
    'ACL NOSUCH',
    'ACL SETUSER',
    'ACL GETUSER',
    'ACL WHOAMI x',
    'ACL CAT nosuch',
    'ACL CAT a b',
    'ACL HELP x',
    'ACL LOG',
    'ACL LOG x',
    'ACL LOG -1',
    'ACL LOG 1 2',
    'ACL LOG RESET',
    'ACL GENPASS 0',
    'ACL GENPASS -1',
    'ACL GENPASS 4097',
    'ACL GENPASS x',
    'ACL GENPASS 1 2',
    'ACL LOAD',
    'ACL SAVE',
    'CONFIG GET user',
    'CONFIG SET user x',
    'CONFIG SET aclfile x',
  ],
};

let both: BothServers | null = null;

test.before(async () => {
  if (hasRedisServer) both = await BothServers.open();
});

test.after(() => both?.close());

for (const [subject, requests] of Object.entries(SAME_AS_REDIS)) {
  differentialTest(`${subject}: as Redis`, async () => {
    assert.ok(both !== null);
    await both.answers(['RESET', 'ACL DELUSER bob carol', 'ACL LOG RESET']);
    await compareAsNewer(both, requests);
  });
}

test('rules are shown as they were given, those left out that a later one made void', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob +@all -@string +get -config|set -config +select|0 -@string');
  const user = recordOf(await node.run('ACL GETUSER bob'));
  assert.is(user.commands, '+@all +get -config +select|0 -@string');
});

test('a user is shown by rules that make it anew', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob on >pw ~a %R~b &c +@read -get (~d +set) skip-sanitize-payload');
  const [line] = (await node.run('ACL LIST')) as string[];
  const [, , ...rules] = line.split(' ');
  assert.is(await node.run('ACL', 'SETUSER', 'twin', ...rules), 'OK');
  const twin = ((await node.run('ACL LIST')) as string[]).find((each) => each.startsWith('user twin '));
  assert.is(twin, `user twin ${rules.join(' ')}`);
});

test('nothing is taken that would be read otherwise from where it is saved', async () => {
  const node = new WholeNode();
  assert.match(String(await node.run('ACL', 'SETUSER', 'bob', '(~a) +get)')), 'Syntax error');
  await node.run('ACL SETUSER bob %RW~* ~x');
  assert.is(recordOf(await node.run('ACL GETUSER bob')).keys, '%RW~* ~x');
});

test('names and patterns are bytes', async () => {
  const node = new WholeNode();
  assert.is(await node.run('ACL', 'SETUSER', 'b\xffb', 'on', 'nopass', '~\xfe*', '+get', '+acl|whoami'), 'OK');
  assert.is(await node.run('AUTH', 'b\xffb', 'x'), 'OK');
  assert.is(await node.run('ACL WHOAMI'), 'b\xffb');
  assert.is(await node.run('GET', '\xfe1'), null);
  assert.match(String(await node.run('GET', '\xff1')), '-NOPERM');
});

test('GENPASS gives as many hex digits as the bits need, never the same', async () => {
  const node = new WholeNode();
  for (const [bits, digits] of [
    ['1', 1],
    ['5', 2],
    ['256', 64],
    ['4096', 1024],
  ] as const)
    assert.match(String(await node.run(`ACL GENPASS ${bits}`)), new RegExp(`^[0-9a-f]{${digits}}$`));
  const [one, two] = [await node.run('ACL GENPASS'), await node.run('ACL GENPASS')];
  assert.is(String(one).length, 64);
  assert.is.not(one, two);
});

test('CAT lists categories, and the commands of one', async () => {
  const node = new WholeNode();
  assert.ok(((await node.run('ACL CAT')) as string[]).includes('dangerous'));
  assert.ok(((await node.run('ACL CAT Transaction')) as string[]).includes('multi'));
  assert.ok(((await node.run('ACL CAT scripting')) as string[]).includes('function|list'));
});

test('a removed user is disconnected, who removes itself after the reply', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob on nopass +@all');
  const [one, other] = [node.connect(), node.connect()];
  for (const client of [one, other]) assert.is(await client.run('AUTH', 'bob', 'x'), 'OK');
  assert.is(await one.run('ACL', 'DELUSER', 'bob'), 1);
  for (const client of [one, other]) assert.match(await failureOf(client.run('PING')), 'closed');
  assert.is(await node.run('PING'), 'PONG');
});

test('who removes itself in a transaction may do nothing in the rest of it', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob on nopass +@all ~mine');
  await node.run('SET secret s');
  const bob = node.connect();
  for (const words of [['AUTH', 'bob', 'x'], ['MULTI'], ['ACL', 'DELUSER', 'bob'], ['GET', 'mine']])
    await bob.run(...words);
  const [removed, read] = (await bob.run('EXEC')) as unknown[];
  assert.is(removed, 1);
  assert.match(String(read), 'NOPERM ACLs rules changed');
});

test('while the default user is off, or has a password, who connects must say who it is', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER admin on >pw +@all ~* &*');
  await node.run('AUTH admin pw');
  for (const rules of ['off', 'on >x']) {
    await node.run(`ACL SETUSER default ${rules}`);
    const client = node.connect();
    assert.match(String(await client.run('GET', 'k')), 'NOAUTH');
    assert.match(String(await client.run('HELLO', '3')), 'NOAUTH');
    assert.is(await client.run('AUTH', 'admin', 'pw'), 'OK');
    assert.is(await client.run('GET', 'k'), null);
    await client.run('RESET');
    assert.match(String(await client.run('GET', 'k')), 'NOAUTH');
  }
});

test('HELLO says who a client is, too', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob on >pw +acl|whoami');
  assert.ok(Array.isArray(await node.run('HELLO 2 AUTH bob pw')));
  assert.is(await node.run('ACL WHOAMI'), 'bob');
});

test('CLIENT LIST tells whose clients are whose, CLIENT KILL USER closes them', async () => {
  const node = new WholeNode();
  await node.run('ACL SETUSER bob on nopass +client|info');
  const bob = node.connect();
  await bob.run('AUTH', 'bob', 'x');
  assert.match(String(await bob.run('CLIENT', 'INFO')), / user=bob /);
  assert.match(String(await node.run('CLIENT LIST')), / user=bob /);
  assert.is(await node.run('CLIENT KILL USER bob'), 1);
  assert.match(await failureOf(bob.run('PING')), 'closed');
});

async function failureOf(reply: Promise<unknown>): Promise<string> {
  return reply.then(
    (value) => `no failure but ${String(value)}`,
    (error: Error) => error.message,
  );
}

test.run();
