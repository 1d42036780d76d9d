/**
 * Elements: cells in a byte table, with their digest terms and dirty marks kept up to date. Used three ways: for
 * the strings of a database (the element is the key itself, `key` is null), for the fields of a hash, and for the
 * members of a set (values empty) or a sorted set (values are scores). An entry is
 *   SIMPLE  one sibling, no tally: the dot is in the header, the payload is the value;
 *   TALLY   one tally that nothing was cancelled of, whole number: dot in the header, payload = frame, sum;
 *   CELL    anything else: the payload is the encoding of cell.ts, and a checksum, since digests do not cover all of it;
 *   BODY    (only in a database's own table) several elements under one key, see keyspace.ts.
 * SIMPLE and TALLY have fast paths without allocation; they are the hot path of SET, HSET, SADD and INCR.
 */
import type { Amount } from './amount.ts';
import type { ByteTable } from './byte-table.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import {
  addToCell,
  assignCell,
  type Cancel,
  type Cell,
  cellExists,
  clearCell,
  emptyCell,
  readCell,
  shownValue,
  writeCell,
} from './cell.ts';
import { noteValueConflict } from './conflicts.ts';
import type { Stamp } from './contract.ts';
import { KeyType } from './contract.ts';
import { DigestTerms } from './digest-terms.ts';
import { keySlot, tableHash } from './hash.ts';
import { fillDigits } from './integer.ts';
import type { Slice } from './slice.ts';
import { awaitStability } from './stability.ts';
import { BODY, CELL, FLAG_DIRTY, FLAG_HIDDEN, SIMPLE, type State, TALLY } from './state.ts';
import { MemberOrder } from './types/member-order.ts';
import { covers } from './version.ts';

export const NO_CANCELS: readonly Cancel[] = [];

const reader = new ByteReader();
const writer = new ByteWriter();
/** In place of a stamp that is damaged: any other write is later. */
const EARLIEST: Stamp = 1;

export class Elements {
  readonly state: State;
  readonly database: number;
  readonly type: KeyType;
  readonly key: Buffer | null;
  readonly table: ByteTable;
  /** Entries that show nothing: only cancelled tallies that wait for stability. */
  hidden = 0;
  /** Per replica, the latest stamp that it ever wrote here: an upper bound for what is here now. */
  readonly writers: number[] = [];
  readonly terms: DigestTerms;
  /** Of a sorted set. */
  readonly order: MemberOrder | null;

  constructor(state: State, database: number, type: KeyType, key: Buffer | null) {
    this.state = state;
    this.database = database;
    this.type = type;
    this.key = key;
    this.table = state.newTable();
    this.terms = new DigestTerms(state, this.table, database, key, type);
    this.order = type === KeyType.zset ? new MemberOrder(this) : null;
  }

  get size(): number {
    return this.table.count - this.hidden;
  }

  /** Position of an element that shows a value, or −1. */
  findShown(bytes: Uint8Array, start: number, end: number): number {
    const at = this.table.find(bytes, start, end);
    return at >= 0 && (this.table.flags(this.table.referenceAt(at)) & FLAG_HIDDEN) !== 0 ? -1 : at;
  }

  isSimple(at: number): boolean {
    return this.table.kind(this.table.referenceAt(at)) === SIMPLE;
  }

  isShown(at: number): boolean {
    const reference = this.table.referenceAt(at);
    return reference !== 0 && (this.table.flags(reference) & FLAG_HIDDEN) === 0;
  }

  /** The value that clients see. */
  fill(at: number, out: Slice): Slice {
    const table = this.table;
    const reference = table.referenceAt(at);
    const kind = table.kind(reference);
    if (kind === SIMPLE) return table.fillPayload(reference, out);
    if (kind === TALLY) return fillDigits(out, this.tallySum(reference));
    const shown = shownValue(this.cellAt(at), this.state.replicas) ?? EMPTY;
    return out.set(shown, 0, shown.length);
  }

  /** True if the payload of a SIMPLE entry is these bytes. */
  holds(at: number, value: Slice): boolean {
    const { table } = this;
    const reference = table.referenceAt(at);
    const length = value.end - value.start;
    if (table.payloadLength(reference) !== length) return false;
    const buffer = table.bufferOf(reference);
    const start = table.payloadStart(reference);
    for (let i = 0; i < length; i++) if (buffer[start + i] !== value.bytes[value.start + i]) return false;
    return true;
  }

  /** Sum of a TALLY entry: a safe whole number. */
  tallySum(reference: number): number {
    return this.wholeAt(reference, 8);
  }

  private wholeAt(reference: number, offset: number): number {
    const number = this.table.viewOf(reference).getFloat64(this.table.payloadStart(reference) + offset, true);
    if (Number.isSafeInteger(number) && (offset > 0 || (number > 0 && number <= this.table.stamp(reference))))
      return number;
    this.state.noteDamage(this.terms.slotOf(reference));
    return offset > 0 ? 0 : EARLIEST;
  }

  /** What is no stamp could be written into a cell, and not be read from it. */
  private stampOf(reference: number): Stamp {
    const stamp = this.table.stamp(reference);
    if (Number.isSafeInteger(stamp) && stamp > 0) return stamp;
    this.state.noteDamage(this.terms.slotOf(reference));
    return EARLIEST;
  }

  cellAt(at: number): Cell {
    return this.cellOf(this.table.referenceAt(at));
  }

  cellOf(reference: number): Cell {
    const { table } = this;
    const start = table.payloadStart(reference);
    const end = start + table.payloadLength(reference);
    const buffer = table.bufferOf(reference);
    const replica = table.replica(reference);
    switch (table.kind(reference)) {
      case SIMPLE:
        if (this.order !== null && !this.order.isScore(reference)) return emptyCell();
        return {
          siblings: [{ replica, stamp: this.stampOf(reference), value: Buffer.from(buffer.subarray(start, end)) }],
          tallies: [],
        };
      case TALLY:
        return {
          siblings: [],
          tallies: [
            {
              replica,
              frame: this.frameOf(reference),
              stamp: this.stampOf(reference),
              sum: this.tallySum(reference),
              cancelStamp: 0,
              cancelSum: 0,
            },
          ],
        };
      case CELL:
        return this.readGuarded(reference, start);
      default:
        throw new Error(`entry of kind ${table.kind(reference)} is no cell`);
    }
  }

  /** Nothing where it is damaged: the node goes on, and a peer's copy takes its place. */
  private readGuarded(reference: number, start: number): Cell {
    const end = start + this.table.payloadLength(reference) - CHECKSUM_BYTES;
    if (this.isIntact(reference)) return readCell(reader.set(this.table.bufferOf(reference), start, end));
    this.state.noteDamage(this.terms.slotOf(reference));
    return emptyCell();
  }

  /** False if the entry is damaged in a way that digests do not show, or cannot be used: they cover every byte of SIMPLE entries only. */
  isIntact(reference: number): boolean {
    const { table } = this;
    if (table.kind(reference) === TALLY) {
      const view = table.viewOf(reference);
      const numbers = [0, 8].map((offset) => view.getFloat64(table.payloadStart(reference) + offset, true));
      return numbers.every((each) => Number.isSafeInteger(each) && !Object.is(each, -0));
    }
    if (table.kind(reference) !== CELL) return this.order?.isScore(reference) ?? true;
    const start = table.payloadStart(reference);
    const end = start + table.payloadLength(reference) - CHECKSUM_BYTES;
    const buffer = table.bufferOf(reference);
    return end > start && tableHash(buffer, start, end, 0) === buffer.readUInt32LE(end);
  }

  /** Writes a value as the txn of `state`; `at` is what find() said. True if the element was not shown before. */
  assign(
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    cancels: readonly Cancel[],
  ): boolean {
    const { state, table } = this;
    this.noteWriter(state.origin, state.stamp);
    if (at < 0) {
      const reference = table.referenceAt(this.insert(bytes, start, end, valueEnd - valueStart));
      this.writeSimple(reference, value, valueStart, valueEnd);
      return true;
    }
    const reference = table.referenceAt(at);
    if (table.kind(reference) === SIMPLE && covers(state.context, table.replica(reference), table.stamp(reference))) {
      this.replaceSimple(at, value, valueStart, valueEnd);
      return false;
    }
    const shown = this.isShown(at);
    const cell = this.cellAt(at);
    assignCell(
      cell,
      state.origin,
      state.stamp,
      Buffer.from(value.subarray(valueStart, valueEnd)),
      state.context,
      cancels,
    );
    this.store(at, cell);
    return !shown;
  }

  /** One replica's addition to the counter; see cell.ts. `at` is what find() said. */
  add(at: number, bytes: Uint8Array, start: number, end: number, frame: Stamp, sum: Amount, delta: Amount): void {
    const { state, table } = this;
    this.noteWriter(state.origin, state.stamp);
    const small = typeof sum === 'number';
    if (at < 0) {
      if (small && frame === state.stamp) {
        const reference = table.referenceAt(this.insert(bytes, start, end, 16));
        this.writeTally(reference, frame, sum);
        return;
      }
      const cell = emptyCell();
      addToCell(cell, state.origin, frame, state.stamp, sum, delta);
      this.store(this.insertBlank(bytes, start, end), cell);
      return;
    }
    const reference = table.referenceAt(at);
    if (
      small &&
      table.kind(reference) === TALLY &&
      table.replica(reference) === state.origin &&
      this.frameOf(reference) === frame
    ) {
      if (state.stamp >= table.stamp(reference)) this.replaceTally(at, sum);
      return;
    }
    const cell = this.cellAt(at);
    addToCell(cell, state.origin, frame, state.stamp, sum, delta);
    this.store(at, cell);
  }

  /** The frame that an addition by this replica continues; 0: it starts one. */
  ownFrame(at: number): Stamp {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    const kind = table.kind(reference);
    if (kind === SIMPLE) return 0;
    if (kind === TALLY) return table.replica(reference) === state.self ? this.frameOf(reference) : 0;
    return this.cellAt(at).tallies.find((tally) => tally.replica === state.self)?.frame ?? 0;
  }

  /** What this replica has added in that frame so far. */
  ownSum(at: number): Amount {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    if (table.kind(reference) === TALLY) return this.tallySum(reference);
    return this.cellAt(at).tallies.find((tally) => tally.replica === state.self)?.sum ?? 0;
  }

  /** Removes what the txn's context covers. True if the element was shown and is not any more. */
  clearAt(at: number, cancels: readonly Cancel[]): boolean {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    if (table.kind(reference) === SIMPLE) {
      if (!covers(state.context, table.replica(reference), table.stamp(reference))) return false;
      this.takeOut(reference);
      this.drop(at);
      return true;
    }
    const shown = this.isShown(at);
    const cell = this.cellAt(at);
    clearCell(cell, state.context, cancels, state.origin, state.stamp);
    return !this.store(at, cell) && shown;
  }

  /**
   * Puts a cell in place of what is at `at`, in the smallest form, or drops the entry. True if it is shown. `moved`: it
   * stood elsewhere under the same record name, so that its cancelled tallies and its conflict are known already.
   */
  store(at: number, cell: Cell, moved = false): boolean {
    const { state, table } = this;
    let reference = table.referenceAt(at);
    this.takeOut(reference);
    if (!moved) awaitStability(this, at, cell);
    const shown = cellExists(cell);
    const wasHidden = (table.flags(reference) & FLAG_HIDDEN) !== 0;
    if (!shown && cell.tallies.length === 0) {
      this.drop(at);
      return false;
    }
    this.hidden += (shown ? 0 : 1) - (wasHidden ? 1 : 0);
    const flags = table.flags(reference);
    const [only] = cell.siblings;
    if (cell.siblings.length === 1 && cell.tallies.length === 0) {
      table.resizePayload(at, only.value.length);
      reference = table.referenceAt(at);
      table.setKind(reference, SIMPLE);
      table.setReplica(reference, only.replica);
      table.setStamp(reference, only.stamp);
      table.writePayload(reference, only.value, 0, only.value.length);
    } else {
      writeCell(writer.reset(), cell);
      writer.u32(tableHash(writer.bytes, 0, writer.at, 0));
      table.resizePayload(at, writer.at);
      reference = table.referenceAt(at);
      table.setKind(reference, CELL);
      table.writePayload(reference, writer.bytes, 0, writer.at);
    }
    table.setFlags(reference, shown ? flags & ~FLAG_HIDDEN : flags | FLAG_HIDDEN);
    this.putIn(reference);
    this.markDirty(reference);
    if (!moved && state.context !== null && cell.siblings.length > 1) noteValueConflict(this, reference, cell);
    return shown;
  }

  /** An entry with an empty cell, to be filled by store() at once. */
  insertBlank(bytes: Uint8Array, start: number, end: number): number {
    const at = this.insert(bytes, start, end, BLANK_CELL.length);
    const reference = this.table.referenceAt(at);
    this.table.setKind(reference, CELL);
    this.table.writePayload(reference, BLANK_CELL, 0, BLANK_CELL.length);
    return at;
  }

  /** Takes the cell out of an entry that is about to hold something else; flags but DIRTY stay. */
  blankAt(at: number): void {
    const { table } = this;
    if (table.kind(table.referenceAt(at)) !== BODY) this.terms.account(table.referenceAt(at), false);
    table.resizePayload(at, BLANK_CELL.length);
    const reference = table.referenceAt(at);
    table.setKind(reference, CELL);
    table.writePayload(reference, BLANK_CELL, 0, BLANK_CELL.length);
    table.setFlags(reference, table.flags(reference) & ~FLAG_DIRTY);
  }

  /** Takes the entry out; its terms are removed already. Moves later positions up. */
  drop(at: number): void {
    const { table } = this;
    const reference = table.referenceAt(at);
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) this.hidden--;
    this.markDirty(reference);
    table.removeAt(at);
  }

  /** Before an entry changes, moves or goes. */
  private takeOut(reference: number): void {
    this.terms.account(reference, false);
    this.order?.takeOut(reference);
  }

  /** After it has changed. */
  private putIn(reference: number): void {
    this.terms.account(reference, true);
    this.order?.putIn(reference);
  }

  /** Bytes that the elements take, about. */
  memoryBytes(): number {
    return this.table.memoryBytes() + (this.order?.memoryBytes() ?? 0);
  }

  /** Puts the entry on the list of records that the store has not seen. */
  markDirty(reference: number): void {
    const { state, table } = this;
    const flags = table.flags(reference);
    if ((flags & FLAG_DIRTY) !== 0) return;
    table.setFlags(reference, flags | FLAG_DIRTY);
    this.spell(reference);
    state.markDirty();
  }

  spell(reference: number): void {
    const { state, table } = this;
    const start = table.keyStart(reference);
    const end = start + table.keyLength(reference);
    if (this.key === null) {
      state.spellRecord(this.database, table.bufferOf(reference), start, end, KeyType.string);
    } else {
      state
        .spellRecord(this.database, this.key, 0, this.key.length, this.type)
        .raw(table.bufferOf(reference), start, end);
    }
  }

  /** Upper bound of what each replica wrote here, for the scope of a time to live. */
  noteWriter(replica: number, stamp: Stamp): void {
    if (this.key === null) return;
    const writers = this.writers;
    for (let i = 0; i < writers.length; i += 2) {
      if (writers[i] === replica) {
        if (stamp > writers[i + 1]) writers[i + 1] = stamp;
        return;
      }
    }
    writers.push(replica, stamp);
  }

  private insert(bytes: Uint8Array, start: number, end: number, payloadLength: number): number {
    const at = this.table.insert(bytes, start, end, payloadLength);
    if (this.key === null) {
      const reference = this.table.referenceAt(at);
      this.table.setSlot(reference, keySlot(bytes, start, end));
      this.table.setIdleClock(reference, this.state.idle);
    }
    return at;
  }

  private writeSimple(reference: number, value: Uint8Array, start: number, end: number): void {
    const { state, table } = this;
    table.setReplica(reference, state.origin);
    table.setStamp(reference, state.stamp);
    table.writePayload(reference, value, start, end);
    this.putIn(reference);
    this.markDirty(reference);
  }

  /** A new value for a SIMPLE entry that the txn covers: the hot path of SET, HSET and SADD. */
  private replaceSimple(at: number, value: Uint8Array, start: number, end: number): void {
    const { state, table, terms } = this;
    let reference = table.referenceAt(at);
    terms.leaving(at);
    this.order?.takeOut(reference);
    if (table.payloadLength(reference) !== end - start) {
      table.resizePayload(at, end - start);
      reference = table.referenceAt(at);
    }
    table.setReplica(reference, state.origin);
    table.setStamp(reference, state.stamp);
    table.writePayload(reference, value, start, end);
    terms.arrived(reference);
    this.order?.putIn(reference);
    this.markDirty(reference);
  }

  /** A new sum of the same replica's same frame: the hot path of INCR. */
  replaceTally(at: number, sum: number): void {
    const { state, table, terms } = this;
    const reference = table.referenceAt(at);
    terms.leaving(at);
    this.order?.takeOut(reference);
    table.setStamp(reference, state.stamp);
    table.viewOf(reference).setFloat64(table.payloadStart(reference) + 8, sum, true);
    terms.arrived(reference);
    this.order?.putIn(reference);
    this.markDirty(reference);
  }

  private writeTally(reference: number, frame: Stamp, sum: number): void {
    const { state, table } = this;
    table.setKind(reference, TALLY);
    table.setReplica(reference, state.origin);
    table.setStamp(reference, state.stamp);
    const view = table.viewOf(reference);
    const start = table.payloadStart(reference);
    view.setFloat64(start, frame, true);
    view.setFloat64(start + 8, sum, true);
    this.putIn(reference);
    this.markDirty(reference);
  }

  frameOf(reference: number): Stamp {
    return this.wholeAt(reference, 0);
  }
}

const EMPTY = Buffer.alloc(0);
const CHECKSUM_BYTES = 4;
/** The encoding of a cell without siblings and tallies. */
const BLANK_CELL = Buffer.alloc(2 + CHECKSUM_BYTES);
BLANK_CELL.writeUInt32LE(tableHash(BLANK_CELL, 0, 2, 0), 2);
