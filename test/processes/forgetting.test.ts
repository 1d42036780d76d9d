/**
 * A member that is gone is forgotten; the others write past the limits of their logs, and cancel counters that it had added
 * to. Then it comes back after all: as somebody new, with everything that it had acknowledged. Over real processes.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connected, startCluster } from './cluster.ts';
import { converged, eventually, killAll, NodeProcess } from './node-process.ts';

/** The smallest that is taken. */
const LOG_BYTES = 1024 * 1024;
const FLAGS = ['--log-max-bytes', `${LOG_BYTES}`, '--appendfsync', 'always'];
const VALUE = 'v'.repeat(1000);
/** Written on each of the two that stay: some three times the log. */
const KEYS = 3000;

async function pipelined(node: NodeProcess, commands: readonly (readonly (string | number)[])[]): Promise<void> {
  const client = await node.connect();
  const answers = await Promise.all(commands.map((words) => client.command(...words)));
  client.close();
  const failed = answers.find((answer) => typeof answer === 'object' && answer !== null && 'error' in answer);
  assert.is(failed, undefined);
}

/** Written while it is cut off: only it has this. */
async function writeAlone(node: NodeProcess): Promise<void> {
  await node.must('DEBUG', 'REPLICATION', 'PAUSE');
  await pipelined(node, [
    ['INCRBY', 'overwritten', 2],
    ['INCRBY', 'deleted', 2],
    ['INCRBY', 'untouched', 2],
    ['SADD', 'set', 'only there'],
    ['HSET', 'hash', 'only there', 'x'],
    ['SREM', 'set', 'removed there'],
    ...Array.from({ length: KEYS }, (_, index) => ['SET', `c:${index}`, VALUE]),
  ]);
  await node.must('SAVE');
}

async function peersOf(node: NodeProcess): Promise<number> {
  return Number(await node.info('crdt_peers'));
}

/** The line of INFO, as a number. */
async function figure(node: NodeProcess, field: string): Promise<number> {
  return Number((await node.info(field)) ?? Number.NaN);
}

for (const [how, leave] of [
  ['killed', (node: NodeProcess) => node.kill()],
  // it comes back under the id that it had: only the fence keeps it out
  ['stopped', (node: NodeProcess) => node.stop()],
] as const) {
  test(`a member that was ${how} and forgotten comes back as somebody new, and nothing is lost`, async () => {
    const nodes = await startCluster(3, () => ({ flags: FLAGS }));
    try {
      const [a, b, c] = nodes;
      const replica = await c.info('crdt_replid');
      await pipelined(c, [
        ['INCRBY', 'overwritten', 5],
        ['INCRBY', 'deleted', 5],
        ['INCRBY', 'untouched', 5],
        ['SADD', 'set', 'removed there', 'removed here'],
        ['SET', 'gone', 'x'],
      ]);
      await converged(nodes);
      await writeAlone(c);
      await leave(c);
      const peerId = await idOf(a, String(replica));
      assert.is(await a.must('MESH', 'FORGET', peerId), 'OK');
      await eventually(
        'told',
        () => peersOf(b),
        (count) => count === 1,
      );
      await pipelined(a, [
        ['SET', 'overwritten', 100],
        ['DEL', 'deleted', 'gone'],
        ['SREM', 'set', 'removed here'],
      ]);
      for (const [side, node] of [a, b].entries()) {
        await pipelined(
          node,
          Array.from({ length: KEYS }, (_, index) => ['SET', `${side}:${index}`, VALUE]),
        );
        await node.must('SAVE');
        assert.ok((await figure(node, 'aof_current_size')) <= LOG_BYTES);
      }
      await converged([a, b]);

      const { directory, port, meshPort } = c;
      const flags = [...FLAGS, '--cluster', String(await a.info('crdt_cluster')), '--no-mdns'];
      nodes[2] = await NodeProcess.start({ directory, port, meshPort, flags });
      await connected(nodes);
      await converged(nodes, 60_000);
      assert.is.not(await nodes[2].info('crdt_replid'), replica);
      assert.is(await figure(nodes[2], 'mesh_fenced'), how === 'stopped' ? 1 : 0);
      for (const node of nodes) {
        assert.is(await node.must('GET', 'overwritten'), '102');
        assert.is(await node.must('GET', 'deleted'), '2');
        assert.is(await node.must('GET', 'untouched'), '7');
        assert.equal(await node.must('SMEMBERS', 'set'), ['only there']);
        assert.is(await node.must('HGET', 'hash', 'only there'), 'x');
        assert.is(await node.must('EXISTS', 'gone'), 0);
        assert.is(await node.must('DBSIZE'), 3 * KEYS + 5);
        assert.is(await figure(node, 'mesh_forgotten'), 0);
      }
      await nodes[2].must('INCR', 'overwritten');
      await converged(nodes);
      assert.is(await a.must('GET', 'overwritten'), '103');
      await eventually(
        'cancelled counters are collected',
        () => Promise.all(nodes.map((node) => figure(node, 'crdt_gc_pending'))),
        (counts) => counts.every((count) => count === 0),
      );
    } finally {
      await killAll(nodes);
    }
  });
}

async function idOf(node: NodeProcess, replica: string): Promise<string> {
  for (let index = 0; index < 2; index++) {
    const fields = Object.fromEntries(
      String(await node.info(`peer${index}`))
        .split(',')
        .map((each) => each.split('=')),
    );
    if (fields.replica === replica) return fields.id;
  }
  throw new Error(`no peer with replica id ${replica}`);
}

test.run();
