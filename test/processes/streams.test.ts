/** Streams as queues across nodes: the work of a node that died is taken over, and who waits is woken from elsewhere. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName, connected, flagsFor, startCluster } from './cluster.ts';
import { converged, eventually, killAll, NodeProcess } from './node-process.ts';

type Entry = [id: string, fields: string[]];
type Read = [key: string, entries: Entry[]][];

async function isWaiting(node: NodeProcess): Promise<void> {
  await eventually(
    'the client waits',
    () => node.info('blocked_clients'),
    (count) => count === '1',
  );
}

test('what was pending on a node that was killed is claimed on another, and acknowledged there for good', async () => {
  const nodes = await startCluster(3);
  const [a, b, c] = nodes;
  try {
    await a.must('XGROUP', 'CREATE', 'jobs', 'workers', '$', 'MKSTREAM');
    for (let i = 0; i < 5; i++) await a.must('XADD', 'jobs', '*', 'n', String(i));
    const [[, entries]] = (await a.must(
      'XREADGROUP',
      'GROUP',
      'workers',
      'on-a',
      'COUNT',
      '3',
      'STREAMS',
      'jobs',
      '>',
    )) as unknown as Read;
    const ids = entries.map(([id]) => id);
    assert.is(await a.must('XACK', 'jobs', 'workers', ids[0]), 1);
    await converged(nodes);
    await a.kill();
    const [next, claimed, gone] = (await b.must('XAUTOCLAIM', 'jobs', 'workers', 'on-b', '0', '-')) as unknown as [
      string,
      Entry[],
      string[],
    ];
    assert.equal([next, gone], ['0-0', []]);
    assert.equal(claimed, entries.slice(1));
    const rest = (await b.must('XREADGROUP', 'GROUP', 'workers', 'on-b', 'STREAMS', 'jobs', '>')) as unknown as Read;
    assert.equal(
      rest[0][1].map(([, [, n]]) => n),
      ['3', '4'],
    );
    assert.is(await b.must('XACK', 'jobs', 'workers', ...ids), 2);
    await converged([b, c]);
    // the third node knows who has what, and how often it was delivered
    const pending = (await c.must('XPENDING', 'jobs', 'workers', '-', '+', '10')) as unknown as [
      string,
      string,
      number,
      number,
    ][];
    assert.equal(
      pending.map(([, consumer, , deliveries]) => [consumer, deliveries]),
      [
        ['on-b', 1],
        ['on-b', 1],
      ],
    );
  } finally {
    await killAll(nodes);
  }
});

test('what is added on one node wakes who waits on the other, readers and workers', async () => {
  const nodes = await startCluster(2);
  const [a, b] = nodes;
  const client = await b.connect();
  try {
    await a.must('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM');
    await converged(nodes);
    const read = client.command('XREAD', 'BLOCK', '20000', 'STREAMS', 's', '$');
    await isWaiting(b);
    const first = await a.must('XADD', 's', '*', 'f', '1');
    assert.equal(await read, [['s', [[first, ['f', '1']]]]]);
    assert.equal(await b.must('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>'), [['s', [[first, ['f', '1']]]]]);
    const work = client.command('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '20000', 'STREAMS', 's', '>');
    await isWaiting(b);
    const second = await a.must('XADD', 's', '*', 'f', '2');
    assert.equal(await work, [['s', [[second, ['f', '2']]]]]);
    await converged(nodes);
    assert.equal(await a.must('XPENDING', 's', 'g'), [2, first, second, [['c', '2']]]);
  } finally {
    client.close();
    await killAll(nodes);
  }
});

test('nodes that add at the same time make no id twice, and end with one order', async () => {
  const nodes = await startCluster(2);
  try {
    const add = async (node: NodeProcess, name: string) => {
      for (let i = 0; i < 200; i++) await node.must('XADD', 's', '*', name, String(i));
    };
    await Promise.all(nodes.map((node, i) => add(node, `n${i}`)));
    await converged(nodes);
    const [one, other] = (await Promise.all(
      nodes.map((node) => node.must('XRANGE', 's', '-', '+')),
    )) as unknown as Entry[][];
    assert.equal(one, other);
    assert.is(new Set(one.map(([id]) => id)).size, 400);
    for (const name of ['n0', 'n1']) {
      const own = one.filter(([, [field]]) => field === name).map(([, [, value]]) => Number(value));
      assert.equal(
        own,
        Array.from({ length: 200 }, (_, i) => i),
        'each node’s own stand in its order',
      );
    }
  } finally {
    await killAll(nodes);
  }
});

test('a node that was killed has its streams and groups when it comes back', async () => {
  const name = clusterName();
  const flags = ['--appendfsync', 'always'];
  const a = await NodeProcess.start({ flags: [...flagsFor(name, []), ...flags] });
  const b = await NodeProcess.start({ flags: [...flagsFor(name, [a]), ...flags] });
  const nodes = [a, b];
  try {
    await a.must('XADD', 's', '1-1', 'f', 'v');
    await a.must('XGROUP', 'CREATE', 's', 'g', '0');
    await a.must('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>');
    await converged(nodes);
    await a.kill();
    await b.must('XADD', 's', '2-1', 'f', 'w');
    const { directory, port } = a;
    const again = await NodeProcess.start({ directory, port, flags: [...flagsFor(name, [b]), ...flags] });
    nodes[0] = again;
    await connected(nodes);
    await converged(nodes);
    assert.equal(await again.must('XRANGE', 's', '-', '+'), [
      ['1-1', ['f', 'v']],
      ['2-1', ['f', 'w']],
    ]);
    const pending = (await again.must('XPENDING', 's', 'g', '-', '+', '9')) as unknown as [
      string,
      string,
      number,
      number,
    ][];
    assert.equal(
      pending.map(([id, consumer, , deliveries]) => [id, consumer, deliveries]),
      [['1-1', 'c', 1]],
    );
  } finally {
    await killAll(nodes);
  }
});

test.run();
