/** Hash commands. Each field is a register and counter of its own; concurrent writes of different fields all stay. */
import { type Integer, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { INT64_MAX } from '../core/integer.ts';
import { Slice } from '../core/slice.ts';
import { decimalArgument, integerArgument } from './arguments.ts';
import { Errors, wrongArity } from './reply.ts';
import { emptyScan, passes, scanCursor, scanOptions } from './scan.ts';
import type { Call, Command } from './table.ts';

const value = new Slice();

/** True if the key is a hash, false if it is absent; undefined after WRONGTYPE. */
export function hashAt(call: Call, index = 1): boolean | undefined {
  const type = call.db.typeOf(call.args[index]);
  if (type === KeyType.hash) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For reads: as hashAt(), and counts the hit or miss. */
export function readHash(call: Call): boolean | undefined {
  const found = hashAt(call);
  if (found === false) call.services.statistics.keyspaceMisses++;
  else call.services.statistics.keyspaceHits++;
  return found;
}

function runHset(call: Call): void {
  const { args, argc, db, reply } = call;
  if (argc % 2 !== 0) {
    reply.error(wrongArity(call.command.name));
    return;
  }
  // the hot path: neither type nor key is looked at twice
  const first = db.hashes.setInPlain(args[1], args[2], args[3]);
  if (first === undefined && hashAt(call) === undefined) return;
  let created = first === true ? 1 : 0;
  for (let i = first === undefined ? 2 : 4; i < argc; i += 2)
    if (db.hashes.set(args[1], args[i], args[i + 1], NO_DEADLINE)) created++;
  if (call.command.name === 'hmset') reply.ok();
  else reply.integer(created);
}

function runHget(call: Call): void {
  const { args, db, reply } = call;
  const found = readHash(call);
  if (found === undefined) return;
  if (found && db.hashes.get(args[1], args[2], value)) reply.bulk(value);
  else reply.nil();
}

function runHgetall(call: Call, keys: boolean, values: boolean): void {
  const { args, db, reply } = call;
  const found = readHash(call);
  if (found === undefined) return;
  const parts: Buffer[] = [];
  if (found) {
    db.hashes.forEach(args[1], (field, each) => {
      if (keys) parts.push(field.copy());
      if (values) parts.push(each.copy());
    });
  }
  if (keys && values) reply.map(parts.length / 2);
  else reply.array(parts.length);
  for (const part of parts) reply.bulkBytes(part);
}

function runHincrby(call: Call): void {
  const { args, db, reply } = call;
  const delta = integerArgument(call, 3);
  if (delta === undefined || hashAt(call) === undefined) return;
  const total = db.hashes.addInteger(args[1], args[2], delta);
  if (typeof total === 'string') reply.error(total === 'OVERFLOW' ? Errors.overflow : Errors.hashNotInteger);
  else reply.integer(total);
}

function runHincrbyfloat(call: Call): void {
  const { args, db, reply } = call;
  const delta = decimalArgument(call, 3, 'ERR value is NaN or Infinity');
  if (delta === undefined || hashAt(call) === undefined) return;
  const total = db.hashes.addDecimal(args[1], args[2], delta);
  if (typeof total === 'string') reply.error(total === 'NOT_FINITE' ? Errors.notFinite : Errors.hashNotFloat);
  else reply.bulkText(total.toString());
}

function runHrandfield(call: Call): void {
  const { args, argc, db, reply } = call;
  const single = argc === 2;
  const withValues = argc === 4;
  const count = single ? 1 : drawCount(call, 2);
  if (count === undefined) return;
  if (argc > 4 || (withValues && !args[3].isWord('withvalues'))) {
    reply.error(Errors.syntax);
    return;
  }
  if (withValues && (count > PAIRS_DRAWN_MAX || count < -PAIRS_DRAWN_MAX)) {
    reply.error('ERR value is out of range');
    return;
  }
  const found = readHash(call);
  if (found === undefined) return;
  const field = new Slice();
  if (single) {
    if (found && db.hashes.random(args[1], call.services.random, field, value)) reply.bulk(field);
    else reply.nil();
    return;
  }
  if (found && count < 0) {
    answerRepeatedly(call, -Number(count), withValues);
    return;
  }
  const picked = found ? pickFields(call, Number(count)) : [];
  // RESP3 pairs are arrays of two; RESP2 is flat
  reply.array(withValues && reply.protocol === 2 ? picked.length * 2 : picked.length);
  for (const [name, each] of picked) {
    if (withValues && reply.protocol === 3) reply.array(2);
    reply.bulkBytes(name);
    if (withValues) reply.bulkBytes(each);
  }
}

/** So many fields with repetition, of a hash that has some: one by one, since there may be more than fit anywhere. */
function answerRepeatedly({ args, db, reply, services }: Call, count: number, withValues: boolean): void {
  const field = new Slice();
  reply.array(withValues && reply.protocol === 2 ? count * 2 : count);
  for (let left = count; left > 0; left--) {
    db.hashes.random(args[1], services.random, field, value);
    if (withValues && reply.protocol === 3) reply.array(2);
    reply.bulk(field);
    if (withValues) reply.bulk(value);
  }
}

/** `count` different fields. */
function pickFields({ args, db, services }: Call, count: number): [Buffer, Buffer][] {
  const picked: [Buffer, Buffer][] = [];
  db.hashes.forEach(args[1], (field, each) => picked.push([field.copy(), each.copy()]));
  return drawn(picked, count, services.random);
}

/** Redis's bound for pairs, LONG_MAX / 2: beyond it their number would not fit. */
export const PAIRS_DRAWN_MAX = INT64_MAX / 2n;

/** How many to draw, of HRANDFIELD and SRANDMEMBER; undefined with the error written. */
export function drawCount(call: Call, index: number): Integer | undefined {
  const count = integerArgument(call, index);
  if (count === undefined) return undefined;
  if (count >= -INT64_MAX) return count;
  call.reply.error(`ERR value is out of range, value must between -${INT64_MAX} and ${INT64_MAX}`);
  return undefined;
}

/** `count` of the items, drawn evenly (Fisher and Yates), or all in their order. */
export function drawn<T>(items: T[], count: number, random: () => number): T[] {
  if (count >= items.length) return items;
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (items.length - i));
    [items[i], items[j]] = [items[j], items[i]];
  }
  items.length = count;
  return items;
}

function runHscan(call: Call): void {
  const { args, db, reply } = call;
  const cursor = scanCursor(call, 2);
  if (cursor === undefined) return;
  const found = readHash(call);
  if (found === undefined) return;
  if (!found) {
    emptyScan(reply);
    return;
  }
  const options = scanOptions(call, 3, 'hash');
  if (options === undefined) return;
  const parts: Buffer[] = [];
  const next = db.hashes.scan(args[1], cursor, options.count, (field, each) => {
    if (!passes(options.pattern, field)) return;
    parts.push(field.copy());
    if (!options.noValues) parts.push(each.copy());
  });
  reply.array(2);
  reply.bulkText(String(next));
  reply.array(parts.length);
  for (const part of parts) reply.bulkBytes(part);
}

const READ = { flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['hash'], group: 'hash' } as const;
const READ_ALL = { ...READ, flags: ['readonly'] } as const;
const WRITE = { flags: ['write', 'denyoom', 'fast'], keys: [1, 1, 1], acl: ['hash'], group: 'hash' } as const;

export const hashCommands: readonly Command[] = [
  {
    ...WRITE,
    name: 'hset',
    arity: -4,
    since: '2.0.0',
    summary: 'Writes fields of a hash.',
    complexity: 'O(N), N fields',
    run: runHset,
  },
  {
    ...WRITE,
    name: 'hmset',
    arity: -4,
    since: '2.0.0',
    summary: 'Writes fields of a hash; the older form of HSET.',
    complexity: 'O(N), N fields',
    run: runHset,
  },
  {
    ...WRITE,
    name: 'hsetnx',
    arity: 4,
    since: '2.0.0',
    summary: 'Writes a field that is not there.',
    complexity: 'O(1)',
    run(call) {
      const { args, db, reply } = call;
      if (hashAt(call) === undefined) return;
      const free = !db.hashes.has(args[1], args[2]);
      if (free) db.hashes.set(args[1], args[2], args[3], NO_DEADLINE);
      reply.flag(free);
    },
  },
  {
    ...READ,
    name: 'hget',
    arity: 3,
    since: '2.0.0',
    summary: 'The value of a field.',
    complexity: 'O(1)',
    run: runHget,
  },
  {
    ...READ,
    name: 'hmget',
    arity: -3,
    since: '2.0.0',
    summary: 'The values of fields.',
    complexity: 'O(N), N fields',
    run(call) {
      const { args, argc, db, reply } = call;
      const found = readHash(call);
      if (found === undefined) return;
      reply.array(argc - 2);
      for (let i = 2; i < argc; i++) {
        if (found && db.hashes.get(args[1], args[i], value)) reply.bulk(value);
        else reply.nil();
      }
    },
  },
  {
    ...WRITE,
    flags: ['write', 'fast'],
    name: 'hdel',
    arity: -3,
    since: '2.0.0',
    summary: 'Removes fields.',
    complexity: 'O(N), N fields',
    run(call) {
      const { args, argc, db, reply } = call;
      const found = hashAt(call);
      if (found === undefined) return;
      let removed = 0;
      for (let i = 2; found && i < argc; i++) if (db.hashes.remove(args[1], args[i])) removed++;
      reply.integer(removed);
    },
  },
  {
    ...READ,
    name: 'hlen',
    arity: 2,
    since: '2.0.0',
    summary: 'The number of fields.',
    complexity: 'O(1)',
    run(call) {
      const found = readHash(call);
      if (found !== undefined) call.reply.integer(found ? call.db.hashes.size(call.args[1]) : 0);
    },
  },
  {
    ...READ,
    name: 'hstrlen',
    arity: 3,
    since: '3.2.0',
    summary: 'The length of the value of a field.',
    complexity: 'O(1)',
    run(call) {
      const found = readHash(call);
      if (found === undefined) return;
      call.reply.integer(found && call.db.hashes.get(call.args[1], call.args[2], value) ? value.length : 0);
    },
  },
  {
    ...READ,
    name: 'hexists',
    arity: 3,
    since: '2.0.0',
    summary: 'Whether a field is there.',
    complexity: 'O(1)',
    run(call) {
      const found = readHash(call);
      if (found !== undefined) call.reply.flag(found && call.db.hashes.has(call.args[1], call.args[2]));
    },
  },
  {
    ...READ_ALL,
    name: 'hkeys',
    arity: 2,
    since: '2.0.0',
    summary: 'All fields.',
    complexity: 'O(N), N fields',
    run: (call) => runHgetall(call, true, false),
  },
  {
    ...READ_ALL,
    name: 'hvals',
    arity: 2,
    since: '2.0.0',
    summary: 'All values.',
    complexity: 'O(N), N fields',
    run: (call) => runHgetall(call, false, true),
  },
  {
    ...READ_ALL,
    name: 'hgetall',
    arity: 2,
    since: '2.0.0',
    summary: 'All fields and values.',
    complexity: 'O(N), N fields',
    run: (call) => runHgetall(call, true, true),
  },
  {
    ...WRITE,
    name: 'hincrby',
    arity: 4,
    since: '2.0.0',
    summary: 'Adds to the number in a field.',
    complexity: 'O(1)',
    run: runHincrby,
  },
  {
    ...WRITE,
    name: 'hincrbyfloat',
    arity: 4,
    since: '2.6.0',
    summary: 'Adds a fraction to the number in a field.',
    complexity: 'O(1)',
    run: runHincrbyfloat,
  },
  {
    ...READ_ALL,
    name: 'hrandfield',
    arity: -2,
    since: '6.2.0',
    summary: 'Fields drawn at random.',
    complexity: 'O(N), N fields',
    run: runHrandfield,
  },
  {
    ...READ_ALL,
    name: 'hscan',
    arity: -3,
    since: '2.8.0',
    summary: 'Walks over the fields.',
    complexity: 'O(1) per call',
    run: runHscan,
  },
];
