/**
 * Memory under steady writing: two nodes take writes, deletes and expiries on a bounded set of keys, and in the
 * second half of the time neither may go on growing. The first half is for filling the log in memory up to its limit of
 * 64 MiB, which takes about six minutes at 1,000 writes a second on each: shorter soaks than twelve minutes see that.
 */
import { startCluster } from '../../test/processes/cluster.ts';
import { converged, killAll, type NodeProcess, sleep } from '../../test/processes/node-process.ts';
import { median } from '../bench/statistics.ts';
import { mixedWrite, Writer } from './writer.ts';

export interface SteadyOptions {
  readonly minutes: number;
  /** Writes a second on each node. */
  readonly perSecond: number;
  /** A third member is gone for good from the beginning: nothing may be kept for it without end. */
  readonly away: boolean;
}

const SAMPLES = 60;
/** With a member away the log on disk must reach its limit within the first half. */
const AWAY_LOG_BYTES = 8 * 2 ** 20;
/** It is cut after checkpoints, so for a while there is more. */
const LOG_BYTES_FREE = 3;
const COUNTERS = 1000;
/** Each has at most a tally of either node, and one counter more is never cancelled. */
const PENDING_MAX = 2 * COUNTERS;
const FORGOTTEN_MS_MAX = 5000;
const CONVERGED_MS_MAX = 30_000;
/** Between medians of steady quarters the garbage collector's swing was below 10 MB. */
const GROWTH_MAX = 1.05;
const GROWTH_BYTES_FREE = 16 * 2 ** 20;

/** True if both nodes are steady and equal in the end. */
export async function runSteady({ minutes, perSecond, away }: SteadyOptions): Promise<boolean> {
  const flags = away ? ['--log-max-bytes', `${AWAY_LOG_BYTES}`] : [];
  const all = await startCluster(away ? 3 : 2, () => ({ flags }));
  const nodes = all.slice(0, 2);
  try {
    await Promise.all(all.slice(2).map((node) => node.kill()));
    const writers = await Promise.all(nodes.map((node, side) => Writer.start(node, `side${side}`, perSecond, write)));
    const resident: number[][] = nodes.map(() => []);
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await sleep((minutes * 60_000) / SAMPLES);
      for (const [index, node] of nodes.entries()) resident[index].push(await residentBytes(node));
      if (sample % 5 === 0) console.log(`${Math.round((sample * 100) / SAMPLES)} %  ${await describe(nodes)}`);
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    await converged(nodes, CONVERGED_MS_MAX);
    const writes = writers.reduce((sum, writer) => sum + writer.writes, 0);
    let good = true;
    for (const [index, samples] of resident.entries()) {
      const { before, after, steady } = judge(samples);
      good &&= steady;
      console.log(`node ${index}: ${megabytes(before)} -> ${megabytes(after)}  ${steady ? 'ok' : 'MISSED'}`);
    }
    for (const [index, node] of nodes.entries()) {
      const onDisk = Number(await node.info('aof_current_size'));
      const bounded = !away || onDisk <= AWAY_LOG_BYTES * LOG_BYTES_FREE;
      good &&= bounded;
      console.log(`node ${index}: ${megabytes(onDisk)} of log on disk  ${bounded ? 'ok' : 'MISSED'}`);
    }
    if (away) good = (await forgets(nodes)) && good;
    console.log(`${writes} writes, equal digests`);
    return good;
  } finally {
    await killAll(all);
  }
}

/** The member that is away is forgotten on one node: then nothing is kept for it on either. */
async function forgets(nodes: readonly NodeProcess[]): Promise<boolean> {
  const pending = () => Promise.all(nodes.map(async (node) => Number(await node.info('crdt_gc_pending'))));
  const before = await pending();
  const gone = /id=([^,]+),[^\n]*state=down/.exec(String(await nodes[0].must('INFO', 'crdt')))?.[1] ?? '';
  await nodes[0].must('MESH', 'FORGET', gone);
  await sleep(FORGOTTEN_MS_MAX);
  const after = await pending();
  const good = before.every((count) => count > 0 && count <= PENDING_MAX) && after.every((count) => count === 0);
  console.log(
    `cancelled counters: ${before.join(', ')} -> ${after.join(', ')} when forgotten  ${good ? 'ok' : 'MISSED'}`,
  );
  return good;
}

/** The third quarter of the samples against the last; the first half is for warming up. */
export function judge(samples: readonly number[]): { before: number; after: number; steady: boolean } {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) throw new RangeError(`${samples.length} samples are too few`);
  const before = median(samples.slice(-2 * quarter, -quarter));
  const after = median(samples.slice(-quarter));
  return { before, after, steady: after <= before * GROWTH_MAX + GROWTH_BYTES_FREE };
}

/** Every tenth write is a value that expires, and every tenth counts, or deletes what was counted. */
function write(index: number, name: string): string[] {
  if (index % 10 === 6) return [index % 30 === 6 ? 'DEL' : 'INCR', `counted:${Math.floor(index / 30) % COUNTERS}`];
  if (index % 10 === 3) return ['SET', `expiring:${index % 1000}`, `${name}-${index}`, 'PX', '2000'];
  return mixedWrite(index, name);
}

async function residentBytes(node: NodeProcess): Promise<number> {
  const bytes = Number(await node.info('used_memory_rss'));
  if (!(bytes > 0)) throw new Error('INFO has no used_memory_rss');
  return bytes;
}

async function describe(nodes: readonly NodeProcess[]): Promise<string> {
  const each = nodes.map(async (node) => {
    const [resident, log, disk] = [
      await residentBytes(node),
      await node.info('crdt_log_bytes'),
      await node.info('aof_current_size'),
    ];
    return `rss ${megabytes(resident)} (log ${megabytes(Number(log))}, on disk ${megabytes(Number(disk))})`;
  });
  return (await Promise.all(each)).join('  ');
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
