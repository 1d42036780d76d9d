/**
 * Commands on the ends of lists. A pop replicates the removal of the elements that this node gave out: who pops the same
 * ones on another node before that has arrived gets them too.
 */
import type { Database, ListEnd } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { rangedArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors, type Reply, wrongArity } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { endOf, listAt, popAll } from './access.ts';

const value = new Slice();

function push(end: ListEnd): (call: Call) => void {
  return (call) => {
    const { args, argc, db, reply } = call;
    let size = db.lists.pushInPlain(args[1], end, args[2]);
    if (size === undefined) {
      if (listAt(call) === undefined) return;
      size = db.lists.push(args[1], end, args[2]);
    }
    for (let i = 3; i < argc; i++) size = db.lists.push(args[1], end, args[i]);
    reply.integer(size);
  };
}

function pushToList(end: ListEnd): (call: Call) => void {
  return (call) => {
    const { args, argc, db, reply } = call;
    const found = listAt(call);
    if (found === undefined) return;
    let size = 0;
    for (let i = 2; found && i < argc; i++) size = db.lists.push(args[1], end, args[i]);
    reply.integer(size);
  };
}

function pop(end: ListEnd): (call: Call) => void {
  return (call) => {
    const { args, argc, command, db, reply } = call;
    if (argc === 2 && db.lists.popInPlain(args[1], end, reply)) return;
    if (argc > 3) {
      reply.error(wrongArity(command.name));
      return;
    }
    const count = argc === 3 ? rangedArgument(call, 2, 0, Number.POSITIVE_INFINITY, Errors.notPositive) : 1;
    if (count === undefined) return;
    const found = listAt(call);
    if (found === undefined) return;
    if (argc === 3) {
      if (found) popAll(call, args[1], end, count);
      else reply.nilArray();
      return;
    }
    if (found) popOne(db, args[1], end, reply);
    else reply.nil();
  };
}

/** Answers with the element at one end of a list that is there, and removes it. */
export function popOne(db: Database, key: Slice, end: ListEnd, reply: Reply): void {
  const index = end === 'head' ? 0 : db.lists.size(key) - 1;
  if (db.lists.at(key, index, value)) reply.bulk(value);
  else reply.nil();
  db.lists.removeRange(key, index, 1);
}

/** Moves an element from one end of a list that is there to one end of another, or the same; a copy of it. */
export function move(db: Database, source: Slice, from: ListEnd, target: Slice, to: ListEnd): Buffer {
  const size = db.lists.size(source);
  const index = from === 'head' ? 0 : size - 1;
  db.lists.at(source, index, value);
  const moved = value.copy();
  // first there, then gone here: a list that goes on in itself keeps its time to live
  db.lists.push(target, to, value.set(moved, 0, moved.length));
  db.lists.removeRange(source, index + (to === 'head' && source.equals(target) ? 1 : 0), 1);
  return moved;
}

/** Arguments 1 and 2 are the keys. */
export function answerMove(call: Call, from: ListEnd, to: ListEnd): void {
  const { args, db, reply } = call;
  const found = listAt(call);
  if (found === undefined) return;
  if (!found) reply.nil();
  else if (listAt(call, 2) !== undefined) reply.bulkBytes(move(db, args[1], from, args[2], to));
}

/** The two ends that arguments 3 and 4 name; undefined after an error. */
export function movedEnds({ args, reply }: Call): { from: ListEnd; to: ListEnd } | undefined {
  const [from, to] = [endOf(args[3]), endOf(args[4])];
  if (from !== undefined && to !== undefined) return { from, to };
  reply.error(Errors.syntax);
  return undefined;
}

function runLmove(call: Call): void {
  const ends = movedEnds(call);
  if (ends !== undefined) answerMove(call, ends.from, ends.to);
}

/** What LMPOP and BLMPOP are told: which keys (arguments firstKey … lastKey), which end, how many. */
export interface PopRequest {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly end: ListEnd;
  readonly count: number;
}

/** From argument `index` on: numkeys key … LEFT|RIGHT [COUNT count]; undefined with the error written. */
export function popRequest(call: Call, index: number): PopRequest | undefined {
  const { args, argc, reply } = call;
  const keys = rangedArgument(call, index, 1, Number.POSITIVE_INFINITY, 'ERR numkeys should be greater than 0');
  if (keys === undefined) return undefined;
  const lastKey = index + keys;
  const end = lastKey + 1 < argc ? endOf(args[lastKey + 1]) : undefined;
  if (end === undefined) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const options = argc - lastKey - 2;
  if (options === 0) return { firstKey: index + 1, lastKey, end, count: 1 };
  if (options === 1 || !args[lastKey + 2].isWord('count')) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const count = rangedArgument(call, lastKey + 3, 1, Number.POSITIVE_INFINITY, 'ERR count should be greater than 0');
  if (count === undefined) return undefined;
  if (options === 2) return { firstKey: index + 1, lastKey, end, count };
  reply.error(Errors.syntax);
  return undefined;
}

/** The first of the keys that is there, as argument; 0 if none is, undefined after WRONGTYPE. */
export function firstList(call: Call, firstKey: number, lastKey: number): number | undefined {
  for (let i = firstKey; i <= lastKey; i++) {
    const found = listAt(call, i);
    if (found === undefined) return undefined;
    if (found) return i;
  }
  return 0;
}

function runLmpop(call: Call): void {
  const { args, reply } = call;
  const request = popRequest(call, 1);
  const at = request === undefined ? undefined : firstList(call, request.firstKey, request.lastKey);
  if (request === undefined || at === undefined) return;
  if (at === 0) {
    reply.nilArray();
    return;
  }
  reply.array(2);
  reply.bulk(args[at]);
  popAll(call, args[at], request.end, request.count);
}

export const endCommands: readonly Command[] = [
  redisEntry('lmove', runLmove),
  redisEntry('lmpop', runLmpop),
  redisEntry('lpop', pop('head')),
  redisEntry('lpush', push('head')),
  redisEntry('lpushx', pushToList('head')),
  redisEntry('rpop', pop('tail')),
  redisEntry('rpoplpush', (call) => answerMove(call, 'tail', 'head')),
  redisEntry('rpush', push('tail')),
  redisEntry('rpushx', pushToList('tail')),
];
