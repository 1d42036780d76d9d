/** Several real nodes that know of each other: how most end-to-end tests begin. */
import { randomBytes } from 'node:crypto';
import { eventually, killAll, type NodeOptions, NodeProcess } from './node-process.ts';

/** Name of a cluster that nobody else on this network uses. */
export function clusterName(): string {
  return `test-${randomBytes(4).toString('hex')}`;
}

/** Starts `count` nodes on loopback that know the first one's address, without mDNS, and waits until all are connected. */
export async function startCluster(
  count: number,
  options: (index: number) => NodeOptions = () => ({}),
): Promise<NodeProcess[]> {
  const name = clusterName();
  const nodes: NodeProcess[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const own = options(index);
      nodes.push(await NodeProcess.start({ ...own, flags: [...flagsFor(name, nodes), ...(own.flags ?? [])] }));
    }
    await connected(nodes);
    return nodes;
  } catch (error) {
    // a node that lives on would keep the failed test from ending
    await killAll(nodes);
    throw error;
  }
}

/** The command line of a node that joins `nodes`. */
export function flagsFor(name: string, nodes: readonly NodeProcess[]): string[] {
  const bootstrap = nodes.map((node) => node.multiaddr);
  return ['--cluster', name, '--no-mdns', ...(bootstrap.length > 0 ? ['--bootstrap', ...bootstrap] : [])];
}

/** Waits until every node is connected to every other. */
export async function connected(nodes: readonly NodeProcess[], timeoutMs = 20_000): Promise<void> {
  await eventually(
    `${nodes.length} nodes connected`,
    () => Promise.all(nodes.map(peersUp)),
    (counts) => counts.every((count) => count >= nodes.length - 1),
    timeoutMs,
  );
}

/** Peers that this node is connected to, by INFO. */
export async function peersUp(node: NodeProcess): Promise<number> {
  return Number((await node.info('crdt_peers_up')) ?? -1);
}

/** DEBUG REPLICATION on all of them. */
export async function setExchange(nodes: readonly NodeProcess[], on: boolean): Promise<void> {
  await Promise.all(nodes.map((node) => node.must('DEBUG', 'REPLICATION', on ? 'RESUME' : 'PAUSE')));
}
