/**
 * A node alone, which no peer can make up for, with clients that write all the while; killed with SIGKILL and cut off from
 * its power in turn (its disk is shut down without flushing anything). With `appendfsync always` every write that was
 * acknowledged before must be there after each, with `everysec` all but those of the last second. The log of what was
 * acknowledged, and when, is kept here, outside the victim.
 */
import { clusterName } from '../../test/processes/cluster.ts';
import { described } from '../../test/processes/healed.ts';
import { type Entry, Ledger } from '../../test/processes/ledger.ts';
import { whileWriting } from '../../test/processes/ledger-writer.ts';
import { freePort, NodeProcess, sleep, temporaryFolder } from '../../test/processes/node-process.ts';
import { Random } from '../../test/simulation/random.ts';
import { LoopDisk } from '../../test/store/loop-disk.ts';

export interface DurabilityOptions {
  /** With `always` only: with `everysec` a kill proves nothing, since the system keeps what was written. */
  readonly kills: number;
  /** For each policy. */
  readonly cuts: number;
  readonly seed: number;
}

const CLIENTS = 4;
const PER_SECOND = 400;
/** A node lives so long before each end. */
const LIFE_MS = { min: 1500, max: 3000 };
/** `everysec` begins to sync once a second; the sync itself takes its time. */
const EVERYSEC_MS = 1200;

const KINDS = ['kill -9', 'power cut'] as const;
type End = (typeof KINDS)[number];
type Policy = 'always' | 'everysec';

/** True if nothing was lost that must not be. */
export async function runDurability({ kills, cuts, seed }: DurabilityOptions): Promise<boolean> {
  console.log(`seed ${seed}`);
  const disk = LoopDisk.make(temporaryFolder());
  if (disk === null) {
    console.log('SKIPPED durability: needs root, a loop device and python3');
    return true;
  }
  const random = new Random(seed);
  const both: readonly [End, number][] = [
    ['kill -9', kills],
    ['power cut', cuts],
  ];
  const always = await endAgainAndAgain(disk, 'always', drawEnds(both, random), random);
  const everysec = await endAgainAndAgain(disk, 'everysec', drawEnds([['power cut', cuts]], random), random);
  return always && everysec;
}

/** So many of each, in any order. */
function drawEnds(counts: readonly (readonly [End, number])[], random: Random): End[] {
  const left = counts.flatMap(([end, count]) => Array.from({ length: count }, () => end));
  const drawn: End[] = [];
  while (left.length > 0) drawn.push(...left.splice(random.below(left.length), 1));
  return drawn;
}

/** How a life ended, and what was written in it. */
interface Past {
  readonly end: End;
  /** What was acknowledged by then was so with the power on. */
  readonly endMs: number;
  /** Acknowledged so late that `everysec` does not promise them. */
  readonly unpromised: readonly Entry[];
}

async function endAgainAndAgain(disk: LoopDisk, policy: Policy, ends: End[], random: Random): Promise<boolean> {
  const flags = ['--appendfsync', policy, '--no-mdns', '--cluster', clusterName(), '--log-max-bytes', '32mb'];
  const options = { directory: `${disk.place}/${policy}`, port: await freePort(), flags };
  const ledger = new Ledger(random.fork());
  const tally = { acknowledged: 0, gone: 0, oldestGoneMs: 0 };
  let past: Past | null = null;
  for (let life = 0; ; life++) {
    const node = await NodeProcess.start(options);
    if (past !== null && !(await isHonest(node, ledger, past, tally))) {
      await node.kill();
      console.log(`${policy}: after ${life} ends, the last one a ${past.end}: MISSED`);
      return false;
    }
    if (life > 0 && life % 10 === 0) console.log(`${policy}: ${life} of ${ends.length} ends, ${describe(tally)}`);
    if (life === ends.length) {
      await node.kill();
      break;
    }
    const before = ledger.acknowledged;
    const endMs = await liveAndEnd(node, ends[life], disk, ledger, random);
    if (ends[life] === 'power cut') ledger.doubtSince(endMs);
    tally.acknowledged += ledger.acknowledged - before;
    const unpromised = policy === 'everysec' ? ledger.doubtSince(endMs - EVERYSEC_MS) : [];
    past = { end: ends[life], endMs, unpromised };
  }
  const kinds = KINDS.filter((kind) => ends.includes(kind));
  const counts = kinds.map((kind) => `${ends.filter((end) => end === kind).length} × ${kind}`).join(', ');
  console.log(
    `${policy}: ${counts}: ${describe(tally)}; nothing that was promised was lost, nothing unwritten shows: ok`,
  );
  return true;
}

/** Gives the moment before which what was acknowledged was so with the power on. */
async function liveAndEnd(
  node: NodeProcess,
  end: End,
  disk: LoopDisk,
  ledger: Ledger,
  random: Random,
): Promise<number> {
  const clients = Array.from({ length: CLIENTS }, () => node);
  const pull = end === 'power cut' ? await disk.plug() : null;
  let endMs = 0;
  // without power the disk answers with errors, until the process ends as well
  await whileWriting(clients, ledger, { perSecond: PER_SECOND, errorsExpected: true }, async () => {
    await sleep(random.between(LIFE_MS.min, LIFE_MS.max));
    endMs = performance.now();
    await pull?.();
    await node.kill();
  });
  if (pull !== null) disk.restore();
  return endMs;
}

interface Tally {
  acknowledged: number;
  /** Additions of the last second before a power cut that are not there, as `everysec` allows. */
  gone: number;
  /** How long before its power cut the oldest of these was acknowledged. */
  oldestGoneMs: number;
}

async function isHonest(node: NodeProcess, ledger: Ledger, past: Past, tally: Tally): Promise<boolean> {
  const findings = await ledger.examine(node);
  const gone = await ledger.missing(node, past.unpromised);
  tally.gone += gone.length;
  for (const { atMs } of gone) tally.oldestGoneMs = Math.max(tally.oldestGoneMs, past.endMs - atMs);
  const faults = described(findings);
  if (faults !== '') console.log(faults);
  return faults === '';
}

function describe({ acknowledged, gone, oldestGoneMs }: Tally): string {
  const late = gone === 0 ? '' : `, ${gone} gone of the last ${(oldestGoneMs / 1000).toFixed(2)} s before a power cut`;
  return `${acknowledged} writes acknowledged${late}`;
}
