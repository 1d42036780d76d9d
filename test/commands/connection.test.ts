/** Connection commands: first against a real redis-server, then what differs from it or cannot be compared. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REDIS_VERSION } from '../../src/commands/version.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { serve } from '../resp/served.ts';
import { BothServers, differentialTest, hasRedisServer } from './differential.ts';

const SAME_AS_REDIS: Readonly<Record<string, readonly string[]>> = {
  'PING and ECHO': ['PING', 'PING hi', 'PING a b', 'ECHO "a\\r\\n\\x00b"', 'ECHO', 'ECHO a b'],
  SELECT: ['SELECT 1', 'SELECT 15', 'SELECT 16', 'SELECT -1', 'SELECT a', 'SELECT', 'SELECT 4294967296', 'SELECT 0'],
  'AUTH without a password set': ['AUTH x', 'AUTH default x', 'AUTH bob x', 'AUTH a b c', 'AUTH'],
  'HELLO and its options': [
    'HELLO 4',
    'HELLO 1',
    'HELLO x',
    'HELLO 02',
    'HELLO -3',
    'HELLO 99999999999999999999',
    'HELLO 2 FOO',
    'HELLO 2 SETNAME',
    'HELLO 2 AUTH a',
    'HELLO 2 AUTH a b',
    'HELLO 2 SETNAME "a b"',
    'CLIENT GETNAME',
  ],
  'commands that are not there': [
    'NOPE',
    'nope a b c',
    `NOPE ${'x'.repeat(200)} y`,
    `${'n'.repeat(200)} x`,
    `NOPE ${'x'.repeat(60)} ${'y'.repeat(90)} z`,
    'NOPE "a\\r\\nb"',
    '"no\\r\\npe"',
    '""',
    'NOPE ""',
    'NOPE "a\\x00b" c',
    'CLIENT',
    'CLIENT NOPE',
    'CLIENT NOPE a',
    'CLIENT|ID',
    'CLIENT ID x',
  ],
  'the words of a cluster client': ['READONLY', 'READWRITE', 'ASKING', 'CLUSTER INFO', 'CLUSTER', 'READONLY a'],
  'CLIENT SETNAME': [
    'CLIENT GETNAME',
    'CLIENT SETNAME me',
    'CLIENT GETNAME',
    'CLIENT SETNAME "a b"',
    'CLIENT SETNAME "a\\n"',
    'CLIENT SETNAME "\\xff"',
    'CLIENT GETNAME',
    'CLIENT SETNAME ""',
    'CLIENT GETNAME',
    'CLIENT SETNAME',
  ],
  'CLIENT PAUSE': [
    'CLIENT PAUSE',
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1 FOO',
    'CLIENT PAUSE x FOO',
    'CLIENT PAUSE 1 ALL x',
    'CLIENT PAUSE 100 WRITE',
    'GET k',
    'CLIENT UNPAUSE',
    'SET k v',
    'CLIENT UNPAUSE x',
  ],
  'CLIENT UNBLOCK': [
    'CLIENT UNBLOCK 999',
    'CLIENT UNBLOCK x',
    'CLIENT UNBLOCK 99 FOO',
    'CLIENT UNBLOCK 99 ERROR',
    'CLIENT UNBLOCK 99 TIMEOUT',
    'CLIENT UNBLOCK 99 TIMEOUT x',
  ],
  'CLIENT KILL': [
    'CLIENT KILL 1.2.3.4:5',
    'CLIENT KILL ID 0',
    'CLIENT KILL ID x',
    'CLIENT KILL ID 999999',
    'CLIENT KILL FOO BAR',
    'CLIENT KILL TYPE foo',
    'CLIENT KILL TYPE master',
    'CLIENT KILL TYPE REPLICA',
    'CLIENT KILL TYPE pubsub',
    'CLIENT KILL USER bob',
    'CLIENT KILL USER default ID 99999',
    'CLIENT KILL SKIPME maybe',
    'CLIENT KILL ID 99999 SKIPME yes',
    'CLIENT KILL ADDR 1:2',
    'CLIENT KILL LADDR 1:2',
    'CLIENT KILL ID 1 ADDR',
    'CLIENT KILL USER default',
    'CLIENT KILL SKIPME YES TYPE slave',
    'CLIENT KILL',
  ],
  'CLIENT LIST': [
    'CLIENT LIST TYPE foo',
    'CLIENT LIST TYPE master',
    'CLIENT LIST TYPE REPLICA',
    'CLIENT LIST ID x',
    'CLIENT LIST ID 99999',
    'CLIENT LIST FOO',
    'CLIENT LIST ID',
    'CLIENT LIST TYPE',
    'CLIENT LIST ID 999 998',
    'CLIENT LIST ID 0',
    'CLIENT LIST ID -1',
    'CLIENT INFO x',
  ],
  'CLIENT NO-EVICT, REPLY and tracking': [
    'CLIENT NO-EVICT ON',
    'CLIENT NO-EVICT OFF',
    'CLIENT NO-EVICT x',
    'CLIENT REPLY ON',
    'CLIENT REPLY x',
    'CLIENT GETREDIR',
    'CLIENT TRACKINGINFO',
    'CLIENT CACHING yes',
    'CLIENT TRACKING OFF',
    'CLIENT TRACKING x',
  ],
  RESET: ['CLIENT SETNAME me', 'SELECT 3', 'SET k v', 'MULTI', 'RESET', 'CLIENT GETNAME', 'EXEC', 'GET k', 'RESET x'],
};

let both: BothServers | null = null;

test.before(async () => {
  if (hasRedisServer) both = await BothServers.open();
});

test.after(() => both?.close());

for (const [subject, requests] of Object.entries(SAME_AS_REDIS)) {
  differentialTest(`${subject}: the same bytes as from Redis`, async () => {
    assert.ok(both !== null);
    for (const protocol of [2, 3] as const) {
      await both.answers(['RESET']);
      await both.speak(protocol);
      await both.compareAfresh(requests);
    }
  });
}

const client = (settings: [string, string][] = []) => new LocalClient(serve(settings).server);

test('HELLO tells what a client chooses its features by', async () => {
  const one = client();
  const reply = await one.run('HELLO', '3', 'SETNAME', 'me');
  assert.instance(reply, Map);
  if (!(reply instanceof Map)) return;
  assert.equal([...reply.keys()], ['server', 'version', 'proto', 'id', 'mode', 'role', 'modules']);
  assert.is(reply.get('server'), 'redis');
  assert.is(reply.get('version'), REDIS_VERSION);
  assert.is(reply.get('proto'), 3);
  assert.is(reply.get('mode'), 'standalone');
  assert.is(reply.get('role'), 'master');
  assert.is(await one.run('CLIENT', 'GETNAME'), 'me');
  assert.is(await one.run('CLIENT', 'ID'), reply.get('id'));
});

test('HELLO without a version changes nothing and speaks the protocol of the connection', async () => {
  const one = client();
  assert.ok(Array.isArray(await one.run('HELLO')));
  await one.run('HELLO', '3');
  assert.instance(await one.run('HELLO'), Map);
});

test('HELLO with a wrong password takes over neither name nor protocol', async () => {
  const one = client([['requirepass', 'secret']]);
  assert.match(String(await one.run('HELLO', '3', 'SETNAME', 'me', 'AUTH', 'default', 'wrong')), 'WRONGPASS');
  assert.match(
    String(await one.run('HELLO', '3', 'SETNAME', 'me')),
    'NOAUTH HELLO must be called with the client already authenticated',
  );
  await one.run('AUTH', 'secret');
  assert.is(await one.run('CLIENT', 'GETNAME'), null);
  assert.instance(await one.run('HELLO', '3', 'AUTH', 'default', 'secret'), Map);
});

test('a password taken away by CONFIG SET is not asked for any more', async () => {
  const served = serve([['requirepass', 'secret']]);
  const one = new LocalClient(served.server);
  assert.match(String(await one.run('GET', 'k')), 'NOAUTH');
  served.configuration.set([['requirepass', '']]);
  assert.is(await one.run('GET', 'k'), null);
});

test('CLIENT SETINFO is shown in CLIENT INFO', async () => {
  const one = client();
  assert.is(await one.run('CLIENT', 'SETINFO', 'LIB-NAME', 'lib(x_v1)'), 'OK');
  assert.is(await one.run('CLIENT', 'SETINFO', 'lib-ver', '1.2.3'), 'OK');
  assert.match(String(await one.run('CLIENT', 'INFO')), / lib-name=lib\(x_v1\) lib-ver=1\.2\.3\n$/);
  const refused = String(await one.run('CLIENT', 'SETINFO', 'lib-name', 'a b'));
  assert.match(refused, 'lib-name cannot contain spaces, newlines or special characters.');
  assert.match(String(await one.run('CLIENT', 'SETINFO', 'nope', 'x')), "Unrecognized option 'nope'");
});

test('CLIENT LIST has a line of well-known fields for each client', async () => {
  const { server } = serve();
  const [one, two] = [new LocalClient(server), new LocalClient(server)];
  await one.run('CLIENT', 'SETNAME', 'first');
  await one.run('SELECT', '2');
  await one.run('WATCH', 'a', 'b');
  await one.run('MULTI');
  await one.run('GET', 'a');
  const lines = String(await two.run('CLIENT', 'LIST'))
    .trimEnd()
    .split('\n');
  assert.is(lines.length, 2);
  const fields = new Map(lines[0].split(' ').map((field) => field.split('=') as [string, string]));
  const shown = ['name', 'flags', 'db', 'multi', 'watch', 'cmd', 'user', 'resp'].map((name) => fields.get(name));
  assert.equal(shown, ['first', 'x', '2', '1', '2', 'get', 'default', '2']);
  assert.match(lines[1], / cmd=client\|list /);
  const id = String(await two.run('CLIENT', 'ID'));
  assert.is(String(await two.run('CLIENT', 'LIST', 'ID', id)).split('\n').length, 2);
});

test('CLIENT KILL MAXAGE spares the young', async () => {
  const { server } = serve();
  const [one, two] = [new LocalClient(server), new LocalClient(server)];
  await one.run('PING');
  assert.is(await two.run('CLIENT', 'KILL', 'MAXAGE', '3600'), 0);
  assert.match(String(await two.run('CLIENT', 'KILL', 'MAXAGE', 'x')), 'maxage is not an integer');
  assert.is(await one.run('PING'), 'PONG');
});

differentialTest('qbuf is the size of the input that is being run', async () => {
  const both = await BothServers.open();
  try {
    for (const command of ['CLIENT INFO', 'CLIENT LIST', `CLIENT LIST ID ${'0'.repeat(500)}1`]) {
      const [{ redis, starling }] = await both.answers([command]);
      const sizes = [redis, starling].map((reply) => / qbuf=(\d+) /.exec(reply.toString())?.[1]);
      assert.is(sizes[1], sizes[0], command);
    }
  } finally {
    both.close();
  }
});

test.run();
