/**
 * Entries: what stands in a byte table of cells, and how it is read. An entry is
 *   SIMPLE  one sibling, no tally: the dot is in the header, the payload is the value;
 *   TALLY   one tally that nothing was cancelled of, whole number: dot in the header, payload = frame, sum;
 *   CELL    anything else: the payload is the encoding of cell.ts, and a checksum, since digests do not cover all of it;
 *   BODY    (only in a database's own table) several elements under one key, see keyspace.ts.
 * SIMPLE and TALLY are read without allocation. What is damaged is noted and reads as something harmless, so that the
 * node goes on until a peer's copy takes its place. elements.ts changes what this file reads.
 */
import type { Amount } from './amount.ts';
import type { ByteTable } from './byte-table.ts';
import { ByteReader } from './bytes.ts';
import { type Cell, emptyCell, readCell, shownValue } from './cell.ts';
import { KeyType, type Stamp } from './contract.ts';
import { DigestTerms } from './digest-terms.ts';
import { tableHash } from './hash.ts';
import { fillDigits } from './integer.ts';
import type { Slice } from './slice.ts';
import { CELL, CHECKSUM_BYTES, FLAG_HIDDEN, SIMPLE, type State, TALLY } from './state.ts';
import { ListOrder } from './types/list-order.ts';
import { MemberOrder } from './types/member-order.ts';
import { StreamOrder } from './types/stream-order.ts';

/** What keeps the order of the elements, where their type has one: it is told of every entry that changes. */
export interface ElementOrder {
  /** False, and noted, if the value of a SIMPLE entry is none that the type knows: it is damaged. */
  isValid(reference: number): boolean;
  /** Before an entry changes, moves or goes. */
  takeOut(reference: number): void;
  /** After it has changed. */
  putIn(reference: number): void;
  /** Most elements are about to go, or the order is wrong: it is built anew when it is asked for. */
  forget(): void;
  memoryBytes(): number;
  /** So many elements are shown, and yet nothing is there if there are no others. */
  readonly weightless?: number;
}

const reader = new ByteReader();
const EMPTY = Buffer.alloc(0);
/** In place of a stamp that is damaged: any other write is later. */
const EARLIEST: Stamp = 1;

export class Entries {
  readonly state: State;
  readonly database: number;
  readonly type: KeyType;
  key: Buffer | null;
  readonly table: ByteTable;
  /** Entries that show nothing: only cancelled tallies that wait for stability. */
  hidden = 0;
  /** Per replica, the latest stamp that it ever wrote here: an upper bound for what is here now. */
  readonly writers: number[] = [];
  readonly terms: DigestTerms;
  readonly order: ElementOrder | null;

  /** `seed`: of a table that was folded. */
  constructor(state: State, database: number, type: KeyType, key: Buffer | null, seed?: number) {
    this.state = state;
    this.database = database;
    this.type = type;
    this.key = key;
    this.table = state.newTable(seed);
    this.terms = new DigestTerms(state, this.table, database, key, type);
    this.order = orderFor(type, this);
  }

  /** Takes the place of another part of this type, whose table has been emptied. */
  reuse(key: Buffer, seed: number): void {
    this.key = key;
    this.table.seed = seed;
    this.hidden = 0;
    this.writers.length = 0;
    this.terms.reuse(key);
    this.order?.forget();
  }

  get size(): number {
    return this.table.count - this.hidden - (this.order?.weightless ?? 0);
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
    return this.fillFrom(this.table.referenceAt(at), out);
  }

  fillFrom(reference: number, out: Slice): Slice {
    const { table } = this;
    const kind = table.kind(reference);
    if (kind === SIMPLE) return table.fillPayload(reference, out);
    if (kind === TALLY) return fillDigits(out, this.tallySum(reference));
    const shown = shownValue(this.cellOf(reference), this.state.replicas) ?? EMPTY;
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
        if (this.order !== null && !this.order.isValid(reference)) return emptyCell();
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
    if (table.kind(reference) !== CELL) return this.order?.isValid(reference) ?? true;
    const start = table.payloadStart(reference);
    const end = start + table.payloadLength(reference) - CHECKSUM_BYTES;
    const buffer = table.bufferOf(reference);
    return end > start && tableHash(buffer, start, end, 0) === buffer.readUInt32LE(end);
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

  /** Bytes that the elements take, about. */
  memoryBytes(): number {
    return this.table.memoryBytes() + (this.order?.memoryBytes() ?? 0);
  }

  frameOf(reference: number): Stamp {
    return this.wholeAt(reference, 0);
  }
}

function orderFor(type: KeyType, entries: Entries): ElementOrder | null {
  if (type === KeyType.zset) return new MemberOrder(entries);
  if (type === KeyType.stream) return new StreamOrder(entries);
  return type === KeyType.list ? new ListOrder(entries) : null;
}
