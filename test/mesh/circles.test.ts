/** Digests of who the members are: whoever knows the same ones, or all but the other one itself, is told of nobody. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../../src/core/index.ts';
import { Circles } from '../../src/mesh/circles.ts';
import { FrameError } from '../../src/mesh/frames.ts';
import type { Link } from '../../src/mesh/link.ts';
import { Members } from '../../src/mesh/members.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

class Node {
  readonly members: Members;
  readonly links = new Map<string, Link>();
  readonly circles: Circles;

  constructor(self: string, known: readonly string[]) {
    const engine = createEngine({ replica: '00000000000000aa', hashSeed: 1 });
    this.members = new Members(engine, self, null, { warn() {} });
    this.circles = new Circles(self, this.members, this.links);
    for (const peerId of known) this.hears(peerId, Date.now());
  }

  hears(peerId: string, seenMs: number): void {
    const replica = peerId.charCodeAt(0).toString(16).padStart(16, '0');
    this.members.report({
      ...{ peerId, replica, vector: [], region: '', zone: '', addresses: [], clockMs: 0, seenMs },
    });
  }

  link(...peerIds: string[]): Link[] {
    return peerIds.map((peerId) => {
      const link = { peerId, ready: true } as Link;
      this.links.set(peerId, link);
      return link;
    });
  }
}

function allBut(...names: string[]): string[] {
  return NAMES.filter((name) => !names.includes(name));
}

test('a hello says whom its sender knows: the same ones, or all but the one that reads it', () => {
  const reader = new Node('a', allBut('a'));
  assert.ok(reader.circles.knowsAll(new Node('b', allBut('b')).circles.knownToWire()));
  assert.ok(reader.circles.knowsAll(new Node('b', allBut('b', 'a')).circles.knownToWire()));
  assert.not(reader.circles.knowsAll(new Node('b', allBut('b', 'c')).circles.knownToWire()));
  assert.not(reader.circles.knowsAll({}));
  assert.throws(
    () => reader.circles.knowsAll({ knows: '1' }),
    (error: unknown) => error instanceof FrameError,
  );
});

test('a circle is closed while there is a stream to each member that was heard of lately, and only then is told', () => {
  const node = new Node('a', allBut('a'));
  node.link(...allBut('a', 'f'));
  assert.not(node.circles.isClosed);
  assert.equal(node.circles.toWire(), {});
  node.link('f');
  assert.ok(node.circles.isClosed);
  const [link] = node.link('b');
  const peer = new Node('b', allBut('b'));
  peer.link(...allBut('b'));
  node.circles.take(link, peer.circles.toWire());
  assert.ok(node.circles.closed([link]).has(link));
  node.hears('g', Date.now());
  assert.not(node.circles.closed([link]).has(link));
  node.circles.take(link, {});
  assert.not(node.circles.closed([link]).has(link));
});

test('who was not heard of for long is left out', () => {
  const node = new Node('a', allBut('a'));
  node.link(...allBut('a'));
  const before = node.circles.toWire();
  node.hears('g', Date.now() - 3_600_000);
  assert.ok(node.circles.isClosed);
  assert.equal(node.circles.toWire(), before);
});

test('a small cluster says nothing of the kind, and is told of members always', () => {
  const few = new Node('a', ['b', 'c', 'd', 'e']);
  few.link('b', 'c', 'd', 'e');
  assert.equal(few.circles.toWire(), {});
  assert.not(few.circles.knowsAll(new Node('b', ['a', 'c', 'd', 'e']).circles.knownToWire()));
});

test.run();
