/**
 * What BullMQ can and cannot count on where both nodes are used at once for what Redis decides alone: numbering jobs, and
 * giving each to one worker. Its scripts are right on one node; two nodes that run them at the same time decide alike.
 * docs/applications.md says what to do instead; the last tests here show it.
 */
import { type Job, type Processor, Queue, Worker } from 'bullmq';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

const open: { close(): Promise<unknown> }[] = [];
test.after.each(async () => {
  await setExchange(nodes, true);
  for (const each of open.splice(0).reverse()) await each.close();
});

function queueOn(node: NodeProcess, name: string): Queue {
  const queue = new Queue(name, { connection: { host: '127.0.0.1', port: node.port } });
  open.push(queue);
  return queue;
}

function workerOn(node: NodeProcess, name: string, work: Processor): Worker {
  const worker = new Worker(name, work, { connection: { host: '127.0.0.1', port: node.port }, drainDelay: 1 });
  // a job that was finished on the other node, too, is refused here: "Missing lock", "Lock mismatch"
  worker.on('error', (error) => assert.match(error.message, /^(Missing lock|Lock mismatch) for job/));
  open.push(worker);
  return worker;
}

test('jobs without ids of their own, added on both nodes at once, get the same numbers: one of two is lost', async () => {
  const queues = nodes.map((node) => queueOn(node, 'numbers'));
  await setExchange(nodes, false);
  for (const [of, queue] of queues.entries()) assert.is((await queue.add('job', { of })).id, '1');
  await setExchange(nodes, true);
  await converged(nodes);
  const left = await queues[0].getWaiting();
  assert.equal([...new Set(left.map(({ id, data }) => `${id} of ${data.of}`))], ['1 of 1']);
});

test('a job that workers of both nodes take before they hear of each other is done twice, and completed once', async () => {
  const queues = nodes.map((node) => queueOn(node, 'taken'));
  await queues[0].add('job', {}, { jobId: 'one' });
  await converged(nodes);
  await setExchange(nodes, false);
  const doneOn: number[] = [];
  for (const [at, node] of nodes.entries()) workerOn(node, 'taken', async () => void doneOn.push(at));
  await eventually(
    'it is completed on both',
    () => Promise.all(queues.map((queue) => queue.getCompletedCount())),
    (counts) => counts.every((count) => count === 1),
  );
  assert.equal(doneOn.sort(), [0, 1]);
  await setExchange(nodes, true);
  await converged(nodes);
  for (const queue of queues)
    assert.equal(await queue.getJobCounts('completed', 'active'), { completed: 1, active: 0 });
});

test('workers on both nodes under load: every job is done at least once, and completed', async () => {
  const queues = nodes.map((node) => queueOn(node, 'loaded'));
  const times = new Map<string, number>();
  for (const node of nodes) {
    workerOn(node, 'loaded', async ({ id = '' }: Job) => void times.set(id, (times.get(id) ?? 0) + 1));
  }
  await Promise.all(
    queues.map(async (queue, of) => {
      for (let n = 0; n < 75; n++) await queue.add('job', {}, { jobId: `${of}-${n}` });
    }),
  );
  await eventually(
    'all are completed',
    () => queues[0].getCompletedCount(),
    (count) => count === 150,
  );
  assert.is(times.size, 150);
  console.log(`done more than once: ${[...times.values()].filter((count) => count > 1).length} of 150`);
});

test('workers that move from one node to the other, once it has heard of all that was done: each job once', async () => {
  const queues = nodes.map((node) => queueOn(node, 'moving'));
  const done: string[] = [];
  const work = async ({ id = '' }: Job) => void done.push(id);
  for (let n = 0; n < 20; n++) await queues[n % 2].add('job', {}, { jobId: `early-${n}` });
  const first = workerOn(nodes[0], 'moving', work);
  await eventually(
    'the first one works',
    async () => done.length,
    (count) => count > 0,
  );
  // waits for the job that is being done
  await first.close();
  await converged(nodes);
  workerOn(nodes[1], 'moving', work);
  for (let n = 0; n < 20; n++) await queues[n % 2].add('job', {}, { jobId: `late-${n}` });
  await eventually(
    'all are completed',
    () => queues[0].getCompletedCount(),
    (count) => count === 40,
  );
  assert.is(done.length, 40);
  assert.is(new Set(done).size, 40);
});

test('a queue for each node, with its workers there: both nodes work, and each job is done once', async () => {
  const done: string[] = [];
  for (const [at, node] of nodes.entries()) {
    workerOn(node, `own-${at}`, async ({ id = '' }: Job) => void done.push(`${at}: ${id}`));
  }
  // each producer, wherever it is, gives every other job to the other node
  await Promise.all(
    nodes.map(async (node, of) => {
      const queues = nodes.map((_, at) => queueOn(node, `own-${at}`));
      for (let n = 0; n < 40; n++) await queues[n % 2].add('job', {}, { jobId: `${of}-${n}` });
    }),
  );
  await eventually(
    'all are done',
    async () => done.length,
    (count) => count >= 80,
  );
  await converged(nodes);
  assert.is(done.length, 80);
  assert.is(new Set(done).size, 80);
});

test.run();
