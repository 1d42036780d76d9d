/** Stream commands, by what they work on. */
import type { Command } from '../table.ts';
import { claimCommands } from './claims.ts';
import { deletionCommands } from './deletions.ts';
import { entryCommands } from './entries.ts';
import { groupCommands } from './groups.ts';
import { streamInformationCommands } from './information.ts';
import { pendingCommands } from './pending.ts';
import { readingCommands } from './reading.ts';

export const streamCommands: readonly Command[] = [
  ...claimCommands,
  ...deletionCommands,
  ...entryCommands,
  ...groupCommands,
  ...pendingCommands,
  ...readingCommands,
  ...streamInformationCommands,
];
