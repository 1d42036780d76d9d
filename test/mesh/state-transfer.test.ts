/**
 * When the log does not reach back any more, state is transferred: a node that was away, or is new, ends with the same
 * digest as the others, deleted keys stay deleted and counters are exact, while all sides go on writing.
 */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { sleep } from '../processes/node-process.ts';
import {
  connected,
  converged,
  startApart,
  startHidden,
  startNodes,
  stopAll,
  TestNode,
  until,
  writing,
} from './meshes.ts';
import { stopProxies } from './proxy.ts';

test.after.each(async () => {
  stopProxies();
  await stopAll();
});

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

/** A client on each node that writes its own keys and reads them back, and reads what it must not see again. */
function clients(nodes: readonly TestNode[], deleted: string): { rounds: () => number; stop: () => void } {
  let rounds = 0;
  const timer = setInterval(() => {
    rounds++;
    for (const [index, node] of nodes.entries()) {
      node.set(`client:${index}:${rounds % 20}`, `${rounds}`);
      assert.is(node.get(`client:${index}:${rounds % 20}`), `${rounds}`);
      node.increment('clients');
      assert.is(nodes[index].get(deleted), null);
    }
  }, 5);
  return { rounds: () => rounds, stop: () => clearInterval(timer) };
}

test('after a long partition both sides get what the other wrote past its log, and serve in the middle of the transfer', async () => {
  const { a, b, proxy } = await startApart(TINY_LOG);
  fill(a, 0, 2000);
  await converged([a, b]);
  proxy.cut(true);
  await until('the cut', () => a.up === 0 && b.up === 0);
  const value = 'x'.repeat(1000);
  for (const node of [a, b]) {
    node.remove('key:0');
    for (let i = 0; i < 6000; i++) node.set(`${node === a ? 'a' : 'b'}:${i}`, value);
    for (let i = 0; i < 100; i++) node.increment('clients');
  }
  a.remove('key:1');
  b.set('key:2', 'of b');
  const both = clients([a, b], 'key:0');
  try {
    proxy.restore();
    await until('the middle of a transfer', () => a.counter('pages_received') + b.counter('pages_received') > 3);
    assert.is(a.counter('transfers_received') + b.counter('transfers_received'), 0);
    proxy.hold();
    const before = both.rounds();
    await until('work in the middle of it', () => both.rounds() > before + 20);
    proxy.resume();
    await until('transfers both ways', () => [a, b].every((node) => node.counter('transfers_received') > 0), 30_000);
  } finally {
    both.stop();
  }
  await converged([a, b], 30_000);
  for (const node of [a, b]) {
    assert.equal([node.get('a:5999'), node.get('b:5999')], [value, value]);
    assert.equal([node.get('key:0'), node.get('key:1'), node.get('key:2')], [null, null, 'of b']);
    assert.is(node.get('clients'), String(200 + 2 * both.rounds()));
  }
});

test('a transfer whose link is cut again and again goes on each time with what it has', async () => {
  const { a, b, proxy } = await startApart(TINY_LOG);
  proxy.cut(true);
  await until('the cut', () => a.up === 0 && b.up === 0);
  const value = randomBytes(1000);
  for (let i = 0; i < 20_000; i++)
    a.txn((db) => db.strings.write(Slice.of(`key:${i}`), new Slice(value, 0, value.length), -1));
  const whole = pagesOf(a);
  let cuts = 0;
  for (let before = 0; cuts < 2; cuts++) {
    // of 20 MB; up to 4 of them, what the receiver has given credit for, are lost on their way
    proxy.cutAfter(7_000_000);
    proxy.restore();
    await until('some more pages and the cut', () => b.counter('pages_received') > before + 3 && b.up === 0, 40_000);
    before = b.counter('pages_received');
    // the sender goes on writing, removals included
    a.set(`key:${cuts}`, 'changed');
    a.remove(`key:${10 + cuts}`);
    assert.is(b.counter('transfers_received'), 0);
  }
  proxy.restore();
  await converged([a, b], 60_000);
  assert.is(b.counter('transfers_resumed'), 1);
  assert.is(b.db.size, 20_000 - cuts);
  // what came twice is what was on its way at a cut, and a last page that was not full
  const received = b.counter('pages_received');
  assert.ok(received <= whole + 3 * cuts, `${received} pages for ${whole}`);
});

function pagesOf({ engine }: TestNode): number {
  let pages = 0;
  let cursor = 0;
  do {
    cursor = engine.exportState(cursor, 200 * 1024).next;
    pages++;
  } while (cursor !== 0);
  return pages;
}

test.run();
