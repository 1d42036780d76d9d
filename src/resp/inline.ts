/** Inline requests: a line of words, as people type them into a raw connection, with Redis's quoting. */

const BACKSLASH = 92;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const EMPTY = Buffer.alloc(0);
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** What one line may have of them: each costs its argument, and a line can be nothing but letters and blanks. */
const WORDS_MAX = 8 * 1024;
/** What is longer is given back after its line. */
const WORDS_BEGUN = 8;
const WORDS_KEPT = 1024;
const BYTES_KEPT = 16 * 1024;

export const LineFault = { none: 0, quotes: 1, words: 2 } as const;
export type LineFault = (typeof LineFault)[keyof typeof LineFault];

/** The words of a line, unquoted, in memory that is used again for the next one. */
export class LineWords {
  /** Word i is bytes[ends[i − 1]..ends[i]), the first one begins at 0. */
  bytes: Buffer = EMPTY;
  ends = new Uint32Array(WORDS_BEGUN);
  count = 0;
  private at = 0;

  /**
   * Splits bytes[start..end): plain words, "…" with escapes, or '…' in which only \' is one. A NUL ends the line, as
   * where lines are C strings.
   */
  split(bytes: Buffer, start: number, end: number): LineFault {
    this.count = 0;
    this.at = 0;
    if (this.bytes.length > BYTES_KEPT) this.bytes = EMPTY;
    if (this.ends.length > WORDS_KEPT) this.ends = new Uint32Array(WORDS_BEGUN);
    let stop = start;
    while (stop < end && bytes[stop] !== 0) stop++;
    end = stop;
    for (let at = start; ; ) {
      while (at < end && isBlank(bytes[at])) at++;
      if (at >= end) return LineFault.none;
      // no word is longer than it is quoted
      if (this.bytes.length < end - start) this.bytes = Buffer.allocUnsafe(end - start);
      at = readWord(bytes, at, end, this);
      if (at < 0) return LineFault.quotes;
      if (this.count === WORDS_MAX) return LineFault.words;
      if (this.count === this.ends.length) this.grow();
      this.ends[this.count++] = this.at;
    }
  }

  private grow(): void {
    const grown = new Uint32Array(this.ends.length * 2);
    grown.set(this.ends);
    this.ends = grown;
  }

  push(byte: number): void {
    this.bytes[this.at++] = byte;
  }
}

/** Where the word ends; −1 if a quote is not closed, or closed in the middle of a word. */
function readWord(bytes: Buffer, at: number, end: number, word: LineWords): number {
  let quote = 0;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (quote === 0) {
      if (isSeparator(byte)) return at;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte;
      else word.push(byte);
    } else if (byte === BACKSLASH && quote === DOUBLE_QUOTE && at + 1 < end) {
      at = readEscape(bytes, at, end, word);
    } else if (byte === BACKSLASH && quote === SINGLE_QUOTE && at + 1 < end && bytes[at + 1] === SINGLE_QUOTE) {
      at++;
      word.push(SINGLE_QUOTE);
    } else if (byte === quote) {
      return at + 1 < end && !isBlank(bytes[at + 1]) ? -1 : at + 1;
    } else word.push(byte);
  }
  return quote === 0 ? at : -1;
}

/** At a backslash inside double quotes: appends what it stands for; the position of its last byte. */
function readEscape(bytes: Buffer, at: number, end: number, word: LineWords): number {
  if (bytes[at + 1] === 120 && at + 3 < end) {
    const high = hexValue(bytes[at + 2]);
    const low = hexValue(bytes[at + 3]);
    if (high >= 0 && low >= 0) {
      word.push(high * 16 + low);
      return at + 3;
    }
  }
  word.push(ESCAPES[String.fromCharCode(bytes[at + 1])] ?? bytes[at + 1]);
  return at + 1;
}

/** −1 for what is no hexadecimal digit. */
function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Ends a word; vertical tabs and form feeds do not, though they are skipped before one. */
function isSeparator(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13;
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
