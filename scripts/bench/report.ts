/** What was measured as Markdown tables that can be pasted as they are. Pure, but for the line about the machine. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Latency } from './latency.ts';
import { median, pairedRatio, percentile } from './statistics.ts';
import type { Product, Setting } from './subject.ts';
import type { Cell } from './throughput.ts';
import type { Wire } from './wire.ts';

/** The machine and the versions; `load` is what the machine did besides when the run began. */
export function machineLine(load: number): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const machine = `${processors[0].model.trim()}, ${processors.length} cores, ${memory}, Linux ${release()}`;
  return `${machine}; Node.js ${process.version}; redis-server ${redisVersion()}; load average at start ${load.toFixed(2)}`;
}

function redisVersion(): string {
  const { stdout, error } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return /v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim();
}

export function loadAverage(): number {
  return loadavg()[0];
}

/** A row for each test and depth, the settings side by side. */
export function throughputTable(cells: readonly Cell[]): string {
  const settings = (['alone', 'peer'] as const).filter((setting) => cells.some((cell) => cell.setting === setting));
  const header = settings.flatMap((setting) => HEADERS[setting]);
  const rows = new Map<string, string[]>();
  for (const cell of cells) {
    const name = `${cell.test.toUpperCase()} | ${cell.depth}`;
    rows.set(name, [...(rows.get(name) ?? [name]), ...figures(cell)]);
  }
  return table(['test', 'depth', ...header], [...rows.values()]);
}

/** How long a pair was not yet equal after the last reply of a cell, at worst. */
export function restLine(cells: readonly Cell[]): string {
  const worst = (product: Product) => {
    const all = cells.filter(({ setting }) => setting === 'peer').map(({ restMsMax }) => restMsMax[product]);
    return `${(Math.max(...all) / 1000).toFixed(1)} s`;
  };
  return `After the last reply of a cell the peer had everything, and the disk was silent, within ${worst('starling')} (Redis: ${worst('redis')}).`;
}

/** One row a product. */
export function latencyTable(perSecond: number, latencies: ReadonlyMap<Product, Latency>): string {
  const title = `write on A to sight on B, ${thousands(perSecond)} writes/s`;
  const rows = [...latencies].map(([product, { sightMs, pollMs }]) => [
    NAMES[product],
    ...[50, 99, 99.9].map((percent) => milliseconds(percentile(sightMs, percent))),
    milliseconds(median(pollMs)),
  ]);
  return table([title, 'p50', 'p99', 'p99.9', 'resolution (median)'], rows);
}

/** One row a load, the products side by side. */
export function wireTable(wires: readonly Wire[], valueBytes: number): string {
  const loads = [...new Set(wires.map(({ offered }) => offered))];
  const rows = loads.map((load) => [
    load,
    ...PRODUCTS.map((product) => {
      const found = wires.find((wire) => wire.product === product && wire.offered === load);
      return found === undefined ? '' : found.bytesPerSet.toFixed(1);
    }),
  ]);
  const title = `bytes on the wire per replicated SET, key of 16 bytes, value of ${valueBytes}`;
  return table([title, ...PRODUCTS.map((product) => NAMES[product])], rows);
}

const PRODUCTS = ['redis', 'starling'] as const;
const NAMES: Record<Product, string> = { redis: 'Redis with replica', starling: 'Starling with peer' };

function milliseconds(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

/** A Markdown table; cells that hold a bar are several cells. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const alignment = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [header, alignment, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const HEADERS: Record<Setting, readonly string[]> = {
  alone: ['Redis alone /s', 'Starling alone /s', 'ratio (min–max)'],
  peer: ['Redis with replica /s', 'Starling with peer /s', 'ratio (min–max)'],
};

function figures({ rates }: Cell): string[] {
  const ratio = pairedRatio(rates.starling, rates.redis);
  const spread = `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`;
  return [
    thousands(median(rates.redis)),
    thousands(median(rates.starling)),
    `**${ratio.median.toFixed(2)}** (${spread})`,
  ];
}

export function thousands(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
