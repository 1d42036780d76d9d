/**
 * BLPOP, BRPOP, BLMPOP, BLMOVE and BRPOPLPUSH: as LPOP and its kin, but they wait where there is nothing to take. Who
 * waits is served with what is pushed on any node, once it is here.
 */
import { type Database, KeyType, type ListEnd } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { timeoutSecondsArgument } from '../arguments.ts';
import { type Take, waitForKeys } from '../key-waits.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { listAt } from './access.ts';
import { answerMove, firstList, move, movedEnds, popRequest } from './ends.ts';

/** What keyspace notifications call it. */
const POPPED: Record<ListEnd, string> = { head: 'lpop', tail: 'rpop' };
const PUSHED: Record<ListEnd, string> = { head: 'lpush', tail: 'rpush' };

/** Takes from a list that is there, and gives the reply. */
type TakeFromList = (db: Database, key: Slice) => (reply: Reply) => void;

interface Wanted {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly timeoutMs: number;
  readonly end: ListEnd;
}

function takeOrWait(call: Call, { firstKey, lastKey, timeoutMs, end }: Wanted, take: TakeFromList): void {
  const { args, client, db, reply } = call;
  const at = firstList(call, firstKey, lastKey);
  if (at === undefined) return;
  const eventsOf = () => [POPPED[end]];
  if (at > 0) take(db, args[at])(reply);
  else if (client.mayBlock) waitForKeys(call, { firstKey, lastKey, timeoutMs, eventsOf, take: fromList(take) });
  else reply.nilArray();
}

function fromList(take: TakeFromList): Take {
  return (db, key) => (db.typeOf(key) === KeyType.list ? take(db, key) : null);
}

/** Copies of up to `count` elements from one end, which are removed. */
function takeFrom(db: Database, key: Slice, end: ListEnd, count: number): Buffer[] {
  const size = db.lists.size(key);
  const taken: Buffer[] = [];
  db.lists.range(key, end === 'head' ? 0 : size - 1, count, end === 'head' ? 1 : -1, (value) => {
    taken.push(value.copy());
  });
  db.lists.removeRange(key, end === 'head' ? 0 : size - taken.length, taken.length);
  return taken;
}

function pop(end: ListEnd): (call: Call) => void {
  return (call) => {
    const lastKey = call.argc - 2;
    const timeoutMs = timeoutSecondsArgument(call, call.argc - 1);
    if (timeoutMs === undefined) return;
    takeOrWait(call, { firstKey: 1, lastKey, timeoutMs, end }, (db, key) => {
      const [element] = takeFrom(db, key, end, 1);
      return (reply) => {
        reply.array(2);
        reply.bulk(key);
        reply.bulkBytes(element);
      };
    });
  };
}

function runBlmpop(call: Call): void {
  const request = popRequest(call, 2);
  if (request === undefined) return;
  const { firstKey, lastKey, end, count } = request;
  const timeoutMs = timeoutSecondsArgument(call, 1);
  if (timeoutMs === undefined) return;
  takeOrWait(call, { firstKey, lastKey, timeoutMs, end }, (db, key) => {
    const taken = takeFrom(db, key, end, count);
    return (reply) => {
      reply.array(2);
      reply.bulk(key);
      reply.array(taken.length);
      for (const element of taken) reply.bulkBytes(element);
    };
  });
}

function moveOrWait(call: Call, timeoutIndex: number, from: ListEnd, to: ListEnd): void {
  const { args, client, reply } = call;
  const timeoutMs = timeoutSecondsArgument(call, timeoutIndex);
  const found = timeoutMs === undefined ? undefined : listAt(call);
  if (timeoutMs === undefined || found === undefined) return;
  if (found) answerMove(call, from, to);
  else if (client.mayBlock) {
    const [source, target] = [new Slice(args[1].copy()), new Slice(args[2].copy())];
    const take = fromList((db, key) => takeTo(db, key, from, target, to));
    const eventsOf = (key: Buffer) => [
      ...(key.equals(target.bytes) ? [PUSHED[to]] : []),
      ...(key.equals(source.bytes) ? [POPPED[from]] : []),
    ];
    waitForKeys(call, { firstKey: 1, lastKey: 1, timeoutMs, eventsOf, take });
  } else reply.nil();
}

/** What is under the target is known only now. */
function takeTo(db: Database, key: Slice, from: ListEnd, target: Slice, to: ListEnd): (reply: Reply) => void {
  const type = db.typeOf(target);
  if (type !== KeyType.none && type !== KeyType.list) return (reply) => reply.error(Errors.wrongType);
  const moved = move(db, key, from, target, to);
  return (reply) => reply.bulkBytes(moved);
}

function runBlmove(call: Call): void {
  const ends = movedEnds(call);
  if (ends !== undefined) moveOrWait(call, 5, ends.from, ends.to);
}

export const blockingCommands: readonly Command[] = [
  redisEntry('blmove', runBlmove),
  redisEntry('blmpop', runBlmpop),
  redisEntry('blpop', pop('head')),
  redisEntry('brpop', pop('tail')),
  redisEntry('brpoplpush', (call) => moveOrWait(call, 3, 'tail', 'head')),
];
