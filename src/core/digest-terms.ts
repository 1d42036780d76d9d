/**
 * The digest terms of a table's entries: each sibling and each live tally of each record adds a 64-bit term to the
 * digest of its key's slot, so that two nodes agree on a slot exactly if they hold the same records (a sum, in any
 * order: Clarke et al., "Incremental Multiset Hash Functions", 2003). A term hashes the record's key, the dot and the
 * value; it is removed before an entry changes, and added after, or when a digest is asked for (uncounted.ts).
 */

import type { ByteTable } from './byte-table.ts';
import { ByteReader, MalformedError } from './bytes.ts';
import { cellTerms, readCell, siblingTerm, tallyTerm } from './cell.ts';
import { KeyType } from './contract.ts';
import { keySlot, Lanes } from './hash.ts';
import { BODY, CELL, FLAG_UNCOUNTED, type State, TALLY } from './state.ts';
import type { Countable } from './uncounted.ts';

const DIGEST_SEED_A = 0x5741524c;
const DIGEST_SEED_B = 0x494e4721;
const NOTHING = new Uint8Array(0);
const term = new Lanes();
const reader = new ByteReader();

export class DigestTerms implements Countable {
  private readonly state: State;
  private readonly table: ByteTable;
  private readonly database: number;
  /** Of the key whose elements stand in the table; −1: the table's entries are keys themselves. */
  private slot = -1;
  private baseA = 0;
  private baseB = 0;
  private readonly type: KeyType;
  /** Between leaving() and arrived(): whether the entry is counted, the lanes of the record's key, and the term that goes. */
  private counting = true;
  private keyA = 0;
  private keyB = 0;
  private beforeA = 0;
  private beforeB = 0;

  constructor(state: State, table: ByteTable, database: number, key: Buffer | null, type: KeyType) {
    this.state = state;
    this.table = table;
    this.database = database;
    this.type = type;
    if (key !== null) this.reuse(key);
  }

  /** The table's entries stand under this key from now on. */
  reuse(key: Buffer): void {
    this.slot = keySlot(key, 0, key.length);
    keyLanes(term, this.database, key, 0, key.length, this.type);
    this.baseA = term.a;
    this.baseB = term.b;
  }

  /** Adds the entry's terms to its slot's digest, or removes them. */
  account(reference: number, adding: boolean): void {
    const { state } = this;
    const slot = this.slotOf(reference);
    try {
      if (!this.counted(reference)) return;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // what it counts for now is not known; the slot is counted anew when it is mended
      state.noteDamage(slot);
      state.moveTerm(slot, 0, 0);
      return;
    }
    if (adding) state.moveTerm(slot, term.a, term.b);
    else state.moveTerm(slot, -term.a, -term.b);
  }

  /** What the entry adds to its slot's digest, in `lanes`; false: nothing, for now. Throws MalformedError if it is damaged. */
  counted(reference: number): boolean {
    const { state, table } = this;
    if ((table.flags(reference) & FLAG_UNCOUNTED) !== 0) return false;
    this.recordLanes(reference);
    if (table.kind(reference) === CELL) {
      const start = table.payloadStart(reference);
      const cell = readCell(reader.set(table.bufferOf(reference), start, start + table.payloadLength(reference)));
      term.from(...cellTerms(cell, state.replicas, term.a, term.b));
    } else this.onlyTerm(reference);
    return true;
  }

  /** After counted(). */
  get lanes(): Lanes {
    return term;
  }

  /** Before a SIMPLE or TALLY entry changes in place. */
  leaving(at: number): void {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    this.counting = (flags & FLAG_UNCOUNTED) === 0;
    if (!this.counting) return;
    if (state.uncounted.add(this, table.hashAt(at))) {
      this.account(reference, false);
      table.setFlags(reference, flags | FLAG_UNCOUNTED);
      this.counting = false;
      return;
    }
    this.recordLanes(reference);
    this.keyA = term.a;
    this.keyB = term.b;
    this.onlyTerm(reference);
    this.beforeA = term.a;
    this.beforeB = term.b;
  }

  /** After it, the entry of the same kind still; it may have moved. */
  arrived(reference: number): void {
    if (!this.counting) return;
    term.from(this.keyA, this.keyB);
    this.onlyTerm(reference);
    this.state.moveTerm(this.slotOf(reference), term.a - this.beforeA, term.b - this.beforeB);
  }

  countAgain(hash: number): void {
    const { table } = this;
    for (let at = table.nextOfHash(hash, 0); at >= 0; at = table.nextOfHash(hash, at + 1)) {
      const reference = table.referenceAt(at);
      const flags = table.flags(reference);
      if ((flags & FLAG_UNCOUNTED) === 0) continue;
      table.setFlags(reference, flags & ~FLAG_UNCOUNTED);
      if (table.kind(reference) !== BODY) this.account(reference, true);
    }
  }

  /** Turns the lanes of a record's key into the term of a SIMPLE or TALLY entry. */
  private onlyTerm(reference: number): void {
    const { state, table } = this;
    const word = state.replicas.words[table.replica(reference)];
    const stamp = table.stamp(reference);
    const start = table.payloadStart(reference);
    if (table.kind(reference) === TALLY) {
      const view = table.viewOf(reference);
      tallyTerm(term, word, view.getFloat64(start, true), stamp, view.getFloat64(start + 8, true));
    } else {
      siblingTerm(term, word, stamp, table.bufferOf(reference), start, start + table.payloadLength(reference));
    }
  }

  slotOf(reference: number): number {
    return this.slot < 0 ? this.table.slot(reference) : this.slot;
  }

  private recordLanes(reference: number): void {
    const { table } = this;
    const buffer = table.bufferOf(reference);
    const start = table.keyStart(reference);
    const end = start + table.keyLength(reference);
    if (this.slot < 0) keyLanes(term, this.database, buffer, start, end, KeyType.string).bytes(NOTHING, 0, 0);
    else term.from(this.baseA, this.baseB).bytes(buffer, start, end);
  }
}

/** The lanes of a record's key up to its kind; the element's bytes follow. */
export function keyLanes(
  lanes: Lanes,
  database: number,
  key: Uint8Array,
  start: number,
  end: number,
  kind: number,
): Lanes {
  return lanes.from(DIGEST_SEED_A, DIGEST_SEED_B).word(database).bytes(key, start, end).word(kind);
}
