/** How long calls took: the classes are those of redis-server's histogram. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LatencyHistogram } from '../../src/commands/latency-histogram.ts';
import { SingleNode } from './single-node.ts';

test('calls are counted in classes that double, each with all that took less', () => {
  const histogram = new LatencyHistogram();
  assert.ok(histogram.isEmpty);
  histogram.note(0.2, 3);
  histogram.note(1.5, 1);
  histogram.note(30, 2);
  histogram.note(1000, 1);
  histogram.note(5e9, 1);
  assert.equal(histogram.cumulative(), [
    [1, 3],
    [2, 4],
    [33, 6],
    [1056, 7],
    [1082130, 8],
  ]);
});

test('LATENCY HISTOGRAM tells of the commands that were called, a container by its sub-commands', async () => {
  const node = new SingleNode();
  await node.runAll('SET a b', 'SET c d', 'CLIENT ID', 'GET a');
  const [set, [calls, count, title, classes]] = (await node.run('LATENCY HISTOGRAM nonsense SET')) as [
    string,
    unknown[],
  ];
  assert.equal([set, calls, count, title], ['set', 'calls', 2, 'histogram_usec']);
  assert.is((classes as number[]).at(-1), 2);
  const ofContainer = (await node.run('LATENCY HISTOGRAM client')) as unknown[];
  assert.is(ofContainer[0], 'client|id');
  const all = (await node.run('LATENCY HISTOGRAM')) as unknown[];
  assert.equal(all.filter((each) => typeof each === 'string').sort(), ['client|id', 'get', 'latency|histogram', 'set']);
  await node.run('CONFIG RESETSTAT');
  assert.equal(((await node.run('LATENCY HISTOGRAM')) as unknown[]).length, 2);
});

test.run();
