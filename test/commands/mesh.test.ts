/** MESH: the nodes of the cluster. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { PEER, recordOf, WholeNode } from './whole-node.ts';

test('MESH PEERS tells of each peer who, where, and how far', async () => {
  const node = new WholeNode();
  node.mesh.peerList = [{ ...PEER, lastSeenMs: node.engine.now }];
  const [peer] = ((await node.run('MESH PEERS')) as ReplyValue[]).map(recordOf);
  assert.is(peer.peer, PEER.peerId);
  assert.is(peer.replica, PEER.replica);
  assert.is(peer.state, 'up');
  assert.is(peer['rtt-us'], 1250);
  assert.equal([peer.behind, peer.ahead, peer['bytes-in'], peer['bytes-out']], [3, 4, 100, 200]);
});

test('MESH PEERS is empty for a node alone', async () => {
  assert.equal(await new WholeNode().run('MESH PEERS'), []);
});

test('MESH PEERS gives maps in RESP3', async () => {
  const node = new WholeNode();
  node.mesh.peerList = [PEER];
  await node.run('HELLO 3');
  const [peer] = (await node.run('MESH PEERS')) as Map<string, ReplyValue>[];
  assert.is(peer.get('zone'), 'a');
});

test('MESH INFO tells the ids and addresses of this node', async () => {
  const node = new WholeNode();
  const info = await node.fields('MESH INFO');
  assert.is(info.peer, '12D3KooWself');
  assert.is(info.replica, '00000000000000a1');
  assert.is(info.cluster, 'test');
  assert.is(info.replication, 'running');
  assert.equal(info.addresses, ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWself']);
  assert.is(info['transfers-sent'], 5);
});

test('MESH JOIN answers when the node was reached', async () => {
  const node = new WholeNode();
  assert.is(await node.run('MESH JOIN /ip4/192.0.2.7/tcp/4001'), 'OK');
  assert.equal(node.mesh.asked, ['join /ip4/192.0.2.7/tcp/4001']);
});

test('MESH JOIN tells why it failed', async () => {
  const node = new WholeNode();
  node.mesh.refusal = "invalid multiaddr 'nonsense'";
  assert.is(await node.run('MESH JOIN nonsense'), "-ERR invalid multiaddr 'nonsense'");
});

test('MESH JOIN cannot wait inside a transaction', async () => {
  const node = new WholeNode();
  await node.run('MULTI');
  await node.run('MESH JOIN /ip4/192.0.2.7/tcp/4001');
  const [reply] = (await node.run('EXEC')) as ReplyValue[];
  assert.match(String(reply), /MESH JOIN cannot wait for a node inside a transaction/);
  assert.equal(node.mesh.asked, []);
});

test('MESH FORGET drops a member, or says that there is none such', async () => {
  const node = new WholeNode();
  assert.is(await node.run('MESH FORGET 00000000000000b2'), 'OK');
  node.mesh.refusal = "no such member 'x'";
  assert.is(await node.run('MESH FORGET x'), "-ERR no such member 'x'");
  assert.equal(node.mesh.asked, ['forget 00000000000000b2', 'forget x']);
  assert.is(await node.run('MESH FORGET'), "-ERR wrong number of arguments for 'mesh|forget' command");
});

test('MESH without a known sub-command is refused as Redis refuses it', async () => {
  const node = new WholeNode();
  assert.is(await node.run('MESH'), "-ERR wrong number of arguments for 'mesh' command");
  assert.is(await node.run('MESH NOSUCH'), "-ERR unknown subcommand 'NOSUCH'. Try MESH HELP.");
  assert.is(await node.run('MESH PEERS all'), "-ERR wrong number of arguments for 'mesh|peers' command");
  assert.is(
    ((await node.run('MESH HELP')) as string[])[0],
    'MESH <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  );
});

test.run();
