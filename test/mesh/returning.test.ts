/** A node that was away comes back: under its old address or a new one, without bootstrap and without mDNS. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName } from '../processes/cluster.ts';
import { freePort, temporaryFolder } from '../processes/node-process.ts';
import { connected, converged, NOWHERE, startNodes, stopAll, TestNode, type TestNodeOptions, until } from './meshes.ts';

test.after.each(stopAll);

/** Two connected nodes with folders of their own, and what they were started with. */
async function startPair(options: TestNodeOptions = {}): Promise<{ nodes: TestNode[]; folders: string[] }> {
  const folders = [temporaryFolder(), temporaryFolder()];
  const nodes = await startNodes(2, (index) => ({ ...options, directory: folders[index] }));
  for (const node of nodes) node.set(`from ${node.mesh.peerId}`, 'x');
  await converged(nodes);
  return { nodes, folders };
}

test('a node that restarts finds its peers by what it remembers', async () => {
  const { nodes, folders } = await startPair();
  const { peerId } = nodes[0].mesh;
  const { address } = nodes[0];
  await nodes[0].stop();
  nodes[1].set('meanwhile', '1');
  const again = await TestNode.start({ directory: folders[0], engine: nodes[0].engine });
  assert.is(again.mesh.peerId, peerId);
  assert.is(again.address, address, 'the port that the system chose is kept');
  await connected([again, nodes[1]]);
  await converged([again, nodes[1]]);
  assert.is(again.get('meanwhile'), '1');
});

test('of two nodes that both restart each finds the other', async () => {
  const { nodes, folders } = await startPair();
  await stopAll();
  const again: TestNode[] = [];
  for (const [index, node] of nodes.entries())
    again.push(await TestNode.start({ directory: folders[index], engine: node.engine }));
  await connected(again);
  again[0].set('after', '1');
  await converged(again);
});

test('a peer that comes back on another port is known by it, once it has dialled', async () => {
  const { nodes, folders } = await startPair();
  const [a, b] = nodes;
  await b.stop();
  const moved = await TestNode.start({
    directory: folders[1],
    engine: b.engine,
    listen: [`/ip4/127.0.0.1/tcp/${await freePort()}`],
  });
  await connected([a, moved]);
  const { address } = moved;
  await until('the new address on disk', () => knows(folders[0], address), 10_000);
  // and now the other way round: the one that moved has forgotten all, and has to be dialled at its new place
  await moved.stop();
  writeFileSync(join(folders[1], 'members.json'), '[]');
  const passive = await TestNode.start({ directory: folders[1], engine: b.engine, listen: [placeOf(address)] });
  await connected([a, passive]);
  passive.set('after', '1');
  await converged([a, passive]);
});

test('a peer that comes back on another port is found by mDNS', async () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  const cluster = clusterName();
  const options = (index: number): TestNodeOptions => ({ mdns: true, cluster, directory: folders[index] });
  const a = await TestNode.start(options(0));
  const b = await TestNode.start(options(1));
  await connected([a, b]);
  await b.stop();
  // nobody remembers anything of the other but a of b's old port
  writeFileSync(join(folders[1], 'members.json'), '[]');
  const moved = await TestNode.start({
    ...options(1),
    engine: b.engine,
    listen: [`/ip4/127.0.0.1/tcp/${await freePort()}`],
  });
  await connected([a, moved]);
  moved.set('after', '1');
  await converged([a, moved]);
});

test('somebody else at a known address is not taken for the peer that lived there', async () => {
  const { nodes } = await startPair();
  const [a, b] = nodes;
  const place = placeOf(b.address);
  await b.stop();
  const other = await TestNode.start({ listen: [place] });
  const moved = await TestNode.start({ engine: b.engine, bootstrap: [a.address], announce: [NOWHERE] });
  await connected([a, moved]);
  assert.is(other.up, 0);
});

test('members that were remembered in a file that is damaged cost a warning, not the start', async () => {
  for (const damage of ['', '[{"peerId":', '{}', '[1]', '[{"peerId":"x","replica":"y"}]']) {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'members.json'), damage);
    const node = await TestNode.start({ directory });
    assert.match(node.said('warn').join(), 'cannot be read', damage);
    await node.stop();
  }
});

test('the members are on disk soon after they change, and whole', async () => {
  const { nodes, folders } = await startPair();
  await until('both files', () => folders.every((folder) => existsSync(join(folder, 'members.json'))));
  for (const [index, folder] of folders.entries()) {
    const remembered: unknown = JSON.parse(readFileSync(join(folder, 'members.json'), 'utf8'));
    const { members } = remembered as { members: { peerId: string }[] };
    assert.equal(
      members.map(({ peerId }) => peerId),
      [nodes[1 - index].mesh.peerId],
    );
  }
});

function knows(folder: string, address: string): boolean {
  const file = join(folder, 'members.json');
  return existsSync(file) && readFileSync(file, 'utf8').includes(placeOf(address));
}

function placeOf(address: string): string {
  return address.replace(/\/p2p\/.*$/, '');
}

test.run();
