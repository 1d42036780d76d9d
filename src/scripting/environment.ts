/**
 * The world of a script: Lua's libraries without what reaches out of it, Redis's beside them, and all of it protected.
 * Redis has patched its Lua so that tables can be read-only; here a protected table is an empty one that stands before the
 * real one: reading goes through, writing is refused, and the few functions of Lua that would see the difference (pairs,
 * next, rawget, rawset, setmetatable, table.insert …) are ours. Nobody but this file has the real ones.
 */
import { Coroutines } from './coroutines.ts';
import { type CFunction, GLOBALS, type LuaMachine, LuaType, REGISTRY, type Thread } from './machine.ts';
import { PRELUDE } from './prelude.ts';
import { ScriptRandom } from './random.ts';

export const READ_ONLY = 'Attempt to modify a readonly table';
/** What of Lua's base library scripts may use; the rest goes. */
const ALLOWED = new Set(
  (
    '_VERSION assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getmetatable ipairs load loadstring math ' +
    'next pairs pcall rawequal rawget rawset redis select setmetatable string struct table tonumber tostring type ' +
    'unpack xpcall'
  ).split(' '),
);
const PROTECTED = ['bit', 'cjson', 'cmsgpack', 'coroutine', 'math', 'redis', 'string', 'struct', 'table'];

/** A library: functions, numbers, texts. */
export type Library = Readonly<Record<string, CFunction | number | string>>;

export class Environment {
  readonly coroutines: Coroutines;
  private readonly machine: LuaMachine;
  private readonly random = new ScriptRandom(Math.random() * 2 ** 32);
  /** By the address of a stand-in: where the registry has the real table; and the other way round. */
  private readonly realOf = new Map<number, number>();
  private readonly standInOf = new Map<number, number>();
  private nextFunction = 0;
  private rawNextFunction = 0;
  private globals = 0;
  private loadingGlobals = 0;
  private standIn = 0;

  /** `libraries` by their names in scripts; of `cjson`, `null` is a light userdata. */
  constructor(machine: LuaMachine, libraries: Readonly<Record<string, Library>>) {
    this.machine = machine;
    this.coroutines = new Coroutines(machine);
    if (!machine.protect(machine.main, () => this.build(libraries)))
      throw new Error(`the environment of scripts: ${machine.text(machine.main, -1)}`);
    machine.api.lua_settop(machine.main, 0);
    this.enter();
  }

  /** A global that only we can set. Takes the value off the stack of `thread`. */
  setGlobal(thread: Thread, name: string): void {
    const { api } = this.machine;
    api.lua_rawgeti(thread, REGISTRY, this.globals);
    api.lua_insert(thread, -2);
    this.machine.setRawField(thread, -2, name);
    this.machine.pop(thread);
  }

  /**
   * While `work` runs, there is nothing but this library `redis`: a library of functions is read so. What it compiles sees
   * the whole environment afterwards, since both stand behind the same stand-in.
   */
  whileLoading(library: Library, work: () => void): void {
    if (this.loadingGlobals === 0) this.loadingGlobals = this.makeLoadingGlobals(library);
    this.lookUpIn(this.loadingGlobals);
    try {
      work();
    } finally {
      this.lookUpIn(this.globals);
    }
  }

  private makeLoadingGlobals(library: Library): number {
    const { machine } = this;
    const { api, main } = machine;
    api.lua_createtable(main, 0, 1);
    this.pushLibrary(main, library);
    this.refuseUnknown(main);
    this.protect(main);
    machine.setRawField(main, -2, 'redis');
    this.refuseUnknown(main);
    return api.luaL_ref(main, REGISTRY);
  }

  /** What the stand-in of the globals stands for. */
  private lookUpIn(globals: number): void {
    const { api, main } = this.machine;
    api.lua_rawgeti(main, REGISTRY, this.standIn);
    api.lua_getmetatable(main, -1);
    api.lua_rawgeti(main, REGISTRY, globals);
    this.machine.setRawField(main, -2, '__index');
    this.machine.pop(main, 2);
  }

  /** Where the registry keeps a function that is a global now. */
  private keepGlobal(name: string): number {
    const { api, main } = this.machine;
    this.pushGlobals(main);
    this.machine.rawField(main, -1, name);
    const ref = api.luaL_ref(main, REGISTRY);
    this.machine.pop(main);
    return ref;
  }

  private pushGlobals(thread: Thread): void {
    this.machine.api.lua_rawgeti(thread, REGISTRY, this.globals);
  }

  private build(libraries: Readonly<Record<string, Library>>): void {
    const { machine } = this;
    const { api, main } = machine;
    api.luaopen_base(main);
    api.luaopen_string(main);
    api.luaopen_table(main);
    api.luaopen_math(main);
    api.lua_settop(main, 0);
    api.lua_pushvalue(main, GLOBALS);
    this.globals = api.luaL_ref(main, REGISTRY);
    this.rawNextFunction = this.keepGlobal('next');
    this.define(this.coroutines.functions);
    this.define(this.replacements());
    this.nextFunction = this.keepGlobal('next');
    this.runPrelude();
    this.pushGlobals(main);
    this.removeForbidden(main);
    for (const [name, library] of Object.entries(libraries)) {
      this.pushLibrary(main, library);
      machine.setRawField(main, -2, name);
    }
    this.protectAll(main);
  }

  /** Functions by their names, which may be `table.name`. */
  private define(functions: Readonly<Record<string, CFunction>>): void {
    const { machine } = this;
    const { api, main } = machine;
    for (const [path, code] of Object.entries(functions)) {
      const [first, second] = path.split('.');
      this.pushGlobals(main);
      if (second !== undefined) {
        machine.rawField(main, -1, first);
        api.lua_replace(main, -2);
      }
      machine.pushFunction(main, code);
      machine.setRawField(main, -2, second ?? first);
      machine.pop(main);
    }
  }

  /** What is easier said in Lua. It takes natives as globals, and gives none away. */
  private runPrelude(): void {
    const { machine } = this;
    const { api, main } = machine;
    const error = machine.load(main, Buffer.from(PRELUDE), '=prelude');
    if (error !== null) throw new Error(error);
    if (api.lua_pcall(main, 0, 0, 0) !== 0) throw new Error(machine.text(main, -1) ?? 'prelude');
  }

  private removeForbidden(thread: Thread): void {
    const { api } = this.machine;
    const names: string[] = [];
    api.lua_pushnil(thread);
    while (api.lua_next(thread, -2) !== 0) {
      this.machine.pop(thread);
      // a name that is a number would be turned into a string under the walk
      if (api.lua_type(thread, -1) === LuaType.string) names.push(this.machine.text(thread, -1) ?? '');
    }
    for (const name of names) {
      if (ALLOWED.has(name)) continue;
      api.lua_pushnil(thread);
      this.machine.setRawField(thread, -2, name);
    }
  }

  private pushLibrary(thread: Thread, library: Library): void {
    const { machine } = this;
    const { api } = machine;
    api.lua_createtable(thread, 0, 0);
    for (const [name, value] of Object.entries(library)) {
      if (typeof value === 'function') machine.pushFunction(thread, value);
      else if (typeof value === 'number') api.lua_pushnumber(thread, value);
      else machine.pushText(thread, value);
      machine.setRawField(thread, -2, name);
    }
    if ('decode_max_depth' in library) {
      api.lua_pushlightuserdata(thread, 0);
      machine.setRawField(thread, -2, 'null');
    }
  }

  /** With the globals on top of the stack. */
  private protectAll(thread: Thread): void {
    const { machine } = this;
    const { api } = machine;
    for (const name of PROTECTED) {
      machine.rawField(thread, -1, name);
      if (api.lua_type(thread, -1) !== LuaType.table) {
        machine.pop(thread);
        continue;
      }
      this.protect(thread);
      machine.setRawField(thread, -2, name);
    }
    this.protectStrings(thread);
    this.refuseUnknown(thread);
    this.protect(thread);
    this.standIn = api.luaL_ref(thread, REGISTRY);
    this.pushGlobals(thread);
    api.lua_rawgeti(thread, REGISTRY, this.standIn);
    machine.setRawField(thread, -2, '_G');
    machine.pop(thread);
  }

  /** The metatable that all strings share: through it every script would reach every other. */
  private protectStrings(thread: Thread): void {
    const { machine } = this;
    const { api } = machine;
    machine.pushText(thread, '');
    api.lua_getmetatable(thread, -1);
    machine.rawField(thread, -3, 'string');
    machine.setRawField(thread, -2, '__index');
    this.protect(thread);
    api.lua_settop(thread, -3);
  }

  /** From now on threads have the protected globals for theirs, and what is compiled in them too. */
  private enter(): void {
    const { api, main } = this.machine;
    api.lua_rawgeti(main, REGISTRY, this.standIn);
    api.lua_replace(main, GLOBALS);
  }

  /** The table on top of the stack becomes its stand-in. */
  private protect(thread: Thread): void {
    const { machine } = this;
    const { api } = machine;
    const real = api.lua_topointer(thread, -1);
    api.lua_createtable(thread, 0, 0);
    const pointer = api.lua_topointer(thread, -1);
    api.lua_createtable(thread, 0, 2);
    api.lua_pushvalue(thread, -3);
    machine.setRawField(thread, -2, '__index');
    machine.pushFunction(thread, (at) => machine.fail(at, READ_ONLY));
    machine.setRawField(thread, -2, '__newindex');
    api.lua_setmetatable(thread, -2);
    api.lua_pushvalue(thread, -1);
    this.standInOf.set(real, api.luaL_ref(thread, REGISTRY));
    api.lua_insert(thread, -2);
    this.realOf.set(pointer, api.luaL_ref(thread, REGISTRY));
  }

  /** Gives the table on top a metatable that tells of names that it does not have. */
  private refuseUnknown(thread: Thread): void {
    const { machine } = this;
    const { api } = machine;
    api.lua_createtable(thread, 0, 1);
    machine.pushFunction(thread, (at) => {
      const name = machine.text(at, 2) ?? machine.typeName(at, 2);
      return machine.fail(at, `Script attempted to access nonexistent global variable '${name}'`);
    });
    machine.setRawField(thread, -2, '__index');
    api.lua_pushvalue(thread, -1);
    this.protect(thread);
    machine.pop(thread);
    api.lua_setmetatable(thread, -2);
  }

  // --- Lua's own functions, for tables that stand for others

  private replacements(): Readonly<Record<string, CFunction>> {
    const { machine } = this;
    const { api } = machine;
    const check = (thread: Thread, index: number, name: string) => {
      if (api.lua_type(thread, index) !== LuaType.table)
        machine.failArgument(thread, index, name, `table expected, got ${machine.typeName(thread, index)}`);
    };
    const refuse = (thread: Thread) => {
      if (this.realOf.has(api.lua_topointer(thread, 1))) machine.fail(thread, READ_ONLY, false);
    };
    return {
      getmetatable: (thread) => {
        if (api.lua_gettop(thread) === 0) machine.failArgument(thread, 1, 'getmetatable', 'value expected');
        api.lua_settop(thread, 1);
        this.resolve(thread, 1);
        if (api.lua_getmetatable(thread, 1) === 0) {
          api.lua_pushnil(thread);
          return 1;
        }
        machine.rawField(thread, -1, '__metatable');
        if (api.lua_type(thread, -1) !== LuaType.nil) return 1;
        machine.pop(thread);
        const standIn = this.standInOf.get(api.lua_topointer(thread, -1));
        if (standIn !== undefined) api.lua_rawgeti(thread, REGISTRY, standIn);
        return 1;
      },
      setmetatable: (thread) => {
        check(thread, 1, 'setmetatable');
        const type = api.lua_type(thread, 2);
        if (type !== LuaType.nil && type !== LuaType.table)
          machine.failArgument(thread, 2, 'setmetatable', 'nil or table expected');
        refuse(thread);
        if (api.lua_getmetatable(thread, 1) !== 0) {
          machine.rawField(thread, -1, '__metatable');
          if (api.lua_type(thread, -1) !== LuaType.nil) machine.fail(thread, 'cannot change a protected metatable');
        }
        api.lua_settop(thread, 2);
        api.lua_setmetatable(thread, 1);
        return 1;
      },
      rawget: (thread) => {
        check(thread, 1, 'rawget');
        api.lua_settop(thread, 2);
        this.resolve(thread, 1);
        api.lua_rawget(thread, 1);
        return 1;
      },
      rawset: (thread) => {
        check(thread, 1, 'rawset');
        refuse(thread);
        api.lua_settop(thread, 3);
        const key = api.lua_type(thread, 2);
        if (key === LuaType.nil) machine.fail(thread, 'table index is nil', false);
        api.lua_rawset(thread, 1);
        return 1;
      },
      next: (thread) => {
        check(thread, 1, 'next');
        api.lua_settop(thread, 2);
        this.resolve(thread, 1);
        return this.step(thread, 1);
      },
      pairs: (thread) => {
        check(thread, 1, 'pairs');
        api.lua_settop(thread, 1);
        // what walks a stand-in is our next; Lua's own is faster
        const isStandIn = this.realOf.has(api.lua_topointer(thread, 1));
        api.lua_rawgeti(thread, REGISTRY, isStandIn ? this.nextFunction : this.rawNextFunction);
        api.lua_insert(thread, 1);
        api.lua_pushnil(thread);
        return 3;
      },
      'table.insert': (thread) => {
        check(thread, 1, 'insert');
        refuse(thread);
        return this.insert(thread);
      },
      'math.random': (thread) => this.random.draw(machine, thread),
      'math.randomseed': (thread) => {
        if (api.lua_isnumber(thread, 1) === 0)
          machine.failArgument(thread, 1, 'randomseed', `number expected, got ${machine.typeName(thread, 1)}`);
        this.random.seed(api.lua_tonumber(thread, 1));
        return 0;
      },
      loadstring: (thread) => this.loadString(thread),
    };
  }

  /** A stand-in at `index` makes way for what it stands for, until the function returns. */
  private resolve(thread: Thread, index: number): void {
    const { api } = this.machine;
    if (api.lua_type(thread, index) !== LuaType.table) return;
    const real = this.realOf.get(api.lua_topointer(thread, index));
    if (real === undefined) return;
    api.lua_rawgeti(thread, REGISTRY, real);
    api.lua_replace(thread, index);
  }

  private step(thread: Thread, index: number): number {
    const { api } = this.machine;
    if (api.lua_next(thread, index) !== 0) return 2;
    api.lua_pushnil(thread);
    return 1;
  }

  private insert(thread: Thread): number {
    const { api } = this.machine;
    const top = api.lua_gettop(thread);
    let end = api.lua_objlen(thread, 1) + 1;
    if (top < 2 || top > 3) this.machine.fail(thread, "wrong number of arguments to 'insert'");
    let position = end;
    if (top === 3) {
      if (api.lua_isnumber(thread, 2) === 0)
        this.machine.failArgument(thread, 2, 'insert', `number expected, got ${this.machine.typeName(thread, 2)}`);
      position = Math.trunc(api.lua_tonumber(thread, 2));
      if (position > end) end = position;
      for (let i = end; i > position; i--) {
        api.lua_rawgeti(thread, 1, i - 1);
        api.lua_rawseti(thread, 1, i);
      }
    }
    api.lua_settop(thread, top);
    api.lua_rawseti(thread, 1, position);
    return 0;
  }

  private loadString(thread: Thread): number {
    const { machine } = this;
    const { api } = machine;
    if (api.lua_isstring(thread, 1) === 0)
      machine.failArgument(thread, 1, 'loadstring', `string expected, got ${machine.typeName(thread, 1)}`);
    const source = Buffer.from(machine.view(thread, 1) ?? []);
    const name = api.lua_isstring(thread, 2) === 0 ? source.toString('latin1') : (machine.text(thread, 2) ?? '');
    api.lua_settop(thread, 0);
    const error = machine.load(thread, source, name);
    if (error === null) return 1;
    api.lua_pushnil(thread);
    machine.pushText(thread, error);
    return 2;
  }
}
