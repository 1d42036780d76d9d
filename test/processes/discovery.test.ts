/** Nodes find each other: by mDNS with no configuration at all, and by addresses where multicast is off. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName, connected, startCluster } from './cluster.ts';
import { converged, killAll, NodeProcess } from './node-process.ts';

test('three nodes on one network find each other by mDNS and agree', async () => {
  const flags = ['--cluster', clusterName(), '--listen', '/ip4/0.0.0.0/tcp/0'];
  const nodes = await Promise.all([0, 1, 2].map(() => NodeProcess.start({ flags })));
  try {
    await connected(nodes);
    for (const [index, node] of nodes.entries()) await node.must('SET', `from:${index}`, 'hello');
    await converged(nodes);
    for (const node of nodes)
      assert.equal(await node.must('MGET', 'from:0', 'from:1', 'from:2'), ['hello', 'hello', 'hello']);
  } finally {
    await killAll(nodes);
  }
});

test('three nodes that know one address find each other without mDNS and agree', async () => {
  const nodes = await startCluster(3);
  try {
    for (const node of nodes) await node.must('INCRBY', 'sum', 5);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('GET', 'sum'), '15');
  } finally {
    await killAll(nodes);
  }
});

test('a node that joins late gets everything', async () => {
  const nodes = await startCluster(2);
  try {
    const client = await nodes[0].connect();
    await Promise.all(Array.from({ length: 5000 }, (_, i) => client.command('SET', `key:${i}`, `value:${i}`)));
    client.close();
    const cluster = String(await nodes[0].must('CONFIG', 'GET', 'cluster')).split(',')[1];
    const flags = ['--cluster', cluster, '--no-mdns', '--bootstrap', nodes[1].multiaddr];
    nodes.push(await NodeProcess.start({ flags }));
    await converged(nodes);
    assert.is(await nodes[2].must('GET', 'key:4999'), 'value:4999');
    assert.is(await nodes[2].must('DBSIZE'), 5000);
  } finally {
    await killAll(nodes);
  }
});

test('nodes of different clusters stay apart', async () => {
  const [a] = await startCluster(1);
  const b = await NodeProcess.start({ flags: ['--cluster', clusterName(), '--no-mdns', '--bootstrap', a.multiaddr] });
  try {
    await a.must('SET', 'k', 'a');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.is(await b.must('GET', 'k'), null);
    assert.is(await b.must('DBSIZE'), 0);
  } finally {
    await killAll([a, b]);
  }
});

test.run();
