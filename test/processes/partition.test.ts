/** Nodes that are cut off from each other take writes on both sides, and agree once they are joined again. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from './cluster.ts';
import { converged, killAll } from './node-process.ts';

test('writes on all sides of a cut are all there after it', async () => {
  const nodes = await startCluster(3);
  try {
    await nodes[0].must('HSET', 'h', 'shared', '1');
    await nodes[0].must('SET', 'gone', 'x');
    await converged(nodes);
    await setExchange(nodes, false);
    for (const [index, node] of nodes.entries()) {
      await node.must('INCRBY', 'counter', 10 ** index);
      await node.must('SADD', 'set', `member:${index}`);
      await node.must('HSET', 'h', `field:${index}`, index);
    }
    await nodes[0].must('DEL', 'gone');
    await nodes[1].must('DEL', 'h');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    for (const [index, node] of nodes.entries()) assert.is(await node.must('GET', 'counter'), `${10 ** index}`);
    await setExchange(nodes, true);
    await converged(nodes);
    for (const node of nodes) {
      assert.is(await node.must('GET', 'counter'), '111');
      assert.equal(
        new Set((await node.must('SMEMBERS', 'set')) as string[]),
        new Set(['member:0', 'member:1', 'member:2']),
      );
      // the DEL on one side removed what it had seen, its own field written before it included
      assert.equal(new Set((await node.must('HKEYS', 'h')) as string[]), new Set(['field:0', 'field:2']));
      assert.is(await node.must('EXISTS', 'gone'), 0);
    }
  } finally {
    await killAll(nodes);
  }
});

test('a cut in the middle of heavy writing heals without a lost or doubled increment', async () => {
  const nodes = await startCluster(3);
  try {
    const clients = await Promise.all(nodes.map((node) => node.connect()));
    const burst = (count: number): Promise<unknown> =>
      Promise.all(clients.flatMap((client) => Array.from({ length: count }, () => client.command('INCR', 'counter'))));
    const writing = burst(3000);
    await setExchange([nodes[1]], false);
    await writing;
    await burst(2000);
    await setExchange([nodes[1]], true);
    await burst(1000);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('GET', 'counter'), '18000');
    for (const client of clients) client.close();
  } finally {
    await killAll(nodes);
  }
});

test.run();
