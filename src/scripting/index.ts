/**
 * scripting/: Lua scripts and functions. What the rest of Starling may use of it is exported here.
 *
 * From below: `wasm.ts` is Lua 5.1, compiled to WebAssembly by the package wasmoon-lua5.1, without that package's own
 * JavaScript: bytes stay bytes, and of the machine it gets nothing but memory. `machine.ts` is how our code speaks to it,
 * `coroutines.ts` makes it possible to leave a script in the middle, `environment.ts` is the sandbox. On these stand the
 * libraries (`cjson.ts`, `cmsgpack.ts`, `struct.ts`, `bit.ts`, `redis-library.ts`), `script-commands.ts` (a script's
 * commands), `conversion.ts` (replies and values), and `scripting.ts` with `functions.ts`, which are what commands/scripting/
 * speaks to.
 *
 * Why scripts run on the command thread and yield, instead of in a thread of their own: `redis.call` between threads costs
 * two wake-ups each way, and here it is a call. Measured with Node.js 20 on a busy machine of two cores, through a session: a
 * GET 6 µs, EVALSHA of `return 1` 8 µs, EVAL with a GET and a SET 17 µs, each further `redis.call` 2 µs; a million
 * iterations of an adding loop 6 ms; the first script of a node 25 ms, for it makes the interpreter. The price is that a
 * script cannot be left while C calls Lua, which coroutines.ts keeps to metamethods.
 */
export { Scripting } from './scripting.ts';
