/**
 * Commands on single members of sorted sets: scores, increments, removals, ranks. ZADD with a score that is there
 * already is an effect too: the member survives a removal elsewhere that has not seen it.
 */
import { doubleArgument, parseDouble } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors, wrongArity } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { readZset, zsetAt } from './access.ts';

const NOT_A_NUMBER = 'ERR resulting score is not a number (NaN)';

interface Conditions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
  /** Count those whose score changes, too. */
  ch: boolean;
}

interface AddOptions extends Conditions {
  incr: boolean;
  /** Argument of the first score. */
  first: number;
}

function addOptions(call: Call): AddOptions | undefined {
  const { args, argc } = call;
  const options: AddOptions = { nx: false, xx: false, gt: false, lt: false, ch: false, incr: false, first: 2 };
  for (; options.first < argc; options.first++) {
    const word = args[options.first];
    if (word.isWord('nx')) options.nx = true;
    else if (word.isWord('xx')) options.xx = true;
    else if (word.isWord('gt')) options.gt = true;
    else if (word.isWord('lt')) options.lt = true;
    else if (word.isWord('ch')) options.ch = true;
    else if (word.isWord('incr')) options.incr = true;
    else break;
  }
  const error = misuse(options, argc - options.first);
  if (error === null) return options;
  call.reply.error(error);
  return undefined;
}

function misuse({ nx, xx, gt, lt, incr }: AddOptions, left: number): string | null {
  if (left <= 0 || left % 2 !== 0) return Errors.syntax;
  if (nx && xx) return 'ERR XX and NX options at the same time are not compatible';
  if ((gt && nx) || (lt && nx) || (gt && lt))
    return 'ERR GT, LT, and/or NX options at the same time are not compatible';
  return incr && left > 2 ? 'ERR INCR option supports a single increment-element pair' : null;
}

function runZadd(call: Call): void {
  const { args, argc } = call;
  // the hot path: one member, no option
  const only = argc === 4 ? parseDouble(args[2]) : undefined;
  if (only !== undefined) {
    addOne(call, only);
    return;
  }
  const options = addOptions(call);
  if (options === undefined) return;
  const scores: number[] = [];
  for (let i = options.first; i < argc; i += 2) {
    const score = doubleArgument(call, i);
    if (score === undefined) return;
    scores.push(score);
  }
  const { first } = options;
  if (options.incr) addIncrement(call, options, scores[0]);
  else addScores(call, options, scores, (place) => first + 2 * place + 1);
}

function addOne(call: Call, score: number): void {
  const { args, db, reply } = call;
  const created = db.zsets.assignInPlain(args[1], args[3], score);
  if (created === undefined && zsetAt(call) === undefined) return;
  reply.flag(created ?? db.zsets.assign(args[1], args[3], score));
}

/** Gives members these scores; `memberAt` tells the argument of each. */
export function addScores(
  call: Call,
  conditions: Conditions,
  scores: readonly number[],
  memberAt: (place: number) => number,
): void {
  const { args, db, reply } = call;
  if (zsetAt(call) === undefined) return;
  const { nx, xx, gt, lt, ch } = conditions;
  const conditional = nx || xx || gt || lt || ch;
  let counted = 0;
  for (const [place, score] of scores.entries()) {
    const member = args[memberAt(place)];
    if (!conditional) {
      if (db.zsets.assign(args[1], member, score)) counted++;
      continue;
    }
    const before = db.zsets.score(args[1], member);
    if (!isWanted(conditions, before, score)) continue;
    db.zsets.assign(args[1], member, score);
    if (Number.isNaN(before) || (ch && before !== score)) counted++;
  }
  reply.integer(counted);
}

/** ZADD … INCR: nil where the conditions do not hold. */
function addIncrement(call: Call, options: AddOptions, delta: number): void {
  const { args, db, reply } = call;
  if (zsetAt(call) === undefined) return;
  const member = args[options.first + 1];
  const before = db.zsets.score(args[1], member);
  const after = Number.isNaN(before) ? delta : before + delta;
  if (Number.isNaN(after) && !options.nx) reply.error(NOT_A_NUMBER);
  else if (!isWanted(options, before, after)) reply.nil();
  else reply.double(db.zsets.addScore(args[1], member, delta));
}

/** `before`: NaN where the member is new. */
function isWanted({ nx, xx, gt, lt }: Conditions, before: number, after: number): boolean {
  if (Number.isNaN(before)) return !xx;
  return !nx && !(gt && after <= before) && !(lt && after >= before);
}

function runZincrby(call: Call): void {
  const { args, db, reply } = call;
  const delta = doubleArgument(call, 2);
  if (delta === undefined || zsetAt(call) === undefined) return;
  const score = db.zsets.addScore(args[1], args[3], delta);
  if (Number.isNaN(score)) reply.error(NOT_A_NUMBER);
  else reply.double(score);
}

function runZscore(call: Call): void {
  const found = readZset(call);
  if (found !== undefined) answerScore(call, found, 2);
}

function answerScore({ args, db, reply }: Call, found: boolean, index: number): void {
  const score = found ? db.zsets.score(args[1], args[index]) : Number.NaN;
  if (Number.isNaN(score)) reply.nil();
  else reply.double(score);
}

function runZmscore(call: Call): void {
  const found = readZset(call);
  if (found === undefined) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) answerScore(call, found, i);
}

function runZrem(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = zsetAt(call);
  if (found === undefined) return;
  let removed = 0;
  for (let i = 2; found && i < argc; i++) if (db.zsets.remove(args[1], args[i])) removed++;
  reply.integer(removed);
}

function answerRank(call: Call, reverse: boolean): void {
  const { args, argc, command, db, reply } = call;
  if (argc > 4) {
    reply.error(wrongArity(command.name));
    return;
  }
  const withScore = argc === 4;
  if (withScore && !args[3].isWord('withscore')) {
    reply.error(Errors.syntax);
    return;
  }
  const found = readZset(call);
  if (found === undefined) return;
  const rank = found ? db.zsets.rank(args[1], args[2]) : -1;
  if (rank < 0) {
    if (withScore) reply.nilArray();
    else reply.nil();
    return;
  }
  if (withScore) reply.array(2);
  reply.integer(reverse ? db.zsets.size(args[1]) - 1 - rank : rank);
  if (withScore) reply.double(db.zsets.score(args[1], args[2]));
}

export const memberCommands: readonly Command[] = [
  redisEntry('zadd', runZadd),
  redisEntry('zcard', (call) => {
    const found = readZset(call);
    if (found !== undefined) call.reply.integer(found ? call.db.zsets.size(call.args[1]) : 0);
  }),
  redisEntry('zincrby', runZincrby),
  redisEntry('zmscore', runZmscore),
  // WITHSCORE came with 7.2
  { ...redisEntry('zrank', (call) => answerRank(call, false)), arity: -3 },
  { ...redisEntry('zrevrank', (call) => answerRank(call, true)), arity: -3 },
  redisEntry('zrem', runZrem),
  redisEntry('zscore', runZscore),
];
