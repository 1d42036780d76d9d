/** BITFIELD: integers of any width within a value, with its three ways of overflow. */
import { KEEP_DEADLINE, KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { integerArgument } from './arguments.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

type Overflow = 'wrap' | 'sat' | 'fail';

interface FieldType {
  signed: boolean;
  bits: number;
}

interface Operation {
  kind: 'get' | 'set' | 'incrby';
  type: FieldType;
  offset: number;
  operand: bigint;
  overflow: Overflow;
}

const TYPE_ERROR = 'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';
const OFFSET_ERROR = 'ERR bit offset is not an integer or out of range';

function parseType(slice: Slice): FieldType | undefined {
  const match = /^([iu])(\d{1,2})$/.exec(slice.latin1());
  if (match === null) return undefined;
  const bits = Number(match[2]);
  const signed = match[1] === 'i';
  return bits < 1 || bits > (signed ? 64 : 63) ? undefined : { signed, bits };
}

function parseOffset(call: Call, slice: Slice, type: FieldType): number | undefined {
  const match = /^(#?)(\d{1,19})$/.exec(slice.latin1());
  const offset = match === null ? Number.NaN : Number(match[2]) * (match[1] === '#' ? type.bits : 1);
  const limit = call.services.config.limits.protoMaxBulkLength * 8;
  return Number.isSafeInteger(offset) && offset + type.bits <= limit ? offset : undefined;
}

/** All operations, or undefined after an error. */
function parseOperations(call: Call, readOnly: boolean): Operation[] | undefined {
  const { args, argc, reply } = call;
  const operations: Operation[] = [];
  let overflow: Overflow = 'wrap';
  const fail = (error: string) => {
    reply.error(error);
    return undefined;
  };
  for (let i = 2; i < argc; ) {
    const word = args[i].latin1().toLowerCase();
    if (word === 'overflow' && i + 1 < argc) {
      const way = args[i + 1].latin1().toLowerCase();
      if (way !== 'wrap' && way !== 'sat' && way !== 'fail') return fail('ERR Invalid OVERFLOW type specified');
      overflow = way;
      i += 2;
      continue;
    }
    const size = word === 'get' ? 3 : 4;
    if ((word !== 'get' && word !== 'set' && word !== 'incrby') || i + size > argc) return fail(Errors.syntax);
    const type = parseType(args[i + 1]);
    if (type === undefined) return fail(TYPE_ERROR);
    const offset = parseOffset(call, args[i + 2], type);
    if (offset === undefined) return fail(OFFSET_ERROR);
    let operand = 0n;
    if (word !== 'get') {
      if (readOnly) return fail('ERR BITFIELD_RO only supports the GET subcommand');
      const given = integerArgument(call, i + 3);
      if (given === undefined) return undefined;
      operand = BigInt(given);
    }
    operations.push({ kind: word, type, offset, operand, overflow });
    i += size;
  }
  return operations;
}

function readField(bytes: Uint8Array, length: number, { signed, bits }: FieldType, offset: number): bigint {
  let value = 0n;
  for (let bit = offset; bit < offset + bits; bit++) {
    const byte = Math.floor(bit / 8);
    const set = byte < length && (bytes[byte] & (128 >>> (bit % 8))) !== 0;
    value = (value << 1n) | (set ? 1n : 0n);
  }
  return signed ? BigInt.asIntN(bits, value) : value;
}

function writeField(bytes: Uint8Array, { bits }: FieldType, offset: number, value: bigint): void {
  let rest = BigInt.asUintN(bits, value);
  for (let bit = offset + bits - 1; bit >= offset; bit--) {
    const mask = 128 >>> (bit % 8);
    if ((rest & 1n) === 1n) bytes[Math.floor(bit / 8)] |= mask;
    else bytes[Math.floor(bit / 8)] &= ~mask;
    rest >>= 1n;
  }
}

/** The value as it fits the field, or undefined where it may not be written. */
function fit(value: bigint, { signed, bits }: FieldType, overflow: Overflow): bigint | undefined {
  const max = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  if (value >= min && value <= max) return value;
  if (overflow === 'fail') return undefined;
  if (overflow === 'sat') return value > max ? max : min;
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

function runBitField(call: Call, readOnly: boolean): void {
  const { args, db, reply } = call;
  const operations = parseOperations(call, readOnly);
  if (operations === undefined) return;
  const value = new Slice();
  const type = db.strings.read(args[1], value);
  if (type !== KeyType.none && type !== KeyType.string) {
    reply.error(Errors.wrongType);
    return;
  }
  const before = type === KeyType.string ? value.copy() : Buffer.alloc(0);
  const writes = operations.filter((operation) => operation.kind !== 'get');
  const length = Math.max(before.length, ...writes.map(({ offset, type: field }) => Math.ceil((offset + field.bits) / 8)));
  const bytes = Buffer.alloc(length);
  before.copy(bytes);
  reply.array(operations.length);
  for (const { kind, type: field, offset, operand, overflow } of operations) {
    const old = readField(bytes, length, field, offset);
    if (kind === 'get') {
      reply.integer(old);
      continue;
    }
    const fitted = fit(kind === 'set' ? operand : old + operand, field, overflow);
    if (fitted === undefined) {
      reply.nil();
      continue;
    }
    writeField(bytes, field, offset, fitted);
    reply.integer(kind === 'set' ? old : fitted);
  }
  if (writes.length > 0 && !(before.length === length && before.equals(bytes))) {
    db.strings.write(args[1], new Slice(bytes), KEEP_DEADLINE);
  }
}

export const bitfieldCommands: readonly Command[] = [
  {
    name: 'bitfield', arity: -2, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['bitmap'], since: '3.2.0', group: 'bitmap',
    summary: 'Reads and changes integers within a value.', complexity: 'O(1) per operation, O(N) to write the value',
    run(call) {
      runBitField(call, false);
    },
  },
  {
    name: 'bitfield_ro', arity: -2, flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['bitmap'], since: '6.0.0', group: 'bitmap',
    summary: 'Reads integers within a value.', complexity: 'O(1) per operation',
    run(call) {
      runBitField(call, true);
    },
  },
];
