/** Sorted set commands, by what they work on. */
import type { Command } from '../table.ts';
import { algebraCommands } from './algebra.ts';
import { blockingPopCommands } from './blocking-pops.ts';
import { drawCommands } from './draws.ts';
import { memberCommands } from './members.ts';
import { popCommands } from './pops.ts';
import { rangeCommands } from './ranges.ts';

export const zsetCommands: readonly Command[] = [
  ...algebraCommands,
  ...blockingPopCommands,
  ...drawCommands,
  ...memberCommands,
  ...popCommands,
  ...rangeCommands,
];
