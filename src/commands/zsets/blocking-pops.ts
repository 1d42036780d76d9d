/** BZPOPMIN, BZPOPMAX and BZMPOP: as ZPOPMIN and its kin, but they wait where there is nothing to take. */
import type { Database } from '../../core/contract.ts';
import { KeyType } from '../../core/contract.ts';
import type { Slice } from '../../core/slice.ts';
import { timeoutSecondsArgument } from '../arguments.ts';
import { waitForKeys } from '../key-waits.ts';
import { redisEntry } from '../metadata/entry.ts';
import type { Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import type { Scored } from './access.ts';
import { answerTaken, type End, firstZset, popRequest, takeFrom } from './pops.ts';

interface Wanted {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly end: End;
  readonly count: number;
  readonly timeoutMs: number;
  readonly answer: (call: { readonly reply: Reply }, key: Slice, taken: readonly Scored[]) => void;
}

function popOrWait(call: Call, { firstKey, lastKey, end, count, timeoutMs, answer }: Wanted): void {
  const { args, client, reply } = call;
  const at = firstZset(call, firstKey, lastKey);
  if (at === undefined) return;
  if (at > 0) {
    answer(call, args[at], takeFrom(call, args[at], end, count));
    return;
  }
  if (!client.mayBlock) {
    reply.nilArray();
    return;
  }
  const take = (db: Database, key: Slice) => {
    if (db.typeOf(key) !== KeyType.zset) return null;
    const taken = takeFrom({ db }, key, end, count);
    return (later: Reply) => answer({ reply: later }, key, taken);
  };
  const event = end === 'min' ? 'zpopmin' : 'zpopmax';
  waitForKeys(call, { firstKey, lastKey, timeoutMs, eventsOf: () => [event], take });
}

/** Key, member and score, flat in both protocols. */
function answerOne({ reply }: { readonly reply: Reply }, key: Slice, [{ member, score }]: readonly Scored[]): void {
  reply.array(3);
  reply.bulk(key);
  reply.bulkBytes(member);
  reply.double(score);
}

function pop(end: End): (call: Call) => void {
  return (call) => {
    const lastKey = call.argc - 2;
    const timeoutMs = timeoutSecondsArgument(call, call.argc - 1);
    if (timeoutMs !== undefined) popOrWait(call, { firstKey: 1, lastKey, end, count: 1, timeoutMs, answer: answerOne });
  };
}

function runBzmpop(call: Call): void {
  const request = popRequest(call, 2);
  if (request === undefined) return;
  const timeoutMs = timeoutSecondsArgument(call, 1);
  if (timeoutMs !== undefined) popOrWait(call, { ...request, timeoutMs, answer: answerTaken });
}

export const blockingPopCommands: readonly Command[] = [
  redisEntry('bzmpop', runBzmpop),
  redisEntry('bzpopmax', pop('max')),
  redisEntry('bzpopmin', pop('min')),
];
