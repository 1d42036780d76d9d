/** What one node writes the others see: with gossip and without it, in a line, with large values, and after a pause. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { sleep } from '../processes/node-process.ts';
import {
  connected,
  converged,
  startHidden,
  startNodes,
  stopAll,
  TestNode,
  type TestNodeOptions,
  until,
  writing,
} from './meshes.ts';
import { Stranger, stopStrangers } from './strangers.ts';

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
});

test('without gossip everything arrives by the streams while all sides go on writing', async () => {
  const nodes = await startNodes(3, () => ({ gossip: false }));
  const stop = writing(nodes);
  await sleep(1500);
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) {
    assert.is(node.get('writing:counter'), String(3 * rounds));
    assert.is(node.mesh.statistics().gossip_sent, undefined);
  }
});

test('a node without gossip and one with it agree, and stay connected', async () => {
  const [a, b] = await startNodes(2, (index) => ({ gossip: index === 0 }));
  a.set('from', 'a');
  b.set('to', 'b');
  await converged([a, b]);
  assert.is(a.get('to'), 'b');
  assert.is(b.get('from'), 'a');
});

test('the writes of one end of a line reach the other end through the middle', async () => {
  const [a, b, c] = await startLine();
  const stop = writing([a, c]);
  await sleep(1500);
  const rounds = stop();
  await converged([a, b, c]);
  assert.is(c.get('writing:counter'), String(2 * rounds));
  assert.equal([a.up, c.up], [1, 1]);
});

test('nodes that may have fewer connections than there are members get everything by those that they have', async () => {
  const nodes: TestNode[] = [];
  for (let count = 0; count < 6; count++) {
    const bootstrap = nodes.slice(-1).map((node) => node.address);
    nodes.push(await TestNode.start({ bootstrap, peersMax: 2 }));
  }
  const stop = writing(nodes);
  await sleep(1500);
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) assert.is(node.get('writing:counter'), String(6 * rounds));
  assert.ok(nodes.some((node) => node.up < 5));
});

test('the ends of a line agree without gossip as well', async () => {
  const [a, b, c] = await startLine({ gossip: false });
  a.set('from', 'a');
  c.increment('n', 5);
  await converged([a, b, c]);
  assert.is(c.get('from'), 'a');
  assert.is(a.get('n'), '5');
  assert.equal([a.up, c.up], [1, 1]);
});

test('values of 1 MiB and 20 MiB travel both ways, and never by gossip', async () => {
  const [a, b] = await startNodes(2);
  const listener = await Stranger.start([a, b]);
  let longest = 0;
  await listener.joinTopic([a, b], (bytes) => {
    longest = Math.max(longest, bytes.length);
  });
  const one = randomBytes(1024 * 1024);
  const twenty = randomBytes(20 * 1024 * 1024);
  a.set('one', one);
  a.set('twenty', twenty);
  b.set('back:one', twenty.subarray(0, one.length));
  b.set('back:twenty', twenty);
  await converged([a, b]);
  assert.ok(b.get('twenty') === twenty.toString('latin1') && b.get('one') === one.toString('latin1'));
  assert.ok(a.get('back:twenty') === twenty.toString('latin1'));
  await until('their gossip', () => longest > 0);
  assert.ok(longest < 64 * 1024, `${longest} bytes by gossip`);
  for (const node of [a, b]) assert.ok(node.counter('gossip_withheld') > 0);
  assert.is(a.counter('links_silent') + b.counter('links_silent'), 0);
});

test('one txn of 100 values of 100 KiB arrives whole', async () => {
  const [a, b] = await startNodes(2);
  const value = randomBytes(100 * 1024);
  const seen = new Set<number>();
  b.engine.onEnvelope(() => seen.add(b.db.size));
  a.txn((db) => {
    for (let i = 0; i < 100; i++) db.strings.write(Slice.of(`k${i}`), new Slice(value, 0, value.length), -1);
  });
  b.increment('meanwhile');
  await converged([a, b]);
  assert.is(b.get('k99'), value.toString('latin1'));
  // no state in between was ever there to be seen
  assert.ok(
    [...seen].every((size) => size <= 1 || size >= 100),
    [...seen].join(),
  );
});

test('a paused node neither sends nor takes, and catches up both ways when it resumes', async () => {
  const [a, b] = await startNodes(2);
  a.set('before', 'x');
  await converged([a, b]);
  b.mesh.setPaused(true);
  a.set('from a', '1');
  b.set('from b', '2');
  a.increment('n', 3);
  b.increment('n', 4);
  await sleep(2500);
  assert.equal([b.get('from a'), a.get('from b'), a.get('n'), b.get('n')], [null, null, '3', '4']);
  b.mesh.setPaused(false);
  await converged([a, b]);
  assert.equal([b.get('from a'), a.get('from b'), a.get('n'), b.get('n')], ['1', '2', '7', '7']);
});

test('pausing and resuming over and over under writing loses nothing', async () => {
  const nodes = await startNodes(2);
  const stop = writing(nodes, 2);
  for (let i = 0; i < 20; i++) {
    nodes[i % 2].mesh.setPaused(true);
    await sleep(40);
    nodes[i % 2].mesh.setPaused(false);
    await sleep(40);
  }
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) assert.is(node.get('writing:counter'), String(2 * rounds));
  await connected(nodes);
});

/** Three nodes, the outer two connected only to the one between them. */
async function startLine(options: TestNodeOptions = {}): Promise<TestNode[]> {
  const ends = [await startHidden(options), await startHidden(options)];
  const middle = await TestNode.start({ ...options, bootstrap: ends.map(({ address }) => address) });
  await until('both ends at the middle', () => middle.up === 2);
  return [ends[0].node, middle, ends[1].node];
}

test.run();
