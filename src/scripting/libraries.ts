/** The libraries that Redis adds to Lua: cjson, cmsgpack, struct, bit. */
import type { Library } from './environment.ts';
import type { LuaMachine } from './machine.ts';

export function libraries(_machine: LuaMachine): Readonly<Record<string, Library>> {
  return {};
}
