/**
 * Random commands of a group against a real redis-server, in both protocols: so many of the group itself are compared
 * each time, and how many it were is printed. PROPERTY_COMMANDS sets how many, PROPERTY_SEED which; a failure is shrunk.
 */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { commandRegistry } from '../conformance/services.ts';
import { argumentsOf, BothServers, differentialTest, type Request } from './differential.ts';

export const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
/** Of each group in each protocol: with both, 20,000 of every group. */
const COMMANDS_MIN = Number(process.env.PROPERTY_COMMANDS ?? 10_000);
/** Sequences between two looks at how many commands those were. */
const BATCH = 10;

export interface RandomGroup {
  /** As COMMAND DOCS names them; of each there are enough. */
  readonly groups: readonly string[];
  /** The part of COMMANDS_MIN that is enough: where each brings several of other groups. */
  readonly share?: number;
  /** For both servers. */
  readonly directives?: Readonly<Record<string, string>>;
  /** Sent to clean databases before each sequence. */
  readonly before: readonly Request[];
  readonly sequences: fc.Arbitrary<readonly Request[]>;
  /** What must be answered alike in the end, whatever the replies were. */
  readonly last: readonly Request[];
  /** How replies are compared; by their bytes unless given. */
  readonly compare?: (both: BothServers, requests: readonly Request[]) => Promise<void>;
  /** Hits and misses are the same, too. */
  readonly countsHits?: boolean;
}

/** A command of such words: a text stands for itself. */
export function words(
  ...parts: readonly (string | fc.Arbitrary<string | readonly string[]>)[]
): fc.Arbitrary<string[]> {
  const each = parts.map((part) => (typeof part === 'string' ? fc.constant<string | readonly string[]>(part) : part));
  return fc.tuple(...each).map((all) => all.flat());
}

/** One test for each protocol. Once a file. */
export function testRandomGroup(random: RandomGroup): void {
  const { groups, share = 1, directives, before, sequences, last, countsHits = false } = random;
  const { compare = (both, requests) => both.compare(requests) } = random;
  let opened: BothServers | undefined;
  test.before(() => console.log(`PROPERTY_SEED=${SEED}`));
  test.after(() => opened?.close());
  for (const protocol of [2, 3] as const) {
    differentialTest(
      `random ${groups.join(' and ')} commands are answered as by Redis in RESP${protocol}`,
      async () => {
        opened ??= await BothServers.open(directives);
        const both = opened;
        await assertManyHold(
          `RESP${protocol}`,
          groups,
          sequences,
          async (commands) => {
            await both.speak(protocol);
            await both.answers(['SELECT 0', 'FLUSHALL', ...before]);
            if (countsHits) await resetHits(both);
            await compare(both, commands);
            if (countsHits) await assertSameHits(both);
            await compare(both, last);
            return commands;
          },
          share,
        );
      },
    );
  }
}

/**
 * Runs random sequences until enough commands of each group were compared, and prints how many; `compare` gives those of
 * one sequence.
 */
export async function assertManyHold<T>(
  title: string,
  groups: readonly string[],
  sequences: fc.Arbitrary<T>,
  compare: (sequence: T) => Promise<readonly Request[]>,
  share = 1,
): Promise<void> {
  const counts = new Map(groups.map((group) => [group, 0]));
  const property = fc.asyncProperty(sequences, async (sequence) => {
    for (const request of await compare(sequence)) {
      const group = groupOf(request);
      const count = counts.get(group);
      if (count !== undefined) counts.set(group, count + 1);
    }
  });
  // a failure in a later batch is the first of a run with its seed
  for (let batch = 0; Math.min(...counts.values()) < COMMANDS_MIN * share; batch++)
    await assertHolds(property, BATCH, SEED + batch);
  const told = [...counts].map(([group, count]) => `${count} ${group}`).join(', ');
  console.log(`${title}: ${told} commands compared`);
}

function groupOf(request: Request): string {
  const [name] = argumentsOf(request);
  return commandRegistry.lookup(new Slice(Buffer.from(name ?? '')))?.command.group ?? '';
}

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
  throw new Error(`PROPERTY_SEED=${seed}, path ${counterexamplePath}: ${String(errorInstance)} after ${shown}`);
}
