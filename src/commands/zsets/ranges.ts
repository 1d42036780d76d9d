/** Ranges of sorted sets: ZRANGE and the older commands that it replaces, counting, storing and removing by range. */
import { Slice } from '../../core/slice.ts';
import { numberArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { openMembers, readZset, type Scored, storeMembers, writeMember, zsetAt } from './access.ts';
import { type Bounds, intervalOf, LEX_REFUSED, lexBounds, SCORE_REFUSED, scoreBounds } from './bounds.ts';

type By = Bounds['kind'];

/** What the command's name says already; ZRANGE itself leaves both to its arguments. */
interface Fixed {
  readonly by?: By;
  readonly reverse?: boolean;
  /** ZRANGESTORE: one more key comes first. */
  readonly store?: boolean;
}

interface RangeOptions {
  by: By;
  reverse: boolean;
  withScores: boolean;
  offset: number;
  /** Negative: all. */
  limit: number;
}

const RANK_LIMIT = 'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX';
const LEX_SCORES = 'ERR syntax error, WITHSCORES not supported in combination with BYLEX';

/** Options behind <key> <min> <max>, of which the last stands before argument `first`. */
function rangeOptions(call: Call, first: number, fixed: Fixed): RangeOptions | undefined {
  const { args, argc } = call;
  const options: RangeOptions = {
    by: fixed.by ?? 'rank',
    reverse: fixed.reverse ?? false,
    withScores: false,
    offset: 0,
    limit: -1,
  };
  for (let i = first; i < argc; i++) {
    const word = args[i];
    if (fixed.store !== true && word.isWord('withscores')) options.withScores = true;
    else if (word.isWord('limit') && i + 2 < argc) {
      const offset = numberArgument(call, i + 1);
      const limit = offset === undefined ? undefined : numberArgument(call, i + 2);
      if (offset === undefined || limit === undefined) return undefined;
      options.offset = offset;
      options.limit = limit;
      i += 2;
    } else if (fixed.reverse === undefined && !options.reverse && word.isWord('rev')) options.reverse = true;
    else if (fixed.by === undefined && options.by === 'rank' && word.isWord('bylex')) options.by = 'lex';
    else if (fixed.by === undefined && options.by === 'rank' && word.isWord('byscore')) options.by = 'score';
    else return refused(call, Errors.syntax);
  }
  if (options.limit !== -1 && options.by === 'rank') return refused(call, RANK_LIMIT);
  // it may have come with an offset, which is ignored
  if (options.by === 'rank') options.offset = 0;
  if (options.withScores && options.by === 'lex') return refused(call, LEX_SCORES);
  return options;
}

function refused({ reply }: Call, error: string): undefined {
  reply.error(error);
  return undefined;
}

/** The two bounds at `index`, which a reversed range by score or bytes names from its upper end. */
function boundsAt(call: Call, index: number, by: By, reverse: boolean): Bounds | undefined {
  const { args } = call;
  const [min, max] = reverse ? [args[index + 1], args[index]] : [args[index], args[index + 1]];
  switch (by) {
    case 'rank': {
      const start = numberArgument(call, index);
      const end = start === undefined ? undefined : numberArgument(call, index + 1);
      return start === undefined || end === undefined ? undefined : { kind: 'rank', start, end };
    }
    case 'score':
      return scoreBounds(min, max) ?? refused(call, SCORE_REFUSED);
    case 'lex':
      return lexBounds(min, max) ?? refused(call, LEX_REFUSED);
  }
}

/** A run of members: from rank `first` on, `count` of them, upward or downward. */
interface Run {
  readonly first: number;
  readonly count: number;
  readonly step: 1 | -1;
}

function runOf({ db }: Call, key: Slice, bounds: Bounds, { reverse, offset, limit }: RangeOptions): Run {
  let { from, to } = intervalOf(db, key, bounds);
  if (reverse && bounds.kind === 'rank') {
    // its ranks count from the other end
    const size = db.zsets.size(key);
    [from, to] = [size - to, size - from];
  }
  const left = offset < 0 ? 0 : Math.max(0, to - from - offset);
  const count = limit < 0 ? left : Math.min(limit, left);
  return reverse ? { first: to - 1 - offset, count, step: -1 } : { first: from + offset, count, step: 1 };
}

function range(fixed: Fixed): (call: Call) => void {
  return (call) => {
    const { args, db, reply } = call;
    const options = rangeOptions(call, 4, fixed);
    const bounds = options === undefined ? undefined : boundsAt(call, 2, options.by, options.reverse);
    if (options === undefined || bounds === undefined) return;
    const found = readZset(call);
    if (found === undefined) return;
    if (!found) {
      reply.array(0);
      return;
    }
    const { first, count, step } = runOf(call, args[1], bounds, options);
    openMembers(reply, count, options.withScores);
    db.zsets.range(args[1], first, count, step, (member, score) =>
      writeMember(reply, member, score, options.withScores),
    );
  };
}

function runZrangestore(call: Call): void {
  const { args, db, reply } = call;
  const options = rangeOptions(call, 5, { store: true });
  const bounds = options === undefined ? undefined : boundsAt(call, 3, options.by, options.reverse);
  if (options === undefined || bounds === undefined) return;
  const found = readZset(call, 2);
  if (found === undefined) return;
  const members: Scored[] = [];
  if (found) {
    const { first, count, step } = runOf(call, args[2], bounds, options);
    db.zsets.range(args[2], first, count, step, (member, score) => members.push({ member: member.copy(), score }));
  }
  storeMembers(call, 1, members, new Slice());
  reply.integer(members.length);
}

function count(by: 'score' | 'lex'): (call: Call) => void {
  return (call) => {
    const bounds = boundsAt(call, 2, by, false);
    if (bounds === undefined) return;
    const found = readZset(call);
    if (found === undefined) return;
    const { from, to } = found ? intervalOf(call.db, call.args[1], bounds) : { from: 0, to: 0 };
    call.reply.integer(to - from);
  };
}

function removeRange(by: By): (call: Call) => void {
  return (call) => {
    const { args, db, reply } = call;
    const bounds = boundsAt(call, 2, by, false);
    if (bounds === undefined) return;
    const found = zsetAt(call);
    if (found === undefined) return;
    const members: Buffer[] = [];
    if (found) {
      const { from, to } = intervalOf(db, args[1], bounds);
      db.zsets.range(args[1], from, to - from, 1, (member) => members.push(member.copy()));
    }
    const slice = new Slice();
    for (const member of members) db.zsets.remove(args[1], slice.set(member, 0, member.length));
    reply.integer(members.length);
  };
}

export const rangeCommands: readonly Command[] = [
  redisEntry('zcount', count('score')),
  redisEntry('zlexcount', count('lex')),
  redisEntry('zrange', range({})),
  redisEntry('zrangebylex', range({ by: 'lex', reverse: false })),
  redisEntry('zrangebyscore', range({ by: 'score', reverse: false })),
  redisEntry('zrevrange', range({ by: 'rank', reverse: true })),
  redisEntry('zrevrangebylex', range({ by: 'lex', reverse: true })),
  redisEntry('zrevrangebyscore', range({ by: 'score', reverse: true })),
  redisEntry('zrangestore', runZrangestore),
  redisEntry('zremrangebylex', removeRange('lex')),
  redisEntry('zremrangebyrank', removeRange('rank')),
  redisEntry('zremrangebyscore', removeRange('score')),
];
