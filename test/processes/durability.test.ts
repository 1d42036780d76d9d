/** WAITAOF over real nodes: whose disks a write is on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from './cluster.ts';
import { killAll, NodeProcess } from './node-process.ts';

test('a write that WAITAOF has seen on the other node is there after that node is killed, and starts alone', async () => {
  const nodes = await startCluster(2, () => ({ flags: ['--appendfsync', 'no'] }));
  let again: NodeProcess | null = null;
  try {
    const [a, b] = nodes;
    const client = await a.connect();
    await client.command('SET', 'k', 'v');
    assert.equal(await client.command('WAITAOF', 1, 1, 20_000), [1, 1]);
    client.close();
    await killAll(nodes);
    again = await NodeProcess.start({ directory: b.directory, flags: ['--no-mdns'] });
    assert.is(await again.must('GET', 'k'), 'v');
  } finally {
    await killAll(nodes);
    await again?.kill();
  }
});

test('a node that does not hear of the write does not count', async () => {
  const nodes = await startCluster(2);
  try {
    const client = await nodes[0].connect();
    await setExchange(nodes, false);
    await client.command('SET', 'k', 'v');
    assert.equal(await client.command('WAITAOF', 1, 1, 300), [1, 0]);
    await setExchange(nodes, true);
    assert.equal(await client.command('WAITAOF', 1, 1, 20_000), [1, 1]);
    assert.equal(await client.command('WAITAOF', 0, 2, 300), [1, 1]);
    client.close();
  } finally {
    await killAll(nodes);
  }
});

test.run();
