/**
 * One interpreter as our code speaks to it: values go on and off Lua's stack as bytes, numbers and tables, names are
 * kept as C strings, and a function of ours is one of Lua's. Nothing here knows of Redis.
 *
 * A function of ours may be left by a long jump at any call that can fail in Lua: it keeps nothing that needs a `finally`.
 */
import { Slice } from '../core/slice.ts';
import { BrokenMachine, type CFunction, isLongJump, type LuaApi, LuaWasm, type Thread } from './wasm.ts';

export const LuaType = {
  none: -1,
  nil: 0,
  boolean: 1,
  lightuserdata: 2,
  number: 3,
  string: 4,
  table: 5,
  function: 6,
  userdata: 7,
  thread: 8,
} as const;

export const Status = { ok: 0, yield: 1, error: 2, syntax: 3, memory: 4, handler: 5 } as const;

export const REGISTRY = -10_000;
export const GLOBALS = -10_002;
/** Of a closure's values, the first. */
export const UPVALUE = -10_003;

const MASK_COUNT = 8;
const GC_COUNT = 3;
const GC_COLLECT = 2;
const SCRATCH_BYTES = 64 * 1024;
/** Up to so many bytes a loop is cheaper than a call into native code. */
const SHORT = 64;
/** Where a lua_State keeps how deep it stands in calls of C: now, and where it was resumed. See checkLayout(). */
const NESTED_CALLS_AT = 52;
const NESTED_CALLS_BASE_AT = 54;
const HOOK_COUNT_AT = 60;
const HOOK_AT = 68;
/** lua_Debug: 100 bytes, the fields that we read. */
const RECORD_BYTES = 112;
const BYTECODE_MARK = 0x1b;
const RECORD_WHAT_AT = 12;
const RECORD_SOURCE_AT = 16;
const RECORD_LINE_AT = 20;

/** Where in a script something happened. */
export interface Place {
  readonly source: string;
  readonly line: number;
}

export class LuaMachine {
  readonly wasm = new LuaWasm();
  readonly api: LuaApi;
  /** The state that owns all; scripts run in threads of it. */
  readonly main: Thread;
  private readonly names = new Map<string, number>();
  /** Where the registry has words of ours as Lua's strings. */
  private readonly words = new Map<string, number>();
  private readonly located = new Slice();
  private readonly sizeAt: number;
  private readonly scratch: number;
  private readonly record: number;

  constructor() {
    this.api = this.wasm.api;
    this.main = this.api.luaL_newstate();
    this.sizeAt = this.api.malloc(8);
    this.scratch = this.api.malloc(SCRATCH_BYTES);
    this.record = this.api.malloc(RECORD_BYTES);
    if (this.main === 0 || this.record === 0) throw new BrokenMachine('no memory for an interpreter');
    this.checkLayout();
  }

  /** A C string that stays: for the names of fields and chunks. */
  name(text: string): number {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`, 'latin1');
    const pointer = this.api.malloc(bytes.length);
    if (pointer === 0) throw new BrokenMachine('no memory for a name');
    this.wasm.bytes.set(bytes, pointer);
    this.names.set(text, pointer);
    return pointer;
  }

  // --- values

  pushBytes(thread: Thread, value: Uint8Array): void {
    const { api } = this;
    if (value.length <= SCRATCH_BYTES) {
      this.wasm.bytes.set(value, this.scratch);
      api.lua_pushlstring(thread, this.scratch, value.length);
      return;
    }
    const pointer = api.malloc(value.length);
    if (pointer === 0) this.fail(thread, 'not enough memory', false);
    this.wasm.bytes.set(value, pointer);
    try {
      api.lua_pushlstring(thread, pointer, value.length);
    } finally {
      api.free(pointer);
    }
  }

  /** Bytes from `start` on and before `end`. */
  pushRange(thread: Thread, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length > SHORT) {
      this.pushBytes(thread, bytes.subarray(start, end));
      return;
    }
    const { scratch, wasm } = this;
    const into = wasm.bytes;
    for (let i = 0; i < length; i++) into[scratch + i] = bytes[start + i];
    this.api.lua_pushlstring(thread, scratch, length);
  }

  /** A word of ours, one of few: Lua has each once, and finding it there is a fraction of writing it anew. */
  pushWord(thread: Thread, word: string): void {
    const { api, words } = this;
    const known = words.get(word);
    if (known !== undefined) {
      api.lua_rawgeti(thread, REGISTRY, known);
      return;
    }
    api.lua_checkstack(thread, 2);
    this.pushText(thread, word);
    api.lua_pushvalue(thread, -1);
    words.set(word, api.luaL_ref(thread, REGISTRY));
  }

  /** One byte a character. */
  pushText(thread: Thread, text: string): void {
    if (text.length > SCRATCH_BYTES) this.pushBytes(thread, Buffer.from(text, 'latin1'));
    else this.api.lua_pushlstring(thread, this.scratch, this.wasm.bytes.write(text, this.scratch, 'latin1'));
  }

  /** The bytes of a string, or of a number as Lua writes it; a view, valid until Lua runs or allocates. Null: of another type. */
  view(thread: Thread, index: number): Buffer | null {
    return this.locate(thread, index, this.located) ? this.located.view() : null;
  }

  /** view() as a part of the whole memory, in `out`, for as long as that. False: of another type. */
  locate(thread: Thread, index: number, out: Slice): boolean {
    const pointer = this.api.lua_tolstring(thread, index, this.sizeAt);
    if (pointer === 0) return false;
    out.set(this.wasm.bytes, pointer, pointer + this.wasm.words[this.sizeAt >> 2]);
    return true;
  }

  text(thread: Thread, index: number): string | null {
    return this.view(thread, index)?.toString('latin1') ?? null;
  }

  /** table[name], of the table at `index`, without metamethods, onto the stack. `name` is one of ours. */
  rawField(thread: Thread, index: number, name: string): void {
    this.pushWord(thread, name);
    this.api.lua_rawget(thread, index < 0 && index > REGISTRY ? index - 1 : index);
  }

  /** table[name] = what is on top of the stack, which it takes off; `index` counts with that on top. `name` is one of ours. */
  setRawField(thread: Thread, index: number, name: string): void {
    this.pushWord(thread, name);
    this.api.lua_insert(thread, -2);
    this.api.lua_rawset(thread, index < 0 && index > REGISTRY ? index - 1 : index);
  }

  pop(thread: Thread, count = 1): void {
    this.api.lua_settop(thread, -count - 1);
  }

  pushFunction(thread: Thread, code: CFunction): void {
    this.api.lua_pushcclosure(thread, this.wasm.addFunction(code), 0);
  }

  // --- errors and places

  /** Raises an error in Lua, as luaL_error does: with the place of whoever called. */
  fail(thread: Thread, message: string, withPlace = true): never {
    const { api } = this;
    if (withPlace) api.luaL_where(thread, 1);
    this.pushText(thread, message);
    if (withPlace) api.lua_concat(thread, 2);
    api.lua_error(thread);
    throw new BrokenMachine('lua_error has returned');
  }

  failArgument(thread: Thread, position: number, name: string, problem: string): never {
    return this.fail(thread, `bad argument #${position} to '${name}' (${problem})`);
  }

  typeName(thread: Thread, index: number): string {
    const type = this.api.lua_type(thread, index);
    if (type === LuaType.none) return 'no value';
    const at = this.api.lua_typename(thread, type);
    return this.wasm.bytes.toString('latin1', at, this.wasm.bytes.indexOf(0, at));
  }

  /** Which script function runs at this level of calls, and where in it; null if there is none. */
  placeAt(thread: Thread, level: number): (Place & { readonly isOurs: boolean }) | null {
    const { api, record, wasm } = this;
    if (api.lua_getstack(thread, level, record) === 0) return null;
    api.lua_getinfo(thread, this.name('Sl'), record);
    const textAt = (at: number) => {
      const from = wasm.words[(record + at) >> 2];
      return wasm.bytes.toString('latin1', from, wasm.bytes.indexOf(0, from));
    };
    const line = wasm.words[(record + RECORD_LINE_AT) >> 2] | 0;
    return { source: textAt(RECORD_SOURCE_AT), line, isOurs: textAt(RECORD_WHAT_AT) === 'C' };
  }

  // --- code

  /** Compiles; leaves the function on the stack and gives null, or the error's text. */
  load(thread: Thread, code: Uint8Array, chunkName: string): string | null {
    // bytecode can be forged, and would reach what no script may
    if (code[0] === BYTECODE_MARK) return 'bytecode is not taken, only source';
    const { api } = this;
    const name = Buffer.from(`${chunkName}\0`, 'latin1');
    const pointer = api.malloc(code.length + name.length);
    if (pointer === 0) return 'not enough memory';
    this.wasm.bytes.set(code, pointer);
    this.wasm.bytes.set(name, pointer + code.length);
    const status = api.luaL_loadbuffer(thread, pointer, code.length, pointer + code.length);
    api.free(pointer);
    if (status === Status.ok) return null;
    const error = this.text(thread, -1) ?? 'unknown error';
    this.pop(thread);
    return error;
  }

  /** Runs work that may fail in Lua, outside of any script: false if it did, with the error on the stack. */
  protect(thread: Thread, work: () => void): boolean {
    const { api } = this;
    this.protectedWork = work;
    api.lua_pushcclosure(thread, this.protectedCode(), 0);
    return api.lua_pcall(thread, 0, 0, 0) === Status.ok;
  }

  private protectedWork: () => void = () => {};
  private protectedAddress = 0;

  private protectedCode(): number {
    if (this.protectedAddress === 0)
      this.protectedAddress = this.wasm.addFunction(() => {
        this.protectedWork();
        return 0;
      });
    return this.protectedAddress;
  }

  // --- time and memory

  /** Calls the hook after every so many instructions of this thread and of those that it makes. */
  setHook(thread: Thread, hook: number, count: number): void {
    this.api.lua_sethook(thread, hook, MASK_COUNT, count);
  }

  /** True if a thread may yield here: no function of C, no metamethod lies between it and its resume. */
  mayYield(thread: Thread): boolean {
    const { halves } = this.wasm;
    return halves[(thread + NESTED_CALLS_AT) >> 1] === halves[(thread + NESTED_CALLS_BASE_AT) >> 1];
  }

  /** Bytes that Lua's values take. */
  usedBytes(): number {
    return this.api.lua_gc(this.main, GC_COUNT, 0) * 1024;
  }

  collectGarbage(): void {
    this.api.lua_gc(this.main, GC_COLLECT, 0);
  }

  /** The places in a lua_State that mayYield() reads are of this very build of Lua: with another, better to fail at once. */
  private checkLayout(): void {
    const { api, main, wasm } = this;
    const probe = 0x0765_4321;
    api.lua_sethook(main, 0x1234, MASK_COUNT, probe);
    const found = wasm.words[(main + HOOK_COUNT_AT) >> 2] === probe && wasm.words[(main + HOOK_AT) >> 2] === 0x1234;
    api.lua_sethook(main, 0, 0, 0);
    if (!found || !this.mayYield(main))
      throw new Error('the Lua of wasmoon-lua5.1 is another build than this is made for');
  }
}

export type { CFunction, Thread };
export { BrokenMachine, isLongJump };
