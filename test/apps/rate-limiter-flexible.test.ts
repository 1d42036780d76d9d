/**
 * rate-limiter-flexible over two nodes: a limit is exact among the clients of one node. Over several, each node counts what it has
 * heard of, so a little more may pass before word has got round; every point counts in the end.
 */
import { Redis } from 'ioredis';
import {
  BurstyRateLimiter,
  type IRateLimiterRedisOptions,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';

let nodes: NodeProcess[] = [];
let clients: Redis[] = [];
test.before(async () => {
  nodes = await startCluster(2);
  clients = nodes.map(({ port }) => new Redis(port));
});
test.after(async () => {
  for (const client of clients) client.disconnect();
  await killAll(nodes);
});

/** One limiter for each node, of one limit. */
function limiters(keyPrefix: string, options: Partial<IRateLimiterRedisOptions> = {}): RateLimiterRedis[] {
  return clients.map(
    (storeClient) => new RateLimiterRedis({ storeClient, keyPrefix, points: 10, duration: 60, ...options }),
  );
}

/** How many of so many attempts at once pass. */
async function passing(limiter: RateLimiterRedis, attempts: number, key = 'ada'): Promise<number> {
  const tries = Array.from({ length: attempts }, () =>
    limiter.consume(key).then(
      () => 1 as number,
      (refusal: unknown) => {
        assert.instance(refusal, RateLimiterRes);
        return 0;
      },
    ),
  );
  return (await Promise.all(tries)).reduce((sum, each) => sum + each, 0);
}

test('on one node the limit is exact, however many ask at once', async () => {
  const [a] = limiters('exact');
  assert.is(await passing(a, 50), 10);
  assert.is(await passing(a, 50, 'ben'), 10, 'each key for itself');
});

test('with node-redis as well', async () => {
  const client = createClient({ url: `redis://127.0.0.1:${nodes[0].port}` });
  await client.connect();
  try {
    const limiter = new RateLimiterRedis({
      storeClient: client,
      useRedisPackage: true,
      keyPrefix: 'nr',
      points: 10,
      duration: 60,
    });
    assert.is(await passing(limiter, 25), 10);
    const left = await limiter.get('ada');
    assert.equal([left?.consumedPoints, left?.remainingPoints], [25, 0]);
  } finally {
    client.destroy();
  }
});

test('what was used up on one node is used up on the other as soon as it has heard', async () => {
  const [a, b] = limiters('heard');
  assert.is(await passing(a, 6), 6);
  await converged(nodes);
  assert.is((await b.get('ada'))?.remainingPoints, 4);
  assert.is(await passing(b, 6), 4);
  await converged(nodes);
  assert.is((await a.get('ada'))?.consumedPoints, 12);
  assert.is(await passing(a, 1), 0);
});

test('nodes that do not hear of each other let the limit pass once each, and then know of every point', async () => {
  const pair = limiters('apart');
  await setExchange(nodes, false);
  for (const limiter of pair) assert.is(await passing(limiter, 15), 10);
  await setExchange(nodes, true);
  await converged(nodes);
  for (const limiter of pair) assert.is((await limiter.get('ada'))?.consumedPoints, 30);
  for (const limiter of pair) assert.is(await passing(limiter, 1), 0);
});

test('both nodes at once: never fewer than the limit, never more than once for each node, every point is counted', async () => {
  const pair = limiters('both');
  const passed = await Promise.all(
    pair.map(async (limiter) => {
      let sum = 0;
      for (let i = 0; i < 40; i++) sum += await passing(limiter, 1);
      return sum;
    }),
  );
  const total = passed[0] + passed[1];
  console.log(`a limit of 10, 80 attempts one after another on two nodes: ${total} passed`);
  assert.ok(total >= 10 && total <= 20, `${total}`);
  await converged(nodes);
  for (const limiter of pair) assert.is((await limiter.get('ada'))?.consumedPoints, 80);
});

test('a window that was begun on both nodes at once ends on both, and the next one begins at nothing', async () => {
  const pair = limiters('window', { points: 3, duration: 1 });
  await Promise.all(pair.map((limiter) => passing(limiter, 3)));
  await converged(nodes);
  await eventually(
    'it has ended on both',
    () => Promise.all(pair.map((limiter) => limiter.get('ada'))),
    (found) => found.every((each) => each === null),
  );
  const consumed = await pair[1].consume('ada');
  assert.equal([consumed.consumedPoints, consumed.isFirstInDuration], [1, true]);
  assert.ok(consumed.msBeforeNext > 0 && consumed.msBeforeNext <= 1000, `${consumed.msBeforeNext}`);
});

test('penalty, reward, block, set and delete on one node hold on the other', async () => {
  const [a, b] = limiters('told');
  await a.penalty('ada', 4);
  await converged(nodes);
  await b.reward('ada', 1);
  await converged(nodes);
  assert.is((await a.get('ada'))?.consumedPoints, 3);
  await a.block('ada', 30);
  await converged(nodes);
  assert.is(await passing(b, 1), 0);
  assert.ok(Number((await b.get('ada'))?.msBeforeNext) > 20_000);
  assert.is(await b.delete('ada'), true);
  await converged(nodes);
  assert.is(await a.get('ada'), null);
  await a.set('ada', 9, 60);
  await converged(nodes);
  assert.is(await passing(b, 3), 1);
});

test('a key that is over its limit stays blocked for blockDuration, on both nodes', async () => {
  const [a, b] = limiters('blocked', { points: 2, duration: 1, blockDuration: 30 });
  assert.is(await passing(a, 3), 2);
  await converged(nodes);
  assert.is(await passing(b, 1), 0);
  assert.ok(Number((await b.get('ada'))?.msBeforeNext) > 20_000);
});

test('bursts: what is over the limit comes out of a second one', async () => {
  const [a] = limiters('slow', { points: 2, duration: 60 });
  const [burst] = limiters('burst', { points: 5, duration: 60 });
  const both = new BurstyRateLimiter(a, burst);
  const tries = await Promise.allSettled(Array.from({ length: 12 }, () => both.consume('ada')));
  assert.is(tries.filter(({ status }) => status === 'fulfilled').length, 7);
});

test('a node that is gone: the insurance limiter takes over', async () => {
  const gone = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null });
  gone.on('error', () => {});
  const insuranceLimiter = new RateLimiterMemory({ points: 3, duration: 1 });
  const limiter = new RateLimiterRedis({ storeClient: gone, points: 10, duration: 60, insuranceLimiter });
  assert.is(await passing(limiter, 8), 3);
  gone.disconnect();
});

test.run();
