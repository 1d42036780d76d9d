/**
 * Times to live: EXPIRE and its family, TTL and its family, PERSIST. A deadline is always kept and replicated as an
 * absolute time, so that a key expires at the same moment on every node; one in the past removes the key.
 */
import { NO_DEADLINE, NO_KEY } from '../core/contract.ts';
import { type ExpireUnit, integerArgument, toDeadline } from './arguments.ts';
import { invalidExpire } from './reply.ts';
import type { Call, Command } from './table.ts';

interface ExpireConditions {
  /** Only if there is no time to live yet. */
  nx: boolean;
  /** Only if there is one. */
  xx: boolean;
  /** Only if the new deadline is later. No time to live counts as the latest. */
  gt: boolean;
  /** Only if it is earlier. */
  lt: boolean;
}

const WRITE = {
  flags: ['write', 'fast'],
  keys: [1, 1, 1],
  acl: ['keyspace'],
  complexity: 'O(1)',
  group: 'generic',
} as const;
const READ = { ...WRITE, flags: ['readonly', 'fast'], arity: 2 } as const;

export const expiryCommands: readonly Command[] = [
  {
    ...WRITE,
    name: 'expire',
    arity: -3,
    since: '1.0.0',
    summary: 'Gives a key a time to live in seconds.',
    run: (call) => expire(call, 'ex'),
  },
  {
    ...WRITE,
    name: 'pexpire',
    arity: -3,
    since: '2.6.0',
    summary: 'Gives a key a time to live in milliseconds.',
    run: (call) => expire(call, 'px'),
  },
  {
    ...WRITE,
    name: 'expireat',
    arity: -3,
    since: '1.2.0',
    summary: 'Lets a key expire at a UNIX time in seconds.',
    run: (call) => expire(call, 'exat'),
  },
  {
    ...WRITE,
    name: 'pexpireat',
    arity: -3,
    since: '2.6.0',
    summary: 'Lets a key expire at a UNIX time in milliseconds.',
    run: (call) => expire(call, 'pxat'),
  },
  {
    ...READ,
    name: 'ttl',
    since: '1.0.0',
    summary: 'Tells in seconds how long a key still has to live.',
    run: (call) => answerDeadline(call, 1000, true),
  },
  {
    ...READ,
    name: 'pttl',
    since: '2.6.0',
    summary: 'Tells in milliseconds how long a key still has to live.',
    run: (call) => answerDeadline(call, 1, true),
  },
  {
    ...READ,
    name: 'expiretime',
    since: '7.0.0',
    summary: 'Tells the UNIX time in seconds at which a key expires.',
    run: (call) => answerDeadline(call, 1000, false),
  },
  {
    ...READ,
    name: 'pexpiretime',
    since: '7.0.0',
    summary: 'Tells the UNIX time in milliseconds at which a key expires.',
    run: (call) => answerDeadline(call, 1, false),
  },
  {
    ...WRITE,
    name: 'persist',
    arity: 2,
    since: '2.2.0',
    summary: 'Takes the time to live from a key, so that it stays.',
    run: ({ args, db, reply }) => reply.flag(db.persist(args[1])),
  },
];

function expire(call: Call, unit: ExpireUnit): void {
  const { args, command, db, engine, reply } = call;
  const conditions = expireConditions(call, 3);
  if (conditions === undefined) return;
  const value = integerArgument(call, 2);
  if (value === undefined) return;
  const deadline = toDeadline(value, unit, engine.now);
  if (deadline === undefined) {
    reply.error(invalidExpire(command.name));
    return;
  }
  const current = db.deadlineOf(args[1]);
  if (current === NO_KEY || !holds(conditions, current, deadline)) {
    reply.flag(false);
    return;
  }
  db.expireAt(args[1], deadline);
  reply.flag(true);
}

function expireConditions(call: Call, first: number): ExpireConditions | undefined {
  const { args, argc, reply } = call;
  const conditions: ExpireConditions = { nx: false, xx: false, gt: false, lt: false };
  for (let i = first; i < argc; i++) {
    if (args[i].isWord('nx')) conditions.nx = true;
    else if (args[i].isWord('xx')) conditions.xx = true;
    else if (args[i].isWord('gt')) conditions.gt = true;
    else if (args[i].isWord('lt')) conditions.lt = true;
    else {
      reply.error(`ERR Unsupported option ${args[i].latin1()}`);
      return undefined;
    }
  }
  const { nx, xx, gt, lt } = conditions;
  if (nx && (xx || gt || lt)) {
    reply.error('ERR NX and XX, GT or LT options at the same time are not compatible');
    return undefined;
  }
  if (gt && lt) {
    reply.error('ERR GT and LT options at the same time are not compatible');
    return undefined;
  }
  return conditions;
}

function holds({ nx, xx, gt, lt }: ExpireConditions, current: number, deadline: number): boolean {
  const lasting = current === NO_DEADLINE;
  if (nx && !lasting) return false;
  if (xx && lasting) return false;
  if (gt && (lasting || deadline <= current)) return false;
  return !lt || lasting || deadline < current;
}

/** `unitMs`: what the client counts in, rounded to the nearest; `remaining`: time left, else the time itself. */
function answerDeadline({ args, db, engine, reply, services }: Call, unitMs: number, remaining: boolean): void {
  const deadline = db.deadlineOf(args[1]);
  if (deadline === NO_KEY) services.statistics.keyspaceMisses++;
  else services.statistics.keyspaceHits++;
  if (deadline === NO_KEY || deadline === NO_DEADLINE) {
    reply.integer(deadline);
    return;
  }
  const milliseconds = remaining ? Math.max(0, deadline - engine.now) : deadline;
  reply.integer(Math.floor((milliseconds + unitMs / 2) / unitMs));
}
