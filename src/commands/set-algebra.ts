/** Intersections, unions and differences of sets, and their *STORE forms, which write the result as it came out. */
import { KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { rangedArgument } from './arguments.ts';
import { Errors } from './reply.ts';
import { membersOf, readSet } from './sets.ts';
import type { Call, Command } from './table.ts';

type Operation = 'inter' | 'union' | 'diff';

/** Members of the result; null after WRONGTYPE. Keys are args[first…end). */
function compute(
  call: Call,
  operation: Operation,
  first: number,
  end: number,
  limit = Number.POSITIVE_INFINITY,
): Buffer[] | null {
  for (let i = first; i < end; i++) if (readSet(call, i) === undefined) return null;
  switch (operation) {
    case 'inter':
      return intersection(call, first, end, limit);
    case 'union':
      return union(call, first, end);
    case 'diff':
      return difference(call, first, end);
  }
}

function intersection(call: Call, first: number, end: number, limit: number): Buffer[] {
  const { args, db } = call;
  let smallest = first;
  for (let i = first; i < end; i++) if (db.sets.size(args[i]) < db.sets.size(args[smallest])) smallest = i;
  const result: Buffer[] = [];
  const probe = new Slice();
  for (const member of membersOf(call, args[smallest])) {
    if (result.length >= limit) break;
    probe.set(member, 0, member.length);
    let everywhere = true;
    for (let i = first; i < end && everywhere; i++) everywhere = i === smallest || db.sets.has(args[i], probe);
    if (everywhere) result.push(member);
  }
  return result;
}

function union(call: Call, first: number, end: number): Buffer[] {
  const result = new Map<string, Buffer>();
  for (let i = first; i < end; i++)
    for (const member of membersOf(call, call.args[i])) result.set(member.toString('latin1'), member);
  return [...result.values()];
}

function difference(call: Call, first: number, end: number): Buffer[] {
  const { args, db } = call;
  const probe = new Slice();
  return membersOf(call, args[first]).filter((member) => {
    probe.set(member, 0, member.length);
    for (let i = first + 1; i < end; i++) if (db.sets.has(args[i], probe)) return false;
    return true;
  });
}

function answer(operation: Operation): (call: Call) => void {
  return (call) => {
    const result = compute(call, operation, 1, call.argc);
    if (result === null) return;
    call.reply.set(result.length);
    for (const member of result) call.reply.bulkBytes(member);
  };
}

function store(operation: Operation): (call: Call) => void {
  return (call) => {
    const { args, argc, db, reply } = call;
    const result = compute(call, operation, 2, argc);
    if (result === null) return;
    if (db.typeOf(args[1]) !== KeyType.none) db.remove(args[1]);
    const member = new Slice();
    for (const each of result) db.sets.add(args[1], member.set(each, 0, each.length));
    reply.integer(result.length);
  };
}

/** numkeys at args[1]; undefined after an error. */
function keyCount(call: Call): number | undefined {
  const count = rangedArgument(call, 1, 1, Number.POSITIVE_INFINITY, 'ERR numkeys should be greater than 0');
  if (count === undefined) return undefined;
  if (count > call.argc - 2) {
    call.reply.error("ERR Number of keys can't be greater than number of args");
    return undefined;
  }
  return count;
}

function runSintercard(call: Call): void {
  const { args, argc, reply } = call;
  const count = keyCount(call);
  if (count === undefined) return;
  let limit = 0;
  for (let i = 2 + count; i < argc; i++) {
    if (!args[i].isWord('limit') || i + 1 >= argc) {
      reply.error(Errors.syntax);
      return;
    }
    const given = rangedArgument(call, ++i, 0, Number.POSITIVE_INFINITY, "ERR LIMIT can't be negative");
    if (given === undefined) return;
    limit = given;
  }
  const result = compute(call, 'inter', 2, 2 + count, limit === 0 ? Number.POSITIVE_INFINITY : limit);
  if (result !== null) reply.integer(result.length);
}

const READ = { flags: ['readonly'], keys: [1, -1, 1], acl: ['set'], group: 'set', since: '1.0.0', arity: -2 } as const;
const STORE = { ...READ, flags: ['write', 'denyoom'], arity: -3 } as const;

export const setAlgebraCommands: readonly Command[] = [
  {
    ...READ,
    name: 'sinter',
    summary: 'What all sets have in common.',
    complexity: 'O(N*M), the smallest set times the number of sets',
    run: answer('inter'),
  },
  {
    ...READ,
    name: 'sunion',
    summary: 'What any of the sets has.',
    complexity: 'O(N), all members',
    run: answer('union'),
  },
  {
    ...READ,
    name: 'sdiff',
    summary: 'What the first set has and no other.',
    complexity: 'O(N), all members',
    run: answer('diff'),
  },
  {
    ...STORE,
    name: 'sinterstore',
    summary: 'Stores what all sets have in common.',
    complexity: 'O(N*M), the smallest set times the number of sets',
    run: store('inter'),
  },
  {
    ...STORE,
    name: 'sunionstore',
    summary: 'Stores what any of the sets has.',
    complexity: 'O(N), all members',
    run: store('union'),
  },
  {
    ...STORE,
    name: 'sdiffstore',
    summary: 'Stores what the first set has and no other.',
    complexity: 'O(N), all members',
    run: store('diff'),
  },
  {
    ...READ,
    arity: -3,
    since: '7.0.0',
    name: 'sintercard',
    summary: 'How much all sets have in common.',
    complexity: 'O(N*M), the smallest set times the number of sets',
    keys: {
      shown: [0, 0, 0],
      find(args, argc, into) {
        const count = Number(args[1].latin1());
        for (let i = 2; i < 2 + count && i < argc; i++) into.push(i);
      },
    },
    run: runSintercard,
  },
];
