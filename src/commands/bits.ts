/** Bitmap commands. A change of a bit writes the whole value: concurrent ones are decided as a whole, the later wins. */
import { KEEP_DEADLINE, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { numberArgument, rangedArgument } from './arguments.ts';
import { bitfieldCommands } from './bitfield.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const value = new Slice();
const written = new Slice();
const BIT_OFFSET_ERROR = 'ERR bit offset is not an integer or out of range';
const BIT_ERROR = 'ERR bit is not an integer or out of range';

/** True if there is a string (in `value`), false if nothing; undefined after WRONGTYPE. */
function readBits(call: Call, key: Slice): boolean | undefined {
  const type = call.db.strings.read(key, value);
  if (type === KeyType.string) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

export function bitOffsetMax(call: Call): number {
  return call.services.config.limits.protoMaxBulkLength * 8 - 1;
}

function runSetBit(call: Call): void {
  const { args, db, reply } = call;
  const offset = rangedArgument(call, 2, 0, bitOffsetMax(call), BIT_OFFSET_ERROR);
  if (offset === undefined) return;
  const bit = rangedArgument(call, 3, 0, 1, BIT_ERROR);
  if (bit === undefined) return;
  const found = readBits(call, args[1]);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  const byte = Math.floor(offset / 8);
  const bytes = Buffer.alloc(Math.max(length, byte + 1));
  if (found) value.bytes.copy(bytes, 0, value.start, value.end);
  const mask = 128 >>> (offset % 8);
  const before = (bytes[byte] & mask) !== 0;
  if (!found || byte >= length || before !== (bit === 1)) {
    if (bit === 1) bytes[byte] |= mask;
    else bytes[byte] &= ~mask;
    db.strings.write(args[1], written.set(bytes, 0, bytes.length), KEEP_DEADLINE);
  }
  reply.flag(before);
}

function runGetBit(call: Call): void {
  const offset = rangedArgument(call, 2, 0, bitOffsetMax(call), BIT_OFFSET_ERROR);
  if (offset === undefined) return;
  const found = readBits(call, call.args[1]);
  if (found === undefined) return;
  const byte = Math.floor(offset / 8);
  call.reply.flag(found && byte < value.length && (value.bytes[value.start + byte] & (128 >>> (offset % 8))) !== 0);
}

const POPULATION = new Uint8Array(256);
for (let byte = 1; byte < 256; byte++) POPULATION[byte] = POPULATION[byte >>> 1] + (byte & 1);

interface BitRange {
  /** Inclusive; empty if start > end. In bits. */
  start: number;
  end: number;
}

/** The range of args[at…] (start end [BYTE|BIT]) over `bytes` bytes; undefined after an error. */
function parseRange(call: Call, at: number, bytes: number, endGiven: boolean): BitRange | undefined {
  const { args, argc, reply } = call;
  const byBit = argc > at + 2 && args[at + 2].isWord('bit');
  if (argc > at + 2 && !byBit && !args[at + 2].isWord('byte')) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const start = numberArgument(call, at);
  if (start === undefined) return undefined;
  const end = endGiven ? numberArgument(call, at + 1) : undefined;
  if (endGiven && end === undefined) return undefined;
  const total = byBit ? bytes * 8 : bytes;
  const from = start < 0 ? Math.max(0, total + start) : start;
  const given = end ?? total - 1;
  const to = Math.min(given < 0 ? Math.max(0, total + given) : given, total - 1);
  if (start < 0 && given < 0 && start > given) return { start: 1, end: 0 };
  return byBit ? { start: from, end: to } : { start: from * 8, end: to * 8 + 7 };
}

function runBitCount(call: Call): void {
  const { args, argc, reply } = call;
  if (argc === 3 || argc > 5) {
    reply.error(Errors.syntax);
    return;
  }
  if (argc > 3 && (numberArgument(call, 2) === undefined || numberArgument(call, 3) === undefined)) return;
  const found = readBits(call, args[1]);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  const range = argc > 2 ? parseRange(call, 2, length, true) : { start: 0, end: length * 8 - 1 };
  if (range === undefined) return;
  let count = 0;
  for (let bit = range.start; bit <= range.end; ) {
    const byte = value.bytes[value.start + Math.floor(bit / 8)];
    if (bit % 8 === 0 && bit + 7 <= range.end) {
      count += POPULATION[byte];
      bit += 8;
    } else {
      if ((byte & (128 >>> (bit % 8))) !== 0) count++;
      bit++;
    }
  }
  reply.integer(found ? count : 0);
}

function runBitPos(call: Call): void {
  const { args, argc, reply } = call;
  const bit = rangedArgument(call, 2, 0, 1, 'ERR The bit argument must be 1 or 0.');
  if (bit === undefined) return;
  if (argc > 6) {
    reply.error(Errors.syntax);
    return;
  }
  const found = readBits(call, args[1]);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  const endGiven = argc > 4;
  const range = argc > 3 ? parseRange(call, 3, length, endGiven) : { start: 0, end: length * 8 - 1 };
  if (range === undefined) return;
  if (!found) {
    reply.integer(bit === 1 ? -1 : 0);
    return;
  }
  const skipped = bit === 1 ? 0 : 255;
  for (let at = range.start; at <= range.end; ) {
    const byte = value.bytes[value.start + Math.floor(at / 8)];
    if (at % 8 === 0 && at + 7 <= range.end && byte === skipped) at += 8;
    else if (((byte & (128 >>> (at % 8))) !== 0) === (bit === 1)) {
      reply.integer(at);
      return;
    } else at++;
  }
  // all ones, and no end given: the first zero is the bit after the last, as if zeros followed
  reply.integer(bit === 0 && !endGiven && range.start <= range.end ? length * 8 : -1);
}

const OPERATIONS: Record<string, (a: number, b: number) => number> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

function runBitOp(call: Call): void {
  const { args, argc, db, reply } = call;
  const name = args[1].latin1().toLowerCase();
  const operation = OPERATIONS[name];
  if (operation === undefined && name !== 'not') {
    reply.error(Errors.syntax);
    return;
  }
  if (name === 'not' && argc !== 4) {
    reply.error('ERR BITOP NOT must be called with a single source key.');
    return;
  }
  const sources: Buffer[] = [];
  for (let i = 3; i < argc; i++) {
    const found = readBits(call, args[i]);
    if (found === undefined) return;
    sources.push(found ? value.copy() : Buffer.alloc(0));
  }
  const length = Math.max(...sources.map((source) => source.length));
  const result = Buffer.alloc(length);
  sources[0].copy(result);
  if (operation === undefined) for (let i = 0; i < length; i++) result[i] = ~result[i];
  else {
    for (const source of sources.slice(1)) {
      for (let i = 0; i < length; i++) result[i] = operation(result[i], i < source.length ? source[i] : 0);
    }
  }
  if (length === 0) db.remove(args[2]);
  else db.strings.write(args[2], written.set(result, 0, length), NO_DEADLINE);
  reply.integer(length);
}

export const bitCommands: readonly Command[] = [
  ...bitfieldCommands,
  {
    name: 'setbit', arity: 4, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['bitmap'], since: '2.2.0', group: 'bitmap',
    summary: 'Sets or clears a bit of a value.', complexity: 'O(N), N bytes of the value',
    run: runSetBit,
  },
  {
    name: 'getbit', arity: 3, flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['bitmap'], since: '2.2.0', group: 'bitmap',
    summary: 'A bit of a value.', complexity: 'O(1)',
    run: runGetBit,
  },
  {
    name: 'bitcount', arity: -2, flags: ['readonly'], keys: [1, 1, 1], acl: ['bitmap'], since: '2.6.0', group: 'bitmap',
    summary: 'How many bits are set.', complexity: 'O(N), N bytes looked at',
    run: runBitCount,
  },
  {
    name: 'bitpos', arity: -3, flags: ['readonly'], keys: [1, 1, 1], acl: ['bitmap'], since: '2.8.7', group: 'bitmap',
    summary: 'Where the first set or clear bit is.', complexity: 'O(N), N bytes looked at',
    run: runBitPos,
  },
  {
    name: 'bitop', arity: -4, flags: ['write', 'denyoom'], keys: [2, -1, 1], acl: ['bitmap'], since: '2.6.0', group: 'bitmap',
    summary: 'Combines values bit by bit into another.', complexity: 'O(N), N bytes of the longest',
    run: runBitOp,
  },
];
