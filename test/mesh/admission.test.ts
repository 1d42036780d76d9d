/** Who gets in: holders of the cluster secret, if there is one, and nodes of the same cluster; nobody else gets a byte. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName } from '../processes/cluster.ts';
import { NodeProcess, sleep, temporaryFolder } from '../processes/node-process.ts';
import { connected, converged, startNodes, stopAll, TestNode } from './meshes.ts';

test.after.each(stopAll);

function secretFile(content: string): string {
  const path = join(temporaryFolder(), 'secret');
  writeFileSync(path, content);
  return path;
}

const RIGHT = 'the flock meets at dusk by the pier';

/** Each of the two knows the other's address, and both try for a while; nothing may come of it. */
async function stayApart(a: TestNode, b: TestNode): Promise<void> {
  assert.is.not(await a.mesh.join(b.address), null);
  assert.is.not(await b.mesh.join(a.address), null);
  await nothingExchanged(a, b);
}

async function nothingExchanged(a: TestNode, b: TestNode): Promise<void> {
  a.set('from a', '1');
  b.set('from b', '2');
  await sleep(2500);
  assert.equal([a.up, b.up, a.mesh.peers().length, b.mesh.peers().length], [0, 0, 0, 0]);
  assert.equal([a.get('from b'), b.get('from a')], [null, null]);
}

test('nodes that hold the same secret exchange everything', async () => {
  // the second file was written by an editor that ends files with a new line
  const files = [secretFile(RIGHT), secretFile(`${RIGHT}\n`)];
  const nodes = await startNodes(2, (index) => ({ secretFile: files[index] }));
  nodes[0].set('k', 'v');
  await converged(nodes);
  assert.is(nodes[1].get('k'), 'v');
  assert.ok(nodes.every((node) => node.mesh.secured));
});

test('a swarm key file of libp2p is a secret as well', async () => {
  const file = secretFile(`/key/swarm/psk/1.0.0/\n/base16/\n${'5e'.repeat(32)}\n`);
  await connected(await startNodes(2, () => ({ secretFile: file })));
});

test('a node with another secret gets nothing and gives nothing', async () => {
  const a = await TestNode.start({ secretFile: secretFile(RIGHT) });
  const b = await TestNode.start({ secretFile: secretFile(`${RIGHT}, not`) });
  await stayApart(a, b);
});

test('a node without a secret gets nothing from nodes that have one', async () => {
  const a = await TestNode.start({ secretFile: secretFile(RIGHT) });
  const b = await TestNode.start({});
  await stayApart(a, b);
});

test('attempts with a wrong secret do not keep those out that hold the right one', async () => {
  const file = secretFile(RIGHT);
  const a = await TestNode.start({ secretFile: file });
  const wrong = secretFile(`${RIGHT}, not`);
  const strangers = await Promise.all(
    [1, 2, 3].map(() => TestNode.start({ secretFile: wrong, bootstrap: [a.address] })),
  );
  const b = await TestNode.start({ secretFile: file, bootstrap: [a.address] });
  await connected([a, b]);
  assert.ok(strangers.every((stranger) => stranger.up === 0));
});

test('a node of another cluster exchanges nothing, though it finds the way', async () => {
  const a = await TestNode.start({ cluster: 'starlings' });
  const b = await TestNode.start({ cluster: 'sparrows', bootstrap: [a.address] });
  await nothingExchanged(a, b);
});

test('a port scanner that connects and says nothing, or HTTP, does not disturb', async () => {
  const nodes = await startNodes(2);
  const port = Number(/tcp\/(\d+)/.exec(nodes[0].address)?.[1]);
  const sockets = Array.from({ length: 20 }, (_, i) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (i % 2 === 0) socket.write('GET / HTTP/1.1\r\nHost: starling\r\n\r\n');
    return socket;
  });
  nodes[1].set('k', 'v');
  await converged(nodes);
  const late = await TestNode.start({ bootstrap: [nodes[0].address] });
  await connected([...nodes, late]);
  for (const socket of sockets) socket.destroy();
});

const folder = temporaryFolder();
mkdirSync(join(folder, 'directory'));
const WRONG_FILES: readonly [what: string, path: string, said: RegExp][] = [
  ['a secret that is too short', secretFile('short'), /has 5 characters; it needs 16/],
  ['a secret file that is not there', join(folder, 'none'), /cannot read the cluster secret .*none: ENOENT/],
  ['a secret file that is a directory', join(folder, 'directory'), /cannot read the cluster secret .*EISDIR/],
  [
    'a swarm key that is cut short',
    secretFile('/key/swarm/psk/1.0.0/\n/base16/\n5e5e\n'),
    /no whole swarm key: it needs .*64 hex digits/,
  ],
];

for (const [what, path, said] of WRONG_FILES) {
  test(`${what} ends the start with one line that says so`, async () => {
    const node = await NodeProcess.launch({ flags: ['--cluster', clusterName(), '--no-mdns', '--secret-file', path] });
    assert.is(await node.ended(), 1, node.output);
    assert.match(node.output, said);
    assert.match(node.output, path);
    assert.not.match(node.output, /^\s+at /m);
  });
}

test('a bootstrap address that is none ends the start with one line that names it', async () => {
  const flags = ['--cluster', clusterName(), '--no-mdns', '--bootstrap', '/ip4/here/tcp/there'];
  const node = await NodeProcess.launch({ flags });
  assert.is(await node.ended(), 1, node.output);
  assert.match(node.output, '/ip4/here/tcp/there');
  assert.not.match(node.output, /^\s+at /m);
});

test.run();
