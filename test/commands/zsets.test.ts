/** Sorted sets: what one node answers, by example, and compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfValue } from '../../src/commands/value-digest.ts';
import { Slice } from '../../src/core/index.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';
import { compareUnordered } from './unordered.ts';

const COMMANDS = [
  ...['ZADD', 'ZCARD', 'ZCOUNT', 'ZDIFF', 'ZDIFFSTORE', 'ZINCRBY', 'ZINTER', 'ZINTERCARD', 'ZINTERSTORE', 'ZLEXCOUNT'],
  ...['ZMPOP', 'ZMSCORE', 'ZPOPMAX', 'ZPOPMIN', 'ZRANDMEMBER', 'ZRANGE', 'ZRANGEBYLEX', 'ZRANGEBYSCORE', 'ZRANGESTORE'],
  ...['ZREM', 'ZREMRANGEBYLEX', 'ZREMRANGEBYRANK', 'ZREMRANGEBYSCORE', 'ZREVRANGE', 'ZREVRANGEBYLEX'],
  ...['ZREVRANGEBYSCORE', 'ZSCAN', 'ZSCORE', 'ZUNION', 'ZUNIONSTORE'],
];

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every sorted set command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = ['ZADD 1 1 m', 'SET string v', 'SADD set 1 m'];
  for (const name of COMMANDS) {
    for (const key of ['1', 'string', 'set', 'none']) {
      const args = [name, key, '1', '1', '0', '1', '0'];
      // with a count of 1 a draw is known
      for (let count = 1; count <= args.length; count++) requests.push(args.slice(0, count));
      requests.push('ZADD 1 1 m', 'SET string v', 'DEL none set', 'SADD set 1 m');
    }
  }
  requests.push('ZRANK 1 m', 'ZREVRANK 1 m', 'ZRANK none m', 'ZRANK string m', 'ZRANK 1', 'ZRANK');
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.answers(['FLUSHALL']);
    await compareUnordered(both, requests);
  }
});

differentialTest(
  'a sorted set grows over many members with few scores, and goes from both ends and by ranges',
  async () => {
    both ??= await BothServers.open();
    await both.speak(3);
    const requests: Request[] = [];
    for (let i = 0; i < 3000; i++) requests.push(['ZADD', 'z', String((i * 7919) % 50), `m${(i * 31) % 2500}`]);
    for (let i = 0; i < 500; i++) requests.push(['ZINCRBY', 'z', String((i % 9) - 4), `m${i * 3}`]);
    const look: Request[] = [
      ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
      'ZREVRANGE z 100 300 WITHSCORES',
      'ZRANGEBYSCORE z (10 20 WITHSCORES LIMIT 50 400',
      'ZRANGE z (40 3 BYSCORE REV LIMIT 10 1000',
      'ZCOUNT z -inf (25',
      ...Array.from({ length: 100 }, (_, i) => ['ZRANK', 'z', `m${i * 25}`]),
      'OBJECT ENCODING z',
    ];
    requests.push(...look, 'ZPOPMIN z 400', 'ZPOPMAX z 300', ...look, 'ZREMRANGEBYRANK z 100 600', ...look);
    requests.push(
      'ZREMRANGEBYSCORE z 20 30',
      ...look,
      'COPY z y',
      'ZREMRANGEBYSCORE z -inf inf',
      'EXISTS z',
      'ZCARD y',
    );
    await both.compareAfresh(requests);
  },
);

differentialTest('a destination may be one of the sources, of another type, or left empty', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const requests: Request[] = [];
  const far = Date.UTC(2040, 0, 1);
  for (const name of ['ZINTERSTORE', 'ZUNIONSTORE', 'ZDIFFSTORE']) {
    for (const of of ['1 a', '1 none', '2 a b', '2 b a', '2 a a', '2 a set', '3 a b set', '2 none a', '2 a string']) {
      for (const to of ['a', 'b', 'd', 'string', 'set']) {
        requests.push('FLUSHALL', 'ZADD a 1 x 2 y 3 z', 'ZADD b 10 y 20 z 30 w', 'SADD set x z', 'SET string v');
        requests.push(`PEXPIREAT ${to} ${far}`, `${name} ${to} ${of}`, `TYPE ${to}`, `PEXPIRETIME ${to}`, 'DBSIZE');
        requests.push('ZRANGE a 0 -1 WITHSCORES', 'ZRANGE b 0 -1 WITHSCORES', 'ZRANGE d 0 -1 WITHSCORES');
      }
    }
  }
  await both.compare(requests);
});

differentialTest('WATCH does not mind a ZADD that changes nothing', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const attempt = (change: string): Request[] => ['WATCH z', change, 'MULTI', 'ZCARD z', 'EXEC'];
  await both.compareAfresh([
    'ZADD z 1 m',
    ...attempt('ZADD z 1 m'),
    ...attempt('ZADD z 2 m'),
    ...attempt('ZADD z NX 3 m'),
    ...attempt('ZADD z 1 n'),
    ...attempt('ZREM z absent'),
    ...attempt('ZREM z n'),
  ]);
});

test('ZRANK and ZREVRANK tell the score too, as Redis from 7.2 on does', async () => {
  const node = new SingleNode();
  await node.run('ZADD z 0.1 a 2 b');
  assert.equal(await node.run('ZRANK z a WITHSCORE'), [0, '0.1']);
  assert.equal(await node.run('ZREVRANK z a withscore'), [1, '0.1']);
  assert.is(await node.run('ZRANK z c WITHSCORE'), null);
  assert.is(await node.run('ZRANK none c WITHSCORE'), null);
  assert.is(await node.run('ZRANK z a SCORE'), '-ERR syntax error');
  assert.is(await node.run('ZRANK z a WITHSCORE x'), "-ERR wrong number of arguments for 'zrank' command");
});

test('scores are spelled in the shortest way that reads back as the same number', async () => {
  const node = new SingleNode();
  const shown: [string, string][] = [
    ['0.1', '0.1'],
    ['3.0', '3'],
    ['-0', '0'],
    ['1e21', '1e+21'],
    ['1e17', '100000000000000000'],
    ['17.000000000000001', '17'],
    ['0x1p-3', '0.125'],
    ['5e-324', '5e-324'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['-Infinity', '-inf'],
  ];
  for (const [given, expected] of shown) {
    await node.run('ZADD', 'z', given, 'm');
    assert.is(await node.run('ZSCORE z m'), expected);
    assert.equal(await node.run('ZSCAN z 0'), ['0', ['m', expected]]);
  }
});

test('increments are added as decimals, not as binary fractions', async () => {
  const node = new SingleNode();
  for (let i = 0; i < 10; i++) await node.run('ZINCRBY z 0.1 m');
  assert.is(await node.run('ZSCORE z m'), '1');
  assert.is(await node.run('ZADD z INCR 0.2 m'), '1.2');
});

test('draws are from all members, with repetition where the count is negative', async () => {
  const node = new SingleNode();
  await node.run('ZADD z 1 a 2 b 3 c');
  let turn = 0;
  node.random = () => (turn++ % 97) / 97;
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) seen.add(String(await node.run('ZRANDMEMBER z')));
  assert.equal([...seen].sort(), ['a', 'b', 'c']);
  const drawn = await node.run('ZRANDMEMBER z -7 WITHSCORES');
  assert.ok(Array.isArray(drawn) && drawn.length === 14);
  assert.equal(await node.sorted('ZRANDMEMBER z 2').then((each) => each.length), 2);
});

test('keys are found where the number of keys comes first', async () => {
  const node = new SingleNode();
  assert.equal(await node.run('COMMAND GETKEYS ZUNION 2 a b WEIGHTS 1 2'), ['a', 'b']);
  assert.equal(await node.run('COMMAND GETKEYS ZINTERSTORE d 2 a b'), ['d', 'a', 'b']);
  assert.equal(await node.run('COMMAND GETKEYS ZMPOP 1 a MIN'), ['a']);
  assert.equal(await node.run('COMMAND GETKEYS ZRANGESTORE d s 0 1'), ['d', 's']);
});

test('a sorted set that grows is kept in order: the first question of rank builds nothing', async () => {
  const node = new SingleNode();
  for (let i = 0; i < 1000; i++) await node.run(`ZADD z ${(i * 7919) % 1000} member:${i}`);
  const written = await node.run('MEMORY USAGE z');
  assert.is(await node.run('ZRANK z member:1'), 919);
  assert.is(await node.run('MEMORY USAGE z'), written);
});

test('OBJECT ENCODING goes by number and length of members, and MEMORY USAGE grows with them', async () => {
  const node = new SingleNode();
  await node.run('ZADD z 1 a');
  assert.is(await node.run('OBJECT ENCODING z'), 'listpack');
  const small = Number(await node.run('MEMORY USAGE z'));
  for (let i = 0; i < 128; i++) await node.run(`ZADD z ${i} m${i}`);
  assert.is(await node.run('OBJECT ENCODING z'), 'skiplist');
  assert.ok(Number(await node.run('MEMORY USAGE z')) > small + 128 * 24);
  await node.run('ZREMRANGEBYRANK z 1 -1');
  await node.run('ZADD', 'long', '1', 'x'.repeat(65));
  assert.is(await node.run('OBJECT ENCODING long'), 'skiplist');
});

test('DEBUG DIGEST-VALUE looks at members and scores, not at how they came about', () => {
  const node = new SingleNode();
  const digest = (...scores: [string, number][]) => {
    const key = Slice.of('z');
    const [db] = node.engine.databases;
    node.engine.begin();
    db.remove(key);
    for (const [member, score] of scores) db.zsets.addScore(key, Slice.of(member), score);
    node.engine.commit();
    return digestOfValue(db, key).toString('hex');
  };
  const one = digest(['a', 1], ['b', 2]);
  assert.is(digest(['b', 1.5], ['a', 1], ['b', 0.5]), one);
  assert.is.not(digest(['a', 2], ['b', 1]), one);
  assert.is.not(digest(['a', 1]), one);
});

test.run();
