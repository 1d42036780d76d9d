/**
 * Commands on the entries of a stream: XADD, XLEN, XRANGE, XREVRANGE, XDEL, XTRIM and XSETID. An id that `*` makes is
 * greater than all that this node knows of the stream, and no other node makes the same; entries that were added elsewhere
 * at the same time may come to stand before it.
 */
import type { StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MAX, STREAM_ID_MIN, streamIdAfter } from '../../core/index.ts';
import { numberArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors, wrongArity } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { countArgument, readStream, streamAt, writeId, writeRange } from './access.ts';
import {
  endArgument,
  idArgument,
  idArguments,
  isStreamIdMin,
  startArgument,
  type WantedId,
  wantedIdArgument,
} from './ids.ts';
import { type Trimming, TrimmingOptions, trim } from './trimming.ts';

interface Addition {
  readonly makesStream: boolean;
  readonly trimming: Trimming | null;
  readonly wanted: WantedId;
  /** The argument of the first field. */
  readonly firstField: number;
}

/** Undefined after an error. */
function addition(call: Call): Addition | undefined {
  const { args, argc, command, reply } = call;
  const options = new TrimmingOptions();
  let makesStream = true;
  let at = 2;
  while (at < argc && args[at].latin1() !== '*') {
    if (args[at].isWord('nomkstream')) {
      makesStream = false;
      at++;
      continue;
    }
    const next = options.read(call, at);
    if (next === undefined) return undefined;
    if (next === at) break;
    at = next;
  }
  const wanted: WantedId | undefined = at < argc ? wantedIdArgument(call, at) : { kind: 'generated' };
  const trimming = wanted === undefined ? undefined : options.trimming(call);
  if (wanted === undefined || trimming === undefined) return undefined;
  const fields = argc - at - 1;
  if (fields >= 2 && fields % 2 === 0) return { makesStream, trimming, wanted, firstField: at + 1 };
  reply.error(wrongArity(command.name));
  return undefined;
}

function runXadd(call: Call): void {
  const { args, argc, db, reply } = call;
  const asked = addition(call);
  if (asked === undefined) return;
  const { makesStream, trimming, wanted, firstField } = asked;
  if (wanted.kind === 'given' && isStreamIdMin(wanted.id)) {
    reply.error('ERR The ID specified in XADD must be greater than 0-0');
    return;
  }
  const found = streamAt(call);
  if (found === undefined) return;
  if (!found && !makesStream) {
    reply.nil();
    return;
  }
  const id = nextId(call, wanted);
  if (id === undefined) return;
  db.streams.add(args[1], id, args, firstField, argc);
  if (trimming !== null) trim(call, args[1], trimming);
  writeId(reply, id);
}

/** Undefined after an error. */
function nextId({ args, db, reply }: Call, wanted: WantedId): StreamId | undefined {
  const last = db.streams.lastId(args[1]);
  const id = wanted.kind === 'generated' ? db.streams.generateId(args[1]) : idBehind(last, wanted);
  if (id !== null && compareStreamIds(id, last) > 0) return id;
  reply.error(
    compareStreamIds(last, STREAM_ID_MAX) === 0 || id === null
      ? 'ERR The stream has exhausted the last possible ID, unable to add more items'
      : 'ERR The ID specified in XADD is equal or smaller than the target stream top item',
  );
  return undefined;
}

/** Who names the milliseconds gets the sequence that Redis would give: the first that is free here. */
function idBehind(last: StreamId, wanted: Exclude<WantedId, { kind: 'generated' }>): StreamId {
  if (wanted.kind === 'given') return wanted.id;
  const { ms } = wanted;
  if (ms !== last.ms) return { ms, seq: 0 };
  const next = streamIdAfter(last);
  return next !== null && next.ms === ms ? next : last;
}

function runXlen(call: Call): void {
  const found = readStream(call);
  if (found !== undefined) call.reply.integer(found ? call.db.streams.size(call.args[1]) : 0);
}

function range(step: 1 | -1): (call: Call) => void {
  const [start, end] = step === 1 ? [2, 3] : [3, 2];
  return (call) => {
    const { args, db, reply } = call;
    const least = startArgument(call, start);
    const greatest = least === undefined ? undefined : endArgument(call, end);
    const count = greatest === undefined ? undefined : countOption(call);
    if (least === undefined || greatest === undefined || count === undefined) return;
    const found = readStream(call);
    if (found === undefined) return;
    if (!found) reply.array(0);
    else if (count === 0) reply.nilArray();
    else writeRange(reply, db, args[1], { least, greatest, step, count });
  };
}

/** COUNT, which may be there several times: the last one holds. Infinity without it; undefined after an error. */
function countOption(call: Call): number | undefined {
  const { args, argc, reply } = call;
  let count = Number.POSITIVE_INFINITY;
  for (let i = 4; i < argc; i += 2) {
    if (!args[i].isWord('count') || i + 1 === argc) {
      reply.error(Errors.syntax);
      return undefined;
    }
    const given = numberArgument(call, i + 1);
    if (given === undefined) return undefined;
    count = Math.max(given, 0);
  }
  return count;
}

function runXdel(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = streamAt(call);
  if (found === undefined) return;
  if (!found) {
    reply.integer(0);
    return;
  }
  const ids = idArguments(call, 2, argc - 1);
  if (ids !== undefined) reply.integer(ids.reduce((removed, id) => removed + db.streams.remove(args[1], id), 0));
}

function runXtrim(call: Call): void {
  const { args, argc, reply } = call;
  const options = new TrimmingOptions();
  for (let at = 2; at < argc; ) {
    const next = options.read(call, at);
    if (next === undefined) return;
    if (next === at) {
      reply.error(Errors.syntax);
      return;
    }
    at = next;
  }
  const trimming = options.trimming(call);
  if (trimming === undefined) return;
  if (trimming === null) {
    reply.error('ERR syntax error, XTRIM must be called with a trimming strategy');
    return;
  }
  const found = streamAt(call);
  if (found !== undefined) reply.integer(found ? trim(call, args[1], trimming) : 0);
}

interface Position {
  readonly lastId: StreamId;
  readonly entriesAdded: number | null;
  readonly maxDeletedId: StreamId | null;
}

function runXsetid(call: Call): void {
  const { args, db, reply } = call;
  const position = positionArguments(call);
  if (position === undefined) return;
  const found = streamAt(call);
  if (found === undefined) return;
  if (!found) {
    reply.error(Errors.noSuchKey);
    return;
  }
  const { lastId, entriesAdded, maxDeletedId } = position;
  const error = refusal(call, position);
  if (error !== null) {
    reply.error(error);
    return;
  }
  db.streams.setId(args[1], lastId, entriesAdded, maxDeletedId);
  reply.ok();
}

function positionArguments(call: Call): Position | undefined {
  const { args, argc, reply } = call;
  const lastId = idArgument(call, 2);
  if (lastId === undefined) return undefined;
  let entriesAdded: number | null = null;
  let maxDeletedId: StreamId | null = null;
  for (let i = 3; i < argc; i += 2) {
    if (i + 1 < argc && args[i].isWord('entriesadded')) {
      const added = countArgument(call, i + 1);
      if (added === undefined) return undefined;
      if (added < 0) {
        reply.error('ERR entries_added must be positive');
        return undefined;
      }
      entriesAdded = added;
    } else if (i + 1 < argc && args[i].isWord('maxdeletedid')) {
      const id = idArgument(call, i + 1);
      if (id === undefined) return undefined;
      if (compareStreamIds(lastId, id) < 0) {
        reply.error('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id');
        return undefined;
      }
      // 0-0 asks for nothing
      maxDeletedId = isStreamIdMin(id) ? maxDeletedId : id;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return { lastId, entriesAdded, maxDeletedId };
}

/** Why a stream cannot be set to that; null: it can. */
function refusal({ args, db }: Call, { lastId, entriesAdded }: Position): string | null {
  const length = db.streams.size(args[1]);
  if (length === 0) return null;
  let top = STREAM_ID_MIN;
  db.streams.range(args[1], STREAM_ID_MIN, STREAM_ID_MAX, -1, ({ id }) => {
    top = id;
    return false;
  });
  if (compareStreamIds(lastId, top) < 0) {
    return 'ERR The ID specified in XSETID is smaller than the target stream top item';
  }
  if (entriesAdded === null || entriesAdded >= length) return null;
  return 'ERR The entries_added specified in XSETID is smaller than the target stream length';
}

export const entryCommands: readonly Command[] = [
  redisEntry('xadd', runXadd),
  redisEntry('xdel', runXdel),
  redisEntry('xlen', runXlen),
  redisEntry('xrange', range(1)),
  redisEntry('xrevrange', range(-1)),
  redisEntry('xsetid', runXsetid),
  redisEntry('xtrim', runXtrim),
];
