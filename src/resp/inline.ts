/** Inline requests: a line of words, as people type them into a raw connection, with Redis's quoting. */

const BACKSLASH = 92;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/**
 * The words of bytes[start..end): plain, "…" with escapes, or '…' in which only \' is one. A NUL ends the line, as
 * where lines are C strings. Null: unbalanced quotes.
 */
export function splitWords(bytes: Buffer, start: number, end: number): Buffer[] | null {
  const nul = bytes.subarray(start, end).indexOf(0);
  if (nul >= 0) end = start + nul;
  const words: Buffer[] = [];
  let at = start;
  for (;;) {
    while (at < end && isBlank(bytes[at])) at++;
    if (at >= end) return words;
    const word: number[] = [];
    at = readWord(bytes, at, end, word);
    if (at < 0) return null;
    words.push(Buffer.from(word));
  }
}

/** Where the word ends; −1 if a quote is not closed, or closed in the middle of a word. */
function readWord(bytes: Buffer, at: number, end: number, word: number[]): number {
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
function readEscape(bytes: Buffer, at: number, end: number, word: number[]): number {
  const hex = bytes[at + 1] === 120 && at + 3 < end ? bytes.toString('latin1', at + 2, at + 4) : '';
  if (/^[0-9a-fA-F]{2}$/.test(hex)) {
    word.push(Number.parseInt(hex, 16));
    return at + 3;
  }
  word.push(ESCAPES[String.fromCharCode(bytes[at + 1])] ?? bytes[at + 1]);
  return at + 1;
}

/** Ends a word; vertical tabs and form feeds do not, though they are skipped before one. */
function isSeparator(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13;
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
