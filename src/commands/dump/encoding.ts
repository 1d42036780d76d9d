/** How an RDB value spells lengths, strings and numbers: written, and read with every bound checked. */
import type { Integer } from '../../core/contract.ts';
import { narrow } from '../../core/integer.ts';
import { Slice } from '../../core/slice.ts';
import { parseDouble } from '../arguments.ts';
import { listpackElements, lzfDecompress, PayloadError } from './packed.ts';

export function encodeLength(length: Integer): Buffer {
  if (typeof length === 'bigint' || length > 0xffffffff) {
    const bytes = Buffer.allocUnsafe(9);
    bytes[0] = 0x81;
    bytes.writeBigUInt64BE(BigInt(length), 1);
    return bytes;
  }
  if (length < 64) return Buffer.from([length]);
  if (length < 16384) return Buffer.from([0x40 | (length >> 8), length & 0xff]);
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = 0x80;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** A string: its length, and its bytes. */
export function encodeRun(bytes: Buffer): [Buffer, Buffer] {
  return [encodeLength(bytes.length), bytes];
}

/** NaN for what is none. */
export function scoreOf(text: Buffer): number {
  return parseDouble(new Slice(text)) ?? Number.NaN;
}

const QuicklistNode = { plain: 1, packed: 2 } as const;

/** What the two highest bits of a length say where they are both set: how the string is encoded. */
const Encoding = { int8: 0, int16: 1, int32: 2, lzf: 3 } as const;

export class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    return this.take(1)[0];
  }

  /** u64, little-endian. */
  word(): number {
    return Number(this.take(8).readBigUInt64LE(0));
  }

  double(): number {
    return this.take(8).readDoubleLE(0);
  }

  /** The old form: one byte for its length, or for what has no digits; then text. */
  textDouble(): number {
    const length = this.byte();
    if (length === 253) return Number.NaN;
    if (length >= 254) return length === 254 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return scoreOf(this.take(length));
  }

  length(): number {
    const { length, encoding } = this.head();
    if (encoding !== null) throw new PayloadError('an encoding in place of a length');
    return length;
  }

  /** A length of which every bit counts, as in ids. */
  integer(): Integer {
    if (this.bytes[this.at] !== 0x81) return this.length();
    this.at++;
    return narrow(this.take(8).readBigUInt64BE(0));
  }

  run(): Buffer {
    const { length, encoding } = this.head();
    if (encoding === null) return this.take(length);
    switch (encoding) {
      case Encoding.int8:
        return Buffer.from(String(this.take(1).readInt8(0)));
      case Encoding.int16:
        return Buffer.from(String(this.take(2).readInt16LE(0)));
      case Encoding.int32:
        return Buffer.from(String(this.take(4).readInt32LE(0)));
      case Encoding.lzf: {
        const packed = this.length();
        const whole = this.length();
        return lzfDecompress(this.take(packed), whole);
      }
      default:
        throw new PayloadError(`string encoding ${encoding}`);
    }
  }

  list(count: number): Buffer[] {
    const list: Buffer[] = [];
    // a count alone makes no memory: each element takes a byte at least
    if (count > this.bytes.length - this.at) throw new PayloadError('cut short');
    for (let i = 0; i < count; i++) list.push(this.run());
    return list;
  }

  /** The elements of all nodes of a quicklist, one after the other. */
  nodes(read: () => Buffer[]): Buffer[] {
    const elements: Buffer[] = [];
    for (let left = this.length(); left > 0; left--) for (const element of read()) elements.push(element);
    return elements;
  }

  /** One large element, or a listpack of several. */
  quicklistNode(): Buffer[] {
    const kind = this.length();
    if (kind === QuicklistNode.plain) return [this.run()];
    if (kind !== QuicklistNode.packed) throw new PayloadError(`a node of kind ${kind}`);
    return listpackElements(this.run());
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new PayloadError('something behind the value');
  }

  private head(): { length: number; encoding: number | null } {
    const first = this.byte();
    switch (first >> 6) {
      case 0:
        return { length: first, encoding: null };
      case 1:
        return { length: ((first & 0x3f) << 8) | this.byte(), encoding: null };
      case 2:
        if (first === 0x80) return { length: this.take(4).readUInt32BE(0), encoding: null };
        if (first === 0x81) return { length: Number(this.take(8).readBigUInt64BE(0)), encoding: null };
        throw new PayloadError(`length ${first}`);
      default:
        return { length: 0, encoding: first & 0x3f };
    }
  }

  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw new PayloadError('cut short');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
