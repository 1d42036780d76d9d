/**
 * A page of the state, as state transfer carries it: a CBOR map
 *   v 1 · x the vector that its records reflect · r replica ids, 8 bytes each, that they refer to · d records ·
 *   f what the sender knows of retired replicas
 * with the records as (run key, run value), those of one key one after another.
 */
import { Encoder } from 'cbor-x';
import { ByteReader, MalformedError } from './bytes.ts';
import type { VersionVector } from './contract.ts';
import { unpackVector } from './envelope.ts';
import { decodePlainMap, shownValue } from './plain-cbor.ts';

const VERSION = 1;
const ID_BYTES = 8;
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

export interface PageFields {
  /** Packed vector. */
  readonly x: Uint8Array;
  readonly r: Uint8Array;
  readonly d: Uint8Array;
  /** Packed retirements. */
  readonly f: Uint8Array;
}

export function encodePage(fields: PageFields): Buffer {
  // the encoder hands out pieces of a shared buffer
  return Buffer.from(encoder.encode({ v: VERSION, x: fields.x, r: fields.r, d: fields.d, f: fields.f }));
}

/** The fields of a page, of the right types; they point into `bytes`. Throws MalformedError. */
export function openPage(bytes: Uint8Array): PageFields {
  const { v, x, r, d, f } = decodePlainMap(bytes);
  if (v !== VERSION) throw new MalformedError(`state page version ${shownValue(v)}`);
  if (!(x instanceof Uint8Array) || !(r instanceof Uint8Array) || !(d instanceof Uint8Array)) {
    throw new MalformedError('state page without vector, replicas or records');
  }
  if (!(f instanceof Uint8Array)) throw new MalformedError('state page without retirements');
  if (r.length % ID_BYTES !== 0) throw new MalformedError(`replica ids of ${r.length} bytes`);
  return { x, r, d, f };
}

/** Throws MalformedError. */
export function vectorOf({ x }: PageFields): VersionVector {
  return unpackVector(asBuffer(x));
}

export function replicasOf({ r }: PageFields): string[] {
  const ids = asBuffer(r);
  return Array.from({ length: ids.length / ID_BYTES }, (_, i) => ids.toString('hex', i * ID_BYTES, (i + 1) * ID_BYTES));
}

/** Visits every record; both arguments point into the page. Throws MalformedError. */
export function forEachRecord({ d }: PageFields, visit: (name: Buffer, value: Buffer) => void): void {
  const bytes = asBuffer(d);
  const reader = new ByteReader(bytes);
  while (!reader.done) {
    const name = bytes.subarray(reader.run(), reader.at);
    const value = bytes.subarray(reader.run(), reader.at);
    visit(name, value);
  }
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
