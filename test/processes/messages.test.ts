/** Messages beside writes: whoever is told of a write by a message, on whichever node, finds it. */
import { Redis } from 'ioredis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster } from './cluster.ts';
import { eventually, killAll } from './node-process.ts';

test('a message comes after what its node had written before it, under a stream of writes', async () => {
  const nodes = await startCluster(2);
  const [writer, listener, reader] = [nodes[0], nodes[1], nodes[1]].map(({ port }) => new Redis(port));
  try {
    const reads: Promise<[told: number, found: number]>[] = [];
    listener.on('message', (_, text: string) => {
      reads.push(reader.get('latest').then((found) => [Number(text), Number(found)]));
    });
    await listener.subscribe('written');
    for (let i = 1; i <= 500; i++) await writer.multi().set('latest', i).publish('written', String(i)).exec();
    await eventually(
      'all messages are here',
      async () => reads.length,
      (count) => count === 500,
    );
    const early = (await Promise.all(reads)).filter(([told, found]) => found < told);
    assert.equal(early, []);
  } finally {
    for (const client of [writer, listener, reader]) client.disconnect();
    await killAll(nodes);
  }
});

test.run();
