/**
 * Three nodes that are written to all the while, one of which is killed with SIGKILL again and again and comes back with
 * what is on its disk (`appendfsync always`). At the end all three must be equal and show every acknowledged write, each
 * increment once: more than that only by writes whose answer the kills took away.
 */
import { clusterName, connected, flagsFor } from '../../test/processes/cluster.ts';
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

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
}

const NODES = 3;
/** On each node. */
const PER_SECOND = 400;
/** A node lives between one and four seconds after it answers, so that it dies at any point of catching up. */
const LIFE_MS = { min: 1_000, max: 4_000 };
const CONVERGED_MS_MAX = 60_000;

/** True if nothing was lost or doubled. */
export async function runKills({ kills, seed }: KillOptions): Promise<boolean> {
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const ledger = new Ledger(random.fork());
  const { nodes, restart } = await startNodes();
  try {
    await whileWriting(nodes, ledger, { perSecond: PER_SECOND }, async () => {
      for (let kill = 1; kill <= kills; kill++) {
        await sleep(random.between(LIFE_MS.min, LIFE_MS.max));
        await nodes[NODES - 1].kill();
        nodes[NODES - 1] = await restart();
        if (kill % 5 === 0) console.log(`${kill} kills, ${ledger.acknowledged} writes acknowledged`);
      }
    });
    await connected(nodes, CONVERGED_MS_MAX);
    await converged(nodes, CONVERGED_MS_MAX);
    const faults: string[] = [];
    for (const node of nodes) faults.push(described(await ledger.examine(node)));
    const good = faults.every((each) => each === '');
    if (!good) console.log(faults.join('\n'));
    const { acknowledged, inDoubt } = ledger;
    const verdict = good ? 'ok' : 'MISSED';
    console.log(`${kills} × kill -9, ${acknowledged} writes acknowledged, ${inDoubt} in doubt, equal: ${verdict}`);
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
