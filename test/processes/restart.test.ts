/** A node that stops and starts: on purpose it comes back as itself; killed, it comes back with all that it acknowledged. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connected, flagsFor, startCluster } from './cluster.ts';
import { converged, killAll, NodeProcess } from './node-process.ts';
import type { RespClient } from './resp-client.ts';

const INCREMENTS = 100_000;
const CLIENTS = 20;

test('after SIGTERM a node comes back with its data and its replica id', async () => {
  const [first] = await startCluster(1);
  const { directory, port } = first;
  await first.must('SET', 'k', 'v');
  await first.must('HSET', 'h', 'f', 'v');
  const digest = await first.must('CRDT', 'DIGEST');
  const vector = await first.must('CRDT', 'VECTOR');
  assert.is(await first.stop(), 0, first.output);

  const second = await NodeProcess.start({ directory, port, flags: flagsFor('restart', []) });
  try {
    assert.is(await second.must('GET', 'k'), 'v');
    assert.equal(await second.must('CRDT', 'DIGEST'), digest);
    await second.must('SET', 'k', 'w');
    assert.is((JSON.stringify(await second.must('CRDT', 'VECTOR')).match(/[0-9a-f]{16}/g) ?? []).length, 1);
    assert.is(
      JSON.stringify(vector).match(/[0-9a-f]{16}/)?.[0],
      JSON.stringify(await second.must('CRDT', 'VECTOR')).match(/[0-9a-f]{16}/)?.[0],
    );
  } finally {
    await second.kill();
  }
});

test('kill -9 of one of three under load: every acknowledged INCR counts, and digests agree', async () => {
  const nodes = await startCluster(3, () => ({ flags: ['--appendfsync', 'always'] }));
  try {
    const tally = { acknowledged: 0, sent: 0 };
    const victim = nodes[2];
    const share = INCREMENTS / nodes.length / CLIENTS;
    const work = nodes.flatMap((node) => Array.from({ length: CLIENTS }, () => count(node, Math.ceil(share), tally)));
    while (tally.acknowledged < INCREMENTS / 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await victim.kill();
    await Promise.all(work);
    assert.ok(tally.acknowledged > INCREMENTS / 3);

    const { directory, port, meshPort } = victim;
    const flags = ['--appendfsync', 'always', ...flagsFor(await clusterOf(nodes[0]), nodes.slice(0, 2))];
    nodes[2] = await NodeProcess.start({ directory, port, meshPort, flags });
    await connected(nodes);
    await converged(nodes);
    const counted = Number(await nodes[0].must('GET', 'counter'));
    assert.ok(counted >= tally.acknowledged, `${counted} counted, ${tally.acknowledged} acknowledged`);
    assert.ok(counted <= tally.sent, `${counted} counted, ${tally.sent} sent`);
    await nodes[2].must('INCR', 'counter');
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('GET', 'counter'), `${counted + 1}`);
  } finally {
    await killAll(nodes);
  }
});

/** One client, depth 8: counts what it sends and what is acknowledged until it is done or its node dies. */
async function count(
  node: NodeProcess,
  increments: number,
  tally: { acknowledged: number; sent: number },
): Promise<void> {
  const client = await node.connect();
  const lane = async (share: number): Promise<void> => {
    for (let i = 0; i < share; i++) {
      tally.sent++;
      if (typeof (await increment(client)) !== 'number') return;
      tally.acknowledged++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, () => lane(Math.ceil(increments / 8))));
  client.close();
}

/** Null once the connection is lost. */
async function increment(client: RespClient): Promise<number | null> {
  try {
    const answer = await client.command('INCR', 'counter');
    return typeof answer === 'number' ? answer : null;
  } catch {
    return null;
  }
}

async function clusterOf(node: NodeProcess): Promise<string> {
  const answer = await node.must('CONFIG', 'GET', 'cluster');
  return String(Array.isArray(answer) ? answer[1] : '');
}

test.run();
