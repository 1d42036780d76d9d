/**
 * npm run simulate: clusters of real nodes on virtual time, network and disks, by seed.
 *
 *   npm run simulate -- --seeds 2000            fresh seeds, on all cores
 *   npm run simulate -- --seeds 50 --seed 7     these seeds from 7 on
 *   npm run simulate -- --seed 7                one seed, twice, in full
 *   npm run simulate -- --planted               each planted bug must be noticed within 2,000 seeds
 *   --nodes 2-9   --jobs N   --stop (at the first failure)   --part NAME (only planted bugs whose name holds it)
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { describe, runCampaign } from '../test/simulation/campaign.ts';
import { runSeed } from '../test/simulation/run.ts';
import { plantBugs, tableOf } from './simulate/planted.ts';

const PLANTED_SEEDS_MAX = 2000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    nodes: { type: 'string' },
    jobs: { type: 'string' },
    stop: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    part: { type: 'string', default: '' },
  },
});

if (values.planted) process.exitCode = await planted();
else if (values.seed !== undefined && values.seeds === undefined) process.exitCode = await one();
else process.exitCode = await many();

async function planted(): Promise<number> {
  const results = await plantBugs({
    seedsMax: whole('seeds', PLANTED_SEEDS_MAX),
    first: whole('seed', 1),
    jobs: whole('jobs', availableParallelism()),
    part: values.part,
    onCaught: ({ bug, seeds, failure }) =>
      console.log(
        `${seeds === null ? 'NOT CAUGHT' : `caught after ${seeds} seeds`}: ${bug.name} (${failure.slice(0, 120)})`,
      ),
  });
  console.log(tableOf(results));
  const missed = results.filter(({ seeds }) => seeds === null).length;
  console.log(`${results.length - missed} of ${results.length} caught`);
  return missed === 0 ? 0 : 1;
}

async function one(): Promise<number> {
  const options = { seed: whole('seed', 0), nodes: nodes() };
  const result = await runSeed(options);
  const again = await runSeed(options);
  const { faults, failure, ...figures } = result;
  console.log({ ...figures, faults: Object.fromEntries(faults) });
  if (again.hash !== result.hash) console.log(`NOT DETERMINISTIC: the second run's hash is ${again.hash}`);
  console.log(failure === null ? 'every promise was kept' : `FAILED: ${failure}`);
  return failure === null && again.hash === result.hash ? 0 : 1;
}

async function many(): Promise<number> {
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 40) : whole('seed', 0);
  const count = whole('seeds', 200);
  console.log(`${count} seeds from ${first} on`);
  const begin = performance.now();
  let done = 0;
  const summary = await runCampaign({
    seeds: Array.from({ length: count }, (_, index) => first + index),
    nodes: nodes(),
    jobs: whole('jobs', availableParallelism()),
    onResult: ({ seed, failure }) => {
      if (failure !== null) console.log(`--seed ${seed}: ${failure}`);
      if (++done % 1000 === 0) console.log(`${done} seeds, ${Math.round((performance.now() - begin) / 1000)} s`);
      return values.stop && failure !== null;
    },
  });
  console.log(describe(summary));
  console.log(`${((performance.now() - begin) / 1000).toFixed(0)} s of real time`);
  return summary.failures.length === 0 ? 0 : 1;
}

function nodes(): number | undefined {
  if (values.nodes === undefined) return undefined;
  const count = whole('nodes', 0);
  if (count < 2 || count > 9) throw new RangeError(`--nodes ${count}: from 2 to 9`);
  return count;
}

function whole(name: 'seeds' | 'seed' | 'nodes' | 'jobs', otherwise: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) throw new RangeError(`--${name} ${text}: a whole number`);
  return Number(text);
}
