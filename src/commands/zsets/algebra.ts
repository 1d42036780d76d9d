/**
 * Unions, intersections and differences of sorted sets, and of sets, whose members count with a score of 1; their STORE
 * forms write the result as it came out.
 */
import { type Integer, KeyType } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { doubleArgument, integerArgument, rangedArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { inOrder, openMembers, type Scored, storeMembers, writeMember } from './access.ts';

type Operation = 'union' | 'inter' | 'diff';
/** Where the result goes: to the client, under the key at args[1], or only its size to the client. */
type Outcome = 'answer' | 'store' | 'count';

/** One of the input keys. */
interface Source {
  readonly key: Slice;
  readonly type: KeyType;
  readonly size: number;
  weight: number;
}

interface Request {
  readonly sources: Source[];
  aggregate: (one: number, other: number) => number;
  withScores: boolean;
  /** 0: none. */
  limit: number;
}

const SET_SCORE = 1;
const slice = new Slice();

/** The input keys and options; undefined with the error written. */
function request(call: Call, operation: Operation, outcome: Outcome): Request | undefined {
  const { argc, command, reply } = call;
  const index = outcome === 'store' ? 2 : 1;
  const count: Integer | undefined = integerArgument(call, index);
  if (count === undefined) return undefined;
  if (count < 1) {
    reply.error(`ERR at least 1 input key is needed for '${command.name}' command`);
    return undefined;
  }
  if (count > argc - index - 1) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const first = index + 1;
  const sources = readSources(call, first, first + Number(count));
  if (sources === undefined) return undefined;
  const made: Request = { sources, aggregate: sum, withScores: false, limit: 0 };
  for (let i = first + sources.length; i < argc; ) {
    const next = readOption(call, i, made, operation, outcome);
    if (next === undefined) return undefined;
    i = next;
  }
  return made;
}

function readSources({ args, db, reply, services }: Call, first: number, end: number): Source[] | undefined {
  const sources: Source[] = [];
  for (let i = first; i < end; i++) {
    const key = args[i];
    const type = db.typeOf(key);
    if (type === KeyType.none) services.statistics.keyspaceMisses++;
    else services.statistics.keyspaceHits++;
    if (type !== KeyType.none && type !== KeyType.zset && type !== KeyType.set) {
      reply.error(Errors.wrongType);
      return undefined;
    }
    const size = type === KeyType.set ? db.sets.size(key) : db.zsets.size(key);
    sources.push({ key, type, size, weight: 1 });
  }
  return sources;
}

/** The argument behind the option at `i`. */
function readOption(call: Call, i: number, made: Request, operation: Operation, outcome: Outcome): number | undefined {
  const { args, argc, reply } = call;
  const { sources } = made;
  const word = args[i];
  const scored = operation !== 'diff' && outcome !== 'count';
  if (scored && word.isWord('weights') && argc - i > sources.length) {
    for (const [place, source] of sources.entries()) {
      const weight = doubleArgument(call, i + 1 + place, 'ERR weight value is not a float');
      if (weight === undefined) return undefined;
      source.weight = weight;
    }
    return i + 1 + sources.length;
  }
  const aggregate = scored && word.isWord('aggregate') && i + 1 < argc ? aggregateOf(args[i + 1]) : undefined;
  if (aggregate !== undefined) {
    made.aggregate = aggregate;
    return i + 2;
  }
  if (outcome === 'answer' && word.isWord('withscores')) {
    made.withScores = true;
    return i + 1;
  }
  if (outcome === 'count' && word.isWord('limit') && i + 1 < argc) {
    const limit = rangedArgument(call, i + 1, 0, Number.POSITIVE_INFINITY, "ERR LIMIT can't be negative");
    if (limit === undefined) return undefined;
    made.limit = limit;
    return i + 2;
  }
  reply.error(Errors.syntax);
  return undefined;
}

function aggregateOf(word: Slice): Request['aggregate'] | undefined {
  if (word.isWord('sum')) return sum;
  if (word.isWord('min')) return least;
  return word.isWord('max') ? greatest : undefined;
}

/** No Math.min: what is no number (an infinity with a weight of 0) does not count. */
function least(one: number, other: number): number {
  if (other < one) return other;
  return one;
}

function greatest(one: number, other: number): number {
  if (other > one) return other;
  return one;
}

/** Infinities of both signs come to 0. */
function sum(one: number, other: number): number {
  return numberOr0(one + other);
}

function numberOr0(score: number): number {
  return Number.isNaN(score) ? 0 : score;
}

function compute(call: Call, operation: Operation, made: Request): Scored[] {
  // floats are added in the order in which Redis adds them
  const bySize = [...made.sources].sort((one, other) => one.size - other.size);
  switch (operation) {
    case 'union':
      return union(call, bySize, made);
    case 'inter':
      return intersection(call, bySize, made);
    case 'diff':
      return difference(call, made.sources);
  }
}

function union(call: Call, sources: readonly Source[], { aggregate }: Request): Scored[] {
  const found = new Map<string, { member: Buffer; score: number }>();
  for (const source of sources) {
    forEach(call, source, (member, score) => {
      const weighted = numberOr0(score * source.weight);
      const name = member.latin1();
      const known = found.get(name);
      if (known !== undefined) known.score = aggregate(known.score, weighted);
      else found.set(name, { member: member.copy(), score: weighted });
    });
  }
  return [...found.values()];
}

function intersection(call: Call, sources: readonly Source[], { aggregate, limit }: Request): Scored[] {
  const [smallest, ...others] = sources;
  const result: Scored[] = [];
  for (const { member, score } of membersOf(call, smallest)) {
    if (limit > 0 && result.length === limit) break;
    slice.set(member, 0, member.length);
    let total = numberOr0(score * smallest.weight);
    let everywhere = true;
    for (const other of others) {
      const theirs = scoreIn(call, other, slice);
      everywhere = !Number.isNaN(theirs);
      if (!everywhere) break;
      total = aggregate(total, theirs * other.weight);
    }
    if (everywhere) result.push({ member, score: total });
  }
  return result;
}

function difference(call: Call, [first, ...others]: readonly Source[]): Scored[] {
  return membersOf(call, first).filter(({ member }) => {
    slice.set(member, 0, member.length);
    return others.every((other) => Number.isNaN(scoreIn(call, other, slice)));
  });
}

function forEach({ db }: Call, { key, type }: Source, visit: (member: Slice, score: number) => void): void {
  if (type === KeyType.zset) db.zsets.forEach(key, visit);
  else if (type === KeyType.set) db.sets.forEach(key, (member) => visit(member, SET_SCORE));
}

function membersOf(call: Call, source: Source): Scored[] {
  const members: Scored[] = [];
  forEach(call, source, (member, score) => members.push({ member: member.copy(), score }));
  return members;
}

/** NaN where it is no member. */
function scoreIn({ db }: Call, { key, type }: Source, member: Slice): number {
  if (type === KeyType.zset) return db.zsets.score(key, member);
  return type === KeyType.set && db.sets.has(key, member) ? SET_SCORE : Number.NaN;
}

function algebra(operation: Operation, outcome: Outcome): (call: Call) => void {
  return (call) => {
    const { reply } = call;
    const made = request(call, operation, outcome);
    if (made === undefined) return;
    const result = compute(call, operation, made);
    if (outcome === 'store') storeMembers(call, 1, result, slice);
    if (outcome !== 'answer') {
      reply.integer(result.length);
      return;
    }
    result.sort(inOrder);
    openMembers(reply, result.length, made.withScores);
    for (const { member, score } of result)
      writeMember(reply, slice.set(member, 0, member.length), score, made.withScores);
  };
}

export const algebraCommands: readonly Command[] = [
  redisEntry('zdiff', algebra('diff', 'answer')),
  redisEntry('zdiffstore', algebra('diff', 'store')),
  redisEntry('zinter', algebra('inter', 'answer')),
  redisEntry('zintercard', algebra('inter', 'count')),
  redisEntry('zinterstore', algebra('inter', 'store')),
  redisEntry('zunion', algebra('union', 'answer')),
  redisEntry('zunionstore', algebra('union', 'store')),
];
