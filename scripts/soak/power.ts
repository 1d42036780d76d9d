/**
 * A node on a disk whose power is cut again and again while clients count (`INCR` on one key). With `appendfsync always`
 * every increment that was acknowledged before a cut must be there after it; with `everysec` all but those of the last
 * second. The log of what was acknowledged, and when, is kept here, outside the victim.
 */
import { clusterName } from '../../test/processes/cluster.ts';
import { freePort, NodeProcess, sleep, temporaryFolder } from '../../test/processes/node-process.ts';
import type { RespClient } from '../../test/processes/resp-client.ts';
import { LoopDisk } from '../../test/store/loop-disk.ts';

export interface PowerOptions {
  /** For each policy. */
  readonly cuts: number;
}

const CLIENTS = 20;
/** A node lives so long before each cut. */
const LIFE_MS = { min: 1500, max: 3000 };
/** `everysec` begins to sync once a second; the sync itself takes its time. */
const EVERYSEC_MS = 1200;

/** True if nothing was lost that must not be. */
export async function runPower({ cuts }: PowerOptions): Promise<boolean> {
  const disk = LoopDisk.make(temporaryFolder());
  if (disk === null) {
    console.log('SKIPPED power: needs root, a loop device and python3');
    return true;
  }
  let good = true;
  for (const policy of ['always', 'everysec']) good = (await cutAgainAndAgain(disk, policy, cuts)) && good;
  return good;
}

async function cutAgainAndAgain(disk: LoopDisk, policy: string, cuts: number): Promise<boolean> {
  const key = `counter:${policy}`;
  const port = await freePort();
  const flags = ['--appendfsync', policy, '--no-mdns', '--cluster', clusterName()];
  let promised = 0;
  let acknowledged = 0;
  let good = true;
  for (let cut = 0; cut < cuts; cut++) {
    const node = await NodeProcess.start({ directory: `${disk.place}/${policy}`, port, flags });
    const counted = Number((await node.must('GET', key)) ?? 0);
    if (counted < promised) {
      console.log(`LOST: ${counted} counted after cut ${cut}, ${promised} were promised`);
      good = false;
    }
    const pull = await disk.plug();
    const answers: { count: number; atMs: number }[] = [];
    let over = false;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => node.connect()));
    const work = Promise.all(clients.map((client) => count(client, key, answers, () => over)));
    await sleep(LIFE_MS.min + Math.random() * (LIFE_MS.max - LIFE_MS.min));
    over = true;
    const cutMs = performance.now();
    const before = answers.filter(({ atMs }) => policy === 'always' || atMs < cutMs - EVERYSEC_MS);
    promised = before.reduce((most, answer) => Math.max(most, answer.count), counted);
    acknowledged += answers.length;
    await pull();
    await node.kill();
    await work;
    disk.restore();
  }
  const node = await NodeProcess.start({ directory: `${disk.place}/${policy}`, port, flags });
  const counted = Number((await node.must('GET', key)) ?? 0);
  await node.kill();
  if (counted < promised) good = false;
  console.log(
    `${policy}: ${cuts} power cuts, ${acknowledged} increments acknowledged, ${counted} counted at the end, ` +
      `${promised} promised: ${good ? 'nothing promised was lost' : 'LOST'}`,
  );
  return good;
}

/** One client: counts until told to stop, or its node is gone. */
async function count(
  client: RespClient,
  key: string,
  answers: { count: number; atMs: number }[],
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const answer = await client.command('INCR', key).catch(() => null);
    // what comes after the cut promises nothing
    if (typeof answer !== 'number' || isOver()) break;
    answers.push({ count: answer, atMs: performance.now() });
  }
  client.close();
}
