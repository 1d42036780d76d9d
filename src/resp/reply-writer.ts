/**
 * Replies as bytes: RESP2 or RESP3, straight into one buffer that grows, digit by digit, no string per reply on the
 * hot path. The session hands the filled part to its socket once a chunk of input.
 */
import type { Reply } from '../commands/reply.ts';
import type { Integer } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';

const INITIAL_BYTES = 16 * 1024;
/** A buffer that grew past this is not kept for the next turn. */
const KEPT_BYTES_MAX = 256 * 1024;

export class ReplyWriter implements Reply {
  protocol = 2;
  bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  at = 0;
  /** Called with the prefix of each error ("ERR"). */
  onError: (text: string) => void = () => {};

  /** The filled part is somebody else's now: the next reply starts a buffer of its own. */
  detach(): void {
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.at = 0;
  }

  /** The filled part has been sent: the buffer is used again. */
  clear(): void {
    this.at = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
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
    if (length <= 64) for (let i = value.start; i < value.end; i++) bytes[at++] = from[i];
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

  double(value: number): void {
    const text = formatDouble(value);
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

  bigNumber(digits: string): void {
    if (this.protocol === 3) this.line(40, digits);
    else this.bulkText(digits);
  }

  error(text: string): void {
    this.onError(text);
    this.line(45, text.replace(/[\r\n]/g, ' '));
  }

  /** Bytes that are a reply already (a held or replayed one). */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
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
    const length = Buffer.byteLength(text);
    this.reserve(length + 3);
    this.bytes[this.at++] = type;
    this.at += this.bytes.write(text, this.at, 'utf8');
    this.lineEnd();
  }

  private lineEnd(): void {
    this.bytes[this.at++] = 13;
    this.bytes[this.at++] = 10;
  }

  private reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + more));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }
}

/** As Redis prints doubles: inf, -inf, nan, whole numbers without a point, else up to 17 significant digits. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  // JS changes to exponents at 1e21 and 1e-7, C's %.17g at 1e17 and 1e-5
  const exponent = /^(-?)(\d)(?:\.(\d+))?e([+-])(\d+)$/.exec(text);
  if (exponent === null) return text;
  const [, sign, lead, rest = '', direction, size] = exponent;
  return `${sign}${lead}${rest === '' ? '' : `.${rest}`}e${direction}${size.padStart(2, '0')}`;
}
