/**
 * math.random of scripts: Redis's own generator (that of drand48: 48 bits, linear), so that a script that sets a seed draws
 * the numbers that it draws there. Without one they are different on each node.
 */
import type { LuaMachine, Thread } from './machine.ts';

const MULTIPLIER = 0x5deece66dn;
const INCREMENT = 0xbn;
const MASK = (1n << 48n) - 1n;
const LOW_WORD = 0x330en;
const RANGE = 2 ** 31 - 1;

export class ScriptRandom {
  private state = LOW_WORD;

  constructor(seed: number) {
    this.seed(seed);
  }

  seed(seed: number): void {
    this.state = (BigInt(Math.trunc(seed) | 0) << 16n) + LOW_WORD;
    this.state &= MASK;
  }

  /** math.random([m [, n]]) */
  draw(machine: LuaMachine, thread: Thread): number {
    const { api } = machine;
    const part = this.next();
    const bounds = api.lua_gettop(thread);
    if (bounds > 2) machine.fail(thread, 'wrong number of arguments');
    for (let i = 1; i <= bounds; i++) {
      if (api.lua_isnumber(thread, i) === 0)
        machine.failArgument(thread, i, 'random', `number expected, got ${machine.typeName(thread, i)}`);
    }
    const low = bounds === 2 ? Math.trunc(api.lua_tonumber(thread, 1)) : 1;
    const high = bounds === 0 ? 1 : Math.trunc(api.lua_tonumber(thread, bounds));
    if (low > high) machine.failArgument(thread, bounds, 'random', 'interval is empty');
    api.lua_pushnumber(thread, bounds === 0 ? part : Math.floor(part * (high - low + 1)) + low);
    return 1;
  }

  /** [0, 1) */
  private next(): number {
    this.state = (this.state * MULTIPLIER + INCREMENT) & MASK;
    return (Number(this.state >> 17n) % RANGE) / RANGE;
  }
}
