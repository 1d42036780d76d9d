/** A byte that changes in the memory of a running node is found and mended, by itself and on demand. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Answer } from '../conformance/cases.ts';
import { startCluster } from './cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from './node-process.ts';

/** A reply's names and values. */
function fieldsOf(reply: Answer): Map<string, Answer> {
  const list = reply as Answer[];
  return new Map(list.flatMap((name, at) => (at % 2 === 0 ? [[String(name), list[at + 1]] as const] : [])));
}

const verify = async (node: NodeProcess, ...words: string[]) => fieldsOf(await node.must('CRDT', 'VERIFY', ...words));

test('a flipped byte is mended by the copy of the other node, and survives no restart', async () => {
  const nodes = await startCluster(2);
  try {
    const [one, other] = nodes;
    await one.must('SET', 'k', 'the value');
    await one.must('HSET', 'h', 'f', '1', 'g', '2');
    await converged(nodes);
    const sound = await verify(one);
    assert.is(sound.get('damaged'), 0);
    assert.is(fieldsOf((sound.get('peers') as Answer[])[0]).get('data'), 'equal');
    assert.is(await one.must('DEBUG', 'FLIP-BYTE', 'k', '3'), 1);
    assert.is.not(await one.must('GET', 'k'), 'the value');
    await eventually(
      'mended',
      () => one.must('GET', 'k'),
      (value) => value === 'the value',
      30_000,
    );
    assert.ok(Number(await one.info('crdt_damages_found')) > 0);
    // on demand, and named
    await one.must('DEBUG', 'FLIP-BYTE', 'h', '0');
    await verify(one);
    assert.equal(await one.must('HMGET', 'h', 'f', 'g'), ['1', '2']);
    assert.is(Number(await one.info('crdt_damaged_slots')), 0);
    assert.is(await one.must('CRDT', 'DIGEST'), await other.must('CRDT', 'DIGEST'));
  } finally {
    await killAll(nodes);
  }
});

test.run();
