/** Rates against Redis's as bars: a row for each test and depth, the settings one below the other. */
import { bar, COLORS, GRID, label, line, MARK, picture } from './drawing.ts';
import { pairedRatio } from './statistics.ts';
import type { Setting } from './subject.ts';
import type { Cell } from './throughput.ts';

const [WIDTH, LEFT, TOP, BOTTOM] = [640, 130, 50, 30];
const [BAR, GAP] = [8, 6];
/** Bars end here, whatever is above. */
const RATIO_MAX = 1.6;
const SETTINGS = ['alone', 'peer'] as const;
const NAMES: Record<Setting, string> = { alone: 'alone', peer: 'with a peer, against Redis with a replica' };

export function throughputPlot(cells: readonly Cell[]): string {
  const settings = SETTINGS.filter((setting) => cells.some((cell) => cell.setting === setting));
  const rows = [...new Set(cells.map(({ test, depth }) => `${test.toUpperCase()}, ${depth}`))];
  const rowHeight = settings.length * BAR + GAP;
  const height = TOP + rows.length * rowHeight + BOTTOM;
  const x = (ratio: number) => LEFT + ((WIDTH - LEFT - 30) * Math.min(ratio, RATIO_MAX)) / RATIO_MAX;
  const grid = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5].flatMap((ratio) => [
    line(x(ratio), TOP, x(ratio), height - BOTTOM, ratio === 1 ? MARK : GRID),
    label(x(ratio), height - 12, `${ratio}`, 'middle'),
  ]);
  const bars = cells.map(({ setting, test, depth, rates }) => {
    const row = rows.indexOf(`${test.toUpperCase()}, ${depth}`);
    const place = settings.indexOf(setting);
    const ratio = pairedRatio(rates.starling, rates.redis).median;
    return bar(LEFT, TOP + row * rowHeight + place * BAR, x(ratio) - LEFT, BAR - 1, COLORS[place]);
  });
  const names = rows.map((name, row) => label(LEFT - 8, TOP + row * rowHeight + 11, name, 'end'));
  const key = settings.flatMap((setting, place) => [
    bar(LEFT + place * 90, 28, 10, 10, COLORS[place]),
    label(LEFT + place * 90 + 16, 37, NAMES[setting], 'start'),
  ]);
  const title = label(LEFT, 16, 'requests a second, by those of Redis; test and depth', 'start');
  return picture(WIDTH, height, [title, ...key, ...grid, ...names, ...bars]);
}
