/**
 * Folded bodies: a small collection that nobody has asked for lately stands in one block of the arena instead of in objects
 * and a table of its own, a fifth of the size or less. Whoever asks for it unfolds it first, so that nobody else has to know
 * (bodies.ts does both). Only what most collections are is folded: one type, elements in the two simple shapes of
 * entries.ts, no times to live of fields.
 *
 * A block: u32 its length, u32 a checksum of what follows and of the key, u32 the seed of its table (cursors of scans hold),
 * u8 type, u8 whether it is marked for the store as a whole, varint how many elements; then each: u8 head, its name, where
 * it differs from the one before its dot, and its value. The name of a list's element that was pushed is spelled by its dot.
 */
import { type ByteReader, ByteWriter } from './bytes.ts';
import { KeyType } from './contract.ts';
import { type Elements, TALLY_BYTES } from './elements.ts';
import { tableHash } from './hash.ts';
import { Slice } from './slice.ts';
import { FLAG_DIRTY, FLAG_NEW, FLAG_UNCOUNTED, SIMPLE, TALLY } from './state.ts';
import { PositionWriter, pushedPlace } from './types/position.ts';

/** Of elements, and of their bytes: what is larger takes long to fold, and gains little. */
const ELEMENTS_MAX = 128;
const BYTES_MAX = 16 * 1024;
/** Of what has an order beside its table only what is short can do without for a while; streams cannot. */
const TYPES: readonly KeyType[] = [KeyType.hash, KeyType.set, KeyType.zset, KeyType.list];

/** Of what a block begins with. */
const CHECKSUM_AT = 4;
const SEED_AT = 8;
const TYPE_AT = 12;
const HEADER_BYTES = 14;

const HEAD_TALLY = 1;
const HEAD_DIRTY = 2;
/** Written by the txn that wrote the one before. */
const HEAD_SAME_DOT = 4;
/** The name is that of a push: only its end and count follow. */
const HEAD_PUSHED = 8;
const HEAD_AT_TAIL = 16;
/** The stamp is written whole. */
const HEAD_FAR = 32;
const HEAD_NEW = 64;
/** What two stamps may be apart, to be told by their difference. */
const NEAR_MAX = 2 ** 51;

const writer = new ByteWriter(BYTES_MAX);
const position = new PositionWriter();
const name = new Slice();

/** By its size and type: nothing within is looked at. */
export function mayFold({ table, type }: Elements): boolean {
  return table.count > 0 && table.count <= ELEMENTS_MAX && TYPES.includes(type);
}

/** False: it stays as it is. What is damaged is noted, and is not folded: its name could not be told any more. */
export function isFoldable(part: Elements): boolean {
  const { table } = part;
  if (!mayFold(part) || part.hidden > 0) return false;
  let bytes = 0;
  for (let at = 0; at < table.positions; at++) {
    const reference = table.referenceAt(at);
    if (reference === 0) continue;
    const kind = table.kind(reference);
    if (kind !== SIMPLE && kind !== TALLY) return false;
    if ((table.flags(reference) & ~(FLAG_DIRTY | FLAG_NEW | FLAG_UNCOUNTED)) !== 0) return false;
    bytes += table.entryBytes(reference);
    if (bytes > BYTES_MAX) return false;
    if (table.isSound(at) && part.isIntact(reference)) continue;
    part.state.noteDamage(part.terms.slotOf(reference));
    return false;
  }
  return true;
}

/** A part that isFoldable(), as a block; valid until the next one. Its digest terms are all counted afterwards. */
export function foldPart(part: Elements, key: Buffer): Buffer {
  const { table } = part;
  writer.reset();
  writer.u32(0);
  writer.u32(0);
  writer.u32(table.seed);
  writer.u8(part.type);
  writer.u8(part.isMarked ? 1 : 0);
  writer.varint(table.count);
  let replica = -1;
  let stamp = 0;
  for (let at = 0; at < table.positions; at++) {
    const reference = table.referenceAt(at);
    if (reference === 0) continue;
    const flags = table.flags(reference);
    if ((flags & FLAG_UNCOUNTED) !== 0) {
      table.setFlags(reference, flags & ~FLAG_UNCOUNTED);
      part.terms.account(reference, true);
    }
    writeElement(part, reference, replica, stamp);
    replica = table.replica(reference);
    stamp = table.stamp(reference);
  }
  writer.bytes.writeUInt32LE(writer.at, 0);
  writer.bytes.writeUInt32LE(checksumOf(writer.bytes, 0, writer.at, key), CHECKSUM_AT);
  return writer.written();
}

/** `replica` and `stamp`: of the element before; −1: there is none. */
function writeElement(part: Elements, reference: number, replica: number, stamp: number): void {
  const { table, state } = part;
  const ownStamp = table.stamp(reference);
  const ownReplica = table.replica(reference);
  const flags = table.flags(reference);
  const isTally = table.kind(reference) === TALLY;
  const isSame = ownReplica === replica && ownStamp === stamp;
  const isFar = !isSame && Math.abs(ownStamp - stamp) > NEAR_MAX;
  table.fillKey(reference, name);
  const pushed = part.type === KeyType.list ? pushedPlace(name, ownStamp, state.replicas.bytes[ownReplica]) : null;
  writer.u8(
    (isTally ? HEAD_TALLY : 0) |
      ((flags & FLAG_DIRTY) !== 0 ? HEAD_DIRTY : 0) |
      ((flags & FLAG_NEW) !== 0 ? HEAD_NEW : 0) |
      (isSame ? HEAD_SAME_DOT : 0) |
      (pushed === null ? 0 : HEAD_PUSHED) |
      (pushed?.end === 'tail' ? HEAD_AT_TAIL : 0) |
      (isFar ? HEAD_FAR : 0),
  );
  if (!isSame) {
    writer.varint(ownReplica);
    if (isFar) writer.double(ownStamp);
    else writeDifference(ownStamp - stamp);
  }
  if (pushed === null) writer.run(name.bytes, name.start, name.end);
  else writer.varint(pushed.count);
  if (isTally) {
    writer.double(part.frameOf(reference));
    writer.double(part.tallySum(reference));
  } else {
    table.fillPayload(reference, name);
    writer.run(name.bytes, name.start, name.end);
  }
}

/**
 * Puts what a block holds into an empty part of the same type and seed. `marksOff`: in the block nothing is marked for the
 * store afterwards. Throws MalformedError if it is damaged after all.
 */
export function unfoldPart(reader: ByteReader, part: Elements, marksOff = false): void {
  const { state, table } = part;
  const { bytes, at: begin, end: blockEnd } = reader;
  reader.at += HEADER_BYTES - 1;
  part.isMarked = reader.u8() === 1;
  const count = reader.count(3);
  table.reserve(count);
  let replica = -1;
  let stamp = 0;
  for (let i = 0; i < count; i++) {
    const head = reader.u8();
    if (marksOff) bytes[reader.at - 1] = head & ~(HEAD_DIRTY | HEAD_NEW);
    if ((head & HEAD_SAME_DOT) === 0) {
      replica = reader.varint();
      stamp = (head & HEAD_FAR) !== 0 ? reader.double() : stamp + readDifference(reader);
    }
    if ((head & HEAD_PUSHED) !== 0) {
      const end = (head & HEAD_AT_TAIL) !== 0 ? 'tail' : 'head';
      position.reset().dot(end, stamp, state.replicas.bytes[replica], reader.varint());
      position.into(name);
    } else {
      const start = reader.run();
      name.set(reader.bytes, start, reader.at);
    }
    const isTally = (head & HEAD_TALLY) !== 0;
    const start = isTally ? reader.at : reader.run();
    if (isTally) reader.at += TALLY_BYTES;
    // a segment may be opened, but none of those that are there moves
    const at = table.insert(name.bytes, name.start, name.end, reader.at - start);
    const reference = table.referenceAt(at);
    table.setKind(reference, isTally ? TALLY : SIMPLE);
    table.setReplica(reference, replica);
    table.setStamp(reference, stamp);
    table.setFlags(reference, ((head & HEAD_DIRTY) !== 0 ? FLAG_DIRTY : 0) | ((head & HEAD_NEW) !== 0 ? FLAG_NEW : 0));
    table.writePayload(reference, reader.bytes, start, reader.at);
    part.noteWriter(replica, stamp);
  }
  if (!marksOff || part.key === null) return;
  bytes[begin + HEADER_BYTES - 1] = 0;
  bytes.writeUInt32LE(checksumOf(bytes, begin, blockEnd, part.key), begin + CHECKSUM_AT);
}

/** Where a block ends that begins there, as far as that can be so; −1 if not. Its contents may be damaged. */
export function blockEnd(bytes: Buffer, start: number): number {
  if (start + HEADER_BYTES > bytes.length) return -1;
  const length = bytes.readUInt32LE(start);
  return length <= HEADER_BYTES || start + length > bytes.length ? -1 : start + length;
}

/** The type of what is in a block; undefined: it is damaged. */
export function blockType(bytes: Buffer, start: number): KeyType | undefined {
  return TYPES.find((type) => type === bytes[start + TYPE_AT]);
}

/** It is marked for the store as a whole. */
export function isBlockMarked(bytes: Buffer, start: number): boolean {
  return bytes[start + HEADER_BYTES - 1] === 1;
}

export function blockSeed(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + SEED_AT);
}

/** It is what foldPart() made of something under that key. */
export function isBlockOf(bytes: Buffer, start: number, end: number, key: Uint8Array): boolean {
  return checksumOf(bytes, start, end, key) === bytes.readUInt32LE(start + CHECKSUM_AT);
}

function checksumOf(bytes: Uint8Array, start: number, end: number, key: Uint8Array): number {
  return tableHash(bytes, start + SEED_AT, end, tableHash(key, 0, key.length, 0));
}

/** What folds what was not asked for lately, a few at a time: see bodies.ts. */
export interface Folder {
  foldSome(): void;
}

function writeDifference(value: number): void {
  writer.varint(value >= 0 ? 2 * value : -2 * value - 1);
}

function readDifference(reader: ByteReader): number {
  const value = reader.varint();
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
