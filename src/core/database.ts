/**
 * A database as commands see it: reads that hide what has expired, and effects. An effect is prepared here (what it
 * observes: cancels, scopes), written into the open txn, and applied through the keyspace, in that order, by the
 * same code that applies it on every other replica.
 */
import type { Body } from './bodies.ts';
import type { ByteTable } from './byte-table.ts';
import { type Cancel, cancelsOf } from './cell.ts';
import {
  type Candidate,
  type Database,
  KEEP_DEADLINE,
  KeyType,
  NO_DEADLINE,
  NO_KEY,
  type Sampling,
  type UnixMs,
} from './contract.ts';
import { COUNTING, type ElementKind } from './element-writes.ts';
import { type Elements, NO_CANCELS } from './elements.ts';
import { copyKey, swapDatabases } from './key-copies.ts';
import { BODY_BYTES, type Keyspace } from './keyspace.ts';
import type { LocalTxn } from './local-txn.ts';
import { removeExpiredValues } from './partial-expiry.ts';
import { sampleKeys } from './sampling.ts';
import { Slice } from './slice.ts';
import { FLAG_DEADLINE, FLAG_FIELD_DEADLINES, FLAG_HIDDEN, type State } from './state.ts';
import { Op } from './txn.ts';
import { HashType } from './types/hash.ts';
import { ListType } from './types/list.ts';
import { SetType } from './types/set.ts';
import { StreamType } from './types/stream.ts';
import { StringType } from './types/string.ts';
import { ZsetType } from './types/zset.ts';
import { addPairs } from './version.ts';

/** Deadlines travel as varints; nothing sensible is later (the year 142,000). */
const DEADLINE_MAX = 2 ** 52;
/** SCAN cursors: the table's hash cursor, 0 at the start; 2^32 is its end. */
const WALK_END = 2 ** 32;
/** Flags of keys that may be hidden by time, and of those that may be hidden at all. */
const EXPIRING = FLAG_DEADLINE | FLAG_FIELD_DEADLINES;
const GUARDED = EXPIRING | FLAG_HIDDEN;

export class DatabaseView implements Database {
  readonly index: number;
  readonly state: State;
  readonly keyspace: Keyspace;
  readonly txn: LocalTxn;
  readonly strings: StringType;
  readonly hashes: HashType;
  readonly lists: ListType;
  readonly sets: SetType;
  readonly zsets: ZsetType;
  readonly streams: StreamType;

  constructor(state: State, keyspace: Keyspace, txn: LocalTxn) {
    this.index = keyspace.index;
    this.state = state;
    this.keyspace = keyspace;
    this.txn = txn;
    this.strings = new StringType(this);
    this.hashes = new HashType(this);
    this.lists = new ListType(this);
    this.sets = new SetType(this);
    this.zsets = new ZsetType(this);
    this.streams = new StreamType(this);
  }

  get size(): number {
    return this.keyspace.keys.size;
  }

  get volatileSize(): number {
    return this.keyspace.expiry.deadlines.finite;
  }

  averageTtlMs(): number {
    const { table } = this.keyspace.expiry.deadlines;
    let total = 0;
    let count = 0;
    table.walk(0, 1000, (at) => {
      const hideAt = table.stamp(table.referenceAt(at));
      if (hideAt === Number.POSITIVE_INFINITY) return;
      total += Math.max(0, hideAt - this.state.now);
      count++;
    });
    return count === 0 ? 0 : Math.round(total / count);
  }

  // --- finding

  /** Position of a key for reading, or −1. Expired keys are hidden, and collected where that is safe. */
  findLive(key: Slice): number {
    return this.find(key, true);
  }

  /** `use`: whether the key counts as used now (OBJECT IDLETIME). */
  private find(key: Slice, use: boolean): number {
    const { table } = this.keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at < 0) return -1;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    if ((flags & GUARDED) !== 0) return this.findGuarded(key, at, flags, use);
    if (use) this.noteUse(table, reference);
    return at;
  }

  /** For a write: an expired key is removed as an effect first, so that the write starts afresh. */
  findForWrite(key: Slice): number {
    const { table } = this.keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at < 0) return -1;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    if ((flags & EXPIRING) !== 0 && this.isExpiredAt(at, flags)) {
      this.expire(key);
      return -1;
    }
    if ((flags & GUARDED) !== 0) return this.findGuarded(key, at, flags, true);
    this.noteUse(table, reference);
    return at;
  }

  private noteUse(table: ByteTable, reference: number): void {
    const { state } = this;
    if (state.use >= 0) table.setUse(reference, state.use);
    else state.keyUse.note(table, reference, state.use, state.now);
  }

  private findGuarded(key: Slice, at: number, flags: number, use: boolean): number {
    if ((flags & FLAG_HIDDEN) !== 0) return -1;
    const { state, keyspace } = this;
    const hideAt = this.hideAtOf(key);
    if (hideAt <= state.now) {
      if (hideAt < state.horizon && this.txn.open && !state.expiryHeld) this.expire(key);
      return -1;
    }
    if ((flags & FLAG_FIELD_DEADLINES) !== 0 && keyspace.expiry.fieldsExpired(at, state.now)) return -1;
    if (this.txn.open && this.expirePart(key, hideAt)) return this.find(key, use);
    const { table } = keyspace.keys;
    if (use) this.noteUse(table, table.referenceAt(at));
    return at;
  }

  hideAtOf(key: Slice): UnixMs {
    return this.keyspace.expiry.deadlines.hideAt(key.bytes, key.start, key.end);
  }

  typeOf(key: Slice): KeyType {
    const at = this.findLive(key);
    return at < 0 ? KeyType.none : this.keyspace.bodies.typeAt(at);
  }

  peekType(key: Slice): KeyType {
    const at = this.find(key, false);
    return at < 0 ? KeyType.none : this.keyspace.bodies.typeAt(at);
  }

  /** The elements of the visible part of a type, for reading; undefined if the key is absent or of another type. */
  partForRead(key: Slice, type: KeyType): Elements | undefined {
    const at = this.findLive(key);
    if (at < 0) return undefined;
    const body = this.keyspace.bodies.bodyAt(at);
    return body === undefined ? undefined : this.keyspace.bodies.partOf(body, type);
  }

  bodyForRead(key: Slice): Body | undefined {
    const at = this.findLive(key);
    return at < 0 ? undefined : this.keyspace.bodies.bodyAt(at);
  }

  /** Before a write of `type`: removes as effects what has expired and what hides under the key in other types. The key's position, or −1. */
  prepareWrite(key: Slice, type: KeyType): number {
    const at = this.findForWrite(key);
    if (at < 0) return -1;
    const body = this.keyspace.bodies.bodyAt(at);
    if (body !== undefined && body.parts.length === 1 && body.parts[0].type === type) return at;
    this.clearKey(key, type);
    return this.findForWrite(key);
  }

  // --- keys

  remove(key: Slice): boolean {
    if (this.findForWrite(key) < 0) return false;
    this.clearKey(key, 0);
    return true;
  }

  /** The removal of a key (keep 0) or of all its parts but one type, as an effect with all that it cancels. */
  clearKey(key: Slice, keep: number): void {
    const { keyspace, txn } = this;
    const { table } = keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at < 0) return;
    const cancels = keep === KeyType.string ? NO_CANCELS : this.stringCancels(key, at);
    for (const kind of COUNTING) {
      const part = keep === kind.type ? undefined : this.partAt(at, kind.type);
      if (part !== undefined) this.removeCounters(key, part, kind);
    }
    const writer = txn.begin();
    writer.op(Op.keyClear, this.index, key, cancels);
    writer.byte(keep);
    keyspace.keyClear(key, keep, cancels);
  }

  private stringCancels(key: Slice, at: number): readonly Cancel[] {
    const { keys, bodies } = this.keyspace;
    const body = bodies.bodyAt(at);
    if (body === undefined) return keys.isSimple(at) ? NO_CANCELS : cancelsOf(keys.cellAt(at));
    const part = bodies.partOf(body, KeyType.string);
    return part === undefined ? NO_CANCELS : cancelsOf(part.cellAt(part.table.find(key.bytes, 0, 0)));
  }

  private partAt(at: number, type: KeyType): Elements | undefined {
    const { bodies } = this.keyspace;
    const body = bodies.bodyAt(at);
    return body === undefined ? undefined : bodies.partOf(body, type);
  }

  /** The removal of a key names no elements; counters among them, which have cancels, are removed one by one ahead of it. */
  private removeCounters(key: Slice, part: Elements, kind: ElementKind): void {
    const name = new Slice();
    // the entry at a position may go, and later ones move up
    for (let at = part.table.positions - 1; at >= 0; at--) {
      const reference = part.table.referenceAt(at);
      if (reference === 0 || part.isSimple(at)) continue;
      const cancels = cancelsOf(part.cellAt(at));
      if (cancels.length === 0) continue;
      const writer = this.txn.begin();
      writer.op(kind.remove, this.index, key, cancels);
      writer.run(part.table.fillKey(reference, name));
      // what follows from it follows from the key's removal
      part.clearAt(at, cancels);
    }
  }

  /** FLUSHDB. One effect for all keys cannot name what it cancels; keys that count are removed ahead of it. */
  clear(): void {
    const { keyspace, txn } = this;
    const { table } = keyspace.keys;
    if (table.count === 0) return;
    for (const bytes of this.keysThatCount()) this.clearKey(new Slice().set(bytes, 0, bytes.length), 0);
    const writer = txn.begin();
    writer.op(Op.databaseClear, this.index, null, NO_CANCELS);
    keyspace.databaseClear();
  }

  private keysThatCount(): Buffer[] {
    const { keys } = this.keyspace;
    const found: Buffer[] = [];
    const key = new Slice();
    for (let at = 0; at < keys.table.positions; at++) {
      const reference = keys.table.referenceAt(at);
      if (reference === 0 || keys.isSimple(at)) continue;
      keys.table.fillKey(reference, key);
      if (this.stringCancels(key, at).length > 0 || COUNTING.some(({ type }) => hasCounters(this.partAt(at, type))))
        found.push(key.copy());
    }
    return found;
  }

  copyTo(key: Slice, target: DatabaseView, newKey: Slice): void {
    copyKey(this, key, target, newKey);
  }

  swapWith(other: DatabaseView): void {
    swapDatabases(this, other);
  }

  randomKey(random: () => number, out: Slice): boolean {
    const { keys } = this.keyspace;
    const at = pickEvenly(keys, random, (place) => this.shownNow(place));
    if (at < 0) return false;
    keys.table.fillKey(keys.table.referenceAt(at), out);
    return true;
  }

  scan(cursor: number, count: number, visit: (key: Slice, type: KeyType) => void): number {
    const { keys } = this.keyspace;
    const key = new Slice();
    if (cursor >= WALK_END) return 0;
    const next = keys.table.walk(cursor, count, (at) => {
      if (this.shownNow(at))
        visit(keys.table.fillKey(keys.table.referenceAt(at), key), this.keyspace.bodies.typeAt(at));
    });
    return next >= WALK_END ? 0 : next;
  }

  forEachKey(visit: (key: Slice, type: KeyType) => void): void {
    this.scan(0, Number.POSITIVE_INFINITY, visit);
  }

  /** Shown and not expired; collects nothing. */
  private shownNow(at: number): boolean {
    const { keys } = this.keyspace;
    return keys.isShown(at) && !this.isExpiredAt(at, keys.table.flags(keys.table.referenceAt(at)));
  }

  /** True if the key's own deadline has passed, or those of all its fields. */
  private isExpiredAt(at: number, flags: number): boolean {
    const { expiry, keys } = this.keyspace;
    const { now } = this.state;
    if ((flags & FLAG_FIELD_DEADLINES) !== 0 && expiry.fieldsExpired(at, now)) return true;
    if ((flags & FLAG_DEADLINE) === 0) return false;
    const reference = keys.table.referenceAt(at);
    const start = keys.table.keyStart(reference);
    const end = start + keys.table.keyLength(reference);
    return expiry.deadlines.hideAt(keys.table.bufferOf(reference), start, end) <= now;
  }

  /** For watches: the key is here, and expired. */
  isExpired(key: Slice): boolean {
    const { table } = this.keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    return at >= 0 && this.isExpiredAt(at, table.flags(table.referenceAt(at)));
  }

  // --- deadlines

  deadlineOf(key: Slice): number {
    const at = this.find(key, false);
    if (at < 0) return NO_KEY;
    if (!this.keyspace.expiry.hasDeadline(at)) return NO_DEADLINE;
    const hideAt = this.hideAtOf(key);
    return Number.isFinite(hideAt) ? hideAt : NO_DEADLINE;
  }

  expireAt(key: Slice, deadline: UnixMs): void {
    const at = this.findForWrite(key);
    if (at < 0) return;
    if (deadline <= this.state.now) this.clearKey(key, 0);
    else this.writeDeadline(key, Math.min(deadline, DEADLINE_MAX));
  }

  persist(key: Slice): boolean {
    const at = this.findForWrite(key);
    if (at < 0 || !this.keyspace.expiry.hasDeadline(at) || !Number.isFinite(this.hideAtOf(key))) return false;
    this.writeDeadline(key, Number.POSITIVE_INFINITY);
    return true;
  }

  /** A deadline over everything under the key now, as an effect. The key must be there. */
  writeDeadline(key: Slice, deadline: UnixMs): void {
    const { keyspace, txn } = this;
    const writer = txn.begin();
    const scope = this.scopeNow(key);
    writer.op(Op.keyExpire, this.index, key, NO_CANCELS);
    writer.deadline(deadline, scope);
    keyspace.keyExpire(key, deadline, scope);
  }

  /** Pairs (replica, latest stamp) of what is under the key; empty if it is only what this txn wrote. */
  private scopeNow(key: Slice): number[] {
    const { keyspace, state } = this;
    const { keys } = keyspace;
    const at = keys.table.find(key.bytes, key.start, key.end);
    const scope: number[] = [];
    const body = keyspace.bodies.bodyAt(at);
    if (body !== undefined) for (const part of body.parts) addPairs(scope, part.writers);
    else if (keys.isSimple(at)) {
      const reference = keys.table.referenceAt(at);
      scope.push(keys.table.replica(reference), keys.table.stamp(reference));
    } else {
      const cell = keys.cellAt(at);
      for (const dot of [...cell.siblings, ...cell.tallies]) addPairs(scope, [dot.replica, dot.stamp]);
    }
    return scope.length === 2 && scope[0] === state.self && scope[1] === state.stamp ? [] : scope;
  }

  /** After an element was added to a key that was to expire: it expires with the rest. Redis keeps the time to live. */
  extendDeadline(key: Slice, hideAt: UnixMs): void {
    if (Number.isFinite(hideAt)) this.writeDeadline(key, hideAt);
  }

  /** What extendDeadline needs to know before the write; Infinity if the key has no deadline. */
  deadlineToExtend(at: number, key: Slice): UnixMs {
    return at >= 0 && this.keyspace.expiry.hasDeadline(at) ? this.hideAtOf(key) : Number.POSITIVE_INFINITY;
  }

  /** Removes an expired key, as an effect. */
  expire(key: Slice): void {
    this.state.statistics.expiredKeys++;
    this.clearKey(key, 0);
  }

  /**
   * Some values of a key may have expired while others, written concurrently, have not: removes those, and joins
   * deadlines that stand side by side. True if something changed.
   */
  expirePart(key: Slice, hideAt: UnixMs): boolean {
    const { deadlines } = this.keyspace.expiry;
    const place = deadlines.table.find(key.bytes, key.start, key.end);
    if (place < 0 || this.state.expiryHeld) return false;
    // the usual case, and every GET of a key with a time to live: one deadline, which governs all and has not passed
    if (Number.isFinite(hideAt) && deadlines.isSingleAt(place)) return false;
    const list = deadlines.listAt(place);
    // what may have got more time elsewhere is not removed yet
    const due = Math.min(this.state.now, this.state.horizon);
    if (!list.some((each) => each.deadline <= due)) return false;
    const removed = removeExpiredValues(this, key, list, due);
    if (!removed && list.length > 1 && Number.isFinite(hideAt)) {
      this.writeDeadline(key, hideAt);
      return true;
    }
    return removed;
  }

  idleSeconds(key: Slice): number {
    const { keyUse, now } = this.state;
    const use = this.useOf(key);
    return use < 0 ? 0 : keyUse.idleSeconds(use, now);
  }

  useCount(key: Slice): number {
    const { keyUse, now } = this.state;
    const use = this.useOf(key);
    return use < 0 ? 0 : keyUse.decayed(use, now);
  }

  private useOf(key: Slice): number {
    const { table } = this.keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    return at < 0 ? -1 : table.use(table.referenceAt(at));
  }

  setUse(key: Slice, use: { idleSeconds: number } | { count: number }): void {
    const { keyUse, now } = this.state;
    const { table } = this.keyspace.keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at < 0 || keyUse.counts !== 'count' in use) return;
    const spelled = 'count' in use ? keyUse.ofCount(use.count, now) : keyUse.ofIdle(use.idleSeconds, now);
    table.setUse(table.referenceAt(at), spelled);
  }

  sample(sampling: Sampling, visit: (candidate: Candidate) => void): void {
    sampleKeys(this.state, this.keyspace, sampling, visit);
  }

  touch(key: Slice): boolean {
    return this.findLive(key) >= 0;
  }

  memoryOf(key: Slice): number {
    const at = this.findLive(key);
    if (at < 0) return 0;
    const { table } = this.keyspace.keys;
    const reference = table.referenceAt(at);
    let bytes = table.entryBytes(reference) + 12;
    const body = this.keyspace.bodies.bodyAt(at);
    if (body === undefined) return bytes;
    for (const part of body.parts) bytes += part.memoryBytes();
    return bytes + BODY_BYTES;
  }

  /** What a write with `deadline` should do to the time to live: the deadline to set, or NO_DEADLINE. */
  resolveDeadline(deadline: number, at: number, key: Slice): number {
    if (deadline !== KEEP_DEADLINE) return deadline;
    const hideAt = this.deadlineToExtend(at, key);
    return Number.isFinite(hideAt) ? hideAt : NO_DEADLINE;
  }
}

/** A position drawn evenly from those that `accepts` takes, or −1. */
export function pickEvenly(elements: Elements, random: () => number, accepts: (at: number) => boolean): number {
  const { table } = elements;
  if (elements.size === 0) return -1;
  for (let tries = 0; tries < 100; tries++) {
    const at = Math.floor(random() * table.positions);
    if (table.referenceAt(at) !== 0 && accepts(at)) return at;
  }
  // sparse, or nearly all expired: a walk from a random place
  const from = Math.floor(random() * table.positions);
  for (let i = 0; i < table.positions; i++) {
    const at = (from + i) % table.positions;
    if (table.referenceAt(at) !== 0 && accepts(at)) return at;
  }
  return -1;
}

function hasCounters(part: Elements | undefined): boolean {
  if (part === undefined) return false;
  for (let at = 0; at < part.table.positions; at++) {
    if (part.table.referenceAt(at) !== 0 && !part.isSimple(at) && cancelsOf(part.cellAt(at)).length > 0) return true;
  }
  return false;
}
