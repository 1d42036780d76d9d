/** Times to live of hash fields (Redis 7.4). Answers per field: −2 no field, 0 condition unmet, 1 done, 2 removed at once. */
import { NO_DEADLINE, NO_KEY } from '../core/contract.ts';
import { type ExpireUnit, integerArgument, rangedArgument, toDeadline } from './arguments.ts';
import { hashAt } from './hashes.ts';
import { invalidExpire } from './reply.ts';
import type { Call, Command } from './table.ts';

type Condition = '' | 'nx' | 'xx' | 'gt' | 'lt';

/** The largest deadline that Redis keeps for a field: 46 bits of milliseconds. */
const DEADLINE_MAX = 2 ** 46 - 1;
const FIELDS_MISSING = 'ERR Mandatory argument FIELDS is missing or not at the right position';
const TIME_NEGATIVE = 'ERR invalid expire time, must be >= 0';
/** HEXPIRE and its kin word this one in their own way. */
const COUNT_REFUSED = 'ERR Number of fields must be a positive integer';
const COUNT_REFUSED_EXPIRE = 'ERR Parameter `numFields` should be greater than 0';
const NUMFIELDS_MISMATCH = 'ERR The `numfields` parameter must match the number of arguments';

/** Position of the first field for `FIELDS n field…` at args[at]; undefined after an error. */
export function fieldsAt(call: Call, at: number, countRefused = COUNT_REFUSED): number | undefined {
  const { args, argc, reply } = call;
  // the arities see to it that a number follows
  if (!args[at].isWord('fields')) {
    reply.error(FIELDS_MISSING);
    return undefined;
  }
  const count = rangedArgument(call, at + 1, 1, Number.POSITIVE_INFINITY, countRefused);
  if (count === undefined) return undefined;
  if (count === argc - at - 2) return at + 2;
  reply.error(NUMFIELDS_MISMATCH);
  return undefined;
}

/** UNIX ms that args[at] means as the end of a field; undefined after an error. */
export function fieldDeadline(call: Call, at: number, unit: ExpireUnit): number | undefined {
  const given = integerArgument(call, at);
  if (given === undefined) return undefined;
  const deadline = given < 0 ? undefined : toDeadline(given, unit, call.engine.now);
  if (deadline !== undefined && deadline <= DEADLINE_MAX) return deadline;
  call.reply.error(given < 0 ? TIME_NEGATIVE : invalidExpire(call.command.name));
  return undefined;
}

function runExpire(call: Call, unit: ExpireUnit): void {
  const { args, argc, db, reply } = call;
  if (hashAt(call) === undefined) return;
  const deadline = fieldDeadline(call, 2, unit);
  if (deadline === undefined) return;
  const word = args[3].latin1().toLowerCase();
  const condition: Condition = word === 'nx' || word === 'xx' || word === 'gt' || word === 'lt' ? word : '';
  const first = fieldsAt(call, condition === '' ? 3 : 4, COUNT_REFUSED_EXPIRE);
  if (first === undefined) return;
  reply.array(argc - first);
  for (let i = first; i < argc; i++) {
    const before = db.hashes.deadlineOf(args[1], args[i]);
    if (before === NO_KEY) reply.integer(-2);
    else if (!isMet(condition, before, deadline)) reply.integer(0);
    else {
      db.hashes.expireAt(args[1], args[i], deadline);
      reply.integer(deadline <= call.engine.now ? 2 : 1);
    }
  }
}

function isMet(condition: Condition, before: number, deadline: number): boolean {
  const none = before === NO_DEADLINE;
  switch (condition) {
    case '':
      return true;
    case 'nx':
      return none;
    case 'xx':
      return !none;
    case 'gt':
      return !none && deadline > before;
    case 'lt':
      return none || deadline < before;
  }
}

/** HTTL and its kin: −2 no field, −1 no deadline, else what `show` makes of it. */
function runTtl(call: Call, show: (deadline: number, now: number) => number): void {
  const { args, argc, db, engine, reply } = call;
  if (hashAt(call) === undefined) return;
  const first = fieldsAt(call, 2);
  if (first === undefined) return;
  reply.array(argc - first);
  for (let i = first; i < argc; i++) {
    const deadline = db.hashes.deadlineOf(args[1], args[i]);
    reply.integer(deadline < 0 ? (deadline === NO_KEY ? -2 : -1) : show(deadline, engine.now));
  }
}

function runPersist(call: Call): void {
  const { args, argc, db, reply } = call;
  if (hashAt(call) === undefined) return;
  const first = fieldsAt(call, 2);
  if (first === undefined) return;
  reply.array(argc - first);
  for (let i = first; i < argc; i++) {
    if (db.hashes.deadlineOf(args[1], args[i]) === NO_KEY) reply.integer(-2);
    else reply.integer(db.hashes.persist(args[1], args[i]) ? 1 : -1);
  }
}

const WRITE = {
  flags: ['write', 'denyoom', 'fast'],
  keys: [1, 1, 1],
  acl: ['hash'],
  group: 'hash',
  arity: -6,
  since: '7.4.0',
  complexity: 'O(N), N fields',
} as const;
const READ = { ...WRITE, flags: ['readonly', 'fast'], arity: -5 } as const;

export const hashExpiryCommands: readonly Command[] = [
  {
    ...WRITE,
    name: 'hexpire',
    summary: 'Gives fields a time to live in seconds.',
    run: (call) => runExpire(call, 'ex'),
  },
  {
    ...WRITE,
    name: 'hpexpire',
    summary: 'Gives fields a time to live in milliseconds.',
    run: (call) => runExpire(call, 'px'),
  },
  {
    ...WRITE,
    name: 'hexpireat',
    summary: 'Lets fields expire at a UNIX time in seconds.',
    run: (call) => runExpire(call, 'exat'),
  },
  {
    ...WRITE,
    name: 'hpexpireat',
    summary: 'Lets fields expire at a UNIX time in milliseconds.',
    run: (call) => runExpire(call, 'pxat'),
  },
  {
    ...READ,
    name: 'httl',
    summary: 'Seconds that fields still live.',
    run: (call) => runTtl(call, (deadline, now) => Math.floor((deadline - now + 999) / 1000)),
  },
  {
    ...READ,
    name: 'hpttl',
    summary: 'Milliseconds that fields still live.',
    run: (call) => runTtl(call, (deadline, now) => deadline - now),
  },
  {
    ...READ,
    name: 'hexpiretime',
    summary: 'When fields expire, in seconds.',
    run: (call) => runTtl(call, (deadline) => Math.floor((deadline + 999) / 1000)),
  },
  {
    ...READ,
    name: 'hpexpiretime',
    summary: 'When fields expire, in milliseconds.',
    run: (call) => runTtl(call, (deadline) => deadline),
  },
  {
    ...WRITE,
    flags: ['write', 'fast'],
    arity: -5,
    name: 'hpersist',
    summary: 'Takes the time to live from fields.',
    run: runPersist,
  },
];
