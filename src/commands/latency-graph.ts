/** LATENCY GRAPH: a column a sample, the oldest on the left, under each how long ago it was. */
import type { LatencySeries } from './latency-monitor.ts';

const ROWS = 4;
/** The top of a column, from low to high within its row; below it the column is filled. */
const TOPS = '_o#';
const FILLING = '|';
const WIDTH = 80;
const UNITS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
  [1, 's'],
];

export function latencyGraph(event: string, { samples, maxMs }: LatencySeries, nowSeconds: number): string {
  const high = Math.max(...samples.map(({ ms }) => ms));
  const low = Math.min(...samples.map(({ ms }) => ms));
  const title = `${event} - high ${high} ms, low ${low} ms (all time high ${maxMs} ms)`;
  const columns = samples.map(({ ms, atSeconds }) => [
    ...columnOf((ms - low) / Math.max(1, high - low)),
    ...ageOf(nowSeconds - atSeconds),
  ]);
  const height = Math.max(...columns.map(({ length }) => length));
  const lines = [title, '-'.repeat(WIDTH)];
  for (let row = 0; row < height; row++) lines.push(columns.map((column) => column[row] ?? ' ').join(''));
  return `${lines.join('\n')}\n`;
}

/** From the top down, and a gap. `height`: 0 to 1. */
function columnOf(height: number): string[] {
  const level = Math.round(height * (ROWS * TOPS.length - 1));
  const full = Math.floor(level / TOPS.length);
  const column = [TOPS[level % TOPS.length], ...FILLING.repeat(full)];
  return [...' '.repeat(ROWS - column.length), ...column, ' '];
}

/** A letter a line. */
function ageOf(seconds: number): string[] {
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, 's'];
  return [...`${Math.floor(Math.max(0, seconds) / size)}${unit}`];
}
