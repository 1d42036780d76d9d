/**
 * The request parser: bytes in, argument slices out. It knows nothing of sockets. It works in place on the buffer
 * that it is given and keeps its position inside an unfinished request, so that no byte is looked at twice however
 * the input is cut; what a request claims (lengths, counts) never makes it allocate: memory grows as bytes arrive.
 */
import { Slice } from '../core/slice.ts';

export const Parsed = { more: 0, request: 1, error: 2 } as const;
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Limits of Redis's networking.c. */
const INLINE_BYTES_MAX = 64 * 1024;
const MULTIBULK_MAX = 2147483647;
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_MAX = 16384;

const CR = 13;
const LF = 10;

export class RequestParser {
  /** Arguments of the request that parse() found; args[0..argc−1] are valid until the next call. */
  readonly args: Slice[] = [];
  argc = 0;
  /** Text of a protocol error, as Redis words it after "ERR Protocol error: ". */
  error = '';
  /** Where parsing goes on. */
  at = 0;
  authenticated = true;
  bulkLengthMax = 512 * 1024 * 1024;

  private requestStart = 0;
  private argumentsLeft = 0;
  private bulkLength = -1;

  /** First byte that is still needed. Bytes before it may be dropped, see shift(). */
  get keepFrom(): number {
    return this.argumentsLeft > 0 || this.at > this.requestStart ? this.requestStart : this.at;
  }

  /** True in the middle of a request. */
  get unfinished(): boolean {
    return this.argumentsLeft > 0;
  }

  /** The kept bytes have moved `by` bytes towards the start of (another) buffer. */
  shift(by: number): void {
    this.at -= by;
    this.requestStart -= by;
    for (let i = 0; i < this.argc; i++) {
      this.args[i].start -= by;
      this.args[i].end -= by;
    }
  }

  /** Takes the next request from bytes[at..end). */
  parse(bytes: Buffer, end: number): Parsed {
    if (this.argumentsLeft === 0) {
      this.requestStart = this.at;
      this.argc = 0;
      if (this.at >= end) return Parsed.more;
      if (bytes[this.at] !== 42) return this.parseInline(bytes, end);
      const started = this.parseCount(bytes, end);
      if (started !== Parsed.request) return started;
      if (this.argumentsLeft === 0) return this.parse(bytes, end); // "*0": nothing to answer
    }
    return this.parseBulks(bytes, end);
  }

  private parseCount(bytes: Buffer, end: number): Parsed {
    const lineEnd = bytes.indexOf(CR, this.at);
    if (lineEnd < 0 || lineEnd + 1 >= end) {
      return end - this.at > INLINE_BYTES_MAX ? this.fail('too big mbulk count string') : Parsed.more;
    }
    const count = parseLength(bytes, this.at + 1, lineEnd);
    if (Number.isNaN(count) || count > MULTIBULK_MAX) return this.fail('invalid multibulk length');
    if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !this.authenticated) return this.fail('unauthenticated multibulk length');
    this.at = lineEnd + 2;
    this.argumentsLeft = Math.max(count, 0);
    this.bulkLength = -1;
    if (count <= 0) this.requestStart = this.at;
    return Parsed.request;
  }

  private parseBulks(bytes: Buffer, end: number): Parsed {
    while (this.argumentsLeft > 0) {
      if (this.bulkLength < 0) {
        const header = this.parseBulkHeader(bytes, end);
        if (header !== Parsed.request) return header;
      }
      if (end - this.at < this.bulkLength + 2) return Parsed.more;
      const argument = this.args[this.argc] ?? this.newArgument();
      argument.set(bytes, this.at, this.at + this.bulkLength);
      this.argc++;
      this.at += this.bulkLength + 2;
      this.bulkLength = -1;
      this.argumentsLeft--;
    }
    // arguments found in earlier chunks stood in another buffer
    for (let i = 0; i < this.argc; i++) this.args[i].bytes = bytes;
    return Parsed.request;
  }

  private parseBulkHeader(bytes: Buffer, end: number): Parsed {
    const at = this.at;
    if (at >= end) return Parsed.more;
    if (bytes[at] !== 36) return this.fail(`expected '$', got '${String.fromCharCode(bytes[at])}'`);
    let lineEnd = at + 1;
    let length = 0;
    while (lineEnd < end && bytes[lineEnd] >= 48 && bytes[lineEnd] <= 57 && lineEnd - at < 12) {
      length = length * 10 + bytes[lineEnd] - 48;
      lineEnd++;
    }
    if (lineEnd + 1 >= end) {
      if (end - at > INLINE_BYTES_MAX) return this.fail('too big bulk count string');
      if (lineEnd < end && bytes[lineEnd] !== CR) return this.fail('invalid bulk length');
      return Parsed.more;
    }
    if (bytes[lineEnd] !== CR || lineEnd === at + 1 || length > this.bulkLengthMax) return this.fail('invalid bulk length');
    if (length > UNAUTHENTICATED_BULK_MAX && !this.authenticated) return this.fail('unauthenticated bulk length');
    this.at = lineEnd + 2;
    this.bulkLength = length;
    return Parsed.request;
  }

  private parseInline(bytes: Buffer, end: number): Parsed {
    const lineEnd = bytes.indexOf(LF, this.at);
    if (lineEnd < 0 || lineEnd >= end) {
      return end - this.at > INLINE_BYTES_MAX ? this.fail('too big inline request') : Parsed.more;
    }
    const stop = lineEnd > this.at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const words = splitWords(bytes, this.at, stop);
    this.at = lineEnd + 1;
    if (words === null) return this.fail('unbalanced quotes in request');
    if (words.length === 0) return this.parse(bytes, end);
    for (const word of words) {
      (this.args[this.argc] ?? this.newArgument()).set(word, 0, word.length);
      this.argc++;
    }
    return Parsed.request;
  }

  private newArgument(): Slice {
    const slice = new Slice();
    this.args.push(slice);
    return slice;
  }

  private fail(error: string): Parsed {
    this.error = error;
    return Parsed.error;
  }
}

function parseLength(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === 45;
  let at = negative ? start + 1 : start;
  if (at >= end || end - at > 10) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

const ESCAPES: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** Words of an inline request with Redis's quoting: "…" with escapes, '…' with \' only. Null: unbalanced quotes. */
export function splitWords(bytes: Buffer, start: number, end: number): Buffer[] | null {
  const words: Buffer[] = [];
  let at = start;
  const isBlank = (byte: number) => byte === 32 || (byte >= 9 && byte <= 13) || byte === 0;
  for (;;) {
    while (at < end && isBlank(bytes[at])) at++;
    if (at >= end) return words;
    const word: number[] = [];
    let quote = 0;
    for (; ; at++) {
      if (at >= end) {
        if (quote !== 0) return null;
        break;
      }
      const byte = bytes[at];
      if (quote === 0) {
        if (isBlank(byte)) break;
        if (byte === 34 || byte === 39) quote = byte;
        else word.push(byte);
      } else if (byte === 92 && quote === 34 && at + 1 < end) {
        at = readEscape(bytes, at, end, word);
      } else if (byte === 92 && quote === 39 && bytes[at + 1] === 39) {
        at++;
        word.push(39);
      } else if (byte === quote) {
        // a closing quote must be followed by a blank or the end
        if (at + 1 < end && !isBlank(bytes[at + 1])) return null;
        quote = 0;
      } else word.push(byte);
    }
    words.push(Buffer.from(word));
  }
}

/** At a backslash inside double quotes: appends what it stands for; the position of its last byte. */
function readEscape(bytes: Buffer, at: number, end: number, word: number[]): number {
  const hex = bytes[at + 1] === 120 && at + 3 < end ? bytes.toString('latin1', at + 2, at + 4) : '';
  if (/^[0-9a-fA-F]{2}$/.test(hex)) {
    word.push(Number.parseInt(hex, 16));
    return at + 3;
  }
  const letter = String.fromCharCode(bytes[at + 1]);
  word.push(ESCAPES[letter] ?? bytes[at + 1]);
  return at + 1;
}
