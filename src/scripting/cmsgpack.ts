/** The library `cmsgpack`: MessagePack, as lua-cmsgpack 0.4.0 has it: no binary and no extension types. */
import { bytesArgument, integerArgument } from './arguments.ts';
import { ByteBuilder } from './byte-builder.ts';
import type { Library } from './environment.ts';
import { type LuaMachine, LuaType, type Thread } from './machine.ts';

/** Tables within tables; what lies deeper is nil. */
const NESTING_MAX = 16;
/** As deep as data may be nested that is read: each level takes native stack. */
const READ_NESTING_MAX = 1000;

export function cmsgpackLibrary(machine: LuaMachine): Library {
  return {
    _NAME: 'cmsgpack',
    _VERSION: 'lua-cmsgpack 0.4.0',
    _COPYRIGHT: 'Copyright (C) 2012, Salvatore Sanfilippo',
    _DESCRIPTION: 'MessagePack C implementation for Lua',
    pack: (thread) => pack(machine, thread),
    unpack: (thread) => unpack(machine, thread, 'unpack', null),
    unpack_one: (thread) => {
      const offset = integerArgument(machine, thread, 2, 'unpack_one', 0);
      machine.api.lua_settop(thread, 1);
      return unpack(machine, thread, 'unpack_one', { limit: 1, offset });
    },
    unpack_limit: (thread) => {
      const limit = integerArgument(machine, thread, 2, 'unpack_limit');
      const offset = integerArgument(machine, thread, 3, 'unpack_limit', 0);
      machine.api.lua_settop(thread, 1);
      return unpack(machine, thread, 'unpack_limit', { limit, offset });
    },
  };
}

// --- writing

function pack(machine: LuaMachine, thread: Thread): number {
  const { api } = machine;
  const count = api.lua_gettop(thread);
  if (count === 0) machine.failArgument(thread, 0, 'pack', 'MessagePack pack needs input.');
  if (api.lua_checkstack(thread, 3 * NESTING_MAX) === 0) machine.fail(thread, 'stack overflow');
  const into = new ByteBuilder();
  for (let i = 1; i <= count; i++) {
    api.lua_pushvalue(thread, i);
    writeValue(machine, thread, into, 0);
  }
  machine.pushBytes(thread, into.filled());
  return 1;
}

/** The value on top of the stack, which it takes off. */
function writeValue(machine: LuaMachine, thread: Thread, into: ByteBuilder, level: number): void {
  const { api } = machine;
  switch (api.lua_type(thread, -1)) {
    case LuaType.string:
      writeString(into, machine.view(thread, -1) ?? Buffer.alloc(0));
      break;
    case LuaType.boolean:
      into.byte(api.lua_toboolean(thread, -1) === 0 ? 0xc2 : 0xc3);
      break;
    case LuaType.number:
      writeNumber(into, api.lua_tonumber(thread, -1));
      break;
    case LuaType.table:
      if (level === NESTING_MAX) into.byte(0xc0);
      else writeTable(machine, thread, into, level);
      break;
    default:
      into.byte(0xc0);
  }
  machine.pop(thread);
}

function writeString(into: ByteBuilder, value: Buffer): void {
  const { length } = value;
  if (length < 32) into.byte(0xa0 | length);
  else writeHeader(into, length, 0xd9, 0xda, 0xdb);
  into.raw(value);
}

/** `one`: the mark for a length of one byte; 0: there is none. */
function writeHeader(into: ByteBuilder, length: number, one: number, two: number, four: number): void {
  const size = one !== 0 && length <= 0xff ? 1 : length <= 0xffff ? 2 : 4;
  into.byte(size === 1 ? one : size === 2 ? two : four);
  into.unsigned(length, size);
}

function writeNumber(into: ByteBuilder, value: number): void {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) writeInteger(into, value);
  else if (Math.fround(value) === value) {
    into.byte(0xca);
    into.float(value);
  } else {
    into.byte(0xcb);
    into.double(value);
  }
}

function writeInteger(into: ByteBuilder, value: number): void {
  if (value >= 0) {
    if (value <= 0x7f) into.byte(value);
    else if (value <= 0xff) tagged(into, 0xcc, value, 1);
    else if (value <= 0xffff) tagged(into, 0xcd, value, 2);
    else if (value <= 0xffffffff) tagged(into, 0xce, value, 4);
    else tagged(into, 0xcf, value, 8);
  } else if (value >= -32) into.byte(value & 0xff);
  else if (value >= -0x80) tagged(into, 0xd0, value & 0xff, 1);
  else if (value >= -0x8000) tagged(into, 0xd1, value & 0xffff, 2);
  else if (value >= -0x80000000) tagged(into, 0xd2, value >>> 0, 4);
  else tagged(into, 0xd3, value, 8);
}

function tagged(into: ByteBuilder, mark: number, value: number, size: 1 | 2 | 4 | 8): void {
  into.byte(mark);
  into.unsigned(value, size);
}

function writeTable(machine: LuaMachine, thread: Thread, into: ByteBuilder, level: number): void {
  const { api } = machine;
  const { isArray, size } = shapeOf(machine, thread);
  if (size <= 15) into.byte((isArray ? 0x90 : 0x80) | size);
  else if (isArray) writeHeader(into, size, 0, 0xdc, 0xdd);
  else writeHeader(into, size, 0, 0xde, 0xdf);
  if (isArray) {
    for (let i = 1; i <= size; i++) {
      api.lua_rawgeti(thread, -1, i);
      writeValue(machine, thread, into, level + 1);
    }
    return;
  }
  api.lua_pushnil(thread);
  while (api.lua_next(thread, -2) !== 0) {
    api.lua_pushvalue(thread, -2);
    writeValue(machine, thread, into, level + 1);
    writeValue(machine, thread, into, level + 1);
  }
}

/** An array has the keys 1 … n and no others; an empty table is one. */
function shapeOf(machine: LuaMachine, thread: Thread): { isArray: boolean; size: number } {
  const { api } = machine;
  let size = 0;
  let max = 0;
  let isArray = true;
  api.lua_pushnil(thread);
  for (; api.lua_next(thread, -2) !== 0; size++) {
    machine.pop(thread);
    if (!isArray) continue;
    const key = api.lua_type(thread, -1) === LuaType.number ? api.lua_tonumber(thread, -1) : 0;
    if (key > 0 && Number.isInteger(key)) max = Math.max(max, key);
    else isArray = false;
  }
  return { isArray: isArray && max === size, size };
}

// --- reading

/** What does not fit together. */
class MessagePackError extends Error {
  readonly hasPlace: boolean;

  constructor(message: string, hasPlace = true) {
    super(message);
    this.hasPlace = hasPlace;
  }
}

class Reader {
  readonly bytes: Buffer;
  at: number;
  private readonly machine: LuaMachine;
  private readonly thread: Thread;

  constructor(machine: LuaMachine, thread: Thread, bytes: Buffer, at: number) {
    this.machine = machine;
    this.thread = thread;
    this.bytes = bytes;
    this.at = at;
  }

  /** Puts the next value on the stack. */
  value(level: number): void {
    const { machine, thread } = this;
    const { api } = machine;
    if (level > READ_NESTING_MAX || api.lua_checkstack(thread, 4) === 0) throw new MessagePackError('stack overflow');
    const mark = this.unsigned(1);
    if (mark <= 0x7f) api.lua_pushnumber(thread, mark);
    else if (mark <= 0x8f) this.map(mark & 0x0f, level);
    else if (mark <= 0x9f) this.array(mark & 0x0f, level);
    else if (mark <= 0xbf) this.string(mark & 0x1f);
    else if (mark >= 0xe0) api.lua_pushnumber(thread, mark - 256);
    else this.marked(mark, level);
  }

  private marked(mark: number, level: number): void {
    const { machine, thread } = this;
    const { api } = machine;
    switch (mark) {
      case 0xc0:
        api.lua_pushnil(thread);
        return;
      case 0xc2:
      case 0xc3:
        api.lua_pushboolean(thread, mark & 1);
        return;
      case 0xca:
        api.lua_pushnumber(thread, this.take(4).readFloatBE(0));
        return;
      case 0xcb:
        api.lua_pushnumber(thread, this.take(8).readDoubleBE(0));
        return;
      case 0xcc:
      case 0xcd:
      case 0xce:
        api.lua_pushnumber(thread, this.unsigned((1 << (mark - 0xcc)) as 1 | 2 | 4));
        return;
      // beyond 63 bits negative, as in Redis
      case 0xcf:
        api.lua_pushnumber(thread, Number(this.take(8).readBigInt64BE(0)));
        return;
      case 0xd0:
      case 0xd1:
      case 0xd2: {
        const size = 1 << (mark - 0xd0);
        api.lua_pushnumber(thread, this.take(size).readIntBE(0, size));
        return;
      }
      case 0xd3:
        api.lua_pushnumber(thread, Number(this.take(8).readBigInt64BE(0)));
        return;
      case 0xd9:
      case 0xda:
      case 0xdb:
        this.string(this.unsigned((1 << (mark - 0xd9)) as 1 | 2 | 4));
        return;
      case 0xdc:
      case 0xdd:
        this.array(this.unsigned(mark === 0xdc ? 2 : 4), level);
        return;
      case 0xde:
      case 0xdf:
        this.map(this.unsigned(mark === 0xde ? 2 : 4), level);
        return;
      default:
        throw new MessagePackError('Bad data format in input.');
    }
  }

  private string(length: number): void {
    this.machine.pushBytes(this.thread, this.take(length));
  }

  private array(size: number, level: number): void {
    const { api } = this.machine;
    api.lua_createtable(this.thread, 0, 0);
    for (let i = 1; i <= size; i++) {
      this.value(level + 1);
      api.lua_rawseti(this.thread, -2, i);
    }
  }

  private map(size: number, level: number): void {
    const { api } = this.machine;
    api.lua_createtable(this.thread, 0, 0);
    for (let i = 0; i < size; i++) {
      this.value(level + 1);
      this.value(level + 1);
      const isNil = api.lua_type(this.thread, -2) === LuaType.nil;
      if (isNil) throw new MessagePackError('table index is nil', false);
      if (api.lua_rawequal(this.thread, -2, -2) === 0) throw new MessagePackError('table index is NaN', false);
      api.lua_rawset(this.thread, -3);
    }
  }

  private unsigned(size: 1 | 2 | 4): number {
    return this.take(size).readUIntBE(0, size);
  }

  private take(size: number): Buffer {
    const { at } = this;
    if (size > this.bytes.length - at) throw new MessagePackError('Missing bytes in input.');
    this.at = at + size;
    return this.bytes.subarray(at, at + size);
  }
}

/** `part`: only so many values, and before them where the next begins (−1: nowhere); null: all. */
function unpack(
  machine: LuaMachine,
  thread: Thread,
  name: string,
  part: { readonly limit: number; readonly offset: number } | null,
): number {
  const bytes = bytesArgument(machine, thread, 1, name);
  const { limit, offset } = part ?? { limit: Number.POSITIVE_INFINITY, offset: 0 };
  if (offset < 0 || limit < 0)
    machine.fail(thread, `Invalid request to unpack with offset of ${offset} and limit of ${limit}.`);
  if (offset > bytes.length) machine.fail(thread, `Start offset ${offset} greater than input length ${bytes.length}.`);
  const reader = new Reader(machine, thread, bytes, offset);
  let count = 0;
  let problem: MessagePackError | null = null;
  try {
    for (; reader.at < bytes.length && count < limit; count++) reader.value(0);
  } catch (error) {
    if (!(error instanceof MessagePackError)) throw error;
    problem = error;
  }
  if (problem !== null) machine.fail(thread, problem.message, problem.hasPlace);
  if (part === null) return count;
  machine.api.lua_checkstack(thread, 1);
  machine.api.lua_pushnumber(thread, reader.at === bytes.length ? -1 : reader.at);
  machine.api.lua_insert(thread, 2);
  return count + 1;
}
