/** MESH JOIN and MESH FORGET: what is answered to addresses that are no good, and who stays forgotten. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, sleep } from '../processes/node-process.ts';
import { connected, converged, startNodes, stopAll, TestNode, until } from './meshes.ts';

test.after.each(stopAll);

const NO_ADDRESSES = [
  'here',
  '127.0.0.1:6379',
  '/ip4/127.0.0.1/tcp/port',
  '/ip4/300.0.0.1/tcp/4001',
  '/ip4/127.0.0.1/tcp/4001/p2p/nobody',
];

for (const address of NO_ADDRESSES) {
  test(`'${address}' is refused as no multiaddr, and not tried`, async () => {
    const a = await TestNode.start({});
    assert.match((await a.mesh.join(address)) ?? 'joined', `invalid multiaddr '${address}'`);
    assert.is(a.counter('dials'), 0);
  });
}

test('an address of another transport is refused, and not tried', async () => {
  const a = await TestNode.start({});
  for (const address of ['', '/ip4/127.0.0.1', '/ip4/127.0.0.1/udp/4001/quic-v1', '/ip4/127.0.0.1/tcp/4001/ws'])
    assert.match((await a.mesh.join(address)) ?? 'joined', 'only TCP');
  assert.is(a.counter('dials'), 0);
});

test('an address of its own is refused, by peer id and by place', async () => {
  const a = await TestNode.start({});
  assert.match((await a.mesh.join(a.address)) ?? 'joined', 'this node itself');
  assert.match((await a.mesh.join(a.address.replace(/\/p2p\/.*/, ''))) ?? 'joined', 'this node itself');
  assert.is(a.counter('dials'), 0);
  assert.is(a.mesh.peers().length, 0);
});

test('an unreachable address is answered at once, and reached once somebody lives there', async () => {
  const a = await TestNode.start({});
  const place = `/ip4/127.0.0.1/tcp/${await freePort()}`;
  assert.is(await a.mesh.join(place), `cannot reach ${place}; it will be tried again`);
  const b = await TestNode.start({ listen: [place] });
  await connected([a, b]);
});

test('a bootstrap address is good for whoever lives there, even another than before', async () => {
  const place = `/ip4/127.0.0.1/tcp/${await freePort()}`;
  const first = await TestNode.start({ listen: [place] });
  const a = await TestNode.start({ bootstrap: [place] });
  await connected([a, first]);
  await first.stop();
  const second = await TestNode.start({ listen: [place] });
  await connected([a, second]);
  second.set('k', 'v');
  await until('its write', () => a.get('k') === 'v');
});

test('a copy of the data directory, which answers with the same peer id, is warned of', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'starling-original-'));
  const copy = mkdtempSync(join(tmpdir(), 'starling-copy-'));
  const a = await TestNode.start({ directory });
  copyFileSync(join(directory, 'peer.key'), join(copy, 'peer.key'));
  const place = `/ip4/127.0.0.1/tcp/${await freePort()}`;
  await TestNode.start({ directory: copy, listen: [place] });
  assert.match((await a.mesh.join(place)) ?? 'joined', 'this node itself');
  const warned = a.lines.filter(({ level, message }) => level === 'warn' && message.includes('peer.key'));
  assert.is(warned.length, 1);
  await a.stop();
  for (const each of [directory, copy]) rmSync(each, { recursive: true });
});

test('joining one node of a mesh is joining all of them', async () => {
  const nodes = await startNodes(3);
  const late = await TestNode.start({});
  assert.is(await late.mesh.join(nodes[1].address), null);
  await connected([...nodes, late]);
  late.set('k', 'v');
  await converged([...nodes, late]);
});

test('nobody can be forgotten who is not known', async () => {
  const a = await TestNode.start({});
  assert.is(a.mesh.forget('somebody'), "no such member 'somebody'");
});

test('a node that is gone stays forgotten, though others still tell of it', async () => {
  const [a, b, gone] = await startNodes(3);
  gone.set('last words', 'x');
  await converged([a, b, gone]);
  const { peerId } = gone.mesh;
  await gone.stop();
  await until('the loss', () => a.up === 1 && b.up === 1);
  assert.is(a.mesh.forget(gone.engine.replica), null);
  const dials = a.counter('dials');
  // b tells of its members at once to a new peer, and to all of them every few seconds
  const late = await TestNode.start({ bootstrap: [b.address] });
  await connected([a, b, late]);
  await sleep(7000);
  assert.not.ok(a.mesh.peers().some((peer) => peer.peerId === peerId));
  assert.ok(a.counter('dials') - dials < 5, 'it is not dialled any more');
  assert.is(a.get('last words'), 'x');
});

test('a forgotten node that comes back is a member again', async () => {
  const [a, b] = await startNodes(2);
  await b.stop();
  await until('the loss', () => a.up === 0);
  assert.is(a.mesh.forget(b.mesh.peerId), null);
  const again = await TestNode.start({ engine: b.engine, bootstrap: [a.address] });
  again.set('k', 'v');
  await connected([a, again]);
  await converged([a, again]);
});

test.run();
