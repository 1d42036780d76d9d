/** Set commands. Adds win over removes that did not see them; what is drawn or stored replicates as what was done. */
import { KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { rangedArgument } from './arguments.ts';
import { drawCount, drawn } from './hashes.ts';
import { Errors } from './reply.ts';
import { emptyScan, passes, scanCursor, scanOptions } from './scan.ts';
import { setAlgebraCommands } from './set-algebra.ts';
import type { Call, Command } from './table.ts';

const member = new Slice();

/** True if the key is a set, false if it is absent; undefined after WRONGTYPE. */
export function setAt(call: Call, index = 1): boolean | undefined {
  const type = call.db.typeOf(call.args[index]);
  if (type === KeyType.set) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For reads: as setAt(), and counts the hit or miss. */
export function readSet(call: Call, index = 1): boolean | undefined {
  const found = setAt(call, index);
  if (found === false) call.services.statistics.keyspaceMisses++;
  else call.services.statistics.keyspaceHits++;
  return found;
}

/** Owned copies of all members. */
export function membersOf(call: Call, key: Slice): Buffer[] {
  const members: Buffer[] = [];
  call.db.sets.forEach(key, (each) => members.push(each.copy()));
  return members;
}

function runSmove(call: Call): void {
  const { args, db, reply } = call;
  const from = setAt(call, 1);
  if (from === undefined) return;
  if (from && setAt(call, 2) === undefined) return;
  if (!from || !db.sets.has(args[1], args[3])) {
    reply.integer(0);
    return;
  }
  if (!args[1].equals(args[2])) {
    db.sets.remove(args[1], args[3]);
    db.sets.add(args[2], args[3]);
  }
  reply.integer(1);
}

function runSpop(call: Call): void {
  const { args, argc, db, reply } = call;
  if (argc > 3) {
    reply.error(Errors.syntax);
    return;
  }
  const count =
    argc === 3
      ? rangedArgument(call, 2, 0, Number.POSITIVE_INFINITY, 'ERR value is out of range, must be positive')
      : 1;
  if (count === undefined) return;
  const found = setAt(call);
  if (found === undefined) return;
  if (argc === 2) {
    if (!found || !db.sets.random(args[1], call.services.random, member)) {
      reply.nil();
      return;
    }
    reply.bulk(member);
    const popped = member.copy();
    db.sets.remove(args[1], member.set(popped, 0, popped.length));
    return;
  }
  const popped = found ? drawn(membersOf(call, args[1]), count, call.services.random) : [];
  // Redis answers with the union of the one set then, which is a read
  if (found && count > 0 && db.sets.size(args[1]) <= count) call.services.statistics.keyspaceHits++;
  reply.set(popped.length);
  for (const each of popped) {
    reply.bulkBytes(each);
    db.sets.remove(args[1], member.set(each, 0, each.length));
  }
}

function runSrandmember(call: Call): void {
  const { args, argc, db, reply, services } = call;
  if (argc > 3) {
    reply.error(Errors.syntax);
    return;
  }
  const given = argc === 3 ? drawCount(call, 2) : 1;
  if (given === undefined) return;
  const count = Number(given);
  const found = readSet(call);
  if (found === undefined) return;
  if (argc === 2) {
    if (found && db.sets.random(args[1], services.random, member)) reply.bulk(member);
    else reply.nil();
    return;
  }
  if (!found || count === 0) {
    reply.array(0);
    return;
  }
  if (count < 0) {
    reply.array(-count);
    for (let left = -count; left > 0; left--) {
      db.sets.random(args[1], services.random, member);
      reply.bulk(member);
    }
    return;
  }
  const picked = drawn(membersOf(call, args[1]), count, services.random);
  reply.array(picked.length);
  for (const each of picked) reply.bulkBytes(each);
}

function runSscan(call: Call): void {
  const { args, db, reply } = call;
  const cursor = scanCursor(call, 2);
  if (cursor === undefined) return;
  const found = readSet(call);
  if (found === undefined) return;
  if (!found) {
    emptyScan(reply);
    return;
  }
  const options = scanOptions(call, 3, 'elements');
  if (options === undefined) return;
  const members: Buffer[] = [];
  const next = db.sets.scan(args[1], cursor, options.count, (each) => {
    if (passes(options.pattern, each)) members.push(each.copy());
  });
  reply.array(2);
  reply.bulkText(String(next));
  reply.array(members.length);
  for (const each of members) reply.bulkBytes(each);
}

const WRITE = {
  flags: ['write', 'denyoom', 'fast'],
  keys: [1, 1, 1],
  acl: ['set'],
  group: 'set',
  since: '1.0.0',
} as const;
const READ = { flags: ['readonly', 'fast'], keys: [1, 1, 1], acl: ['set'], group: 'set', since: '1.0.0' } as const;
const READ_ALL = { ...READ, flags: ['readonly'] } as const;

export const setCommands: readonly Command[] = [
  ...setAlgebraCommands,
  {
    ...WRITE,
    name: 'sadd',
    arity: -3,
    summary: 'Adds members.',
    complexity: 'O(N), N members',
    run(call) {
      const { args, argc, db, reply } = call;
      // the hot path: neither type nor key is looked at twice
      const first = db.sets.addToPlain(args[1], args[2]);
      if (first === undefined && setAt(call) === undefined) return;
      let added = first === true ? 1 : 0;
      for (let i = first === undefined ? 2 : 3; i < argc; i++) if (db.sets.add(args[1], args[i])) added++;
      reply.integer(added);
    },
  },
  {
    ...WRITE,
    flags: ['write', 'fast'],
    name: 'srem',
    arity: -3,
    summary: 'Removes members.',
    complexity: 'O(N), N members',
    run(call) {
      const { args, argc, db, reply } = call;
      const found = setAt(call);
      if (found === undefined) return;
      let removed = 0;
      for (let i = 2; found && i < argc; i++) if (db.sets.remove(args[1], args[i])) removed++;
      reply.integer(removed);
    },
  },
  {
    ...READ_ALL,
    name: 'smembers',
    arity: 2,
    summary: 'All members.',
    complexity: 'O(N), N members',
    run(call) {
      const found = readSet(call);
      if (found === undefined) return;
      const members = found ? membersOf(call, call.args[1]) : [];
      call.reply.set(members.length);
      for (const each of members) call.reply.bulkBytes(each);
    },
  },
  {
    ...READ,
    name: 'sismember',
    arity: 3,
    summary: 'Whether something is a member.',
    complexity: 'O(1)',
    run(call) {
      const found = readSet(call);
      if (found !== undefined) call.reply.flag(found && call.db.sets.has(call.args[1], call.args[2]));
    },
  },
  {
    ...READ,
    name: 'smismember',
    arity: -3,
    since: '6.2.0',
    summary: 'Which of several are members.',
    complexity: 'O(N), N members',
    run(call) {
      const { args, argc, db, reply } = call;
      const found = readSet(call);
      if (found === undefined) return;
      reply.array(argc - 2);
      for (let i = 2; i < argc; i++) reply.flag(found && db.sets.has(args[1], args[i]));
    },
  },
  {
    ...READ,
    name: 'scard',
    arity: 2,
    summary: 'The number of members.',
    complexity: 'O(1)',
    run(call) {
      const found = readSet(call);
      if (found !== undefined) call.reply.integer(found ? call.db.sets.size(call.args[1]) : 0);
    },
  },
  {
    ...WRITE,
    flags: ['write', 'fast'],
    name: 'spop',
    arity: -2,
    summary: 'Takes members at random.',
    complexity: 'O(N), N members',
    run: runSpop,
  },
  {
    ...READ_ALL,
    name: 'srandmember',
    arity: -2,
    summary: 'Members drawn at random.',
    complexity: 'O(N), N members',
    run: runSrandmember,
  },
  {
    ...WRITE,
    flags: ['write', 'fast'],
    keys: [1, 2, 1],
    name: 'smove',
    arity: 4,
    summary: 'Moves a member to another set.',
    complexity: 'O(1)',
    run: runSmove,
  },
  {
    ...READ_ALL,
    name: 'sscan',
    arity: -3,
    since: '2.8.0',
    summary: 'Walks over the members.',
    complexity: 'O(1) per call',
    run: runSscan,
  },
];
