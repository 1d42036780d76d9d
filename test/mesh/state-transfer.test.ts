/**
 * When the log does not reach back any more, state is transferred: a node that was away, or is new, ends with the same
 * digest as the others, deleted keys stay deleted and counters are exact, while all sides go on writing.
 */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { sleep } from '../processes/node-process.ts';
import { connected, converged, startHidden, startNodes, stopAll, TestNode, until, writing } from './meshes.ts';

test.after.each(stopAll);

/** The log in memory holds a few envelopes, and there is no store behind it. */
const TINY_LOG = { logBytesMax: 5000 };

function fill(node: TestNode, from: number, to: number): void {
  for (let i = from; i < to; i++) node.set(`key:${i}`, `value:${i}`);
}

test('a node that was away gets what no log holds, both ways, while both sides write', async () => {
  const [a, b] = await startNodes(2, () => TINY_LOG);
  fill(a, 0, 500);
  for (let i = 0; i < 10; i++) b.increment('shared', 1);
  for (const node of [a, b]) node.txn((db) => db.sets.add(Slice.of('set'), Slice.of(`before ${node.mesh.peerId}`)));
  await converged([a, b]);
  b.mesh.setPaused(true);
  for (let i = 0; i < 300; i++) {
    if (i % 10 === 0) await sleep(5);
    a.remove(`key:${i}`);
    a.increment('shared', 2);
    b.increment('shared', 3);
    b.set(`late:${i}`, 'x');
  }
  b.remove('set');
  a.txn((db) => db.sets.add(Slice.of('set'), Slice.of('meanwhile')));
  const stop = writing([a, b]);
  b.mesh.setPaused(false);
  await until('transfers both ways', () => a.counter('transfers_received') > 0 && b.counter('transfers_received') > 0);
  await sleep(500);
  const rounds = stop();
  await converged([a, b]);
  for (const node of [a, b]) {
    assert.is(node.get('shared'), String(10 + 300 * 5));
    assert.is(node.get('writing:counter'), String(2 * rounds));
    assert.equal([node.get('key:0'), node.get('key:299'), node.get('key:300')], [null, null, 'value:300']);
    assert.is(node.get('late:299'), 'x');
    assert.is(node.db.sets.size(Slice.of('set')), 1);
  }
});

test('an empty node joins 50,000 keys while they are written to', async () => {
  const [a, b] = await startNodes(2, () => TINY_LOG);
  const value = randomBytes(100);
  for (let i = 0; i < 50; i++) {
    a.txn((db) => {
      for (let j = 0; j < 1000; j++)
        db.strings.write(Slice.of(`key:${1000 * i + j}`), new Slice(value, 0, value.length), -1);
    });
  }
  await converged([a, b], 40_000);
  const stop = writing([a, b]);
  const late = await TestNode.start({ ...TINY_LOG, bootstrap: [b.address] });
  await connected([a, b, late]);
  await until('the keys', () => late.db.size >= 50_000, 40_000);
  const rounds = stop();
  await converged([a, b, late], 40_000);
  assert.ok(late.counter('transfers_received') > 0);
  assert.is(late.get('key:49999'), value.toString('latin1'));
  assert.is(late.get('writing:counter'), String(2 * rounds));
});

test('who got a state can give it on, though its own log has a hole', async () => {
  const ends = [await startHidden(TINY_LOG), await startHidden()];
  const a = ends[0].node;
  const c = ends[1].node;
  // b keeps all that it gets as envelopes: the first part, then, after the state, the last part
  const b = await TestNode.start({ bootstrap: [ends[0].address] });
  await until('a and b', () => a.up === 1 && b.up === 1);
  fill(a, 0, 50);
  await converged([a, b]);
  b.mesh.setPaused(true);
  for (let i = 50; i < 400; i += 10) {
    fill(a, i, i + 10);
    await sleep(5);
  }
  b.mesh.setPaused(false);
  await converged([a, b]);
  assert.ok(b.counter('transfers_received') > 0);
  fill(a, 400, 410);
  await converged([a, b]);
  await a.stop();
  assert.is(await b.mesh.join(ends[1].address), null);
  await until('b and c', () => c.up === 1);
  await converged([b, c]);
  assert.is(c.db.size, 410);
});

test('a transfer that is cut off is asked for again, and nothing that was there is lost by its half', async () => {
  const [a, b] = await startNodes(2, () => TINY_LOG);
  const value = randomBytes(1000);
  for (let i = 0; i < 8000; i++)
    a.txn((db) => db.strings.write(Slice.of(`key:${i}`), new Slice(value, 0, value.length), -1));
  await converged([a, b], 40_000);
  for (let round = 0; round < 5; round++) {
    b.mesh.setPaused(true);
    await sleep(20);
    for (let i = 0; i < 20; i++) {
      a.set(`again:${round}:${i}`, 'x'.repeat(1000));
      a.engine.seal();
    }
    b.mesh.setPaused(false);
    // in the middle of it
    await sleep(10 + 15 * round);
  }
  await converged([a, b], 40_000);
  assert.is(b.db.size, 8100);
  assert.is(a.db.size, 8100);
});

test.run();
