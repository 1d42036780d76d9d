/** Clients that wait for a list: who is served, in which order, with what. What goes for all waits: blocking.test.ts. */
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

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const ONE = (key: string, element: string) => `*2\r\n${bulk(key)}${bulk(element)}`;

differentialTest('every number of arguments, and every timeout, is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [];
  const timeouts = ['0', '0.01', '-1', '-0.0001', 'x', '', '-inf', '0x1', ' 1', 'nan'];
  for (const name of ['BLPOP', 'BRPOP']) {
    for (const timeout of timeouts) requests.push('RPUSH l a b', [name, 'l', timeout], [name, 'none', 'l', timeout]);
    requests.push('SET string v', `${name} string 0`, `${name} none string l 0`, `${name} l string 0`, name);
    requests.push(`${name} l`, 'DEL l', `${name} l 0.01`, `${name} none other 0.001`);
  }
  for (const timeout of timeouts) {
    requests.push('RPUSH l a b', ['BLMOVE', 'l', 'm', 'left', 'RIGHT', timeout], ['BRPOPLPUSH', 'l', 'm', timeout]);
    // these two are no timeout: whoever waits, waits for ever
    if (timeout === '0' || timeout === '-0.0001') continue;
    requests.push('DEL l', ['BLMOVE', 'l', 'm', 'left', 'RIGHT', timeout], ['BRPOPLPUSH', 'l', 'm', timeout]);
  }
  requests.push('RPUSH l a', 'BLMOVE l string LEFT LEFT 0', 'BRPOPLPUSH l string 0', 'BRPOPLPUSH string l 0');
  requests.push('BLMOVE l m UP LEFT 0', 'BLMOVE l m LEFT DOWN x', 'BLMOVE l m LEFT RIGHT', 'BRPOPLPUSH l m');
  const pops = [
    'BLMPOP 0 1 l LEFT',
    'BLMPOP 0 2 none l RIGHT COUNT 2',
    'BLMPOP 0 1 l LEFT COUNT 0',
    'BLMPOP x 1 l LEFT',
  ];
  pops.push(
    'BLMPOP 0 0 l LEFT',
    'BLMPOP 0 2 l LEFT',
    'BLMPOP 0 1 l MID',
    'BLMPOP -1 1 l LEFT',
    'BLMPOP 0.01 1 none LEFT',
  );
  pops.push('BLMPOP 0 1 l', 'BLMPOP 0 1 l LEFT COUNT', 'BLMPOP 0 1 string LEFT', 'BLMPOP x 1 l MID', 'BLMPOP');
  for (const each of pops) requests.push('RPUSH l a b c', each);
  // within a transaction nobody waits
  requests.push('DEL l', 'MULTI', 'BLPOP l 0', 'BLMPOP 0 1 l LEFT', 'BLMOVE l m LEFT LEFT 0', 'BRPOPLPUSH l m 0');
  requests.push('RPUSH l a b c', 'BRPOP l 0', 'BRPOPLPUSH l m 0', 'EXEC', 'LRANGE m 0 -1');
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh(requests);
  }
});

test('who came first is served first, as far as it goes, each from its end', () => {
  const [first, second, third, pushing] = clients(4);
  first.say('BRPOP l 0');
  second.say('BLMPOP 0 2 other l LEFT COUNT 2');
  third.say('BLPOP l 0');
  assert.is(pushing.say('RPUSH l a b c'), ':3\r\n');
  assert.is(first.talk.heard, ONE('l', 'c'));
  assert.is(second.talk.heard, `*2\r\n${bulk('l')}*2\r\n${bulk('a')}${bulk('b')}`);
  assert.is(third.talk.heard, '');
  pushing.say('LPUSH l d');
  assert.is(third.talk.heard, ONE('l', 'd'));
  assert.is(pushing.say('EXISTS l'), ':0\r\n');
});

test('what is moved to a list that others wait for serves them in turn', () => {
  const [first, second, third, pushing] = clients(4);
  first.say('BLMOVE a b LEFT RIGHT 0');
  second.say('BRPOPLPUSH b c 0');
  third.say('BLPOP c 0');
  pushing.say('RPUSH a x');
  assert.is(first.talk.heard, bulk('x'));
  assert.is(second.talk.heard, bulk('x'));
  assert.is(third.talk.heard, ONE('c', 'x'));
  assert.is(pushing.say('EXISTS a b c'), ':0\r\n');
});

test('a list that is moved to itself serves who waits for it, and stays', () => {
  const [first, second, pushing] = clients(3);
  first.say('BRPOPLPUSH l l 0');
  second.say('BLMOVE l l LEFT LEFT 0');
  pushing.say('RPUSH l x');
  assert.is(first.talk.heard, bulk('x'));
  assert.is(second.talk.heard, bulk('x'));
  assert.is(pushing.say('LRANGE l 0 -1'), `*1\r\n${bulk('x')}`);
});

test('who would move to a key of another type is told so, and the element stays for the next', () => {
  const [first, second, pushing] = clients(3);
  first.say('BLMOVE l string LEFT LEFT 0');
  second.say('BLPOP l 0');
  pushing.say('SET string v', 'RPUSH l x');
  assert.is(first.talk.heard, '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n');
  assert.is(second.talk.heard, ONE('l', 'x'));
});

test('a key of another type is none that anybody waits for, and a list that comes by RENAME, COPY or SORT is', () => {
  const [waiting, pushing] = clients(2);
  waiting.say('BLPOP l 0');
  pushing.say('SADD l x', 'DEL l', 'MULTI', 'RPUSH l y', 'DEL l', 'EXEC');
  assert.is(waiting.talk.heard, '');
  pushing.say('RPUSH other z', 'RENAME other l');
  assert.is(waiting.talk.heard, ONE('l', 'z'));
  waiting.say('BLPOP l 0');
  pushing.say('RPUSH other z', 'COPY other l');
  assert.is(waiting.talk.heard, ONE('l', 'z'));
});

test('the slow log has a command that waited once it was served, and not before', () => {
  const served = serve();
  const [waiting, pushing] = clients(2, served);
  const { slowLog } = served.services;
  slowLog.thresholdMicros = 0;
  const noted = () => slowLog.entries.filter(({ args }) => args[0] === 'BLPOP').map(({ args }) => args.join(' '));
  waiting.say('BLPOP other l 0');
  pushing.say('PING');
  assert.equal(noted(), []);
  pushing.say('RPUSH l x');
  assert.equal(noted(), ['BLPOP other l 0']);
});

test('what another node pushes wakes as well, and is gone from there when it was given out', async () => {
  const served = serve();
  const [first, second] = clients(2, served);
  first.say('BLPOP l 0');
  second.say('BLMOVE l m LEFT RIGHT 0');
  const other = createEngine({ replica: '00000000000000b2', hashSeed: 3 });
  other.setNow(served.engine.now);
  other.begin();
  for (const value of ['x', 'y', 'z']) other.databases[0].lists.push(Slice.of('l'), 'tail', Slice.of(value));
  other.commit();
  const envelope = other.seal();
  if (envelope === null) throw new Error('nothing was sealed');
  served.engine.receive(envelope.bytes);
  assert.is(first.talk.heard, '', 'not within the txn of the other node');
  await nextTurn();
  assert.is(first.talk.heard, ONE('l', 'x'));
  assert.is(second.talk.heard, bulk('y'));
  const taken = served.engine.seal();
  if (taken === null) throw new Error('nothing was taken');
  other.receive(taken.bytes);
  const left = (key: string) => {
    const found: string[] = [];
    other.databases[0].lists.range(Slice.of(key), 0, 9, 1, (value) => {
      found.push(value.latin1());
    });
    return found;
  };
  assert.equal([left('l'), left('m')], [['z'], ['y']]);
});

test.run();
