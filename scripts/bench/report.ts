/** What was measured as Markdown tables that can be pasted as they are. Pure, but for the line about the machine. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { CatchingUp } from './catching-up.ts';
import { ELEMENTS, type Shape } from './filling.ts';
import type { Latency } from './latency.ts';
import type { Memory } from './memory.ts';
import type { ReplyTimes } from './replies.ts';
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

export function throughputTable(cells: readonly Cell[]): string {
  return cellTable('test', cells, HEADERS, figures);
}

/** What servers spend on a request, whatever else the machine does. */
export function processorTable(cells: readonly Cell[]): string {
  return cellTable('processor time, µs a request', cells, PROCESSOR_HEADERS, ({ processorMicros }) =>
    PRODUCTS.map((product) => median(processorMicros[product]).toFixed(2)),
  );
}

/** A row for each test and depth, the settings side by side. */
function cellTable(
  title: string,
  cells: readonly Cell[],
  headers: Record<Setting, readonly string[]>,
  show: (cell: Cell) => readonly string[],
): string {
  const settings = (['alone', 'peer'] as const).filter((setting) => cells.some((cell) => cell.setting === setting));
  const rows = new Map<string, string[]>();
  for (const cell of cells) {
    const name = `${cell.test.toUpperCase()} | ${cell.depth}`;
    rows.set(name, [...(rows.get(name) ?? [name]), ...show(cell)]);
  }
  return table([title, 'depth', ...settings.flatMap((setting) => headers[setting])], [...rows.values()]);
}

/** How long a pair was not yet equal after the last reply of a cell, at worst. */
export function restLine(cells: readonly Cell[]): string {
  const worst = (product: Product) => {
    const all = cells.filter(({ setting }) => setting === 'peer').map(({ restMsMax }) => restMsMax[product]);
    return `${(Math.max(...all) / 1000).toFixed(1)} s`;
  };
  return `After the last reply of a cell the peer had everything, and the disk was silent, within ${worst('starling')} (Redis: ${worst('redis')}).`;
}

/** One row a product and rate. */
export function latencyTable(latencies: readonly Latency[]): string {
  const rows = latencies.map(({ product, perSecond, sightMs, pollMs }) => [
    NAMES[product],
    thousands(perSecond),
    ...[50, 99, 99.9].map((percent) => milliseconds(percentile(sightMs, percent))),
    milliseconds(median(pollMs)),
  ]);
  return table(['write on A to sight on B', 'writes/s', 'p50', 'p99', 'p99.9', 'resolution (median)'], rows);
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

const SHAPE_NAMES: Record<Shape, string> = {
  strings: 'strings of 16 bytes',
  hashes: `hashes of ${ELEMENTS.hashes} fields`,
  sets: `sets of ${ELEMENTS.sets} members`,
  zsets: `sorted sets of ${ELEMENTS.zsets} members`,
  lists: `lists of ${ELEMENTS.lists} elements`,
};

/** One row a shape. */
export function memoryTable(measured: readonly Memory[]): string {
  const rows = measured.map(({ shape, keys, bytesPerKey: { redis, starling } }) => [
    SHAPE_NAMES[shape],
    thousands(keys),
    ...[redis, starling].map((bytes) => bytes.toFixed(0)),
    `**${(starling / redis).toFixed(2)}**`,
  ]);
  return table(['memory', 'keys', 'Redis, bytes a key', 'Starling, bytes a key', 'ratio'], rows);
}

/** Two rows: how long most replies take, or the longest one. */
export function replyTable(title: string, { perSecond, p50Ms, p99Ms, longestMs }: ReplyTimes): string {
  const rows = PRODUCTS.map((product) => [
    product === 'redis' ? 'Redis' : 'Starling',
    ...[p50Ms, p99Ms, longestMs].map((times) => milliseconds(times[product])),
  ]);
  const ratios = [p50Ms, p99Ms, longestMs].map(({ redis, starling }) => `**${(starling / redis).toFixed(2)}**`);
  return table([`${title}, ${thousands(perSecond)} SET/s`, 'p50', 'p99', 'longest'], [...rows, ['ratio', ...ratios]]);
}

/** One row a feat; the ratio of times is above 1 where Starling takes longer, that of rates where it is faster. */
export function catchingUpTable({ keys, restartMs, fillMs, appliedPerSecond }: CatchingUp): string {
  const row = (title: string, samples: Record<Product, number[]>, show: (figure: number) => string) => {
    const ratio = pairedRatio(samples.starling, samples.redis);
    return [
      title,
      ...PRODUCTS.map((product) => show(median(samples[product]))),
      `**${ratio.median.toFixed(2)}** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    ];
  };
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  return table(
    [`${thousands(keys)} strings of 16 bytes`, 'Redis', 'Starling', 'ratio (min–max)'],
    [
      row('restart until it serves', restartMs, seconds),
      row('an empty peer until it has them', fillMs, seconds),
      row('writes applied a second, after a stop', appliedPerSecond, (rate) => `${thousands(rate)}/s`),
    ],
  );
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

const PROCESSOR_HEADERS: Record<Setting, readonly string[]> = {
  alone: ['Redis alone', 'Starling alone'],
  peer: ['Redis and replica', 'Starling and peer'],
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
