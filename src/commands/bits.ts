/**
 * Bitmap commands. A change of a bit writes the whole value: concurrent ones are decided as a whole, the later wins.
 * Bit offsets go beyond 2^32, so they are divided and never shifted.
 */
import { KEEP_DEADLINE, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { numberArgument, rangedArgument } from './arguments.ts';
import { BitCombination, bitOperation, refusalOfSources } from './bit-operations.ts';
import { bitfieldCommands } from './bitfield.ts';
import { Errors } from './reply.ts';
import { grownCopy, readOldValue, readValue, scratchBytes } from './string-value.ts';
import type { Call, Command } from './table.ts';

const value = new Slice();
const written = new Slice();
const BIT_ERROR = 'ERR bit is not an integer or out of range';

/** args[2] of SETBIT and GETBIT; undefined after an error. */
function bitOffset(call: Call): number | undefined {
  const max = call.services.config.limits.protoMaxBulkLength * 8 - 1;
  return rangedArgument(call, 2, 0, max, 'ERR bit offset is not an integer or out of range');
}

function runSetBit(call: Call): void {
  const { args, db, reply } = call;
  const offset = bitOffset(call);
  if (offset === undefined) return;
  const bit = rangedArgument(call, 3, 0, 1, BIT_ERROR);
  if (bit === undefined) return;
  const found = readOldValue(call, args[1], value);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  const byte = Math.floor(offset / 8);
  const mask = 128 >>> (offset % 8);
  const before = byte < length && (value.bytes[value.start + byte] & mask) !== 0;
  // a bit that is so already is no change, as in Redis
  if (byte >= length || before !== (bit === 1)) {
    const newLength = Math.max(length, byte + 1);
    const bytes = grownCopy(found ? value : null, newLength);
    if (bit === 1) bytes[byte] |= mask;
    else bytes[byte] &= ~mask;
    db.strings.write(args[1], written.set(bytes, 0, newLength), KEEP_DEADLINE);
  }
  reply.flag(before);
}

function runGetBit(call: Call): void {
  const offset = bitOffset(call);
  if (offset === undefined) return;
  const found = readValue(call, call.args[1], value);
  if (found === undefined) return;
  const byte = Math.floor(offset / 8);
  call.reply.flag(found && byte < value.length && (value.bytes[value.start + byte] & (128 >>> (offset % 8))) !== 0);
}

/** A range of bits, both ends inclusive, as the arguments of BITCOUNT and BITPOS give it. One at a time. */
const range = { byBit: false, start: 0, end: 0 };

/** The word after a range; false after a syntax error. */
function readUnit(call: Call, index: number): boolean {
  range.byBit = false;
  if (index >= call.argc) return true;
  range.byBit = call.args[index].isWord('bit');
  if (range.byBit || call.args[index].isWord('byte')) return true;
  call.reply.error(Errors.syntax);
  return false;
}

/** Makes bits of the range's ends as given: negative ones count from the end of `bytes` bytes. Empty if start > end. */
function resolveRange(start: number, end: number, bytes: number): void {
  const total = range.byBit ? bytes * 8 : bytes;
  const from = start < 0 ? Math.max(0, total + start) : start;
  const to = Math.min(end < 0 ? Math.max(0, total + end) : end, total - 1);
  range.start = range.byBit ? from : from * 8;
  range.end = range.byBit ? to : to * 8 + 7;
}

function runBitCount(call: Call): void {
  const { args, argc, reply } = call;
  if (argc === 3 || argc > 5) {
    reply.error(Errors.syntax);
    return;
  }
  const start = argc === 2 ? 0 : numberArgument(call, 2);
  if (start === undefined) return;
  const end = argc === 2 ? -1 : numberArgument(call, 3);
  if (end === undefined || !readUnit(call, 4)) return;
  const found = readValue(call, args[1], value);
  if (found === undefined) return;
  if (!found || (start < 0 && end < 0 && start > end)) {
    reply.integer(0);
    return;
  }
  resolveRange(start, end, value.length);
  reply.integer(countBits(value, range.start, range.end));
}

function runBitPos(call: Call): void {
  const { args, argc, reply } = call;
  const bit = numberArgument(call, 2);
  if (bit === undefined) return;
  if (bit !== 0 && bit !== 1) {
    reply.error('ERR The bit argument must be 1 or 0.');
    return;
  }
  if (argc > 6) {
    reply.error(Errors.syntax);
    return;
  }
  const start = argc > 3 ? numberArgument(call, 3) : 0;
  if (start === undefined || !readUnit(call, 5)) return;
  const end = argc > 4 ? numberArgument(call, 4) : -1;
  if (end === undefined) return;
  const found = readValue(call, args[1], value);
  if (found === undefined) return;
  if (!found) {
    reply.integer(bit === 1 ? -1 : 0);
    return;
  }
  resolveRange(start, end, value.length);
  const at = firstBit(value, bit, range.start, range.end);
  // no end given: the value is as if zeros followed for ever
  const zerosFollow = bit === 0 && argc < 5 && range.start <= range.end;
  reply.integer(at < 0 && zerosFollow ? value.length * 8 : at);
}

/** How many bits of a byte are set. */
const POPULATION = new Uint8Array(256);
for (let byte = 1; byte < 256; byte++) POPULATION[byte] = POPULATION[byte >>> 1] + (byte & 1);

function countBits({ bytes, start }: Slice, from: number, to: number): number {
  if (from > to) return 0;
  const first = start + Math.floor(from / 8);
  const last = start + Math.floor(to / 8);
  let count = 0;
  for (let at = first; at <= last; at++) count += POPULATION[bytes[at]];
  const before = bytes[first] & ~(255 >>> (from % 8));
  const after = bytes[last] & (127 >>> (to % 8));
  return count - POPULATION[before] - POPULATION[after];
}

/** Where the first bit of that kind is within the range, or −1. */
function firstBit({ bytes, start }: Slice, bit: 0 | 1, from: number, to: number): number {
  if (from > to) return -1;
  const flip = bit === 1 ? 0 : 255;
  const first = Math.floor(from / 8);
  const last = Math.floor(to / 8);
  for (let at = first; at <= last; at++) {
    let byte = bytes[start + at] ^ flip;
    if (byte === 0) continue;
    if (at === first) byte &= 255 >>> (from % 8);
    if (at === last) byte &= ~(127 >>> (to % 8));
    if (byte !== 0) return at * 8 + Math.clz32(byte) - 24;
  }
  return -1;
}

function runBitOp(call: Call): void {
  const { args, argc, db, reply } = call;
  const operation = bitOperation(args[1]);
  if (operation === undefined) {
    reply.error(Errors.syntax);
    return;
  }
  const refusal = refusalOfSources(operation, argc - 3);
  if (refusal !== null) {
    reply.error(refusal);
    return;
  }
  let length = 0;
  for (let i = 3; i < argc; i++) {
    const found = readValue(call, args[i], value);
    if (found === undefined) return;
    if (found) length = Math.max(length, value.length);
  }
  if (length === 0) db.remove(args[2]);
  else {
    const result = scratchBytes(length);
    result.fill(0, 0, length);
    const combination = new BitCombination(operation, result, length);
    for (let i = 3; i < argc; i++) {
      const found = readOldValue(call, args[i], value) === true;
      combination.take(found ? value : NOTHING);
    }
    combination.end();
    db.strings.write(args[2], written.set(result, 0, length), NO_DEADLINE);
  }
  reply.integer(length);
}

const NOTHING = new Slice();

const READ = { flags: ['readonly'], keys: [1, 1, 1], acl: ['bitmap'], group: 'bitmap' } as const;
const WRITE = { ...READ, flags: ['write', 'denyoom'] } as const;

export const bitCommands: readonly Command[] = [
  ...bitfieldCommands,
  {
    ...WRITE,
    name: 'setbit',
    arity: 4,
    since: '2.2.0',
    summary: 'Sets or clears a bit of a value.',
    complexity: 'O(N), N bytes of the value',
    run: runSetBit,
  },
  {
    ...READ,
    flags: ['readonly', 'fast'],
    name: 'getbit',
    arity: 3,
    since: '2.2.0',
    summary: 'A bit of a value.',
    complexity: 'O(1)',
    run: runGetBit,
  },
  {
    ...READ,
    name: 'bitcount',
    arity: -2,
    since: '2.6.0',
    summary: 'How many bits are set.',
    complexity: 'O(N), N bytes looked at',
    run: runBitCount,
  },
  {
    ...READ,
    name: 'bitpos',
    arity: -3,
    since: '2.8.7',
    summary: 'Where the first set or clear bit is.',
    complexity: 'O(N), N bytes looked at',
    run: runBitPos,
  },
  {
    ...WRITE,
    keys: [2, -1, 1],
    name: 'bitop',
    arity: -4,
    since: '2.6.0',
    summary: 'Combines values bit by bit into another.',
    complexity: 'O(N), N bytes of all values',
    run: runBitOp,
  },
];
