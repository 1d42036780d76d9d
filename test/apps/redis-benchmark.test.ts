/** redis-benchmark as it is, all of its default tests: no error reply, and two equal nodes afterwards. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { converged, type NodeProcess } from '../processes/node-process.ts';
import { missingProgram, testUnless } from '../processes/obstacles.ts';
import { run } from './programs.ts';
import { emptyNodes } from './two-nodes.ts';

/** redis-benchmark 7.0 prints these, in this order. */
const DEFAULT_TESTS = [
  ...['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'LPUSH', 'RPUSH', 'LPOP', 'RPOP', 'SADD', 'HSET', 'SPOP'],
  ...['ZADD', 'ZPOPMIN', 'LPUSH (needed to benchmark LRANGE)', 'LRANGE_100 (first 100 elements)'],
  ...['LRANGE_300 (first 300 elements)', 'LRANGE_500 (first 500 elements)', 'LRANGE_600 (first 600 elements)'],
  'MSET (10 keys)',
];

const obstacle = missingProgram('redis-benchmark', ['--version']);
const benchmarkTest = testUnless(obstacle, 'redis-benchmark');

const nodes = emptyNodes(obstacle);

/** Runs it against a node; gives the names of the tests that came to their end, as its closing lines have them. */
async function benchmark(node: NodeProcess, words: readonly string[]): Promise<string[]> {
  const { code, output, errors } = await run('redis-benchmark', ['-p', node.port, ...words]);
  // it ends with 1 at the first error reply, and says which
  assert.is(code, 0, output + errors);
  assert.not.match(output + errors, /error|ERR /i);
  return [...output.matchAll(/^\s*([^\r\n]+): [\d.]+ requests per second, p50=/gm)].map(([, name]) => name);
}

/** Keys of the first node, by type: what both have must be what the benchmark made. */
async function typesOf(node: NodeProcess): Promise<Record<string, string>> {
  const keys = (await node.must('KEYS', '*')) as string[];
  const types = await Promise.all(keys.map((key) => node.must('TYPE', key)));
  return Object.fromEntries(keys.map((key, at) => [key, String(types[at])]));
}

benchmarkTest('the default list runs to its end, and the other node has what came of it', async () => {
  const [a, b] = nodes;
  assert.equal(await benchmark(a, ['-q', '-n', '600', '-c', '20']), DEFAULT_TESTS);
  await converged(nodes);
  assert.is(await b.must('GET', 'counter:__rand_int__'), '600');
  assert.is(await b.must('LLEN', 'mylist'), 600);
  assert.equal(await typesOf(b), await typesOf(a));
  assert.is((await typesOf(b)).myhash, 'hash');
});

benchmarkTest('pipelines of sixteen, random keys, RESP3, and threads', async () => {
  const [a, b] = nodes;
  const words = ['-q', '-n', '800', '-P', '16', '-r', '200', '-3', '-c', '10'];
  assert.equal(await benchmark(b, words), DEFAULT_TESTS);
  const threads = ['--threads', '2', '-t', 'set,lpush,spop,zadd,mset'];
  assert.equal(await benchmark(b, [...words, ...threads]), ['SET', 'LPUSH', 'SPOP', 'ZADD', 'MSET (10 keys)']);
  await converged(nodes);
  assert.equal(await typesOf(a), await typesOf(b));
  assert.ok(Number(await a.must('DBSIZE')) > 200);
});

benchmarkTest('both nodes at once, on the same keys: all increments count, and the nodes are equal', async () => {
  const writes = 'set,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,mset';
  const words = ['-q', '-n', '400', '-c', '10', '-P', '4', '-t', writes];
  await Promise.all(nodes.map((node) => benchmark(node, words)));
  await converged(nodes);
  for (const node of nodes) assert.is(await node.must('GET', 'counter:__rand_int__'), '800');
  assert.equal(await typesOf(nodes[0]), await typesOf(nodes[1]));
});

benchmarkTest('with a connection for each request, with tracking, and with commands of its own', async () => {
  const [a, b] = nodes;
  assert.equal(await benchmark(a, ['-q', '-n', '200', '-k', '0', '-c', '5', '-t', 'set,get']), ['SET', 'GET']);
  assert.equal(await benchmark(a, ['-q', '-n', '200', '-3', '--enable-tracking', '-t', 'set,get']), ['SET', 'GET']);
  const add = ['-q', '-n', '200', '--dbnum', '3', 'XADD', 'log', '*', 'n', '__rand_int__'];
  assert.is((await benchmark(a, add)).length, 1);
  const script = 'return redis.call("INCR", KEYS[1])';
  assert.is((await benchmark(a, ['-q', '-n', '200', 'EVAL', script, '1', 'counted'])).length, 1);
  await converged(nodes);
  await b.must('SELECT', '3');
  assert.is(await b.must('XLEN', 'log'), 200);
  await b.must('SELECT', '0');
  assert.is(await b.must('GET', 'counted'), '200');
});

test.run();
