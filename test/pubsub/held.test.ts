/** Messages of a node wait for what it had written before them, in their order, and not for ever. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HELD_BYTES_MAX, HELD_MS_MAX, HeldMessages, type WriteOrder, type WritePoint } from '../../src/pubsub/held.ts';
import { decodeTold, SayWriter } from '../../src/pubsub/wire.ts';

/** A node that has applied txns of others as far as it is told, with a clock of its own. */
class Receiver implements WriteOrder {
  readonly heard: string[] = [];
  readonly held: HeldMessages;
  private readonly applied = new Map<string, number>();
  private listener = () => {};
  private nowMs = 0;
  private timers: { atMs: number; work: () => void }[] = [];

  constructor() {
    this.held = new HeldMessages(this, (work, ms) => this.timers.push({ atMs: this.nowMs + ms, work }));
  }

  latest(): WritePoint {
    return { replica: '', number: 0 };
  }

  reached({ replica, number }: WritePoint): boolean {
    return number <= (this.applied.get(replica) ?? 0);
  }

  onProgress(listener: () => void): void {
    this.listener = listener;
  }

  apply(replica: string, number: number): void {
    this.applied.set(replica, number);
    this.listener();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter((each) => !due.includes(each));
    for (const { work } of due) work();
  }

  take(replica: string, number: number, message: string, bytes = 10): void {
    this.held.take(`peer of ${replica}`, { replica, number }, bytes, () => this.heard.push(message));
  }
}

test('a message comes once what was written before it is here, at once if it is', () => {
  const receiver = new Receiver();
  receiver.take('a', 0, 'before any write');
  receiver.take('a', 2, 'after the second');
  assert.equal(receiver.heard, ['before any write']);
  receiver.apply('a', 1);
  assert.equal(receiver.heard, ['before any write']);
  receiver.apply('a', 2);
  receiver.take('a', 2, 'again');
  assert.equal(receiver.heard, ['before any write', 'after the second', 'again']);
});

test('messages of one node keep their order, and those of another do not wait for them', () => {
  const receiver = new Receiver();
  receiver.take('a', 5, 'first');
  receiver.take('a', 0, 'second');
  receiver.take('b', 0, 'of another');
  assert.equal(receiver.heard, ['of another']);
  receiver.apply('a', 7);
  assert.equal(receiver.heard, ['of another', 'first', 'second']);
});

test('a message whose writes do not come is given out when its time is up, with those before it', () => {
  const receiver = new Receiver();
  receiver.take('a', 5, 'first');
  receiver.pass(HELD_MS_MAX - 1);
  receiver.take('a', 6, 'second');
  assert.equal(receiver.heard, []);
  receiver.pass(1);
  assert.equal(receiver.heard, ['first']);
  receiver.pass(HELD_MS_MAX - 1);
  assert.equal(receiver.heard, ['first', 'second']);
});

test('beyond its limit of bytes a peer has its oldest messages given out early', () => {
  const receiver = new Receiver();
  receiver.take('a', 1, 'first', HELD_BYTES_MAX);
  assert.equal(receiver.heard, []);
  receiver.take('a', 1, 'second', 1);
  assert.equal(receiver.heard, ['first']);
  receiver.apply('a', 1);
  assert.equal(receiver.heard, ['first', 'second']);
});

test('on the wire the last txn of a node goes before its messages', () => {
  const said = new SayWriter();
  said.add('channel', Buffer.from('news'), Buffer.from('hello'));
  const after = { replica: '00112233445566ff', number: 2 ** 40 + 3 };
  const told = decodeTold(said.take(after));
  assert.is(told.tag, 'say');
  if (told.tag !== 'say') return;
  assert.equal(told.after, after);
  assert.equal(
    [...told.messages].map(({ channel, message }) => `${channel} ${message}`),
    ['news hello'],
  );
});

test.run();
