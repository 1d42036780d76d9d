/**
 * The packed form of txns. While a txn runs, its effects are written straight into the open envelope, bytes copied
 * once from the client's input:
 *
 *   txn     = varint (stamp − the envelope's previous stamp), effect*, 0
 *   effect  = op byte: code | SAME_KEY (key as in the effect before) | CANCELS; key run; what the code needs
 *   SELECT  = the database of the effects after it, 0 at the start of each txn
 *
 * Replicas are named by reference: 0 is the envelope's origin, n the n-th entry of its context.
 */
import { type Amount, readAmount, writeAmount } from './amount.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { MalformedError } from './bytes.ts';
import type { Cancel } from './cell.ts';
import type { Stamp } from './contract.ts';
import { requireScore } from './score.ts';
import type { Slice } from './slice.ts';
import {
  ENTRY_BYTES,
  ID_BYTES,
  requireCount,
  requireEntry,
  requireLength,
  requireStreamName,
  requireStreamValue,
  unpackDelivery,
} from './stream-packing.ts';
import { COUNT_MAX, type ListEnd, requirePosition } from './types/position.ts';

export const Op = {
  end: 0,
  select: 1,
  /** A value for a string key. */
  stringAssign: 2,
  /** An addition to a string key. */
  stringAdd: 3,
  /** Everything under a key that the txn observed, but for the part of one type (0: no exception). */
  keyClear: 4,
  keyExpire: 5,
  hashAssign: 6,
  hashAdd: 7,
  hashRemove: 8,
  fieldExpire: 9,
  setAdd: 10,
  setRemove: 11,
  databaseClear: 12,
  /** Those values of a string key that have expired while others of it have not. */
  stringPrune: 13,
  /** A replica that writes no more. Of no key, and no database. */
  retire: 14,
  /** A member of a sorted set: its score as text. */
  zsetAssign: 15,
  zsetAdd: 16,
  zsetRemove: 17,
  /** An element at one end of a list: its position follows from the txn and a count. */
  listPush: 18,
  /** A value at a position of a list: LINSERT and LSET. */
  listAssign: 19,
  listRemove: 20,
  /** An entry of a stream; what else it changes follows from it. */
  streamAdd: 21,
  /** A value for an element of a stream, whatever it is. */
  streamAssign: 22,
  streamRemove: 23,
  /** The first entries of a stream, up to one. */
  streamTrim: 24,
  /** Entries that a consumer of a group has got. */
  streamDeliver: 25,
  /** A group with all that belongs to it. */
  streamGroupClear: 26,
} as const;

const CODE = 0x1f;
const CANCELS = 0x40;
const SAME_KEY = 0x80;

/** Where effects go when they are read: the keyspaces, or nobody when an envelope is only checked. */
export interface EffectTarget {
  stringAssign(key: Slice, value: Slice, cancels: readonly Cancel[]): void;
  stringAdd(key: Slice, frame: Stamp, sum: Amount, delta: Amount): void;
  keyClear(key: Slice, keep: number, cancels: readonly Cancel[]): void;
  keyExpire(key: Slice, deadline: number, scope: readonly number[]): void;
  hashAssign(key: Slice, field: Slice, value: Slice, cancels: readonly Cancel[]): void;
  hashAdd(key: Slice, field: Slice, frame: Stamp, sum: Amount, delta: Amount): void;
  hashRemove(key: Slice, field: Slice, cancels: readonly Cancel[]): void;
  fieldExpire(key: Slice, field: Slice, deadline: number, scope: readonly number[]): void;
  setAdd(key: Slice, member: Slice): void;
  setRemove(key: Slice, member: Slice): void;
  zsetAssign(key: Slice, member: Slice, score: Slice, cancels: readonly Cancel[]): void;
  zsetAdd(key: Slice, member: Slice, frame: Stamp, sum: Amount, delta: Amount): void;
  zsetRemove(key: Slice, member: Slice, cancels: readonly Cancel[]): void;
  listPush(key: Slice, end: ListEnd, count: number, value: Slice): void;
  listAssign(key: Slice, position: Slice, value: Slice, cancels: readonly Cancel[]): void;
  listRemove(key: Slice, position: Slice, cancels: readonly Cancel[]): void;
  streamAdd(key: Slice, id: Slice, fields: Slice, frame: Stamp, sum: Amount, delta: Amount): void;
  streamAssign(key: Slice, name: Slice, value: Slice, cancels: readonly Cancel[]): void;
  streamRemove(key: Slice, name: Slice, cancels: readonly Cancel[]): void;
  streamTrim(key: Slice, last: Slice): void;
  streamDeliver(key: Slice, delivery: Slice): void;
  streamGroupClear(key: Slice, group: Slice): void;
  databaseClear(): void;
  stringPrune(key: Slice, dots: readonly number[], cancels: readonly Cancel[]): void;
  retire(replica: number, number: number, stamp: Stamp): void;
}

/** Writes the effects of local txns into the open envelope. */
export class TxnWriter {
  readonly writer: ByteWriter;
  /** Reference of each local replica index in the open envelope. */
  references: number[] = [];
  /** Names a replica that the context leaves out, and gives its reference. */
  onUnlisted: (replica: number) => number = () => 0;
  stamp: Stamp = 0;
  private database = 0;
  private keyStart = -1;
  private keyEnd = -1;

  constructor(writer: ByteWriter) {
    this.writer = writer;
  }

  beginTxn(stamp: Stamp, previous: Stamp): void {
    this.writer.varint(stamp - previous);
    this.stamp = stamp;
    this.database = 0;
    this.keyStart = -1;
  }

  endTxn(): void {
    this.writer.u8(Op.end);
  }

  /** Op byte and key; `cancels` follow whatever the op needs. */
  op(code: number, database: number, key: Slice | null, cancels: readonly Cancel[]): void {
    const { writer } = this;
    if (database !== this.database) {
      writer.u8(Op.select);
      writer.varint(database);
      this.database = database;
      this.keyStart = -1;
    }
    const flags = cancels.length > 0 ? CANCELS : 0;
    if (key === null) {
      writer.u8(code | flags);
    } else if (this.isSameKey(key)) {
      writer.u8(code | flags | SAME_KEY);
    } else {
      writer.u8(code | flags);
      writer.varint(key.end - key.start);
      this.keyStart = writer.at;
      writer.raw(key.bytes, key.start, key.end);
      this.keyEnd = writer.at;
    }
    if (flags !== 0) this.cancels(cancels);
  }

  run(slice: Slice): void {
    this.writer.run(slice.bytes, slice.start, slice.end);
  }

  byte(value: number): void {
    this.writer.u8(value);
  }

  addition(frame: Stamp, sum: Amount, delta: Amount): void {
    this.earlier(frame);
    writeAmount(this.writer, sum);
    if (frame !== this.stamp) writeAmount(this.writer, delta);
  }

  /** Which end of a list, and the how many-th element that the txn adds. */
  place(end: ListEnd, count: number): void {
    this.writer.varint(2 * count + (end === 'tail' ? 1 : 0));
  }

  /** Infinity is written as 0: no real deadline is. */
  deadline(deadline: number, scope: readonly number[]): void {
    this.writer.varint(Number.isFinite(deadline) ? deadline + 1 : 0);
    this.dots(scope);
  }

  /** Pairs (replica, stamp). */
  dots(pairs: readonly number[]): void {
    this.writer.varint(pairs.length / 2);
    for (let i = 0; i < pairs.length; i += 2) {
      this.reference(pairs[i]);
      this.earlier(pairs[i + 1]);
    }
  }

  retirement(replica: number, number: number, stamp: Stamp): void {
    this.reference(replica);
    this.writer.varint(number);
    this.earlier(stamp);
  }

  private reference(replica: number): void {
    this.writer.varint(this.references[replica] ?? this.onUnlisted(replica));
  }

  private cancels(cancels: readonly Cancel[]): void {
    this.writer.varint(cancels.length);
    for (const { replica, frame, stamp, sum } of cancels) {
      this.reference(replica);
      this.earlier(frame);
      this.earlier(stamp);
      writeAmount(this.writer, sum);
    }
  }

  /** Nothing that a txn refers to may be later than itself: its clock has seen it. */
  private earlier(stamp: Stamp): void {
    if (stamp > this.stamp) throw new Error(`txn at ${this.stamp} refers to the later ${stamp}`);
    this.writer.varint(this.stamp - stamp);
  }

  private isSameKey(key: Slice): boolean {
    const length = key.end - key.start;
    if (this.keyStart < 0 || this.keyEnd - this.keyStart !== length) return false;
    const bytes = this.writer.bytes;
    for (let i = 0; i < length; i++) if (bytes[this.keyStart + i] !== key.bytes[key.start + i]) return false;
    return true;
  }
}

/** Reads the effects of one txn up to its end mark and hands them on. `replicas`: local index by reference. Returns how many. */
export class TxnReader {
  private readonly key: Slice;
  private readonly field: Slice;
  private readonly value: Slice;

  constructor(makeSlice: () => Slice) {
    this.key = makeSlice();
    this.field = makeSlice();
    this.value = makeSlice();
  }

  read(reader: ByteReader, stamp: Stamp, replicas: readonly number[], targets: readonly EffectTarget[]): number {
    let target = targets[0];
    let keyed = false;
    for (let effects = 0; ; effects++) {
      const op = reader.u8();
      const code = op & CODE;
      if (code === Op.end) return effects;
      if (code === Op.select) {
        target = targets[reader.varint()];
        if (target === undefined) throw new MalformedError(`database of a txn out of range at ${reader.at}`);
        keyed = false;
        effects--;
        continue;
      }
      if (code !== Op.databaseClear && code !== Op.retire) {
        if ((op & SAME_KEY) !== 0) {
          if (!keyed) throw new MalformedError(`no key to repeat at ${reader.at}`);
        } else {
          this.slice(this.key, reader);
          keyed = true;
        }
      }
      const cancels = (op & CANCELS) !== 0 ? readCancels(reader, stamp, replicas) : NO_CANCELS;
      this.effect(code, reader, stamp, replicas, target, cancels);
    }
  }

  private effect(
    code: number,
    reader: ByteReader,
    stamp: Stamp,
    replicas: readonly number[],
    target: EffectTarget,
    cancels: readonly Cancel[],
  ): void {
    const { key, field, value } = this;
    switch (code) {
      case Op.stringAssign:
        target.stringAssign(key, this.slice(value, reader), cancels);
        return;
      case Op.stringAdd: {
        const { frame, sum, delta } = readAddition(reader, stamp);
        target.stringAdd(key, frame, sum, delta);
        return;
      }
      case Op.keyClear:
        target.keyClear(key, reader.u8(), cancels);
        return;
      case Op.keyExpire:
        target.keyExpire(key, readDeadline(reader), readDots(reader, stamp, replicas));
        return;
      case Op.hashAssign:
        this.slice(field, reader);
        target.hashAssign(key, field, this.slice(value, reader), cancels);
        return;
      case Op.hashAdd: {
        this.slice(field, reader);
        const { frame, sum, delta } = readAddition(reader, stamp);
        target.hashAdd(key, field, frame, sum, delta);
        return;
      }
      case Op.hashRemove:
        target.hashRemove(key, this.slice(field, reader), cancels);
        return;
      case Op.fieldExpire:
        this.slice(field, reader);
        target.fieldExpire(key, field, readDeadline(reader), readDots(reader, stamp, replicas));
        return;
      case Op.setAdd:
        target.setAdd(key, this.slice(field, reader));
        return;
      case Op.setRemove:
        target.setRemove(key, this.slice(field, reader));
        return;
      case Op.zsetAssign:
        this.slice(field, reader);
        this.slice(value, reader);
        requireScore(value.bytes, value.start, value.end);
        target.zsetAssign(key, field, value, cancels);
        return;
      case Op.zsetAdd: {
        this.slice(field, reader);
        const { frame, sum, delta } = readAddition(reader, stamp);
        target.zsetAdd(key, field, frame, sum, delta);
        return;
      }
      case Op.zsetRemove:
        target.zsetRemove(key, this.slice(field, reader), cancels);
        return;
      case Op.listPush: {
        const { end, count } = readPlace(reader);
        target.listPush(key, end, count, this.slice(value, reader));
        return;
      }
      case Op.listAssign:
        this.position(field, reader, stamp);
        target.listAssign(key, field, this.slice(value, reader), cancels);
        return;
      case Op.listRemove:
        target.listRemove(key, this.position(field, reader, stamp), cancels);
        return;
      case Op.streamAdd: {
        requireLength(this.slice(field, reader), ID_BYTES);
        requireEntry(this.slice(value, reader));
        const { frame, sum, delta } = readAddition(reader, stamp);
        requireCount(sum, delta);
        target.streamAdd(key, field, value, frame, sum, delta);
        return;
      }
      case Op.streamAssign:
        this.slice(field, reader);
        requireStreamValue(field, this.slice(value, reader));
        target.streamAssign(key, field, value, cancels);
        return;
      case Op.streamRemove:
        requireStreamName(this.slice(field, reader));
        target.streamRemove(key, field, cancels);
        return;
      case Op.streamTrim:
        requireLength(this.slice(field, reader), ENTRY_BYTES);
        target.streamTrim(key, field);
        return;
      case Op.streamDeliver:
        unpackDelivery(this.slice(value, reader));
        target.streamDeliver(key, value);
        return;
      case Op.streamGroupClear:
        target.streamGroupClear(key, this.slice(field, reader));
        return;
      case Op.databaseClear:
        target.databaseClear();
        return;
      case Op.stringPrune:
        target.stringPrune(key, readDots(reader, stamp, replicas), cancels);
        return;
      case Op.retire:
        target.retire(readReplica(reader, replicas), readTxnNumber(reader), readEarlier(reader, stamp));
        return;
      default:
        throw new MalformedError(`unknown effect ${code} at ${reader.at}`);
    }
  }

  private position(into: Slice, reader: ByteReader, stamp: Stamp): Slice {
    this.slice(into, reader);
    requirePosition(into.bytes, into.start, into.end, stamp);
    return into;
  }

  private slice(into: Slice, reader: ByteReader): Slice {
    const start = reader.run();
    return into.set(reader.bytes, start, reader.at);
  }
}

const NO_CANCELS: readonly Cancel[] = [];

function readAddition(reader: ByteReader, stamp: Stamp): { frame: Stamp; sum: Amount; delta: Amount } {
  const frame = readEarlier(reader, stamp);
  const sum = readAmount(reader);
  return { frame, sum, delta: frame === stamp ? sum : readAmount(reader) };
}

/** A stamp, written as how much earlier than the txn's it is. What lies before the epoch could not be stored. */
function readEarlier(reader: ByteReader, stamp: Stamp): Stamp {
  const age = reader.varint();
  if (age > stamp) throw new MalformedError(`stamp ${stamp - age} at ${reader.at}`);
  return stamp - age;
}

/** Txns count from 1. */
function readTxnNumber(reader: ByteReader): number {
  const number = reader.varint();
  if (number === 0) throw new MalformedError(`txn 0 at ${reader.at}`);
  return number;
}

function readPlace(reader: ByteReader): { end: ListEnd; count: number } {
  const place = reader.varint();
  const count = Math.floor(place / 2);
  if (count > COUNT_MAX) throw new MalformedError(`the ${count}th element of a txn`);
  return { end: place % 2 === 1 ? 'tail' : 'head', count };
}

function readDeadline(reader: ByteReader): number {
  const value = reader.varint();
  return value === 0 ? Number.POSITIVE_INFINITY : value - 1;
}

function readReplica(reader: ByteReader, replicas: readonly number[]): number {
  const reference = reader.varint();
  if (reference >= replicas.length) throw new MalformedError(`replica reference ${reference} of ${replicas.length}`);
  return replicas[reference];
}

function readDots(reader: ByteReader, stamp: Stamp, replicas: readonly number[]): number[] {
  const pairs: number[] = [];
  for (let left = reader.count(2); left > 0; left--)
    pairs.push(readReplica(reader, replicas), readEarlier(reader, stamp));
  return pairs;
}

function readCancels(reader: ByteReader, stamp: Stamp, replicas: readonly number[]): Cancel[] {
  const cancels: Cancel[] = [];
  for (let left = reader.count(4); left > 0; left--) {
    cancels.push({
      replica: readReplica(reader, replicas),
      frame: readEarlier(reader, stamp),
      stamp: readEarlier(reader, stamp),
      sum: readAmount(reader),
    });
  }
  return cancels;
}
