/**
 * 100,000 increments of one key over three nodes, one of which is killed with SIGKILL again and again and comes back
 * with what is on its disk (`appendfsync always`). At the end all three must agree, and the counter must hold every
 * acknowledged increment once: more than that only by increments whose answer the kills took away.
 */
import { clusterName, connected, flagsFor } from '../../test/processes/cluster.ts';
import {
  converged,
  freePort,
  killAll,
  type NodeOptions,
  NodeProcess,
  sleep,
} from '../../test/processes/node-process.ts';
import type { RespClient } from '../../test/processes/resp-client.ts';

export interface KillOptions {
  readonly increments: number;
}

const NODES = 3;
/** Slow enough that there are a dozen kills or more in 100,000 increments. */
const PER_SECOND = 600;
const TICK_MS = 10;
/** A node lives between one and four seconds after it answers, so that it dies at any point of catching up. */
const LIFE_MS = { min: 1_000, max: 4_000 };
const CONVERGED_MS_MAX = 60_000;

/** What has become of the increments so far. */
interface Tally {
  sent: number;
  acknowledged: number;
  /** Sent, and no answer came: applied or not. */
  inDoubt: number;
}

/** True if no increment was lost or doubled. */
export async function runKills({ increments }: KillOptions): Promise<boolean> {
  const { nodes, restart } = await startNodes();
  const tally: Tally = { sent: 0, acknowledged: 0, inDoubt: 0 };
  let kills = 0;
  try {
    const writing = Promise.all(nodes.map((_, index) => increment(() => nodes[index], tally, increments)));
    let over = false;
    const done = writing.finally(() => {
      over = true;
    });
    // its outcome is awaited below, after the killing has come to an end
    done.catch(() => undefined);
    while (!over) {
      await Promise.race([sleep(LIFE_MS.min + Math.random() * (LIFE_MS.max - LIFE_MS.min)), done]);
      if (over) break;
      await nodes[NODES - 1].kill();
      kills++;
      nodes[NODES - 1] = await restart();
      if (kills % 5 === 0) console.log(`${kills} kills, ${tally.acknowledged} increments acknowledged`);
    }
    await done;
    await connected(nodes, CONVERGED_MS_MAX);
    await converged(nodes, CONVERGED_MS_MAX);
    const counters = await Promise.all(nodes.map(async (node) => Number(await node.must('GET', 'counter'))));
    const { acknowledged, inDoubt } = tally;
    const good = kills > 0 && counters.every((each) => each >= acknowledged && each <= acknowledged + inDoubt);
    console.log(
      `${kills} kills, ${acknowledged} increments acknowledged, ${inDoubt} in doubt, counters ${counters.join(' ')}: ${good ? 'ok' : 'MISSED'}`,
    );
    return good;
  } finally {
    await killAll(nodes);
  }
}

/** Three nodes, and how to start the last one again where it was. */
async function startNodes(): Promise<{ nodes: NodeProcess[]; restart: () => Promise<NodeProcess> }> {
  const name = clusterName();
  const nodes: NodeProcess[] = [];
  let last: NodeOptions = {};
  try {
    for (let index = 0; index < NODES; index++) {
      const flags = [...flagsFor(name, nodes), '--appendfsync', 'always'];
      last = { flags, port: await freePort(), meshPort: await freePort() };
      const node = await NodeProcess.start(last);
      last = { ...last, directory: node.directory };
      nodes.push(node);
    }
    await connected(nodes);
  } catch (error) {
    await killAll(nodes);
    throw error;
  }
  return { nodes, restart: () => NodeProcess.start(last) };
}

/** Increments through one node, whichever process that is at the moment, until all clients together have done `total`. */
async function increment(node: () => NodeProcess, tally: Tally, total: number): Promise<void> {
  let client: RespClient | null = null;
  const answers = new Set<Promise<void>>();
  let credit = 0;
  let before = performance.now();
  while (tally.acknowledged < total) {
    await sleep(TICK_MS);
    const now = performance.now();
    // while the node is away nothing is saved up
    credit = Math.min(PER_SECOND / 10, credit + ((now - before) * PER_SECOND) / 1000);
    before = now;
    client ??= await node()
      .connect()
      .catch(() => null);
    for (; client !== null && credit >= 1 && tally.sent - tally.inDoubt < total; credit--) {
      const here: RespClient = client;
      const answered = send(here, tally).then((alive) => {
        answers.delete(answered);
        if (!alive && client === here) client = null;
      });
      answers.add(answered);
    }
  }
  await Promise.all(answers);
  client?.close();
}

/** False if the connection was lost before the answer; an error reply throws. */
async function send(client: RespClient, tally: Tally): Promise<boolean> {
  tally.sent++;
  let answer: unknown;
  try {
    answer = await client.command('INCR', 'counter');
  } catch {
    // the node was killed: the increment may have happened
    tally.inDoubt++;
    return false;
  }
  if (typeof answer !== 'number') throw new Error(`INCR -> ${JSON.stringify(answer)}`);
  tally.acknowledged++;
  return true;
}
