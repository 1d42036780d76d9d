/** List commands, by what they work on. */
import type { Command } from '../table.ts';
import { blockingCommands } from './blocking.ts';
import { elementCommands } from './elements.ts';
import { endCommands } from './ends.ts';

export const listCommands: readonly Command[] = [...blockingCommands, ...elementCommands, ...endCommands];
