/** Nodes that have applied the same txns compare their data, all the time, and tell when it differs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StateRecord } from '../../src/core/contract.ts';
import { converged, startNodes, stopAll, type TestNode, until } from './meshes.ts';

test.after.each(stopAll);

const warnings = (node: TestNode) => node.said('warn').filter((line) => line.includes('DIVERGENCE')).length;

/** Changes one bit of the value 'value', as if it had been loaded so: the node's own digest agrees with it. */
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

test('one bit that came wrong from the disk of one node is found, warned of once at most, and mended', async () => {
  const nodes = await startNodes(2);
  nodes[0].set('k', 'value');
  await converged(nodes);
  plantFlip(nodes[1]);
  assert.is.not(nodes[1].get('k'), 'value');
  await until('found', () => nodes.some((node) => node.counter('digests_differing') > 0), 40_000);
  await until('equal again', () => nodes[0].engine.digest() === nodes[1].engine.digest(), 40_000);
  await until('known to be', () => nodes.every((node) => node.counter('peers_differing') === 0), 40_000);
  for (const node of nodes) assert.ok(warnings(node) <= 1);
  // the node that wrote the value is believed
  assert.is(nodes[1].get('k'), 'value');
});

test.run();
