/**
 * A library of functions: its source with its first line, and what it registers when it is read. Reading it changes nothing
 * but the interpreter's registry, from which forget() takes it again.
 */
import { pushError } from './conversion.ts';
import type { Library as LuaLibrary } from './environment.ts';
import type { Interpreter } from './interpreter.ts';
import { type LuaMachine, LuaType, REGISTRY, Status, type Thread } from './machine.ts';
import { loadingLibrary } from './redis-library.ts';
import { isScriptFlag, type ScriptFlag, shebang } from './script.ts';

export interface ScriptFunction {
  readonly name: string;
  readonly description: string | null;
  readonly flags: ReadonlySet<ScriptFlag>;
  /** Where the interpreter's registry has it. */
  readonly reference: number;
}

export interface FunctionLibrary {
  readonly name: string;
  readonly source: Buffer;
  /** By lower-case name: of functions, case does not matter. */
  readonly functions: ReadonlyMap<string, ScriptFunction>;
}

/** Reading a library may take no longer. */
const READING_MS_MAX = 500;
const NAME = /^[0-9A-Za-z_]+$/;
const BAD_NAME =
  'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long';

/** Of the first line: the library's name, or what is wrong with it. */
export function libraryName(source: Buffer): { readonly name: string } | { readonly error: string } {
  if (source[0] !== 0x23 || source[1] !== 0x21) return { error: 'ERR Missing library metadata' };
  const { words, error } = shebang(source);
  if (error !== null) return { error: 'ERR Invalid library metadata' };
  let name: string | null = null;
  for (const word of words.slice(1)) {
    if (!/^name=/i.test(word)) return { error: `ERR Invalid metadata value given: ${word}` };
    if (name !== null) return { error: 'ERR Invalid metadata value, name argument was given multiple times' };
    name = word.slice('name='.length);
  }
  if (name === null) return { error: 'ERR Library name was not given' };
  if (!NAME.test(name)) return { error: `ERR ${BAD_NAME}` };
  if (words[0].toLowerCase() !== 'lua') return { error: `ERR Engine '${words[0]}' not found` };
  return { name };
}

/** Reads libraries into an interpreter. */
export class LibraryReader {
  private readonly interpreter: Interpreter;
  private readonly machine: LuaMachine;
  private readonly offered: LuaLibrary;
  private isReading = false;
  /** What the library that is being read has registered. */
  private registered = new Map<string, ScriptFunction>();

  constructor(interpreter: Interpreter) {
    this.interpreter = interpreter;
    this.machine = interpreter.machine;
    this.offered = loadingLibrary(interpreter, (thread) => this.register(thread));
  }

  read(name: string, source: Buffer): FunctionLibrary | { readonly error: string } {
    const { machine } = this;
    const { api, main } = machine;
    const problem = machine.load(main, shebang(source).rest, '@user_function');
    if (problem !== null) return { error: `ERR Error compiling function: ${problem}` };
    this.registered = new Map();
    let status: number = Status.ok;
    this.isReading = true;
    this.interpreter.environment.whileLoading(this.offered, () => {
      this.interpreter.within(READING_MS_MAX, () => {
        status = api.lua_pcall(main, 0, 0, 0);
      });
    });
    this.isReading = false;
    const functions = this.registered;
    if (status !== Status.ok) {
      const error = this.errorText();
      api.lua_settop(main, 0);
      this.forget({ functions });
      return { error: `ERR Error registering functions: ${error}` };
    }
    if (functions.size === 0) return { error: 'ERR No functions registered' };
    return { name, source, functions };
  }

  forget({ functions }: Pick<FunctionLibrary, 'functions'>): void {
    for (const { reference } of functions.values()) this.machine.api.luaL_unref(this.machine.main, REGISTRY, reference);
  }

  private errorText(): string {
    const { machine } = this;
    const { main } = machine;
    if (machine.api.lua_type(main, -1) !== LuaType.table) return `ERR ${machine.view(main, -1)?.toString() ?? 'nil'}`;
    machine.rawField(main, -1, 'err');
    return machine.view(main, -1)?.toString() ?? 'ERR';
  }

  /** redis.register_function */
  private register(thread: Thread): number {
    const { machine } = this;
    const { api } = machine;
    // a function may have kept it
    if (!this.isReading) this.refuse(thread, 'redis.register_function can only be called on FUNCTION LOAD command');
    const count = api.lua_gettop(thread);
    if (count === 1 && api.lua_type(thread, 1) !== LuaType.table)
      this.refuse(
        thread,
        'calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).',
      );
    if (count !== 1 && count !== 2) this.refuse(thread, 'wrong number of arguments to redis.register_function');
    const given = count === 1 ? this.namedArguments(thread) : this.twoArguments(thread);
    if (!NAME.test(given.name)) this.refuse(thread, BAD_NAME);
    const key = given.name.toLowerCase();
    if (this.registered.has(key)) this.refuse(thread, 'Function already exists in the library');
    // the function is on top of the stack
    this.registered.set(key, { ...given, reference: api.luaL_ref(thread, REGISTRY) });
    return 0;
  }

  private twoArguments(thread: Thread): Omit<ScriptFunction, 'reference'> {
    const { api } = this.machine;
    const name = this.machine.text(thread, 1);
    if (name === null) this.refuse(thread, 'first argument to redis.register_function must be a string');
    if (api.lua_type(thread, 2) !== LuaType.function)
      this.refuse(thread, 'second argument to redis.register_function must be a function');
    return { name: name ?? '', description: null, flags: new Set() };
  }

  private namedArguments(thread: Thread): Omit<ScriptFunction, 'reference'> {
    const { machine } = this;
    const { api } = machine;
    let name: string | null = null;
    let description: string | null = null;
    let flags: ReadonlySet<ScriptFlag> = new Set();
    let hasCallback = false;
    api.lua_pushnil(thread);
    while (api.lua_next(thread, 1) !== 0) {
      if (api.lua_type(thread, -2) !== LuaType.string)
        this.refuse(thread, 'named argument key given to redis.register_function is not a string');
      const key = machine.text(thread, -2)?.toLowerCase();
      if (key === 'function_name') {
        name = machine.text(thread, -1);
        if (name === null)
          this.refuse(thread, 'function_name argument given to redis.register_function must be a string');
      } else if (key === 'description') {
        description = machine.view(thread, -1)?.toString() ?? null;
        if (description === null)
          this.refuse(thread, 'description argument given to redis.register_function must be a string');
      } else if (key === 'callback') {
        hasCallback = api.lua_type(thread, -1) === LuaType.function;
        if (!hasCallback) this.refuse(thread, 'callback argument given to redis.register_function must be a function');
      } else if (key === 'flags') flags = this.flags(thread);
      else this.refuse(thread, 'unknown argument given to redis.register_function');
      machine.pop(thread);
    }
    if (name === null) this.refuse(thread, 'redis.register_function must get a function name argument');
    if (!hasCallback) this.refuse(thread, 'redis.register_function must get a callback argument');
    this.pushCallback(thread);
    return { name: name ?? '', description, flags };
  }

  /** The field of that name, whatever its case. */
  private pushCallback(thread: Thread): void {
    const { machine } = this;
    machine.api.lua_pushnil(thread);
    while (machine.api.lua_next(thread, 1) !== 0) {
      if (machine.text(thread, -2)?.toLowerCase() === 'callback') return;
      machine.pop(thread);
    }
  }

  /** Of the table on top of the stack. */
  private flags(thread: Thread): ReadonlySet<ScriptFlag> {
    const { machine } = this;
    const { api } = machine;
    const flags = new Set<ScriptFlag>();
    if (api.lua_type(thread, -1) !== LuaType.table)
      this.refuse(thread, 'flags argument to redis.register_function must be a table representing function flags');
    for (let i = 1; ; i++) {
      api.lua_rawgeti(thread, -1, i);
      const type = api.lua_type(thread, -1);
      const word = type === LuaType.string ? (machine.text(thread, -1) ?? '') : '';
      machine.pop(thread);
      if (type === LuaType.nil) return flags;
      if (!isScriptFlag(word)) this.refuse(thread, 'unknown flag given');
      else flags.add(word);
    }
  }

  private refuse(thread: Thread, text: string): never {
    pushError(this.machine, thread, `ERR ${text}`);
    this.machine.api.lua_error(thread);
    throw new Error('lua_error has returned');
  }
}
