/**
 * Cuts of the network between two nodes that both take writes all along: by turns the connection dropped, and every
 * packet lost in silence. After each cut they must be connected again and have equal digests within 15 s, and no
 * acknowledged increment may be missing or doubled.
 */
import { peersUp } from '../../test/processes/cluster.ts';
import { converged, eventually, sleep } from '../../test/processes/node-process.ts';
import { connectionPair, type Pair, packetsPair } from './pairs.ts';
import { Writer } from './writer.ts';

export interface CutOptions {
  readonly tries: number;
  readonly cutSeconds: number;
}

/** From the moment of healing. */
const EQUAL_MS_MAX = 15_000;
/** Waited longer than allowed, to tell by how much it was missed. */
const PATIENCE_MS = 90_000;
const WRITES_PER_SECOND = 100;
/** Writes go on so long before a cut. */
const BEFORE_MS = 2_000;

interface Outcome {
  readonly reconnectedMs: number;
  readonly equalMs: number;
  readonly writes: number;
}

/** True if every try was within its limit. */
export async function runCuts({ tries, cutSeconds }: CutOptions): Promise<boolean> {
  const packets = await packetsPair();
  if (packets === null) console.log('SKIPPED the cuts that lose packets: they need root');
  const pairs = [await connectionPair(), ...(packets === null ? [] : [packets])];
  let misses = 0;
  try {
    const increments = new Map(pairs.map((pair) => [pair, 0]));
    for (let index = 0; index < tries; index++) {
      const pair = pairs[index % pairs.length];
      const title = `try ${index + 1}/${tries}  ${pair.kind.padEnd(10)} cut for ${cutSeconds} s`;
      const good = await attempt(pair, cutSeconds * 1000, increments).then(
        ({ reconnectedMs, equalMs, writes }) => {
          const inTime = equalMs <= EQUAL_MS_MAX;
          const times = `reconnected after ${seconds(reconnectedMs)}, equal after ${seconds(equalMs)}`;
          console.log(`${title}: ${times}, ${writes} writes  ${inTime ? 'ok' : 'MISSED'}`);
          return inTime;
        },
        (error: unknown) => {
          console.log(`${title}: MISSED: ${error instanceof Error ? error.message : error}`);
          return false;
        },
      );
      if (!good) misses++;
    }
  } finally {
    await Promise.all(pairs.map((pair) => pair.close()));
  }
  console.log(`${tries - misses} of ${tries} within ${EQUAL_MS_MAX / 1000} s`);
  return misses === 0;
}

/** One cut. `increments` holds what was acknowledged on each pair so far. */
async function attempt(pair: Pair, cutMs: number, increments: Map<Pair, number>): Promise<Outcome> {
  const { nodes } = pair;
  await converged(nodes, PATIENCE_MS);
  const writers = await Promise.all(nodes.map((node, side) => Writer.start(node, `side${side}`, WRITES_PER_SECOND)));
  const stopAll = () => Promise.all(writers.map((writer) => writer.stop()));
  let healedAt: number;
  let reconnectedMs: number;
  try {
    await sleep(BEFORE_MS);
    await pair.cut();
    try {
      await assertCut(pair, cutMs);
    } finally {
      healedAt = performance.now();
      await pair.heal();
    }
    await eventually('reconnected', () => Promise.all(nodes.map(peersUp)), bothUp, PATIENCE_MS);
    reconnectedMs = performance.now() - healedAt;
  } catch (error) {
    // the first error tells more than what follows from it
    await stopAll().catch((second: unknown) => console.log(`writing: ${second}`));
    throw error;
  }
  await stopAll();
  await converged(nodes, PATIENCE_MS);
  const equalMs = performance.now() - healedAt;
  const total = writers.reduce((sum, writer) => sum + writer.increments, increments.get(pair) ?? 0);
  increments.set(pair, total);
  for (const node of nodes) {
    const counter = await node.must('GET', 'counter');
    if (counter !== `${total}`) throw new Error(`the counter is ${counter} after ${total} acknowledged increments`);
  }
  return { reconnectedMs, equalMs, writes: writers.reduce((sum, writer) => sum + writer.writes, 0) };
}

/** Waits for `cutMs` and throws if a write got through meanwhile. */
async function assertCut({ nodes }: Pair, cutMs: number): Promise<void> {
  const marker = `marker:${Date.now()}`;
  await nodes[0].must('SET', marker, '1');
  await sleep(cutMs);
  if ((await nodes[1].must('GET', marker)) !== null) throw new Error('a write got through the cut');
}

function bothUp(counts: readonly number[]): boolean {
  return counts.every((count) => count === 1);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
