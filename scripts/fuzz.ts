/**
 * npm run fuzz: bytes that no friend would send, for every part that reads bytes from outside.
 *
 *   npm run fuzz -- --seconds 60                     all targets, 60 s each
 *   npm run fuzz -- --seconds 60 --target envelope   this one
 *   npm run fuzz -- --executions 5000 --seed 7       so many inputs instead: the same ones again
 *   --keep findings | all | nothing   what goes to test/fuzz/corpus: what broke (default), also what reached something
 *                                     new, or nothing
 *
 * Ends with a line a target: runs, inputs that reached something new, findings. What is looked at stands in
 * docs/guarantees.md.
 */
import { parseArgs } from 'node:util';
import { runCampaign, type TargetResult } from '../test/fuzz/overseer.ts';
import { TARGET_NAMES } from '../test/fuzz/targets.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    executions: { type: 'string' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string' },
    keep: { type: 'string', default: 'findings' },
  },
});

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : whole('seed', values.seed);
const targets = values.target ?? TARGET_NAMES;
for (const target of targets) {
  if (!TARGET_NAMES.includes(target)) throw new RangeError(`--target ${target}: one of ${TARGET_NAMES.join(', ')}`);
}
console.log(`--seed ${seed}`);
let findings = 0;
for (const target of targets) {
  const [result] = await runCampaign({
    targets: [target],
    seconds: whole('seconds', values.seconds),
    executions: values.executions === undefined ? null : whole('executions', values.executions),
    seed,
    keep: kept(values.keep),
  });
  findings += result.found.length;
  print(result);
}
console.log(`${findings} findings`);
process.exitCode = findings === 0 ? 0 : 1;

function print({ target, executions, reached, ms, found }: TargetResult): void {
  const figures = `${executions} runs in ${Math.round(ms / 1000)} s, ${reached} inputs reached something new`;
  console.log(`${target.padEnd(14)} ${figures}, ${found.length} findings`);
  for (const { kind, what, base64, path } of found) {
    console.log(`  ${kind}: ${what.replaceAll('\n', '\n    ')}\n  ${path ?? `base64 ${base64.slice(0, 2000)}`}`);
  }
}

function kept(word: string): 'nothing' | 'findings' | 'all' {
  if (word === 'nothing' || word === 'findings' || word === 'all') return word;
  throw new RangeError(`--keep ${word}: nothing, findings or all`);
}

function whole(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`--${name} ${text}: a whole number`);
  return Number(text);
}
