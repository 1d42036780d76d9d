/** A listpack as it is written: what packed.ts reads. Whole numbers take their shortest form, as in Redis. */
import type { Integer } from '../../core/contract.ts';
import { parseInteger } from '../../core/integer.ts';

const HEADER_BYTES = 6;
const END = 0xff;
/** So many elements and more are not counted. */
const COUNT_UNKNOWN = 0xffff;

export class ListpackWriter {
  private readonly pieces: Buffer[] = [];
  private count = 0;
  /** Of the elements so far. */
  size = 0;

  integer(value: Integer): void {
    this.element(encodeInteger(value));
  }

  run(bytes: Buffer): void {
    const value = bytes.length <= 20 ? parseInteger(bytes, 0, bytes.length) : undefined;
    if (value !== undefined) this.integer(value);
    else this.element(Buffer.concat([textHeader(bytes.length), bytes]));
  }

  finish(): Buffer {
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32LE(HEADER_BYTES + this.size + 1, 0);
    header.writeUInt16LE(Math.min(this.count, COUNT_UNKNOWN), 4);
    return Buffer.concat([header, ...this.pieces, Buffer.from([END])]);
  }

  private element(encoded: Buffer): void {
    const back = backLength(encoded.length);
    this.pieces.push(encoded, back);
    this.size += encoded.length + back.length;
    this.count++;
  }
}

function encodeInteger(value: Integer): Buffer {
  if (typeof value === 'bigint') return wide(0xf4, 8, (bytes) => bytes.writeBigInt64LE(value, 1));
  if (value >= 0 && value < 128) return Buffer.from([value]);
  if (value >= -4096 && value < 4096) {
    const bits = value < 0 ? value + 8192 : value;
    return Buffer.from([0xc0 | (bits >> 8), bits & 0xff]);
  }
  for (const [first, width] of [
    [0xf1, 2],
    [0xf2, 3],
    [0xf3, 4],
  ]) {
    const half = 2 ** (8 * width - 1);
    if (value >= -half && value < half) return wide(first, width, (bytes) => bytes.writeIntLE(value, 1, width));
  }
  return wide(0xf4, 8, (bytes) => bytes.writeBigInt64LE(BigInt(value), 1));
}

function wide(first: number, width: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.allocUnsafe(1 + width);
  bytes[0] = first;
  write(bytes);
  return bytes;
}

function textHeader(length: number): Buffer {
  if (length < 64) return Buffer.from([0x80 | length]);
  if (length < 4096) return Buffer.from([0xe0 | (length >> 8), length & 0xff]);
  return wide(0xf0, 4, (bytes) => bytes.writeUInt32LE(length, 1));
}

/** How far it is back over an element: 7 bits a byte, the highest first, all but the first marked. */
function backLength(size: number): Buffer {
  const bytes: number[] = [];
  for (let left = size; bytes.length === 0 || left > 0; left = Math.floor(left / 128)) bytes.unshift(left % 128);
  return Buffer.from(bytes.map((byte, at) => (at === 0 ? byte : byte | 0x80)));
}
