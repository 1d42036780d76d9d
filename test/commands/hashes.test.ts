/** Hashes: what one node answers, by example, and compared with a real redis-server; draws by their shape and spread. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';
import { compareUnordered } from './unordered.ts';

const COMMANDS = [
  ...['HSET', 'HSETNX', 'HGET', 'HMGET', 'HMSET', 'HGETALL', 'HKEYS', 'HVALS', 'HLEN', 'HSTRLEN', 'HEXISTS'],
  ...['HDEL', 'HINCRBY', 'HINCRBYFLOAT', 'HRANDFIELD', 'HSCAN'],
];

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every hash command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = ['HSET h 1 2 f 3', 'SET s v', 'SADD set m'];
  for (const name of COMMANDS) {
    for (const key of ['h', 's', 'set', 'none']) {
      const args = [name, key, '0', '1', '0', '1', '0'];
      // without a count Redis and Starling would draw different fields
      const drawn = name === 'HRANDFIELD' && key === 'h';
      for (let count = 1; count <= args.length; count++) if (!drawn || count !== 2) requests.push(args.slice(0, count));
    }
  }
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.answers(['FLUSHALL']);
    await compareUnordered(both, requests);
  }
});

differentialTest('increments at the edges of 64 bits and of what is a number are answered as by Redis', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const edges = [
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '1e2',
    '0x1',
    ' 1',
    '1 ',
    '',
    '-',
  ];
  const requests: Request[] = [];
  for (const start of edges) {
    for (const by of ['1', '-1', '0', ...edges]) {
      requests.push(['HSET', 'h', 'f', start], ['HINCRBY', 'h', 'f', by], ['HGET', 'h', 'f']);
    }
    requests.push(['HSET', 'h', 'f', start], ['HINCRBYFLOAT', 'h', 'f', '0'], ['HGET', 'h', 'f']);
  }
  await both.compareAfresh(requests);
});

differentialTest('a hash grows from few small fields to many large ones and back, as in Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [];
  for (let i = 0; i < 700; i++) requests.push(['HSET', 'h', `field ${i}`, 'v'.repeat(i)]);
  requests.push(['HLEN', 'h'], ['HGETALL', 'h'], ['HSTRLEN', 'h', 'field 699']);
  for (let i = 0; i < 700; i++) if (i % 100 !== 0) requests.push(['HDEL', 'h', `field ${i}`, `field ${i}`]);
  requests.push(['HLEN', 'h'], ['HGETALL', 'h'], ['HKEYS', 'h'], ['HVALS', 'h']);
  await both.answers(['FLUSHALL']);
  await compareUnordered(both, requests);
});

differentialTest('a value of a megabyte, and names of every byte, come back as they were written', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [['HSET', 'h', 'big', 'b'.repeat(1 << 20)]];
  for (let byte = 0; byte < 256; byte++)
    requests.push(['HSET', 'bytes', Buffer.from([byte]), Buffer.from([255 - byte])]);
  requests.push(['HGET', 'h', 'big'], ['HLEN', 'bytes'], ['HGETALL', 'bytes'], ['HGET', 'bytes', Buffer.from([0])]);
  await both.answers(['FLUSHALL']);
  await compareUnordered(both, requests);
});

/** The elements of a reply that is an array. */
function list(reply: ReplyValue): ReplyValue[] {
  if (!Array.isArray(reply)) throw new Error(`no array: ${String(reply)}`);
  return reply;
}

async function filled(count: number): Promise<SingleNode> {
  const node = new SingleNode();
  for (let i = 0; i < count; i++) node.setField('h', `f${i}`, `v${i}`);
  return node;
}

/** The same sequence of numbers from 0 to 1 on every run. */
function pseudoRandom(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

test('a positive count draws different fields, at most all of them', async () => {
  const node = await filled(10);
  node.random = pseudoRandom();
  for (const count of [1, 5, 10, 50]) {
    const drawn = list(await node.run(`HRANDFIELD h ${count}`));
    assert.is(drawn.length, Math.min(count, 10));
    assert.is(new Set(drawn).size, drawn.length);
    for (const field of drawn) assert.is(await node.run(`HEXISTS h ${String(field)}`), 1);
  }
});

test('a negative count draws exactly so many, the same field more than once', async () => {
  const node = await filled(3);
  node.random = pseudoRandom();
  const drawn = list(await node.run('HRANDFIELD h -100'));
  assert.is(drawn.length, 100);
  assert.equal([...new Set(drawn)].sort(), ['f0', 'f1', 'f2']);
});

test('WITHVALUES gives each drawn field with its own value', async () => {
  const node = await filled(10);
  node.random = pseudoRandom();
  for (const count of [5, -30]) {
    const drawn = list(await node.run(`HRANDFIELD h ${count} WITHVALUES`));
    assert.is(drawn.length, 2 * Math.abs(count));
    for (let i = 0; i < drawn.length; i += 2) assert.is(drawn[i + 1], String(drawn[i]).replace('f', 'v'));
  }
});

test('under RESP3 WITHVALUES gives pairs', async () => {
  const node = await filled(1);
  await node.run('HELLO 3');
  assert.equal(await node.run('HRANDFIELD h -2 WITHVALUES'), [
    ['f0', 'v0'],
    ['f0', 'v0'],
  ]);
});

test('every field is drawn about as often as any other', async () => {
  const node = await filled(20);
  node.random = pseudoRandom();
  for (const command of ['HRANDFIELD h -4000', 'HRANDFIELD h', 'HRANDFIELD h 1']) {
    const times = new Map<string, number>();
    for (let drawn = 0; drawn < 4000; ) {
      const reply = await node.run(command);
      for (const field of Array.isArray(reply) ? reply : [reply]) {
        times.set(String(field), (times.get(String(field)) ?? 0) + 1);
        drawn++;
      }
    }
    assert.is(times.size, 20, command);
    // 200 expected each, deviation 14: five deviations either way, with numbers that are the same on every run
    for (const [field, count] of times) assert.ok(count > 130 && count < 270, `${command}: ${field} ${count} times`);
  }
});

test('a scan in small steps returns every field that stays, while others come and go', async () => {
  const node = await filled(300);
  const seen = new Set<string>();
  let cursor = '0';
  let step = 0;
  do {
    const [next, page] = list(await node.run(`HSCAN h ${cursor} COUNT 7`));
    const pairs = list(page);
    for (let i = 0; i < pairs.length; i += 2) {
      seen.add(String(pairs[i]));
      assert.is(pairs[i + 1], String(pairs[i]).replace('f', 'v'));
    }
    cursor = String(next);
    for (let i = 0; i < 4; i++) node.setField('h', `f${1000 + 4 * step + i}`, `v${1000 + 4 * step + i}`);
    await node.run(`HDEL h f${299 - step} f${1000 + 4 * step}`);
    step++;
  } while (cursor !== '0' && step < 200);
  assert.is(cursor, '0');
  for (let i = 0; i < 300 - step; i++) assert.ok(seen.has(`f${i}`), `f${i}`);
});

test('NOVALUES leaves the values out of a scan', async () => {
  const node = await filled(3);
  const [, fields] = list(await node.run('HSCAN h 0 NOVALUES'));
  assert.equal(list(fields).map(String).sort(), ['f0', 'f1', 'f2']);
});

test('the key goes with its last field, and comes back as another type', async () => {
  const node = await filled(2);
  assert.is(await node.run('HDEL h f0 f1 f1'), 2);
  assert.is(await node.run('EXISTS h'), 0);
  assert.is(await node.run('SADD h m'), 1);
  assert.is(await node.run('TYPE h'), 'set');
});

test('fields that look like parts of the process are fields', async () => {
  const node = new SingleNode();
  for (const name of ['__proto__', 'constructor', 'toString', 'length']) {
    assert.is(await node.run('HSETNX', 'h', name, name), 1);
    assert.is(await node.run('HGET', 'h', name), name);
  }
  const out = new Slice();
  assert.ok(node.engine.databases[0].hashes.get(Slice.of('h'), Slice.of('__proto__'), out));
  assert.not.instance(await node.run('HGETALL h'), ReplyError);
});

test.run();
