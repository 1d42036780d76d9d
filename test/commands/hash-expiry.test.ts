/** Times to live of hash fields: the specification is Redis 7.4, which no server to compare with is installed of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { SingleNode } from './single-node.ts';

const DEADLINE_MAX = 2 ** 46 - 1;
const SETTERS = ['HEXPIRE', 'HPEXPIRE', 'HEXPIREAT', 'HPEXPIREAT'];
const READERS = ['HTTL', 'HPTTL', 'HEXPIRETIME', 'HPEXPIRETIME', 'HPERSIST'];

async function node(...lines: string[]): Promise<SingleNode> {
  const one = new SingleNode();
  await one.runAll(...lines);
  return one;
}

/** Fields and values of a RESP2 HGETALL. */
function asObject(reply: ReplyValue): Record<string, string> {
  if (!Array.isArray(reply)) throw new Error(`no array: ${String(reply)}`);
  const object: Record<string, string> = {};
  for (let i = 0; i < reply.length; i += 2) object[String(reply[i])] = String(reply[i + 1]);
  return object;
}

test('the four ways to set a deadline mean the same moment, and the four ways to ask agree', async () => {
  const one = await node('HSET h f 1');
  const deadline = one.now + 100_000;
  const commands = ['HEXPIRE h 100', 'HPEXPIRE h 100000', `HEXPIREAT h ${deadline / 1000}`, `HPEXPIREAT h ${deadline}`];
  for (const command of commands) {
    await one.run('HSET h f 1');
    assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1], command);
    assert.equal(await one.run(`${command} FIELDS 1 f`), [1], command);
    assert.equal(await one.run('HTTL h FIELDS 1 f'), [100], command);
    assert.equal(await one.run('HPTTL h FIELDS 1 f'), [100_000], command);
    assert.equal(await one.run('HEXPIRETIME h FIELDS 1 f'), [deadline / 1000], command);
    assert.equal(await one.run('HPEXPIRETIME h FIELDS 1 f'), [deadline], command);
  }
});

test('seconds that are left are rounded up', async () => {
  const one = await node('HSET h f 1', 'HPEXPIRE h 1001 FIELDS 1 f');
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [2]);
  await one.run('HPEXPIRE h 1000 FIELDS 1 f');
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [1]);
  await one.run('HPEXPIREAT h 4000000000001 FIELDS 1 f');
  assert.equal(await one.run('HEXPIRETIME h FIELDS 1 f'), [4_000_000_001]);
});

test('a field is there until its deadline and not at it', async () => {
  const one = await node('HSET h f 1 g 2', 'HPEXPIRE h 10 FIELDS 1 f');
  one.now += 9;
  assert.is(await one.run('HGET h f'), '1');
  one.now += 1;
  assert.is(await one.run('HGET h f'), null);
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [-2, -1]);
});

test('each field answers for itself: missing, without and with a time to live', async () => {
  const one = await node('HSET h f 1 g 2', 'HEXPIRE h 100 FIELDS 1 f');
  assert.equal(await one.run('HTTL h FIELDS 3 none g f'), [-2, -1, 100]);
  assert.equal(await one.run('HEXPIRE h 50 FIELDS 3 none g f'), [-2, 1, 1]);
  assert.equal(await one.run('HPERSIST h FIELDS 3 none g f'), [-2, 1, 1]);
  assert.equal(await one.run('HPERSIST h FIELDS 2 g f'), [-1, -1]);
});

test('where there is no key, there is no field', async () => {
  const one = await node();
  for (const name of SETTERS) assert.equal(await one.run(`${name} none 4000000000 FIELDS 2 a b`), [-2, -2], name);
  for (const name of READERS) assert.equal(await one.run(`${name} none FIELDS 2 a b`), [-2, -2], name);
  assert.is(await one.run('EXISTS none'), 0);
});

const CONDITIONS: readonly (readonly [condition: string, before: number, given: number, answer: number])[] = [
  ['NX', -1, 50, 1],
  ['NX', 100, 50, 0],
  ['XX', -1, 50, 0],
  ['XX', 100, 50, 1],
  ['GT', -1, 50, 0],
  ['GT', 100, 100, 0],
  ['GT', 100, 101, 1],
  ['LT', -1, 50, 1],
  ['LT', 100, 100, 0],
  ['LT', 100, 99, 1],
];

test('NX, XX, GT and LT tell which fields get a deadline, in any case of letters', async () => {
  for (const [condition, before, given, answer] of CONDITIONS) {
    for (const word of [condition, condition.toLowerCase()]) {
      const one = await node('HSET h f 1');
      if (before >= 0) await one.run(`HEXPIRE h ${before} FIELDS 1 f`);
      const shown = `${word} ${given} over ${before}`;
      assert.equal(await one.run(`HEXPIRE h ${given} ${word} fields 1 f`), [answer], shown);
      assert.equal(await one.run('HTTL h FIELDS 1 f'), [answer === 1 ? given : before], shown);
    }
  }
});

test('a deadline that has passed removes the field at once, and the hash with its last one', async () => {
  for (const command of ['HEXPIRE h 0', 'HPEXPIRE h 0', 'HEXPIREAT h 1', 'HPEXPIREAT h 0']) {
    const one = await node('HSET h f 1 g 2');
    assert.equal(await one.run(`${command} FIELDS 2 f none`), [2, -2], command);
    assert.is(await one.run('HEXISTS h f'), 0);
    assert.is(await one.run('HLEN h'), 1);
    assert.equal(await one.run(`${command} FIELDS 1 g`), [2], command);
    assert.is(await one.run('EXISTS h'), 0);
    assert.is(await one.run('DBSIZE'), 0);
  }
});

test('a condition is looked at before a deadline that has passed', async () => {
  const one = await node('HSET h f 1');
  assert.equal(await one.run('HEXPIRE h 0 XX FIELDS 1 f'), [0]);
  assert.equal(await one.run('HEXPIRE h 0 GT FIELDS 1 f'), [0]);
  assert.is(await one.run('HGET h f'), '1');
  assert.equal(await one.run('HEXPIRE h 0 LT FIELDS 1 f'), [2]);
  assert.is(await one.run('EXISTS h'), 0);
});

test('the same field named twice is treated twice', async () => {
  const one = await node('HSET h f 1 g 1');
  assert.equal(await one.run('HEXPIRE h 100 NX FIELDS 2 f f'), [1, 0]);
  assert.equal(await one.run('HPERSIST h FIELDS 2 f f'), [1, -1]);
  assert.equal(await one.run('HEXPIRE h 0 FIELDS 2 f f'), [2, -2]);
});

test('what is wrong with the arguments is told in the words and the order of Redis', async () => {
  const one = await node('HSET h f 1', 'SET s v');
  const arity = (name: string) => `-ERR wrong number of arguments for '${name.toLowerCase()}' command`;
  const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value';
  const misplaced = '-ERR Mandatory argument FIELDS is missing or not at the right position';
  const mismatch = '-ERR The `numfields` parameter must match the number of arguments';
  for (const name of SETTERS) {
    const expected: Record<string, string> = {
      [`${name} h 100 FIELDS 1`]: arity(name),
      [`${name} s x FIELDS 1 f`]: wrongType,
      [`${name} h x FIELDS 1 f`]: '-ERR value is not an integer or out of range',
      [`${name} h -1 FIELDS 1 f`]: '-ERR invalid expire time, must be >= 0',
      [`${name} none -1 FIELDS 1 f`]: '-ERR invalid expire time, must be >= 0',
      [`${name} h 9223372036854775807 FIELDS 1 f`]: `-ERR invalid expire time in '${name.toLowerCase()}' command`,
      [`${name} h 100 YY FIELDS 1 f`]: misplaced,
      [`${name} h 100 NX XX FIELDS 1 f`]: misplaced,
      [`${name} h 100 1 f FIELDS`]: misplaced,
      [`${name} h 100 FIELDS 0 f`]: '-ERR Parameter `numFields` should be greater than 0',
      [`${name} h 100 FIELDS -1 f`]: '-ERR Parameter `numFields` should be greater than 0',
      [`${name} h 100 FIELDS x f`]: '-ERR Parameter `numFields` should be greater than 0',
      [`${name} h 100 FIELDS 2 f`]: mismatch,
      [`${name} h 100 FIELDS 1 f g`]: mismatch,
      [`${name} h 100 NX FIELDS 1`]: mismatch,
      [`${name} h 100 FIELDS 9223372036854775807 f`]: mismatch,
    };
    for (const [line, reply] of Object.entries(expected)) assert.is(await one.run(line), reply, line);
  }
  for (const name of READERS) {
    const expected: Record<string, string> = {
      [`${name} h FIELDS 1`]: arity(name),
      [`${name} s FIELDS 1 f`]: wrongType,
      [`${name} h 1 FIELDS f`]: misplaced,
      [`${name} none FIELD 1 f`]: misplaced,
      [`${name} h FIELDS 0 f`]: '-ERR Number of fields must be a positive integer',
      [`${name} h FIELDS -1 f`]: '-ERR Number of fields must be a positive integer',
      [`${name} h FIELDS x f`]: '-ERR Number of fields must be a positive integer',
      [`${name} h FIELDS 01 f`]: '-ERR Number of fields must be a positive integer',
      [`${name} h FIELDS 2 f`]: mismatch,
      [`${name} h FIELDS 1 f g`]: mismatch,
    };
    for (const [line, reply] of Object.entries(expected)) assert.is(await one.run(line), reply, line);
  }
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1]);
});

test('the latest deadline is 46 bits of milliseconds', async () => {
  const one = await node('HSET h f 1');
  assert.equal(await one.run(`HPEXPIREAT h ${DEADLINE_MAX} FIELDS 1 f`), [1]);
  assert.equal(await one.run('HPEXPIRETIME h FIELDS 1 f'), [DEADLINE_MAX]);
  assert.equal(await one.run(`HPEXPIRE h ${DEADLINE_MAX - one.now} FIELDS 1 f`), [1]);
  const refused = {
    HPEXPIREAT: DEADLINE_MAX + 1,
    HPEXPIRE: DEADLINE_MAX - one.now + 1,
    HEXPIREAT: Math.floor(DEADLINE_MAX / 1000) + 1,
  };
  for (const [name, time] of Object.entries(refused)) {
    const error = `-ERR invalid expire time in '${name.toLowerCase()}' command`;
    assert.is(await one.run(`${name} h ${time} FIELDS 1 f`), error);
  }
});

test('a field may be named like a keyword', async () => {
  const one = await node('HSET h FIELDS 1 NX 2');
  assert.equal(await one.run('HEXPIRE h 100 NX FIELDS 2 FIELDS NX'), [1, 1]);
  assert.equal(await one.run('HTTL h FIELDS 2 FIELDS NX'), [100, 100]);
});

test('HSET and HSETNX start a field afresh; HINCRBY and HINCRBYFLOAT keep its deadline', async () => {
  const one = await node('HSET h f 1 g 1 i 1 j 1', 'HEXPIRE h 100 FIELDS 4 f g i j');
  await one.runAll('HSET h f 2', 'HINCRBY h g 1', 'HINCRBYFLOAT h i 0.5', 'HMSET h j 3');
  assert.equal(await one.run('HTTL h FIELDS 4 f g i j'), [-1, 100, 100, -1]);
  assert.equal(await one.run('HMGET h f g i j'), ['2', '2', '1.5', '3']);
  assert.is(await one.run('HSETNX h g 9'), 0);
  assert.equal(await one.run('HTTL h FIELDS 1 g'), [100]);
  one.now += 100_000;
  assert.is(await one.run('HSETNX h g 9'), 1);
  assert.equal(await one.run('HTTL h FIELDS 1 g'), [-1]);
});

test('a field that is removed and written again has no time to live', async () => {
  const one = await node('HSET h f 1 g 1', 'HEXPIRE h 100 FIELDS 1 f', 'HDEL h f', 'HSET h f 2');
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1]);
  await one.runAll('HEXPIRE h 100 FIELDS 1 f', 'DEL h', 'HSET h f 3');
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1]);
});

test('an increment of an expired field starts from nothing, without a time to live', async () => {
  const one = await node('HSET h f 40 g 1', 'HPEXPIRE h 10 FIELDS 1 f');
  one.now += 10;
  assert.is(await one.run('HINCRBY h f 2'), 2);
  assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1]);
});

test('no command shows an expired field, collected or not', async () => {
  const one = await node('HSET h f 1 g 2 i 3', 'HPEXPIRE h 10 FIELDS 2 f i');
  one.now += 10;
  assert.is(await one.run('HLEN h'), 1);
  assert.equal(await one.run('HGETALL h'), ['g', '2']);
  assert.equal(await one.run('HKEYS h'), ['g']);
  assert.equal(await one.run('HVALS h'), ['2']);
  assert.equal(await one.run('HMGET h f g i'), [null, '2', null]);
  assert.equal(await one.run('HSCAN h 0'), ['0', ['g', '2']]);
  assert.equal(await one.run('HRANDFIELD h 5'), ['g']);
  assert.equal(await one.run('HRANDFIELD h -2 WITHVALUES'), ['g', '2', 'g', '2']);
  assert.is(await one.run('HRANDFIELD h'), 'g');
  assert.is(await one.run('HSTRLEN h f'), 0);
  assert.is(await one.run('HEXISTS h f'), 0);
  assert.is(await one.run('HDEL h f'), 0);
  assert.is(await one.run('HSET h f new'), 1);
  assert.equal(asObject(await one.run('HGETALL h')), { f: 'new', g: '2' });
});

test('a hash is gone when its last field has expired, for every command', async () => {
  const lines = [
    'EXISTS h',
    'HLEN h',
    'DEL h',
    'TTL h',
    'TYPE h',
    'HGETALL h',
    'HRANDFIELD h',
    'KEYS *',
    'SCAN 0',
    'PERSIST h',
  ];
  lines.push('RENAMENX h i', 'COPY h i', 'RANDOMKEY', 'OBJECT ENCODING h', 'TOUCH h', 'HRANDFIELD h 3', 'EXPIRE h 100');
  lines.push(
    'GET h',
    'SADD h m',
    'INCR h',
    'SETNX h v',
    'RENAME h i',
    'MOVE h 1',
    'HTTL h FIELDS 1 f',
    'HDEL h f',
    'UNLINK h',
  );
  lines.push(
    'SET h v NX',
    'SET h v XX',
    'APPEND h x',
    'SCARD h',
    'HSET h f v',
    'SORT h',
    'STRLEN h',
    'MSETNX h 1',
    'DUMP h',
  );
  for (const line of lines) {
    const expiring = await node('HSET h f 1 g 2', 'HPEXPIRE h 10 FIELDS 1 f', 'HPEXPIRE h 20 FIELDS 1 g');
    expiring.now += 20;
    const empty = await node();
    empty.now = expiring.now;
    assert.equal(await expiring.run(line), await empty.run(line), line);
    assert.equal(await expiring.run('TYPE h'), await empty.run('TYPE h'), `TYPE after ${line}`);
  }
});

test('collection removes expired fields, and the hash with the last of them', async () => {
  const one = await node('HSET h f 1 g 2', 'HSET j f 1', 'HPEXPIRE h 10 FIELDS 1 f', 'HPEXPIRE j 10 FIELDS 1 f');
  one.now += 10;
  one.engine.setNow(one.now);
  one.engine.collect(1000);
  assert.is(await one.run('DBSIZE'), 1);
  assert.equal(await one.run('HGETALL h'), ['g', '2']);
  one.engine.collect(1000);
  assert.is(one.engine.collect(1000), 0);
});

test("the hash's own time to live and those of its fields do not touch each other", async () => {
  const one = await node('HSET h f 1 g 1', 'HEXPIRE h 100 FIELDS 1 f', 'EXPIRE h 50');
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [100, -1]);
  await one.run('PERSIST h');
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [100, -1]);
  await one.runAll('EXPIRE h 50', 'HPERSIST h FIELDS 1 f');
  assert.is(await one.run('TTL h'), 50);
  one.now += 50_000;
  assert.is(await one.run('EXISTS h'), 0);
});

test('RENAME, COPY and MOVE carry the times to live of fields', async () => {
  const one = await node('HSET h f 1 g 2', 'HEXPIRE h 100 FIELDS 1 f', 'COPY h copied', 'RENAME h renamed');
  assert.equal(await one.run('HTTL copied FIELDS 2 f g'), [100, -1]);
  assert.equal(await one.run('HTTL renamed FIELDS 2 f g'), [100, -1]);
  await one.runAll('MOVE renamed 1', 'SELECT 1');
  assert.equal(await one.run('HTTL renamed FIELDS 2 f g'), [100, -1]);
  await one.runAll('SWAPDB 0 1', 'SELECT 0');
  assert.equal(await one.run('HTTL renamed FIELDS 2 f g'), [100, -1]);
  one.now += 100_000;
  assert.equal(await one.run('HGETALL renamed'), ['g', '2']);
});

test('writing and reading deadlines within a transaction', async () => {
  const one = await node('MULTI', 'HSET h f 1 g 1', 'HEXPIRE h 100 FIELDS 1 f', 'HTTL h FIELDS 2 f g', 'HSET h f 2');
  await one.run('HTTL h FIELDS 1 f');
  assert.equal(await one.run('EXEC'), [2, [1], [100, -1], 0, [-1]]);
});

test('a watched hash has changed when a field got a deadline, lost it or expired', async () => {
  for (const line of ['HEXPIRE h 100 FIELDS 1 g', 'HPERSIST h FIELDS 1 f', 'HEXPIRE h 0 FIELDS 1 g']) {
    const one = await node('HSET h f 1 g 1', 'HEXPIRE h 50 FIELDS 1 f', 'WATCH h', line, 'MULTI', 'PING');
    assert.is(await one.run('EXEC'), null, line);
  }
});

test('a condition unmet changes nothing', async () => {
  const one = await node(
    'HSET h f 1',
    'WATCH h',
    'HEXPIRE h 100 XX FIELDS 1 f',
    'HPERSIST h FIELDS 1 f',
    'MULTI',
    'PING',
  );
  assert.equal(await one.run('EXEC'), ['PONG']);
});

test.run();
