/**
 * What the mesh costs as it grows, for clusters that no one machine holds: production core, store and mesh by the hundred
 * in one process, on the simulator's virtual time and network. Bytes, messages and times are virtual and exact; processor
 * time is that of the process, so it covers commands, core, store, mesh and the simulation, and neither libp2p nor the
 * kernel. Writes come to all nodes evenly, so many a second in all. A packet goes a millisecond from anyone to anyone; gossip
 * is passed on to six peers, as gossipsub does. Each size has a process of its own: the memory of one is not the other's.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { table } from './report.ts';

/** What one node sends and takes in a second. */
export interface Cost {
  readonly gossipMessages: number;
  readonly gossipBytes: number;
  readonly streamMessages: number;
  readonly streamBytes: number;
  /** Of this process, shared among the nodes. */
  readonly processorMs: number;
}

/** What it takes when two halves that have written meet again. */
export interface Healing {
  /** Until all are equal. */
  readonly ms: number;
  /** Sent by one node meanwhile. */
  readonly bytes: number;
}

export interface Scale {
  readonly nodes: number;
  readonly writesPerSecond: number;
  /** From the start of all at once until each is linked to each other one. */
  readonly meetingMs: number;
  readonly writing: Cost;
  readonly resting: Cost;
  /** From the commit of a write until a node has applied it, over all writes and nodes. */
  readonly sightMsMedian: number;
  readonly sightMsMax: number;
  /** From the last write until all have all. */
  readonly convergingMs: number;
  /** Null where it would take too long. */
  readonly healing: Healing | null;
}

export async function measureScale(sizes: readonly number[], progress: (line: string) => void): Promise<Scale[]> {
  const measured: Scale[] = [];
  for (const nodes of sizes) {
    progress(`scale: ${nodes} nodes`);
    measured.push(await inItsProcess(nodes));
  }
  return measured;
}

function inItsProcess(nodes: number): Promise<Scale> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./scale-cluster.ts', import.meta.url)), [], {
      execArgv: ['--import', 'tsx', '--max-old-space-size=14000', '--max-semi-space-size=128'],
    });
    child.once('message', (scale) => {
      resolve(scale as Scale);
      child.kill();
    });
    child.once('exit', (code) => reject(new Error(`the simulation of ${nodes} nodes ended with ${code}`)));
    child.send(nodes);
  });
}

/** One row a size. */
export function scaleTable(measured: readonly Scale[]): string {
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1);
  const rows = measured.map(({ nodes, writing, resting, healing, ...times }) => [
    String(nodes),
    ...[writing, resting].flatMap((cost) => [
      (cost.gossipMessages + cost.streamMessages).toFixed(0),
      kilobytes(cost.gossipBytes + cost.streamBytes),
      cost.processorMs.toFixed(1),
    ]),
    `${times.sightMsMedian.toFixed(1)} ms`,
    `${times.sightMsMax.toFixed(1)} ms`,
    `${times.convergingMs.toFixed(1)} ms`,
    `${(times.meetingMs / 1000).toFixed(1)} s`,
    healing === null ? '' : `${(healing.ms / 1000).toFixed(1)} s`,
    healing === null ? '' : kilobytes(healing.bytes),
  ]);
  const header = [
    'messages/s',
    'KB/s',
    'processor ms/s',
    'messages/s at rest',
    'KB/s at rest',
    'processor ms/s at rest',
  ];
  return table(
    [
      'nodes',
      ...header,
      'sight p50',
      'sight at most',
      'equal after',
      'all linked after',
      'equal after a cut',
      'KB for it',
    ],
    rows,
  );
}
