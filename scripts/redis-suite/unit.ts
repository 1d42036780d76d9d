/** One unit of the suite against one server, and what its output says. */
import { spawn } from 'node:child_process';

export interface Miss {
  test: string;
  /** What was expected and what came, as the suite words it. */
  reason: string;
}

export interface UnitResult {
  unit: string;
  passed: string[];
  misses: Miss[];
  skipped: string[];
  /** Why the unit broke off before its end; null if it did not. */
  brokenOff: string | null;
}

const REASON_LENGTH_MAX = 400;

/** Each run meets its own helper process on a port below this: one port used twice in a minute is not free yet. */
let basePort = 20_000 + Math.floor(Math.random() * 8000);

function nextPort(): number {
  basePort += 40;
  return basePort;
}

/** Runs a unit. `port` null: the suite starts servers itself. `skips` are test names, or patterns that begin with a slash. */
export async function runUnit(
  tree: string,
  unit: string,
  port: number | null,
  skips: readonly string[],
  secondsMax: number,
): Promise<UnitResult> {
  const args = [
    ...(port === null ? ['--clients', '1'] : ['--host', '127.0.0.1', '--port', `${port}`]),
    '--single',
    unit,
    '--tags',
    '-slow',
    '--ignore-encoding',
    // an exception in one test then counts for that test, and the unit goes on
    '--durable',
    '--baseport',
    `${nextPort()}`,
    ...skips.flatMap((name) => ['--skiptest', name]),
  ];
  // a group of its own: runtest starts a second tclsh, and both must go at the time limit
  const child = spawn('./runtest', args, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let outOfTime = false;
  const limit = setTimeout(() => {
    outOfTime = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, secondsMax * 1000);
  await new Promise((done) => child.once('close', done));
  clearTimeout(limit);
  const result = readOutput(unit, output);
  if (outOfTime) result.brokenOff = `not done after ${secondsMax} s; last: ${lastTest(result)}`;
  return result;
}

function lastTest({ passed, misses }: UnitResult): string {
  return misses.at(-1)?.test ?? passed.at(-1) ?? 'none';
}

/** What the lines of a run say. */
export function readOutput(unit: string, output: string): UnitResult {
  const result: UnitResult = { unit, passed: [], misses: [], skipped: [], brokenOff: 'the suite ended early' };
  let reason: string[] | null = null;
  let miss: Miss | null = null;
  const closeMiss = () => {
    if (miss !== null && reason !== null) miss.reason = readReason(reason);
    miss = reason = null;
  };
  for (const line of withoutColours(output).split('\n')) {
    if (line.trim() === 'The End') {
      closeMiss();
      result.brokenOff = null;
      break;
    }
    const [, status, text] = /^\[(ok|err|skip|ignore|exception|testing|\d+\/\d+ done)\]: (.*)$/.exec(line) ?? [];
    if (status === undefined) {
      reason?.push(line);
      continue;
    }
    closeMiss();
    if (status === 'ok') result.passed.push(text.replace(/ \(\d+ ms\)$/, ''));
    else if (status === 'skip') result.skipped.push(text);
    else if (status === 'err') {
      miss = { test: text.replace(/ in tests\/\S+\.tcl$/, ''), reason: '' };
      reason = [];
      result.misses.push(miss);
    } else if (status === 'exception') result.brokenOff = text;
  }
  closeMiss();
  return result;
}

/**
 * What was expected, in the suite's words. Where a test was thrown out by an error the suite cuts ten characters off
 * its text (they are "assertion:" elsewhere); the whole text follows as the head of the stack trace.
 */
function readReason(lines: readonly string[]): string {
  const told = lines.filter((line) => line.trim() !== '');
  const trace = told.findIndex((line) => /^\s+while executing$/.test(line));
  const text = trace < 1 ? told.slice(0, 4) : [told[trace - 1], ...told.slice(trace + 1, trace + 2)];
  return text.join(' | ').replaceAll(/\s+/g, ' ').slice(0, REASON_LENGTH_MAX);
}

function withoutColours(text: string): string {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}
