/**
 * Frames of the sync stream: u32 big-endian length, one type byte, a body. Envelopes and state pages travel as they
 * are, in chunks where they are larger than a frame; everything else is a small CBOR map, checked before it is used.
 */
import { Decoder, Encoder } from 'cbor-x';
import type { VersionVector } from '../core/contract.ts';

export const FRAME_BYTES_MAX = 256 * 1024;
/** An envelope may hold one value of 512 MiB. */
const WHOLE_BYTES_MAX = 600 * 1024 * 1024;

export const FrameType = {
  hello: 1,
  vector: 2,
  pull: 3,
  follow: 4,
  envelope: 5,
  chunk: 6,
  gone: 7,
  wantState: 8,
  statePage: 9,
  stateEnd: 10,
  credit: 11,
  ping: 12,
  pong: 13,
  ask: 14,
  members: 15,
} as const;

/** What a frame's chunks add up to: an envelope or a state page. */
export type Bulk = typeof FrameType.envelope | typeof FrameType.statePage;

export class FrameError extends Error {
  override name = 'FrameError';
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

export function encodeMap(type: number, map: Record<string, unknown>): Buffer[] {
  const body = encoder.encode(map);
  return [header(type, body.length), Buffer.from(body)];
}

/** Frames for an envelope or a page; one unless it is large. */
export function encodeBulk(type: Bulk, bytes: Uint8Array): Uint8Array[] {
  if (bytes.length <= FRAME_BYTES_MAX) return [header(type, bytes.length), bytes];
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) {
    const part = bytes.subarray(at, at + FRAME_BYTES_MAX);
    const last = at + part.length >= bytes.length;
    frames.push(header(FrameType.chunk, part.length + 1), Buffer.from([last ? type : 0]), part);
  }
  return frames;
}

function header(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes.writeUInt32BE(length + 1, 0);
  bytes[4] = type;
  return bytes;
}

export function decodeMap(body: Uint8Array): Record<string, unknown> {
  if (body.length > FRAME_BYTES_MAX) throw new FrameError(`control frame of ${body.length} bytes`);
  let map: unknown;
  try {
    map = decoder.decode(body);
  } catch (error) {
    throw new FrameError(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw new FrameError('not a map');
  return map as Record<string, unknown>;
}

/** Cuts what arrives into frames. */
export class FrameReader {
  private pending: Buffer = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private partsBytes = 0;

  /** Calls `take` for each whole frame; bodies are valid during the call. Throws FrameError. */
  push(bytes: Uint8Array, take: (type: number, body: Buffer) => void): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let input = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    while (input.length >= 5) {
      const length = input.readUInt32BE(0);
      if (length < 1 || length > FRAME_BYTES_MAX + 16) throw new FrameError(`frame of ${length} bytes`);
      if (input.length < 4 + length) break;
      this.frame(input[4], input.subarray(5, 4 + length), take);
      input = input.subarray(4 + length);
    }
    this.pending = input.length === 0 ? EMPTY : Buffer.from(input);
  }

  private frame(type: number, body: Buffer, take: (type: number, body: Buffer) => void): void {
    if (type !== FrameType.chunk) {
      take(type, body);
      return;
    }
    if (body.length < 1) throw new FrameError('empty chunk');
    this.parts.push(Buffer.from(body.subarray(1)));
    this.partsBytes += body.length - 1;
    if (this.partsBytes > WHOLE_BYTES_MAX) throw new FrameError(`chunks of ${this.partsBytes} bytes`);
    if (body[0] === 0) return;
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    this.partsBytes = 0;
    take(body[0], whole);
  }
}

const EMPTY = Buffer.alloc(0);

// --- fields, checked

export function textField(map: Record<string, unknown>, name: string, lengthMax = 512): string {
  const value = map[name];
  if (typeof value !== 'string' || value.length > lengthMax) throw new FrameError(`field ${name} is no text`);
  return value;
}

export function numberField(map: Record<string, unknown>, name: string): number {
  const value = map[name];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new FrameError(`field ${name} is no number`);
  return value;
}

export function replicaField(map: Record<string, unknown>, name: string): string {
  const value = textField(map, name, 16);
  if (!/^[0-9a-f]{16}$/.test(value)) throw new FrameError(`field ${name} is no replica id`);
  return value;
}

export function listField(map: Record<string, unknown>, name: string, lengthMax = 4096): unknown[] {
  const value = map[name];
  if (!Array.isArray(value) || value.length > lengthMax) throw new FrameError(`field ${name} is no list`);
  return value;
}

export function textsField(map: Record<string, unknown>, name: string): string[] {
  return listField(map, name, 64).map((value) => {
    if (typeof value !== 'string' || value.length > 512) throw new FrameError(`field ${name} has no text`);
    return value;
  });
}

export function vectorToWire(vector: VersionVector): unknown[] {
  return vector.map(({ replica, number, stamp }) => [replica, number, stamp]);
}

export function vectorFromWire(value: unknown): VersionVector {
  if (!Array.isArray(value) || value.length > 65535) throw new FrameError('no version vector');
  return value.map((entry) => {
    const [replica, number, stamp] = Array.isArray(entry) ? entry : [];
    if (
      typeof replica !== 'string' ||
      !/^[0-9a-f]{16}$/.test(replica) ||
      !Number.isSafeInteger(number) ||
      !Number.isSafeInteger(stamp)
    ) {
      throw new FrameError('bad entry of a version vector');
    }
    return { replica, number: Number(number), stamp: Number(stamp) };
  });
}
