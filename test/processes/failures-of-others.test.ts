/**
 * What is reported of other multi-master Redis servers, each as a test of this one over real processes: KeyDB issues 83,
 * 390 and 442 (deleted keys come back), 111 (counters lose increments), 366 (two nodes keep different values for ever).
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connected, flagsFor, setExchange, startCluster } from './cluster.ts';
import { converged, eventually, killAll, NodeProcess, sleep } from './node-process.ts';
import type { RespClient } from './resp-client.ts';

const ALWAYS = ['--appendfsync', 'always'];
const KEYS = 500;
const INCREMENTS = 10_000;

/** The same node again, on its directory and ports. */
async function startAgain(node: NodeProcess, others: readonly NodeProcess[]): Promise<NodeProcess> {
  const answer = await others[0].must('CONFIG', 'GET', 'cluster');
  const name = String(Array.isArray(answer) ? answer[1] : '');
  const { directory, port, meshPort } = node;
  return NodeProcess.start({ directory, port, meshPort, flags: [...ALWAYS, ...flagsFor(name, others)] });
}

/** Many commands on one connection, pipelined; any error reply throws. */
async function all(node: NodeProcess, commands: readonly (readonly (string | number)[])[]): Promise<void> {
  const client = await node.connect();
  const answers = await Promise.all(commands.map((words) => client.command(...words)));
  client.close();
  const failed = answers.find((answer) => typeof answer === 'object' && answer !== null && 'error' in answer);
  assert.is(failed, undefined);
}

function numbered(count: number, words: (index: number) => (string | number)[]): (string | number)[][] {
  return Array.from({ length: count }, (_, index) => words(index));
}

test('a key that is deleted while a node is down stays deleted when it comes back', async () => {
  const nodes = await startCluster(2, () => ({ flags: ALWAYS }));
  try {
    await all(nodes[0], [
      ...numbered(KEYS, (index) => ['SET', `string:${index}`, 'x']),
      ...numbered(KEYS, (index) => ['HSET', `hash:${index}`, 'f', 'x']),
      ...numbered(KEYS, (index) => ['SADD', `set:${index}`, 'x']),
      ...numbered(KEYS, (index) => ['INCR', `counter:${index}`]),
    ]);
    await converged(nodes);
    await nodes[1].kill();
    await all(
      nodes[0],
      numbered(KEYS, (index) => ['DEL', `string:${index}`, `hash:${index}`, `set:${index}`, `counter:${index}`]),
    );
    assert.is(await nodes[0].must('DBSIZE'), 0);
    nodes[1] = await startAgain(nodes[1], nodes.slice(0, 1));
    await connected(nodes);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('DBSIZE'), 0);
    await nodes[1].must('SET', 'one', 'more');
    await converged(nodes);
    for (const node of nodes) assert.equal(await node.must('KEYS', '*'), ['one']);
  } finally {
    await killAll(nodes);
  }
});

test(`3 × ${INCREMENTS} INCRs with a restart in the middle add up exactly`, async () => {
  const nodes = await startCluster(3, () => ({ flags: ALWAYS }));
  try {
    const half = numbered(INCREMENTS / 2, () => ['INCR', 'counter']);
    const first = nodes.map((node) => all(node, half));
    await Promise.all(first);
    const others = [nodes[0], nodes[1]].map((node) => all(node, half));
    assert.is(await nodes[2].stop(), 0, nodes[2].output);
    nodes[2] = await startAgain(nodes[2], nodes.slice(0, 2));
    await all(nodes[2], half);
    await Promise.all(others);
    await connected(nodes);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('GET', 'counter'), `${3 * INCREMENTS}`);
  } finally {
    await killAll(nodes);
  }
});

test('of two SETs at the same time one wins, and the same one everywhere', async () => {
  const nodes = await startCluster(2);
  try {
    await setExchange(nodes, false);
    await Promise.all(
      nodes.map((node, side) =>
        all(
          node,
          numbered(KEYS, (index) => ['SET', `key:${index}`, `of ${side}`]),
        ),
      ),
    );
    await setExchange(nodes, true);
    await converged(nodes);
    const keys = numbered(KEYS, (index) => [`key:${index}`]).flat();
    const [one, other] = await Promise.all(nodes.map((node) => node.must('MGET', ...keys)));
    assert.equal(one, other);
    assert.ok(Array.isArray(one) && one.every((value) => value === 'of 0' || value === 'of 1'));
  } finally {
    await killAll(nodes);
  }
});

test('SETs that alternate over a partition: the last one is what all hold afterwards', async () => {
  const nodes = await startCluster(2);
  try {
    await setExchange(nodes, false);
    for (let turn = 0; turn < 40; turn++) {
      await nodes[turn % 2].must('SET', `key:${turn % 8}`, turn);
      // the clock that orders them has milliseconds
      await sleep(2);
    }
    await setExchange(nodes, true);
    await converged(nodes);
    const keys = numbered(8, (index) => [`key:${index}`]).flat();
    for (const node of nodes) {
      assert.equal(await node.must('MGET', ...keys), numbered(8, (index) => [`${32 + index}`]).flat());
    }
  } finally {
    await killAll(nodes);
  }
});

test('deletes under load while a node is killed and restarted: nothing that was deleted returns', async () => {
  const nodes = await startCluster(2, () => ({ flags: ALWAYS }));
  let writing = true;
  try {
    const writer = await nodes[0].connect();
    const work = writeAndDelete(writer, () => writing);
    for (let round = 0; round < 2; round++) {
      await sleep(700);
      await nodes[1].kill();
      await sleep(300);
      nodes[1] = await startAgain(nodes[1], nodes.slice(0, 1));
      await connected(nodes);
    }
    await sleep(500);
    writing = false;
    const { kept, deleted } = await work;
    assert.ok(deleted > 100, `${deleted} deleted`);
    await converged(nodes);
    for (const node of nodes) {
      const keys = await node.must('KEYS', '*');
      assert.equal(Array.isArray(keys) ? keys.map(String).sort() : keys, kept);
    }
    await eventually(
      'no difference that the nodes themselves see',
      async () => (await nodes[0].info('crdt_peers_differing')) ?? '',
      (count) => count === '0',
    );
  } finally {
    writing = false;
    await killAll(nodes);
  }
});

/** Writes keys and deletes nine of ten again, until told to stop. */
async function writeAndDelete(client: RespClient, goesOn: () => boolean): Promise<{ kept: string[]; deleted: number }> {
  const kept: string[] = [];
  let deleted = 0;
  for (let index = 0; goesOn(); index++) {
    const key = `key:${index}`;
    await client.command('SET', key, 'x'.repeat(100));
    if (index % 10 === 0) kept.push(key);
    else {
      assert.is(await client.command('DEL', key), 1);
      deleted++;
    }
  }
  client.close();
  return { kept: kept.sort(), deleted };
}

test.run();
