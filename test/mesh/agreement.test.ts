/** Nodes that have applied the same txns compare their data, all the time, and tell when it differs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StateRecord } from '../../src/core/contract.ts';
import { converged, startNodes, stopAll, type TestNode, until } from './meshes.ts';

test.after.each(stopAll);

const warnings = (node: TestNode) => node.said('warn').filter((line) => line.includes('DIVERGENCE')).length;

/** Changes one bit of the value 'value' behind the engine's back, as damaged memory would. */
function plantFlip(node: TestNode): void {
  const records: StateRecord[] = [];
  while (node.engine.drainDirty(1000, (record) => records.push(record)) > 0);
  const [record] = records;
  const value = Buffer.from(record.value);
  value[value.indexOf('value')] ^= 1;
  node.engine.loadRecord(record.key, value);
}

test('nodes at rest with equal data compare it and say nothing', async () => {
  const nodes = await startNodes(2);
  nodes[0].set('k', 'value');
  await converged(nodes);
  await until('compared', () => nodes.every((node) => node.counter('digests_compared') > 1), 30_000);
  for (const node of nodes) {
    assert.is(node.counter('digests_differing'), 0);
    assert.is(warnings(node), 0);
  }
});

test('one flipped bit in the memory of one node is found by both, and warned of once', async () => {
  const nodes = await startNodes(2);
  nodes[0].set('k', 'value');
  await converged(nodes);
  plantFlip(nodes[1]);
  assert.is.not(nodes[1].get('k'), 'value');
  await until('found', () => nodes.every((node) => node.counter('digests_differing') > 1), 40_000);
  for (const node of nodes) {
    assert.is(node.counter('peers_differing'), 1);
    assert.is(warnings(node), 1);
  }
  // a write over the damaged value replaces it everywhere
  nodes[0].set('k', 'another');
  await until('equal again', () => nodes.every((node) => node.counter('peers_differing') === 0), 40_000);
});

test.run();
