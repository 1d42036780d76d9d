/**
 * The long tests, which do not fit into `npm test`. Each runs real nodes as processes; exit code 1 if one fails.
 *
 *   npm run soak -- cuts     two nodes, the network between them cut for a minute, ten times (about 15 minutes; the
 *                            half of it needs root); --tries N, --cut-seconds N
 *   npm run soak -- partitions  three nodes, then five, on a network that delays, loses, doubles and reorders, cut off
 *                            from each other in four ways (about five minutes; needs root); --partitions N for each
 *                            (4), --partition-seconds N (30)
 *   npm run soak -- kills    three nodes, one killed with SIGKILL again and again (about three minutes); --kills N (30)
 *   npm run soak -- durability  one node alone, killed with SIGKILL and cut off from its power again and again: nothing
 *                            promised is lost (about five minutes; needs root); --kills N (30), --power-cuts N for each
 *                            policy (10)
 *   npm run soak -- clocks   three nodes whose clocks jump (about two minutes; needs libfaketime); --clock-jumps N (30)
 *   npm run soak -- steady   two nodes written to on a bounded set of keys: memory must not grow; --minutes N (30),
 *                            --per-second N on each node (1,000)
 *   npm run soak -- away     the same with a third member that is gone for good: log and memory must stay bounded;
 *                            --away-minutes N (10)
 *   npm run soak             all of them
 *
 * Those that draw print their seed; --seed N draws the same again, as far as real processes can do the same again.
 */
import { parseArgs } from 'node:util';
import { runClocks } from './soak/clocks.ts';
import { runCuts } from './soak/cuts.ts';
import { runDurability } from './soak/durability.ts';
import { runKills } from './soak/kills.ts';
import { runPartitions } from './soak/partitions.ts';
import { runSteady } from './soak/steady.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tries: { type: 'string', default: '10' },
    'cut-seconds': { type: 'string', default: '60' },
    partitions: { type: 'string', default: '4' },
    'partition-seconds': { type: 'string', default: '30' },
    kills: { type: 'string', default: '30' },
    'clock-jumps': { type: 'string', default: '30' },
    seed: { type: 'string', default: `${Date.now()}` },
    'power-cuts': { type: 'string', default: '10' },
    'away-minutes': { type: 'string', default: '10' },
    minutes: { type: 'string', default: '30' },
    'per-second': { type: 'string', default: '1000' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const SOAKS: Record<string, () => Promise<boolean>> = {
  cuts: () => runCuts({ tries: positive('tries'), cutSeconds: positive('cut-seconds') }),
  partitions: () =>
    runPartitions({
      partitions: positive('partitions'),
      partitionSeconds: positive('partition-seconds'),
      seed: positive('seed'),
    }),
  kills: () => runKills({ kills: positive('kills'), seed: positive('seed') }),
  durability: () => runDurability({ kills: positive('kills'), cuts: positive('power-cuts'), seed: positive('seed') }),
  clocks: () => runClocks({ jumps: positive('clock-jumps'), seed: positive('seed') }),
  steady: () => runSteady({ minutes: positive('minutes'), perSecond: positive('per-second'), away: false }),
  away: () => runSteady({ minutes: positive('away-minutes'), perSecond: positive('per-second'), away: true }),
};

const names = positionals.length > 0 ? positionals : Object.keys(SOAKS);
for (const name of names) if (!(name in SOAKS)) throw new Error(`${name} is none of ${Object.keys(SOAKS).join(', ')}`);
let good = true;
for (const name of names) {
  console.log(`soak ${name}`);
  if (!(await SOAKS[name]())) good = false;
}
process.exit(good ? 0 : 1);

function positive(name: keyof typeof flags): number {
  const number = Number(flags[name]);
  if (!(number > 0)) throw new Error(`--${name} takes a number above 0, not ${flags[name]}`);
  return number;
}
