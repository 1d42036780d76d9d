/** Damaged data is found by the node that has it, and put right by a peer's copy; what nobody can call wrong is joined. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE, type StateRecord } from '../../src/core/contract.ts';
import { Slice } from '../../src/core/index.ts';
import { converged, startNodes, stopAll, type TestNode, until, writing } from './meshes.ts';

test.after.each(stopAll);

const said = (node: TestNode, word: string) => node.said('warn').filter((line) => line.includes(word)).length;

function fill(node: TestNode): void {
  for (let i = 0; i < 200; i++) node.set(`key:${i}`, `value ${i}`);
  node.txn((db) => {
    for (let i = 0; i < 50; i++) db.hashes.set(Slice.of('hash'), Slice.of(`f${i}`), Slice.of('v'), NO_DEADLINE);
  });
  node.increment('counter', 5);
}

/** The records of one key as the store is told them. */
function recordsOf(node: TestNode): StateRecord[] {
  const records: StateRecord[] = [];
  while (node.engine.drainDirty(1000, (record) => records.push(record)) > 0);
  return records;
}

test('a byte that flips in the memory of one node is found there and replaced by the copy of a peer', async () => {
  const nodes = await startNodes(3);
  fill(nodes[0]);
  await converged(nodes);
  const before = nodes[1].state;
  for (const [key, place] of [
    ['key:7', 9],
    ['key:8', 2],
    ['hash', 30],
    ['counter', 18],
  ] as const) {
    const found = nodes[1].engine.statistics.damagesFound;
    assert.ok(nodes[1].engine.flipByte(0, Slice.of(key), { place, mask: 8 }));
    await until('found', () => nodes[1].engine.statistics.damagesFound > found);
    await until('mended', () => nodes[1].engine.statistics.damagedSlots === 0, 30_000);
  }
  assert.is(nodes[1].state, before);
  assert.is(nodes[1].get('key:7'), 'value 7');
  assert.is(nodes[1].get('key:8'), 'value 8');
  assert.is(nodes[1].get('counter'), '5');
  assert.ok(said(nodes[1], 'DAMAGE') >= 1);
  for (const node of nodes) assert.is(said(node, 'DIVERGENCE'), 0);
  assert.is(nodes[0].engine.statistics.damagesFound + nodes[2].engine.statistics.damagesFound, 0);
});

test('damage is mended while everybody writes', async () => {
  const nodes = await startNodes(3);
  fill(nodes[0]);
  await converged(nodes);
  const stop = writing(nodes);
  nodes[2].engine.flipByte(0, Slice.of('key:42'), { place: 8, mask: 1 });
  nodes[2].engine.flipByte(0, Slice.of('key:43'), { place: 1, mask: 1 });
  await until('found', () => nodes[2].engine.statistics.damagesFound > 1, 30_000);
  await until('mended', () => nodes[2].engine.statistics.damagedSlots === 0, 30_000);
  stop();
  await converged(nodes);
  assert.is(nodes[2].get('key:42'), 'value 42');
  assert.is(nodes[2].get('key:43'), 'value 43');
});

test('two copies that are sound in themselves and differ are joined, on both sides alike', async () => {
  const nodes = await startNodes(2);
  nodes[0].set('k', 'value');
  nodes[0].set('l', 'value');
  await converged(nodes);
  const [record] = recordsOf(nodes[1]);
  const value = Buffer.from(record.value);
  value[value.indexOf('value')] ^= 1;
  nodes[1].engine.loadRecord(record.key, value);
  await until('joined', () => nodes[0].engine.digest() === nodes[1].engine.digest(), 60_000);
  await until('told', () => nodes.every((node) => node.counter('peers_differing') === 0), 60_000);
  // the node that wrote it is believed
  for (const node of nodes) assert.is(node.get('k'), 'value');
});

test('CRDT VERIFY’s look at everything: equal, damaged, mended', async () => {
  const nodes = await startNodes(2);
  fill(nodes[0]);
  await converged(nodes);
  const peers = (outcome: string) => [{ peerId: nodes[1].mesh.peerId, outcome }];
  assert.equal(await nodes[0].mesh.verify(true), {
    ...{ slots: 16_384, damaged: 0, mended: 0, peers: peers('equal'), keys: [] },
  });
  nodes[0].engine.flipByte(0, Slice.of('key:9'), { place: 7, mask: 2 });
  const told = await nodes[0].mesh.verify(false);
  assert.is(told.damaged, 1);
  assert.is(told.mended, 0);
  assert.equal(told.keys, [{ database: 0, key: Buffer.from('key:9') }]);
  const mended = await nodes[0].mesh.verify(true);
  assert.is(mended.damaged - mended.mended, 0);
  await until('mended', () => nodes[0].engine.statistics.damagedSlots === 0);
  assert.is(nodes[0].get('key:9'), 'value 9');
  assert.equal((await nodes[0].mesh.verify(true)).peers, peers('equal'));
});

test.run();
