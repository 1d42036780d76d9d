/**
 * Frames of the sync stream: u32 big-endian length, one type byte, a body. Envelopes and state pages travel as they
 * are, or packed, in chunks where they are larger than a frame; everything else is a small CBOR map, checked before it is used.
 */
import { Encoder } from 'cbor-x';
import type { ReplicaId, VersionVector } from '../core/contract.ts';
import { decodePlainMap, MalformedError } from '../core/index.ts';

export const FRAME_BYTES_MAX = 256 * 1024;
/** A frame's length, before its type. */
const HEAD_BYTES = 4;
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
  stateBegin: 16,
  keyList: 17,
  keysListed: 18,
  wantKeys: 19,
  stateTail: 20,
  wantSlots: 21,
  slotPage: 22,
  slots: 23,
  retirements: 24,
  message: 25,
  seek: 26,
  reaches: 27,
  packed: 28,
} as const;

export const BULK = [
  FrameType.envelope,
  FrameType.statePage,
  FrameType.keyList,
  FrameType.stateTail,
  FrameType.slotPage,
  FrameType.message,
] as const;

/** What a frame's chunks add up to, and what is charged to the credit. */
export type Bulk = (typeof BULK)[number];

export function isBulk(type: number): type is Bulk {
  return BULK.some((bulk) => bulk === type);
}

export class FrameError extends Error {
  override name = 'FrameError';
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

export function encodeMap(type: number, map: Record<string, unknown>): Buffer[] {
  const body = encodePlain(map);
  return [header(type, body.length), body];
}

export function encodePlain(map: Record<string, unknown>): Buffer {
  return Buffer.from(encoder.encode(map));
}

/** What travels in chunks where it is larger than a frame. */
type Divisible = Bulk | typeof FrameType.packed;

function isDivisible(type: number): type is Divisible {
  return type === FrameType.packed || isBulk(type);
}

/** Frames for an envelope or a page, or one that is packed; one unless it is large. */
export function encodeBulk(type: Divisible, bytes: Uint8Array): Uint8Array[] {
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
  try {
    return decodePlainMap(body);
  } catch (error) {
    throw error instanceof MalformedError ? new FrameError(error.message) : error;
  }
}

/** Cuts what arrives into frames. What it holds back is bounded: one frame, and the chunks of one envelope or page. */
export class FrameReader {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** Bytes that the first whole frame in `pending` takes; 4 until its length is known. */
  private wantedBytes = HEAD_BYTES;
  private parts: Buffer[] = [];
  private partsBytes = 0;

  /** Calls `take` for each whole frame; bodies are valid during the call. Throws FrameError. */
  push(bytes: Uint8Array, take: (type: number, body: Buffer) => void): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes < this.wantedBytes) {
      // a sender of single bytes must not make us copy a frame for each
      this.pending.push(Buffer.from(chunk));
      return;
    }
    const input = this.pending.length === 0 ? chunk : Buffer.concat([...this.pending, chunk]);
    const rest = input.subarray(this.cut(input, take));
    this.pending = rest.length === 0 ? [] : [Buffer.from(rest)];
    this.pendingBytes = rest.length;
  }

  /** Where the last whole frame ends. */
  private cut(input: Buffer, take: (type: number, body: Buffer) => void): number {
    let at = 0;
    for (;;) {
      this.wantedBytes = HEAD_BYTES;
      if (input.length - at < HEAD_BYTES) return at;
      const length = input.readUInt32BE(at);
      if (length < 1 || length > FRAME_BYTES_MAX + 16) throw new FrameError(`frame of ${length} bytes`);
      this.wantedBytes = HEAD_BYTES + length;
      if (input.length - at < this.wantedBytes) return at;
      const end = at + this.wantedBytes;
      this.frame(input[at + HEAD_BYTES], input.subarray(at + HEAD_BYTES + 1, end), take);
      at = end;
    }
  }

  private frame(type: number, body: Buffer, take: (type: number, body: Buffer) => void): void {
    if (type !== FrameType.chunk) {
      take(type, body);
      return;
    }
    const last = body.length > 0 && body[0] !== 0;
    // every chunk but the last is full: else chunks without an end could be of nothing
    if (body.length < 2 || (!last && body.length !== FRAME_BYTES_MAX + 1))
      throw new FrameError(`chunk of ${body.length} bytes`);
    this.partsBytes += body.length - 1;
    if (this.partsBytes > WHOLE_BYTES_MAX) throw new FrameError(`chunks of ${this.partsBytes} bytes`);
    this.parts.push(Buffer.from(body.subarray(1)));
    if (!last) return;
    if (!isDivisible(body[0])) throw new FrameError(`chunks of frame ${body[0]}`);
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    this.partsBytes = 0;
    take(body[0], whole);
  }
}

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

/** A whole number from 0 on. */
export function integerField(map: Record<string, unknown>, name: string): number {
  const value = numberField(map, name);
  if (!Number.isSafeInteger(value)) throw new FrameError(`field ${name} is no whole number`);
  return value;
}

export function bytesField(map: Record<string, unknown>, name: string): Uint8Array {
  const value = map[name];
  if (!(value instanceof Uint8Array)) throw new FrameError(`field ${name} is no bytes`);
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
      !Number.isSafeInteger(stamp) ||
      number < 0 ||
      stamp < 0
    ) {
      throw new FrameError('bad entry of a version vector');
    }
    return { replica, number: Number(number), stamp: Number(stamp) };
  });
}

/** How far a vector goes in one replica's txns. */
export function numberOf(vector: VersionVector | undefined, replica: ReplicaId): number {
  return vector?.find((entry) => entry.replica === replica)?.number ?? 0;
}
