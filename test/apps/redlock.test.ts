/**
 * redlock (5.0.0-beta.2, with ioredis 6; 4.2.0 works the same way) over nodes of one mesh. All who use a lock by way of one node exclude
 * each other. By way of different nodes they do so only once these have heard of each other; and several nodes of one mesh
 * are not the independent servers whose majority redlock counts on.
 */
import { Redis } from 'ioredis';
// @ts-expect-error: the package has types, but its exports do not lead to them
import Redlock from 'redlock';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lock, default as RedlockType, Settings } from '../../node_modules/redlock/dist/index.js';
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess, sleep } from '../processes/node-process.ts';

let nodes: NodeProcess[] = [];
let clients: Redis[] = [];
test.before(async () => {
  nodes = await startCluster(3);
  clients = nodes.map(({ port }) => new Redis(port));
});
test.after(async () => {
  for (const client of clients) client.disconnect();
  await killAll(nodes);
});

function locksOn(servers: readonly Redis[], settings: Partial<Settings> = {}): RedlockType {
  return new Redlock([...servers], { retryCount: 0, ...settings });
}

async function isRefused(attempt: Promise<Lock>): Promise<void> {
  await attempt.then(
    () => assert.unreachable('the lock was given'),
    (error: Error) => assert.is(error.name, 'ExecutionError'),
  );
}

test('one node: who has the lock is alone with it until it is released', async () => {
  const [one, other] = [locksOn([clients[0]]), locksOn([clients[0]])];
  const lock = await one.acquire(['door'], 60_000);
  await isRefused(other.acquire(['door'], 60_000));
  await lock.release();
  await (await other.acquire(['door'], 60_000)).release();
});

test('one node: of many who want it at once one has it at any time, and all have it in the end', async () => {
  const redlock = locksOn([clients[0]], { retryCount: -1, retryDelay: 10, retryJitter: 10 });
  let inside = 0;
  let most = 0;
  let served = 0;
  const enter = async () => {
    const lock = await redlock.acquire(['room'], 60_000);
    most = Math.max(most, ++inside);
    await clients[0].ping();
    served++;
    inside--;
    await lock.release();
  };
  await Promise.all(Array.from({ length: 12 }, enter));
  assert.equal([most, served], [1, 12]);
});

test('one node: several resources are locked together or not at all', async () => {
  const redlock = locksOn([clients[0]]);
  const lock = await redlock.acquire(['x', 'y'], 60_000);
  await isRefused(redlock.acquire(['y', 'z'], 60_000));
  assert.is(await clients[0].exists('z'), 0);
  await lock.release();
  assert.is(await clients[0].exists('x', 'y'), 0);
});

test('one node: a lock that nobody releases ends by itself; its late owner can neither release nor extend it', async () => {
  const redlock = locksOn([clients[0]]);
  const late = await redlock.acquire(['brief'], 200);
  const next = await eventually(
    'the lock is free',
    () => redlock.acquire(['brief'], 60_000).catch(() => null),
    (lock) => lock !== null,
  );
  await late.release().then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.name, 'ExecutionError'),
  );
  await late.extend(60_000).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /already-expired/),
  );
  assert.is(await clients[0].get('brief'), next?.value);
  await next?.release();
});

test('one node: extending gives more time, and using() extends as long as the work takes', async () => {
  const redlock = locksOn([clients[0]], { automaticExtensionThreshold: 9500 });
  const lock = await (await redlock.acquire(['long'], 20_000)).extend(60_000);
  assert.ok((await clients[0].pttl('long')) > 40_000);
  await lock.release();
  const before: number[] = [];
  await redlock.using(['job'], 10_000, async (signal) => {
    await eventually(
      'it is extended',
      async () => {
        before.push(await clients[0].pttl('job'));
        return before.some((left, i) => i > 0 && left > before[i - 1]);
      },
      (isExtended) => isExtended,
    );
    assert.is(signal.aborted, false);
    await isRefused(redlock.acquire(['job'], 10_000));
  });
  assert.is(await clients[0].exists('job'), 0);
});

test('two nodes: a lock that was taken on one is refused on the other once it has heard, and again free after its release', async () => {
  const [a, b] = clients.map((client) => locksOn([client]));
  const lock = await a.acquire(['shared'], 60_000);
  await converged(nodes);
  await isRefused(b.acquire(['shared'], 60_000));
  await lock.release();
  await converged(nodes);
  await (await b.acquire(['shared'], 60_000)).release();
});

test('two nodes that have not heard of each other both give the lock: no mutual exclusion', async () => {
  const [a, b] = clients.map((client) => locksOn([client]));
  await setExchange(nodes, false);
  const first = await a.acquire(['apart'], 60_000);
  // of two writes in one millisecond the replica id decides which is the later one
  await sleep(5);
  const second = await b.acquire(['apart'], 60_000);
  await setExchange(nodes, true);
  await converged(nodes);
  // the later one shows, and the earlier owner finds out when it wants more time
  assert.is(await clients[0].get('apart'), second.value);
  await first.extend(60_000).then(
    () => assert.unreachable('both could go on'),
    (error: Error) => assert.is(error.name, 'ExecutionError'),
  );
  await second.release();
});

test('a majority of nodes of one mesh is none: a contender that has no majority, and gives up, frees the lock of who has one', async () => {
  const [a, b, c] = clients;
  const all = locksOn(clients);
  await setExchange(nodes, false);
  // its vote from the third node is still to come
  const winner = await locksOn([b, c]).acquire(['majority'], 60_000);
  const loser = await locksOn([a]).acquire(['majority'], 60_000);
  await isRefused(all.acquire(['majority'], 60_000));
  await setExchange(nodes, true);
  await converged(nodes);
  // of the two values the later one shows everywhere, as if it had won
  for (const client of clients) assert.is(await client.get('majority'), loser.value);
  await loser.release();
  await converged(nodes);
  const third = await all.acquire(['majority'], 60_000);
  assert.ok(winner.expiration > Date.now(), 'two have the lock');
  await third.release();
});

test.run();
