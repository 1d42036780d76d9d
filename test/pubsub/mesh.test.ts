/** Channels over several nodes, on a mesh of arrays: who listens where is known everywhere, messages reach everybody. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Subscriber } from '../../src/commands/services.ts';
import { type Messenger, PubSub } from '../../src/pubsub/index.ts';

class Listener implements Subscriber {
  readonly heard: string[] = [];

  deliver(kind: string, channel: Uint8Array, message: Uint8Array, pattern: Uint8Array | null): void {
    const by = pattern === null ? kind : `${Buffer.from(pattern)} for ${kind}`;
    this.heard.push(`${by} ${Buffer.from(channel)}: ${Buffer.from(message)}`);
  }
}

/** Nodes that all reach each other but for those taken apart; what is sent arrives with settle(). */
class Nodes {
  readonly pubsubs: PubSub[] = [];
  readonly warnings: string[] = [];
  private readonly messengers: (Messenger & { reached: Set<string> })[] = [];
  private deferred: (() => void)[] = [];
  private underWay: (() => void)[] = [];

  constructor(count: number) {
    for (let i = 0; i < count; i++) this.start(i, i);
  }

  start(index: number, epoch: number): void {
    const messenger = {
      reached: new Set<string>(),
      reachable: () => [...messenger.reached],
      send: (peerId: string, bytes: Uint8Array) => {
        const copy = Buffer.from(bytes);
        if (!messenger.reached.has(peerId)) return;
        this.underWay.push(() => this.messengers[Number(peerId)].onMessage(`${index}`, copy));
      },
      onMessage() {},
      onReach() {},
    } as Messenger & { reached: Set<string> };
    this.messengers[index] = messenger;
    this.pubsubs[index] = new PubSub({
      messenger,
      epoch,
      defer: (work) => this.deferred.push(work),
      warn: (_, message) => this.warnings.push(message),
    });
  }

  reach(one: number, other: number, reachable: boolean): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ]) {
      const messenger = this.messengers[from];
      if (reachable) messenger.reached.add(`${to}`);
      else messenger.reached.delete(`${to}`);
      messenger.onReach(`${to}`, reachable);
    }
  }

  settle(): void {
    while (this.deferred.length + this.underWay.length > 0) {
      for (const work of this.deferred.splice(0)) work();
      for (const arrive of this.underWay.splice(0)) arrive();
    }
  }

  /** What is on its way is lost. */
  lose(): void {
    for (const work of this.deferred.splice(0)) work();
    this.underWay = [];
  }

  say(index: number, bytes: Buffer): void {
    this.messengers[index].onMessage('9', bytes);
  }
}

const bytes = (text: string) => Buffer.from(text);

test('a message reaches listeners of every node, by channel and by pattern, and counts all of them', () => {
  const nodes = new Nodes(3);
  for (const [one, other] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ])
    nodes.reach(one, other, true);
  const [a, b, c] = [new Listener(), new Listener(), new Listener()];
  assert.ok(nodes.pubsubs[0].subscribe('channel', bytes('news'), a));
  assert.not(nodes.pubsubs[0].subscribe('channel', bytes('news'), a));
  nodes.pubsubs[1].subscribe('channel', bytes('news'), b);
  nodes.pubsubs[2].subscribe('pattern', bytes('n*'), c);
  nodes.pubsubs[2].subscribe('channel', bytes('news'), c);
  nodes.settle();
  for (const pubsub of nodes.pubsubs) {
    assert.is(pubsub.count('channel', bytes('news')), 3);
    assert.equal(pubsub.names('channel'), ['news']);
    assert.equal(pubsub.names('pattern'), ['n*']);
  }
  assert.is(nodes.pubsubs[0].publish('channel', bytes('news'), bytes('one')), 4);
  assert.is(nodes.pubsubs[1].publish('channel', bytes('none'), bytes('two')), 1);
  nodes.settle();
  assert.equal(a.heard, ['channel news: one']);
  assert.equal(b.heard, ['channel news: one']);
  assert.equal(c.heard, ['channel news: one', 'n* for channel news: one', 'n* for channel none: two']);
});

test('sharded channels stand apart from channels and patterns', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  const [plain, sharded] = [new Listener(), new Listener()];
  nodes.pubsubs[0].subscribe('channel', bytes('x'), plain);
  nodes.pubsubs[0].subscribe('pattern', bytes('*'), plain);
  nodes.pubsubs[0].subscribe('shard', bytes('x'), sharded);
  nodes.settle();
  assert.is(nodes.pubsubs[1].publish('shard', bytes('x'), bytes('m')), 1);
  nodes.settle();
  assert.equal([plain.heard, sharded.heard], [[], ['shard x: m']]);
});

test('messages of one node arrive in the order in which they were published', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  const listener = new Listener();
  nodes.pubsubs[1].subscribe('channel', bytes('c'), listener);
  const long = 'x'.repeat(40_000);
  for (let i = 0; i < 20; i++) nodes.pubsubs[0].publish('channel', bytes('c'), bytes(`${i}${long}`));
  nodes.settle();
  assert.equal(
    listener.heard.map((each) => each.slice(11).replaceAll('x', '')),
    Array.from({ length: 20 }, (_, i) => `${i}`),
  );
});

test('who cannot be reached does not count, and does again with all it has when it can be', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  const listener = new Listener();
  nodes.pubsubs[1].subscribe('channel', bytes('c'), listener);
  nodes.settle();
  nodes.reach(0, 1, false);
  assert.is(nodes.pubsubs[0].count('channel', bytes('c')), 0);
  nodes.pubsubs[1].subscribe('channel', bytes('d'), listener);
  assert.is(nodes.pubsubs[0].publish('channel', bytes('c'), bytes('lost')), 0);
  nodes.settle();
  nodes.reach(0, 1, true);
  nodes.settle();
  assert.equal(nodes.pubsubs[0].names('channel').sort(), ['c', 'd']);
  assert.equal(listener.heard, []);
});

test('what was lost on the way is asked for anew', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  nodes.settle();
  const listener = new Listener();
  nodes.pubsubs[1].subscribe('channel', bytes('a'), listener);
  nodes.lose();
  assert.is(nodes.pubsubs[0].count('channel', bytes('a')), 0);
  nodes.pubsubs[1].subscribe('channel', bytes('b'), listener);
  nodes.settle();
  assert.equal(nodes.pubsubs[0].names('channel').sort(), ['a', 'b']);
});

test('a node that was started anew, unnoticed, does not go on with its old listeners', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  nodes.pubsubs[1].subscribe('channel', bytes('old'), new Listener());
  nodes.settle();
  nodes.start(1, 77);
  nodes.reach(0, 1, true);
  nodes.pubsubs[1].subscribe('channel', bytes('new'), new Listener());
  nodes.settle();
  assert.equal(nodes.pubsubs[0].names('channel'), ['new']);
});

test('whoever unsubscribes hears nothing more, and counts no more', () => {
  const nodes = new Nodes(2);
  nodes.reach(0, 1, true);
  const listener = new Listener();
  nodes.pubsubs[0].subscribe('channel', bytes('c'), listener);
  nodes.settle();
  assert.ok(nodes.pubsubs[0].unsubscribe('channel', bytes('c'), listener));
  assert.not(nodes.pubsubs[0].unsubscribe('channel', bytes('c'), listener));
  nodes.settle();
  assert.is(nodes.pubsubs[1].publish('channel', bytes('c'), bytes('m')), 0);
  nodes.settle();
  assert.equal(listener.heard, []);
  assert.equal(nodes.pubsubs[1].names('channel'), []);
});

test('what cannot be read is a warning, and changes nothing', () => {
  const nodes = new Nodes(1);
  for (const each of [
    '',
    '\x05',
    '\x02\0',
    `\x04${'\0'.repeat(14)}\x01\0\0\0\0\0\0\0\0`,
    `\x04${'\0'.repeat(14)}\0\0\0\0\xff`,
    `\x04${'\0'.repeat(13)}`,
    '\x01\0\0\0\0\0\0\0\0\x07',
  ]) {
    nodes.say(0, Buffer.from(each, 'latin1'));
  }
  assert.is(nodes.warnings.length, 7);
  assert.equal(nodes.pubsubs[0].names('channel'), []);
});

test.run();
