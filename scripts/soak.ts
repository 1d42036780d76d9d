/**
 * The long tests, which do not fit into `npm test`. Each runs real nodes as processes; exit code 1 if one fails.
 *
 *   npm run soak -- cuts     two nodes, the network between them cut for a minute, ten times (about 15 minutes; the
 *                            half of it needs root); --tries N, --cut-seconds N
 *   npm run soak -- kills    three nodes, 100,000 increments, one node killed with SIGKILL again and again (about two
 *                            minutes); --increments N
 *   npm run soak -- power    one node whose disk loses its power again and again under clients that count: nothing
 *                            promised is lost (about two minutes; needs root); --power-cuts N for each policy (10)
 *   npm run soak -- steady   two nodes written to on a bounded set of keys: memory must not grow; --minutes N (30),
 *                            --per-second N on each node (1,000)
 *   npm run soak -- away     the same with a third member that is gone for good: log and memory must stay bounded;
 *                            --away-minutes N (10)
 *   npm run soak             all of them
 */
import { parseArgs } from 'node:util';
import { runCuts } from './soak/cuts.ts';
import { runKills } from './soak/kills.ts';
import { runPower } from './soak/power.ts';
import { runSteady } from './soak/steady.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tries: { type: 'string', default: '10' },
    'cut-seconds': { type: 'string', default: '60' },
    increments: { type: 'string', default: '100000' },
    'power-cuts': { type: 'string', default: '10' },
    'away-minutes': { type: 'string', default: '10' },
    minutes: { type: 'string', default: '30' },
    'per-second': { type: 'string', default: '1000' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const SOAKS: Record<string, () => Promise<boolean>> = {
  cuts: () => runCuts({ tries: positive('tries'), cutSeconds: positive('cut-seconds') }),
  kills: () => runKills({ increments: positive('increments') }),
  power: () => runPower({ cuts: positive('power-cuts') }),
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
