/** What the tests share that send random commands to both servers: how often keys were found, and how a difference is told. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { BothServers } from './differential.ts';

/** Both servers start counting hits and misses anew. */
export async function resetHits(both: BothServers): Promise<void> {
  await both.answersOfRedis(['CONFIG RESETSTAT']);
  both.services.statistics.reset();
}

export async function assertSameHits(both: BothServers): Promise<void> {
  const [info] = await both.answersOfRedis(['INFO stats']);
  const figure = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(info.toString('latin1'))?.[1]);
  const { keyspaceHits, keyspaceMisses } = both.services.statistics;
  const starling = `${keyspaceHits} hits, ${keyspaceMisses} misses`;
  assert.is(starling, `${figure('keyspace_hits')} hits, ${figure('keyspace_misses')} misses`, 'hits and misses');
}

/** Throws with the seed, the path and the shortest commands that were found to fail. */
export async function assertHolds<T extends [unknown, ...unknown[]]>(
  property: fc.IAsyncProperty<T>,
  numRuns: number,
  wantedSeed: number,
): Promise<void> {
  const details = await fc.check(property, { numRuns, seed: wantedSeed });
  const { failed, errorInstance, seed, counterexamplePath, counterexample } = details;
  if (!failed) return;
  const shown = JSON.stringify(counterexample);
  throw new Error(`seed ${seed}, path ${counterexamplePath}: ${String(errorInstance)} after ${shown}`);
}
