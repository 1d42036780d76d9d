/**
 * MAXLEN and MINID of XADD and XTRIM. With `~` Redis removes whole nodes of its tree only; here a node is as many entries
 * from the start of the stream as `stream-node-max-entries` says, so that as much goes where streams grew undisturbed.
 */
import type { Database, StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MIN } from '../../core/index.ts';
import type { Slice } from '../../core/slice.ts';
import { numberArgument } from '../arguments.ts';
import type { ConfigService } from '../services.ts';
import type { Call } from '../table.ts';
import { idArgument } from './ids.ts';
import { groupsOf, isReferredTo, type ReferencePolicy, referencePolicy, removeEntry } from './references.ts';

/** Without LIMIT: as much as so many nodes hold, within bounds where these are unusual. */
const LIMIT_NODES = 100;
const LIMIT_MAX = 1_000_000;
const LIMIT_OF_ENDLESS_NODES = 10_000;

type Strategy =
  | { readonly kind: 'length'; readonly length: number }
  /** Entries before it go. */
  | { readonly kind: 'id'; readonly least: StreamId };

export interface Trimming {
  readonly strategy: Strategy;
  readonly isApproximate: boolean;
  /** How many entries go at most. */
  readonly limit: number;
  readonly policy: ReferencePolicy;
}

/** Reads the options one by one; then trimming() tells what they come to. */
export class TrimmingOptions {
  private strategy: Strategy | null = null;
  private isApproximate = false;
  private limit: number | null = null;
  private policy: ReferencePolicy | null = null;

  /**
   * The argument behind the option that begins at `index`; that itself where it is none of these, undefined after an error.
   */
  read(call: Call, index: number): number | undefined {
    const { args, argc } = call;
    const word = args[index];
    const hasMore = index + 1 < argc;
    if (hasMore && word.isWord('maxlen')) return this.readStrategy(call, index + 1, 'length');
    if (hasMore && word.isWord('minid')) return this.readStrategy(call, index + 1, 'id');
    if (hasMore && word.isWord('limit')) {
      const limit = numberArgument(call, index + 1);
      if (limit === undefined) return undefined;
      if (limit < 0) return fail(call, 'ERR The LIMIT argument must be >= 0.');
      this.limit = limit;
      return index + 2;
    }
    const policy = this.policy === null ? referencePolicy(word) : undefined;
    if (policy === undefined) return index;
    this.policy = policy;
    return index + 1;
  }

  private readStrategy(call: Call, index: number, kind: Strategy['kind']): number | undefined {
    const { args, argc } = call;
    if (this.strategy !== null) {
      return fail(call, 'ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
    }
    const sign = index + 1 < argc ? args[index].latin1() : '';
    const at = sign === '~' || sign === '=' ? index + 1 : index;
    this.isApproximate = sign === '~';
    if (kind === 'length') {
      const length = numberArgument(call, at);
      if (length === undefined) return undefined;
      if (length < 0) return fail(call, 'ERR The MAXLEN argument must be >= 0.');
      this.strategy = { kind, length };
    } else {
      const least = idArgument(call, at);
      if (least === undefined) return undefined;
      this.strategy = { kind, least };
    }
    return at + 1;
  }

  /** Null: nothing is trimmed; undefined after an error. */
  trimming(call: Call): Trimming | null | undefined {
    const { strategy, isApproximate, limit } = this;
    if (strategy === null) {
      if (limit === null || limit === 0) return null;
      return fail(call, 'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy');
    }
    if (limit !== null && !isApproximate) {
      return fail(call, 'ERR syntax error, LIMIT cannot be used without the special ~ option');
    }
    const policy = this.policy ?? 'keep';
    if (!isApproximate) return { strategy, isApproximate, limit: Number.POSITIVE_INFINITY, policy };
    const most = limit ?? defaultLimit(nodeEntries(call.services.config));
    return { strategy, isApproximate, limit: most === 0 ? Number.POSITIVE_INFINITY : most, policy };
  }
}

function fail({ reply }: Call, error: string): undefined {
  reply.error(error);
  return undefined;
}

function defaultLimit(node: number): number {
  return Number.isFinite(node) ? Math.min(LIMIT_NODES * node, LIMIT_MAX) : LIMIT_OF_ENDLESS_NODES;
}

/** 0 stands for nodes that have no end. */
export function nodeEntries(config: ConfigService): number {
  const entries = Number(config.get('stream-node-max-entries'));
  return entries > 0 ? entries : Number.POSITIVE_INFINITY;
}

/** Trims, and tells how many entries are gone. */
export function trim(call: Call, key: Slice, { strategy, isApproximate, limit, policy }: Trimming): number {
  const { db } = call;
  if (policy === 'keep' && !isApproximate) {
    return strategy.kind === 'length'
      ? db.streams.trimToLength(key, strategy.length)
      : db.streams.trimBefore(key, strategy.least);
  }
  const before = db.streams.size(key);
  const wanted = strategy.kind === 'length' ? before - strategy.length : countBefore(db, key, strategy.least);
  if (wanted <= 0) return 0;
  const count = isApproximate ? Math.min(wanted, wholeNodes(call, key, wanted, limit)) : wanted;
  if (count === 0) return 0;
  if (policy === 'keep') return db.streams.trimToLength(key, before - count);
  const end = strategy.kind === 'id' ? strategy.least : null;
  return trimOneByOne(db, key, count, end, policy);
}

/**
 * Of those that may go, as many as make whole nodes. A node that was begun is not filled up again: of the first one there
 * is as much as has not been trimmed yet. The last one may be short.
 */
function wholeNodes({ db, services }: Call, key: Slice, wanted: number, limit: number): number {
  const { length, entriesAdded } = db.streams.status(key) ?? { length: 0, entriesAdded: 0 };
  if (wanted >= length && length <= limit) return length;
  const node = nodeEntries(services.config);
  const first = node - (Math.max(entriesAdded - length, 0) % node);
  const most = Math.min(wanted, limit);
  return most < first ? 0 : most - ((most - first) % node);
}

function countBefore(db: Database, key: Slice, least: StreamId): number {
  let count = 0;
  db.streams.range(key, STREAM_ID_MIN, least, 1, ({ id }) => {
    if (compareStreamIds(id, least) >= 0) return false;
    count++;
    return true;
  });
  return count;
}

/** Where entries are referred to, and may therefore stay: those behind them go in their place, up to `end`. */
function trimOneByOne(db: Database, key: Slice, count: number, end: StreamId | null, policy: ReferencePolicy): number {
  const groups = groupsOf(db, key);
  const ids: StreamId[] = [];
  let found = 0;
  let last: StreamId | null = null;
  let isLastKept = false;
  db.streams.range(key, STREAM_ID_MIN, end ?? db.streams.lastId(key), 1, ({ id }) => {
    if (end !== null && compareStreamIds(id, end) >= 0) return false;
    if (last === null || compareStreamIds(last, id) !== 0) {
      isLastKept = policy === 'acknowledged' && isReferredTo(db, key, id, groups);
      last = id;
      if (!isLastKept) ids.push(id);
    }
    if (!isLastKept) found++;
    return found < count;
  });
  const before = db.streams.size(key);
  for (const id of ids) removeEntry(db, key, id, policy === 'acknowledged' ? 'keep' : policy, groups);
  return before - db.streams.size(key);
}
