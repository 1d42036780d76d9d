/** The library `redis` of scripts. What it says and refuses is Redis's. */
import { createHash } from 'node:crypto';
import { denialOf } from '../commands/acl/permission.ts';
import { Slice } from '../core/slice.ts';
import { COUNTED, pushError, pushField } from './conversion.ts';
import type { Library } from './environment.ts';
import { type CFunction, type LuaMachine, LuaType, type Thread } from './machine.ts';
import type { RunningScript } from './running.ts';
import { ScriptCommands } from './script-commands.ts';

/** Of Redis's commands and scripts that we are as. */
const REDIS_VERSION = '7.0.15';
const REDIS_VERSION_NUM = 0x07000f;

const CONSTANTS = {
  REDIS_VERSION,
  REDIS_VERSION_NUM,
  LOG_DEBUG: 0,
  LOG_VERBOSE: 1,
  LOG_NOTICE: 2,
  LOG_WARNING: 3,
};
const REPLICATION = { REPL_NONE: 0, REPL_AOF: 1, REPL_SLAVE: 2, REPL_REPLICA: 2, REPL_ALL: 3 };
const LOG_LEVELS = ['debug', 'verbose', 'notice', 'warning'];

/** What the library needs to know of what runs. */
export interface RedisLibraryHost {
  readonly machine: LuaMachine;
  /** Null while nothing runs (FUNCTION LOAD). */
  readonly script: RunningScript | null;
  log(message: string, level: string): void;
}

/** For EVAL, or for functions. */
export function redisLibrary(host: RedisLibraryHost, kind: 'script' | 'function'): Library {
  const { machine } = host;
  const commands = new ScriptCommands(machine);
  const shared = {
    ...CONSTANTS,
    ...REPLICATION,
    call: (thread: Thread) => call(host, commands, thread, true),
    pcall: (thread: Thread) => call(host, commands, thread, false),
    log: (thread: Thread) => log(host, thread),
    sha1hex: (thread: Thread) => sha1hex(machine, thread),
    error_reply: (thread: Thread) => errorReply(machine, thread),
    status_reply: (thread: Thread) => statusReply(machine, thread),
    setresp: (thread: Thread) => setProtocol(host, thread),
    set_repl: (thread: Thread) => setReplication(machine, thread),
    acl_check_cmd: (thread: Thread) => checkCommand(host, thread),
  };
  if (kind === 'function') return shared;
  return {
    ...shared,
    replicate_commands: (thread: Thread) => {
      machine.api.lua_pushboolean(thread, 1);
      return 1;
    },
    // there is no debugger to stop in
    breakpoint: (thread: Thread) => {
      machine.api.lua_pushboolean(thread, 0);
      return 1;
    },
    debug: () => 0,
  };
}

/** What FUNCTION LOAD offers to a library while it is read. */
export function loadingLibrary(host: RedisLibraryHost, register: CFunction): Library {
  return { ...CONSTANTS, register_function: register, log: (thread: Thread) => log(host, thread) };
}

/** Raises an error that has no place in the script: a table, as those of commands are. */
export function raise(machine: LuaMachine, thread: Thread, text: string): never {
  pushError(machine, thread, `ERR ${text}`);
  machine.api.lua_error(thread);
  throw new Error('lua_error has returned');
}

function call(host: RedisLibraryHost, commands: ScriptCommands, thread: Thread, raises: boolean): number {
  const { machine, script } = host;
  if (script === null) return raise(machine, thread, 'redis.call/pcall can only be called inside a script invocation');
  const failed = commands.run(thread, script);
  if (failed && raises) return machine.api.lua_error(thread);
  return 1;
}

function log(host: RedisLibraryHost, thread: Thread): number {
  const { machine } = host;
  const { api } = machine;
  const argc = api.lua_gettop(thread);
  if (argc < 2) return raise(machine, thread, 'redis.log() requires two arguments or more.');
  if (api.lua_isnumber(thread, 1) === 0) return raise(machine, thread, 'First argument must be a number (log level).');
  const level = Math.trunc(api.lua_tonumber(thread, 1));
  if (level < 0 || level > 3) return raise(machine, thread, 'Invalid debug level.');
  const words: string[] = [];
  for (let i = 2; i <= argc; i++) {
    const word = machine.view(thread, i);
    if (word !== null) words.push(word.toString());
  }
  host.log(words.join(' '), LOG_LEVELS[level]);
  return 0;
}

function sha1hex(machine: LuaMachine, thread: Thread): number {
  if (machine.api.lua_gettop(thread) !== 1) return raise(machine, thread, 'wrong number of arguments');
  const digest = createHash('sha1')
    .update(machine.view(thread, 1) ?? '')
    .digest('hex');
  machine.pushText(thread, digest);
  return 1;
}

function isOneString({ api }: LuaMachine, thread: Thread): boolean {
  return api.lua_gettop(thread) === 1 && api.lua_type(thread, 1) === LuaType.string;
}

function errorReply(machine: LuaMachine, thread: Thread): number {
  if (!isOneString(machine, thread)) {
    pushError(machine, thread, 'ERR wrong number or type of arguments');
    return 1;
  }
  const text = (machine.text(thread, 1) ?? '').replace(/^-/, '');
  // a single word is no code
  pushError(machine, thread, text.includes(' ') ? text : `ERR ${text}`);
  return 1;
}

function statusReply(machine: LuaMachine, thread: Thread): number {
  if (!isOneString(machine, thread)) pushError(machine, thread, 'ERR wrong number or type of arguments');
  else pushField(machine, thread, 'ok', machine.text(thread, 1) ?? '');
  return 1;
}

function setProtocol({ machine, script }: RedisLibraryHost, thread: Thread): number {
  const { api } = machine;
  if (api.lua_gettop(thread) !== 1) return raise(machine, thread, 'redis.setresp() requires one argument.');
  const protocol = Math.trunc(api.lua_tonumber(thread, 1));
  if (protocol !== 2 && protocol !== 3) return raise(machine, thread, 'RESP version must be 2 or 3.');
  if (script !== null) script.client.protocol = protocol;
  return 0;
}

/** Checked, and that is all: what a script writes here is written everywhere. */
function setReplication(machine: LuaMachine, thread: Thread): number {
  const { api } = machine;
  if (api.lua_gettop(thread) !== 1) return raise(machine, thread, 'redis.set_repl() requires two arguments.');
  const flags = Math.trunc(api.lua_tonumber(thread, 1));
  if ((flags & ~REPLICATION.REPL_ALL) !== 0)
    return raise(machine, thread, 'Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.');
  return 0;
}

function checkCommand({ machine, script }: RedisLibraryHost, thread: Thread): number {
  const { api } = machine;
  const argc = api.lua_gettop(thread);
  if (argc === 0) return raise(machine, thread, 'Please specify at least one argument for this redis lib call');
  const args: Slice[] = [];
  for (let i = 1; i <= argc; i++) {
    const view = machine.view(thread, i);
    if (view === null) return raise(machine, thread, 'Lua redis lib command arguments must be strings or integers');
    args.push(new Slice(Buffer.from(view)));
  }
  if (script === null) return raise(machine, thread, 'redis.acl_check_cmd() can only be called inside a script');
  const { call: own } = script;
  own.args = args;
  own.argc = argc;
  const entry = own.find();
  if (entry === undefined) return raise(machine, thread, 'Invalid command passed to redis.acl_check_cmd()');
  const { user } = script.client;
  api.lua_pushboolean(thread, denialOf(user, entry.command, args, argc) === null ? 1 : 0);
  return 1;
}

export { COUNTED };
