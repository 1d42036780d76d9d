/** Clients that wait for streams: who is served, with what, and when a wait is over. What goes for all waits: blocking.test.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, Slice } from '../../src/core/index.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { beside, nextTurn } from './beside.ts';
import { compareConversation } from './conversations.ts';
import { BothServers, differentialTest } from './differential.ts';

let both: BothServers | null = null;
test.after(() => both?.close());

/** So many clients of one server. */
function clients(count: number, served = serve()) {
  const { open } = talker(served);
  return Array.from({ length: count }, open);
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const entry = (id: string, value: string) => `*2\r\n${bulk(id)}*2\r\n${bulk('f')}${bulk(value)}`;
const answer = (key: string, ...entries: string[]) =>
  `*1\r\n*2\r\n${bulk(key)}*${entries.length}\r\n${entries.join('')}`;

/** Conversations of several clients, each as it is heard by all. */
const CONVERSATIONS: Record<string, readonly string[]> = {
  'all who wait with XREAD get what is added, from their ids on': [
    'a: XADD s 1-1 f v',
    'r: XREAD BLOCK 0 STREAMS s $',
    'q: XREAD BLOCK 0 COUNT 1 STREAMS other s 0 1-1',
    'p: XREAD BLOCK 0 STREAMS s 5-0',
    'a: MULTI ; XADD s 2-1 f v ; XADD s 3-1 f v ; EXEC',
    'a: XADD s 5-1 f v',
  ],
  'of a group one gets it, in the order of arrival': [
    'a: XGROUP CREATE s g $ MKSTREAM',
    'r: XREADGROUP GROUP g c BLOCK 0 COUNT 1 STREAMS s >',
    'q: XREADGROUP GROUP g d BLOCK 0 STREAMS s >',
    'a: MULTI ; XADD s 1-1 f v ; XADD s 2-1 f v ; XADD s 3-1 f v ; EXEC',
    'a: XREADGROUP GROUP g c STREAMS s 0',
    'a: XREADGROUP GROUP g d STREAMS s 0',
  ],
  'who wants what it has got already does not wait': [
    'a: XADD s 1-1 f v',
    'a: XGROUP CREATE s g 0',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s 0',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s 0',
  ],
  'a group that goes, or a key, ends the wait for it': [
    'a: XGROUP CREATE s g $ MKSTREAM',
    'a: XGROUP CREATE t g $ MKSTREAM',
    'a: XGROUP CREATE u g $ MKSTREAM',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'q: XREADGROUP GROUP g c BLOCK 0 STREAMS t u > >',
    'p: XREAD BLOCK 0 STREAMS s t u 0 0 0',
    'a: XGROUP DESTROY s g',
    'a: DEL u',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS t >',
    'a: SET t v',
    'a: FLUSHALL',
    'a: XADD u 1-1 f v',
  ],
  'FLUSHALL and RENAME': [
    'a: XGROUP CREATE s g $ MKSTREAM',
    'a: XGROUP CREATE from g 0 MKSTREAM',
    'a: XADD from 1-1 f v',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'a: RENAME from s',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'a: FLUSHALL',
  ],
  'maps in RESP3': [
    'r: HELLO 3',
    'r: XREAD BLOCK 0 STREAMS s $',
    'a: XADD s 1-1 f v',
    'a: XGROUP CREATE s g $',
    'r: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'a: XADD s 2-1 f v',
    'r: XREADGROUP GROUP g c STREAMS s 0',
    'r: XREAD STREAMS s 9',
  ],
  'CLIENT UNBLOCK': [
    'a: XGROUP CREATE s g $ MKSTREAM',
    'r: XREAD BLOCK 0 STREAMS s $',
    'q: XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'a: CLIENT UNBLOCK <r>',
    'a: CLIENT UNBLOCK <q> ERROR',
    'a: XADD s 1-1 f v',
  ],
};

for (const [name, script] of Object.entries(CONVERSATIONS)) {
  differentialTest(`as heard from Redis: ${name}`, async () => {
    both ??= await BothServers.open();
    await both.answers(['FLUSHALL']);
    await compareConversation(both, script);
  });
}

differentialTest('time-outs answer a nil array', async () => {
  both ??= await BothServers.open();
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh([
      'XGROUP CREATE s g $ MKSTREAM',
      'XGROUP CREATECONSUMER s g c',
      'XREAD BLOCK 1 STREAMS s none $ 0',
      'XREADGROUP GROUP g c BLOCK 2 STREAMS s >',
    ]);
  }
});

test('a thousand entries are what one gets that has waited, and the next call goes on', () => {
  const [waiting, adding] = clients(2);
  waiting.say('XREAD BLOCK 0 STREAMS s $');
  adding.say('MULTI', ...Array.from({ length: 1200 }, (_, i) => `XADD s ${i + 1}-0 f v`), 'EXEC');
  assert.ok(waiting.talk.heard.startsWith(`*1\r\n*2\r\n${bulk('s')}*1000\r\n`));
});

test('what is removed while somebody waits with an id is nothing to wait for, and XADD behind it is', () => {
  const [waiting, adding] = clients(2);
  adding.say('XADD s 1-1 f a', 'XADD s 2-1 f b', 'XDEL s 2-1');
  waiting.say('XREAD BLOCK 0 STREAMS s 1-1');
  adding.say('EXPIRE s 1000');
  assert.is(waiting.talk.heard, '');
  adding.say('XADD s 3-1 f c');
  assert.is(waiting.talk.heard, answer('s', entry('3-1', 'c')));
});

test('a stream that expires ends the wait for its group', () => {
  const served = serve();
  const [waiting, other] = clients(2, served);
  other.say('XGROUP CREATE s g $ MKSTREAM', 'PEXPIREAT s 4102444800000');
  waiting.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  served.engine.setNow(4102444800001);
  served.engine.collect(100);
  other.say('PING');
  assert.is(waiting.talk.heard, '-UNBLOCKED the stream key no longer exists\r\n');
});

// Redis 7.0 answers with no entries
test('what is added and removed again within a transaction wakes nobody', () => {
  const [reading, working, adding] = clients(3);
  adding.say('XGROUP CREATE s g $ MKSTREAM');
  reading.say('XREAD BLOCK 0 STREAMS s $');
  working.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  adding.say('MULTI', 'XADD s 1-1 f v', 'XDEL s 1-1', 'EXEC');
  assert.is(reading.talk.heard + working.talk.heard, '');
  adding.say('XADD s 2-1 f v');
  assert.is(reading.talk.heard, answer('s', entry('2-1', 'v')));
  assert.is(working.talk.heard, answer('s', entry('2-1', 'v')));
});

test('a wait that ends in an error is a failed call', () => {
  const served = serve();
  const [waiting, other] = clients(2, served);
  other.say('XGROUP CREATE s g $ MKSTREAM');
  waiting.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  other.say('XGROUP DESTROY s g');
  assert.is(served.services.statistics.commandCalls.get('xreadgroup')?.failed, 1);
});

test('what another node adds wakes who waits here, and what was handed out is pending there', async () => {
  const served = serve();
  const [reading, working] = clients(2, served);
  const other = beside(served);
  other.say('XGROUP CREATE s g 0 MKSTREAM');
  await other.here();
  reading.say('XREAD BLOCK 0 STREAMS s 0');
  working.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  other.say('XADD s 1-1 f a', 'XADD s 2-1 f b');
  await other.here();
  const both = answer('s', entry('1-1', 'a'), entry('2-1', 'b'));
  assert.is(reading.talk.heard, both);
  assert.is(working.talk.heard, both);
  await other.there();
  assert.is(other.say('XPENDING s g'), `*4\r\n:2\r\n${bulk('1-1')}${bulk('2-1')}*1\r\n*2\r\n${bulk('c')}${bulk('2')}`);
});

test('an entry that arrives late, behind ids that were delivered, goes to the group and not to XREAD', async () => {
  const served = serve();
  const [reading, working, adding] = clients(3, served);
  const other = beside(served);
  adding.say('XGROUP CREATE s g 0 MKSTREAM');
  await other.there();
  other.say('XADD s 5-1 f late');
  adding.say('XADD s 9-1 f early', 'XREADGROUP GROUP g c STREAMS s >');
  working.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  reading.say('XREAD BLOCK 0 STREAMS s $');
  await other.here();
  assert.is(working.talk.heard, answer('s', entry('5-1', 'late')));
  assert.is(reading.talk.heard, '');
  assert.is(adding.say('XLEN s'), ':2\r\n');
});

test('a group that is destroyed on another node, and a database that is emptied there, end the wait', async () => {
  const served = serve();
  const [first, second, adding] = clients(3, served);
  const other = beside(served);
  adding.say('XGROUP CREATE s g $ MKSTREAM', 'XGROUP CREATE s h $');
  await other.there();
  first.say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  second.say('XREADGROUP GROUP h c BLOCK 0 STREAMS s >');
  // what the wait has made, the consumers, goes there first: else the groups would stay
  await other.there();
  other.say('XGROUP DESTROY s g');
  await other.here();
  assert.is(first.talk.heard, '-NOGROUP the consumer group this client was blocked on no longer exists\r\n');
  assert.is(second.talk.heard, '');
  other.say('FLUSHALL');
  await other.here();
  assert.is(second.talk.heard, '-UNBLOCKED the stream key no longer exists\r\n');
});

test('a connection that goes on where it was is woken by what arrives late, another one is not', async () => {
  const served = serve();
  const other = beside(served);
  const [writer, reading, waiting] = clients(3, served);
  writer.say('XADD s 5-7 f v');
  reading.say('XREAD STREAMS s 0');
  reading.say('XREAD BLOCK 0 STREAMS s 5-7');
  waiting.say('XREAD BLOCK 0 STREAMS s 5-7');
  other.say('XADD s 2-8 f late');
  await other.here();
  assert.is(reading.talk.heard, answer('s', entry('2-8', 'late')));
  assert.is(waiting.talk.heard, '');
  writer.say('XADD s 6-7 f w');
  assert.is(waiting.talk.heard, answer('s', entry('6-7', 'w')));
});

test('who waits is served behind the txn of another node, not within it', async () => {
  const served = serve();
  const [waiting] = clients(1, served);
  waiting.say('XREAD BLOCK 0 STREAMS s 0');
  const other = createEngine({ replica: '00000000000000b2', hashSeed: 3 });
  other.setNow(served.engine.now);
  other.begin();
  const fields = [Slice.of('f'), Slice.of('v')];
  other.databases[0].streams.add(Slice.of('s'), { ms: 1, seq: 1 }, fields, 0, 2);
  other.commit();
  const envelope = other.seal();
  if (envelope === null) throw new Error('nothing was sealed');
  served.engine.receive(envelope.bytes);
  assert.is(waiting.talk.heard, '', 'not within the txn of the other node');
  await nextTurn();
  assert.is(waiting.talk.heard, answer('s', entry('1-1', 'v')));
});

test.run();
