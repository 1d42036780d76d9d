/**
 * The long tests, which do not fit into `npm test`. Each runs real nodes as processes; exit code 1 if one fails.
 *
 *   npm run soak -- cuts     two nodes, the network between them cut for a minute, ten times (about 15 minutes; the
 *                            half of it needs root); --tries N, --cut-seconds N
 */
import { parseArgs } from 'node:util';
import { runCuts } from './soak/cuts.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tries: { type: 'string', default: '10' },
    'cut-seconds': { type: 'string', default: '60' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const SOAKS: Record<string, () => Promise<boolean>> = {
  cuts: () => runCuts({ tries: positive('tries'), cutSeconds: positive('cut-seconds') }),
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
