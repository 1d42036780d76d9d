/**
 * npm test: runs every test/**\/*.test.ts as a process of its own, units first, and closes with the line
 * `N passed, N failed`. Arguments pick files by parts of their path:
 *
 *   npm test -- store resp/
 *
 * One line a file; the output of a file only if something in it failed. A file that crashes, runs into its time
 * limit, or runs no test at all counts as one failure. Skipped tests are listed, and never counted as passed.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { bundleAll } from '../test/bundle.ts';
import { BUNDLE_VARIABLE } from '../test/processes/program.ts';

interface Phase {
  readonly name: string;
  /** First folder under test/. Empty: every folder that no other phase names. */
  readonly folders: readonly string[];
  readonly parallel: number;
  readonly limitMs: number;
}

/**
 * Phases of one stage run at once, stages one after another. What runs whole nodes comes last: it is about time and
 * networks, and waits more than it works.
 */
const STAGES: readonly (readonly Phase[])[] = [
  [{ name: 'units', folders: [], parallel: 2, limitMs: 120_000 }],
  [
    {
      name: 'wholes',
      folders: ['conformance', 'simulation', 'redis', 'apps', 'examples'],
      parallel: 2,
      limitMs: 600_000,
    },
  ],
  [{ name: 'nodes', folders: ['cli', 'mesh', 'processes'], parallel: 4, limitMs: 150_000 }],
];

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly ms: number;
  /** Why it failed beyond its tests: crashed, timed out, ran nothing. */
  readonly trouble: string | null;
  readonly output: string;
}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const filters = process.argv.slice(2);
const files = findTests(join(ROOT, 'test')).filter(
  (file) => filters.length === 0 || filters.some((part) => file.includes(part)),
);
const NODE = 'src/cli.ts';
/** Goes by what is covered of single sources. */
const UNBUNDLED = 'fuzz';
const bundles = await bundleAll([NODE, ...files.filter((file) => file.split('/')[1] !== UNBUNDLED)]);
process.env[BUNDLE_VARIABLE] = bundles.get(NODE);
const outcomes: Outcome[] = [];
for (const stage of STAGES) {
  const run = stage.map((phase) =>
    runPhase(
      phase,
      files.filter((file) => phaseOf(file) === phase),
    ),
  );
  outcomes.push(...(await Promise.all(run)).flat());
}
process.exitCode = report(outcomes);

function findTests(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

function phaseOf(file: string): Phase {
  const folder = file.split('/')[1];
  return STAGES.flat().find((phase) => phase.folders.includes(folder)) ?? STAGES[0][0];
}

async function runPhase(phase: Phase, queue: string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = [...queue];
  const worker = async (): Promise<void> => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const outcome = await runFile(file, phase.limitMs);
      printOutcome(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: phase.parallel }, worker));
  return outcomes;
}

function programOf(file: string): string[] {
  const bundle = bundles.get(file);
  return bundle === undefined ? ['--import', 'tsx', file] : ['--enable-source-maps', bundle];
}

function runFile(file: string, limitMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const begin = performance.now();
    // A process group of its own, so that what a test started goes with it.
    const child = spawn(process.execPath, programOf(file), {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, limitMs);
    let exit = '';
    child.on('error', (error) => {
      exit = error.message;
    });
    child.on('exit', (code, signal) => {
      exit = signal === null ? `exit code ${code}` : `signal ${signal}`;
      killGroup(child.pid);
    });
    child.on('close', () => {
      clearTimeout(timer);
      const output = Buffer.concat(chunks).toString();
      const trouble = timedOut ? `over its limit of ${limitMs / 1000} s` : exit;
      resolve(judge(file, output, trouble, performance.now() - begin));
    });
  });
}

/** uvu's closing figures against how the process ended. */
function judge(file: string, output: string, ending: string, ms: number): Outcome {
  const total = figure(output, 'Total');
  const passed = figure(output, 'Passed') ?? 0;
  const skipped = figure(output, 'Skipped') ?? 0;
  // uvu leaves skipped tests out of its total.
  const failed = (total ?? 0) - passed;
  let trouble: string | null = null;
  if (total === null) trouble = `ended without a result: ${ending}`;
  else if (total + skipped === 0) trouble = 'ran no test';
  else if (ending !== 'exit code 0' && failed === 0) trouble = `all tests passed, then: ${ending}`;
  return { file, passed, failed: failed + (trouble === null ? 0 : 1), skipped, ms, trouble, output };
}

function figure(output: string, label: string): number | null {
  const matches = [...output.matchAll(new RegExp(`^  ${label}:\\s+(\\d+)$`, 'gm'))];
  const last = matches.at(-1);
  return last === undefined ? null : Number(last[1]);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Nothing of it is left: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function printOutcome({ file, passed, failed, skipped, ms, trouble, output }: Outcome): void {
  const mark = failed > 0 ? 'FAIL' : 'ok';
  const rest = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${mark.padEnd(4)} ${file}  ${passed} of ${passed + failed}${rest}  ${(ms / 1000).toFixed(1)} s`);
  for (const line of output.split('\n')) if (/^(SKIPPED|PENDING)/.test(line)) console.log(`     ${line}`);
  if (failed === 0) return;
  console.log(output.replace(/^/gm, '     | '));
  if (trouble !== null) console.log(`     ${trouble}`);
}

function report(outcomes: readonly Outcome[]): number {
  const sum = (pick: (outcome: Outcome) => number): number => outcomes.reduce((total, each) => total + pick(each), 0);
  const failed = sum((each) => each.failed) + (outcomes.length === 0 ? 1 : 0);
  const skipped = sum((each) => each.skipped);
  if (outcomes.length === 0) console.log(`no test file matches ${filters.join(' ')}`);
  for (const each of outcomes) if (each.failed > 0) console.log(`failed: ${each.file}`);
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${sum((each) => each.passed)} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}
