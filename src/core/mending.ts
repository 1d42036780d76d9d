/**
 * Mending slots whose data is not what it should be, by the copy of a peer that has applied the same of them. Where our
 * own self-check says that our copy is damaged, the peer's takes its place, key by key; where both are sound and differ,
 * they are joined (union.ts). A slot that is damaged is never given away.
 *
 * The peer's copy must stand for the same txns as ours. It is asked for at a vector, and given by who has all of that;
 * by the time we mend we have all that the giver had. Of txns that either of us applied in between, none has written the
 * slot: State.written tells. So slot by slot the two copies are of one moment, however busy the rest is.
 */
import { ByteWriter } from './bytes.ts';
import { emptyCell, writeCell } from './cell.ts';
import { isMarked } from './comparison.ts';
import { KeyType, type ReplicaId } from './contract.ts';
import { type Deadlines, writeDeadlines } from './deadlines.ts';
import type { Elements } from './elements.ts';
import { keySlot, tableHash } from './hash.ts';
import type { Keyspace } from './keyspace.ts';
import { forEachRecord } from './page.ts';
import { checkPage, type PageRecord, type ReceivedPage, readRecord } from './received-page.ts';
import type { Records } from './records.ts';
import { bitmapOf, clearBit, type SelfCheck, slotsOf } from './self-check.ts';
import { FLAG_HIDDEN, RECORD_FIELD_DEADLINES, RECORD_KEY_DEADLINES, type State } from './state.ts';
import type { Transfer } from './transfer.ts';
import { type Sides, uniteCells, uniteDeadlines } from './union.ts';

/** This file's bit in State.written. */
const MENDING_BIT = 2;
const PAGE_BYTES = 200 * 1024;
/** Of a damaged name, so many bytes are tried to find what it was. */
const NAME_BYTES_MAX = 512;

/** A key that was put right, or would have been. */
export interface DifferingKey {
  readonly database: number;
  readonly key: Buffer;
}

export interface MendingOptions {
  /** A bitmap of the slots that were asked for. */
  readonly slots: Uint8Array;
  /** Who gave the pages. */
  readonly giver: ReplicaId;
  /** False: only tell what differs. */
  readonly mend: boolean;
}

export interface Mended {
  readonly keys: DifferingKey[];
  /** Slots that were written meanwhile: to be asked for again. */
  readonly busy: number;
}

export class Mending {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly records: Records;
  private readonly transfer: Transfer;
  private readonly selfCheck: SelfCheck;
  private readonly writer = new ByteWriter();

  constructor(
    state: State,
    keyspaces: readonly Keyspace[],
    records: Records,
    transfer: Transfer,
    selfCheck: SelfCheck,
  ) {
    this.state = state;
    this.keyspaces = keyspaces;
    this.records = records;
    this.transfer = transfer;
    this.selfCheck = selfCheck;
  }

  /** From now on it is noted which slots are written: a peer is asked for its copy of some. */
  watch(): void {
    this.state.uncounted.settle();
    clearBit(this.state.written, MENDING_BIT);
  }

  /** All that stands in these slots, but for those that turn out to be damaged here. */
  give(slots: Uint8Array): { pages: Uint8Array[]; given: Uint8Array } {
    this.selfCheck.verify(slots);
    const given = bitmapOf(slotsOf(slots).filter((slot) => !this.state.damaged.has(slot)));
    const pages: Uint8Array[] = [];
    let packed = new ByteWriter(4096);
    const cut = () => {
      pages.push(this.transfer.encodePage(packed.bytes.subarray(0, packed.at)));
      packed = new ByteWriter(4096);
    };
    for (const keyspace of this.keyspaces) {
      this.forEachKey(keyspace, given, (at) => {
        this.records.forEach(keyspace, at, (key, value) => {
          packed.run(key, 0, key.length);
          packed.run(value, 0, value.length);
        });
        if (packed.at >= PAGE_BYTES) cut();
      });
    }
    cut();
    return { pages, given };
  }

  /** Puts the slots right by what a peer has given. Throws MalformedError before the first change. */
  mend(raw: readonly Uint8Array[], { slots, giver, mend }: MendingOptions): Mended {
    const { state, selfCheck } = this;
    const theirs = this.theirKeys(raw.map((bytes) => checkPage(bytes, this.records)));
    const still = slotsOf(slots).filter((slot) => (state.written[slot] & MENDING_BIT) === 0);
    const bitmap = bitmapOf(still);
    const busy = slotsOf(slots).length - still.length;
    selfCheck.verify(bitmap);
    const keys = this.differing(bitmap, theirs);
    const named = keys.map(({ keyspace, key }) => ({ database: keyspace.index, key }));
    if (!mend) return { keys: named, busy };
    // what is put back is nobody's txn, as with a state transfer
    state.origin = state.self;
    state.stamp = state.clock.next(state.now);
    state.context = null;
    state.after = state.replicas.stamps.slice();
    const sides: Sides = { mine: state.self, theirs: state.replicas.indexOf(giver), ids: state.replicas.ids };
    for (const each of keys) {
      const damaged = state.damaged.has(each.slot);
      if (damaged) this.adopt(each);
      else this.unite(each, sides);
      state.touched(each.keyspace.index, each.key, 0, each.key.length);
    }
    const damagedSlots = bitmapOf(still.filter((slot) => state.damaged.has(slot)));
    this.dropOrphans(damagedSlots);
    state.after = null;
    selfCheck.takeAsTrue(damagedSlots);
    state.statistics.keysMended += keys.length;
    return { keys: named, busy };
  }

  // --- finding what differs

  private differing(slots: Uint8Array, theirs: Map<string, KeyRecords>): KeyRecords[] {
    const differing: KeyRecords[] = [];
    const here = new Set<string>();
    for (const keyspace of this.keyspaces) {
      this.forEachKey(keyspace, slots, (at) => {
        const { table } = keyspace.keys;
        const reference = table.referenceAt(at);
        // an entry that its key does not find is dropped as a whole
        if (!table.isSound(at)) return;
        const start = table.keyStart(reference);
        const key = Buffer.from(table.bufferOf(reference).subarray(start, start + table.keyLength(reference)));
        const name = nameOf(keyspace.index, key);
        here.add(name);
        const given = theirs.get(name) ?? { keyspace, key, slot: table.slot(reference), records: [] };
        const sound = this.selfCheck.isKeySound(keyspace, at);
        if (!sound || this.spellOwn(keyspace, at) !== this.spellTheirs(given.records)) differing.push(given);
      });
    }
    for (const [name, given] of theirs) if (isMarked(slots, given.slot) && !here.has(name)) differing.push(given);
    return differing;
  }

  private theirKeys(pages: readonly ReceivedPage[]): Map<string, KeyRecords> {
    const keys = new Map<string, KeyRecords>();
    for (const record of pages.flatMap((page) => this.recordsOf(page))) {
      const { keyspace, key: slice } = this.records.parseName(record.name);
      const key = slice.copy();
      const name = nameOf(keyspace.index, key);
      const known = keys.get(name);
      if (known !== undefined) known.records.push(record);
      else keys.set(name, { keyspace, key, slot: keySlot(key, 0, key.length), records: [record] });
    }
    return keys;
  }

  private recordsOf({ fields, ids }: ReceivedPage): PageRecord[] {
    const indexes = ids.map((id) => this.state.replicas.indexOf(id));
    const records: PageRecord[] = [];
    forEachRecord(fields, (name, value) => {
      records.push(readRecord(Buffer.from(name), value, this.records.parseName(name), indexes));
    });
    return records;
  }

  /** All that is under the key, spelled in one way whatever its order is. */
  private spellOwn(keyspace: Keyspace, at: number): string {
    const lines: string[] = [];
    this.records.forEach(keyspace, at, (name, value) => {
      const record = readRecord(Buffer.from(name), Buffer.from(value), this.records.parseName(name));
      lines.push(this.spell(record));
    });
    return lines.sort().join(' ');
  }

  private spellTheirs(records: readonly PageRecord[]): string {
    return records
      .map((record) => this.spell(record))
      .sort()
      .join(' ');
  }

  private spell({ name, cell, deadlines }: PageRecord): string {
    const writer = this.writer.reset();
    const byDot = (one: { replica: number; stamp: number }, other: { replica: number; stamp: number }) =>
      one.replica - other.replica || one.stamp - other.stamp;
    if (cell !== null)
      writeCell(writer, { siblings: [...cell.siblings].sort(byDot), tallies: [...cell.tallies].sort(byDot) });
    if (deadlines !== null) writeDeadlines(writer, [...deadlines].sort(byDot));
    return `${name.toString('latin1')}=${writer.bytes.toString('latin1', 0, writer.at)}`;
  }

  private forEachKey(keyspace: Keyspace, slots: Uint8Array, visit: (at: number) => void): void {
    const { table } = keyspace.keys;
    table.walk(0, Number.POSITIVE_INFINITY, (at) => {
      this.state.foldSome();
      if (isMarked(slots, table.slot(table.referenceAt(at)))) visit(at);
    });
  }

  // --- putting it right

  private adopt({ keyspace, key, records }: KeyRecords): void {
    const at = keyspace.keys.table.find(key, 0, key.length);
    if (at >= 0) this.discard(keyspace, at, key);
    for (const { name, cell } of records) if (cell !== null) this.records.putCell(this.records.parseName(name), cell);
    for (const { name, deadlines } of records) {
      if (deadlines !== null) this.records.putDeadlines(this.records.parseName(name), deadlines);
    }
  }

  private unite({ records }: KeyRecords, sides: Sides): void {
    for (const { name, cell } of records) {
      if (cell === null) continue;
      const parsed = this.records.parseName(name);
      const place = this.records.placeOf(parsed);
      const mine = place === undefined ? emptyCell() : place.elements.cellAt(place.at);
      this.records.putCell(parsed, uniteCells(mine, cell, sides));
    }
    for (const { name, deadlines } of records) {
      if (deadlines === null) continue;
      const parsed = this.records.parseName(name);
      this.records.putDeadlines(parsed, uniteDeadlines(this.records.deadlinesOf(parsed), deadlines, sides));
    }
  }

  /** Takes a key out, whatever is under it, without trust in any of it; the store is told of every name. */
  private discard(keyspace: Keyspace, at: number, key: Buffer): void {
    const { keys, bodies, expiry } = keyspace;
    const { table } = keys;
    const { state } = this;
    const reference = table.referenceAt(at);
    let body = bodies.bodyAt(at);
    if (body !== undefined && !body.key.equals(key)) body = bodies.findAgain(at);
    this.markDirty(keyspace, key, KeyType.string);
    this.markDirty(keyspace, key, RECORD_KEY_DEADLINES);
    for (const part of body?.parts ?? []) this.markAllDirty(keyspace, key, part.type, part);
    if (body?.fieldDeadlines) this.markAllDirty(keyspace, key, RECORD_FIELD_DEADLINES, body.fieldDeadlines);
    if (body !== undefined) bodies.forget(body);
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) keys.hidden--;
    table.forgetAt(at);
    const deadlinesAt = expiry.deadlines.table.find(key, 0, key.length);
    if (deadlinesAt >= 0) expiry.deadlines.forgetAt(deadlinesAt);
    const slot = keySlot(key, 0, key.length);
    state.written[slot] = 0xff;
  }

  /** Entries whose own name is damaged: nobody finds them any more. */
  private dropOrphans(slots: Uint8Array): void {
    for (const keyspace of this.keyspaces) {
      const { keys, bodies, expiry } = keyspace;
      const { table } = keys;
      for (let at = table.positions - 1; at >= 0; at--) {
        const reference = table.referenceAt(at);
        if (reference === 0 || table.isSound(at) || !isMarked(slots, table.slot(reference))) continue;
        const guesses = this.namesOf(table, at);
        const body = bodies.bodyAs(at, guesses);
        const names = body === undefined || body.parts.length === 0 ? guesses : [body.key];
        for (const name of names) {
          this.markDirty(keyspace, name, KeyType.string);
          this.markDirty(keyspace, name, RECORD_KEY_DEADLINES);
        }
        for (const part of body?.parts ?? []) this.markAllDirty(keyspace, part.key ?? NOTHING, part.type, part);
        if (body?.fieldDeadlines) this.markAllDirty(keyspace, body.key, RECORD_FIELD_DEADLINES, body.fieldDeadlines);
        if (body !== undefined) bodies.forget(body);
        if ((table.flags(reference) & FLAG_HIDDEN) !== 0) keys.hidden--;
        table.forgetAt(at);
      }
      const { table: deadlines } = expiry.deadlines;
      for (let at = deadlines.positions - 1; at >= 0; at--) {
        if (deadlines.referenceAt(at) === 0 || deadlines.isSound(at)) continue;
        for (const name of this.namesOf(deadlines, at)) this.markDirty(keyspace, name, RECORD_KEY_DEADLINES);
        expiry.deadlines.forgetAt(at);
      }
    }
  }

  private markDirty(keyspace: Keyspace, key: Buffer, kind: number, element: Buffer = NOTHING): void {
    const { state } = this;
    state.spellRecord(keyspace.index, key, 0, key.length, kind).raw(element, 0, element.length);
    state.markDirty();
  }

  private markAllDirty(keyspace: Keyspace, key: Buffer, kind: number, { table }: Elements | Deadlines): void {
    for (let at = 0; at < table.positions; at++) {
      if (table.referenceAt(at) === 0) continue;
      for (const element of this.namesOf(table, at)) this.markDirty(keyspace, key, kind, element);
    }
  }

  /**
   * The name of an entry, or, if that is damaged, what it may have been with one byte changed: the hash under which it
   * stands is that of the right one. One name too many does no harm: the store is told what is under it now.
   */
  private namesOf(table: Elements['table'], at: number): Buffer[] {
    const reference = table.referenceAt(at);
    const start = table.keyStart(reference);
    const name = Buffer.from(table.bufferOf(reference).subarray(start, start + table.keyLength(reference)));
    if (table.isSound(at)) return [name];
    const names: Buffer[] = [];
    if (name.length > NAME_BYTES_MAX) return names;
    const hash = table.hashAt(at);
    for (let i = 0; i < name.length; i++) {
      const before = name[i];
      for (let byte = 0; byte < 256; byte++) {
        name[i] = byte;
        if (tableHash(name, 0, name.length, table.seed) === hash) names.push(Buffer.from(name));
      }
      name[i] = before;
    }
    return names;
  }
}

interface KeyRecords {
  readonly keyspace: Keyspace;
  readonly key: Buffer;
  readonly slot: number;
  /** What the peer has given of it; none: it does not hold the key. */
  readonly records: PageRecord[];
}

const NOTHING = Buffer.alloc(0);

function nameOf(database: number, key: Buffer): string {
  return `${database}:${key.toString('latin1')}`;
}
