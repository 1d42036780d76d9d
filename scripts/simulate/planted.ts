/** npm run simulate -- --planted: each bug of the list in a copy of the source, and how many seeds it took to be noticed. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLANTED_BUGS, type PlantedBug } from '../../test/simulation/planted-bugs.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COPIED = ['src', 'test/simulation', 'test/bundle.ts', 'scripts', 'package.json', 'tsconfig.json'];

export interface Caught {
  readonly bug: PlantedBug;
  /** Seeds until the first failure; null: none in `seedsMax`. */
  readonly seeds: number | null;
  /** What the failure said, in a line. */
  readonly failure: string;
}

/** Plants one bug after the other. `part`: those whose name holds it. */
export async function plantBugs(options: {
  seedsMax: number;
  first: number;
  jobs: number;
  part: string;
  onCaught(caught: Caught): void;
}): Promise<Caught[]> {
  const results: Caught[] = [];
  for (const bug of PLANTED_BUGS) {
    if (!bug.name.includes(options.part)) continue;
    const caught = await plant(bug, options);
    options.onCaught(caught);
    results.push(caught);
  }
  return results;
}

async function plant(
  bug: PlantedBug,
  { seedsMax, first, jobs }: { seedsMax: number; first: number; jobs: number },
): Promise<Caught> {
  const copy = mkdtempSync(join(tmpdir(), 'starling-planted-'));
  try {
    for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    patch(join(copy, bug.file), bug);
    const output = await run(copy, ['--seeds', `${seedsMax}`, '--seed', `${first}`, '--jobs', `${jobs}`, '--stop']);
    const failed = /^--seed (\d+): (.*)$/m.exec(output);
    return {
      bug,
      seeds: failed === null ? null : Number(failed[1]) - first + 1,
      failure: failed === null ? output.trim().slice(-300) : failed[2],
    };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function patch(path: string, { name, find, replace, also }: PlantedBug): void {
  let text = readFileSync(path, 'utf8');
  for (const each of [{ find, replace }, ...(also === undefined ? [] : [also])]) {
    const places = text.split(each.find).length - 1;
    if (places !== 1) throw new Error(`planted bug '${name}': its text stands ${places} times in ${path}`);
    text = text.replace(each.find, () => each.replace);
  }
  writeFileSync(path, text);
}

function run(directory: string, flags: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/simulate.ts', ...flags], { cwd: directory });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

/** The table for docs/guarantees.md. */
export function tableOf(results: readonly Caught[]): string {
  const rows = results.map(
    ({ bug, seeds, failure }) =>
      `| ${bug.name} | ${seeds ?? 'NOT CAUGHT'} | ${/^I\d+/.exec(failure)?.[0] ?? 'other'} |`,
  );
  return ['| planted bug | caught after seeds | by |', '| --- | --- | --- |', ...rows].join('\n');
}
