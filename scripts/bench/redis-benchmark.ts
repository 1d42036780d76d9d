/**
 * One run of redis-benchmark: what is asked of it, and what it printed. It ends with 1 on an error reply or a lost
 * connection; both throw here.
 */
import { spawn } from 'node:child_process';

/**
 * What redis-benchmark is told to do. PING is what a server does besides commands. All but it and those of lists draw from
 * `-r`: keys, or the members of one set, sorted set or hash. For `sadd-new` from so many that hardly any comes twice. Pushes and pops go to one list, entries to one stream.
 * ZRANGE asks for ten members, PUBLISH has no subscriber, EVAL is a SET.
 */
export const TESTS = [
  ...['ping', 'set', 'get', 'incr', 'hset', 'sadd', 'sadd-new', 'lpush', 'rpush', 'lpop', 'rpop'],
  ...['zadd', 'zrange', 'xadd', 'publish', 'eval'],
] as const satisfies string[];
export type Test = (typeof TESTS)[number];

export interface Load {
  readonly test: Test;
  readonly depth: number;
  readonly requests: number;
  readonly valueBytes: number;
}

/** redis-benchmark's own default, and what others publish figures for. */
export const CLIENTS = 50;
export const RANDOM_KEYS = 100_000;
const NEW_MEMBERS = 1_000_000_000;
/** What redis-benchmark adds members to. */
export const BENCHMARK_SET = 'myset';
/** And what it pushes to and pops from. */
export const BENCHMARK_LIST = 'mylist';
export const BENCHMARK_ZSET = 'myzset';
export const BENCHMARK_STREAM = 'mystream';
const RANDOM = '__rand_int__';

/** Tests of redis-benchmark that are called otherwise here. */
const OTHER_NAMES: Partial<Record<Test, string>> = { ping: 'ping_mbulk', 'sadd-new': 'sadd' };

/** Commands that redis-benchmark has no test of. */
const OWN_COMMANDS: Partial<Record<Test, readonly string[]>> = {
  zrange: ['ZRANGE', BENCHMARK_ZSET, '100', '109'],
  xadd: ['XADD', BENCHMARK_STREAM, '*', 'field', 'value'],
  publish: ['PUBLISH', 'channel', 'message'],
  eval: ['EVAL', "return redis.call('SET', KEYS[1], ARGV[1])", '1', `key:${RANDOM}`, 'value'],
};

/** Far above what a cell takes. */
const LOAD_MS_MAX = 300_000;

/**
 * Requests a second that the server at `port` did. `gone` must tell when the server has ended: redis-benchmark 7.0
 * may then spin for ever.
 */
export async function runLoad(port: number, load: Load, gone: AbortSignal): Promise<number> {
  const { test, depth, requests, valueBytes } = load;
  const drawn = test === 'sadd-new' ? NEW_MEMBERS : RANDOM_KEYS;
  const words = ['-p', port, '-c', CLIENTS, '-r', drawn, '-P', depth, '-n', requests, '-d', valueBytes, '--csv'];
  const { code, output, errors } = await run(
    'redis-benchmark',
    [...words, ...(OWN_COMMANDS[test] ?? ['-t', OTHER_NAMES[test] ?? test])].map(String),
    AbortSignal.any([gone, AbortSignal.timeout(LOAD_MS_MAX)]),
  );
  if (code !== 0 || /error/i.test(errors)) {
    throw new Error(`redis-benchmark ${test} at depth ${depth} ended with ${code}: ${errors.trim() || output.trim()}`);
  }
  const [rate] = parseRates(output).values();
  if (rate === undefined) throw new Error(`redis-benchmark printed no rate for ${test}: ${output}`);
  return rate;
}

/** Requests a second by test, in lower case, of redis-benchmark's --csv output. */
export function parseRates(csv: string): Map<string, number> {
  const rates = new Map<string, number>();
  for (const line of csv.split(/\r?\n/)) {
    const [, name, rate] = /^"([^"]+)","([\d.]+)"/.exec(line) ?? [];
    if (name !== undefined) rates.set(name.toLowerCase(), Number(rate));
  }
  return rates;
}

function run(
  program: string,
  words: string[],
  signal: AbortSignal,
): Promise<{ code: number | null; output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
    let output = '';
    let errors = '';
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', () => reject(signal.aborted ? signal.reason : new Error(`${program} cannot be run`)));
    child.once('close', (code) => {
      process.off('exit', kill);
      resolve({ code, output, errors });
    });
  });
}
