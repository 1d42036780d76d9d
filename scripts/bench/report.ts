/** What was measured as Markdown tables that can be pasted as they are. Pure, but for the line about the machine. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { median, pairedRatio } from './statistics.ts';
import type { Setting } from './subject.ts';
import type { Cell } from './throughput.ts';

/** The machine and the versions; `load` is what the machine did besides when the run began. */
export function machineLine(redisVersion: string, load: number): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const machine = `${processors[0].model.trim()}, ${processors.length} cores, ${memory}, Linux ${release()}`;
  return `${machine}; Node.js ${process.version}; redis-server ${redisVersion}; load average at start ${load.toFixed(2)}`;
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
