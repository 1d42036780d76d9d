/**
 * SORT and SORT_RO against a real redis-server: sets and sorted sets, by themselves or by other keys, in every form of the
 * options. PROPERTY_RUNS sets how many random calls, PROPERTY_SEED which.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from './differential.ts';
import { assertHolds, assertSameHits, resetHits } from './random-commands.ts';
import { SingleNode } from './single-node.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 300);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);

let both: BothServers | null = null;
test.after(() => both?.close());

const DATA = [
  'SADD numbers 3 10 2 1 -5 2.5 1e2',
  'SADD words pear apple fig quince Banana "" " x" "\\xff"',
  'SADD ids 1 2 3 4 5 6',
  'ZADD scored 5 a 4 b 3 c 2 d 1 e 1 f',
  'RPUSH list 3 1 2 6 1 5',
  'MSET w_1 30 w_2 10 w_3 20 w_4 x w_6 10 d_1 one d_2 two "d_ x" blank',
  'HSET h_1 weight 3 name first',
  'HSET h_2 weight 2 name second other ""',
  'HSET h_3 weight 1 name third',
  'SADD h_4 nothing',
  'SET string v',
];

const CALLS = [
  'SORT numbers',
  'SORT numbers DESC',
  'SORT numbers ASC LIMIT 1 2',
  'SORT numbers LIMIT -3 2',
  'SORT numbers LIMIT 2 -1',
  'SORT numbers LIMIT 2 -7',
  'SORT numbers LIMIT 5 100',
  'SORT numbers LIMIT 100 5',
  'SORT numbers LIMIT 1 0',
  'SORT numbers LIMIT x 1',
  'SORT numbers LIMIT 1 x',
  'SORT numbers LIMIT 1',
  'SORT numbers ALPHA',
  'SORT words',
  'SORT words ALPHA',
  'SORT words ALPHA DESC',
  'SORT words ALPHA LIMIT 2 3',
  'SORT absent',
  'SORT string',
  'SORT h_1',
  'SORT',
  'SORT numbers NONSENSE',
  'SORT string NONSENSE',
  'SORT ids BY w_*',
  'SORT ids BY w_* ALPHA',
  'SORT ids BY w_* ALPHA DESC LIMIT 0 3',
  'SORT ids BY nothing_*',
  'SORT ids BY nothing_* DESC',
  'SORT ids BY h_*->weight',
  'SORT ids BY h_*->weight DESC GET #',
  'SORT ids BY h_*->name ALPHA GET h_*->name GET # GET d_*',
  'SORT ids GET d_*',
  'SORT ids GET # GET nopattern GET *',
  'SORT ids GET h_*->',
  'SORT ids GET h_*->other GET h_*->none GET h_*',
  'SORT ids GET d_*->x',
  'SORT ids BY h_*-> GET #',
  'SORT scored BY # GET #',
  'SORT ids BY *',
  'SORT ids BY w_* GET',
  'SORT ids BY',
  'SORT words ALPHA GET d_*',
  'SORT scored ALPHA',
  'SORT scored BY nosort',
  'SORT scored BY nosort DESC',
  'SORT scored BY nosort LIMIT 1 3',
  'SORT scored BY nosort DESC LIMIT 1 3',
  'SORT scored BY nosort LIMIT -5 3',
  'SORT scored BY nosort DESC LIMIT 4 100',
  'SORT scored',
  'SORT_RO numbers DESC',
  'SORT_RO ids BY w_* ALPHA GET d_* LIMIT 1 2',
  'SORT_RO ids STORE x',
  'SORT_RO',
  'SORT absent STORE string',
  'EXISTS string',
  'SORT absent STORE string',
  'SORT ids BY w_1* STORE',
  'SORT list',
  'SORT list ALPHA DESC',
  'SORT list BY nosort',
  'SORT list BY nosort DESC',
  'SORT list BY w_* GET # GET d_* LIMIT 0 3',
  'SORT list BY w_* GET d_* STORE stored',
  'LRANGE stored 0 -1',
  'SORT list STORE list',
  'LRANGE list 0 -1',
  'SORT scored STORE string',
  'LRANGE string 0 -1',
  'COMMAND GETKEYS SORT a BY b* STORE c LIMIT 1 2',
  'COMMAND GETKEYS SORT a STORE b GET store STORE c',
  'COMMAND GETKEYS SORT_RO a BY b*',
  'COMMAND GETKEYSANDFLAGS SORT a STORE b',
  'COMMAND INFO SORT SORT_RO',
];

differentialTest('every form of SORT is answered as by Redis, and counts the same hits and misses', async () => {
  both ??= await BothServers.open();
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh(DATA);
    await resetHits(both);
    await both.compare(CALLS);
    await assertSameHits(both);
  }
});

differentialTest(`random calls (seed ${SEED})`, async () => {
  console.log(`PROPERTY_SEED=${SEED}`);
  both ??= await BothServers.open();
  await both.compareAfresh(DATA);
  const servers = both;
  const number = fc.integer({ min: -2, max: 8 }).map(String);
  const pattern = fc.constantFrom('w_*', 'h_*->weight', 'h_*->name', 'd_*', '*', '#', 'x*', 'h_*->', 'd_*x', 'nosort');
  const option = fc.oneof(
    fc.constantFrom(['ASC'], ['DESC'], ['ALPHA']),
    fc.tuple(number, number).map(([from, count]) => ['LIMIT', from, count]),
    pattern.map((each) => ['BY', each]),
    pattern.map((each) => ['GET', each]),
  );
  const call = fc
    .tuple(
      fc.constantFrom('SORT', 'SORT_RO'),
      fc.constantFrom('numbers', 'ids', 'list', 'scored', 'absent'),
      fc.array(option),
    )
    .map(([name, key, options]) => [name, key, ...options.flat()])
    // a set has no order of its own; nor have equals, of texts
    .filter((words) => {
      const unordered =
        !['scored', 'list'].includes(words[1]) && (words.includes('nosort') || words.join(' ').includes('BY #'));
      return !unordered && !(words.includes('ALPHA') && words.includes('BY'));
    });
  await assertHolds(
    fc.asyncProperty(call, (words) => servers.compare([words])),
    RUNS,
    SEED,
  );
});

differentialTest('a script gets a set that is not sorted in one order on all nodes', async () => {
  both ??= await BothServers.open();
  await both.compareAfresh([
    'SADD tags q e n v aa f l d',
    `EVAL "return redis.call('sort', KEYS[1], 'by', '_')" 1 tags`,
    `EVAL "return redis.call('sort', KEYS[1], 'by', '_', 'desc', 'get', '#', 'get', 'none_*')" 1 tags`,
  ]);
});

differentialTest('BY and GET need the right to read all keys', async () => {
  both ??= await BothServers.open();
  await both.compareAfresh(DATA);
  const users = [
    'ACL SETUSER some on nopass %R~ids +@all',
    'ACL SETUSER readers on nopass %R~* +@all',
    'ACL SETUSER writers on nopass %W~* %R~ids +@all',
  ];
  const calls = ['SORT ids', 'SORT ids BY w_*', 'SORT ids GET #', 'SORT ids BY h_*->weight GET d_*'];
  await both.compare([...users, ...['some', 'readers', 'writers'].flatMap((user) => [`AUTH ${user} x`, ...calls])]);
  await both.answers(['AUTH default x']);
});

test('STORE puts the result, as a list, in place of what was under the key; without a result nothing is there', async () => {
  const node = new SingleNode();
  await node.runAll('SADD s 2 1', 'SET old v', 'SET d v EX 100');
  assert.is(await node.run('SORT none STORE old'), 0);
  assert.is(await node.run('EXISTS old'), 0);
  assert.is(await node.run('SORT s STORE d'), 2);
  assert.equal(await node.run('LRANGE d 0 -1'), ['1', '2']);
  assert.is(await node.run('TTL d'), -1);
});

test.run();
