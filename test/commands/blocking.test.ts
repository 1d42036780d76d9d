/** Clients that wait for a sorted set: who is served, in which order, with what, and what becomes of who is not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, Slice } from '../../src/core/index.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';

let both: BothServers | null = null;
test.after(() => both?.close());

/** So many clients of one server. */
function clients(count: number, served = serve()) {
  const { open } = talker(served);
  return Array.from({ length: count }, open);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const ONE = (key: string, member: string, score: string) =>
  `*3\r\n$${key.length}\r\n${key}\r\n$${member.length}\r\n${member}\r\n$${score.length}\r\n${score}\r\n`;

differentialTest('every number of arguments, and every timeout, is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [];
  for (const name of ['BZPOPMIN', 'BZPOPMAX']) {
    for (const timeout of ['0', '0.01', '-1', '-0.0001', 'x', '', '-inf', '0x1', ' 1', 'nan']) {
      requests.push('ZADD z 1 a 2 b 3 c', [name, 'z', timeout], [name, 'none', 'z', timeout]);
    }
    requests.push(
      'SET string v',
      `${name} string 0`,
      `${name} none string z 0`,
      `${name} z string 0`,
      name,
      `${name} z`,
    );
    requests.push('DEL z', `${name} z 0.01`, `${name} none other 0.001`);
  }
  const pops = ['BZMPOP 0 1 z MIN', 'BZMPOP 0 2 none z MAX COUNT 2', 'BZMPOP 0 1 z MIN COUNT 0', 'BZMPOP x 1 z MIN'];
  pops.push('BZMPOP 0 0 z MIN', 'BZMPOP 0 2 z MIN', 'BZMPOP 0 1 z MID', 'BZMPOP -1 1 z MIN', 'BZMPOP 0.01 1 none MAX');
  pops.push('BZMPOP 0 1 z', 'BZMPOP 0 1 z MIN COUNT', 'BZMPOP 0 1 string MIN', 'BZMPOP x 1 z MID', 'BZMPOP');
  for (const each of pops) requests.push('ZADD z 1 a 2 b 3 c', each);
  // within a transaction nobody waits
  requests.push('DEL z', 'MULTI', 'BZPOPMIN z 0', 'BZMPOP 0 1 z MIN', 'ZADD z 1 a', 'BZPOPMAX z 0', 'EXEC');
  requests.push('COMMAND GETKEYS BZMPOP 0 2 a b MIN', 'COMMAND GETKEYS BZPOPMIN a b 0');
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh(requests);
  }
});

test('who waits gets what is added, before the next command of whoever adds it', () => {
  const [waiting, adding] = clients(2);
  assert.is(waiting.say('BZPOPMIN z 0'), '');
  assert.is(adding.say('ZADD z 2 b 1 a', 'ZCARD z', 'ZRANGE z 0 -1'), ':2\r\n:1\r\n*1\r\n$1\r\nb\r\n');
  assert.is(waiting.talk.heard, ONE('z', 'a', '1'));
  assert.is(waiting.say('PING'), '+PONG\r\n');
});

test('who came first is served first, as far as it goes', () => {
  const [first, second, third, adding] = clients(4);
  first.say('BZPOPMAX z 0');
  second.say('BZMPOP 0 2 other z MIN COUNT 5');
  third.say('BZPOPMIN z 0');
  adding.say('ZADD z 1 a 2 b 3 c');
  assert.is(first.talk.heard, ONE('z', 'c', '3'));
  assert.is(second.talk.heard, '*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n');
  assert.is(third.talk.heard, '');
  adding.say('ZINCRBY z 7 d');
  assert.is(third.talk.heard, ONE('z', 'd', '7'));
});

test('a client that waits for several keys is served once, by whichever has something', () => {
  const [waiting, adding] = clients(2);
  waiting.say('BZPOPMIN a b c 0');
  adding.say('ZADD c 1 x', 'ZADD a 2 y');
  assert.is(waiting.talk.heard, ONE('c', 'x', '1'));
  assert.is(adding.say('EXISTS a b c'), ':1\r\n');
});

test('what is gone again at the end of a transaction, or is of another type, wakes nobody', () => {
  const [waiting, adding] = clients(2);
  waiting.say('BZPOPMIN z 0');
  adding.say('MULTI', 'ZADD z 1 a', 'DEL z', 'EXEC', 'SET z v', 'DEL z', 'SADD z m', 'DEL z');
  assert.is(waiting.talk.heard, '');
  adding.say('MULTI', 'ZADD z 1 a', 'ZADD z 0 b', 'EXEC');
  assert.is(waiting.talk.heard, ONE('z', 'b', '0'));
});

test('a key that comes by RENAME, COPY, ZUNIONSTORE or SWAPDB is something, too', () => {
  const [waiting, adding] = clients(2);
  for (const line of [
    'RENAME y z',
    'COPY y z',
    'ZUNIONSTORE z 1 y',
    'ZRANGESTORE z y 0 -1',
    'GEOSEARCHSTORE z y FROMMEMBER m BYRADIUS 1 m',
  ]) {
    waiting.say('BZPOPMIN z 0');
    adding.say('ZADD y 5 m', line);
    assert.is(waiting.talk.heard, ONE('z', 'm', '5'), line);
    adding.say('DEL y');
  }
  waiting.say('SELECT 1', 'BZPOPMIN y 0');
  adding.say('ZADD y 5 m', 'SWAPDB 0 1');
  assert.is(waiting.talk.heard, ONE('y', 'm', '5'));
});

test('a timeout that no clock can reach is refused, as by Redis from 7.2 on', () => {
  const [client] = clients(1);
  for (const timeout of ['inf', '1e300', '1e16'])
    assert.is(client.say(`BZPOPMIN z ${timeout}`), '-ERR timeout is out of range\r\n');
});

test('what another node adds wakes as well', async () => {
  const served = serve();
  const [waiting] = clients(1, served);
  waiting.say('BZPOPMIN z 0');
  const other = createEngine({ replica: '00000000000000b2', hashSeed: 3 });
  other.setNow(served.engine.now);
  other.begin();
  other.databases[0].zsets.assign(Slice.of('z'), Slice.of('m'), 1.5);
  other.commit();
  const envelope = other.seal();
  if (envelope === null) throw new Error('nothing was sealed');
  served.engine.receive(envelope.bytes);
  assert.is(waiting.talk.heard, '', 'not within the txn of the other node');
  await nextTurn();
  assert.is(waiting.talk.heard, ONE('z', 'm', '1.5'));
  // it has gone from there, too
  const taken = served.engine.seal();
  if (taken === null) throw new Error('nothing was taken');
  other.receive(taken.bytes);
  assert.is(other.databases[0].size, 0);
});

test('a timeout answers nil, and leaves nothing behind', async () => {
  const served = serve();
  const [waiting, adding] = clients(2, served);
  waiting.say('BZPOPMIN z 0.01');
  assert.is(served.services.keyWaits.keyCount, 1);
  await sleep(30);
  assert.is(waiting.talk.heard, '*-1\r\n');
  assert.is(served.services.keyWaits.keyCount, 0);
  adding.say('ZADD z 1 a');
  assert.is(adding.say('ZCARD z'), ':1\r\n');
});

test('CLIENT UNBLOCK ends the wait, with nil or an error', () => {
  const served = serve();
  const [waiting, other] = clients(2, served);
  const id = waiting.say('CLIENT ID').slice(1).trim();
  waiting.say('BZPOPMIN z 0');
  assert.is(other.say(`CLIENT UNBLOCK ${id}`), ':1\r\n');
  assert.is(waiting.talk.heard, '*-1\r\n');
  waiting.say('BZPOPMIN z 0');
  assert.is(other.say(`CLIENT UNBLOCK ${id} ERROR`), ':1\r\n');
  assert.is(waiting.talk.heard, '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
  assert.is(served.services.keyWaits.keyCount, 0);
});

test('an error that ends a wait is a failure of the command that waited', () => {
  const [waiting, other] = clients(2);
  const id = waiting.say('CLIENT ID').slice(1).trim();
  waiting.say('BLPOP l 0');
  other.say(`CLIENT UNBLOCK ${id} ERROR`);
  const told = other.say('INFO commandstats errorstats');
  assert.match(told, /cmdstat_blpop:calls=1,.*failed_calls=1\r\n/);
  assert.match(told, /cmdstat_client\|unblock:calls=1,.*failed_calls=0\r\n/);
  assert.match(told, 'errorstat_UNBLOCKED:count=1\r\n');
});

test('a client that has gone is not served, and what it waited for goes to the next', () => {
  const served = serve();
  const [gone, next, adding] = clients(3, served);
  gone.say('BZPOPMIN z 0');
  next.say('BZPOPMIN z 0');
  gone.session.kill();
  adding.say('ZADD z 1 a');
  assert.is(next.talk.heard, ONE('z', 'a', '1'));
  assert.is(gone.talk.heard, '');
  assert.is(served.services.keyWaits.keyCount, 0);
});

test('commands that a waiting client has sent already run when it is served', async () => {
  const [waiting, adding] = clients(2);
  waiting.say('BZPOPMIN z 0', 'PING', 'BZPOPMIN z 0');
  adding.say('ZADD z 1 a');
  await nextTurn();
  assert.is(waiting.talk.heard, `${ONE('z', 'a', '1')}+PONG\r\n`);
  adding.say('ZADD z 2 b');
  assert.is(waiting.talk.heard, ONE('z', 'b', '2'));
});

test('under appendfsync always the reply waits for the disk, since something was taken', () => {
  const served = serve();
  const [waiting, adding] = clients(2, served);
  waiting.say('BZPOPMIN z 0');
  served.store.holdsReplies = true;
  adding.say('ZADD z 1 a');
  assert.is(waiting.talk.heard, '');
  for (const done of served.store.waiting.splice(0)) done(false);
  assert.is(waiting.talk.heard, ONE('z', 'a', '1'));
});

test('while writes are paused, or the disk takes none, nobody is served', async () => {
  const served = serve();
  const [waiting] = clients(1, served);
  const add = (member: string) => {
    served.engine.begin();
    served.engine.databases[0].zsets.assign(Slice.of('z'), Slice.of(member), 1);
    served.engine.commit();
  };
  waiting.say('BZPOPMIN z 0');
  served.server.pauseUntil(Date.now() + 60_000, true);
  add('a');
  await nextTurn();
  assert.is(waiting.talk.heard, '');
  served.server.unpause();
  await nextTurn();
  assert.is(waiting.talk.heard, ONE('z', 'a', '1'));
  waiting.say('BZPOPMIN z 0');
  served.store.failure = 'the disk is full';
  add('b');
  await nextTurn();
  assert.is(waiting.talk.heard, '');
  served.store.failure = null;
  waiting.session.kill();
});

test('INFO tells of clients that wait, and of the keys', () => {
  const served = serve();
  const [waiting, other] = clients(2, served);
  waiting.say('BZPOPMIN y z 0');
  const info = other.say('INFO clients');
  assert.match(info, /^blocked_clients:1\r$/m);
  assert.match(info, /^total_blocking_keys:2\r$/m);
});

test.run();
