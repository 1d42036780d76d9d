/** MESH FORGET: everybody drops the node, and it comes back as somebody new, with what only it had. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../processes/node-process.ts';
import { connected, converged, startHidden, startNodes, stopAll, TestNode, until } from './meshes.ts';

test.after.each(stopAll);

function knows(node: TestNode, peerId: string): boolean {
  return node.mesh.members().some((member) => member.peerId === peerId);
}

test('a node that is gone is forgotten by all, and not dialled any more', async () => {
  const [a, b, c] = await startNodes(3);
  const { peerId } = c.mesh;
  await c.stop();
  await until('noticed', () => a.up === 1 && b.up === 1);
  assert.is(a.mesh.forget(peerId), null);
  assert.not(knows(a, peerId));
  await until('told', () => !knows(b, peerId));
  const dials = a.counter('dials');
  a.set('key', '1');
  await converged([a, b]);
  // longer than the first pauses between two dials
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.is(a.counter('dials'), dials);
  assert.is(a.counter('members'), 1);
});

test('this node itself and strangers cannot be forgotten; who was forgotten can be again', async () => {
  const [a, b] = await startNodes(2);
  const self = [a.mesh.peerId, a.engine.replica];
  for (const name of self) assert.is(a.mesh.forget(name), `'${name}' is this node itself`);
  assert.is(a.mesh.forget('nobody'), "no such member 'nobody'");
  const { peerId } = b.mesh;
  await b.stop();
  assert.is(a.mesh.forget(peerId), null);
  assert.is(a.mesh.forget(peerId), null);
});

test('a live node that is forgotten is back at once, as somebody new, and has lost nothing', async () => {
  const [a, b, c] = await startNodes(3);
  const before = c.engine.replica;
  c.set('of c', '1');
  await converged([a, b, c]);
  assert.is(a.mesh.forget(c.mesh.peerId), null);
  c.set('of c', '2');
  await until('a new replica id', () => c.engine.replica !== before);
  await connected([a, b, c]);
  c.set('of c', '3');
  await converged([a, b, c]);
  for (const node of [a, b]) {
    assert.is(node.get('of c'), '3');
    assert.is(node.counter('forgotten'), 0);
    assert.is(node.mesh.peers().find(({ peerId }) => peerId === c.mesh.peerId)?.replica, c.engine.replica);
  }
  assert.is(c.counter('fenced'), 1);
});

test('a node that was away when it was forgotten comes back as somebody new, with what only it had', async () => {
  const directory = temporaryFolder();
  const [a, b, c] = await startNodes(3, (index) => (index === 2 ? { directory } : {}));
  c.increment('counter', 5);
  await converged([a, b, c]);
  const before = c.engine.replica;
  await c.stop();
  c.increment('counter', 2);
  c.set('only c', 'x');
  assert.is(a.mesh.forget(c.mesh.peerId), null);
  a.set('counter', '100');
  await until('told', () => !knows(b, c.mesh.peerId));
  await converged([a, b]);

  const again = await TestNode.start({ engine: c.engine, directory, bootstrap: [b.address] });
  await connected([a, b, again]);
  await converged([a, b, again]);
  assert.is.not(again.engine.replica, before);
  for (const node of [a, b, again]) {
    assert.is(node.get('only c'), 'x');
    assert.is(node.get('counter'), '102');
  }
  again.increment('counter');
  await converged([a, b, again]);
  assert.is(a.get('counter'), '103');
  await until('collected', () => [a, b, again].every(({ engine }) => engine.statistics.pendingCollection === 0));
});

test('cancelled counters of a forgotten node are kept: a state transfer from it does not bring the sum back', async () => {
  const [a, b] = await startNodes(2, () => ({ logBytesMax: 1 }));
  const directory = temporaryFolder();
  const c = await TestNode.start({ logBytesMax: 1, directory, bootstrap: [a.address] });
  await connected([a, b, c]);
  c.increment('counter', 5);
  await converged([a, b, c]);
  await c.stop();
  assert.is(a.mesh.forget(c.mesh.peerId), null);
  a.set('counter', '100');
  await converged([a, b]);
  await until('held', () => [a, b].every(({ engine }) => engine.statistics.heldCollection === 1));
  // two additions that a log of one envelope does not reach back to
  for (const delta of [2, 3]) {
    c.increment('counter', delta);
    c.engine.seal();
  }
  const again = await TestNode.start({ engine: c.engine, directory, bootstrap: [a.address] });
  await converged([a, b, again]);
  for (const node of [a, b, again]) assert.is(node.get('counter'), '105');
  assert.ok(a.counter('transfers_received') + b.counter('transfers_received') > 0);
  await until('collected', () => [a, b, again].every(({ engine }) => engine.statistics.pendingCollection === 0));
});

test('a node that is linked to another one only is fenced by that one, when it hears of it', async () => {
  const [a, b] = await startNodes(2);
  const { node: c } = await startHidden({ bootstrap: [b.address] });
  await until('linked to b', () => b.up === 2);
  await until('a has heard of it', () => knows(a, c.mesh.peerId));
  const before = c.engine.replica;
  assert.is(a.mesh.forget(c.mesh.peerId), null);
  await until('a new replica id', () => c.engine.replica !== before);
  c.set('key', '1');
  await converged([a, b, c]);
  await until('a has heard of its return', () => knows(a, c.mesh.peerId));
});

test('two nodes that have forgotten each other come both back as somebody new', async () => {
  const [a, b] = await startNodes(2);
  const before = [a, b].map(({ engine }) => engine.replica);
  const paused = [a, b];
  for (const node of paused) node.mesh.setPaused(true);
  a.increment('counter');
  b.increment('counter');
  const ids = [b, a].map(({ mesh }) => mesh.peerId);
  for (const [index, node] of [a, b].entries()) assert.is(node.mesh.forget(ids[index]), null);
  for (const node of paused) node.mesh.setPaused(false);
  await until('new replica ids', () => [a, b].every(({ engine }, index) => engine.replica !== before[index]));
  await connected([a, b]);
  await converged([a, b]);
  assert.is(a.get('counter'), '2');
});

test('who was forgotten stays so over a restart', async () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  const [a, b] = await startNodes(2, (index) => ({ directory: folders[index] }));
  const before = b.engine.replica;
  await b.stop();
  assert.is(a.mesh.forget(before), null);
  const file = join(folders[0], 'members.json');
  assert.ok(existsSync(file) && readFileSync(file, 'utf8').includes(before));
  await a.stop();
  b.set('only b', 'x');
  const again = await TestNode.start({ directory: folders[0], engine: a.engine });
  assert.is(again.counter('forgotten'), 1);
  const back = await TestNode.start({ engine: b.engine, directory: folders[1] });
  await connected([again, back]);
  await converged([again, back]);
  assert.is.not(back.engine.replica, before);
  assert.is(again.get('only b'), 'x');
  assert.is(again.counter('forgotten'), 0);
});

test.run();
