/**
 * How things are spelled in the one LevelDB database, and how a value is known to be what was written:
 *
 *   L replica(8) first(8)  one envelope: payload = last(8) bytes
 *   S record key           one record of the state
 *   T number(8) record key one of a state that was merged, until all of it is here (merged-records.ts); no payload: it went
 *   M name                 metadata, JSON
 *   B number(8)            the last batch: payload = number(8) of the last batch known to be on the platter
 *
 * Every value is version(1) crc32(4) payload; the checksum covers the key as well, so that a value under a damaged
 * key is noticed too. Numbers are big-endian, so that keys sort by them.
 */
import { crc32 } from 'node:zlib';
import type { ReplicaId } from '../core/contract.ts';

/** Of keys and values. A store that says another number is refused. */
export const FORMAT_VERSION = 1;

const LOG = 0x4c;
const STATE = 0x53;
const MERGED = 0x54;
const METADATA = 0x4d;
const BATCH = 0x42;
const HEADER_BYTES = 5;
const NUMBER_BYTES = 8;
const LOG_KEY_BYTES = 17;

export class ChecksumError extends Error {}
export class VersionError extends Error {}

export interface KeyRange {
  gte: Buffer;
  lt: Buffer;
}

export const LOG_RANGE: KeyRange = { gte: Buffer.from([LOG]), lt: Buffer.from([LOG + 1]) };
export const STATE_RANGE: KeyRange = { gte: Buffer.from([STATE]), lt: Buffer.from([STATE + 1]) };
/** All that was written of merged states. */
export const MERGED_RANGE: KeyRange = { gte: Buffer.from([MERGED]), lt: Buffer.from([MERGED + 1]) };
export const BATCH_RANGE: KeyRange = { gte: Buffer.from([BATCH]), lt: Buffer.from([BATCH + 1]) };

export function logKey(replica: ReplicaId, first: number): Buffer {
  const key = Buffer.allocUnsafe(LOG_KEY_BYTES);
  key[0] = LOG;
  key.write(replica, 1, 8, 'hex');
  writeNumber(key, 9, first);
  return key;
}

export function isLogKey(key: Buffer): boolean {
  return key[0] === LOG;
}

/** Null for a key that is no log key: none of ours has a number to which nothing could be added. */
export function readLogKey(key: Buffer): { replica: ReplicaId; first: number } | null {
  if (key.length !== LOG_KEY_BYTES || key[0] !== LOG) return null;
  const first = readNumber(key, 9);
  return first < Number.MAX_SAFE_INTEGER ? { replica: key.toString('hex', 1, 9), first } : null;
}

export function logValue(key: Buffer, last: number, bytes: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + NUMBER_BYTES + bytes.length);
  writeNumber(value, HEADER_BYTES, last);
  value.set(bytes, HEADER_BYTES + NUMBER_BYTES);
  return seal(key, value);
}

export function readLogValue(key: Buffer, value: Buffer): { last: number; bytes: Buffer } {
  const payload = open(key, value);
  if (payload.length < NUMBER_BYTES) throw new ChecksumError('log entry too short');
  return { last: readNumber(payload, 0), bytes: payload.subarray(NUMBER_BYTES) };
}

export function stateKey(record: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + record.length);
  key[0] = STATE;
  key.set(record, 1);
  return key;
}

export function readStateKey(key: Buffer): Buffer {
  return key.subarray(1);
}

/** `merge` tells one writing of a merged state from an earlier one that came to nothing. */
export function mergedKey(merge: number, record: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + NUMBER_BYTES + record.length);
  key[0] = MERGED;
  writeNumber(key, 1, merge);
  key.set(record, 1 + NUMBER_BYTES);
  return key;
}

export function readMergedKey(key: Buffer): Buffer {
  return key.subarray(1 + NUMBER_BYTES);
}

export function mergedRange(merge: number): KeyRange {
  const none = Buffer.alloc(0);
  return { gte: mergedKey(merge, none), lt: mergedKey(merge + 1, none) };
}

export function metadataKey(name: string): Buffer {
  return Buffer.from(`${String.fromCharCode(METADATA)}${name}`);
}

export function batchKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(1 + NUMBER_BYTES);
  key[0] = BATCH;
  writeNumber(key, 1, number);
  return key;
}

export function readBatchKey(key: Buffer): number {
  if (key.length !== 1 + NUMBER_BYTES) throw new ChecksumError('batch key of another length');
  return readNumber(key, 1);
}

/** The value under `key` for a payload of any kind. */
export function value(key: Buffer, payload: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  sealed.set(payload, HEADER_BYTES);
  return seal(key, sealed);
}

export function numberValue(key: Buffer, number: number): Buffer {
  const sealed = Buffer.allocUnsafe(HEADER_BYTES + NUMBER_BYTES);
  writeNumber(sealed, HEADER_BYTES, number);
  return seal(key, sealed);
}

export function readNumberValue(key: Buffer, sealed: Buffer): number {
  const payload = open(key, sealed);
  if (payload.length !== NUMBER_BYTES) throw new ChecksumError('number of another length');
  return readNumber(payload, 0);
}

/** The payload; throws a ChecksumError or a VersionError. A view into `sealed`. */
export function open(key: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < HEADER_BYTES) throw new ChecksumError('value too short');
  if (sealed.readUInt32BE(1) !== checksum(key, sealed)) throw new ChecksumError('bad checksum');
  if (sealed[0] !== FORMAT_VERSION) throw new VersionError(`format ${sealed[0]}`);
  return sealed.subarray(HEADER_BYTES);
}

function seal(key: Buffer, sealed: Buffer): Buffer {
  sealed[0] = FORMAT_VERSION;
  sealed.writeUInt32BE(checksum(key, sealed), 1);
  return sealed;
}

/** Over key, version and payload: all but the checksum itself. */
function checksum(key: Buffer, sealed: Buffer): number {
  return crc32(sealed.subarray(HEADER_BYTES), crc32(key, sealed[0]));
}

function writeNumber(into: Buffer, at: number, number: number): void {
  into.writeUInt32BE(Math.floor(number / 0x1_0000_0000), at);
  into.writeUInt32BE(number % 0x1_0000_0000, at + 4);
}

function readNumber(from: Buffer, at: number): number {
  return from.readUInt32BE(at) * 0x1_0000_0000 + from.readUInt32BE(at + 4);
}
