/**
 * The process in which targets are fuzzed; overseer.ts starts it, and tells its arguments. It prints one line of JSON a
 * target. The clock stands still in it, so that the same seed draws the same.
 */
import { openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { keep } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { Fuzzer } from './fuzzer.ts';
import type { CampaignOptions, TargetResult } from './overseer.ts';
import type { Target } from './target.ts';

/** Kept inputs stay small. */
const KEPT_BYTES_MAX = 2048;
const NOW_MS = Date.UTC(2026, 0, 1);

const options = JSON.parse(process.argv[2]) as CampaignOptions;
const blackBox = openSync(options.blackBox, 'w');
const coverage = new Coverage();
let count = 0;
Date.now = () => NOW_MS;
// only now: what is compiled before has no counters
const { loadTarget } = await import('./targets.ts');

for (const name of options.targets) {
  const result = await fuzzOne(await loadTarget(name));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit(0);

async function fuzzOne(target: Target): Promise<TargetResult> {
  const fuzzer = new Fuzzer({ target, coverage, seed: options.seed, onRun: record });
  const begin = performance.now();
  await fuzzer.replay();
  const replayed = fuzzer.executions;
  const known = fuzzer.pool.length;
  const isOver = () =>
    options.executions !== null
      ? fuzzer.executions - replayed >= options.executions
      : performance.now() - begin >= options.seconds * 1000;
  await fuzzer.fuzz(isOver);
  const found = fuzzer.findings.map(({ kind, what, bytes }) => ({
    kind,
    what,
    base64: bytes.toString('base64'),
    path: options.keep === 'nothing' ? null : keep(target.name, `found-${kind}`, bytes),
  }));
  const { executions } = fuzzer;
  const reached = fuzzer.pool.length - known;
  if (options.keep === 'all') {
    const fresh = new Set(fuzzer.pool.slice(known));
    for (const bytes of await fuzzer.distil()) {
      if (fresh.has(bytes) && bytes.length <= KEPT_BYTES_MAX) keep(target.name, 'reaches', bytes);
    }
  }
  writeSync(blackBox, Buffer.alloc(8), 0, 8, 0);
  return { target: target.name, executions, replayed, reached, ms: performance.now() - begin, found };
}

/** The input that runs now, for whoever finds this process dead or stuck: its length, a count, the bytes. */
function record(bytes: Buffer): void {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(bytes.length + 1, 0);
  head.writeUInt32LE(count++ >>> 0, 4);
  writeSync(blackBox, Buffer.concat([head, bytes]), 0, 8 + bytes.length, 0);
}
