/**
 * Values as DUMP gives them and RESTORE takes them: one value of an RDB file, u16 version, CRC-64 over both
 * (Redis's rdb.c; the version and what each type may hold: up to Redis 7.4). Written in the plain form of each type; read
 * in every form that Redis has had for each type.
 */
import { crc64 } from './crc64.ts';
import { encodeLength, encodeRun, Reader, scoreOf } from './encoding.ts';
import { intsetElements, listpackElements, PayloadError, ziplistElements, zipmapElements } from './packed.ts';
import { encodeStream, readStreamValue, type StreamValue, StreamVersion } from './streams.ts';

/** Of Redis 7.0, so that it can read what needs nothing newer. */
const VERSION = 10;
/** Of Redis 7.4: the first in which fields have times to live. */
const VERSION_WITH_FIELD_TIMES = 12;
const FOOTER_BYTES = 10;

const Type = {
  string: 0,
  list: 1,
  set: 2,
  zsetText: 3,
  hash: 4,
  zset: 5,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listOfZiplists: 14,
  hashListpack: 16,
  zsetListpack: 17,
  stream: 15,
  listOfListpacks: 18,
  streamWithCounts: 19,
  setListpack: 20,
  streamWithActivity: 21,
  hashWithTimes: 24,
  hashListpackWithTimes: 25,
} as const;

export interface Field {
  readonly name: Buffer;
  readonly value: Buffer;
  /** UNIX ms; null: none. */
  readonly endMs: number | null;
}

export interface ScoredMember {
  readonly member: Buffer;
  readonly score: number;
}

export type Value =
  | { readonly type: 'string'; readonly value: Buffer }
  | { readonly type: 'list'; readonly elements: readonly Buffer[] }
  | { readonly type: 'set'; readonly members: readonly Buffer[] }
  | { readonly type: 'zset'; readonly members: readonly ScoredMember[] }
  | { readonly type: 'hash'; readonly fields: readonly Field[] }
  | { readonly type: 'stream'; readonly stream: StreamValue };

// --- writing

export function encodePayload(value: Value): Buffer {
  const pieces: Buffer[] = [];
  const run = (bytes: Buffer) => pieces.push(...encodeRun(bytes));
  const timed = value.type === 'hash' && value.fields.some(({ endMs }) => endMs !== null);
  if (value.type === 'string') {
    pieces.push(Buffer.from([Type.string]));
    run(value.value);
  } else if (value.type === 'list') {
    pieces.push(Buffer.from([Type.list]), encodeLength(value.elements.length));
    for (const element of value.elements) run(element);
  } else if (value.type === 'set') {
    pieces.push(Buffer.from([Type.set]), encodeLength(value.members.length));
    for (const member of value.members) run(member);
  } else if (value.type === 'zset') {
    pieces.push(Buffer.from([Type.zset]), encodeLength(value.members.length));
    for (const { member, score } of value.members) {
      run(member);
      pieces.push(eightByteDouble(score));
    }
  } else if (value.type === 'stream') {
    // the form of Redis 7.0, which newer ones read as well
    pieces.push(Buffer.from([Type.streamWithCounts]), ...encodeStream(value.stream));
  } else {
    pieces.push(Buffer.from([timed ? Type.hashWithTimes : Type.hash]));
    const ends = value.fields.flatMap(({ endMs }) => (endMs === null ? [] : [endMs]));
    const firstMs = timed ? Math.min(...ends) : 0;
    if (timed) pieces.push(eightBytes(firstMs));
    pieces.push(encodeLength(value.fields.length));
    for (const { name, value: bytes, endMs } of value.fields) {
      if (timed) pieces.push(encodeLength(endMs === null ? 0 : endMs - firstMs + 1));
      run(name);
      run(bytes);
    }
  }
  const version = Buffer.allocUnsafe(2);
  version.writeUInt16LE(timed ? VERSION_WITH_FIELD_TIMES : VERSION);
  const body = Buffer.concat([...pieces, version]);
  return Buffer.concat([body, crc64(body, 0, body.length)]);
}

function eightBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function eightByteDouble(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

// --- reading

/** False if version or checksum do not fit: what Redis looks at first. */
export function isIntact(payload: Buffer): boolean {
  if (payload.length < FOOTER_BYTES) return false;
  const end = payload.length - 8;
  if (payload.readUInt16LE(end - 2) > VERSION_WITH_FIELD_TIMES) return false;
  return payload.subarray(end).equals(crc64(payload, 0, end));
}

/** Of an intact payload. Byte strings point into it. Throws PayloadError. */
export function decodePayload(payload: Buffer): Value {
  const reader = new Reader(payload.subarray(0, payload.length - FOOTER_BYTES));
  const value = readValue(reader);
  reader.end();
  return value;
}

function readValue(reader: Reader): Value {
  const type = reader.byte();
  switch (type) {
    case Type.string:
      return { type: 'string', value: reader.run() };
    case Type.list:
      return list(reader.list(reader.length()));
    case Type.listZiplist:
      return list(ziplistElements(reader.run()));
    case Type.listOfZiplists:
      return list(reader.nodes(() => ziplistElements(reader.run())));
    case Type.listOfListpacks:
      return list(reader.nodes(() => reader.quicklistNode()));
    case Type.set:
      return set(reader.list(reader.length()));
    case Type.setIntset:
      return set(intsetElements(reader.run()));
    case Type.setListpack:
      return set(listpackElements(reader.run()));
    case Type.zset:
      return zset(scored(reader, () => reader.double()));
    case Type.zsetText:
      return zset(scored(reader, () => reader.textDouble()));
    case Type.zsetZiplist:
      return zset(scoredPairs(ziplistElements(reader.run())));
    case Type.zsetListpack:
      return zset(scoredPairs(listpackElements(reader.run())));
    case Type.hash:
      return hash(pairs(reader.list(2 * reader.length())));
    case Type.hashZipmap:
      return hash(pairs(zipmapElements(reader.run())));
    case Type.hashZiplist:
      return hash(pairs(ziplistElements(reader.run())));
    case Type.hashListpack:
      return hash(pairs(listpackElements(reader.run())));
    case Type.stream:
      return { type: 'stream', stream: readStreamValue(reader, StreamVersion.first) };
    case Type.streamWithCounts:
      return { type: 'stream', stream: readStreamValue(reader, StreamVersion.counts) };
    case Type.streamWithActivity:
      return { type: 'stream', stream: readStreamValue(reader, StreamVersion.activity) };
    case Type.hashWithTimes:
      return hash(timedFields(reader));
    case Type.hashListpackWithTimes: {
      reader.word();
      return hash(triples(listpackElements(reader.run())));
    }
    default:
      throw new PayloadError(`values of type ${type} are not known here`);
  }
}

function list(elements: Buffer[]): Value {
  if (elements.length === 0) throw new PayloadError('an empty collection');
  return { type: 'list', elements };
}

function set(members: Buffer[]): Value {
  refuseDoubles(members);
  return { type: 'set', members };
}

function hash(fields: Field[]): Value {
  refuseDoubles(fields.map(({ name }) => name));
  return { type: 'hash', fields };
}

function zset(members: ScoredMember[]): Value {
  refuseDoubles(members.map(({ member }) => member));
  if (members.some(({ score }) => Number.isNaN(score))) throw new PayloadError('a score that is no number');
  return { type: 'zset', members };
}

function scored(reader: Reader, score: () => number): ScoredMember[] {
  const members: ScoredMember[] = [];
  for (let left = reader.length(); left > 0; left--) {
    const member = reader.run();
    members.push({ member, score: score() });
  }
  return members;
}

function scoredPairs(elements: Buffer[]): ScoredMember[] {
  return pairs(elements).map(({ name, value }) => ({ member: name, score: scoreOf(value) }));
}

function refuseDoubles(names: readonly Buffer[]): void {
  if (names.length === 0) throw new PayloadError('an empty collection');
  const seen = new Set(names.map((name) => name.toString('latin1')));
  if (seen.size < names.length) throw new PayloadError('one element stands twice');
}

function pairs(elements: Buffer[]): Field[] {
  if (elements.length % 2 === 1) throw new PayloadError('a field without a value');
  return Array.from({ length: elements.length / 2 }, (_, index) => ({
    name: elements[2 * index],
    value: elements[2 * index + 1],
    endMs: null,
  }));
}

function triples(elements: Buffer[]): Field[] {
  if (elements.length % 3 !== 0) throw new PayloadError('a field without a time');
  return Array.from({ length: elements.length / 3 }, (_, index) => {
    const endMs = Number(elements[3 * index + 2].toString('latin1'));
    if (!Number.isSafeInteger(endMs) || endMs < 0) throw new PayloadError('a time that is none');
    return { name: elements[3 * index], value: elements[3 * index + 1], endMs: endMs === 0 ? null : endMs };
  });
}

/** The times count from the first of them. */
function timedFields(reader: Reader): Field[] {
  const firstMs = reader.word();
  const count = reader.length();
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) {
    const after = reader.length();
    const endMs = after === 0 ? null : firstMs + after - 1;
    if (endMs !== null && !Number.isSafeInteger(endMs)) throw new PayloadError('a time that is none');
    fields.push({ name: reader.run(), value: reader.run(), endMs });
  }
  return fields;
}
