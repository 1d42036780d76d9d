/** Between the two threads: what is said in a turn goes as one message, and neither side is sent more than it works on. */
import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Order, Report } from '../../src/mesh/thread/messages.ts';
import { Outbox } from '../../src/mesh/thread/outbox.ts';
import { RemoteConnection, RemoteStream } from '../../src/mesh/thread/remote-connection.ts';
import { ServedStream } from '../../src/mesh/thread/served-stream.ts';

const MIB = 1024 * 1024;

/** An outbox whose turn ends when told, and what it has posted. */
function startOutbox<Message extends { kind: string }>() {
  const posted: { messages: Message[]; buffers: ArrayBuffer[] }[] = [];
  let flush = () => {};
  const port = {
    postMessage: (messages: unknown, buffers: ArrayBuffer[]) => {
      posted.push({ messages: messages as Message[], buffers });
    },
  };
  const outbox = new Outbox<Message>(port, (due) => {
    flush = due;
  });
  return { outbox, posted, endTurn: () => flush() };
}

function startRemote() {
  const { outbox, posted, endTurn } = startOutbox<Order>();
  const thread = { outbox, call: () => Promise.reject(new Error('nobody answers here')) };
  const peer = peerIdFromString('12D3KooWGTbt9v8g13xDZUn2geLytMBKvRffqDpWwkBZXY8zyVMB');
  const connection = new RemoteConnection(thread, 1, peer, multiaddr('/ip4/127.0.0.1/tcp/9'), 'outbound');
  return { stream: new RemoteStream(outbox, 2, connection), posted, endTurn };
}

/** As much of a libp2p stream as is spoken to. */
class FakeStream {
  inactivityTimeout = 0;
  status = 'open';
  writeStatus = 'writable';
  writeBufferLength = 0;
  readonly calls: string[] = [];
  private readonly listeners = new Map<string, (event: object) => void>();

  addEventListener(name: string, listener: (event: object) => void): void {
    this.listeners.set(name, listener);
  }

  tell(name: string, event: object = {}): void {
    this.listeners.get(name)?.(event);
  }

  send(bytes: Uint8Array): boolean {
    this.writeBufferLength += bytes.length;
    return true;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }
}

function startServed() {
  const { outbox, posted, endTurn } = startOutbox<Report>();
  const fake = new FakeStream();
  const served = new ServedStream(fake as unknown as Stream, 7, outbox, () => {});
  return { fake, served, posted, endTurn };
}

test('what is said in a turn is one message, in its order, the bytes of a stream in one piece of their own memory', () => {
  const { outbox, posted, endTurn } = startOutbox<Order>();
  const pool = Buffer.from('abcdef');
  outbox.say({ kind: 'subscribe', topic: 't' });
  outbox.pass(1, pool.subarray(0, 2));
  outbox.pass(2, pool.subarray(2, 3));
  outbox.pass(1, pool.subarray(3));
  outbox.say({ kind: 'close stream', stream: 1, reason: '' });
  assert.is(posted.length, 0);
  endTurn();
  assert.is(posted.length, 1);
  const [{ messages, buffers }] = posted;
  assert.equal(
    messages.map((message) => (message.kind === 'bytes' ? Buffer.from(message.bytes).toString() : message.kind)),
    ['subscribe', 'abdef', 'c', 'close stream'],
  );
  assert.equal(
    buffers.map(({ byteLength }) => byteLength),
    [5, 1],
  );
});

test('the next turn begins with nothing of the last one', () => {
  const { outbox, posted, endTurn } = startOutbox<Order>();
  outbox.pass(1, Buffer.from('one'));
  endTurn();
  outbox.pass(1, Buffer.from('two'));
  endTurn();
  assert.is(posted.length, 2);
  const [message] = posted[1].messages;
  assert.ok(message.kind === 'bytes' && Buffer.from(message.bytes).toString() === 'two');
});

test('a stream whose bytes have not left is full until all of them have', () => {
  const { stream } = startRemote();
  let drained = 0;
  stream.addEventListener('drain', () => drained++);
  assert.ok(stream.send(Buffer.alloc(255 * 1024)));
  assert.not(stream.send(Buffer.alloc(2 * 1024)));
  stream.sent(255 * 1024);
  assert.is(drained, 0);
  assert.not(stream.send(Buffer.alloc(1)));
  stream.sent(2 * 1024 + 1);
  assert.is(drained, 1);
  assert.is(stream.writeBufferLength, 0);
  assert.ok(stream.send(Buffer.alloc(1)));
});

test('what arrives before somebody listens is kept, in its order, the end included', async () => {
  const { stream } = startRemote();
  const heard: string[] = [];
  stream.received(Buffer.from('hello'));
  stream.over();
  stream.addEventListener('message', ({ data }) => heard.push(Buffer.from(data as Uint8Array).toString()));
  stream.addEventListener('close', () => heard.push('closed'));
  assert.equal(heard, []);
  await Promise.resolve();
  assert.equal(heard, ['hello', 'closed']);
});

test('nothing is sent on a stream that is over', () => {
  const { stream } = startRemote();
  stream.over();
  assert.throws(() => stream.send(Buffer.from('late')), /closed/);
});

test('bytes that have been worked on are told', async () => {
  const { stream, posted, endTurn } = startRemote();
  stream.addEventListener('message', () => {});
  await Promise.resolve();
  stream.received(Buffer.from('hello'));
  endTurn();
  assert.equal(posted[0].messages, [{ kind: 'worked on', stream: 2, bytes: 5 }]);
});

test('a stream is not read while more than 8 MiB of it wait for the command thread', () => {
  const { fake, served } = startServed();
  const mebibyte = { data: Buffer.alloc(MIB) };
  for (let i = 0; i < 8; i++) fake.tell('message', mebibyte);
  assert.equal(fake.calls, []);
  fake.tell('message', { data: Buffer.alloc(1) });
  assert.equal(fake.calls, ['pause']);
  served.workedOn(4 * MIB);
  assert.equal(fake.calls, ['pause']);
  served.workedOn(1);
  assert.equal(fake.calls, ['pause', 'resume']);
});

test('bytes count as sent when libp2p has passed them on', () => {
  const { fake, served, posted, endTurn } = startServed();
  served.send(Buffer.alloc(100));
  fake.writeBufferLength = 40;
  fake.tell('drain');
  fake.writeBufferLength = 0;
  fake.tell('idle');
  endTurn();
  assert.equal(posted[0].messages, [
    { kind: 'sent', stream: 7, bytes: 60 },
    { kind: 'sent', stream: 7, bytes: 40 },
  ]);
});

test('what is ordered for a stream that libp2p has closed is dropped', () => {
  const { fake, served } = startServed();
  fake.writeStatus = 'closed';
  served.send(Buffer.alloc(100));
  assert.is(fake.writeBufferLength, 0);
});

test.run();
