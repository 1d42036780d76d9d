/**
 * XCLAIM and XAUTOCLAIM: a consumer takes over what is pending for others, on whatever node they got it. Claims of one
 * entry on two nodes at the same time leave it with the later one; both have been answered with it.
 */
import type { PendingEntry, StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MAX, STREAM_ID_MIN } from '../../core/index.ts';
import { numberArgument, rangedArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import {
  copiesOf,
  countArgument,
  type EntryCopy,
  hasEntry,
  noSuchKeyOrGroup,
  readStream,
  shownName,
  writeCopies,
  writeId,
} from './access.ts';
import { idArgument, parseStreamId, startArgument } from './ids.ts';

/** As in Redis: more than an answer may hold. */
const AUTOCLAIM_COUNT_MAX = 2 ** 59;
const AUTOCLAIM_COUNT_DEFAULT = 100;
/** XAUTOCLAIM looks at so many pending entries for each that it may claim. */
const ATTEMPTS_FOR_EACH = 10;

/** The pending entry of that id: of several the one that was delivered last. */
function pendingOf({ args, db }: Call, id: StreamId): PendingEntry | null {
  let latest: PendingEntry | null = null;
  db.streams.forEachPending(args[1], args[2], null, id, id, (each) => {
    if (latest === null || each.deliveredMs > latest.deliveredMs) latest = { ...each, entry: null };
    return true;
  });
  return latest;
}

/** Answers with the entries, or with their ids alone. */
function answerClaimed({ args, db, reply }: Call, ids: readonly StreamId[], justIds: boolean): void {
  if (justIds) {
    reply.array(ids.length);
    for (const id of ids) writeId(reply, id);
    return;
  }
  const entries: EntryCopy[] = ids.flatMap((id) => copiesOf(db, args[1], id));
  writeCopies(reply, entries);
}

// --- XCLAIM

interface ClaimOptions {
  readonly minIdleMs: number;
  readonly ids: readonly StreamId[];
  readonly force: boolean;
  readonly justIds: boolean;
  readonly deliveredMs: number;
  /** Null: one more than before, or as many with JUSTID. */
  readonly deliveries: number | null;
  readonly lastId: StreamId;
}

/** Undefined after an error. */
function claimOptions(call: Call): ClaimOptions | undefined {
  const { args, argc, engine, reply } = call;
  const minIdleMs = numberArgument(call, 4, 'ERR Invalid min-idle-time argument for XCLAIM');
  if (minIdleMs === undefined) return undefined;
  const ids: StreamId[] = [];
  let at = 5;
  for (; at < argc; at++) {
    const id = parseStreamId(args[at]);
    if (id === undefined) break;
    ids.push(id);
  }
  let force = false;
  let justIds = false;
  let deliveredMs: number | null = null;
  let deliveries: number | null = null;
  let lastId = STREAM_ID_MIN;
  for (; at < argc; at++) {
    const word = args[at];
    const hasMore = at + 1 < argc;
    if (word.isWord('force')) force = true;
    else if (word.isWord('justid')) justIds = true;
    else if (hasMore && word.isWord('lastid')) {
      const id = idArgument(call, ++at);
      if (id === undefined) return undefined;
      lastId = id;
    } else if (hasMore && (word.isWord('idle') || word.isWord('time') || word.isWord('retrycount'))) {
      const option = word.latin1().toUpperCase();
      const value = countArgument(call, ++at, `ERR Invalid ${option} option argument for XCLAIM`);
      if (value === undefined) return undefined;
      if (option === 'RETRYCOUNT') deliveries = value;
      else deliveredMs = option === 'IDLE' ? engine.now - value : value;
    } else {
      reply.error(`ERR Unrecognized XCLAIM option '${shownName(word)}'`);
      return undefined;
    }
  }
  // a moment that was not, or is yet to be: clients work it out by their own clocks
  const isBogus = deliveredMs === null || deliveredMs < 0 || deliveredMs > engine.now;
  return {
    minIdleMs: Math.max(minIdleMs, 0),
    ids,
    force,
    justIds,
    deliveredMs: deliveredMs === null || isBogus ? engine.now : deliveredMs,
    deliveries: deliveries === null || deliveries < 0 ? null : deliveries,
    lastId,
  };
}

/** False after an error. */
function isGroupThere(call: Call): boolean {
  const { args, db, reply } = call;
  const found = readStream(call);
  if (found === undefined) return false;
  if (found && db.streams.hasGroup(args[1], args[2])) return true;
  reply.error(noSuchKeyOrGroup(args[1], args[2]));
  return false;
}

function runXclaim(call: Call): void {
  const { args, db } = call;
  if (!isGroupThere(call)) return;
  const options = claimOptions(call);
  if (options === undefined) return;
  if (compareStreamIds(options.lastId, STREAM_ID_MIN) > 0) db.streams.raiseGroupId(args[1], args[2], options.lastId);
  const claimed = options.ids.filter((id) => claim(call, id, options));
  if (claimed.length > 0) db.streams.noteSeen(args[1], args[2], args[3]);
  answerClaimed(call, claimed, options.justIds);
}

function claim(call: Call, id: StreamId, options: ClaimOptions): boolean {
  const { args, db, engine } = call;
  const pending = pendingOf(call, id);
  if (!hasEntry(db, args[1], id)) {
    // nobody can get it any more
    if (pending !== null) db.streams.acknowledge(args[1], args[2], id);
    return false;
  }
  if (pending === null && !options.force) return false;
  if (pending !== null && options.minIdleMs > 0 && engine.now - pending.deliveredMs < options.minIdleMs) return false;
  const before = pending === null ? 1 : pending.deliveries;
  const deliveries = options.deliveries ?? before + (options.justIds ? 0 : 1);
  db.streams.claim(args[1], args[2], args[3], id, options.deliveredMs, deliveries);
  return true;
}

// --- XAUTOCLAIM

interface AutoclaimOptions {
  readonly minIdleMs: number;
  readonly start: StreamId;
  readonly count: number;
  readonly justIds: boolean;
}

/** Undefined after an error. */
function autoclaimOptions(call: Call): AutoclaimOptions | undefined {
  const { args, argc, reply } = call;
  const minIdleMs = numberArgument(call, 4, 'ERR Invalid min-idle-time argument for XAUTOCLAIM');
  const start = minIdleMs === undefined ? undefined : startArgument(call, 5);
  if (minIdleMs === undefined || start === undefined) return undefined;
  let count = AUTOCLAIM_COUNT_DEFAULT;
  let justIds = false;
  for (let at = 6; at < argc; at++) {
    if (args[at].isWord('justid')) justIds = true;
    else if (args[at].isWord('count') && at + 1 < argc) {
      const given = rangedArgument(call, ++at, 1, AUTOCLAIM_COUNT_MAX, 'ERR COUNT must be > 0');
      if (given === undefined) return undefined;
      count = given;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return { minIdleMs: Math.max(minIdleMs, 0), start, count, justIds };
}

/** What XAUTOCLAIM has found, before it claims anything. */
interface Survey {
  readonly wanted: readonly { readonly id: StreamId; readonly deliveries: number }[];
  /** Of entries that are in the stream no more. */
  readonly removed: readonly StreamId[];
  /** Where the next call goes on; 0-0: it was all. */
  readonly next: StreamId;
}

function survey({ args, db, engine }: Call, { minIdleMs, start, count }: AutoclaimOptions): Survey {
  const wanted: { id: StreamId; deliveries: number }[] = [];
  const removed: StreamId[] = [];
  let attempts = count * ATTEMPTS_FOR_EACH;
  let next = STREAM_ID_MIN;
  let last: StreamId | null = null;
  db.streams.forEachPending(args[1], args[2], null, start, STREAM_ID_MAX, ({ id, deliveredMs, deliveries, entry }) => {
    // of one id there may be several, which go together
    if (last !== null && compareStreamIds(last, id) === 0) return true;
    if (attempts === 0 || wanted.length + removed.length >= count) {
      next = id;
      return false;
    }
    attempts--;
    last = id;
    if (entry === null && !hasEntry(db, args[1], id)) removed.push(id);
    else if (engine.now - deliveredMs >= minIdleMs || minIdleMs === 0) wanted.push({ id, deliveries });
    return true;
  });
  return { wanted, removed, next };
}

function runXautoclaim(call: Call): void {
  const { args, db, engine, reply } = call;
  const options = autoclaimOptions(call);
  if (options === undefined || !isGroupThere(call)) return;
  const { wanted, removed, next } = survey(call, options);
  const [, key, group, consumer] = args;
  for (const id of removed) db.streams.acknowledge(key, group, id);
  for (const { id, deliveries } of wanted) {
    db.streams.claim(key, group, consumer, id, engine.now, options.justIds ? deliveries : deliveries + 1);
  }
  if (wanted.length > 0) db.streams.noteSeen(key, group, consumer);
  reply.array(3);
  writeId(reply, next);
  answerClaimed(
    call,
    wanted.map(({ id }) => id),
    options.justIds,
  );
  reply.array(removed.length);
  for (const id of removed) writeId(reply, id);
}

export const claimCommands: readonly Command[] = [
  redisEntry('xautoclaim', runXautoclaim),
  redisEntry('xclaim', runXclaim),
];
