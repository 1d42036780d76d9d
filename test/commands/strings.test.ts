/**
 * String and counter commands, case by case against a real redis-server, and on their own where Starling is to differ
 * from the redis-server at hand (later Redis versions, exact decimals) or where a reply does not show the effect.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';

let both: BothServers;

test.after(() => both?.close());

/** A test that runs these commands, in RESP2 and in RESP3, on a clean database. */
function sameAsRedis(name: string, requests: readonly Request[]): void {
  differentialTest(name, async () => {
    both ??= await BothServers.open();
    for (const protocol of [2, 3] as const) {
      await both.speak(protocol);
      await both.compareAfresh(requests);
    }
  });
}

const FAR = Date.UTC(2040, 0, 1);

sameAsRedis('a value is what was written, whatever bytes it has', [
  'GET key',
  'SET key value',
  'GET key',
  'SET key "\\x00\\xff\\r\\n"',
  'GET key',
  'STRLEN key',
  'SET "" ""',
  'GET ""',
  'STRLEN ""',
  'STRLEN absent',
]);

sameAsRedis('reading another type as a string is refused, writing it over is not', [
  ...[
    'SADD set a',
    'GET set',
    'STRLEN set',
    'GETRANGE set 0 1',
    'APPEND set a',
    'SETRANGE set 0 a',
    'SETRANGE set 0 ""',
  ],
  ...[
    'INCR set',
    'INCRBYFLOAT set 1',
    'GETSET set a',
    'GETDEL set',
    'GETEX set',
    'SET set a GET',
    'LCS set set',
    'MGET set',
  ],
  ...['SETNX set a', 'TYPE set', 'SET set a', 'GET set', 'TYPE set'],
  ...['HSET hash f v', 'MSET hash a', 'GET hash', 'HGET hash f'],
]);

sameAsRedis('SET writes under its conditions', [
  ...['SET key a XX', 'SET key a NX', 'SET key b NX', 'GET key', 'SET key c XX', 'GET key', 'SET key d XX GET'],
  ...['SET key e NX GET', 'GET key', 'SET other a NX GET', 'GET other', 'SET absent a XX GET', 'GET absent'],
  ...['SET key a NX XX', 'SET key a XX NX', 'SET key a NX NX', 'SET key a GET GET', 'set key a nx get'],
]);

sameAsRedis('SET keeps, sets or clears the time to live', [
  ...[
    `SET key a PXAT ${FAR}`,
    'PEXPIRETIME key',
    'SET key b KEEPTTL',
    'PEXPIRETIME key',
    'SET key c',
    'PEXPIRETIME key',
  ],
  ...[`SET key a EXAT ${FAR / 1000}`, 'PEXPIRETIME key', 'SET key a KEEPTTL KEEPTTL', 'EXPIRETIME key'],
  ...[
    'SET key a EX 100',
    'PERSIST key',
    'SET key a PX 100000',
    'PERSIST key',
    'SET key a EXAT 1',
    'GET key',
    'EXISTS key',
  ],
  ...[`SET key a GET PXAT ${FAR}`, `SET key b XX GET PXAT ${FAR + 1}`, 'PEXPIRETIME key'],
  ...[`SET key a NX PXAT ${FAR + 2}`, 'PEXPIRETIME key'],
]);

sameAsRedis('SET refuses options that do not go together before it looks at their values', [
  ...['SET key a EX', 'SET key a PX', 'SET key a FOO', 'SET key a EX 10 PX 10', 'SET key a EX 10 KEEPTTL'],
  ...[
    'SET key a KEEPTTL EX 10',
    'SET key a EX 0 FOO',
    'SET key a EX x FOO',
    'SET key a PERSIST',
    'SET key a EX 1 EX 1000',
  ],
  ...['PERSIST key', 'SET key a EX NX', 'SET key', 'SET', 'GET', 'GET a b'],
]);

const INVALID_TIMES = ['0', '-1', 'x', '', '1.5', '9223372036854775807', '9223372036854775808', '-9223372036854775808'];

sameAsRedis('expire times that are not positive, or overflow, are refused', [
  ...['EX', 'PX', 'EXAT'].flatMap((unit) => INVALID_TIMES.map((time) => ['SET', 'key', 'a', unit, time])),
  ...['SETEX', 'PSETEX'].flatMap((name) => INVALID_TIMES.map((time) => [name, 'key', time, 'a'])),
  ['SET', 'there', 'a'],
  ...['EX', 'PX', 'EXAT'].flatMap((unit) => INVALID_TIMES.map((time) => ['GETEX', 'there', unit, time])),
  ...['SET key a EX 9223372036854776', 'SET key a EX 9223372036854775', 'EXISTS key', 'PTTL there'],
]);

sameAsRedis('SETEX and PSETEX write with a time to live', [
  ...[
    'SETEX key 100 a',
    'PERSIST key',
    'GET key',
    'PSETEX key 100000 b',
    'PERSIST key',
    'GET key',
    'SETEX key 100',
    'PSETEX key a',
  ],
  ...['SADD set a', 'SETEX set 100 a', 'GET set'],
]);

sameAsRedis('GETEX answers a value and changes when it expires', [
  ...['SET key a', `GETEX key PXAT ${FAR}`, 'PEXPIRETIME key', 'GETEX key', 'PEXPIRETIME key', 'GETEX key PERSIST'],
  ...[
    'PEXPIRETIME key',
    'GETEX key PERSIST',
    'GETEX key EX 100',
    'PERSIST key',
    `GETEX key EXAT ${FAR / 1000}`,
    'EXPIRETIME key',
  ],
  ...[
    'GETEX key PERSIST PERSIST',
    'GETEX key EX 10 PERSIST',
    'GETEX key PERSIST EX 10',
    'GETEX key KEEPTTL',
    'GETEX key NX',
  ],
  ...[
    'GETEX key EX',
    'GETEX key EX 1 PX 1',
    'GETEX absent EX x',
    'GETEX absent FOO',
    'GETEX absent',
    'GETEX key PXAT 1',
    'GET key',
  ],
]);

sameAsRedis('GETSET and GETDEL answer what was there', [
  ...[
    'GETSET key a',
    `SET key b PXAT ${FAR}`,
    'GETSET key c',
    'PEXPIRETIME key',
    'GETDEL key',
    'GETDEL key',
    'EXISTS key',
  ],
]);

sameAsRedis('several keys are read and written as one', [
  ...[
    'MSET a 1 b 2 a 3',
    'MGET a b c',
    'MSET a',
    'MSET a 1 b',
    'MSETNX a',
    'MSETNX c 1 a 2',
    'MGET a c',
    'MSETNX c 1 d 2 c 3',
  ],
  ...['MGET a b c d', 'SADD set x', 'MGET a set a', 'MSETNX set 1 e 2', 'MGET e', 'MSET set 1', 'GET set', 'MGET'],
  ...[`SET t 1 PXAT ${FAR}`, 'MSET t 2', 'PEXPIRETIME t'],
]);

sameAsRedis('APPEND adds at the end and keeps the time to live', [
  ...[
    'APPEND key ""',
    'EXISTS key',
    'APPEND key ab',
    'APPEND key "\\x00c"',
    'GET key',
    `PEXPIREAT key ${FAR}`,
    'APPEND key d',
  ],
  ...['PEXPIRETIME key', 'SET n 12', 'APPEND n 3', 'INCR n', 'GET n', 'INCR m', 'APPEND m 0', 'INCR m'],
]);

sameAsRedis('SETRANGE overwrites in place and fills up with zeros', [
  ...[
    'SETRANGE key 0 ""',
    'EXISTS key',
    'SETRANGE key 3 ab',
    'GET key',
    'SETRANGE key 1 xyz',
    'GET key',
    'SETRANGE key 0 ""',
  ],
  ...[
    'SETRANGE key -1 a',
    'SETRANGE key x a',
    'SETRANGE key 1.5 a',
    `PEXPIREAT key ${FAR}`,
    'SETRANGE key 9 z',
    'GET key',
  ],
  ...[
    'PEXPIRETIME key',
    'SETRANGE key 536870911 ab',
    'SETRANGE key 536870912 ""',
    'SETRANGE key 9223372036854775807 a',
  ],
  ...['SETRANGE absent 536870912 a', 'EXISTS absent', 'SADD set a', 'SETRANGE set -1 a', 'SETRANGE set 0 ""'],
]);

const EDGES = ['0', '1', '4', '5', '6', '-1', '-5', '-6', '9223372036854775807', '-9223372036854775808'];

sameAsRedis('GETRANGE and SUBSTR count from both ends', [
  'SET key Hello',
  'SET empty ""',
  ...EDGES.flatMap((start) => EDGES.map((end) => ['GETRANGE', 'key', start, end])),
  ...EDGES.flatMap((start) => EDGES.map((end) => ['SUBSTR', 'empty', start, end])),
  ...['GETRANGE absent 0 -1', 'GETRANGE key x 1', 'GETRANGE key 1 x', 'GETRANGE absent 0 x', 'GETRANGE key 0'],
]);

const NUMBERS = ['0', '-0', '+1', '01', ' 1', '1 ', '', 'x', '1.0', '9007199254740992', '-9007199254740993'];
const LIMITS = ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-9223372036854775809'];

sameAsRedis('counters take 64-bit integers and nothing else', [
  ...['INCR a', 'INCR a', 'DECR a', 'INCRBY a 40', 'DECRBY a 50', 'GET a', 'DECR b', 'GET b'],
  ...[...NUMBERS, ...LIMITS].flatMap((number) => [
    ['SET', 'key', number],
    ['INCR', 'key'],
    ['DECR', 'key'],
    ['GET', 'key'],
    ['SET', 'key', '0'],
    ['INCRBY', 'key', number],
    ['GET', 'key'],
    ['SET', 'key', '-5'],
    ['DECRBY', 'key', number],
    ['GET', 'key'],
  ]),
  ...[`SET t 1 PXAT ${FAR}`, 'INCR t', 'PEXPIRETIME t', 'INCRBY a', 'INCR', 'INCRBY a 1 2'],
]);

sameAsRedis('INCRBYFLOAT adds fractions', [
  ...[
    'INCRBYFLOAT a 0.1',
    'INCRBYFLOAT a 0.2',
    'GET a',
    'INCRBYFLOAT a -0.3',
    'INCRBYFLOAT a 5.0e3',
    'INCR a',
    'GET a',
  ],
  ...[
    'SET b 10.50',
    'INCRBYFLOAT b 0.1',
    'INCRBYFLOAT b -5',
    'INCRBYFLOAT b 3.0',
    'INCR b',
    'INCRBYFLOAT b 0.6',
    'INCR b',
    'GET b',
  ],
  ...[
    'SET c 3',
    'INCRBYFLOAT c 1e-20',
    'INCRBYFLOAT c .5',
    'INCRBYFLOAT c 5.',
    'INCRBYFLOAT c 1e',
    'INCRBYFLOAT c " 1"',
  ],
  ...[
    'INCRBYFLOAT c "1 "',
    'INCRBYFLOAT c ""',
    'INCRBYFLOAT c x',
    'INCRBYFLOAT c inf',
    'INCRBYFLOAT c -Infinity',
    'INCRBYFLOAT c nan',
  ],
  ...[
    'INCRBYFLOAT c 1e5000',
    'GET c',
    'SET d x',
    'INCRBYFLOAT d 1',
    'SET d ""',
    'INCRBYFLOAT d 1',
    'SET d " 1"',
    'INCRBYFLOAT d 1',
  ],
  ...['SET e 3.14159265358979323846', 'INCRBYFLOAT e 1', 'GET e', 'STRLEN e', 'APPEND e 1', 'INCRBYFLOAT e 0'],
  ['INCRBYFLOAT', 'f', `0.${'0'.repeat(253)}`],
  ['INCRBYFLOAT', 'f', `0.${'0'.repeat(5200)}`],
  ...[`SET t 1.5 PXAT ${FAR}`, 'INCRBYFLOAT t 1', 'PEXPIRETIME t'],
]);

sameAsRedis('LCS finds the longest common subsequence', [
  ...['MSET a ohmytext b mynewtext', 'LCS a b', 'LCS a b LEN', 'LCS a b IDX', 'LCS a b IDX MINMATCHLEN 4'],
  ...[
    'LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN',
    'LCS a b IDX WITHMATCHLEN',
    'LCS a b IDX MINMATCHLEN -1',
    'LCS a a IDX',
  ],
  ...['LCS a absent', 'LCS absent absent', 'LCS a absent LEN', 'LCS a absent IDX', 'LCS a b IDX LEN', 'LCS a b FOO'],
  ...['LCS a b MINMATCHLEN', 'LCS a b MINMATCHLEN x', 'LCS a b WITHMATCHLEN', 'LCS a b len minmatchlen 3', 'LCS a'],
  ...['SADD set x', 'LCS a set FOO', 'LCS set a', 'MSET x AGGTAB y GXTXAYB', 'LCS x y', 'LCS x y IDX WITHMATCHLEN'],
]);

differentialTest('values end at proto-max-bulk-len', async () => {
  const small = await BothServers.open({ 'proto-max-bulk-len': String(1 << 20) });
  try {
    const rest = 'b'.repeat(10);
    await small.compare([
      ['SET', 'key', 'a'.repeat((1 << 20) - 5)],
      ['APPEND', 'key', rest],
      ['APPEND', 'key', rest.slice(5)],
      'STRLEN key',
      'APPEND key a',
      'SETRANGE key 1048576 a',
      'SETRANGE key 1048575 a',
      'LCS key key',
      ['SET', 'short', 'a'.repeat(600)],
      'LCS short short LEN',
      'SETRANGE other 1048576 a',
      'EXISTS other',
    ]);
  } finally {
    small.close();
  }
});

test('what a missing key and bad arguments answer is as in Redis 7.2 and later', async () => {
  const node = new SingleNode();
  assert.is(await node.run('BITCOUNT absent 1'), '-ERR syntax error');
  assert.is(await node.run('BITCOUNT absent x 1'), '-ERR value is not an integer or out of range');
});

test('decimals add exactly where the 80-bit floats of Redis do not', async () => {
  const node = new SingleNode();
  await node.run('SET key 1000000.1');
  assert.is(await node.run('INCRBYFLOAT key 0.1'), '1000000.2');
});

test('each read of a key counts as a hit or a miss, each write as neither', async () => {
  const node = new SingleNode();
  const { statistics } = node.services;
  await node.runAll(
    'SET key 1',
    'SADD set a',
    'INCR key',
    'APPEND key 1',
    'SETRANGE key 0 1',
    'SETNX key 1',
    'SETBIT key 1 1',
  );
  assert.equal([statistics.keyspaceHits, statistics.keyspaceMisses], [0, 0]);
  await node.runAll('GET key', 'GET absent', 'GET set', 'MGET key absent set', 'STRLEN key', 'GETRANGE key 0 1');
  assert.equal([statistics.keyspaceHits, statistics.keyspaceMisses], [6, 2]);
  await node.runAll(
    'SET key 2 GET',
    'GETEX absent',
    'GETDEL key',
    'GETSET key 1',
    'LCS key absent',
    'BITOP OR to key absent',
  );
  assert.equal([statistics.keyspaceHits, statistics.keyspaceMisses], [10, 6]);
});

test('a command that changes nothing makes no txn', async () => {
  const node = new SingleNode();
  await node.runAll('SET key 1', 'SET bits "\\x80"', 'SETBIT flag 0 1');
  const before = node.engine.statistics.localTxns;
  await node.runAll(
    'SETNX key 2',
    'SET key 2 NX',
    'SET absent 2 XX',
    'GETEX key',
    'GETEX key PERSIST',
    'GETDEL absent',
  );
  await node.runAll(
    'SETRANGE key 0 ',
    'MSETNX absent 1 key 2',
    'SETBIT flag 0 1',
    'BITFIELD key GET u8 0',
    'SET key a EX 0',
  );
  assert.is(node.engine.statistics.localTxns, before);
});

test('a value that is answered and overwritten at once is the old one', async () => {
  const node = new SingleNode();
  const long = 'old'.repeat(5000);
  await node.run('SET', 'key', long);
  assert.is(await node.run('GETSET', 'key', 'n'.repeat(15_000)), long);
  await node.run('SET', 'key', long);
  assert.is(await node.run('SET', 'key', 'x', 'GET'), long);
  await node.run('SET', 'key', long);
  assert.is(await node.run('GETDEL', 'key'), long);
});

test('a time to live that is given from now on counts from now on, and the last one given counts', async () => {
  const node = new SingleNode();
  const left = async (...setting: string[]) => {
    await node.runAll('SET key value', ...setting);
    return await node.run('PTTL key');
  };
  assert.is(await left('SET key value EX 100'), 100_000);
  assert.is(await left('SET key value PX 100'), 100);
  assert.is(await left('SET key value EX 1 EX 100'), 100_000);
  assert.is(await left('SETEX key 100 value'), 100_000);
  assert.is(await left('PSETEX key 100 value'), 100);
  assert.is(await left('GETEX key EX 100'), 100_000);
  assert.is(await left('GETEX key PX 100'), 100);
  assert.is(await left('GETEX key EX 100', 'SET key value KEEPTTL'), 100_000);
  assert.is(await left('GETEX key EX 100', 'SET key value'), -1);
});

test('time to live runs out to the millisecond', async () => {
  const node = new SingleNode();
  await node.run('PSETEX key 1500 value');
  node.now += 1499;
  assert.is(await node.run('GET key'), 'value');
  node.now += 1;
  assert.is(await node.run('GET key'), null);
  assert.is(await node.run('APPEND key new'), 3);
  assert.is(await node.run('TTL key'), -1);
});

test.run();
