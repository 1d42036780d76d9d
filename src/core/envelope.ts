/**
 * The envelope: a batch of consecutive txns of one replica in its one encoding. A CBOR map (cbor-x) with one byte
 * string of packed txns (txn.ts) and one of the context:
 *   v 1 · r origin (8 bytes) · n first number · c count · s base stamp · x context · t txns
 * The context is a run of (replica 8 bytes, varint number, varint stamp), the origin left out. Decoding checks
 * everything, down to the last effect, before anything is applied.
 */
import { Encoder } from 'cbor-x';
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { STAMP_MAX } from './clock.ts';
import type { ReplicaId, Stamp, VersionVector } from './contract.ts';
import { decodePlainMap, shownValue } from './plain-cbor.ts';

/** Sealed at this size of packed txns: below the 64 KiB at which frames stop getting cheaper (measured: performance). */
export const ENVELOPE_BYTES_MAX = 60_000;
const VERSION = 1;
const COUNT_MAX = 1 << 20;
/** CBOR's major type 2. */
const BYTE_STRING = 0x40;
const NOTHING = Buffer.alloc(0);

export interface EnvelopeContents {
  replica: ReplicaId;
  first: number;
  count: number;
  base: Stamp;
  context: VersionVector;
  txns: Buffer;
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const packed = new ByteWriter();

export function encodeEnvelope({ replica, first, count, base, context, txns }: EnvelopeContents): Buffer {
  const head = encoder.encode({
    v: VERSION,
    r: Buffer.from(replica, 'hex'),
    n: first,
    c: count,
    s: base,
    x: packVector(context),
    t: NOTHING,
  });
  // the encoder would make room for four times the txns, and hand out a piece of it; the log keeps envelopes for long
  const withoutTxns = head.length - 1;
  const width = widthOf(txns.length);
  const owned = Buffer.from(new ArrayBuffer(withoutTxns + 1 + width + txns.length));
  owned.set(head.subarray(0, withoutTxns));
  writeBytesHead(owned, withoutTxns, txns.length, width);
  owned.set(txns, withoutTxns + 1 + width);
  return owned;
}

/** Of the length of a CBOR byte string, beyond its first byte. */
function widthOf(length: number): 0 | 1 | 2 | 4 {
  if (length < 24) return 0;
  if (length < 0x100) return 1;
  return length < 0x10000 ? 2 : 4;
}

function writeBytesHead(out: Buffer, at: number, length: number, width: 0 | 1 | 2 | 4): void {
  out[at] = BYTE_STRING | (width === 0 ? length : 24 + Math.log2(width));
  if (width > 0) out.writeUIntBE(length, at + 1, width);
}

/** Throws MalformedError. The contents point into `bytes`. */
export function decodeEnvelope(bytes: Uint8Array): EnvelopeContents {
  const { v, r, n, c, s, x, t } = decodePlainMap(bytes);
  if (v !== VERSION) throw new MalformedError(`envelope version ${shownValue(v)}`);
  if (!(r instanceof Uint8Array) || r.length !== 8) throw new MalformedError('envelope without an origin');
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 1)
    throw new MalformedError(`first number ${shownValue(n)}`);
  if (typeof c !== 'number' || !Number.isInteger(c) || c < 1 || c > COUNT_MAX)
    throw new MalformedError(`count ${shownValue(c)}`);
  if (typeof s !== 'number' || !Number.isSafeInteger(s) || s < 1)
    throw new MalformedError(`base stamp ${shownValue(s)}`);
  if (!(x instanceof Uint8Array) || !(t instanceof Uint8Array))
    throw new MalformedError('envelope without context or txns');
  return {
    replica: asBuffer(r).toString('hex'),
    first: n,
    count: c,
    base: s,
    context: unpackVector(asBuffer(x)),
    txns: asBuffer(t),
  };
}

export function packVector(vector: VersionVector): Buffer {
  packed.reset();
  for (const { replica, number, stamp } of vector) {
    const id = Buffer.from(replica, 'hex');
    packed.raw(id, 0, 8);
    packed.varint(number);
    packed.varint(stamp);
  }
  return packed.copy();
}

export function unpackVector(bytes: Buffer): VersionVector {
  const reader = new ByteReader(bytes);
  const vector: VersionVector = [];
  while (!reader.done) {
    if (reader.at + 8 > reader.end) throw new MalformedError('vector entry cut short');
    const replica = bytes.toString('hex', reader.at, reader.at + 8);
    reader.at += 8;
    const [number, stamp] = [reader.varint(), reader.varint()];
    if (stamp > STAMP_MAX) throw new MalformedError(`stamp ${stamp} in a vector`);
    vector.push({ replica, number, stamp });
  }
  return vector;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
