/**
 * Whole clusters by seed: the kept seeds, and ones that are fresh for each commit, so that the same commit fails or not
 * wherever it is tested. What fails is replayed with `npm run simulate -- --seed S`; seeds that are fresh each time come
 * from `npm run simulate -- --seeds N`.
 */
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CampaignOptions, describe, runCampaign } from './campaign.ts';
import { KEPT_SEEDS } from './kept-seeds.ts';

const FRESH_SEEDS = 2000;
const JOBS = 2;

async function assertClean(options: Pick<CampaignOptions, 'seeds'>): Promise<void> {
  const summary = await runCampaign({ ...options, jobs: JOBS });
  console.log(describe(summary));
  const failures = summary.failures.map(({ seed, failure }) => `--seed ${seed}: ${failure}`);
  assert.equal(failures, [], failures.join('\n'));
}

test('every seed that once failed keeps every promise', () =>
  assertClean({ seeds: KEPT_SEEDS.map(({ seed }) => seed) }));

test(`${FRESH_SEEDS} fresh seeds keep every promise`, () => {
  const first = firstSeed();
  console.log(`seeds from ${first} on`);
  return assertClean({ seeds: Array.from({ length: FRESH_SEEDS }, (_, index) => first + index) });
});

/** Of 40 bits: by the commit that is checked out, or by chance where there is none. */
function firstSeed(): number {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' });
  const [bits] = /^[0-9a-f]{10}/.exec(stdout ?? '') ?? [];
  return bits === undefined ? Math.floor(Math.random() * 2 ** 40) : Number.parseInt(bits, 16);
}

test.run();
