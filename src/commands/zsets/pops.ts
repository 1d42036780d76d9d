/** ZPOPMIN, ZPOPMAX and ZMPOP: they replicate the removal of the members that this node gave out. */
import { Slice } from '../../core/slice.ts';
import { rangedArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { openMembers, type Scored, writeMember, zsetAt } from './access.ts';

export type End = 'min' | 'max';

const member = new Slice();

/** Takes up to `count` members from one end of the sorted set under `key`, which must be one. */
export function takeFrom({ db }: Pick<Call, 'db'>, key: Slice, end: End, count: number): Scored[] {
  const taken: Scored[] = [];
  const first = end === 'min' ? 0 : db.zsets.size(key) - 1;
  db.zsets.range(key, first, count, end === 'min' ? 1 : -1, (each, score) =>
    taken.push({ member: each.copy(), score }),
  );
  for (const { member: bytes } of taken) db.zsets.remove(key, member.set(bytes, 0, bytes.length));
  return taken;
}

function pop(end: End): (call: Call) => void {
  return (call) => {
    const { args, argc, reply } = call;
    if (argc > 3) {
      reply.error(Errors.syntax);
      return;
    }
    const count = argc === 3 ? rangedArgument(call, 2, 0, Number.POSITIVE_INFINITY, Errors.notPositive) : 1;
    if (count === undefined) return;
    const found = zsetAt(call);
    if (found === undefined) return;
    const taken = found && count > 0 ? takeFrom(call, args[1], end, count) : [];
    // without a count the one pair is flat in RESP3 too
    if (argc === 3) openMembers(reply, taken.length, true);
    else reply.array(taken.length * 2);
    for (const { member: bytes, score } of taken) {
      if (argc === 3) writeMember(reply, member.set(bytes, 0, bytes.length), score, true);
      else {
        reply.bulkBytes(bytes);
        reply.double(score);
      }
    }
  };
}

/** What ZMPOP and BZMPOP are told: which keys, which end, how many. */
export interface PopRequest {
  /** Arguments firstKey … lastKey. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly end: End;
  readonly count: number;
}

/** From argument `index` on: numkeys key … MIN|MAX [COUNT count]; undefined with the error written. */
export function popRequest(call: Call, index: number): PopRequest | undefined {
  const { args, argc, reply } = call;
  const keys = rangedArgument(call, index, 1, Number.POSITIVE_INFINITY, 'ERR numkeys should be greater than 0');
  if (keys === undefined) return undefined;
  const lastKey = index + keys;
  const end = lastKey + 1 < argc ? endAt(args[lastKey + 1]) : undefined;
  let count = -1;
  for (let i = lastKey + 2; i < argc && end !== undefined; i++) {
    if (count >= 0 || !args[i].isWord('count') || i + 1 >= argc) {
      reply.error(Errors.syntax);
      return undefined;
    }
    const given = rangedArgument(call, ++i, 1, Number.POSITIVE_INFINITY, 'ERR count should be greater than 0');
    if (given === undefined) return undefined;
    count = given;
  }
  if (end === undefined) {
    reply.error(Errors.syntax);
    return undefined;
  }
  return { firstKey: index + 1, lastKey, end, count: Math.max(1, count) };
}

function endAt(word: Slice): End | undefined {
  if (word.isWord('min')) return 'min';
  return word.isWord('max') ? 'max' : undefined;
}

/** The first of the keys that is there, as argument; 0 if none is, undefined after WRONGTYPE. */
export function firstZset(call: Call, firstKey: number, lastKey: number): number | undefined {
  for (let i = firstKey; i <= lastKey; i++) {
    const found = zsetAt(call, i);
    if (found === undefined) return undefined;
    if (found) return i;
  }
  return 0;
}

/** The key and the members that were taken from it, as pairs in arrays of two. */
export function answerTaken({ reply }: Pick<Call, 'reply'>, key: Slice, taken: readonly Scored[]): void {
  reply.array(2);
  reply.bulk(key);
  reply.array(taken.length);
  for (const { member: bytes, score } of taken) {
    reply.array(2);
    reply.bulkBytes(bytes);
    reply.double(score);
  }
}

function runZmpop(call: Call): void {
  const request = popRequest(call, 1);
  if (request === undefined) return;
  const at = firstZset(call, request.firstKey, request.lastKey);
  if (at === undefined) return;
  if (at === 0) call.reply.nilArray();
  else answerTaken(call, call.args[at], takeFrom(call, call.args[at], request.end, request.count));
}

export const popCommands: readonly Command[] = [
  redisEntry('zmpop', runZmpop),
  redisEntry('zpopmax', pop('max')),
  redisEntry('zpopmin', pop('min')),
];
