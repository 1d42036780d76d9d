/**
 * XACK and XPENDING: what consumers have got and not acknowledged. An acknowledgement removes what this node knows to be
 * pending; of an entry that was claimed elsewhere at the same time, the claim stays.
 */
import type { StreamId } from '../../core/contract.ts';
import { numberArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { noSuchKeyOrGroup, readStream, writeId } from './access.ts';
import { endArgument, idArguments, startArgument } from './ids.ts';

function runXack(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = readStream(call);
  if (found === undefined) return;
  if (!found || !db.streams.hasGroup(args[1], args[2])) {
    reply.integer(0);
    return;
  }
  const ids = idArguments(call, 3, argc - 1);
  if (ids === undefined) return;
  reply.integer(ids.reduce((sum, id) => sum + db.streams.acknowledge(args[1], args[2], id), 0));
}

interface PendingRange {
  readonly minIdleMs: number;
  readonly least: StreamId;
  readonly greatest: StreamId;
  readonly count: number;
  /** The argument that names a consumer; 0: of all. */
  readonly consumer: number;
}

/** Undefined after an error. */
function pendingRange(call: Call): PendingRange | undefined {
  const { args, argc, reply } = call;
  let at = 3;
  let minIdleMs = 0;
  if (args[3].isWord('idle')) {
    const idle = numberArgument(call, 4);
    if (idle === undefined) return undefined;
    if (argc < 8) {
      reply.error(Errors.syntax);
      return undefined;
    }
    minIdleMs = idle;
    at = 5;
  }
  const count = numberArgument(call, at + 2);
  const least = count === undefined ? undefined : startArgument(call, at);
  const greatest = least === undefined ? undefined : endArgument(call, at + 1);
  if (count === undefined || least === undefined || greatest === undefined) return undefined;
  return { minIdleMs, least, greatest, count, consumer: at + 3 < argc ? at + 3 : 0 };
}

function runXpending(call: Call): void {
  const { args, argc, db, reply } = call;
  const isSummary = argc === 3;
  if (!isSummary && (argc < 6 || argc > 9)) {
    reply.error(Errors.syntax);
    return;
  }
  const range = isSummary ? null : pendingRange(call);
  const found = range === undefined ? undefined : readStream(call);
  if (range === undefined || found === undefined) return;
  if (!found || !db.streams.hasGroup(args[1], args[2])) reply.error(noSuchKeyOrGroup(args[1], args[2]));
  else if (range === null) answerSummary(call);
  else answerRange(call, range);
}

function answerSummary({ args, db, reply }: Call): void {
  const { count, firstId, lastId, consumers } = db.streams.pendingSummary(args[1], args[2]);
  reply.array(4);
  reply.integer(count);
  if (count === 0) {
    reply.nil();
    reply.nil();
    reply.nilArray();
    return;
  }
  writeId(reply, firstId);
  writeId(reply, lastId);
  reply.array(consumers.length);
  for (const { name, count: having } of consumers) {
    reply.array(2);
    reply.bulkBytes(name);
    reply.bulkText(String(having));
  }
}

function answerRange({ args, db, engine, reply }: Call, range: PendingRange): void {
  const { minIdleMs, least, greatest, count, consumer } = range;
  const pending: { readonly id: StreamId; readonly consumer: Buffer; readonly idleMs: number; deliveries: number }[] =
    [];
  if (count > 0) {
    db.streams.forEachPending(args[1], args[2], consumer === 0 ? null : args[consumer], least, greatest, (each) => {
      const idleMs = engine.now - each.deliveredMs;
      if (minIdleMs !== 0 && idleMs < minIdleMs) return true;
      return pending.push({ id: each.id, consumer: each.consumer, idleMs, deliveries: each.deliveries }) < count;
    });
  }
  reply.array(pending.length);
  for (const each of pending) {
    reply.array(4);
    writeId(reply, each.id);
    reply.bulkBytes(each.consumer);
    reply.integer(Math.max(each.idleMs, 0));
    reply.integer(each.deliveries);
  }
}

export const pendingCommands: readonly Command[] = [redisEntry('xack', runXack), redisEntry('xpending', runXpending)];
