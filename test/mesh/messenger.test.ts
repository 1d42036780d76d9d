/** Messages between nodes over real connections: directly, and by a third node where two cannot reach each other. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connected, NOWHERE, startHidden, startNodes, stopAll, TestNode, until } from './meshes.ts';

test.after.each(stopAll);

function hearing(node: TestNode): string[] {
  const heard: string[] = [];
  node.mesh.messenger.onMessage = (peerId, bytes) =>
    heard.push(`${peerId} ${bytes.length} ${bytes.toString('latin1', 0, 5)}`);
  return heard;
}

test('a message reaches the node that it is for, also one that is larger than a frame', async () => {
  const [a, b, c] = await startNodes(3);
  const [atB, atC] = [hearing(b), hearing(c)];
  a.mesh.messenger.send(b.mesh.peerId, Buffer.from('hello'));
  a.mesh.messenger.send(b.mesh.peerId, Buffer.alloc(1_000_000, 'x'));
  a.mesh.messenger.send(b.mesh.peerId, Buffer.from('after'));
  await until('heard', () => atB.length === 3);
  assert.equal(atB, [`${a.mesh.peerId} 5 hello`, `${a.mesh.peerId} 1000000 xxxxx`, `${a.mesh.peerId} 5 after`]);
  assert.equal(atC, []);
});

test('two nodes that cannot reach each other find the one that reaches both', async () => {
  const middle = await startHidden();
  const [left, right] = [
    await TestNode.start({ announce: [NOWHERE], bootstrap: [middle.address] }),
    await TestNode.start({ announce: [NOWHERE], bootstrap: [middle.address] }),
  ];
  await until('both at the middle', () => middle.node.up === 2);
  const reaches = (one: TestNode, other: TestNode) => one.mesh.messenger.reachable().includes(other.mesh.peerId);
  await until('ways to each other', () => reaches(left, right) && reaches(right, left));
  const heard = hearing(right);
  left.mesh.messenger.send(right.mesh.peerId, Buffer.from('hello'));
  await until('heard', () => heard.length === 1);
  assert.equal(heard, [`${left.mesh.peerId} 5 hello`]);
  assert.is(middle.node.counter('messages_relayed'), 1);
  await middle.node.stop();
  await until('no way any more', () => !reaches(left, right));
  left.mesh.messenger.send(right.mesh.peerId, Buffer.from('lost'));
  assert.is(left.counter('messages_dropped'), 1);
});

test('while the exchange is paused nobody can be reached, and afterwards everybody again', async () => {
  const [a, b] = await startNodes(2);
  const turns: string[] = [];
  a.mesh.messenger.onReach = (_, reachable) => turns.push(`${reachable}`);
  a.mesh.setPaused(true);
  assert.equal(a.mesh.messenger.reachable(), []);
  a.mesh.messenger.send(b.mesh.peerId, Buffer.from('lost'));
  a.mesh.setPaused(false);
  assert.equal(a.mesh.messenger.reachable(), [b.mesh.peerId]);
  assert.equal(turns, ['false', 'true']);
  await connected([a, b]);
});

test.run();
