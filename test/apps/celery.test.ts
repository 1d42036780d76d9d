/**
 * Celery as it is, broker and results in two nodes: workers at one, clients at the other. The application is in
 * celery_app.py, what its clients do in celery_client.py.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { converged, eventually, type NodeProcess } from '../processes/node-process.ts';
import { testUnless } from '../processes/obstacles.ts';
import { Program, pythonWith, type Result } from './programs.ts';
import { emptyNodes } from './two-nodes.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
/** So soon a task that was not acknowledged is taken for lost, where a test is about that. */
const VISIBILITY_S = '2';

const { python, obstacle } = pythonWith('redis', 'celery');
const celeryTest = testUnless(obstacle, 'Celery');

const nodes = emptyNodes(obstacle);

/** A program that speaks to that node, and whose tasks go to that queue. */
function start(node: NodeProcess, queue: string, words: readonly string[]): Program {
  const environment = {
    ...{ STARLING_NODE: String(node.port), QUEUE: queue, VISIBILITY_S },
    ...{ PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: '1' },
    // Celery warns of it, but here nobody sends it pickles
    C_FORCE_ROOT: '1',
  };
  return new Program(python, words, { environment });
}

/** A worker of the queue of that name, which is ready for work. */
async function startWorker(node: NodeProcess, queue: string, ...words: string[]): Promise<Program> {
  const name = ['-n', `${queue}@test`, '-Q', queue];
  const options = ['-c', '2', '-l', 'INFO', '-E', '--without-mingle', ...words];
  const worker = start(node, queue, ['-m', 'celery', '-A', 'celery_app', 'worker', ...name, ...options]);
  await worker.says(/@test ready\./);
  return worker;
}

async function client(node: NodeProcess, queue: string, ...words: string[]): Promise<Result> {
  const result = await start(node, queue, [`${FOLDER}/celery_client.py`, ...words]).ended();
  assert.is(result.code, 0, result.output + result.errors);
  return result;
}

celeryTest('clients of one node have their tasks done at the other, both ways, and hear of each worker', async () => {
  const [a, b] = nodes;
  const workers = await Promise.all([startWorker(a, 'one'), startWorker(b, 'two')]);
  await Promise.all([client(b, 'one', 'work'), client(a, 'two', 'work')]);
  await client(b, 'one', 'inspects', 'one', 'two');
  await client(b, 'one', 'revokes');
  await client(b, 'one', 'parts_apart', String(a.port), 'one', 'two');
  for (const worker of workers) assert.is((await worker.stop('SIGTERM')).code, 0);
  await converged(nodes);
  for (const node of nodes) assert.equal(await left(node), []);
});

celeryTest('a task of a worker that was killed is done by one at the other node', async () => {
  const [a, b] = nodes;
  const killed = await startWorker(a, 'late', '--pool', 'threads');
  const id = (await client(a, 'late', 'sends_late')).output.trim();
  await converged(nodes);
  assert.is(await b.must('HLEN', 'unacked'), 1);
  await killed.stop('SIGKILL');
  // a worker looks for lost tasks when it starts, or ten seconds later, and then only every hundred seconds
  await eventually(
    'the task is taken for lost',
    () => b.must('ZRANGEBYSCORE', 'unacked_index', '-inf', Date.now() / 1000 - Number(VISIBILITY_S)),
    (lost) => (lost as string[]).length === 1,
  );
  const worker = await startWorker(b, 'late', '--pool', 'threads');
  await client(a, 'late', 'has_late', id);
  assert.is((await worker.stop('SIGTERM')).code, 0);
  await converged(nodes);
  for (const node of nodes) assert.equal(await left(node), []);
});

celeryTest('workers of one queue at both nodes: each task is done at least once, and none is left', async () => {
  const [a, b] = nodes;
  const workers = await Promise.all(nodes.map((node) => startWorker(node, 'both', '--pool', 'threads')));
  await Promise.all([client(a, 'both', 'sends_many', 'a', '40'), client(b, 'both', 'sends_many', 'b', '40')]);
  await a.must('SELECT', '2');
  const wanted = ['a', 'b'].flatMap((prefix) => Array.from({ length: 40 }, (_, i) => `${prefix}${i}`)).sort();
  await eventually(
    'each task was done',
    async () => (await a.must('LRANGE', 'many', '0', '-1')) as string[],
    (done) => new Set(done).size === wanted.length,
  );
  for (const worker of workers) assert.is((await worker.stop('SIGTERM')).code, 0);
  await converged(nodes);
  const done = (await a.must('LRANGE', 'many', '0', '-1')) as string[];
  await a.must('SELECT', '0');
  assert.equal([...new Set(done)].sort(), wanted);
  console.log(`${done.length - wanted.length} of ${wanted.length} tasks were done by both`);
  for (const node of nodes) assert.equal(await left(node), []);
});

/** Tasks that nobody has done, or acknowledged. */
async function left(node: NodeProcess): Promise<string[]> {
  const keys = (await node.must('KEYS', '*')) as string[];
  return keys.filter((key) => /^(unacked|one|two|late|both)/.test(key) && key !== 'unacked_mutex');
}

test.run();
