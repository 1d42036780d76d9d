/** Arguments of functions that scripts call: as luaL_check… takes them, with Lua's words where they are of no use. */
import { type LuaMachine, LuaType, type Thread } from './machine.ts';

/** A number, or a string that reads as one. */
export function numberArgument(machine: LuaMachine, thread: Thread, index: number, name: string): number {
  if (machine.api.lua_isnumber(thread, index) === 0) expected(machine, thread, index, name, 'number');
  return machine.api.lua_tonumber(thread, index);
}

/** A number without its fraction; `byDefault` where there is none or nil. */
export function integerArgument(
  machine: LuaMachine,
  thread: Thread,
  index: number,
  name: string,
  byDefault?: number,
): number {
  const type = machine.api.lua_type(thread, index);
  if (byDefault !== undefined && (type === LuaType.none || type === LuaType.nil)) return byDefault;
  return Math.trunc(numberArgument(machine, thread, index, name));
}

/** A copy of a string, or of a number as Lua writes it. */
export function bytesArgument(machine: LuaMachine, thread: Thread, index: number, name: string): Buffer {
  const view = machine.view(thread, index);
  if (view === null) return expected(machine, thread, index, name, 'string');
  return Buffer.from(view);
}

function expected(machine: LuaMachine, thread: Thread, index: number, name: string, type: string): never {
  return machine.failArgument(thread, index, name, `${type} expected, got ${machine.typeName(thread, index)}`);
}
