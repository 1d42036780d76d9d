/**
 * Times to live. A deadline is an element of its own: the dot that wrote it, when it ends (Infinity: a PERSIST that
 * must beat concurrent EXPIREs), and its scope, the part of the version space whose values it observed. It governs
 * exactly the values whose dots the scope covers, so a concurrent write is never cut short by it. Deadlines written
 * concurrently stand side by side and the longest counts; a later one replaces those that it observed. One that
 * governs nothing any more is dropped, which every replica decides alike.
 *
 * A value is hidden when its longest deadline has passed, and a key (or hash field) when all its values are:
 * `hideAt` is that moment, kept in the entry's header so that a read needs one probe.
 */
import type { ByteTable } from './byte-table.ts';
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { type Cell, isLive, mapReplica } from './cell.ts';
import type { Stamp, UnixMs } from './contract.ts';
import { keyLanes } from './digest-terms.ts';
import { keySlot, Lanes } from './hash.ts';
import { FLAG_DIRTY, RECORD_FIELD_DEADLINES, RECORD_KEY_DEADLINES, type State } from './state.ts';
import { type Context, covers } from './version.ts';

export interface Deadline {
  replica: number;
  stamp: Stamp;
  /** Infinity is PERSIST. */
  deadline: UnixMs;
  /** Pairs (replica, stamp): governs values of `replica` up to `stamp`. */
  scope: number[];
}

const term = new Lanes();
const writer = new ByteWriter();
const reader = new ByteReader();

export class Deadlines {
  readonly state: State;
  readonly database: number;
  /** Null: deadlines of keys; else of the fields of this key. */
  readonly key: Buffer | null;
  readonly table: ByteTable;
  /** Entries that will expire. */
  finite = 0;
  /** No entry is hidden before this moment; it may be too early. */
  private earliest = Number.POSITIVE_INFINITY;
  readonly slot: number;

  constructor(state: State, database: number, key: Buffer | null) {
    this.state = state;
    this.database = database;
    this.key = key;
    this.table = state.newTable();
    this.slot = key === null ? -1 : keySlot(key, 0, key.length);
  }

  /** When the key or field is hidden; Infinity: never. */
  hideAt(bytes: Uint8Array, start: number, end: number): UnixMs {
    const at = this.table.find(bytes, start, end);
    return at < 0 ? Number.POSITIVE_INFINITY : this.table.stamp(this.table.referenceAt(at));
  }

  hideAtPosition(at: number): UnixMs {
    return this.table.stamp(this.table.referenceAt(at));
  }

  /** How many are hidden at `now`. Walks only while there are any. */
  expiredCount(now: UnixMs): number {
    if (now < this.earliest) return 0;
    let expired = 0;
    this.earliest = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.table.positions; at++) {
      if (this.table.referenceAt(at) === 0) continue;
      const hideAt = this.hideAtPosition(at);
      if (hideAt <= now) expired++;
      if (hideAt < this.earliest) this.earliest = hideAt;
    }
    return expired;
  }

  /** True if none is left at `now`; ends at the first that is. */
  allExpired(now: UnixMs): boolean {
    if (now < this.earliest) return false;
    for (let at = 0; at < this.table.positions; at++) {
      if (this.table.referenceAt(at) !== 0 && this.hideAtPosition(at) > now) return false;
    }
    return true;
  }

  list(bytes: Uint8Array, start: number, end: number): Deadline[] {
    const at = this.table.find(bytes, start, end);
    return at < 0 ? [] : this.listAt(at);
  }

  /** True if there is one deadline only, as nearly always: told without reading the list. */
  isSingleAt(at: number): boolean {
    const reference = this.table.referenceAt(at);
    return this.table.bufferOf(reference)[this.table.payloadStart(reference)] === 1;
  }

  listAt(at: number): Deadline[] {
    const reference = this.table.referenceAt(at);
    const start = this.table.payloadStart(reference);
    try {
      return readDeadlines(
        reader.set(this.table.bufferOf(reference), start, start + this.table.payloadLength(reference)),
      );
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.noteDamage(reference);
      return [];
    }
  }

  /** Takes out an entry that is not what was written. */
  forgetAt(at: number): void {
    if (Number.isFinite(this.hideAtPosition(at))) this.finite--;
    this.table.forgetAt(at);
  }

  /** Replaces the list; an empty one removes the entry. True if there is one afterwards. */
  put(bytes: Uint8Array, start: number, end: number, list: readonly Deadline[], hideAt: UnixMs): boolean {
    const { table } = this;
    let at = table.find(bytes, start, end);
    if (at < 0 && list.length === 0) return false;
    if (at >= 0) this.account(table.referenceAt(at), false);
    if (list.length === 0) {
      if (Number.isFinite(this.hideAtPosition(at))) this.finite--;
      this.markDirty(table.referenceAt(at));
      table.removeAt(at);
      return false;
    }
    if (at >= 0 && Number.isFinite(this.hideAtPosition(at))) this.finite--;
    writeDeadlines(writer.reset(), list);
    if (at < 0) at = table.insert(bytes, start, end, writer.at);
    else table.resizePayload(at, writer.at);
    const reference = table.referenceAt(at);
    table.writePayload(reference, writer.bytes, 0, writer.at);
    table.setStamp(reference, hideAt);
    if (Number.isFinite(hideAt)) this.finite++;
    if (hideAt < this.earliest) this.earliest = hideAt;
    this.account(reference, true);
    this.markDirty(reference);
    return true;
  }

  /** Removes all entries: what they governed is gone. */
  clear(): void {
    const { table } = this;
    for (let at = 0; at < table.positions; at++) {
      const reference = table.referenceAt(at);
      if (reference === 0) continue;
      this.account(reference, false);
      this.markDirty(reference);
    }
    table.clear();
    this.finite = 0;
  }

  spell(reference: number): void {
    const { state, table } = this;
    const start = table.keyStart(reference);
    const end = start + table.keyLength(reference);
    const buffer = table.bufferOf(reference);
    if (this.key === null) state.spellRecord(this.database, buffer, start, end, RECORD_KEY_DEADLINES);
    else state.spellRecord(this.database, this.key, 0, this.key.length, RECORD_FIELD_DEADLINES).raw(buffer, start, end);
  }

  private markDirty(reference: number): void {
    const flags = this.table.flags(reference);
    if ((flags & FLAG_DIRTY) !== 0) return;
    this.table.setFlags(reference, flags | FLAG_DIRTY);
    this.spell(reference);
    this.state.markDirty();
  }

  private account(reference: number, adding: boolean): void {
    try {
      this.countTerms(reference, (slot, a, b) => this.state.moveTerm(slot, adding ? a : -a, adding ? b : -b));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.noteDamage(reference);
    }
  }

  private noteDamage(reference: number): void {
    const { state, table } = this;
    const start = table.keyStart(reference);
    const slot =
      this.slot < 0 ? keySlot(table.bufferOf(reference), start, start + table.keyLength(reference)) : this.slot;
    state.noteDamage(slot);
    state.moveTerm(slot, 0, 0);
  }

  /** Each term of the entry, and the slot that it counts for. Throws MalformedError if it is damaged. */
  countTerms(reference: number, visit: (slot: number, a: number, b: number) => void): void {
    const { state, table } = this;
    const buffer = table.bufferOf(reference);
    const start = table.keyStart(reference);
    const end = start + table.keyLength(reference);
    const payload = table.payloadStart(reference);
    const list = readDeadlines(reader.set(buffer, payload, payload + table.payloadLength(reference)));
    if (this.key === null) keyLanes(term, this.database, buffer, start, end, RECORD_KEY_DEADLINES);
    else keyLanes(term, this.database, this.key, 0, this.key.length, RECORD_FIELD_DEADLINES).bytes(buffer, start, end);
    const { a, b } = term;
    const slot = this.key === null ? keySlot(buffer, start, end) : this.slot;
    for (const each of list) {
      term.from(a, b).word(state.replicas.words[each.replica]).number(each.stamp);
      term.number(Number.isFinite(each.deadline) ? each.deadline : -1);
      for (let i = 0; i < each.scope.length; i += 2)
        term.word(state.replicas.words[each.scope[i]]).number(each.scope[i + 1]);
      term.finish();
      visit(slot, term.a, term.b);
    }
  }
}

/** True if the deadline governs a value with this dot. */
export function governs(deadline: Deadline, replica: number, stamp: Stamp): boolean {
  const { scope } = deadline;
  for (let i = 0; i < scope.length; i += 2) if (scope[i] === replica) return stamp <= scope[i + 1];
  return false;
}

/** Moment at which everything that the cell shows is hidden. */
export function cellHideAt(cell: Cell, list: readonly Deadline[]): UnixMs {
  let hideAt = 0;
  for (const { replica, stamp } of cell.siblings) hideAt = Math.max(hideAt, dotHideAt(replica, stamp, list));
  for (const tally of cell.tallies) {
    if (isLive(tally)) hideAt = Math.max(hideAt, dotHideAt(tally.replica, tally.stamp, list));
  }
  return hideAt;
}

/** The longest deadline that governs the dot; Infinity if none does. */
export function dotHideAt(replica: number, stamp: Stamp, list: readonly Deadline[]): UnixMs {
  let hideAt = Number.NEGATIVE_INFINITY;
  for (const deadline of list) if (governs(deadline, replica, stamp)) hideAt = Math.max(hideAt, deadline.deadline);
  return hideAt === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : hideAt;
}

export function governsCell(deadline: Deadline, cell: Cell): boolean {
  return (
    cell.siblings.some((sibling) => governs(deadline, sibling.replica, sibling.stamp)) ||
    cell.tallies.some((tally) => isLive(tally) && governs(deadline, tally.replica, tally.stamp))
  );
}

/** True if every value up to these writers' stamps is governed. */
export function governsAll(deadline: Deadline, writers: readonly number[]): boolean {
  for (let i = 0; i < writers.length; i += 2) if (!governs(deadline, writers[i], writers[i + 1])) return false;
  return true;
}

export function withoutCovered(list: readonly Deadline[], context: Context): Deadline[] {
  return list.filter((deadline) => !covers(context, deadline.replica, deadline.stamp));
}

/** Join of two lists, each with the vector that it reflects. */
export function mergeDeadlines(
  mine: readonly Deadline[],
  myContext: Context,
  theirs: readonly Deadline[],
  theirContext: Context,
): Deadline[] {
  const same = (a: Deadline, b: Deadline) => a.replica === b.replica && a.stamp === b.stamp;
  return [
    ...mine.filter(
      (each) => theirs.some((other) => same(each, other)) || !covers(theirContext, each.replica, each.stamp),
    ),
    ...theirs.filter(
      (each) => !mine.some((other) => same(each, other)) && !covers(myContext, each.replica, each.stamp),
    ),
  ];
}

export function writeDeadlines(into: ByteWriter, list: readonly Deadline[]): void {
  into.varint(list.length);
  for (const { replica, stamp, deadline, scope } of list) {
    into.varint(replica);
    into.double(stamp);
    into.double(deadline);
    into.varint(scope.length / 2);
    for (let i = 0; i < scope.length; i += 2) {
      into.varint(scope[i]);
      into.double(scope[i + 1]);
    }
  }
}

export function readDeadlines(from: ByteReader, replicas?: readonly number[]): Deadline[] {
  const list: Deadline[] = [];
  for (let left = from.count(18); left > 0; left--) {
    const deadline: Deadline = {
      replica: mapReplica(from.varint(), replicas),
      stamp: from.stamp(),
      deadline: from.moment(),
      scope: [],
    };
    for (let pairs = from.count(9); pairs > 0; pairs--) {
      deadline.scope.push(mapReplica(from.varint(), replicas), from.stamp(0));
    }
    list.push(deadline);
  }
  return list;
}
