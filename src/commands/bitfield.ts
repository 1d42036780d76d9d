/**
 * BITFIELD: integers of any width within a value, with its three ways of overflow. All operations of one command are
 * read before the first is done, and make one write of the whole value.
 */
import { KEEP_DEADLINE } from '../core/contract.ts';
import { parseInteger } from '../core/integer.ts';
import { Slice } from '../core/slice.ts';
import { integerArgument } from './arguments.ts';
import { Errors } from './reply.ts';
import { grownCopy, readOldValue, readValue } from './string-value.ts';
import type { Call, Command } from './table.ts';

type Overflow = 'wrap' | 'sat' | 'fail';

interface FieldType {
  readonly signed: boolean;
  readonly bits: number;
}

interface Operation {
  readonly kind: 'get' | 'set' | 'incrby';
  readonly type: FieldType;
  readonly offset: number;
  readonly operand: bigint;
  readonly overflow: Overflow;
}

const TYPE_ERROR = 'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';
const OFFSET_ERROR = 'ERR bit offset is not an integer or out of range';

const value = new Slice();
const written = new Slice();

function runBitField(call: Call, readOnly: boolean): void {
  const operations = parseOperations(call);
  if (operations === undefined) return;
  if (operations.every(({ kind }) => kind === 'get')) answerFields(call, operations);
  else if (readOnly) call.reply.error('ERR BITFIELD_RO only supports the GET subcommand');
  else changeFields(call, operations);
}

function answerFields(call: Call, operations: readonly Operation[]): void {
  const found = readValue(call, call.args[1], value);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  call.reply.array(operations.length);
  for (const { type, offset } of operations) {
    call.reply.integer(readField(value.bytes, value.start, length, type, offset));
  }
}

function changeFields(call: Call, operations: readonly Operation[]): void {
  const { args, db, reply } = call;
  const found = readOldValue(call, args[1], value);
  if (found === undefined) return;
  const before = found ? value.length : 0;
  let length = before;
  for (const { kind, type, offset } of operations) {
    if (kind !== 'get') length = Math.max(length, Math.ceil((offset + type.bits) / 8));
  }
  const bytes = grownCopy(found ? value : null, length);
  let changes = length - before;
  reply.array(operations.length);
  for (const { kind, type, offset, operand, overflow } of operations) {
    const old = readField(bytes, 0, length, type, offset);
    if (kind === 'get') {
      reply.integer(old);
      continue;
    }
    const fitted = fit(kind === 'set' ? operand : old + operand, type, overflow);
    if (fitted === undefined) {
      reply.nil();
      continue;
    }
    writeField(bytes, type, offset, fitted);
    // what is so already is no change, as in Redis
    if (fitted !== old) changes++;
    reply.integer(kind === 'set' ? old : fitted);
  }
  if (changes > 0) db.strings.write(args[1], written.set(bytes, 0, length), KEEP_DEADLINE);
}

/** All operations, or undefined after an error. */
function parseOperations(call: Call): Operation[] | undefined {
  const { args, argc, reply } = call;
  const operations: Operation[] = [];
  let overflow: Overflow = 'wrap';
  for (let i = 2; i < argc; ) {
    if (args[i].isWord('overflow') && i + 1 < argc) {
      const way = overflowOf(args[i + 1]);
      if (way === undefined) {
        reply.error('ERR Invalid OVERFLOW type specified');
        return undefined;
      }
      overflow = way;
      i += 2;
      continue;
    }
    const kind = operationOf(args[i]);
    const size = kind === 'get' ? 3 : 4;
    if (kind === undefined || i + size > argc) {
      reply.error(Errors.syntax);
      return undefined;
    }
    const operation = parseOperation(call, i, kind, overflow);
    if (operation === undefined) return undefined;
    operations.push(operation);
    i += size;
  }
  return operations;
}

function parseOperation(call: Call, at: number, kind: Operation['kind'], overflow: Overflow): Operation | undefined {
  const { args, reply } = call;
  const type = parseType(args[at + 1]);
  if (type === undefined) {
    reply.error(TYPE_ERROR);
    return undefined;
  }
  const offset = parseOffset(call, args[at + 2], type);
  if (offset === undefined) {
    reply.error(OFFSET_ERROR);
    return undefined;
  }
  if (kind === 'get') return { kind, type, offset, operand: 0n, overflow };
  const given = integerArgument(call, at + 3);
  if (given === undefined) return undefined;
  // SET takes what it is given for an unsigned field as 64 unsigned bits: −1 is the largest of all
  const operand = kind === 'set' && !type.signed ? BigInt.asUintN(64, BigInt(given)) : BigInt(given);
  return { kind, type, offset, operand, overflow };
}

function operationOf(word: Slice): Operation['kind'] | undefined {
  if (word.isWord('get')) return 'get';
  if (word.isWord('set')) return 'set';
  if (word.isWord('incrby')) return 'incrby';
  return undefined;
}

function overflowOf(word: Slice): Overflow | undefined {
  if (word.isWord('wrap')) return 'wrap';
  if (word.isWord('sat')) return 'sat';
  if (word.isWord('fail')) return 'fail';
  return undefined;
}

const SIGNED = 105;
const UNSIGNED = 117;
const HASH = 35;

function parseType({ bytes, start, end }: Slice): FieldType | undefined {
  if (end === start || (bytes[start] !== SIGNED && bytes[start] !== UNSIGNED)) return undefined;
  const signed = bytes[start] === SIGNED;
  const bits = parseInteger(bytes, start + 1, end);
  return bits === undefined || bits < 1 || bits > (signed ? 64 : 63) ? undefined : { signed, bits: Number(bits) };
}

/** In bits, or `#n` in fields of that type. */
function parseOffset(call: Call, { bytes, start, end }: Slice, type: FieldType): number | undefined {
  const inFields = end > start && bytes[start] === HASH;
  const given = parseInteger(bytes, inFields ? start + 1 : start, end);
  if (given === undefined) return undefined;
  const offset = Number(given) * (inFields ? type.bits : 1);
  return offset >= 0 && offset < call.services.config.limits.protoMaxBulkLength * 8 ? offset : undefined;
}

/** The field at `offset` of bytes[start..start + length), as if zeros followed. */
function readField(bytes: Uint8Array, start: number, length: number, type: FieldType, offset: number): bigint {
  const { signed, bits } = type;
  const first = Math.floor(offset / 8);
  const last = Math.floor((offset + bits - 1) / 8);
  let field = 0n;
  for (let at = first; at <= last; at++) field = (field << 8n) | BigInt(at < length ? bytes[start + at] : 0);
  field >>= BigInt(last * 8 + 8 - offset - bits);
  return signed ? BigInt.asIntN(bits, field) : BigInt.asUintN(bits, field);
}

function writeField(bytes: Uint8Array, { bits }: FieldType, offset: number, field: bigint): void {
  const first = Math.floor(offset / 8);
  const last = Math.floor((offset + bits - 1) / 8);
  const unused = BigInt(last * 8 + 8 - offset - bits);
  let mask = BigInt.asUintN(bits, -1n) << unused;
  let rest = BigInt.asUintN(bits, field) << unused;
  for (let at = last; at >= first; at--) {
    bytes[at] = (bytes[at] & ~Number(mask & 255n)) | Number(rest & 255n);
    mask >>= 8n;
    rest >>= 8n;
  }
}

/** The value as it fits the field, or undefined where it may not be written. */
function fit(field: bigint, { signed, bits }: FieldType, overflow: Overflow): bigint | undefined {
  const max = BigInt.asUintN(signed ? bits - 1 : bits, -1n);
  const min = signed ? -max - 1n : 0n;
  if (field >= min && field <= max) return field;
  if (overflow === 'fail') return undefined;
  if (overflow === 'sat') return field > max ? max : min;
  return signed ? BigInt.asIntN(bits, field) : BigInt.asUintN(bits, field);
}

export const bitfieldCommands: readonly Command[] = [
  {
    name: 'bitfield',
    arity: -2,
    flags: ['write', 'denyoom'],
    keys: [1, 1, 1],
    acl: ['bitmap'],
    since: '3.2.0',
    group: 'bitmap',
    summary: 'Reads and changes integers within a value.',
    complexity: 'O(1) per operation, O(N) to write the value',
    run: (call) => runBitField(call, false),
  },
  {
    name: 'bitfield_ro',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: [1, 1, 1],
    acl: ['bitmap'],
    since: '6.0.0',
    group: 'bitmap',
    summary: 'Reads integers within a value.',
    complexity: 'O(1) per operation',
    run: (call) => runBitField(call, true),
  },
];
