/**
 * String commands. A SET replaces a value of any type; everything that changes bytes in the middle (APPEND,
 * SETRANGE) writes the whole value anew, so that concurrent changes are decided as a whole.
 */
import { KEEP_DEADLINE, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { deadlineArgument, expireUnit, numberArgument } from './arguments.ts';
import { counterCommands } from './counters.ts';
import { lcsCommand } from './lcs.ts';
import { Errors, wrongArity } from './reply.ts';
import type { Call, Command } from './table.ts';

const value = new Slice();
const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';

/** Fills `value`; answers WRONGTYPE itself and then returns undefined; counts the hit or miss. */
function read(call: Call, key: Slice): boolean | undefined {
  const type = call.db.strings.read(key, value);
  if (type === KeyType.string) {
    call.services.statistics.keyspaceHits++;
    return true;
  }
  if (type === KeyType.none) {
    call.services.statistics.keyspaceMisses++;
    return false;
  }
  call.services.statistics.keyspaceHits++;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For writes: as read(), but counts nothing. */
function readForWrite(call: Call, key: Slice): boolean | undefined {
  const type = call.db.strings.read(key, value);
  if (type === KeyType.string) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

function runGet(call: Call): void {
  const found = read(call, call.args[1]);
  if (found === true) call.reply.bulk(value);
  else if (found === false) call.reply.nil();
}

interface SetOptions {
  deadline: number;
  condition: '' | 'nx' | 'xx';
  get: boolean;
}

/** Options of SET from args[3] on; undefined after an error. */
function parseSetOptions(call: Call): SetOptions | undefined {
  const { args, argc, reply } = call;
  const options: SetOptions = { deadline: NO_DEADLINE, condition: '', get: false };
  let timed = false;
  for (let i = 3; i < argc; i++) {
    const word = args[i];
    const unit = expireUnit(word);
    if (word.isWord('nx') && options.condition !== 'xx') options.condition = 'nx';
    else if (word.isWord('xx') && options.condition !== 'nx') options.condition = 'xx';
    else if (word.isWord('get')) options.get = true;
    else if (word.isWord('keepttl') && !timed) {
      options.deadline = KEEP_DEADLINE;
      timed = true;
    } else if (unit !== undefined && !timed && i + 1 < argc) {
      const deadline = deadlineArgument(call, ++i, unit, 'set');
      if (deadline === undefined) return undefined;
      options.deadline = deadline;
      timed = true;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return options;
}

function runSet(call: Call): void {
  const { args, argc, db, reply } = call;
  if (argc === 3) {
    db.strings.write(args[1], args[2], NO_DEADLINE);
    reply.ok();
    return;
  }
  const options = parseSetOptions(call);
  if (options === undefined) return;
  const mark = reply.mark();
  if (options.get) {
    const found = read(call, args[1]);
    if (found === undefined) return;
    if (found) reply.bulk(value);
    else reply.nil();
  }
  const exists = options.condition !== '' && db.typeOf(args[1]) !== KeyType.none;
  if ((options.condition === 'nx' && exists) || (options.condition === 'xx' && !exists)) {
    if (!options.get) reply.nil();
    return;
  }
  db.strings.write(args[1], args[2], options.deadline);
  if (!options.get && reply.mark() === mark) reply.ok();
}

function runSetWithExpiry(unit: 'ex' | 'px', name: string): (call: Call) => void {
  return (call) => {
    const deadline = deadlineArgument(call, 2, unit, name);
    if (deadline === undefined) return;
    call.db.strings.write(call.args[1], call.args[3], deadline);
    call.reply.ok();
  };
}

function runGetEx(call: Call): void {
  const { args, argc, db, reply } = call;
  const unit = argc > 2 ? expireUnit(args[2]) : undefined;
  const persist = argc === 3 && args[2].isWord('persist');
  if (argc > 2 && !persist && (unit === undefined || argc !== 4)) {
    reply.error(Errors.syntax);
    return;
  }
  let deadline: number | undefined;
  if (unit !== undefined) {
    deadline = deadlineArgument(call, 3, unit, 'getex');
    if (deadline === undefined) return;
  }
  const found = read(call, args[1]);
  if (found === undefined) return;
  if (!found) {
    reply.nil();
    return;
  }
  reply.bulk(value);
  if (persist) db.persist(args[1]);
  else if (deadline !== undefined) db.expireAt(args[1], deadline);
}

function runMset(call: Call, onlyIfNone: boolean): void {
  const { args, argc, db, reply } = call;
  if (argc % 2 === 0) {
    reply.error(wrongArity(call.command.name));
    return;
  }
  if (onlyIfNone) {
    for (let i = 1; i < argc; i += 2) {
      if (db.typeOf(args[i]) !== KeyType.none) {
        reply.integer(0);
        return;
      }
    }
  }
  for (let i = 1; i < argc; i += 2) db.strings.write(args[i], args[i + 1], NO_DEADLINE);
  if (onlyIfNone) reply.integer(1);
  else reply.ok();
}

/** Where new values are put together before they are written. */
let scratch = Buffer.alloc(1024);
const built = new Slice();

function scratchOf(bytes: number): Buffer {
  if (scratch.length < bytes || scratch.length > 1 << 20) scratch = Buffer.alloc(Math.max(1024, bytes));
  return scratch;
}

function runAppend(call: Call): void {
  const { args, db, reply, services } = call;
  const found = readForWrite(call, args[1]);
  if (found === undefined) return;
  const before = found ? value.length : 0;
  const length = before + args[2].length;
  if (length > services.config.limits.protoMaxBulkLength) {
    reply.error(TOO_LONG);
    return;
  }
  const bytes = scratchOf(length);
  if (found) value.bytes.copy(bytes, 0, value.start, value.end);
  args[2].bytes.copy(bytes, before, args[2].start, args[2].end);
  db.strings.write(args[1], built.set(bytes, 0, length), KEEP_DEADLINE);
  reply.integer(length);
}

function runSetRange(call: Call): void {
  const { args, db, reply, services } = call;
  const offset = numberArgument(call, 2);
  if (offset === undefined) return;
  if (offset < 0) {
    reply.error('ERR offset is out of range');
    return;
  }
  const found = readForWrite(call, args[1]);
  if (found === undefined) return;
  const before = found ? value.length : 0;
  if (args[3].length === 0) {
    reply.integer(before);
    return;
  }
  const length = Math.max(before, offset + args[3].length);
  if (length > services.config.limits.protoMaxBulkLength) {
    reply.error(TOO_LONG);
    return;
  }
  const bytes = scratchOf(length);
  if (found) value.bytes.copy(bytes, 0, value.start, value.end);
  if (offset > before) bytes.fill(0, before, offset);
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
  const found = read(call, args[1]);
  if (found === undefined) return;
  const length = found ? value.length : 0;
  if (start < 0 && end < 0 && start > end) {
    reply.bulk(built.set(scratch, 0, 0));
    return;
  }
  if (start < 0) start = Math.max(0, length + start);
  if (end < 0) end = Math.max(0, length + end);
  end = Math.min(end, length - 1);
  if (length === 0 || start > end) reply.bulk(built.set(scratch, 0, 0));
  else reply.bulk(built.set(value.bytes, value.start + start, value.start + end + 1));
}

export const stringCommands: readonly Command[] = [
  ...counterCommands,
  lcsCommand,
  {
    name: 'get', arity: 2, flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'The value of a key.', complexity: 'O(1)',
    run: runGet,
  },
  {
    name: 'set', arity: -3, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'Writes a value, whatever was there.', complexity: 'O(1)',
    run: runSet,
  },
  {
    name: 'setnx', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'Writes a value if there is none.', complexity: 'O(1)',
    run({ args, db, reply }) {
      const free = db.typeOf(args[1]) === KeyType.none;
      if (free) db.strings.write(args[1], args[2], NO_DEADLINE);
      reply.flag(free);
    },
  },
  {
    name: 'setex', arity: 4, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['string'], since: '2.0.0', group: 'string',
    summary: 'Writes a value with a time to live in seconds.', complexity: 'O(1)',
    run: runSetWithExpiry('ex', 'setex'),
  },
  {
    name: 'psetex', arity: 4, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['string'], since: '2.6.0', group: 'string',
    summary: 'Writes a value with a time to live in milliseconds.', complexity: 'O(1)',
    run: runSetWithExpiry('px', 'psetex'),
  },
  {
    name: 'getset', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'Writes a value and answers the one before.', complexity: 'O(1)',
    run(call) {
      const found = read(call, call.args[1]);
      if (found === undefined) return;
      if (found) call.reply.bulk(value);
      else call.reply.nil();
      call.db.strings.write(call.args[1], call.args[2], NO_DEADLINE);
    },
  },
  {
    name: 'getdel', arity: 2, flags: ['write', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '6.2.0', group: 'string',
    summary: 'Answers a value and removes its key.', complexity: 'O(1)',
    run(call) {
      const found = read(call, call.args[1]);
      if (found === undefined) return;
      if (found) call.reply.bulk(value);
      else call.reply.nil();
      if (found) call.db.remove(call.args[1]);
    },
  },
  {
    name: 'getex', arity: -2, flags: ['write', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '6.2.0', group: 'string',
    summary: 'Answers a value and sets or clears its time to live.', complexity: 'O(1)',
    run: runGetEx,
  },
  {
    name: 'mget', arity: -2, flags: ['readonly', 'fast'], keys: [1, -1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'The values of several keys.', complexity: 'O(N), N keys',
    run({ args, argc, db, reply, services }) {
      reply.array(argc - 1);
      for (let i = 1; i < argc; i++) {
        if (db.strings.read(args[i], value) === KeyType.string) {
          services.statistics.keyspaceHits++;
          reply.bulk(value);
        } else {
          services.statistics.keyspaceMisses++;
          reply.nil();
        }
      }
    },
  },
  {
    name: 'mset', arity: -3, flags: ['write', 'denyoom'], keys: [1, -1, 2], acl: ['string'], since: '1.0.1', group: 'string',
    summary: 'Writes several values as one.', complexity: 'O(N), N keys',
    run(call) {
      runMset(call, false);
    },
  },
  {
    name: 'msetnx', arity: -3, flags: ['write', 'denyoom'], keys: [1, -1, 2], acl: ['string'], since: '1.0.1', group: 'string',
    summary: 'Writes several values as one if none of the keys exists.', complexity: 'O(N), N keys',
    run(call) {
      runMset(call, true);
    },
  },
  {
    name: 'append', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '2.0.0', group: 'string',
    summary: 'Adds bytes at the end of a value.', complexity: 'O(N), N bytes of the value',
    run: runAppend,
  },
  {
    name: 'strlen', arity: 2, flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['string'], since: '2.2.0', group: 'string',
    summary: 'The length of a value in bytes.', complexity: 'O(1)',
    run(call) {
      const found = read(call, call.args[1]);
      if (found !== undefined) call.reply.integer(found ? value.length : 0);
    },
  },
  {
    name: 'getrange', arity: 4, flags: ['readonly'], keys: [1, 1, 1], acl: ['string'], since: '2.4.0', group: 'string',
    summary: 'A part of a value.', complexity: 'O(N), N bytes answered',
    run: runGetRange,
  },
  {
    name: 'substr', arity: 4, flags: ['readonly'], keys: [1, 1, 1], acl: ['string'], since: '1.0.0', group: 'string',
    summary: 'A part of a value; the older name of GETRANGE.', complexity: 'O(N), N bytes answered',
    run: runGetRange,
  },
  {
    name: 'setrange', arity: 4, flags: ['write', 'denyoom'], keys: [1, 1, 1], acl: ['string'], since: '2.2.0', group: 'string',
    summary: 'Overwrites a part of a value.', complexity: 'O(N), N bytes of the value',
    run: runSetRange,
  },
];
