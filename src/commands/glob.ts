/**
 * Redis's glob patterns over bytes: `*`, `?`, `[a-c]`, `[^x]` and `\` as an escape, with the readings that
 * Redis gives to malformed ones (an unclosed class ends with the pattern, a trailing backslash is itself).
 * KEYS, the SCAN family, CONFIG GET and pattern subscriptions decide with it.
 *
 * Flat and without allocations, since KEYS runs it for every key. The cost is at most pattern × text: only the
 * last `*` is ever tried again, because an earlier one that takes more leaves less for everything after it.
 */

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;

/**
 * True if the whole text matches the whole pattern. As in Redis an empty text matches only an empty pattern:
 * callers for which `*` means "all" say so themselves.
 */
export function matchGlob(
  pattern: Uint8Array,
  patternStart: number,
  patternEnd: number,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
  ignoreCase: boolean,
): boolean {
  if (textStart === textEnd) return patternStart === patternEnd;
  let p = patternStart;
  let t = textStart;
  let afterStar = -1;
  let starText = 0;
  while (t < textEnd) {
    if (p < patternEnd) {
      if (pattern[p] === STAR) {
        p = skipStars(pattern, p, patternEnd);
        if (p === patternEnd) return true;
        afterStar = p;
        starText = t;
      }
      const next = matchElement(pattern, p, patternEnd, text[t], ignoreCase);
      if (next > 0) {
        p = next;
        t++;
        continue;
      }
    }
    if (afterStar < 0) return false;
    starText++;
    p = afterStar;
    t = starText;
  }
  // A star that never found its place has walked off the text; what follows it is still unmatched then.
  return skipStars(pattern, p, patternEnd) === patternEnd;
}

function skipStars(pattern: Uint8Array, position: number, end: number): number {
  let p = position;
  while (p < end && pattern[p] === STAR) p++;
  return p;
}

/** Tries one element (not a star) on one byte: where the next element begins, or 0 if it does not match. */
function matchElement(pattern: Uint8Array, p: number, end: number, byte: number, ignoreCase: boolean): number {
  const first = pattern[p];
  if (first === QUESTION) return p + 1;
  if (first === OPEN) return matchClass(pattern, p + 1, end, byte, ignoreCase);
  const at = first === BACKSLASH && p + 1 < end ? p + 1 : p;
  const same = ignoreCase ? lower(pattern[at]) === lower(byte) : pattern[at] === byte;
  return same ? at + 1 : 0;
}

/** `start` is behind the opening bracket. An escaped byte in a class counts as written, even where case is ignored. */
function matchClass(pattern: Uint8Array, start: number, end: number, byte: number, ignoreCase: boolean): number {
  const negated = start < end && pattern[start] === CARET;
  let p = negated ? start + 1 : start;
  let found = false;
  while (p < end && pattern[p] !== CLOSE) {
    if (pattern[p] === BACKSLASH && p + 1 < end) {
      p++;
      if (pattern[p] === byte) found = true;
    } else if (p + 2 < end && pattern[p + 1] === DASH) {
      if (inRange(pattern[p], pattern[p + 2], byte, ignoreCase)) found = true;
      p += 2;
    } else if (ignoreCase ? lower(pattern[p]) === lower(byte) : pattern[p] === byte) {
      found = true;
    }
    p++;
  }
  if (found === negated) return 0;
  return p < end ? p + 1 : end;
}

function inRange(from: number, to: number, byte: number, ignoreCase: boolean): boolean {
  const low = Math.min(from, to);
  const high = Math.max(from, to);
  if (!ignoreCase) return byte >= low && byte <= high;
  const letter = lower(byte);
  return letter >= lower(low) && letter <= lower(high);
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
