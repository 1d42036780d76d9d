/**
 * What `--mesh-thread yes` takes from the command thread, and what it costs besides: two pairs of nodes, one of each kind,
 * under the same SETs in turns. Processor time tells more than rates: where there are cores enough, the busiest thread
 * bounds what a node does, and where there are not, the sum of all does.
 */
import { CLIENTS } from './redis-benchmark.ts';
import { table } from './report.ts';
import { median } from './statistics.ts';
import { Subject } from './subject.ts';

export interface ThreadCell {
  readonly thread: 'yes' | 'no';
  readonly depth: number;
  /** Requests a second, round by round. */
  readonly rates: number[];
  /** Microseconds for each request: of the node's command thread, of all of its process, of its peer's process. */
  readonly commandMicros: number[];
  readonly nodeMicros: number[];
  readonly peerMicros: number[];
}

const KINDS = ['no', 'yes'] as const;
const REQUESTS = { unpipelined: 100_000, pipelined: 500_000 };

export async function measureMeshThread(
  depths: readonly number[],
  rounds: number,
  progress: (line: string) => void,
): Promise<ThreadCell[]> {
  const pairs = new Map<ThreadCell['thread'], Subject>();
  for (const kind of KINDS) pairs.set(kind, await Subject.startNodes(['--mesh-thread', kind]));
  const cells = KINDS.flatMap((thread) =>
    depths.map((depth) => ({ thread, depth, rates: [], commandMicros: [], nodeMicros: [], peerMicros: [] })),
  );
  // round 0 warms up
  for (let round = 0; round <= rounds; round++) {
    for (const cell of [...cells].sort((one, other) => one.depth - other.depth)) {
      const pair = pairs.get(cell.thread);
      if (pair === undefined) throw new Error(`no pair for ${cell.thread}`);
      const sample = await measure(pair, cell.depth);
      progress(`mesh-thread ${cell.thread}, depth ${cell.depth}: ${Math.round(sample.rate)}/s`);
      if (round > 0) note(cell, sample);
    }
  }
  await Promise.all([...pairs.values()].map((pair) => pair.stop()));
  return cells;
}

interface Sample {
  readonly rate: number;
  readonly commandMicros: number;
  readonly nodeMicros: number;
  readonly peerMicros: number;
}

/** Until the peer has it all, so that what is still to be sent counts as well. */
async function measure(pair: Subject, depth: number): Promise<Sample> {
  const { entry, peer } = pair;
  if (peer === null) throw new Error('a pair without a peer');
  const requests = depth === 1 ? REQUESTS.unpipelined : REQUESTS.pipelined;
  const spent = () => [entry.commandThreadMs(), entry.processorMs(), peer.processorMs()];
  const before = spent();
  const { rate } = await pair.load({ test: 'set', depth, requests, valueBytes: 16 });
  await pair.rest();
  const [commandMicros, nodeMicros, peerMicros] = spent().map((ms, index) => ((ms - before[index]) * 1000) / requests);
  return { rate, commandMicros, nodeMicros, peerMicros };
}

function note(cell: ThreadCell, { rate, commandMicros, nodeMicros, peerMicros }: Sample): void {
  cell.rates.push(rate);
  cell.commandMicros.push(commandMicros);
  cell.nodeMicros.push(nodeMicros);
  cell.peerMicros.push(peerMicros);
}

export function meshThreadTable(cells: readonly ThreadCell[]): string {
  const headers = ['SET/s', 'command thread, µs', 'whole node, µs', 'its peer, µs'];
  const rows = cells.map(({ thread, depth, rates, commandMicros, nodeMicros, peerMicros }) => [
    ...[thread, String(depth), Math.round(median(rates)).toLocaleString('en-US')],
    ...[commandMicros, nodeMicros, peerMicros].map((samples) => median(samples).toFixed(2)),
  ]);
  return table([`mesh-thread (${CLIENTS} clients, for each SET)`, 'depth', ...headers], rows);
}
