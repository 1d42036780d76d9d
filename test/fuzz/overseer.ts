/**
 * Starts a campaign's process and watches it from outside. An input that never comes back, or takes the process with it,
 * cannot be told of by that process: it leaves each input in a file (the black box) before it runs it, and there it is
 * read when the file has not changed for long, or the process has died.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keep } from './corpus.ts';

const STUCK_MS = 20_000;
const CAMPAIGN = fileURLToPath(new URL('campaign.ts', import.meta.url));
/** See limits.ts: nothing may be collected within a run. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64', '--import', 'tsx'];

export interface CampaignOptions {
  readonly targets: readonly string[];
  readonly seconds: number;
  /** Instead of seconds: so many inputs a target, the same ones at every run with this seed. */
  readonly executions: number | null;
  readonly seed: number;
  /** What goes to the corpus. */
  readonly keep: 'nothing' | 'findings' | 'all';
  readonly blackBox: string;
}

export interface TargetResult {
  readonly target: string;
  /** Runs, those of the corpus included. */
  readonly executions: number;
  readonly replayed: number;
  /** Inputs that reached blocks which none before had. */
  readonly reached: number;
  readonly ms: number;
  readonly found: readonly {
    readonly kind: string;
    readonly what: string;
    readonly base64: string;
    /** In the corpus, if it was kept. */
    readonly path: string | null;
  }[];
}

/** The result of each target that came to its end; the one that did not tells what it last ran. */
export async function runCampaign(options: Omit<CampaignOptions, 'blackBox'>): Promise<TargetResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-fuzz-'));
  const blackBox = join(folder, 'black-box');
  try {
    const { output, ending } = await runProcess({ ...options, blackBox });
    const results = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as TargetResult);
    const unfinished = options.targets[results.length];
    if (unfinished !== undefined)
      results.push(lost(unfinished, ending, readBlackBox(blackBox), options.keep !== 'nothing'));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runProcess(options: CampaignOptions): Promise<{ output: string; ending: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...FLAGS, CAMPAIGN, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    let last = '';
    let sinceMs = performance.now();
    let stuck = false;
    const timer = setInterval(() => {
      const now = readBlackBox(options.blackBox)?.toString('latin1') ?? '';
      if (now !== last) {
        last = now;
        sinceMs = performance.now();
      } else if (performance.now() - sinceMs > STUCK_MS && now !== '') {
        stuck = true;
        child.kill('SIGKILL');
      }
    }, 1000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearInterval(timer);
      const why = stuck ? `one input ran for more than ${STUCK_MS} ms` : `the process ended: ${signal ?? code}`;
      resolve({ output: Buffer.concat(chunks).toString(), ending: `${why}\n${Buffer.concat(errors)}` });
    });
  });
}

/** Count and input of the run that has begun last; null where none is under way. */
function readBlackBox(path: string): Buffer | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  if (bytes.length < 8 || bytes.readUInt32LE(0) === 0) return null;
  return bytes.subarray(4, 8 + bytes.readUInt32LE(0) - 1);
}

function lost(target: string, ending: string, last: Buffer | null, keeps: boolean): TargetResult {
  const bytes = last?.subarray(4) ?? Buffer.alloc(0);
  const path = keeps && last !== null ? keep(target, 'found-lost', bytes) : null;
  const found = [{ kind: 'crash', what: ending, base64: bytes.toString('base64'), path }];
  return { target, executions: 0, replayed: 0, reached: 0, ms: 0, found };
}
