/** libp2p on a thread of its own: nodes with such a thread and without agree, and what goes wrong there is told here. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePlain, FrameType } from '../../src/mesh/frames.ts';
import { sleep } from '../processes/node-process.ts';
import { converged, startApart, startNodes, stopAll, TestNode, until, writing } from './meshes.ts';
import { stopProxies } from './proxy.ts';
import { frame, Stranger, stopStrangers } from './strangers.ts';

const MIB = 1024 * 1024;

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
  stopProxies();
});

test('nodes with such a thread and one without agree while all of them write, values of 20 MiB among it', async () => {
  const nodes = await startNodes(3, (index) => ({ thread: index !== 1 }));
  const stop = writing(nodes);
  const value = randomBytes(20 * MIB);
  for (const [index, node] of nodes.entries()) node.set(`large:${index}`, value);
  await sleep(500);
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) {
    assert.is(node.get('writing:counter'), String(3 * rounds));
    for (const index of nodes.keys()) assert.ok(node.get(`large:${index}`) === value.toString('latin1'));
  }
  assert.equal(
    nodes.map((node) => node.counter('thread')),
    [1, 0, 1],
  );
});

test('gossip is judged on the command thread, and garbage on the topic refused', async () => {
  const nodes = await startNodes(2, (index) => ({ thread: index === 1 }));
  const stranger = await Stranger.start(nodes);
  await stranger.joinTopic(nodes);
  nodes[0].set('by', 'gossip');
  await converged(nodes);
  await until('gossip that is taken', () => nodes[1].counter('gossip_received') > 0);
  await stranger.publish(randomBytes(100));
  await until('gossip that is refused', () => nodes.every((node) => node.counter('gossip_refused') > 0));
  for (const node of nodes) assert.match(node.said('warn').join('\n'), /a peer sends garbage on the gossip topic/);
});

test('garbage on the stream is refused with its reason, and the connection closed', async () => {
  const [node] = await startNodes(1, () => ({ thread: true }));
  const stranger = await Stranger.start([node]);
  const stream = await stranger.open(node);
  stream.send(stranger.hello());
  await until('said hello', () => node.up === 1);
  stream.send(frame(FrameType.pull, { nonsense: encodePlain({}) }));
  await until('refused', () => node.said('warn').some((line) => /peer refused refused: /.test(line)));
  await until('its connection closed', () => stranger.node.getConnections().length === 0);
});

test('a connection that is cut is noticed and built anew', async () => {
  const { a, b, proxy } = await startApart({ thread: true });
  a.set('before', 'cut');
  await converged([a, b]);
  proxy.cut();
  await until('both alone', () => a.up === 0 && b.up === 0);
  a.increment('n', 2);
  b.increment('n', 3);
  await proxy.restore();
  await until('both connected', () => a.up === 1 && b.up === 1);
  await converged([a, b]);
  assert.is(a.get('n'), '5');
});

test('joining an address where nobody listens, or its own, is answered with the reason', async () => {
  const node = await TestNode.start({ thread: true });
  assert.match((await node.mesh.join('/ip4/127.0.0.1/tcp/9')) ?? '', /^cannot reach \/ip4\/127.0.0.1\/tcp\/9/);
  assert.match((await node.mesh.join(node.address)) ?? '', /is this node itself$/);
});

test('a port that is taken is told in the words that it is told in without the thread', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const reasonOf = async (thread: boolean) => {
    try {
      await TestNode.start({ thread, listen });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'started';
  };
  const reason = await reasonOf(true);
  assert.match(reason, /EADDRINUSE/);
  assert.is(reason, await reasonOf(false));
  server.close();
});

test('a secret that cannot be read is told with the code of the system', async () => {
  try {
    await TestNode.start({ thread: true, secretFile: '/nowhere/secret' });
    assert.unreachable();
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
  }
});

test.run();
