/**
 * A node with less memory than it is given to hold (a control group): the kernel kills it, and what it had acknowledged
 * is there at its next start; or `maxmemory` lets it refuse in time.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { assertHealed } from './healed.ts';
import { Ledger } from './ledger.ts';
import { whileWriting } from './ledger-writer.ts';
import { MemoryGroup } from './memory-group.ts';
import { eventually, NodeProcess } from './node-process.ts';
import { testUnless } from './obstacles.ts';
import type { RespClient } from './resp-client.ts';

/** At rest it takes half of it. */
const LIMIT_BYTES = 256 * 2 ** 20;
const VALUE = 'v'.repeat(100_000);
const VALUES_MAX = 10_000;
const AT_ONCE = 20;
const FLAGS = ['--no-mdns', '--appendfsync', 'always'];
const memoryTest = testUnless(MemoryGroup.obstacle(), 'memory limit');

/** Writes more and more until told that there is enough, or refused; gives the keys that were acknowledged. */
async function fill(client: RespClient, enough: (answer: unknown) => boolean): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let index = 0; index < VALUES_MAX; index += AT_ONCE) {
    const keys = Array.from({ length: AT_ONCE }, (_, each) => `big:${index + each}`);
    const answers = await Promise.all(keys.map((key) => client.command('SET', key, VALUE).catch(() => null)));
    acknowledged.push(...keys.filter((_, each) => answers[each] === 'OK'));
    if (answers.some(enough)) return acknowledged;
  }
  throw new Error(`${VALUES_MAX} values of ${VALUE.length} bytes fit into ${LIMIT_BYTES}`);
}

async function assertHolds(node: NodeProcess, keys: readonly string[]): Promise<void> {
  assert.is(await node.must('EXISTS', ...keys), keys.length);
  for (const key of keys) assert.is(await node.must('STRLEN', key), VALUE.length);
}

memoryTest('killed for its memory, a node has what it acknowledged when it is started with more', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const group = MemoryGroup.make(LIMIT_BYTES);
  const victim = await NodeProcess.start({ flags: FLAGS, prefix: group.prefix });
  let again: NodeProcess | null = null;
  try {
    const ledger = new Ledger(new Random(seed));
    const client = await victim.connect();
    const keys = await whileWriting([victim], ledger, { perSecond: 500 }, async () => {
      const filled = await fill(client, (answer) => answer === null);
      await victim.ended();
      return filled;
    });
    assert.is(group.kills, 1);
    assert.ok(keys.length > 100, `${keys.length} big values acknowledged`);
    again = await NodeProcess.start({ flags: FLAGS, directory: victim.directory });
    await assertHolds(again, keys);
    await again.must('DEL', ...keys, ...((await again.must('KEYS', 'big:*')) as string[]));
    await assertHealed([again], ledger);
  } finally {
    await victim.kill();
    await again?.kill();
    group.remove();
  }
});

memoryTest('with maxmemory it refuses in time, and goes on when there is room', async () => {
  const group = MemoryGroup.make(LIMIT_BYTES);
  const node = await NodeProcess.start({ flags: [...FLAGS, '--maxmemory', '48mb'], prefix: group.prefix });
  try {
    const client = await node.connect();
    const keys = await fill(client, (answer) => typeof answer === 'object' && answer !== null);
    // more than it could hold, were it not refused
    for (let index = 0; index < LIMIT_BYTES / VALUE.length; index++) {
      assert.match(JSON.stringify(await client.command('SET', `big:more:${index}`, VALUE)), 'OOM');
    }
    client.close();
    await assertHolds(node, keys);
    await node.must('DEL', ...keys);
    await eventually(
      'room again',
      () => node.command('SET', 'small', 'x'),
      (answer) => answer === 'OK',
    );
    assert.is(group.kills, 0);
  } finally {
    await node.kill();
    group.remove();
  }
});

test.run();
