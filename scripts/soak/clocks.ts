/**
 * Three nodes whose wall clocks jump again and again, back by hours and forward (libfaketime), now and then with a kill
 * -9 as well, and clients that write to all of them. Whoever is ahead by more than `max-clock-skew` is not heard before
 * its time; at the end all clocks stand where the one that was furthest ahead has been, and the nodes must become equal
 * and show every acknowledged write.
 */
import { clusterName, connected, flagsFor } from '../../test/processes/cluster.ts';
import { clockObstacle, FakedClock } from '../../test/processes/faked-clock.ts';
import { described } from '../../test/processes/healed.ts';
import { Ledger } from '../../test/processes/ledger.ts';
import { whileWriting } from '../../test/processes/ledger-writer.ts';
import {
  converged,
  freePort,
  killAll,
  type NodeOptions,
  NodeProcess,
  sleep,
} from '../../test/processes/node-process.ts';
import { Random } from '../../test/simulation/random.ts';

export interface ClockOptions {
  readonly jumps: number;
  readonly seed: number;
}

const NODES = 3;
/** On each node. */
const PER_SECOND = 100;
const HOUR = 3600;
/** Seconds from the machine's clock; the default of `max-clock-skew` is 30. */
const OFFSETS = [-2 * HOUR, -HOUR, -60, -1, 0, 0, 0, 1, 20, 60, HOUR];
const BETWEEN_MS = { min: 500, max: 4_000 };
const KILL_CHANCE = 0.25;
const EQUAL_MS_MAX = 120_000;

/** True if nothing was lost. */
export async function runClocks({ jumps, seed }: ClockOptions): Promise<boolean> {
  console.log(`seed ${seed}`);
  const obstacle = clockObstacle();
  if (obstacle !== null) {
    console.log(`SKIPPED clocks: ${obstacle}`);
    return true;
  }
  const random = new Random(seed);
  const ledger = new Ledger(random.fork());
  const clocks = Array.from({ length: NODES }, () => new FakedClock());
  const { nodes, restart } = await startNodes(clocks);
  let kills = 0;
  try {
    await whileWriting(nodes, ledger, { perSecond: PER_SECOND }, async () => {
      for (let jump = 0; jump < jumps; jump++) {
        const index = random.below(NODES);
        clocks[index].set(random.pick(OFFSETS));
        if (random.chance(KILL_CHANCE)) {
          kills++;
          await nodes[index].kill();
          nodes[index] = await restart(index);
        }
        await sleep(random.between(BETWEEN_MS.min, BETWEEN_MS.max));
      }
    });
    for (const clock of clocks) clock.set(Math.max(...OFFSETS));
    await connected(nodes, EQUAL_MS_MAX);
    await converged(nodes, EQUAL_MS_MAX);
    const faults: string[] = [];
    for (const node of nodes) faults.push(described(await ledger.examine(node)));
    const good = faults.every((each) => each === '');
    if (!good) console.log(faults.join('\n'));
    const { acknowledged, inDoubt } = ledger;
    const what = `${jumps} jumps, ${kills} × kill -9, ${acknowledged} writes acknowledged, ${inDoubt} in doubt`;
    console.log(`${what}, equal: ${good ? 'ok' : 'MISSED'}`);
    return good;
  } finally {
    await killAll(nodes);
  }
}

/** One node by each clock, and how to start one again where it was. */
async function startNodes(
  clocks: readonly FakedClock[],
): Promise<{ nodes: NodeProcess[]; restart: (index: number) => Promise<NodeProcess> }> {
  const name = clusterName();
  const nodes: NodeProcess[] = [];
  const all: NodeOptions[] = [];
  try {
    for (const { prefix } of clocks) {
      const flags = [...flagsFor(name, nodes), '--appendfsync', 'always'];
      const options = { flags, prefix, port: await freePort(), meshPort: await freePort() };
      const node = await NodeProcess.start(options);
      nodes.push(node);
      all.push({ ...options, directory: node.directory });
    }
    await connected(nodes);
  } catch (error) {
    await killAll(nodes);
    throw error;
  }
  return { nodes, restart: (index) => NodeProcess.start(all[index]) };
}
