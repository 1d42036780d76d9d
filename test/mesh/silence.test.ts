/**
 * Connections that are dead though TCP keeps them, gossip streams that are deaf, and networks that come and go: links
 * are built anew without anybody's help, and all that was written meanwhile arrives.
 */
import type { Stream } from '@libp2p/interface';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sleep } from '../processes/node-process.ts';
import { converged, startApart, stopAll, TestNode, until, writing } from './meshes.ts';
import { stopProxies } from './proxy.ts';
import { Stranger, stopStrangers } from './strangers.ts';

test.after.each(async () => {
  stopProxies();
  await stopStrangers();
  await stopAll();
});

async function agree(nodes: readonly TestNode[], stop: () => number): Promise<void> {
  const rounds = stop();
  await converged(nodes);
  for (const node of nodes) assert.is(node.get('writing:counter'), String(nodes.length * rounds));
}

test('a connection that passes nothing for 10 s is given up by both ends, and built anew when it does', async () => {
  const { a, b, proxy } = await startApart();
  const stop = writing([a, b], 20);
  proxy.hold();
  await sleep(10_000);
  assert.equal([a.up, b.up], [0, 0]);
  assert.ok(a.counter('links_silent') > 0 && b.counter('links_silent') > 0);
  proxy.resume();
  await until('both connected', () => a.up === 1 && b.up === 1);
  await agree([a, b], stop);
});

test('a connection that is slow for a moment is not given up', async () => {
  const { a, b, proxy } = await startApart();
  const stop = writing([a, b], 20);
  for (let i = 0; i < 3; i++) {
    proxy.hold();
    await sleep(1000);
    proxy.resume();
    await sleep(300);
  }
  await agree([a, b], stop);
  assert.equal([a.counter('links_silent'), b.counter('links_silent')], [0, 0]);
});

test('connections that are cut over and over are redialled each time', async () => {
  const { a, b, proxy } = await startApart();
  const stop = writing([a, b], 20);
  for (let i = 0; i < 5; i++) {
    proxy.cut();
    await sleep(700);
  }
  await until('both connected', () => a.up === 1 && b.up === 1);
  await agree([a, b], stop);
});

test('a peer that cannot be reached for a while is reached within seconds once it can', async () => {
  const { a, b, proxy } = await startApart();
  const stop = writing([a, b], 20);
  proxy.cut(true);
  await until('the loss', () => a.up === 0 && b.up === 0);
  await sleep(4000);
  proxy.cut(false);
  await until('both connected', () => a.up === 1 && b.up === 1, 8000);
  await agree([a, b], stop);
});

/** A peer that answers on its stream, and is never heard on the topic. */
async function startUnheard(a: TestNode, gossip: boolean): Promise<Stream> {
  const stranger = await Stranger.start([a]);
  const stream = await stranger.open(a);
  stream.send(stranger.hello({ gossip }));
  await until('the peer', () => a.up === 1);
  return stream;
}

test('a peer whose vectors do not come by gossip for long has a deaf stream: its connection is built anew', async () => {
  const a = await TestNode.start({ deafMs: 2000 });
  const stream = await startUnheard(a, true);
  await until('a closed stream', () => stream.status !== 'open', 5000);
  assert.is(a.counter('links_deaf'), 1);
});

test('a peer that has no gossip is not taken for deaf, and two that hear each other are not either', async () => {
  const a = await TestNode.start({ deafMs: 2000 });
  const stream = await startUnheard(a, false);
  await sleep(4000);
  assert.is(stream.status, 'open');
  assert.is(a.counter('links_deaf'), 0);
  // vectors go out on the topic about every five seconds
  const deafMs = 8000;
  const pair = [await TestNode.start({ deafMs })];
  pair.push(await TestNode.start({ deafMs, bootstrap: [pair[0].address] }));
  await until('the pair', () => pair.every((node) => node.up === 1));
  const stop = writing(pair, 50);
  await sleep(10_000);
  stop();
  for (const node of pair) assert.is(node.counter('links_deaf'), 0);
});

test('an event loop that stands still for longer than a silent link may costs no link', async () => {
  const { a, b } = await startApart();
  const end = performance.now() + 7000;
  while (performance.now() < end);
  a.set('after', '1');
  await converged([a, b]);
  assert.equal([a.counter('links_silent'), b.counter('links_silent')], [0, 0]);
});

test.run();
