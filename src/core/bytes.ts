/**
 * Writing and reading packed bytes: the form of txns, cells and records. Integers are varints (7 bits a byte, up
 * to 2^53), stamps are 8-byte little-endian doubles, byte strings carry their length. A reader checks every bound
 * and throws MalformedError, so that hostile bytes end in an error and never in a wrong read.
 */
export class MalformedError extends Error {
  override name = 'MalformedError';
}

const VARINT_MAX = Number.MAX_SAFE_INTEGER;

export class ByteWriter {
  bytes: Buffer;
  at = 0;
  private view: DataView;

  constructor(capacity = 256) {
    this.bytes = Buffer.from(new ArrayBuffer(capacity));
    this.view = new DataView(this.bytes.buffer);
  }

  reset(): this {
    this.at = 0;
    return this;
  }

  /** Makes room for `more` bytes; call before raw writes to `bytes`. */
  reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = Buffer.from(new ArrayBuffer(Math.max(this.bytes.length * 2, this.at + more)));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** A whole number from 0 to 2^53 − 1. */
  varint(value: number): void {
    this.reserve(8);
    const bytes = this.bytes;
    let at = this.at;
    if (value > 0x7fffffff) {
      // the low 28 bits, as four whole groups; what is left has 25 at most
      const high = Math.floor(value / 0x10000000);
      const low = value - high * 0x10000000;
      bytes[at++] = (low & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 7) & 0x7f) | 0x80;
      bytes[at++] = ((low >>> 14) & 0x7f) | 0x80;
      bytes[at++] = (low >>> 21) | 0x80;
      value = high;
    }
    while (value > 127) {
      bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    bytes[at++] = value;
    this.at = at;
  }

  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** Length and bytes. */
  run(bytes: Uint8Array, start: number, end: number): void {
    this.varint(end - start);
    this.raw(bytes, start, end);
  }

  raw(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const into = this.bytes;
    const at = this.at;
    if (length <= 48) for (let i = 0; i < length; i++) into[at + i] = bytes[start + i];
    else into.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    this.at = at + length;
  }

  /** What was written, until the next byte is. */
  written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  /** Owned copy of what was written. */
  copy(): Buffer {
    const owned = Buffer.from(new ArrayBuffer(this.at));
    owned.set(this.bytes.subarray(0, this.at));
    return owned;
  }
}

export class ByteReader {
  bytes: Buffer;
  at: number;
  end: number;

  constructor(bytes: Buffer = EMPTY, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  set(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    return this;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    if (this.at >= this.end) throw new MalformedError(`byte wanted at ${this.at}, past the end`);
    return this.bytes[this.at++];
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 128) {
        if (value > VARINT_MAX) break;
        return value;
      }
      scale *= 128;
    }
    throw new MalformedError(`number too long at ${this.at}`);
  }

  /** A count of things that take at least `bytesEach` bytes each: refuses claims that the rest cannot hold. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach > this.end - this.at)
      throw new MalformedError(`count ${count} at ${this.at} exceeds the rest`);
    return count;
  }

  double(): number {
    if (this.at + 8 > this.end) throw new MalformedError(`double wanted at ${this.at}, past the end`);
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  /** A stamp: a double that is a whole number. 0 is none: only what may be missing has it. */
  stamp(least: 0 | 1 = 1): number {
    const value = this.double();
    if (!Number.isSafeInteger(value) || value < least) throw new MalformedError(`stamp ${value} at ${this.at}`);
    return value;
  }

  /** When something ends: a double that is a whole number from 0 on, or Infinity. */
  moment(): number {
    const value = this.double();
    if (value !== Number.POSITIVE_INFINITY && (!Number.isSafeInteger(value) || value < 0))
      throw new MalformedError(`moment ${value} at ${this.at}`);
    return value;
  }

  /** Skips a run and returns where it starts; it ends at `at`. */
  run(): number {
    const length = this.varint();
    const start = this.at;
    if (length > this.end - start) throw new MalformedError(`run of ${length} bytes at ${start} exceeds the rest`);
    this.at = start + length;
    return start;
  }

  /** Owned copy of a run. */
  runCopy(): Buffer {
    const start = this.run();
    return Buffer.from(this.bytes.subarray(start, this.at));
  }
}

const EMPTY = Buffer.alloc(0);
