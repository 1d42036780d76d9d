/**
 * A slice is a run of bytes inside somebody else's buffer. Commands see their arguments as slices of the
 * socket's input, and the core hands out values as slices of its arena, so no string, array or buffer is
 * made per command.
 *
 * Invariant: a slice is valid only until the call that received it returns, or until the next change of
 * whatever owns the bytes. Whoever wants to keep the bytes calls copy().
 */
export class Slice {
  bytes: Buffer;
  start: number;
  end: number;

  constructor(bytes: Buffer = EMPTY, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** A slice over the UTF-8 bytes of a text; for tests and cold paths. */
  static of(text: string): Slice {
    return new Slice(Buffer.from(text));
  }

  get length(): number {
    return this.end - this.start;
  }

  set(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return this;
  }

  /** Owned copy of the bytes. */
  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(this.start, this.end));
  }

  /** View without a copy: as short-lived as the slice itself. */
  view(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  equals(other: Slice): boolean {
    const length = this.end - this.start;
    if (other.end - other.start !== length) return false;
    for (let i = 0; i < length; i++) {
      if (this.bytes[this.start + i] !== other.bytes[other.start + i]) return false;
    }
    return true;
  }

  /** True if the bytes are the given ASCII word, whatever their case; `lower` must be lower case. */
  isWord(lower: string): boolean {
    if (this.end - this.start !== lower.length) return false;
    for (let i = 0; i < lower.length; i++) {
      let byte = this.bytes[this.start + i];
      if (byte >= 65 && byte <= 90) byte += 32;
      if (byte !== lower.charCodeAt(i)) return false;
    }
    return true;
  }

  /** One character a byte: a lossless map key for binary data. Allocates; not for hot paths. */
  latin1(): string {
    return this.bytes.toString('latin1', this.start, this.end);
  }

  text(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }
}

const EMPTY = Buffer.alloc(0);
