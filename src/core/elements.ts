/**
 * Elements: cells in a byte table, with their digest terms and dirty marks kept up to date. Used three ways: for
 * the strings of a database (the element is the key itself, `key` is null), for the fields of a hash, and for the
 * members of a set (values empty) or a sorted set (values are scores). What an entry is, and how it is read, stands in
 * entries.ts. SIMPLE and TALLY have fast paths without allocation; they are the hot path of SET, HSET, SADD and INCR.
 */
import type { Amount } from './amount.ts';
import { ByteWriter } from './bytes.ts';
import { addToCell, assignCell, type Cancel, type Cell, cellExists, clearCell, emptyCell, writeCell } from './cell.ts';
import type { Listed } from './changes.ts';
import { noteValueConflict } from './conflicts.ts';
import { KeyType, type Stamp } from './contract.ts';
import { Entries } from './entries.ts';
import { keySlot, tableHash } from './hash.ts';
import { Slice } from './slice.ts';
import { awaitStability } from './stability.ts';
import {
  BLANK_CELL_BYTES,
  BODY,
  CELL,
  FLAG_DIRTY,
  FLAG_HIDDEN,
  FLAG_NEW,
  RECORD_WHOLE,
  SIMPLE,
  TALLY,
} from './state.ts';
import { covers } from './version.ts';

export const NO_CANCELS: readonly Cancel[] = [];

const writer = new ByteWriter();
const name = new Slice();

/** Frame and sum. */
export const TALLY_BYTES = 16;
/** Parts of no more elements are marked for the store as a whole: a name for each change would take more than they do. */
const MARKED_WHOLE_MAX = 128;

export class Elements extends Entries {
  /** It is on the list of changed records as a whole: what has FLAG_DIRTY is meant, and may not be there by its name. */
  isMarked = false;
  /** Where its changes are listed, since the last drain began. */
  listed: Listed | null = null;

  /** Something beside the body that it is in may lead to it still. */
  isKnown = false;

  override reuse(key: Buffer, seed: number): void {
    super.reuse(key, seed);
    this.isMarked = false;
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
      this.writeSimple(this.insert(bytes, start, end, valueEnd - valueStart), value, valueStart, valueEnd);
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
        this.writeTally(this.insert(bytes, start, end, TALLY_BYTES), frame, sum);
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
    } else if (isPlainTally(cell)) {
      const [{ replica, stamp, frame, sum }] = cell.tallies;
      table.resizePayload(at, TALLY_BYTES);
      reference = table.referenceAt(at);
      table.setKind(reference, TALLY);
      table.setReplica(reference, replica);
      table.setStamp(reference, stamp);
      this.fillTally(reference, frame, Number(sum));
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
    this.markDirty(at);
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

  /** Takes the cell out of an entry that is about to hold something else; flags but DIRTY and NEW stay. */
  blankAt(at: number): void {
    const { table } = this;
    if (table.kind(table.referenceAt(at)) !== BODY) this.terms.account(table.referenceAt(at), false);
    table.resizePayload(at, BLANK_CELL.length);
    const reference = table.referenceAt(at);
    table.setKind(reference, CELL);
    table.writePayload(reference, BLANK_CELL, 0, BLANK_CELL.length);
    if ((table.flags(reference) & FLAG_DIRTY) !== 0) {
      this.spell(reference);
      this.state.carryDirty();
    }
    table.setFlags(reference, table.flags(reference) & ~(FLAG_DIRTY | FLAG_NEW));
  }

  /** Takes the entry out; its terms are removed already. Moves later positions up. */
  drop(at: number): void {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    if ((flags & FLAG_HIDDEN) !== 0) this.hidden--;
    if ((flags & FLAG_NEW) === 0) state.changes.addGone(this, table.fillKey(reference, name));
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

  /** Puts the entry on the list of what the store has not seen. */
  markDirty(at: number): void {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    if ((flags & FLAG_DIRTY) !== 0) return;
    table.setFlags(reference, flags | FLAG_DIRTY);
    if (this.key !== null && table.count <= MARKED_WHOLE_MAX) {
      this.markWhole(this.key);
      return;
    }
    if (this.isMarked) this.markEach();
    state.changes.addEntry(this, table.hashAt(at));
  }

  /** What has FLAG_DIRTY is meant. */
  private markWhole(key: Buffer): void {
    if (this.isMarked) return;
    this.spellWhole(key);
    this.state.markDirty();
  }

  /** It is about to be put on the list as a whole. */
  private spellWhole(key: Buffer): void {
    this.isMarked = true;
    this.state.spellRecord(this.database, key, 0, key.length, RECORD_WHOLE + this.type);
  }

  /** It has become too large to be looked through for what has changed. */
  private markEach(): void {
    const { state } = this;
    this.isMarked = false;
    this.forEachDirty((reference) => {
      this.spell(reference);
      state.carryDirty();
    });
  }

  /** This object is about to go, and its entries are not: their hashes will not lead to them. */
  keepMarks(): void {
    const { key, state } = this;
    if (this.isMarked || key === null) return;
    this.forEachDirty(() => {
      if (this.isMarked) return;
      this.spellWhole(key);
      state.carryDirty();
    });
  }

  private forEachDirty(visit: (reference: number) => void): void {
    const { table } = this;
    for (let at = 0; at < table.positions; at++) {
      const reference = table.referenceAt(at);
      if (reference !== 0 && (table.flags(reference) & FLAG_DIRTY) !== 0) visit(reference);
    }
  }

  /** The name of an entry's record. */
  spell(reference: number): void {
    const { table } = this;
    const start = table.keyStart(reference);
    this.spellName(table.bufferOf(reference), start, start + table.keyLength(reference));
  }

  spellName(bytes: Buffer, start: number, end: number): void {
    const { database, key, state, type } = this;
    if (key === null) state.spellRecord(database, bytes, start, end, KeyType.string);
    else state.spellRecord(database, key, 0, key.length, type).raw(bytes, start, end);
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
      const { keyUse, now, use } = this.state;
      this.table.setUse(reference, use >= 0 ? use : keyUse.ofNew(now));
    }
    return at;
  }

  /** Of an entry that is new. */
  private writeSimple(at: number, value: Uint8Array, start: number, end: number): void {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    table.setReplica(reference, state.origin);
    table.setStamp(reference, state.stamp);
    table.setFlags(reference, FLAG_NEW);
    table.writePayload(reference, value, start, end);
    this.putIn(reference);
    this.markDirty(at);
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
    this.markDirty(at);
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
    this.markDirty(at);
  }

  /** Of an entry that is new. */
  private writeTally(at: number, frame: Stamp, sum: number): void {
    const { state, table } = this;
    const reference = table.referenceAt(at);
    table.setFlags(reference, FLAG_NEW);
    table.setKind(reference, TALLY);
    table.setReplica(reference, state.origin);
    table.setStamp(reference, state.stamp);
    this.fillTally(reference, frame, sum);
    this.putIn(reference);
    this.markDirty(at);
  }

  private fillTally(reference: number, frame: Stamp, sum: number): void {
    const view = this.table.viewOf(reference);
    const start = this.table.payloadStart(reference);
    view.setFloat64(start, frame, true);
    view.setFloat64(start + 8, sum, true);
  }
}

/** What fits the shape TALLY. */
function isPlainTally({ siblings, tallies }: Cell): boolean {
  const [only] = tallies;
  if (siblings.length > 0 || tallies.length !== 1 || only.cancelStamp !== 0) return false;
  return Number.isSafeInteger(only.sum) && !Object.is(only.sum, -0);
}

/** The encoding of a cell without siblings and tallies. */
const BLANK_CELL = Buffer.alloc(BLANK_CELL_BYTES);
BLANK_CELL.writeUInt32LE(tableHash(BLANK_CELL, 0, 2, 0), 2);
