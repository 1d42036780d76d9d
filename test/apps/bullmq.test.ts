/**
 * BullMQ over two nodes, as it is meant to be used here: producers and listeners speak to any node, the workers of one queue to
 * one node. Everything that it does on one Redis it does then. What comes of workers on both nodes at once is in
 * bullmq-both-nodes.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FlowProducer, type Job, type Processor, Queue, QueueEvents, Worker, type WorkerOptions } from 'bullmq';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

const open: { close(): Promise<unknown> }[] = [];
test.after.each(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function connectionTo(node: NodeProcess) {
  return { host: '127.0.0.1', port: node.port };
}

function queueOn(node: NodeProcess, name: string): Queue {
  const queue = new Queue(name, { connection: connectionTo(node) });
  open.push(queue);
  return queue;
}

function workerOn(node: NodeProcess, name: string, work: Processor, options: Partial<WorkerOptions> = {}): Worker {
  const worker = new Worker(name, work, { connection: connectionTo(node), drainDelay: 1, ...options });
  // what goes wrong outside of jobs shows in the test's output
  worker.on('error', (error) => console.log(error));
  open.push(worker);
  return worker;
}

async function eventsOn(node: NodeProcess, name: string): Promise<QueueEvents> {
  const events = new QueueEvents(name, { connection: connectionTo(node), lastEventId: '0' });
  open.push(events);
  await events.waitUntilReady();
  return events;
}

function have<T>(what: string, list: readonly T[], count: number): Promise<number> {
  return eventually(
    what,
    async () => list.length,
    (length) => length >= count,
  );
}

for (const [from, to] of [
  [0, 1],
  [1, 0],
]) {
  const way = from === 0 ? 'A and worked on B' : 'B and worked on A';
  test(`jobs added on ${way} are each done once, and their results are heard of where they were added`, async () => {
    const name = `work-${from}`;
    const queue = queueOn(nodes[from], name);
    const events = await eventsOn(nodes[from], name);
    const done: number[] = [];
    workerOn(nodes[to], name, async ({ data }: Job) => {
      done.push(data.n);
      return data.n * 2;
    });
    const jobs = await queue.addBulk(Array.from({ length: 10 }, (_, n) => ({ name: 'double', data: { n } })));
    const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 20_000)));
    assert.equal(
      results,
      jobs.map((_, n) => n * 2),
    );
    assert.equal(
      done,
      jobs.map((_, n) => n),
      'in the order in which they were added',
    );
    await converged(nodes);
    assert.equal(await queue.getJobCounts('wait', 'active', 'completed', 'failed'), {
      ...{ wait: 0, active: 0, completed: 10, failed: 0 },
    });
  });
}

test('producers on both nodes, a worker on one: jobs with ids of their own are done once, and listeners hear of each', async () => {
  const queues = nodes.map((node) => queueOn(node, 'producers'));
  // what the other node says at the same time arrives with smaller ids
  const heard = await Promise.all(
    nodes.map(async (node) => {
      const words: string[] = [];
      const events = await eventsOn(node, 'producers');
      for (const event of ['added', 'completed'] as const) {
        events.on(event, ({ jobId }: { jobId: string }) => void words.push(`${event} ${jobId}`));
      }
      return words;
    }),
  );
  const done: string[] = [];
  workerOn(nodes[0], 'producers', async ({ id, data }: Job) => {
    done.push(`${id} ${data.of}`);
  });
  await Promise.all(
    queues.map(async (queue, of) => {
      for (let n = 0; n < 50; n++) await queue.add('job', { of }, { jobId: `${of}-${n}` });
    }),
  );
  await have('all are done', done, 100);
  await converged(nodes);
  assert.is(new Set(done).size, 100);
  assert.is(done.length, 100);
  assert.is(await queues[1].getCompletedCount(), 100);
  for (const words of heard) {
    await have('all is heard', words, 200);
    assert.equal([words.length, new Set(words).size], [200, 200]);
  }
});

test('delayed jobs, added on A, are done by a worker on B once their time has come, in their order', async () => {
  const queue = queueOn(nodes[0], 'delayed');
  const done: [string, number][] = [];
  workerOn(nodes[1], 'delayed', async ({ name }: Job) => {
    done.push([name, Date.now()]);
  });
  const begin = Date.now();
  await queue.addBulk([
    { name: 'later', data: {}, opts: { delay: 600 } },
    { name: 'sooner', data: {}, opts: { delay: 300 } },
    { name: 'now', data: {} },
  ]);
  await have('all are done', done, 3);
  assert.equal(
    done.map(([name]) => name),
    ['now', 'sooner', 'later'],
  );
  assert.ok(done[1][1] - begin >= 300 && done[2][1] - begin >= 600, `${done.map(([, at]) => at - begin)}`);
});

test('priorities: the smaller number first, whoever added it; a job without one before all', async () => {
  const [a, b] = nodes.map((node) => queueOn(node, 'priorities'));
  await a.pause();
  await a.add('third', {}, { priority: 3, jobId: 'third' });
  await a.add('first', {}, { priority: 1, jobId: 'first' });
  await converged(nodes);
  await b.add('second', {}, { priority: 2, jobId: 'second' });
  await b.add('none', {}, { jobId: 'none' });
  await converged(nodes);
  assert.equal(await a.getCountsPerPriority([0, 1, 2, 3]), { 0: 1, 1: 1, 2: 1, 3: 1 });
  const done: string[] = [];
  workerOn(nodes[1], 'priorities', async ({ name }: Job) => {
    done.push(name);
  });
  await b.resume();
  await have('all are done', done, 4);
  assert.equal(done, ['none', 'first', 'second', 'third']);
});

test('a job that fails is tried again after its backoff, then counts as failed, and can be retried from the other node', async () => {
  const [a, b] = nodes.map((node) => queueOn(node, 'retries'));
  const events = await eventsOn(nodes[0], 'retries');
  const tries: number[] = [];
  let isMended = false;
  workerOn(nodes[1], 'retries', async () => {
    tries.push(Date.now());
    if (!isMended) throw new Error('not yet');
    return 'at last';
  });
  const job = await a.add('hard', {}, { attempts: 3, backoff: { type: 'exponential', delay: 100 } });
  await job.waitUntilFinished(events, 20_000).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'not yet'),
  );
  assert.is(tries.length, 3);
  assert.ok(tries[1] - tries[0] >= 100 && tries[2] - tries[1] >= 200, `${tries}`);
  await converged(nodes);
  const [failed] = await b.getFailed();
  assert.equal([failed.id, failed.attemptsMade, failed.failedReason], [job.id, 3, 'not yet']);
  isMended = true;
  await failed.retry();
  await eventually(
    'done at last',
    () => a.getCompletedCount(),
    (count) => count === 1,
  );
  assert.is((await a.getJob(job.id ?? ''))?.returnvalue, 'at last');
});

test('a job scheduler, set up on A, makes jobs for the worker on B until B removes it', async () => {
  const [a, b] = nodes.map((node) => queueOn(node, 'scheduled'));
  const done: string[] = [];
  workerOn(nodes[1], 'scheduled', async ({ name }: Job) => {
    done.push(name);
  });
  await a.upsertJobScheduler('tick', { every: 200 }, { name: 'tick', data: {} });
  await have('it ticks', done, 3);
  const [scheduler] = await b.getJobSchedulers();
  assert.equal([scheduler.key, scheduler.every], ['tick', 200]);
  assert.is(await b.removeJobScheduler('tick'), true);
  await converged(nodes);
  assert.is(await a.getJobSchedulersCount(), 0);
  assert.is(await a.getDelayedCount(), 0);
});

test('a flow: the parent, on A, waits for its children, and gets what they gave on B', async () => {
  const flows = new FlowProducer({ connection: connectionTo(nodes[0]) });
  open.push(flows);
  const events = await eventsOn(nodes[0], 'parents');
  workerOn(nodes[1], 'children', async ({ data }: Job) => data.n * 10);
  workerOn(nodes[1], 'parents', async (job: Job) => Object.values(await job.getChildrenValues<number>()).sort());
  const { job, children } = await flows.add({
    ...{ name: 'sum', queueName: 'parents' },
    children: [1, 2, 3].map((n) => ({ name: 'part', queueName: 'children', data: { n } })),
  });
  assert.is(children?.length, 3);
  assert.equal(await job.waitUntilFinished(events, 20_000), [10, 20, 30]);
});

test('a rate limit holds on the node of the workers, over all of them', async () => {
  const queue = queueOn(nodes[0], 'limited');
  const done: number[] = [];
  const limiter = { max: 3, duration: 500 };
  for (let i = 0; i < 2; i++) {
    workerOn(nodes[1], 'limited', async () => void done.push(Date.now()), { limiter });
  }
  const begin = Date.now();
  await queue.addBulk(Array.from({ length: 7 }, () => ({ name: 'job', data: {} })));
  await have('all are done', done, 7);
  // the seventh belongs to the third window
  assert.ok(done[3] - begin >= 500 && done[6] - begin >= 1000, `${done.map((at) => at - begin)}`);
});

test('QueueEvents on one node hear of everything that a job goes through on the other', async () => {
  const queue = queueOn(nodes[0], 'heard');
  const events = await eventsOn(nodes[0], 'heard');
  const heard: string[] = [];
  for (const event of ['added', 'waiting', 'active', 'progress', 'completed'] as const) {
    events.on(event, ({ jobId }: { jobId: string }) => void heard.push(`${event} ${jobId}`));
  }
  workerOn(nodes[1], 'heard', (job: Job) => job.updateProgress(50));
  await queue.add('job', {}, { jobId: 'one' });
  await have('all is heard', heard, 5);
  assert.equal(heard, ['added one', 'waiting one', 'active one', 'progress one', 'completed one']);
});

test('the jobs of a worker that is gone, with its node, are done by one on the other node', async () => {
  const extra = await startCluster(2);
  const [a, b] = extra;
  const stuck: string[] = [];
  const first = new Worker(
    'stalled',
    async ({ name }: Job) => {
      stuck.push(name);
      await new Promise(() => {});
    },
    {
      connection: { ...connectionTo(a), retryStrategy: () => null },
      lockDuration: 500,
      skipLockRenewal: true,
      skipStalledCheck: true,
    },
  );
  first.on('error', () => {});
  try {
    const queue = queueOn(b, 'stalled');
    await queue.add('job', { n: 1 });
    await have('it was begun', stuck, 1);
    await converged(extra);
    await a.kill();
    const done: string[] = [];
    const stalled: string[] = [];
    const second = workerOn(b, 'stalled', async ({ name }: Job) => void done.push(name), { stalledInterval: 300 });
    second.on('stalled', (id) => stalled.push(id));
    await have('it was done on the other node', done, 1);
    await have('it was said to have stalled', stalled, 1);
    assert.equal(stalled, ['1']);
    await eventually(
      'it is completed',
      () => queue.getJobCounts('active', 'completed'),
      ({ active, completed }) => active === 0 && completed === 1,
    );
  } finally {
    await first.close(true).catch(() => {});
    for (const each of open.splice(0).reverse()) await each.close();
    await killAll(extra);
  }
});

test('a queue that was paused on one node rests on the other, and goes on when it is resumed', async () => {
  const [a, b] = nodes.map((node) => queueOn(node, 'paused'));
  const done: string[] = [];
  workerOn(nodes[1], 'paused', async ({ name }: Job) => void done.push(name));
  await a.pause();
  await converged(nodes);
  assert.is(await b.isPaused(), true);
  await a.add('job', {});
  await converged(nodes);
  await sleep(200);
  assert.equal(done, []);
  assert.is(await b.getWaitingCount(), 1);
  await b.resume();
  await have('it goes on', done, 1);
});

test('what one node has of jobs, counts, logs and states the other one tells too; removal, cleaning and the end of all', async () => {
  const [a, b] = nodes.map((node) => queueOn(node, 'told'));
  const job = await a.add('job', { n: 1 }, { jobId: 'kept' });
  await a.add('late', {}, { delay: 100_000, jobId: 'late' });
  await a.add('gone', {}, { jobId: 'gone' });
  await job.log('begun');
  await converged(nodes);
  assert.equal(await b.getJobCounts('wait', 'delayed'), { wait: 2, delayed: 1 });
  assert.is((await b.getJob('kept'))?.data.n, 1);
  assert.is(await (await b.getJob('late'))?.getState(), 'delayed');
  assert.equal((await b.getJobLogs('kept')).logs, ['begun']);
  assert.equal(
    (await b.getWaiting()).map(({ id }) => id),
    ['kept', 'gone'],
  );
  await b.remove('gone');
  await (await b.getJob('late'))?.promote();
  await (await b.getJob('kept'))?.updateData({ n: 2 });
  await converged(nodes);
  assert.equal(await a.getJobCounts('wait', 'delayed'), { wait: 2, delayed: 0 });
  assert.is((await a.getJob('kept'))?.data.n, 2);
  workerOn(nodes[0], 'told', async () => {});
  await eventually(
    'all are done',
    () => b.getCompletedCount(),
    (count) => count === 2,
  );
  assert.is((await b.clean(0, 100, 'completed')).length, 2);
  await open.pop()?.close();
  await b.add('more', {});
  await b.obliterate();
  await converged(nodes);
  assert.equal(await nodes[0].must('KEYS', 'bull:told:*'), []);
});

test.run();
