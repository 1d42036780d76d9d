/**
 * redis.call and redis.pcall: from a script's arguments to a command, and from its reply to a value. What a script may not
 * run is refused in Redis's order and words. The command reads its arguments where Lua has them, without a copy.
 */
import { refusalInScript } from '../commands/acl/permission.ts';
import { type Entry, Trait } from '../commands/registry.ts';
import { Errors } from '../commands/reply.ts';
import { Slice } from '../core/slice.ts';
import { COUNTED, pushError, pushReply } from './conversion.ts';
import { type LuaMachine, LuaType, type Thread } from './machine.ts';
import { formatNumber } from './numbers.ts';
import type { RunningScript } from './running.ts';

/** Writes in the sense of scripts, although they change no key here: they reach other nodes' clients. */
const PUBLISHES = new Set(['publish', 'spublish']);
/** A buffer for replies that is bigger than this is given back after the call. */
const KEPT_REPLY_BYTES = 64 * 1024;

export class ScriptCommands {
  private readonly machine: LuaMachine;
  private readonly slices: Slice[] = [];

  constructor(machine: LuaMachine) {
    this.machine = machine;
  }

  /** Runs the command whose words are the thread's stack. Leaves its value on it; true if that is an error. */
  run(thread: Thread, script: RunningScript): boolean {
    const { api } = this.machine;
    const argc = api.lua_gettop(thread);
    if (argc === 0) return this.refuse(thread, 'Please specify at least one argument for this redis lib call');
    if (!this.readArguments(thread, argc))
      return this.refuse(thread, 'Lua redis lib command arguments must be strings or integers');
    const { call, client } = script;
    call.args = this.slices;
    call.argc = argc;
    const entry = call.find();
    if (entry === undefined) return this.refuse(thread, 'Unknown Redis command called from script');
    const refusal = refusalOf(entry, script);
    if (refusal !== null) {
      const text = errorText(refusal);
      call.reject(entry, text);
      pushError(this.machine, thread, text);
      this.markCounted(thread);
      return true;
    }
    if ((entry.traits & Trait.write) !== 0) script.wrote = true;
    const { out } = client;
    out.rewind(0);
    call.runWithin(entry);
    const bytes = out.filled();
    const isError = bytes[0] === 45;
    pushReply(this.machine, thread, bytes, 0);
    if (isError) this.markCounted(thread);
    if (bytes.length > KEPT_REPLY_BYTES) out.detach();
    return isError;
  }

  private refuse(thread: Thread, text: string): true {
    pushError(this.machine, thread, errorText(text));
    return true;
  }

  /** In an error on top of the stack: INFO errorstats knows of it. */
  private markCounted(thread: Thread): void {
    this.machine.api.lua_pushboolean(thread, 1);
    this.machine.setRawField(thread, -2, COUNTED);
  }

  /** The words as slices of Lua's memory: nothing of Lua's is allocated, moved or freed before the command has ended. */
  private readArguments(thread: Thread, argc: number): boolean {
    const { machine, slices } = this;
    const { api } = machine;
    for (let i = slices.length; i < argc; i++) slices.push(new Slice());
    for (let i = 1; i <= argc; i++) {
      const type = api.lua_type(thread, i);
      if (type !== LuaType.string && type !== LuaType.number) return false;
    }
    for (let i = 1; i <= argc; i++) {
      if (api.lua_type(thread, i) === LuaType.number) {
        const text = Buffer.from(formatNumber(api.lua_tonumber(thread, i)));
        slices[i - 1].set(text, 0, text.length);
        continue;
      }
      machine.locate(thread, i, slices[i - 1]);
    }
    return true;
  }
}

/** With a code: a minus stands before one that is in the text. */
function errorText(text: string): string {
  return text.startsWith('-') ? text.slice(1) : `ERR ${text}`;
}

function refusalOf(entry: Entry, script: RunningScript): string | null {
  const { call } = script;
  const { command, traits } = entry;
  const { arity } = command;
  if (arity > 0 ? call.argc !== arity : call.argc < -arity)
    return 'Wrong number of args calling Redis command from script';
  if ((traits & Trait.noScript) !== 0 && !call.services.scripting.allowsAll)
    return 'This Redis command is not allowed from script';
  if (!call.client.user.unrestricted) {
    const refusal = refusalInScript(call, command, script.caller);
    if (refusal !== null) return refusal;
  }
  const writes = (traits & Trait.write) !== 0;
  if (script.readOnly && (writes || PUBLISHES.has(command.name)))
    return 'Write commands are not allowed from read-only scripts.';
  if (script.wrote) return null;
  const { failure } = call.services.store;
  if (writes && failure !== null)
    return `-MISCONF Starling is configured to persist data, but it is currently unable to: ${failure}.`;
  const denied = (traits & Trait.denyOutOfMemory) !== 0 && !script.allowOom && script.outOfMemory;
  return denied ? `-${Errors.oom}` : null;
}
