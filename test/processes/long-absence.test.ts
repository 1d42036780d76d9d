/**
 * A partition in which both sides write more than the log holds: afterwards no log leads from one to the other, and they
 * still become equal, with all that was acknowledged on either side. Over real processes.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from './cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from './node-process.ts';

/** The smallest that is taken. */
const LOG_BYTES = 1024 * 1024;
const VALUE = 'v'.repeat(1000);
/** Written on each side: some three times the log. */
const KEYS = 3000;

async function pipelined(node: NodeProcess, commands: readonly (readonly (string | number)[])[]): Promise<void> {
  const client = await node.connect();
  const answers = await Promise.all(commands.map((words) => client.command(...words)));
  client.close();
  const failed = answers.find((answer) => typeof answer === 'object' && answer !== null && 'error' in answer);
  assert.is(failed, undefined);
}

test('both sides of a partition write past the limits of their logs, and both keep everything', async () => {
  const nodes = await startCluster(2, () => ({ flags: ['--log-max-bytes', `${LOG_BYTES}`] }));
  try {
    const [a, b] = nodes;
    await pipelined(a, [
      ['SET', 'gone', 'x'],
      ['HSET', 'hash', 'gone', 'x', 'kept', 'x'],
      ['SADD', 'set', 'gone', 'kept'],
      ['INCRBY', 'counter', 1000],
      ['SET', 'forgotten', 'x', 'EX', 1000],
    ]);
    await converged(nodes);
    await setExchange(nodes, false);
    for (const [side, node] of nodes.entries()) {
      await pipelined(node, [
        ...Array.from({ length: KEYS }, (_, index) => ['SET', `${side}:${index}`, VALUE]),
        ...Array.from({ length: 500 }, () => ['INCR', 'counter']),
        ['HSET', 'hash', `of ${side}`, 'x'],
        ['SADD', 'set', `of ${side}`],
        ['HINCRBY', 'hash', 'counter', 5],
      ]);
      // what the disk holds of the log is cut when a checkpoint covers it
      await node.must('SAVE');
    }
    await pipelined(a, [
      ['DEL', 'gone'],
      ['HDEL', 'hash', 'gone'],
      ['SREM', 'set', 'gone'],
      ['PERSIST', 'forgotten'],
    ]);
    await setExchange(nodes, true);
    await converged(nodes, 60_000);
    assert.ok(Number(await a.info('crdt_merge_reqs')) + Number(await b.info('crdt_merge_reqs')) > 0, 'state transfers');
    for (const node of nodes) {
      assert.is(await node.must('DBSIZE'), 2 * KEYS + 4);
      for (const side of [0, 1]) {
        const names = Array.from({ length: KEYS }, (_, index) => `${side}:${index}`);
        assert.is(await node.must('EXISTS', ...names), KEYS);
      }
      assert.is(await node.must('GET', 'counter'), '2000');
      assert.is(await node.must('HGET', 'hash', 'counter'), '10');
      assert.equal(sorted(await node.must('HKEYS', 'hash')), ['counter', 'kept', 'of 0', 'of 1']);
      assert.equal(sorted(await node.must('SMEMBERS', 'set')), ['kept', 'of 0', 'of 1']);
      assert.is(await node.must('TTL', 'forgotten'), -1);
    }
    await b.must('INCR', 'counter');
    await eventually(
      'writes go on as before',
      () => a.must('GET', 'counter'),
      (value) => value === '2001',
    );
  } finally {
    await killAll(nodes);
  }
});

function sorted(answer: unknown): unknown {
  return Array.isArray(answer) ? answer.map(String).sort() : answer;
}

test.run();
