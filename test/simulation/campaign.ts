/** Many seeds on several processes, and what came of them in figures. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { bundle } from '../bundle.ts';
import type { FaultKind } from './faults.ts';
import type { RunResult } from './run.ts';
import type { Order } from './worker.ts';

/** Every so many-th seed runs twice, and must give the same hash. */
const TWICE_EVERY = 50;
/** Of real time. A run takes a tenth of a second; that of nine nodes and twenty thousand txns, for the oracle's sake, two minutes. */
const RUN_MS_MAX = 600_000;

export interface CampaignOptions {
  readonly seeds: Iterable<number>;
  readonly nodes?: number;
  readonly jobs: number;
  /** Of the environment of the processes. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called for each seed; true ends the campaign. */
  onResult?(result: RunResult): boolean;
}

export interface Summary {
  seeds: number;
  events: number;
  messages: number;
  calls: number;
  txns: number;
  transfers: number;
  transfersCut: number;
  transfersResumed: number;
  virtualMs: number;
  convergedMsMax: number;
  readonly faults: Map<FaultKind, number>;
  readonly failures: { seed: number; failure: string }[];
}

export async function runCampaign(options: CampaignOptions): Promise<Summary> {
  const summary: Summary = {
    ...{ seeds: 0, events: 0, messages: 0, calls: 0, txns: 0, transfers: 0, virtualMs: 0, convergedMsMax: 0 },
    ...{ transfersCut: 0, transfersResumed: 0 },
    faults: new Map(),
    failures: [],
  };
  const queue = options.seeds[Symbol.iterator]();
  let over = false;
  const next = (): number | null => {
    const { value, done } = queue.next();
    return over || done === true ? null : value;
  };
  const take = (result: RunResult) => {
    add(summary, result);
    if (options.onResult?.(result) === true) over = true;
  };
  const worker = await bundle(join(import.meta.dirname, 'worker.ts'));
  await Promise.all(Array.from({ length: options.jobs }, () => work(worker, options, next, take)));
  summary.failures.sort((one, other) => one.seed - other.seed);
  return summary;
}

async function work(
  worker: string,
  options: CampaignOptions,
  next: () => number | null,
  take: (result: RunResult) => void,
): Promise<void> {
  let child: ChildProcess | null = null;
  for (let seed = next(); seed !== null; seed = next()) {
    child ??= fork(worker, {
      // short-lived objects of a run must not grow old; a collector of many threads only takes from the other processes
      execArgv: [
        '--enable-source-maps',
        '--max-semi-space-size=64',
        '--min-semi-space-size=32',
        '--single-threaded-gc',
      ],
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const result = await ask(child, { seed, nodes: options.nodes, twice: seed % TWICE_EVERY === 0 });
    if (typeof result === 'string') {
      child.kill('SIGKILL');
      child = null;
      take({ ...NOTHING, seed, failure: result });
    } else take(result);
  }
  child?.kill();
}

/** The result, or why there is none. */
function ask(child: ChildProcess, order: Order): Promise<RunResult | string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle('it does not end: killed'), RUN_MS_MAX);
    const settle = (result: RunResult | string) => {
      clearTimeout(timer);
      child.removeAllListeners();
      resolve(result);
    };
    child.once('message', (message) => {
      const result = message as Omit<RunResult, 'faults'> & { faults: [FaultKind, number][] };
      settle({ ...result, faults: new Map(result.faults) });
    });
    child.once('exit', (code, signal) => settle(`its process ended: ${signal ?? code}`));
    child.send(order);
  });
}

const NOTHING: Omit<RunResult, 'seed' | 'failure'> = {
  ...{ hash: 0, nodes: 0, events: 0, messages: 0, calls: 0, txns: 0, virtualMs: 0, convergedMs: 0, transfers: 0 },
  ...{ transfersCut: 0, transfersResumed: 0 },
  faults: new Map(),
};

const SUMMED = [
  ...(['events', 'messages', 'calls', 'txns', 'virtualMs'] as const),
  ...(['transfers', 'transfersCut', 'transfersResumed'] as const),
];

function add(summary: Summary, result: RunResult): void {
  summary.seeds++;
  for (const name of SUMMED) summary[name] += result[name];
  summary.convergedMsMax = Math.max(summary.convergedMsMax, result.convergedMs);
  for (const [kind, count] of result.faults) summary.faults.set(kind, (summary.faults.get(kind) ?? 0) + count);
  if (result.failure !== null) summary.failures.push({ seed: result.seed, failure: result.failure });
}

/** The figures, for people. */
export function describe(summary: Summary): string {
  const hours = summary.virtualMs / 3_600_000;
  const faults = [...summary.faults].sort().map(([kind, count]) => `${kind} ${count}`);
  return [
    `${summary.seeds} seeds, ${summary.failures.length} failed`,
    `${summary.events} events, ${summary.messages} messages, ${summary.calls} calls, ${summary.txns} txns, ${summary.transfers} state transfers (${summary.transfersCut} were cut off, ${summary.transfersResumed} went on with what such had brought)`,
    `${hours.toFixed(1)} virtual hours; converged ${(summary.convergedMsMax / 1000).toFixed(1)} s after healing at the latest`,
    `faults: ${faults.join(', ')}`,
  ].join('\n');
}
