/**
 * Replies as bytes: RESP2 or RESP3, straight into one buffer that grows, digit by digit, no string per reply on the
 * hot path. The session hands the filled part to its socket once a chunk of input.
 */

import { formatDouble, formatExactly } from '../commands/double.ts';
import { type Reply, ReplyOverflow } from '../commands/reply.ts';
import type { Integer } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';

/** Buffers of this size go round among all writers: a client that is not being answered holds none. */
const POOLED_BYTES = 64 * 1024;
const POOLED_BUFFERS_MAX = 16;

/** Up to so many bytes a loop is cheaper than a call into native code. */
const SHORT = 64;

const EMPTY: Buffer = Buffer.alloc(0);
const pool: Buffer[] = [];

export class ReplyWriter implements Reply {
  protocol = 2;
  /** Bytes written since the last release() or detach(). */
  at = 0;
  /** Called with the text of each error. */
  onError: (text: string) => void = ignore;
  /** About so many bytes at most; what is beyond is thrown away with all the rest. */
  limit = Number.POSITIVE_INFINITY;
  mayStop = false;
  private overflowed = false;
  private bytes: Buffer = EMPTY;

  /** What was written: a view, valid until the next write, release() or detach(). */
  filled(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  /** What was written belongs to somebody else from now on. */
  detach(): void {
    this.bytes = EMPTY;
    this.at = 0;
  }

  /** Nobody needs what was written any more. */
  release(): void {
    if (this.bytes.length === POOLED_BYTES && pool.length < POOLED_BUFFERS_MAX) pool.push(this.bytes);
    this.bytes = EMPTY;
    this.at = 0;
  }

  get isLimited(): boolean {
    return this.limit !== Number.POSITIVE_INFINITY;
  }

  /** More was written than may be. */
  get isOverLimit(): boolean {
    return this.overflowed || this.at > this.limit;
  }

  mark(): number {
    return this.at;
  }

  rewind(mark: number): void {
    this.at = mark;
  }

  ok(): void {
    this.reserve(5);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = 43;
    bytes[at++] = 79;
    bytes[at++] = 75;
    bytes[at++] = 13;
    bytes[at++] = 10;
    this.at = at;
  }

  status(text: string): void {
    this.line(43, text);
  }

  integer(value: Integer): void {
    if (typeof value === 'number') this.header(58, value);
    else this.line(58, value.toString());
  }

  flag(value: boolean): void {
    this.header(58, value ? 1 : 0);
  }

  bulk(value: Slice): void {
    const length = value.end - value.start;
    this.header(36, length);
    this.reserve(length + 2);
    const { bytes } = this;
    let { at } = this;
    const from = value.bytes;
    if (length <= SHORT) for (let i = value.start; i < value.end; i++) bytes[at++] = from[i];
    else {
      from.copy(bytes, at, value.start, value.end);
      at += length;
    }
    bytes[at++] = 13;
    bytes[at++] = 10;
    this.at = at;
  }

  bulkBytes(value: Uint8Array): void {
    this.header(36, value.length);
    this.reserve(value.length + 2);
    this.bytes.set(value, this.at);
    this.at += value.length;
    this.lineEnd();
  }

  bulkText(text: string): void {
    const length = Buffer.byteLength(text);
    this.header(36, length);
    this.reserve(length + 2);
    this.bytes.write(text, this.at, 'utf8');
    this.at += length;
    this.lineEnd();
  }

  nil(): void {
    if (this.protocol === 3) this.line(95, '');
    else this.header(36, -1);
  }

  nilArray(): void {
    if (this.protocol === 3) this.line(95, '');
    else this.header(42, -1);
  }

  array(size: number): void {
    this.header(42, size);
  }

  map(size: number): void {
    if (this.protocol === 3) this.header(37, size);
    else this.header(42, size * 2);
  }

  set(size: number): void {
    this.header(this.protocol === 3 ? 126 : 42, size);
  }

  push(size: number): void {
    this.header(this.protocol === 3 ? 62 : 42, size);
  }

  attribute(size: number): void {
    this.header(124, size);
  }

  double(value: number): void {
    this.doubleText(formatDouble(value));
  }

  exactDouble(value: number): void {
    this.doubleText(formatExactly(value));
  }

  private doubleText(text: string): void {
    if (this.protocol === 3) this.line(44, text);
    else this.bulkText(text);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.line(35, value ? 't' : 'f');
    else this.header(58, value ? 1 : 0);
  }

  verbatim(text: string): void {
    if (this.protocol !== 3) {
      this.bulkText(text);
      return;
    }
    const length = Buffer.byteLength(text) + 4;
    this.header(61, length);
    this.reserve(length + 2);
    this.at += this.bytes.write(`txt:${text}`, this.at, 'utf8');
    this.lineEnd();
  }

  verbatimBytes(format: string, value: Uint8Array): void {
    if (this.protocol !== 3) {
      this.bulkBytes(value);
      return;
    }
    this.header(61, value.length + 4);
    this.reserve(value.length + 6);
    this.at += this.bytes.write(`${format}:`, this.at, 'latin1');
    this.bytes.set(value, this.at);
    this.at += value.length;
    this.lineEnd();
  }

  bigNumber(digits: string): void {
    if (this.protocol === 3) this.line(40, digits);
    else this.bulkText(digits);
  }

  error(text: string, counted = true): void {
    if (counted) this.onError(text);
    this.line(45, /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text);
  }

  private header(type: number, value: number): void {
    this.reserve(24);
    const { bytes } = this;
    bytes[this.at++] = type;
    this.digits(value);
    bytes[this.at++] = 13;
    bytes[this.at++] = 10;
  }

  private digits(value: number): void {
    const { bytes } = this;
    let at = this.at;
    if (value < 0) {
      bytes[at++] = 45;
      value = -value;
    }
    if (value < 10) {
      bytes[at++] = 48 + value;
      this.at = at;
      return;
    }
    let width = 1;
    for (let limit = 10; value >= limit && width < 17; limit *= 10) width++;
    let place = at + width;
    const end = place;
    while (value > 0x7fffffff) {
      const quotient = Math.floor(value / 10);
      bytes[--place] = 48 + (value - quotient * 10);
      value = quotient;
    }
    while (place > at) {
      const quotient = (value / 10) | 0;
      bytes[--place] = 48 + (value - quotient * 10);
      value = quotient;
    }
    this.at = end;
  }

  private line(type: number, text: string): void {
    if (text.length <= SHORT) {
      this.shortLine(type, text);
      return;
    }
    const length = Buffer.byteLength(text);
    this.reserve(length + 3);
    this.bytes[this.at++] = type;
    this.at += this.bytes.write(text, this.at, 'utf8');
    this.lineEnd();
  }

  /** Byte by byte: cheaper than a call of Buffer.write. What is not ASCII starts over. */
  private shortLine(type: number, text: string): void {
    this.reserve(SHORT * 3 + 3);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = type;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        at = this.at + 1 + bytes.write(text, this.at + 1, 'utf8');
        break;
      }
      bytes[at++] = code;
    }
    this.at = at;
    this.lineEnd();
  }

  private lineEnd(): void {
    this.bytes[this.at++] = 13;
    this.bytes[this.at++] = 10;
  }

  private reserve(more: number): void {
    if (this.at + more > this.bytes.length) this.grow(more);
  }

  /** What writes goes on from the start of the buffer, since nobody will see it; or is broken off. */
  private overflow(): void {
    this.overflowed = true;
    this.at = 0;
    if (this.mayStop) throw new ReplyOverflow();
  }

  private grow(more: number): void {
    if (this.at + more > this.limit) this.overflow();
    const needed = this.at + more;
    if (needed <= this.bytes.length) return;
    if (needed <= POOLED_BYTES) {
      // nothing was written yet: writers have pooled buffers or bigger ones
      this.bytes = pool.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES);
      return;
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(grown, 0, 0, this.at);
    if (this.bytes.length === POOLED_BYTES && pool.length < POOLED_BUFFERS_MAX) pool.push(this.bytes);
    this.bytes = grown;
  }
}

function ignore(): void {}
