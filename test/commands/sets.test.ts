/** Sets: what one node answers, by example, and compared with a real redis-server; draws by their shape and spread. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';
import { compareUnordered } from './unordered.ts';

const COMMANDS = [
  ...['SADD', 'SREM', 'SMEMBERS', 'SISMEMBER', 'SMISMEMBER', 'SCARD', 'SMOVE', 'SINTER', 'SINTERSTORE', 'SINTERCARD'],
  ...['SUNION', 'SUNIONSTORE', 'SDIFF', 'SDIFFSTORE', 'SSCAN', 'SPOP', 'SRANDMEMBER'],
];

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every set command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = ['SADD 0 m', 'SADD 1 m n', 'SET string v', 'HSET hash f v'];
  for (const name of COMMANDS) {
    for (const key of ['1', 'string', 'hash', 'none']) {
      const args = [name, key, '0', '1', '0', '1', '0'];
      const least = name === 'SPOP' || name === 'SRANDMEMBER' ? 3 : 1;
      for (let count = least; count <= args.length; count++) requests.push(args.slice(0, count));
    }
  }
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.answers(['FLUSHALL']);
    await compareUnordered(both, requests);
  }
});

differentialTest('a destination may be one of the sources, of another type, or left empty', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const sources = ['a', 'b', 'c', 'none', 'a b', 'b a', 'a a', 'a c', 'c none', 'none a', 'a b c'];
  const requests: Request[] = [];
  for (const name of ['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']) {
    for (const of of sources) {
      for (const to of ['a', 'b', 'd', 'string', 'none']) {
        requests.push(
          'FLUSHALL',
          'SADD a 1 2 3 x',
          'SADD b 2 3 4 y',
          'SADD c 9',
          'SET string v',
          `${name} ${to} ${of}`,
        );
        requests.push(`TYPE ${to}`, `SMEMBERS a`, `SMEMBERS b`, 'DBSIZE', `EXISTS ${to}`);
        if (to !== 'string') requests.push(`SMEMBERS ${to}`);
      }
    }
  }
  await compareUnordered(both, requests);
});

differentialTest('a stored result loses the time to live that was there, an added member does not', async () => {
  both ??= await BothServers.open();
  const far = Date.UTC(2040, 0, 1);
  await both.compareAfresh([
    'SADD a 1 2',
    'SADD b 2',
    `PEXPIREAT b ${far}`,
    'SADD b 3',
    'PEXPIRETIME b',
    'SMOVE a b 1',
    'PEXPIRETIME b',
    'SUNIONSTORE b a',
    'PEXPIRETIME b',
    `PEXPIREAT b ${far}`,
    'SDIFFSTORE b a a',
    'EXISTS b',
    'SADD b 1',
    'PEXPIRETIME b',
  ]);
});

differentialTest('a set grows from a few integers to many members of all kinds and back, as in Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [];
  for (let i = 0; i < 700; i++) requests.push(['SADD', 's', String(i - 350)], ['SADD', 't', String(2 * i)]);
  requests.push('SCARD s', 'SINTERCARD 2 s t', 'SINTER s t', 'SDIFF s t');
  for (let i = 0; i < 300; i++) requests.push(['SADD', 's', `member ${i} ${'x'.repeat(i)}`]);
  for (let byte = 0; byte < 256; byte++) requests.push(['SADD', 's', Buffer.from([byte])]);
  requests.push('SCARD s', 'SMEMBERS s', 'SUNION t s', 'SISMEMBER s 7', 'SISMEMBER s 07', [
    'SADD',
    's',
    'b'.repeat(1 << 20),
  ]);
  for (let i = 0; i < 690; i++) requests.push(['SREM', 's', String(i - 350), String(i - 350)]);
  requests.push('SCARD s', 'SMEMBERS s', 'SDIFF t s');
  await both.answers(['FLUSHALL']);
  await compareUnordered(both, requests);
});

/** The elements of a reply that is an array. */
function list(reply: ReplyValue): ReplyValue[] {
  if (!Array.isArray(reply)) throw new Error(`no array: ${String(reply)}`);
  return reply;
}

function filled(count: number): SingleNode {
  const node = new SingleNode();
  node.addMembers(
    's',
    Array.from({ length: count }, (_, i) => `m${i}`),
  );
  node.random = pseudoRandom();
  return node;
}

/** The same sequence of numbers from 0 to 1 on every run. */
function pseudoRandom(): () => number {
  let state = 54321;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

test('SPOP takes what it answers, and the key goes with the last member', async () => {
  const node = filled(10);
  const taken = new Set<string>();
  for (let left = 10; left > 0; left--) {
    assert.is(await node.run('SCARD s'), left);
    const popped = String(await node.run('SPOP s'));
    assert.is(await node.run(`SISMEMBER s ${popped}`), 0);
    taken.add(popped);
  }
  assert.is(taken.size, 10);
  assert.is(await node.run('EXISTS s'), 0);
  assert.is(await node.run('SPOP s'), null);
  assert.equal(await node.run('SPOP s 3'), []);
});

test('SPOP with a count takes so many different members', async () => {
  const node = filled(10);
  const before = list(await node.run('SMEMBERS s')).map(String);
  const popped = list(await node.run('SPOP s 4')).map(String);
  assert.is(new Set(popped).size, 4);
  const after = list(await node.run('SMEMBERS s')).map(String);
  assert.equal([...popped, ...after].sort(), before.sort());
});

test('SRANDMEMBER takes nothing: a positive count draws different members, a negative one with repetition', async () => {
  const node = filled(10);
  for (const count of [1, 4, 10, 50]) {
    const drawn = list(await node.run(`SRANDMEMBER s ${count}`)).map(String);
    assert.is(drawn.length, Math.min(count, 10));
    assert.is(new Set(drawn).size, drawn.length);
  }
  const repeated = list(await node.run('SRANDMEMBER s -200')).map(String);
  assert.is(repeated.length, 200);
  assert.is(new Set(repeated).size, 10);
  assert.is(await node.run('SCARD s'), 10);
});

test('every member is drawn about as often as any other', async () => {
  for (const command of ['SRANDMEMBER s', 'SRANDMEMBER s 1', 'SRANDMEMBER s -4000', 'SPOP s', 'SPOP s 1']) {
    const node = filled(20);
    const times = new Map<string, number>();
    for (let drawn = 0; drawn < 4000; ) {
      const reply = await node.run(command);
      for (const member of Array.isArray(reply) ? reply : [reply]) {
        times.set(String(member), (times.get(String(member)) ?? 0) + 1);
        drawn++;
      }
      if (command.startsWith('SPOP')) node.addMembers('s', [...times.keys()]);
    }
    assert.is(times.size, 20, command);
    // 200 expected each, deviation 14: five deviations either way, with numbers that are the same on every run
    for (const [member, count] of times) assert.ok(count > 130 && count < 270, `${command}: ${member} ${count} times`);
  }
});

test('a scan in small steps returns every member that stays, while others come and go', async () => {
  const node = filled(300);
  const seen = new Set<string>();
  let cursor = '0';
  let step = 0;
  do {
    const [next, page] = list(await node.run(`SSCAN s ${cursor} COUNT 7`));
    for (const member of list(page)) seen.add(String(member));
    cursor = String(next);
    node.addMembers(
      's',
      Array.from({ length: 4 }, (_, i) => `m${1000 + 4 * step + i}`),
    );
    await node.run(`SREM s m${299 - step} m${1000 + 4 * step}`);
    step++;
  } while (cursor !== '0' && step < 200);
  assert.is(cursor, '0');
  for (let i = 0; i < 300 - step; i++) assert.ok(seen.has(`m${i}`), `m${i}`);
});

test('SINTERCARD stops counting at its limit', async () => {
  const node = filled(20);
  await node.run('SUNIONSTORE t s');
  assert.is(await node.run('SINTERCARD 2 s t LIMIT 7'), 7);
  assert.is(await node.run('SINTERCARD 2 s t LIMIT 0'), 20);
  assert.is(await node.run('SINTERCARD 2 s t LIMIT 99'), 20);
});

test('SMOVE within one set leaves the member there', async () => {
  const node = filled(1);
  assert.is(await node.run('SMOVE s s m0'), 1);
  assert.equal(await node.run('SMEMBERS s'), ['m0']);
  assert.is(await node.run('SMOVE s s other'), 0);
});

test.run();
