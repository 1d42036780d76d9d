/** `maxmemory-clients` and `client-query-buffer-limit`: whose connection is closed when requests and replies take too much. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serve } from './served.ts';
import { talker } from './talker.ts';

const settled = () => new Promise<void>((done) => setImmediate(done));

function started(limit: string) {
  const served = serve([['maxmemory-clients', limit]]);
  return { ...talker(served), ...served };
}

/** So much of a request that does not come to its end. */
function unfinished(bytes: number): Buffer {
  return Buffer.from(`*2\r\n$3\r\nGET\r\n$${2 * bytes}\r\n${'x'.repeat(bytes)}`);
}

test('those that take most go first, and no more of them than must', async () => {
  const { open, services } = started('200000');
  const clients = [10_000, 40_000, 30_000, 35_000].map((bytes) => {
    const client = open();
    client.session.receive(unfinished(bytes));
    return client;
  });
  await settled();
  assert.equal(
    clients.map(({ talk }) => talk.destroyed),
    [false, true, false, false],
  );
  assert.is(services.statistics.evictedClients, 1);
});

test('a client that is one too many is stopped before its request runs', () => {
  const { open, engine } = started('50000');
  const { session, talk } = open();
  session.receive(Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000\r\n${'x'.repeat(1000)}`));
  session.receive(Buffer.from(`${'x'.repeat(59_000)}\r\n`));
  assert.ok(talk.destroyed);
  assert.is(engine.databases[0].size, 0);
});

test('unread replies count, and so do queued commands, watches and subscriptions', async () => {
  const makers: ((client: ReturnType<ReturnType<typeof started>['open']>) => void)[] = [
    ({ talk, say }) => {
      talk.pendingBytes = 60_000;
      say('PING');
    },
    ({ say }) => say('MULTI', ...Array.from({ length: 100 }, () => `SET k ${'v'.repeat(500)}`)),
    ({ say }) => say(`WATCH ${Array.from({ length: 500 }, (_, index) => index).join(' ')}`),
    ({ say }) => say(`SUBSCRIBE ${Array.from({ length: 500 }, (_, index) => index).join(' ')}`),
    ({ say }) =>
      say('HELLO 3', `CLIENT TRACKING ON BCAST ${Array.from({ length: 500 }, (_, i) => `PREFIX p${i}:`).join(' ')}`),
  ];
  for (const [index, make] of makers.entries()) {
    const { open } = started('50000');
    const client = open();
    make(client);
    await settled();
    assert.ok(client.talk.destroyed, `maker ${index}`);
  }
});

test('CLIENT NO-EVICT keeps a connection, until it is taken back', async () => {
  const { open, configuration } = started('0');
  const { session, say, talk } = open();
  say('CLIENT NO-EVICT ON');
  session.receive(unfinished(60_000));
  configuration.set([['maxmemory-clients', '50000']]);
  await settled();
  assert.not.ok(talk.destroyed);
  session.noEvict = false;
  configuration.set([['maxmemory-clients', '40000']]);
  await settled();
  assert.ok(talk.destroyed);
});

test('a percentage is one of maxmemory, and nothing where that is not set', async () => {
  const { open, configuration } = started('10%');
  const { session, talk } = open();
  session.receive(unfinished(60_000));
  await settled();
  assert.not.ok(talk.destroyed);
  configuration.set([['maxmemory', '500000']]);
  await settled();
  assert.ok(talk.destroyed);
});

test('CLIENT LIST tells what each part takes', () => {
  const { open } = started('0');
  const { session } = open();
  session.receive(unfinished(5000));
  const { say } = open();
  say('MULTI', 'SET k v');
  assert.match(say('DISCARD', 'CLIENT LIST'), / qbuf=5000 qbuf-free=5002 argv-mem=21 multi-mem=0 .* tot-mem=10023 /);
});

test('a reply beyond the hard limit is not sent at all, and who only reads for it is stopped', () => {
  const served = serve([['client-output-buffer-limit', 'normal 1000000 0 0']]);
  const { session, say, talk } = talker(served).open();
  say('HSET h f v', 'SADD s m', 'ZADD z 1 m');
  for (const command of ['HRANDFIELD h', 'SRANDMEMBER s', 'ZRANDMEMBER z']) {
    const asking = talker(served).open();
    // 10^9 elements: it would not come to its end
    assert.is(asking.say(`${command} -999999999`), '');
    assert.ok(asking.talk.destroyed, command);
  }
  assert.not.ok(talk.destroyed);
  session.receive(Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$900000\r\n${'x'.repeat(900_000)}\r\n`));
  assert.is(talk.heard, '+OK\r\n');
  assert.is(say('GET k').length, 900_011);
  assert.is(say('MULTI', 'GET k', 'GET k', 'SET written 1', 'EXEC'), '');
  assert.ok(talk.destroyed);
  assert.is(talker(served).open().say('GET written'), '$1\r\n1\r\n');
  assert.is(served.services.statistics.outputLimitDisconnections, 4);
});

test('KEYS is cut off at the hard limit, small replies never', () => {
  const served = serve([['client-output-buffer-limit', 'normal 100000 0 0']]);
  const { say, talk } = talker(served).open();
  for (let i = 0; i < 950; i++) say(`SET ${'x'.repeat(100)}${i} v`);
  assert.is(say('KEYS *'), '');
  assert.ok(talk.destroyed);
  served.configuration.set([['client-output-buffer-limit', 'normal 1 0 0']]);
  assert.is(talker(served).open().say('PING'), '+PONG\r\n');
});

test('a request without an end is cut off at client-query-buffer-limit', () => {
  const served = serve([['client-query-buffer-limit', '1mb']]);
  const { session, talk } = talker(served).open();
  session.receive(unfinished(1_000_000));
  assert.not.ok(talk.destroyed);
  session.receive(Buffer.alloc(100_000));
  assert.ok(talk.destroyed);
  assert.match(talker(served).open().say('INFO stats'), 'client_query_buffer_limit_disconnections:1\r\n');
});

test.run();
