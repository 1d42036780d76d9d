/** Room on a stream is told of when half of it is used up. */
import type { Stream } from '@libp2p/interface';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tellRoomSeldom } from '../../src/mesh/window-updates.ts';
import { startNodes, stopAll } from './meshes.ts';
import { Stranger, stopStrangers } from './strangers.ts';

const ESTABLISHED = 3;
const SYN_RECEIVED = 2;

test.after.each(async () => {
  await stopStrangers();
  await stopAll();
});

/** Stands for a stream of the package: it gets frames of so many bytes, and tells of room. */
class Windowed {
  recvWindow = 1000;
  recvWindowCapacity = 1000;
  told = 0;
  state: number;

  constructor(state = ESTABLISHED) {
    this.state = state;
  }

  take(bytes: number): void {
    this.recvWindowCapacity -= bytes;
    this.sendWindowUpdate();
  }

  sendWindowUpdate(): void {
    this.told++;
    this.recvWindowCapacity = this.recvWindow;
  }
}

test('an open stream tells of room once for many small frames, and in time for a large one', () => {
  const stream = new Windowed();
  assert.ok(tellRoomSeldom(stream as unknown as Stream));
  for (let i = 0; i < 49; i++) stream.take(10);
  assert.is(stream.told, 0);
  stream.take(10);
  assert.equal([stream.told, stream.recvWindowCapacity], [1, 1000]);
  stream.take(1000);
  assert.is(stream.told, 2);
});

test('while it is being opened each frame is answered: that is how the other side learns that it is', () => {
  const stream = new Windowed(SYN_RECEIVED);
  tellRoomSeldom(stream as unknown as Stream);
  stream.take(1);
  assert.is(stream.told, 1);
});

test('streams of libp2p are of the kind that this knows, others are left alone', async () => {
  const [node] = await startNodes(1);
  const stranger = await Stranger.start([node]);
  assert.ok(tellRoomSeldom(await stranger.open(node)));
  assert.not.ok(tellRoomSeldom({} as Stream));
});

test.run();
