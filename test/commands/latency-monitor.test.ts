/** Latency events: which are noted, and how LATENCY tells of them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { latencyGraph } from '../../src/commands/latency-graph.ts';
import { LatencyMonitor } from '../../src/commands/latency-monitor.ts';
import { WholeNode } from './whole-node.ts';

const DAY = 86_400;

test('nothing is an event before there is a threshold', async () => {
  const node = new WholeNode();
  await node.run('DEBUG SLEEP 0.02');
  assert.equal(await node.run('LATENCY LATEST'), []);
  assert.match(String(await node.run('LATENCY DOCTOR')), /not watched: CONFIG SET latency-monitor-threshold/);
});

test('a command that takes as long as the threshold is an event', async () => {
  const node = new WholeNode({ 'enable-debug-command': 'yes', 'latency-monitor-threshold': '15' });
  await node.run('DEBUG SLEEP 0.001');
  assert.equal(await node.run('LATENCY LATEST'), []);
  assert.match(String(await node.run('LATENCY DOCTOR')), /^Nothing took 15 ms or longer/);
  await node.run('DEBUG SLEEP 0.02');
  const [[event, atSeconds, ms, maxMs]] = (await node.run('LATENCY LATEST')) as [string, number, number, number][];
  assert.is(event, 'command');
  assert.ok(Math.abs(atSeconds - Date.now() / 1000) < 60 && ms >= 20 && maxMs === ms, `${atSeconds} ${ms} ${maxMs}`);
  assert.equal(await node.run('LATENCY HISTORY command'), [[atSeconds, ms]]);
  const report = String(await node.run('LATENCY DOCTOR'));
  assert.match(report, /1\. command: 1 latency spikes \(average \d+ms, .*\)\. Worst all time event \d+ms\./);
  assert.match(report, /SLOWLOG GET/);
  assert.match(String(await node.run('LATENCY GRAPH command')), /^command - high \d+ ms, low \d+ ms/);
  assert.is(await node.run('LATENCY RESET nonsense command'), 1);
  assert.equal(await node.run('LATENCY LATEST'), []);
  await node.run('CONFIG SET latency-monitor-threshold 0');
  await node.run('DEBUG SLEEP 0.02');
  assert.is(await node.run('LATENCY RESET'), 0);
});

test('of each second the worst is kept, and the worst of all times besides', () => {
  const monitor = new LatencyMonitor();
  monitor.thresholdMs = 1;
  for (const ms of [5, 9, 7, 0.5]) monitor.measured('command', ms);
  const series = monitor.of('command');
  assert.ok(series !== undefined && series.samples.length <= 2);
  assert.is(Math.max(...series.samples.map(({ ms }) => ms)), 9);
  assert.is(series.maxMs, 9);
  assert.equal(monitor.events, ['command']);
});

test('a graph has a column a sample, with its age under it', () => {
  const samples = [
    { atSeconds: 0, ms: 100 },
    { atSeconds: DAY + 3000, ms: 200 },
    { atSeconds: 2 * DAY - 5, ms: 150 },
  ];
  const graph = latencyGraph('command', { samples, maxMs: 300 }, 2 * DAY);
  assert.equal(graph.split('\n'), [
    'command - high 200 ms, low 100 ms (all time high 300 ms)',
    '-'.repeat(80),
    ' # ',
    ' |_',
    ' ||',
    '_||',
    '   ',
    '225',
    'd3s',
    ' h ',
    '',
  ]);
});

test.run();
