/**
 * Partitions on a bad network: three nodes, then five, each in a network namespace, on a switch that delays, loses,
 * doubles and reorders frames all along, and cuts them off from each other: one node, two halves, everybody from
 * everybody, one direction only. Clients write to all nodes all the while. After each partition the nodes must become
 * equal and show every acknowledged write.
 */
import { connected } from '../../test/processes/cluster.ts';
import { described } from '../../test/processes/healed.ts';
import { BAD_LINE, LabNetwork } from '../../test/processes/lab-network.ts';
import { Ledger } from '../../test/processes/ledger.ts';
import { whileWriting } from '../../test/processes/ledger-writer.ts';
import { converged, killAll, type NodeProcess, sleep } from '../../test/processes/node-process.ts';
import { networkObstacle } from '../../test/processes/obstacles.ts';
import { Random } from '../../test/simulation/random.ts';

export interface PartitionOptions {
  /** For each number of nodes. */
  readonly partitions: number;
  readonly partitionSeconds: number;
  readonly seed: number;
}

const SIZES = [3, 5];
/** On each node. */
const PER_SECOND = 100;
/** Writes go on so long before and after. */
const AROUND_MS = 3_000;
/** Waited for before it counts as failed; what it took is told. */
const EQUAL_MS_MAX = 120_000;

interface Cut {
  readonly title: string;
  isBlocked(from: number, to: number): boolean;
}

/** True if after each everything was there. */
export async function runPartitions({ partitions, partitionSeconds, seed }: PartitionOptions): Promise<boolean> {
  console.log(`seed ${seed}`);
  const obstacle = networkObstacle();
  if (obstacle !== null) {
    console.log(`SKIPPED partitions: ${obstacle}`);
    return true;
  }
  const random = new Random(seed);
  let good = true;
  for (const size of SIZES) {
    const network = await LabNetwork.make(size, seed);
    let nodes: NodeProcess[] = [];
    try {
      nodes = await network.startNodes();
      await network.setLine(BAD_LINE);
      const ledger = new Ledger(random.fork());
      for (let partition = 0; partition < partitions; partition++) {
        const cut = cutsOf(size, random)[partition % CUT_KINDS];
        const outcome = await cutAndHeal(network, nodes, ledger, cut, partitionSeconds);
        console.log(`${size} nodes, ${cut.title}, for ${partitionSeconds} s: ${outcome.text}`);
        good &&= outcome.good;
      }
      const counts = await network.counts();
      const frames = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
      console.log(`${size} nodes: ${ledger.acknowledged} writes acknowledged; frames: ${frames.join(', ')}`);
    } finally {
      await killAll(nodes);
      await network.close();
    }
  }
  return good;
}

const CUT_KINDS = 4;

/** One of each kind, with the nodes drawn anew. */
function cutsOf(size: number, random: Random): Cut[] {
  const lone = random.below(size);
  const half = new Set<number>();
  while (half.size < Math.floor(size / 2)) half.add(random.below(size));
  const deaf = random.below(size);
  return [
    { title: `node ${lone} cut off`, isBlocked: (from, to) => (from === lone) !== (to === lone) },
    { title: `nodes ${[...half].join(' ')} cut off`, isBlocked: (from, to) => half.has(from) !== half.has(to) },
    { title: 'every node alone', isBlocked: () => true },
    { title: `node ${deaf} hears nobody`, isBlocked: (_, to) => to === deaf },
  ];
}

async function cutAndHeal(
  network: LabNetwork,
  nodes: readonly NodeProcess[],
  ledger: Ledger,
  cut: Cut,
  seconds: number,
): Promise<{ good: boolean; text: string }> {
  const before = ledger.acknowledged;
  let healedMs = 0;
  await whileWriting(nodes, ledger, { perSecond: PER_SECOND }, async () => {
    await sleep(AROUND_MS);
    await network.block(cut.isBlocked);
    await sleep(seconds * 1000);
    await network.heal();
    healedMs = performance.now();
    await sleep(AROUND_MS);
  });
  try {
    await connected(nodes, EQUAL_MS_MAX);
    await converged(nodes, EQUAL_MS_MAX);
  } catch (error) {
    return { good: false, text: `MISSED: ${error instanceof Error ? error.message : error}` };
  }
  const equal = ((performance.now() - healedMs) / 1000).toFixed(1);
  const faults: string[] = [];
  for (const node of nodes) faults.push(described(await ledger.examine(node)));
  const good = faults.every((each) => each === '') && ledger.inDoubt === 0;
  const writes = `${ledger.acknowledged - before} writes acknowledged`;
  return { good, text: `${writes}, equal after ${equal} s: ${good ? 'ok' : ['MISSED', ...faults].join('\n')}` };
}
