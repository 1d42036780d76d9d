/** The libraries that Redis adds to Lua. */
import { bitLibrary } from './bit.ts';
import { cjsonLibrary } from './cjson.ts';
import { cmsgpackLibrary } from './cmsgpack.ts';
import type { Library } from './environment.ts';
import type { LuaMachine } from './machine.ts';
import { structLibrary } from './struct.ts';

export function libraries(machine: LuaMachine): Readonly<Record<string, Library>> {
  return {
    bit: bitLibrary(machine),
    cjson: cjsonLibrary(machine),
    cmsgpack: cmsgpackLibrary(machine),
    struct: structLibrary(machine),
  };
}
