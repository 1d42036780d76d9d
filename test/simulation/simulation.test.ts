/**
 * Whole clusters by seed: the kept seeds, and fresh ones each time. What fails is replayed with
 * `npm run simulate -- --seed S`.
 */
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
  const first = Math.floor(Math.random() * 2 ** 40);
  return assertClean({ seeds: Array.from({ length: FRESH_SEEDS }, (_, index) => first + index) });
});

test.run();
