/**
 * The request parser: bytes in, argument slices out. It knows nothing of sockets. It works in place on the buffer
 * that it is given and keeps its position inside an unfinished request, so that no argument is looked at twice
 * however the input is cut; what a request claims (lengths, counts) never makes it allocate: memory grows as bytes
 * arrive. Like Redis it takes the two bytes after an argument for CR LF without looking.
 */
import { parseInteger } from '../core/integer.ts';
import { Slice } from '../core/slice.ts';
import { LineFault, LineWords } from './inline.ts';

export const Parsed = { more: 0, request: 1, error: 2 } as const;
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Limits of Redis's networking.c: of a line, of a request's arguments, and of both before AUTH. */
const LINE_BYTES_MAX = 64 * 1024;
const ARGUMENTS_MAX = 2147483647;
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_MAX = 16384;
/** So many argument slices are kept for the next request. */
const ARGUMENTS_KEPT = 1024;

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;

/** What readNumber() answers instead of a number. */
const INCOMPLETE = Number.POSITIVE_INFINITY;
const INVALID = Number.NaN;

export class RequestParser {
  /** Arguments of the request that parse() found; args[0..argc−1] are valid until the next call. */
  args: Slice[] = [];
  argc = 0;
  /** Text of a protocol error, as Redis words it after "ERR Protocol error: ". */
  error = '';
  /** Where parsing goes on. */
  at = 0;
  /** False: the limits of clients that must still give their password hold. */
  trusted = true;
  bulkLengthMax = 512 * 1024 * 1024;

  private requestStart = 0;
  private argumentsLeft = 0;
  private bulkLength = -1;
  private readonly line = new LineWords();

  /** First byte that is still needed: the bytes before it may be dropped, see shift(). */
  get keepFrom(): number {
    return this.argumentsLeft > 0 ? this.requestStart : this.at;
  }

  /** Up to where the unfinished request needs bytes, as far as it is known. */
  get wantsUpTo(): number {
    return this.argumentsLeft > 0 && this.bulkLength >= 0 ? this.at + this.bulkLength + 2 : 0;
  }

  /** The kept bytes have moved `by` bytes towards the start of (another) buffer. */
  shift(by: number): void {
    this.at -= by;
    this.requestStart -= by;
    if (this.argumentsLeft === 0) {
      if (this.args.length > ARGUMENTS_KEPT) this.args.length = ARGUMENTS_KEPT;
      return;
    }
    for (let i = 0; i < this.argc; i++) {
      this.args[i].start -= by;
      this.args[i].end -= by;
    }
  }

  /** Takes back the request that parse() has just found: it will be found again. */
  unread(): void {
    this.at = this.requestStart;
    this.argc = 0;
  }

  /** Takes the next request from bytes[at..end). After an error the input is of no use any more. */
  parse(bytes: Buffer, end: number): Parsed {
    if (this.argumentsLeft > 0) {
      // what was found of this request stood in another buffer
      for (let i = 0; i < this.argc; i++) this.args[i].bytes = bytes;
    }
    while (this.argumentsLeft === 0) {
      this.requestStart = this.at;
      this.argc = 0;
      if (this.at >= end) return Parsed.more;
      if (bytes[this.at] === STAR) {
        const found = this.takeCount(bytes, end);
        if (found !== Parsed.request) return found;
      } else {
        const found = this.takeInline(bytes, end);
        if (found !== Parsed.request || this.argc > 0) return found;
      }
    }
    return this.takeArguments(bytes, end);
  }

  private takeCount(bytes: Buffer, end: number): Parsed {
    const count = this.readNumber(bytes, end);
    if (count === INCOMPLETE) {
      return end - this.at > LINE_BYTES_MAX && !hasCarriageReturn(bytes, this.at, end)
        ? this.fail('too big mbulk count string')
        : Parsed.more;
    }
    if (!(count <= ARGUMENTS_MAX)) return this.fail('invalid multibulk length');
    if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !this.trusted) return this.fail('unauthenticated multibulk length');
    this.argumentsLeft = Math.max(count, 0);
    this.bulkLength = -1;
    return Parsed.request;
  }

  private takeArguments(bytes: Buffer, end: number): Parsed {
    while (this.argumentsLeft > 0) {
      if (this.bulkLength < 0) {
        const header = this.takeBulkHeader(bytes, end);
        if (header !== Parsed.request) return header;
      }
      const start = this.at;
      const stop = start + this.bulkLength;
      if (end < stop + 2) return Parsed.more;
      const argument = this.argc < this.args.length ? this.args[this.argc] : this.newArgument();
      argument.bytes = bytes;
      argument.start = start;
      argument.end = stop;
      this.argc++;
      this.at = stop + 2;
      this.bulkLength = -1;
      this.argumentsLeft--;
    }
    return Parsed.request;
  }

  private takeBulkHeader(bytes: Buffer, end: number): Parsed {
    if (this.at >= end) return Parsed.more;
    if (bytes[this.at] !== DOLLAR) return this.refuseType(bytes, end);
    const length = this.readNumber(bytes, end);
    if (length === INCOMPLETE) {
      return end - this.at > LINE_BYTES_MAX && !hasCarriageReturn(bytes, this.at, end)
        ? this.fail('too big bulk count string')
        : Parsed.more;
    }
    if (!(length >= 0 && length <= this.bulkLengthMax)) return this.fail('invalid bulk length');
    if (length > UNAUTHENTICATED_BULK_MAX && !this.trusted) return this.fail('unauthenticated bulk length');
    this.bulkLength = length;
    return Parsed.request;
  }

  /** Like Redis, only when the line is complete. */
  private refuseType(bytes: Buffer, end: number): Parsed {
    const length = bytes.subarray(this.at, end).indexOf(CR);
    if (length >= 0 && this.at + length + 1 < end) {
      return this.fail(`expected '$', got '${String.fromCharCode(bytes[this.at])}'`);
    }
    return length < 0 && end - this.at > LINE_BYTES_MAX ? this.fail('too big bulk count string') : Parsed.more;
  }

  /** The number between the type byte at `at` and CR LF, whose end becomes the new `at`; or INCOMPLETE, INVALID. */
  private readNumber(bytes: Buffer, end: number): number {
    const start = this.at + 1;
    let at = start;
    let value = 0;
    while (at < end) {
      const digit = bytes[at] - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    const width = at - start;
    if (width > 0 && width < 15 && at + 1 < end && bytes[at] === CR && (bytes[start] !== 48 || width === 1)) {
      this.at = at + 2;
      return value;
    }
    return this.readOddNumber(bytes, end);
  }

  /** Negative ones, malformed ones, and lines that are not complete. */
  private readOddNumber(bytes: Buffer, end: number): number {
    const start = this.at + 1;
    const length = bytes.subarray(start, end).indexOf(CR);
    if (length < 0 || start + length + 1 >= end) return INCOMPLETE;
    this.at = start + length + 2;
    const value = parseInteger(bytes, start, start + length);
    return value === undefined ? INVALID : Number(value);
  }

  private takeInline(bytes: Buffer, end: number): Parsed {
    const lineEnd = bytes.indexOf(LF, this.at);
    if (lineEnd < 0 || lineEnd >= end)
      return end - this.at > LINE_BYTES_MAX ? this.fail('too big inline request') : Parsed.more;
    const stop = lineEnd > this.at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const { line } = this;
    const fault = line.split(bytes, this.at, stop);
    this.at = lineEnd + 1;
    if (fault === LineFault.quotes) return this.fail('unbalanced quotes in request');
    if (fault === LineFault.words) return this.fail('too big inline request');
    for (let start = 0; this.argc < line.count; this.argc++) {
      const argument = this.argc < this.args.length ? this.args[this.argc] : this.newArgument();
      const wordEnd = line.ends[this.argc];
      argument.set(line.bytes, start, wordEnd);
      start = wordEnd;
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

function hasCarriageReturn(bytes: Buffer, start: number, end: number): boolean {
  return bytes.subarray(start, end).includes(CR);
}
