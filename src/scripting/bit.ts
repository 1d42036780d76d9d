/** The library `bit`: operations on 32 bits, as Lua BitOp has them. Results are signed. */
import { integerArgument, numberArgument } from './arguments.ts';
import type { Library } from './environment.ts';
import type { CFunction, LuaMachine, Thread } from './machine.ts';

/** Added to a double it leaves the 32 bits of the nearest whole number in the lower half of the mantissa. */
const ROUNDING = 2 ** 52 + 2 ** 51;
const DIGITS_MAX = 8;
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** Rounded to the nearest whole number, even ones first, modulo 2^32. */
export function toBits(value: number): number {
  double[0] = value + ROUNDING;
  return halves[0];
}

export function bitLibrary(machine: LuaMachine): Library {
  const { api } = machine;
  const bits = (thread: Thread, index: number, name: string) => toBits(numberArgument(machine, thread, index, name));
  const one = (name: string, operation: (value: number) => number): CFunction => {
    return (thread) => {
      api.lua_pushnumber(thread, operation(bits(thread, 1, name)) | 0);
      return 1;
    };
  };
  const all = (name: string, operation: (value: number, other: number) => number): CFunction => {
    return (thread) => {
      let value = bits(thread, 1, name);
      const last = api.lua_gettop(thread);
      for (let i = 2; i <= last; i++) value = operation(value, bits(thread, i, name));
      api.lua_pushnumber(thread, value | 0);
      return 1;
    };
  };
  const shift = (name: string, operation: (value: number, by: number) => number): CFunction => {
    return (thread) => {
      const value = bits(thread, 1, name);
      api.lua_pushnumber(thread, operation(value, bits(thread, 2, name) & 31) | 0);
      return 1;
    };
  };
  return {
    tobit: one('tobit', (value) => value),
    bnot: one('bnot', (value) => ~value),
    bswap: one('bswap', (value) => (rotated(value, 8) & 0x00ff00ff) | (rotated(value, 24) & 0xff00ff00)),
    band: all('band', (value, other) => value & other),
    bor: all('bor', (value, other) => value | other),
    bxor: all('bxor', (value, other) => value ^ other),
    lshift: shift('lshift', (value, by) => value << by),
    rshift: shift('rshift', (value, by) => value >>> by),
    arshift: shift('arshift', (value, by) => value >> by),
    rol: shift('rol', rotated),
    ror: shift('ror', (value, by) => rotated(value, 32 - by)),
    tohex: (thread) => {
      const value = bits(thread, 1, 'tohex');
      const digits = toBits(integerArgument(machine, thread, 2, 'tohex', DIGITS_MAX));
      machine.pushText(thread, hex(value, digits));
      return 1;
    },
  };
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** The last digits of the eight; upper case if their number is negative. */
function hex(value: number, digits: number): string {
  const count = Math.min(Math.abs(digits), DIGITS_MAX);
  const text = (value >>> 0)
    .toString(16)
    .padStart(DIGITS_MAX, '0')
    .slice(DIGITS_MAX - count);
  return digits < 0 ? text.toUpperCase() : text;
}
