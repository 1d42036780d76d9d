/**
 * The library `cjson`, as lua-cjson 2.1.0 within Redis has it: options, limits, errors and what it takes for JSON. Writing
 * is here, reading in cjson-decode.ts.
 */
import { bytesArgument, integerArgument } from './arguments.ts';
import { ByteBuilder } from './byte-builder.ts';
import { JsonReader } from './cjson-decode.ts';
import type { Library } from './environment.ts';
import { type LuaMachine, LuaType, type Thread } from './machine.ts';
import { general } from './numbers.ts';

/** What scripts may set. It stays set for the scripts that follow, as in Redis. */
export interface JsonOptions {
  convertSparse: boolean;
  sparseRatio: number;
  sparseSafe: number;
  encodeDepthMax: number;
  decodeDepthMax: number;
  precision: number;
  keepBuffer: boolean;
  encodeInvalid: 'off' | 'on' | 'null';
  decodeInvalid: boolean;
}

const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);
const PRECISION_MAX = 14;
/** As deep as tables can be written: each level takes native stack. */
const DEPTH_MAX = 2000;

export function cjsonLibrary(machine: LuaMachine): Library {
  const options: JsonOptions = {
    convertSparse: false,
    sparseRatio: 2,
    sparseSafe: 10,
    encodeDepthMax: 1000,
    decodeDepthMax: 1000,
    precision: PRECISION_MAX,
    keepBuffer: true,
    encodeInvalid: 'off',
    decodeInvalid: true,
  };
  const settings = new Settings(machine, options);
  return {
    _NAME: 'cjson',
    _VERSION: '2.1.0',
    encode: (thread) => {
      if (machine.api.lua_gettop(thread) !== 1) machine.failArgument(thread, 1, 'encode', 'expected 1 argument');
      const writer = new JsonWriter(machine, thread, options);
      writer.value(0);
      machine.pushBytes(thread, writer.into.filled());
      return 1;
    },
    decode: (thread) => {
      if (machine.api.lua_gettop(thread) !== 1) machine.failArgument(thread, 1, 'decode', 'expected 1 argument');
      const text = bytesArgument(machine, thread, 1, 'decode');
      if (text.length >= 2 && (text[0] === 0 || text[1] === 0))
        machine.fail(thread, 'JSON parser does not support UTF-16 or UTF-32');
      const problem = new JsonReader(machine, thread, text, options).read();
      if (problem !== null) machine.fail(thread, problem);
      return 1;
    },
    ...settings.functions(),
  };
}

/** The functions that ask for options, and set them. */
class Settings {
  private readonly machine: LuaMachine;
  private readonly options: JsonOptions;

  constructor(machine: LuaMachine, options: JsonOptions) {
    this.machine = machine;
    this.options = options;
  }

  functions(): Library {
    const { options } = this;
    return {
      encode_sparse_array: (thread) => {
        const name = 'encode_sparse_array';
        this.atMost(thread, 3, name);
        options.convertSparse = this.choice(thread, 1, name, options.convertSparse ? 'on' : 'off') === 'on';
        options.sparseRatio = this.whole(thread, 2, name, options.sparseRatio, 0, INT_MAX);
        options.sparseSafe = this.whole(thread, 3, name, options.sparseSafe, 0, INT_MAX);
        this.machine.api.lua_pushboolean(thread, options.convertSparse ? 1 : 0);
        this.machine.api.lua_pushnumber(thread, options.sparseRatio);
        this.machine.api.lua_pushnumber(thread, options.sparseSafe);
        return 3;
      },
      encode_max_depth: (thread) => {
        options.encodeDepthMax = this.single(thread, 'encode_max_depth', options.encodeDepthMax, INT_MAX);
        return 1;
      },
      decode_max_depth: (thread) => {
        options.decodeDepthMax = this.single(thread, 'decode_max_depth', options.decodeDepthMax, INT_MAX);
        return 1;
      },
      encode_number_precision: (thread) => {
        options.precision = this.single(thread, 'encode_number_precision', options.precision, PRECISION_MAX);
        return 1;
      },
      encode_keep_buffer: (thread) => {
        this.atMost(thread, 1, 'encode_keep_buffer');
        options.keepBuffer = this.choice(thread, 1, 'encode_keep_buffer', options.keepBuffer ? 'on' : 'off') === 'on';
        this.machine.api.lua_pushboolean(thread, options.keepBuffer ? 1 : 0);
        return 1;
      },
      encode_invalid_numbers: (thread) => {
        this.atMost(thread, 1, 'encode_invalid_numbers');
        const choices = ['off', 'on', 'null'] as const;
        options.encodeInvalid = this.choice(thread, 1, 'encode_invalid_numbers', options.encodeInvalid, choices);
        if (options.encodeInvalid === 'null') this.machine.pushText(thread, 'null');
        else this.machine.api.lua_pushboolean(thread, options.encodeInvalid === 'on' ? 1 : 0);
        return 1;
      },
      decode_invalid_numbers: (thread) => {
        const name = 'decode_invalid_numbers';
        this.atMost(thread, 1, name);
        options.decodeInvalid = this.choice(thread, 1, name, options.decodeInvalid ? 'on' : 'off') === 'on';
        this.machine.api.lua_pushboolean(thread, options.decodeInvalid ? 1 : 0);
        return 1;
      },
    };
  }

  private atMost(thread: Thread, count: number, name: string): void {
    if (this.machine.api.lua_gettop(thread) > count)
      this.machine.failArgument(thread, count + 1, name, 'found too many arguments');
    this.machine.api.lua_settop(thread, count);
  }

  /** A function of one whole number: sets it if one is given, and puts it on the stack. */
  private single(thread: Thread, name: string, current: number, max: number): number {
    this.atMost(thread, 1, name);
    const value = this.whole(thread, 1, name, current, 1, max);
    this.machine.api.lua_pushnumber(thread, value);
    return value;
  }

  private whole(thread: Thread, index: number, name: string, current: number, min: number, max: number): number {
    const value = integerArgument(this.machine, thread, index, name, current);
    if (value < min || value > max)
      this.machine.failArgument(thread, index, name, `expected integer between ${min} and ${max}`);
    return value;
  }

  private choice<T extends string>(
    thread: Thread,
    index: number,
    name: string,
    current: T,
    choices: readonly T[] = ['off', 'on'] as unknown as readonly T[],
  ): T {
    const { machine } = this;
    const type = machine.api.lua_type(thread, index);
    if (type === LuaType.nil) return current;
    if (type === LuaType.boolean) return choices[machine.api.lua_toboolean(thread, index)];
    const word = bytesArgument(machine, thread, index, name).toString('latin1');
    const found = choices.find((each) => each === word);
    return found ?? machine.failArgument(thread, index, name, `invalid option '${word}'`);
  }
}

class JsonWriter {
  readonly into = new ByteBuilder();
  private readonly machine: LuaMachine;
  private readonly thread: Thread;
  private readonly options: JsonOptions;

  constructor(machine: LuaMachine, thread: Thread, options: JsonOptions) {
    this.machine = machine;
    this.thread = thread;
    this.options = options;
  }

  /** The value on top of the stack, which stays. */
  value(depth: number): void {
    const { into, machine, thread } = this;
    const { api } = machine;
    const type = api.lua_type(thread, -1);
    switch (type) {
      case LuaType.string:
        this.string(machine.view(thread, -1) ?? Buffer.alloc(0));
        return;
      case LuaType.number:
        this.number();
        return;
      case LuaType.boolean:
        into.text(api.lua_toboolean(thread, -1) === 0 ? 'false' : 'true');
        return;
      case LuaType.nil:
        into.text('null');
        return;
      case LuaType.table:
        this.table(depth + 1);
        return;
      default:
        if (type === LuaType.lightuserdata && api.lua_touserdata(thread, -1) === 0) into.text('null');
        else this.refuse('type not supported');
    }
  }

  private refuse(reason: string, type = this.machine.typeName(this.thread, -1)): never {
    return this.machine.fail(this.thread, `Cannot serialise ${type}: ${reason}`);
  }

  private table(depth: number): void {
    const { machine, options, thread } = this;
    if (depth > options.encodeDepthMax || depth > DEPTH_MAX || machine.api.lua_checkstack(thread, 5) === 0)
      machine.fail(thread, `Cannot serialise, excessive nesting (${depth})`);
    const length = this.arrayLength();
    if (length > 0) this.array(length, depth);
    else this.object(depth);
  }

  /** The highest of its keys if all are whole and positive; 0 of an empty table; −1 for what must be an object. */
  private arrayLength(): number {
    const { machine, options, thread } = this;
    const { api } = machine;
    let max = 0;
    let items = 0;
    api.lua_pushnil(thread);
    for (; api.lua_next(thread, -2) !== 0; items++) {
      const key = api.lua_type(thread, -2) === LuaType.number ? api.lua_tonumber(thread, -2) : 0;
      if (!(key > 0 && Math.floor(key) === key)) {
        machine.pop(thread, 2);
        return -1;
      }
      // the original keeps it in 32 bits, where what is larger is the least number there
      if (key > max) max = key > INT_MAX ? INT_MIN : key;
      machine.pop(thread);
    }
    const { sparseRatio, sparseSafe } = options;
    if (sparseRatio > 0 && max > items * sparseRatio && max > sparseSafe) {
      if (!options.convertSparse) this.refuse('excessively sparse array');
      return -1;
    }
    return max;
  }

  private array(length: number, depth: number): void {
    const { into, machine, thread } = this;
    into.byte(0x5b);
    for (let i = 1; i <= length; i++) {
      if (i > 1) into.byte(0x2c);
      machine.api.lua_rawgeti(thread, -1, i);
      this.value(depth);
      machine.pop(thread);
    }
    into.byte(0x5d);
  }

  private object(depth: number): void {
    const { into, machine, thread } = this;
    const { api } = machine;
    into.byte(0x7b);
    let isFirst = true;
    api.lua_pushnil(thread);
    while (api.lua_next(thread, -2) !== 0) {
      if (!isFirst) into.byte(0x2c);
      isFirst = false;
      const type = api.lua_type(thread, -2);
      if (type === LuaType.number) {
        into.byte(0x22);
        api.lua_pushvalue(thread, -2);
        this.number();
        machine.pop(thread);
        into.byte(0x22);
      } else if (type === LuaType.string) this.string(machine.view(thread, -2) ?? Buffer.alloc(0));
      else this.refuse('table key must be a number or string', machine.typeName(thread, -2));
      into.byte(0x3a);
      this.value(depth);
      machine.pop(thread);
    }
    into.byte(0x7d);
  }

  private number(): void {
    const { into, machine, options, thread } = this;
    const value = machine.api.lua_tonumber(thread, -1);
    if (Number.isFinite(value)) into.text(general(value, options.precision));
    else if (options.encodeInvalid === 'off') this.refuse('must not be NaN or Inf');
    else if (options.encodeInvalid === 'null') into.text('null');
    else into.text(Number.isNaN(value) ? 'nan' : general(value, options.precision));
  }

  private string(value: Buffer): void {
    const { into } = this;
    into.byte(0x22);
    let from = 0;
    for (let i = 0; i < value.length; i++) {
      const escaped = ESCAPES[value[i]];
      if (escaped === undefined) continue;
      if (i > from) into.raw(value.subarray(from, i));
      into.text(escaped);
      from = i + 1;
    }
    if (from < value.length) into.raw(value.subarray(from));
    into.byte(0x22);
  }
}

/** By byte. */
const ESCAPES: readonly (string | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const short: Readonly<Record<number, string>> = {
    8: '\\b',
    9: '\\t',
    10: '\\n',
    12: '\\f',
    13: '\\r',
    34: '\\"',
    47: '\\/',
    92: '\\\\',
  };
  if (short[byte] !== undefined) return short[byte];
  return byte < 32 || byte === 127 ? `\\u${byte.toString(16).padStart(4, '0')}` : undefined;
});
