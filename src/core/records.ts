/**
 * Records: the state, item by item, as the store keeps it and as state transfer carries it. A record's key spells
 * database, key, kind and element; its value is the encoding of a cell (kind = the part's type) or of a list of
 * deadlines. The state is the set of its records; merging two states is merging record by record.
 */
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { type Cell, cellExists, collectTally, emptyCell, mergeCells, readCell, writeCell } from './cell.ts';
import { STAMP_MAX } from './clock.ts';
import { KeyType, type ReplicaId, type Stamp, type StateRecord } from './contract.ts';
import { type Deadline, type Deadlines, mergeDeadlines, readDeadlines, writeDeadlines } from './deadlines.ts';
import type { Elements } from './elements.ts';
import type { Keyspace } from './keyspace.ts';
import type { PendingTally } from './pending-tallies.ts';
import { requireScore } from './score.ts';
import { Slice } from './slice.ts';
import {
  BODY,
  FLAG_DIRTY,
  FLAG_NEW,
  RECORD_FIELD_DEADLINES,
  RECORD_KEY_DEADLINES,
  RECORD_WHOLE,
  type State,
} from './state.ts';
import { requireCount, requireStreamName, requireStreamValue } from './stream-packing.ts';
import { requirePosition } from './types/position.ts';
import { Item } from './types/stream-names.ts';
import { type Context, covers } from './version.ts';

/** What is taken off when the store is told. */
const SEEN = FLAG_DIRTY | FLAG_NEW;
const NOTHING = new Uint8Array(0);
const writer = new ByteWriter();

/** A parsed record key; slices point into the record's bytes. */
export interface RecordName {
  keyspace: Keyspace;
  key: Slice;
  kind: number;
  element: Slice;
}

export class Records {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];

  constructor(state: State, keyspaces: readonly Keyspace[]) {
    this.state = state;
    this.keyspaces = keyspaces;
  }

  /** Throws MalformedError. */
  parseName(bytes: Buffer): RecordName {
    const reader = new ByteReader(bytes);
    const keyspace = this.keyspaces[reader.varint()];
    if (keyspace === undefined) throw new MalformedError('record of an unknown database');
    const start = reader.run();
    const key = new Slice(bytes, start, reader.at);
    const kind = reader.u8();
    const known =
      kind === KeyType.string ||
      kind === KeyType.hash ||
      kind === KeyType.set ||
      kind === KeyType.zset ||
      kind === KeyType.list ||
      kind === KeyType.stream ||
      kind === RECORD_KEY_DEADLINES ||
      kind === RECORD_FIELD_DEADLINES;
    if (!known) throw new MalformedError(`record of unknown kind ${kind}`);
    const isWhole = kind === KeyType.string || kind === RECORD_KEY_DEADLINES;
    if (isWhole && !reader.done) throw new MalformedError(`record of kind ${kind} with an element`);
    return { keyspace, key, kind, element: new Slice(bytes, reader.at, bytes.length) };
  }

  /** The value of a record now; empty where there is none. `clean` takes the dirty mark off. Valid until the next call. */
  valueOf(name: RecordName, clean: boolean): Uint8Array {
    const { keyspace, key, kind, element } = name;
    if (kind === RECORD_KEY_DEADLINES || kind === RECORD_FIELD_DEADLINES) {
      const deadlines =
        kind === RECORD_KEY_DEADLINES ? keyspace.expiry.deadlines : keyspace.bodies.findBody(key)?.fieldDeadlines;
      const name1 = kind === RECORD_KEY_DEADLINES ? key : element;
      const at = deadlines?.table.find(name1.bytes, name1.start, name1.end) ?? -1;
      if (deadlines === null || deadlines === undefined || at < 0) return NOTHING;
      const reference = deadlines.table.referenceAt(at);
      if (clean) deadlines.table.setFlags(reference, deadlines.table.flags(reference) & ~FLAG_DIRTY);
      writeDeadlines(writer.reset(), deadlines.listAt(at));
      return writer.bytes.subarray(0, writer.at);
    }
    const place = this.placeOf(name);
    if (place === undefined) return NOTHING;
    const { elements, at } = place;
    const reference = elements.table.referenceAt(at);
    if (clean) elements.table.setFlags(reference, elements.table.flags(reference) & ~SEEN);
    writeCell(writer.reset(), elements.cellAt(at));
    return writer.bytes.subarray(0, writer.at);
  }

  /** Visits what is meant by a name on the list of changes, and takes the marks off. How many records that were. */
  visitChanged(changed: Buffer, visit: (record: StateRecord) => void): number {
    const reader = new ByteReader(changed);
    const { keys, bodies } = this.keyspaces[reader.varint()];
    const start = reader.run();
    const keyAt = keys.table.find(changed, start, reader.at);
    const kind = reader.u8();
    if (kind < RECORD_WHOLE) {
      visit({ key: changed, value: Uint8Array.from(this.valueOf(this.parseName(changed), true)) });
      return 1;
    }
    let count = 0;
    if (keyAt < 0) return count;
    bodies.visitMarked(keyAt, (kind - RECORD_WHOLE) as KeyType, (part) => {
      for (let at = 0; at < part.table.positions; at++) count += this.visitMarked(part, at, visit);
    });
    return count;
  }

  /** The same of a hash that stands for entries of a part. */
  visitListed(part: Elements, hash: number, visit: (record: StateRecord) => void): number {
    const { table } = part;
    let count = 0;
    for (let at = table.nextOfHash(hash, 0); at >= 0; at = table.nextOfHash(hash, at + 1)) {
      count += this.visitMarked(part, at, visit);
    }
    return count;
  }

  /** 1, or 0 if there is no changed entry at that position. */
  private visitMarked(part: Elements, at: number, visit: (record: StateRecord) => void): number {
    const { table } = part;
    const reference = table.referenceAt(at);
    if (reference === 0 || (table.flags(reference) & FLAG_DIRTY) === 0) return 0;
    table.setFlags(reference, table.flags(reference) & ~SEEN);
    if (table.kind(reference) === BODY) return 0;
    part.spell(reference);
    writeCell(writer.reset(), part.cellAt(at));
    visit({ key: Buffer.from(this.state.recordKey.written()), value: Uint8Array.from(writer.written()) });
    return 1;
  }

  /** Where a cell's record stands, or undefined. */
  placeOf({ keyspace, key, kind, element }: RecordName): { elements: Elements; at: number } | undefined {
    const keyAt = keyspace.keys.table.find(key.bytes, key.start, key.end);
    if (keyAt < 0) return undefined;
    const body = keyspace.bodies.bodyAt(keyAt);
    if (body === undefined) return kind === KeyType.string ? { elements: keyspace.keys, at: keyAt } : undefined;
    const part = body.parts.find((each) => each.type === kind);
    const at = part === undefined ? -1 : part.table.find(element.bytes, element.start, element.end);
    return part === undefined || at < 0 ? undefined : { elements: part, at };
  }

  /** Visits every record. The visitor must not change the state; both arguments are valid during the call only. */
  forEach(keyspace: Keyspace, keyAt: number, visit: (key: Buffer, value: Uint8Array) => void): void {
    const { state } = this;
    const { table } = keyspace.keys;
    const reference = table.referenceAt(keyAt);
    const key = table.fillKey(reference, new Slice());
    const emit = (elements: Elements, at: number) => {
      elements.spell(elements.table.referenceAt(at));
      writeCell(writer.reset(), elements.cellAt(at));
      visit(state.recordKey.bytes.subarray(0, state.recordKey.at), writer.bytes.subarray(0, writer.at));
    };
    if (table.kind(reference) !== BODY) emit(keyspace.keys, keyAt);
    const emitAll = (part: Elements) => {
      for (let at = 0; at < part.table.positions; at++) if (part.table.referenceAt(at) !== 0) emit(part, at);
    };
    const isFolded = keyspace.bodies.visitFolded(keyAt, emitAll);
    const body = isFolded ? undefined : keyspace.bodies.peekAt(keyAt);
    body?.parts.forEach(emitAll);
    const emitDeadlines = (deadlines: Deadlines, at: number) => {
      deadlines.spell(deadlines.table.referenceAt(at));
      writeDeadlines(writer.reset(), deadlines.listAt(at));
      visit(state.recordKey.bytes.subarray(0, state.recordKey.at), writer.bytes.subarray(0, writer.at));
    };
    const own = keyspace.expiry.deadlines.table.find(key.bytes, key.start, key.end);
    if (own >= 0) emitDeadlines(keyspace.expiry.deadlines, own);
    const fields = body?.fieldDeadlines;
    if (fields !== null && fields !== undefined) {
      for (let at = 0; at < fields.table.positions; at++)
        if (fields.table.referenceAt(at) !== 0) emitDeadlines(fields, at);
    }
  }

  /** Puts a cell under a record's name, whatever was there; settles the key. */
  putCell(name: RecordName, cell: Cell): void {
    const { keyspace, key, kind, element } = name;
    if (cell.siblings.length + cell.tallies.length === 0 && this.placeOf(name) === undefined) return;
    const keyAt = keyspace.keys.table.find(key.bytes, key.start, key.end);
    const plain = kind === KeyType.string && (keyAt < 0 || keyspace.bodies.bodyAt(keyAt) === undefined);
    if (plain) {
      const { keys } = keyspace;
      keys.store(keyAt >= 0 ? keyAt : keys.insertBlank(key.bytes, key.start, key.end), cell);
      keyspace.expiry.refreshDeadlines(key);
      return;
    }
    const body = keyspace.bodies.ensureBody(key);
    const part = keyspace.bodies.ensurePart(body, kind as KeyType);
    for (const sibling of cell.siblings) part.noteWriter(sibling.replica, sibling.stamp);
    for (const tally of cell.tallies) part.noteWriter(tally.replica, tally.stamp);
    const at = part.table.find(element.bytes, element.start, element.end);
    part.store(at >= 0 ? at : part.insertBlank(element.bytes, element.start, element.end), cell);
    keyspace.settle(key);
  }

  /** Puts deadlines under a record's name; the values that they govern must be there already. */
  putDeadlines(name: RecordName, list: readonly Deadline[]): void {
    const { keyspace, key, kind, element } = name;
    if (kind === RECORD_KEY_DEADLINES) keyspace.expiry.putDeadlines(key, list);
    else keyspace.expiry.installFieldDeadlines(key, element, list);
  }

  /** Loads a stored record into an empty state. Deadlines must come after the values of their key. */
  load(name: RecordName, value: Buffer): void {
    const reader = new ByteReader(value);
    if (name.kind >= RECORD_KEY_DEADLINES) {
      const deadlines = readDeadlines(reader);
      for (const { scope } of deadlines) {
        for (let i = 0; i < scope.length; i += 2) this.requireKnown(scope[i]);
      }
      this.noteLoaded(deadlines);
      this.putDeadlines(name, deadlines);
    } else {
      const cell = readRecordCell(reader, name);
      this.noteLoaded(cell.siblings);
      this.noteLoaded(cell.tallies);
      this.putCell(name, cell);
    }
    if (!reader.done) throw new MalformedError('bytes after the end of a record');
  }

  mergeCell(name: RecordName, myContext: Context, theirs: Cell, theirContext: Context): void {
    const place = this.placeOf(name);
    const mine = place === undefined ? emptyCell() : place.elements.cellAt(place.at);
    this.putCell(name, mergeCells(mine, myContext, theirs, theirContext));
  }

  mergeDeadlines(name: RecordName, myContext: Context, theirs: readonly Deadline[], theirContext: Context): void {
    this.putDeadlines(name, mergeDeadlines(this.deadlinesOf(name), myContext, theirs, theirContext));
  }

  private noteLoaded(items: readonly { replica: number; stamp: Stamp }[]): void {
    const { storedStamps, clock } = this.state;
    for (const { replica, stamp } of items) {
      this.requireKnown(replica);
      if (stamp > STAMP_MAX) throw new MalformedError(`record with stamp ${stamp}`);
      if (stamp <= (storedStamps[replica] ?? 0)) continue;
      storedStamps[replica] = stamp;
      clock.observe(stamp);
    }
  }

  private requireKnown(replica: number): void {
    const { length } = this.state.replicas.ids;
    if (replica >= length) throw new MalformedError(`replica index ${replica} of ${length}`);
  }

  /** What of the cell was there when we had seen no more than `since`. */
  cellUntil(name: RecordName, since: readonly Stamp[]): Cell {
    const place = this.placeOf(name);
    if (place === undefined || since.length === 0) return emptyCell();
    const { siblings, tallies } = place.elements.cellAt(place.at);
    return { siblings: until(siblings, since), tallies: until(tallies, since) };
  }

  deadlinesUntil(name: RecordName, since: readonly Stamp[]): Deadline[] {
    return since.length === 0 ? [] : until(this.deadlinesOf(name), since);
  }

  /** False if nothing of the key at that position was written by txns later than `since`. */
  mayHaveChanged(keyspace: Keyspace, at: number, since: readonly Stamp[]): boolean {
    const { keys, bodies } = keyspace;
    const reference = keys.table.referenceAt(at);
    const isLater = (replica: number, stamp: Stamp) => !covers(since, replica, stamp);
    if (keyspace.expiry.hasDeadline(at)) return true;
    const body = bodies.bodyAt(at);
    if (body === undefined) {
      if (keys.isSimple(at)) return isLater(keys.table.replica(reference), keys.table.stamp(reference));
      const { siblings, tallies } = keys.cellAt(at);
      return [...siblings, ...tallies].some(({ replica, stamp }) => isLater(replica, stamp));
    }
    if (body.fieldDeadlines !== null) return true;
    return body.parts.some(({ writers }) => {
      for (let i = 0; i < writers.length; i += 2) if (isLater(writers[i], writers[i + 1])) return true;
      return false;
    });
  }

  deadlinesOf({ keyspace, key, kind, element }: RecordName): Deadline[] {
    if (kind === RECORD_KEY_DEADLINES) return keyspace.expiry.deadlines.list(key.bytes, key.start, key.end);
    return keyspace.bodies.findBody(key)?.fieldDeadlines?.list(element.bytes, element.start, element.end) ?? [];
  }

  /**
   * Drops tallies whose cancellation is stable: `stable` holds stamps by replica index; null: all is. Not those of replicas in
   * `lacking`: their author may have added more before it knew of the cancellation, and who merges a state from before it
   * would then not know any more how much of the sum is cancelled.
   */
  collectStable(stable: readonly number[] | null, lacking: ReadonlySet<ReplicaId>): void {
    const { pending, replicas } = this.state;
    for (const item of pending.takeStable(stable, (author) => lacking.has(replicas.ids[author]))) this.collect(item);
  }

  private collect(item: PendingTally): void {
    const name = this.parseName(item.record);
    const place = this.placeOf(name);
    if (place === undefined) return;
    const cell = place.elements.cellAt(place.at);
    const before = cell.tallies.length;
    collectTally(cell, item.replica, item.cancelStamp);
    if (cell.tallies.length === before) return;
    place.elements.store(place.at, cell);
    if (!cellExists(cell)) name.keyspace.settle(name.key);
  }
}

/** No list element counts, and none is written before its position is known. */
function requireElement({ siblings, tallies }: Cell, { bytes, start, end }: Slice): void {
  if (tallies.length > 0) throw new MalformedError('a counter in a list');
  const latest = siblings.reduce((time, { stamp }) => Math.max(time, stamp), 0);
  requirePosition(bytes, start, end, latest);
}

/** Only what counts entries counts, and has no values. */
function requireStreamElement({ siblings, tallies }: Cell, name: Slice): void {
  const isCounter = requireStreamName(name) === Item.added;
  if (isCounter ? siblings.length > 0 : tallies.length > 0) throw new MalformedError('a counter in a stream');
  for (const { value } of siblings) requireStreamValue(name, new Slice(value));
  for (const { sum, cancelSum } of tallies) requireCount(sum, cancelSum);
}

/** A cell as the record of that name may hold it. Throws MalformedError. */
export function readRecordCell(reader: ByteReader, { kind, element }: RecordName, replicas?: readonly number[]): Cell {
  const cell = readCell(reader, replicas);
  if (kind === KeyType.list) requireElement(cell, element);
  if (kind === KeyType.stream) requireStreamElement(cell, element);
  if (kind === KeyType.zset) for (const { value } of cell.siblings) requireScore(value, 0, value.length);
  return cell;
}

function until<T extends { replica: number; stamp: Stamp }>(items: readonly T[], since: readonly Stamp[]): T[] {
  return items.filter(({ replica, stamp }) => covers(since, replica, stamp));
}
