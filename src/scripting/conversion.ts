/**
 * Between replies and values of Lua, both ways, as Redis converts them. A reply comes as the bytes that the command wrote
 * (RESP2, or RESP3 after redis.setresp(3)) and goes on Lua's stack; what a script returns is written as a reply.
 */
import type { Reply } from '../commands/reply.ts';
import type { Integer } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { type LuaMachine, LuaType, type Thread } from './machine.ts';

const CODE = {
  plus: 43,
  minus: 45,
  colon: 58,
  dollar: 36,
  star: 42,
  underscore: 95,
  comma: 44,
  hash: 35,
  percent: 37,
  tilde: 126,
  paren: 40,
  equals: 61,
  bar: 124,
  greater: 62,
};
/** As deep as a reply is written: each level takes native stack. */
const DEPTH_MAX = 1000;
const NOTHING = new Slice();
const status = new Slice();
const INT64_MIN = -(2n ** 63n);

/** Puts the reply at bytes[at..] on the stack as a value; gives where the next one begins. */
export function pushReply(machine: LuaMachine, thread: Thread, bytes: Buffer, at: number): number {
  const { api } = machine;
  const lineEnd = bytes.indexOf(13, at);
  const text = () => bytes.toString('latin1', at + 1, lineEnd);
  const next = lineEnd + 2;
  api.lua_checkstack(thread, 5);
  switch (bytes[at]) {
    case CODE.plus:
      if (isOk(bytes, at + 1, lineEnd)) pushOk(machine, thread);
      else pushField(machine, thread, 'ok', text());
      return next;
    case CODE.minus:
      pushError(machine, thread, text());
      return next;
    case CODE.colon:
      api.lua_pushnumber(thread, Number(text()));
      return next;
    case CODE.dollar: {
      const length = Number(text());
      if (length < 0) api.lua_pushboolean(thread, 0);
      else machine.pushRange(thread, bytes, next, next + length);
      return length < 0 ? next : next + length + 2;
    }
    case CODE.star:
    case CODE.greater:
      return pushArray(machine, thread, bytes, Number(text()), next);
    case CODE.percent:
      return pushMap(machine, thread, bytes, Number(text()), next, 'map');
    case CODE.tilde:
      return pushMap(machine, thread, bytes, Number(text()), next, 'set');
    case CODE.underscore:
      api.lua_pushnil(thread);
      return next;
    case CODE.hash:
      api.lua_pushboolean(thread, bytes[at + 1] === 0x74 ? 1 : 0);
      return next;
    case CODE.comma:
      api.lua_createtable(thread, 0, 1);
      api.lua_pushnumber(thread, doubleOf(text()));
      machine.setRawField(thread, -2, 'double');
      return next;
    case CODE.paren:
      pushField(machine, thread, 'big_number', text());
      return next;
    case CODE.equals:
      return pushVerbatim(machine, thread, bytes, Number(text()), next);
    case CODE.bar:
      return pushReply(machine, thread, bytes, skipAttribute(machine, thread, bytes, Number(text()), next));
    default:
      throw new Error(`no reply begins with byte ${bytes[at]}`);
  }
}

function pushArray(machine: LuaMachine, thread: Thread, bytes: Buffer, size: number, start: number): number {
  const { api } = machine;
  if (size < 0) {
    api.lua_pushboolean(thread, 0);
    return start;
  }
  api.lua_createtable(thread, size, 0);
  let at = start;
  for (let i = 1; i <= size; i++) {
    at = pushReply(machine, thread, bytes, at);
    api.lua_rawseti(thread, -2, i);
  }
  return at;
}

/** Of a set the members are keys, and true their value. */
function pushMap(
  machine: LuaMachine,
  thread: Thread,
  bytes: Buffer,
  size: number,
  start: number,
  kind: 'map' | 'set',
): number {
  const { api } = machine;
  api.lua_createtable(thread, 0, 1);
  api.lua_createtable(thread, 0, size);
  let at = start;
  for (let i = 0; i < size; i++) {
    at = pushReply(machine, thread, bytes, at);
    if (kind === 'map') at = pushReply(machine, thread, bytes, at);
    else api.lua_pushboolean(thread, 1);
    api.lua_rawset(thread, -3);
  }
  machine.setRawField(thread, -2, kind);
  return at;
}

/** What is told about the reply that follows is none of a script's business. */
function skipAttribute(machine: LuaMachine, thread: Thread, bytes: Buffer, pairs: number, start: number): number {
  let at = start;
  for (let i = 0; i < 2 * pairs; i++) {
    at = pushReply(machine, thread, bytes, at);
    machine.pop(thread);
  }
  return at;
}

function pushVerbatim(machine: LuaMachine, thread: Thread, bytes: Buffer, length: number, start: number): number {
  const { api } = machine;
  api.lua_createtable(thread, 0, 1);
  api.lua_createtable(thread, 0, 2);
  machine.pushBytes(thread, bytes.subarray(start + 4, start + length));
  machine.setRawField(thread, -2, 'string');
  machine.pushBytes(thread, bytes.subarray(start, start + 3));
  machine.setRawField(thread, -2, 'format');
  machine.setRawField(thread, -2, 'verbatim_string');
  return start + length + 2;
}

/** What most writes answer. */
function isOk(bytes: Buffer, start: number, end: number): boolean {
  return end - start === 2 && bytes[start] === 79 && bytes[start + 1] === 75;
}

function pushOk(machine: LuaMachine, thread: Thread): void {
  machine.api.lua_createtable(thread, 0, 1);
  machine.pushWord(thread, 'OK');
  machine.setRawField(thread, -2, 'ok');
}

/** A table of one field. */
export function pushField(machine: LuaMachine, thread: Thread, name: string, text: string): void {
  machine.api.lua_createtable(thread, 0, 1);
  machine.pushText(thread, text);
  machine.setRawField(thread, -2, name);
}

/** An error as scripts see it: a table with its text, code first. */
export function pushError(machine: LuaMachine, thread: Thread, text: string): void {
  pushField(machine, thread, 'err', text.replace(/[\r\n]+$/, ''));
}

function doubleOf(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/**
 * Writes the value on top of the stack as a reply, and takes it off. `protocol`: as the script has set it; a script that
 * speaks RESP2 has no booleans.
 */
export function writeValue(machine: LuaMachine, thread: Thread, reply: Reply, protocol: 2 | 3, depth = 0): void {
  const { api } = machine;
  if (depth > DEPTH_MAX || api.lua_checkstack(thread, 8) === 0) {
    reply.error('ERR reached lua stack limit');
    machine.pop(thread);
    return;
  }
  switch (api.lua_type(thread, -1)) {
    case LuaType.string:
      reply.bulkBytes(machine.view(thread, -1) ?? Buffer.alloc(0));
      break;
    case LuaType.number:
      reply.integer(integerOf(api.lua_tonumber(thread, -1)));
      break;
    case LuaType.boolean:
      writeBoolean(reply, api.lua_toboolean(thread, -1) !== 0, protocol);
      break;
    case LuaType.table:
      writeTable(machine, thread, reply, protocol, depth + 1);
      break;
    default:
      reply.nil();
  }
  machine.pop(thread);
}

function writeBoolean(reply: Reply, value: boolean, protocol: 2 | 3): void {
  if (protocol === 3) reply.boolean(value);
  else if (value) reply.integer(1);
  else reply.nil();
}

/** As C casts a double to 64 bits on the machines that Redis runs on: what is out of their range is the lowest. */
function integerOf(value: number): Integer {
  if (Number.isNaN(value)) return INT64_MIN;
  if (Math.abs(value) < 2 ** 53) return Math.trunc(value) + 0;
  return Math.abs(value) >= 2 ** 63 ? INT64_MIN : BigInt(Math.trunc(value));
}

function writeTable(machine: LuaMachine, thread: Thread, reply: Reply, protocol: 2 | 3, depth: number): void {
  const { api } = machine;
  const find = (name: string, type: number): boolean => {
    machine.rawField(thread, -1, name);
    if (api.lua_type(thread, -1) === type || (type === LuaType.string && api.lua_type(thread, -1) === LuaType.number))
      return true;
    machine.pop(thread);
    return false;
  };
  if (find('err', LuaType.string)) {
    const text = utf8(machine, thread);
    machine.pop(thread);
    machine.rawField(thread, -1, COUNTED);
    reply.error(text, api.lua_toboolean(thread, -1) === 0);
  } else if (find('ok', LuaType.string)) writeStatus(machine, thread, reply);
  else if (find('double', LuaType.number)) reply.double(api.lua_tonumber(thread, -1));
  else if (find('map', LuaType.table)) writePairs(machine, thread, reply, protocol, depth, 'map');
  else if (find('set', LuaType.table)) writePairs(machine, thread, reply, protocol, depth, 'set');
  else if (find('big_number', LuaType.string)) reply.bigNumber(utf8(machine, thread).replace(/[\r\n]/g, ' '));
  else if (find('verbatim_string', LuaType.table) && writeVerbatim(machine, thread, reply)) {
    // written
  } else {
    writeArray(machine, thread, reply, protocol, depth);
    return;
  }
  machine.pop(thread);
}

function writeStatus(machine: LuaMachine, thread: Thread, reply: Reply): void {
  const { bytes, start, end } = machine.locate(thread, -1, status) ? status : NOTHING;
  if (isOk(bytes, start, end)) reply.ok();
  else reply.status(bytes.toString('utf8', start, end).replace(/[\r\n]/g, ' '));
}

/** Set in an error that a command has counted already. Redis's name for it. */
export const COUNTED = 'ignore_error_stats_update';

function writePairs(
  machine: LuaMachine,
  thread: Thread,
  reply: Reply,
  protocol: 2 | 3,
  depth: number,
  kind: 'map' | 'set',
): void {
  const { api } = machine;
  let size = 0;
  api.lua_pushnil(thread);
  for (; api.lua_next(thread, -2) !== 0; size++) machine.pop(thread);
  if (kind === 'map') reply.map(size);
  else reply.set(size);
  api.lua_pushnil(thread);
  while (api.lua_next(thread, -2) !== 0) {
    // a copy: a key that is a number must stay one for the walk
    api.lua_pushvalue(thread, -2);
    writeValue(machine, thread, reply, protocol, depth);
    if (kind === 'map') writeValue(machine, thread, reply, protocol, depth);
    else machine.pop(thread);
  }
}

/** Both fields must be strings; else false, and the field of the two is off the stack. */
function writeVerbatim(machine: LuaMachine, thread: Thread, reply: Reply): boolean {
  machine.rawField(thread, -1, 'format');
  const format = machine.text(thread, -1);
  machine.pop(thread);
  machine.rawField(thread, -1, 'string');
  const value = machine.view(thread, -1);
  const isWhole = format !== null && value !== null;
  if (isWhole) reply.verbatimBytes(format.padEnd(3).slice(0, 3), value);
  machine.pop(thread, isWhole ? 1 : 2);
  return isWhole;
}

/** Up to the first nil. */
function writeArray(machine: LuaMachine, thread: Thread, reply: Reply, protocol: 2 | 3, depth: number): void {
  const { api } = machine;
  let size = 0;
  for (;;) {
    api.lua_rawgeti(thread, -1, size + 1);
    const type = api.lua_type(thread, -1);
    machine.pop(thread);
    if (type === LuaType.nil) break;
    size++;
  }
  reply.array(size);
  for (let i = 1; i <= size; i++) {
    api.lua_rawgeti(thread, -1, i);
    writeValue(machine, thread, reply, protocol, depth);
  }
}

/** Lines of a reply are text. */
function utf8(machine: LuaMachine, thread: Thread): string {
  return machine.view(thread, -1)?.toString() ?? '';
}
