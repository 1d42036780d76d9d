/**
 * String commands. A SET replaces a value of any type; everything that changes bytes in the middle (APPEND,
 * SETRANGE) writes the whole value anew, so that concurrent changes are decided as a whole. GET, SET, MGET and MSET
 * allocate nothing per command.
 */
import { KEEP_DEADLINE, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { deadlineArgument, type ExpireUnit, numberArgument } from './arguments.ts';
import { counterCommands } from './counters.ts';
import { lcsCommand } from './lcs.ts';
import { wrongArity } from './reply.ts';
import { StringOptions } from './string-options.ts';
import { fits, grownCopy, readOldValue, readValue, showWhole } from './string-value.ts';
import type { Call, Command } from './table.ts';

const value = new Slice();
/** A new value that is about to be written, or a part of one that is answered. */
const built = new Slice();
const options = new StringOptions();

/** GET's answer. False after WRONGTYPE; `value` is then undefined. */
function answerValue(call: Call, found: boolean | undefined): boolean {
  if (found === true) call.reply.bulk(value);
  else if (found === false) call.reply.nil();
  return found !== undefined;
}

function runSet(call: Call): void {
  const { args, db, reply } = call;
  if (call.argc === 3) {
    db.strings.write(args[1], args[2], NO_DEADLINE);
    reply.ok();
    return;
  }
  if (!options.parse(call, 3, 'set')) return;
  let deadline: number | undefined = options.keepDeadline ? KEEP_DEADLINE : NO_DEADLINE;
  if (options.unit !== null) deadline = deadlineArgument(call, options.timeAt, options.unit);
  if (deadline === undefined) return;
  if (options.get && !answerValue(call, readValue(call, args[1], value))) return;
  if (options.condition !== 'none') {
    const exists = db.typeOf(args[1]) !== KeyType.none;
    if (exists !== (options.condition === 'xx')) {
      if (!options.get) reply.nil();
      return;
    }
  }
  db.strings.write(args[1], args[2], deadline);
  if (!options.get) reply.ok();
}

function runSetWithExpiry(call: Call, unit: ExpireUnit): void {
  const deadline = deadlineArgument(call, 2, unit);
  if (deadline === undefined) return;
  call.db.strings.write(call.args[1], call.args[3], deadline);
  call.reply.ok();
}

function runGetEx(call: Call): void {
  const { args, db } = call;
  if (!options.parse(call, 2, 'getex')) return;
  const found = readValue(call, args[1], value);
  if (found !== true) {
    answerValue(call, found);
    return;
  }
  const deadline = options.unit === null ? NO_DEADLINE : deadlineArgument(call, options.timeAt, options.unit);
  if (deadline === undefined) return;
  call.reply.bulk(value);
  if (options.persist) db.persist(args[1]);
  else if (deadline !== NO_DEADLINE) db.expireAt(args[1], deadline);
}

function runMget(call: Call): void {
  const { args, argc, db, reply, services } = call;
  const { statistics } = services;
  reply.array(argc - 1);
  for (let i = 1; i < argc; i++) {
    const type = db.strings.read(args[i], value);
    if (type === KeyType.none) statistics.keyspaceMisses++;
    else statistics.keyspaceHits++;
    if (type === KeyType.string) {
      showWhole(call, args[i], value);
      reply.bulk(value);
    } else reply.nil();
  }
}

/** MSET and MSETNX: the pairs from args[1] on. False, with the error, if the last key has no value. */
function pairsAreWhole({ argc, reply, command }: Call): boolean {
  if (argc % 2 === 1) return true;
  reply.error(wrongArity(command.name));
  return false;
}

function writePairs({ args, argc, db }: Call): void {
  for (let i = 1; i < argc; i += 2) db.strings.write(args[i], args[i + 1], NO_DEADLINE);
}

function runMset(call: Call): void {
  if (!pairsAreWhole(call)) return;
  writePairs(call);
  call.reply.ok();
}

function runMsetnx(call: Call): void {
  if (!pairsAreWhole(call)) return;
  const { args, argc, db, reply } = call;
  let free = true;
  for (let i = 1; i < argc; i += 2) if (db.typeOf(args[i]) !== KeyType.none) free = false;
  if (free) writePairs(call);
  reply.flag(free);
}

function runAppend(call: Call): void {
  const { args, db, reply } = call;
  const found = readOldValue(call, args[1], value);
  if (found === undefined) return;
  const before = found ? value.length : 0;
  const length = before + args[2].length;
  if (!fits(call, length)) return;
  const bytes = grownCopy(found ? value : null, length);
  args[2].bytes.copy(bytes, before, args[2].start, args[2].end);
  db.strings.write(args[1], built.set(bytes, 0, length), KEEP_DEADLINE);
  reply.integer(length);
}

function runSetRange(call: Call): void {
  const { args, db, reply } = call;
  const offset = numberArgument(call, 2);
  if (offset === undefined) return;
  if (offset < 0) {
    reply.error('ERR offset is out of range');
    return;
  }
  const found = readOldValue(call, args[1], value);
  if (found === undefined) return;
  const before = found ? value.length : 0;
  if (args[3].length === 0) {
    reply.integer(before);
    return;
  }
  if (!fits(call, offset + args[3].length)) return;
  const length = Math.max(before, offset + args[3].length);
  const bytes = grownCopy(found ? value : null, length);
  args[3].bytes.copy(bytes, offset, args[3].start, args[3].end);
  db.strings.write(args[1], built.set(bytes, 0, length), KEEP_DEADLINE);
  reply.integer(length);
}

function runGetRange(call: Call): void {
  const { args, reply } = call;
  let start = numberArgument(call, 2);
  if (start === undefined) return;
  let end = numberArgument(call, 3);
  if (end === undefined) return;
  const found = readValue(call, args[1], value);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  // two negative ends the wrong way round are empty, also where both lie before the first byte
  let empty = length === 0 || (start < 0 && end < 0 && start > end);
  if (start < 0) start = Math.max(0, length + start);
  if (end < 0) end = Math.max(0, length + end);
  end = Math.min(end, length - 1);
  if (start > end) empty = true;
  if (empty) reply.bulk(built.set(value.bytes, 0, 0));
  else reply.bulk(built.set(value.bytes, value.start + start, value.start + end + 1));
}

function runSetnx({ args, db, reply }: Call): void {
  const free = db.typeOf(args[1]) === KeyType.none;
  if (free) db.strings.write(args[1], args[2], NO_DEADLINE);
  reply.flag(free);
}

function runGetSet(call: Call): void {
  const { args, db } = call;
  if (answerValue(call, readValue(call, args[1], value))) db.strings.write(args[1], args[2], NO_DEADLINE);
}

function runGetDel(call: Call): void {
  const found = readValue(call, call.args[1], value);
  answerValue(call, found);
  if (found === true) call.db.remove(call.args[1]);
}

function runStrlen(call: Call): void {
  const found = readValue(call, call.args[1], value);
  if (found !== undefined) call.reply.integer(found ? value.length : 0);
}

const READ = { keys: [1, 1, 1], acl: ['string'], group: 'string' } as const;
const WRITE = { ...READ, flags: ['write', 'denyoom'] } as const;
const FAST_WRITE = { ...READ, flags: ['write', 'denyoom', 'fast'] } as const;

export const stringCommands: readonly Command[] = [
  ...counterCommands,
  lcsCommand,
  {
    ...READ,
    flags: ['readonly', 'fast'],
    name: 'get',
    arity: 2,
    since: '1.0.0',
    summary: 'The value of a key.',
    complexity: 'O(1)',
    run: (call) => {
      answerValue(call, readValue(call, call.args[1], value));
    },
  },
  {
    ...WRITE,
    name: 'set',
    arity: -3,
    since: '1.0.0',
    summary: 'Writes a value, whatever was there.',
    complexity: 'O(1)',
    run: runSet,
  },
  {
    ...FAST_WRITE,
    name: 'setnx',
    arity: 3,
    since: '1.0.0',
    summary: 'Writes a value if there is none.',
    complexity: 'O(1)',
    run: runSetnx,
  },
  {
    ...WRITE,
    name: 'setex',
    arity: 4,
    since: '2.0.0',
    summary: 'Writes a value with a time to live in seconds.',
    complexity: 'O(1)',
    run: (call) => runSetWithExpiry(call, 'ex'),
  },
  {
    ...WRITE,
    name: 'psetex',
    arity: 4,
    since: '2.6.0',
    summary: 'Writes a value with a time to live in milliseconds.',
    complexity: 'O(1)',
    run: (call) => runSetWithExpiry(call, 'px'),
  },
  {
    ...FAST_WRITE,
    name: 'getset',
    arity: 3,
    since: '1.0.0',
    summary: 'Writes a value and answers the one before.',
    complexity: 'O(1)',
    run: runGetSet,
  },
  {
    ...READ,
    flags: ['write', 'fast'],
    name: 'getdel',
    arity: 2,
    since: '6.2.0',
    summary: 'Answers a value and removes its key.',
    complexity: 'O(1)',
    run: runGetDel,
  },
  {
    ...READ,
    flags: ['write', 'fast'],
    name: 'getex',
    arity: -2,
    since: '6.2.0',
    summary: 'Answers a value and sets or clears its time to live.',
    complexity: 'O(1)',
    run: runGetEx,
  },
  {
    ...READ,
    flags: ['readonly', 'fast'],
    keys: [1, -1, 1],
    name: 'mget',
    arity: -2,
    since: '1.0.0',
    summary: 'The values of several keys.',
    complexity: 'O(N), N keys',
    run: runMget,
  },
  {
    ...WRITE,
    keys: [1, -1, 2],
    name: 'mset',
    arity: -3,
    since: '1.0.1',
    summary: 'Writes several values as one.',
    complexity: 'O(N), N keys',
    run: runMset,
  },
  {
    ...WRITE,
    keys: [1, -1, 2],
    name: 'msetnx',
    arity: -3,
    since: '1.0.1',
    summary: 'Writes several values as one if none of the keys exists.',
    complexity: 'O(N), N keys',
    run: runMsetnx,
  },
  {
    ...FAST_WRITE,
    name: 'append',
    arity: 3,
    since: '2.0.0',
    summary: 'Adds bytes at the end of a value.',
    complexity: 'O(N), N bytes of the value',
    run: runAppend,
  },
  {
    ...READ,
    flags: ['readonly', 'fast'],
    name: 'strlen',
    arity: 2,
    since: '2.2.0',
    summary: 'The length of a value in bytes.',
    complexity: 'O(1)',
    run: runStrlen,
  },
  {
    ...READ,
    flags: ['readonly'],
    name: 'getrange',
    arity: 4,
    since: '2.4.0',
    summary: 'A part of a value.',
    complexity: 'O(N), N bytes answered',
    run: runGetRange,
  },
  {
    ...READ,
    flags: ['readonly'],
    name: 'substr',
    arity: 4,
    since: '1.0.0',
    summary: 'A part of a value; the older name of GETRANGE.',
    complexity: 'O(N), N bytes answered',
    run: runGetRange,
  },
  {
    ...WRITE,
    name: 'setrange',
    arity: 4,
    since: '2.2.0',
    summary: 'Overwrites a part of a value.',
    complexity: 'O(N), N bytes of the value',
    run: runSetRange,
  },
];
