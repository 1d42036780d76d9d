/**
 * Lua 5.1 itself: the wasm module of the package wasmoon-lua5.1, instantiated without that package's JavaScript, whose
 * strings are UTF-8 while Redis's are bytes. It gets what an interpreter needs (memory, long jumps) and nothing of the
 * machine: no files, no processes, no clock. What it may ask for in memory is bounded here; Lua makes of a refusal its own
 * error, "not enough memory".
 *
 * Whatever breaks out of the interpreter (a panic, an overflow of the native stack in a hostile pattern) is a
 * BrokenMachine: this instance must not be used again, and a new one costs a few milliseconds.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A pointer to a lua_State: the main one or a coroutine's. */
export type Thread = number;
export type CFunction = (thread: Thread) => number;

/** As much memory as scripts may fill, and functions as much again: as long as the longest value of Redis. */
export const MEMORY_BYTES_MAX = 512 * 1024 * 1024;
const PAGE_BYTES = 65_536;
/** Grown by so much at least, so that a growing table does not ask for each page. */
const GROWTH_BYTES = 16 * 1024 * 1024;

export class BrokenMachine extends Error {
  override name = 'BrokenMachine';
}

/** The functions of Lua's C API that we use, and those of the C library below it. Pointers and numbers are numbers. */
export interface LuaApi {
  malloc(size: number): number;
  free(pointer: number): void;
  luaL_newstate(): Thread;
  luaL_loadbuffer(thread: Thread, bytes: number, size: number, name: number): number;
  luaL_where(thread: Thread, level: number): void;
  luaL_ref(thread: Thread, table: number): number;
  luaL_unref(thread: Thread, table: number, ref: number): void;
  luaopen_base(thread: Thread): number;
  luaopen_math(thread: Thread): number;
  luaopen_string(thread: Thread): number;
  luaopen_table(thread: Thread): number;
  lua_checkstack(thread: Thread, extra: number): number;
  lua_close(thread: Thread): void;
  lua_concat(thread: Thread, count: number): void;
  lua_createtable(thread: Thread, elements: number, fields: number): void;
  lua_dump(thread: Thread, writer: number, extra: number): number;
  lua_error(thread: Thread): number;
  lua_gc(thread: Thread, what: number, value: number): number;
  lua_getfield(thread: Thread, index: number, name: number): void;
  lua_getinfo(thread: Thread, what: number, record: number): number;
  lua_getmetatable(thread: Thread, index: number): number;
  lua_getstack(thread: Thread, level: number, record: number): number;
  lua_gettop(thread: Thread): number;
  lua_insert(thread: Thread, index: number): void;
  lua_isnumber(thread: Thread, index: number): number;
  lua_isstring(thread: Thread, index: number): number;
  lua_iscfunction(thread: Thread, index: number): number;
  lua_newthread(thread: Thread): Thread;
  lua_newuserdata(thread: Thread, size: number): number;
  lua_next(thread: Thread, index: number): number;
  lua_objlen(thread: Thread, index: number): number;
  lua_pcall(thread: Thread, args: number, results: number, handler: number): number;
  lua_pushboolean(thread: Thread, value: number): void;
  lua_pushcclosure(thread: Thread, code: number, upvalues: number): void;
  lua_pushlightuserdata(thread: Thread, pointer: number): void;
  lua_pushlstring(thread: Thread, bytes: number, size: number): void;
  lua_pushnil(thread: Thread): void;
  lua_pushnumber(thread: Thread, value: number): void;
  lua_pushthread(thread: Thread): number;
  lua_pushvalue(thread: Thread, index: number): void;
  lua_rawequal(thread: Thread, one: number, other: number): number;
  lua_rawget(thread: Thread, index: number): void;
  lua_rawgeti(thread: Thread, index: number, element: number): void;
  lua_rawset(thread: Thread, index: number): void;
  lua_rawseti(thread: Thread, index: number, element: number): void;
  lua_remove(thread: Thread, index: number): void;
  lua_replace(thread: Thread, index: number): void;
  lua_resume(thread: Thread, args: number): number;
  lua_sethook(thread: Thread, hook: number, mask: number, count: number): void;
  lua_setmetatable(thread: Thread, index: number): number;
  lua_settop(thread: Thread, index: number): void;
  lua_status(thread: Thread): number;
  lua_toboolean(thread: Thread, index: number): number;
  lua_tolstring(thread: Thread, index: number, size: number): number;
  lua_tonumber(thread: Thread, index: number): number;
  lua_topointer(thread: Thread, index: number): number;
  lua_tothread(thread: Thread, index: number): Thread;
  lua_touserdata(thread: Thread, index: number): number;
  lua_type(thread: Thread, index: number): number;
  lua_typename(thread: Thread, type: number): number;
  lua_xmove(from: Thread, to: Thread, count: number): void;
  lua_yield(thread: Thread, results: number): number;
}

interface Exports extends LuaApi {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  emscripten_stack_init(): void;
  stackSave(): number;
  stackRestore(pointer: number): void;
  setThrew(threw: number, value: number): void;
}

/** What a long jump of C throws. A number is no Error: nothing of ours throws one. */
const LONG_JUMP = Number.POSITIVE_INFINITY;

let compiled: WebAssembly.Module | null = null;

function luaModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(
    readFileSync(createRequire(import.meta.url).resolve('wasmoon-lua5.1/dist/liblua5.1.wasm')),
  );
  return compiled;
}

/** One instance of the interpreter, with its memory. */
export class LuaWasm {
  readonly api: LuaApi;
  /** The whole memory. Replaced when that grows: not to be kept over a call that may allocate. */
  bytes: Buffer = Buffer.alloc(0);
  words: Uint32Array = new Uint32Array(0);
  halves: Uint16Array = new Uint16Array(0);
  private readonly exports: Exports;
  private readonly functions: ((first: number, second: number) => void)[] = [];

  constructor() {
    const wasm = luaModule();
    const instance = new WebAssembly.Instance(wasm, this.imports(wasm));
    this.exports = instance.exports as unknown as Exports;
    this.api = this.exports;
    this.viewMemory();
    this.exports.emscripten_stack_init();
    this.exports.__wasm_call_ctors();
    this.viewMemory();
  }

  get memoryBytes(): number {
    return this.bytes.length;
  }

  /** Makes a function of ours callable from Lua: `lua_CFunction` or, with two arguments, `lua_Hook`. Gives its address. */
  addFunction(code: CFunction): number {
    return this.place(wrapped(FUNCTION, code));
  }

  addHook(code: (thread: Thread, record: number) => void): number {
    return this.place(wrapped(HOOK, code));
  }

  private place(code: CallableFunction): number {
    const table = this.exports.__indirect_function_table;
    const address = table.grow(1);
    table.set(address, code);
    return address;
  }

  private imports(wasm: WebAssembly.Module): WebAssembly.Imports {
    const given: Record<string, CallableFunction> = {
      invoke_vii: (code: number, first: number, second: number) => this.invoke(code, first, second),
      _emscripten_throw_longjmp: () => {
        throw LONG_JUMP;
      },
      emscripten_memcpy_js: (to: number, from: number, size: number) => this.bytes.copyWithin(to, from, from + size),
      emscripten_resize_heap: (size: number) => this.grow(size >>> 0),
      environ_sizes_get: (count: number, size: number) => {
        const words = new Uint32Array(this.exports.memory.buffer);
        words[count >> 2] = 0;
        words[size >> 2] = 0;
        return 0;
      },
      environ_get: () => 0,
      exit: () => {
        throw new BrokenMachine('Lua gave up');
      },
    };
    const imports: WebAssembly.Imports = {};
    for (const { module, name } of WebAssembly.Module.imports(wasm)) {
      imports[module] ??= {};
      imports[module][name] = given[name] ?? absent(name);
    }
    return imports;
  }

  /** A call from C of which long jumps end here: how Lua catches its errors. */
  private invoke(code: number, first: number, second: number): void {
    const { exports } = this;
    const stack = exports.stackSave();
    this.functions[code] ??= exports.__indirect_function_table.get(code) as (first: number, second: number) => void;
    try {
      this.functions[code](first, second);
    } catch (thrown) {
      if (thrown !== LONG_JUMP) throw thrown;
      exports.stackRestore(stack);
      exports.setThrew(1, 0);
    }
  }

  /** 1 if there is as much memory now. */
  private grow(wanted: number): number {
    if (wanted > MEMORY_BYTES_MAX) return 0;
    const { memory } = this.exports;
    const size = Math.min(Math.max(wanted, memory.buffer.byteLength + GROWTH_BYTES), MEMORY_BYTES_MAX);
    try {
      memory.grow(Math.ceil((size - memory.buffer.byteLength) / PAGE_BYTES));
    } catch {
      // the machine has no more, which is for Lua to tell
      return 0;
    }
    this.viewMemory();
    return 1;
  }

  private viewMemory(): void {
    const { buffer } = this.exports.memory;
    this.bytes = Buffer.from(buffer);
    this.words = new Uint32Array(buffer);
    this.halves = new Uint16Array(buffer);
  }
}

/** True of what C throws for a long jump; whatever else comes out of the interpreter has broken it. */
export function isLongJump(thrown: unknown): boolean {
  return thrown === LONG_JUMP;
}

/** Nothing in there may reach the world; Lua's panic writes a line before it gives up, and nobody reads it. */
function absent(name: string): CallableFunction {
  return name === 'fd_write'
    ? () => 1
    : () => {
        throw new BrokenMachine(`Lua asked for ${name}`);
      };
}

/** (i32) → i32 and (i32, i32) → (): one module for each, which does nothing but call what it imports. */
const FUNCTION = callThrough([0x60, 1, 0x7f, 1, 0x7f]);
const HOOK = callThrough([0x60, 2, 0x7f, 0x7f, 0]);

/** The smallest module that turns a JavaScript function into one that a table takes: it imports and exports it. */
function callThrough(type: readonly number[]): WebAssembly.Module {
  const section = (id: number, content: readonly number[]) => [id, content.length, ...content];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, ...type]),
    ...section(2, [1, 1, 0x65, 1, 0x66, 0, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
  ];
  return new WebAssembly.Module(Uint8Array.from(bytes));
}

function wrapped(through: WebAssembly.Module, code: CallableFunction): CallableFunction {
  return new WebAssembly.Instance(through, { e: { f: code } }).exports.f as CallableFunction;
}
