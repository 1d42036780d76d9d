/** Scripts and functions in Lua, as commands. What runs them is src/scripting/, behind ScriptingService. */
import type { Command } from '../table.ts';
import { evalCommands } from './eval.ts';
import { functionCommands } from './function.ts';
import { scriptCommand } from './script.ts';

export const scriptingCommands: readonly Command[] = [...evalCommands, ...functionCommands, scriptCommand];
