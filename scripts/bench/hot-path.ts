/** What a command takes in Starling's own code, under V8's own limits for inlining and under those of `npm start`. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startWords } from './servers.ts';

export const HOT_PATH_COMMANDS = ['GET', 'SET', 'INCR', 'HSET', 'SADD', 'LPUSH', 'ZADD'] as const;
export type HotPathCommand = (typeof HOT_PATH_COMMANDS)[number];

/** Microseconds of processor time a command. */
export type HotPathTimes = Record<HotPathCommand, { readonly least: number; readonly median: number }>;

export interface HotPath {
  readonly v8: HotPathTimes;
  readonly start: HotPathTimes;
}

const PROGRAM = fileURLToPath(new URL('./hot-path-process.ts', import.meta.url));
/** As in the node: what the collector is given counts as well. */
const HEAP_FLAG = /^--initial-old-space-size=/;

export async function measureHotPath(progress: (line: string) => void): Promise<HotPath> {
  const flags = startWords().filter((word) => word.startsWith('--') && word !== '--import');
  progress('commands in one process, as V8 inlines');
  const v8 = await measure(flags.filter((flag) => HEAP_FLAG.test(flag)));
  progress('commands in one process, as npm start lets it inline');
  return { v8, start: await measure(flags) };
}

async function measure(flags: readonly string[]): Promise<HotPathTimes> {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--import', 'tsx', PROGRAM]);
  return JSON.parse(stdout) as HotPathTimes;
}

export function hotPathTable({ v8, start }: HotPath): string {
  const rows = HOT_PATH_COMMANDS.map((command) => {
    const ratio = start[command].median / v8[command].median;
    const [own, ours] = [v8, start].map((times) => times[command].median.toFixed(2));
    return `| ${command} | ${own} | ${ours} | **${ratio.toFixed(2)}** |`;
  });
  return [
    '| µs a command, in pipelines of 16, without sockets, disk and peers | as V8 inlines | as `npm start` lets it | ratio |',
    '| --- | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}
