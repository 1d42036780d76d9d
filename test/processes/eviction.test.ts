/** Real nodes at `maxmemory`: what one evicts is gone everywhere, what was written meanwhile is not, and all stay equal. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from './cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from './node-process.ts';

const VALUE = 'v'.repeat(500);
const WRITES = 3000;
const AT_ONCE = 100;
const LIMIT = 1_000_000;
/** What is on its way when somebody looks: one round of each writer. */
const SLACK = 2 * AT_ONCE * 1000;

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

async function number(node: NodeProcess, field: string): Promise<number> {
  return Number(await node.info(field));
}

async function limit(which: readonly NodeProcess[], policy: string, bytes: number): Promise<void> {
  for (const node of which) await node.must('CONFIG', 'SET', 'maxmemory', bytes, 'maxmemory-policy', policy);
}

async function fill(node: NodeProcess, prefix: string): Promise<void> {
  const client = await node.connect();
  for (let index = 0; index < WRITES; index += AT_ONCE) {
    const keys = Array.from({ length: AT_ONCE }, (_, each) => `${prefix}:${index + each}`);
    const answers = await Promise.all(keys.map((key) => client.command('SET', key, VALUE)));
    assert.ok(answers.every((answer) => answer === 'OK'));
  }
  client.close();
}

test('two nodes that both write beyond the limit stay within it, and equal', async () => {
  await limit(nodes, 'allkeys-lru', LIMIT);
  await Promise.all(nodes.map((node, index) => fill(node, `node${index}`)));
  await converged(nodes);
  for (const node of nodes) {
    const bytes = await number(node, 'used_memory_dataset');
    assert.ok(bytes < LIMIT + SLACK && bytes > LIMIT / 4, `${bytes} bytes`);
    assert.ok((await number(node, 'evicted_keys')) > 0);
  }
});

test('a node that only hears of what others write keeps its own limit, for all', async () => {
  const [roomy, tight] = nodes;
  await limit(nodes, 'noeviction', 0);
  await roomy.must('FLUSHALL');
  await limit([tight], 'allkeys-random', LIMIT);
  await fill(roomy, 'much');
  await eventually(
    'evictions',
    () => number(tight, 'used_memory_dataset'),
    (bytes) => bytes <= LIMIT,
  );
  await converged(nodes);
  assert.ok((await number(roomy, 'used_memory_dataset')) < LIMIT * 1.2);
});

test('nodes whose limits differ say so', async () => {
  const [roomy, tight] = nodes;
  await limit([roomy], 'noeviction', 0);
  await limit([tight], 'allkeys-lru', LIMIT);
  for (const node of nodes)
    await eventually(
      'the warning',
      async () => node.output,
      (text) => text.includes('another maxmemory or policy'),
    );
  assert.is(await number(roomy, 'mesh_limits_differing'), 1);
  await limit(nodes, 'noeviction', 0);
  await eventually(
    'agreement',
    () => number(roomy, 'mesh_limits_differing'),
    (count) => count === 0,
  );
});

test('what is written while another node evicts it stays', async () => {
  const [a, b] = nodes;
  await limit(nodes, 'noeviction', 0);
  await a.must('FLUSHALL');
  await a.must('MSET', 'rewritten', 'old', 'untouched', 'old');
  await converged(nodes);
  await setExchange(nodes, false);
  await limit([a], 'allkeys-lru', 1);
  await eventually(
    'evictions',
    () => a.must('DBSIZE'),
    (size) => size === 0,
  );
  await limit([a], 'noeviction', 0);
  await b.must('SET', 'rewritten', 'new');
  await setExchange(nodes, true);
  await converged(nodes);
  for (const node of nodes) {
    assert.is(await node.must('GET', 'rewritten'), 'new');
    assert.is(await node.must('GET', 'untouched'), null);
  }
});

test.run();
