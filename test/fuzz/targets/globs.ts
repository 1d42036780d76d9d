/** Glob patterns: a flag for case, the pattern up to the first NUL, then the text. Against a matcher that tries everything. */
import assert from 'node:assert/strict';
import { matchGlob } from '../../../src/commands/glob.ts';
import { parsePattern } from '../../commands/glob-elements.ts';
import type { Target } from '../target.ts';

let found = false;

export const target: Target = {
  name: 'globs',
  guidedBy: ['/src/commands/glob.ts'],
  // the cost is pattern times text, by design, as in Redis
  bytesMax: 8 * 1024,
  words: ['*', '?', '[', ']', '[^', '-', '\\', '[a-z]', '**', '\0'],
  seeds: () =>
    [
      ' h?llo\0hello',
      '1H*L[lm]o*\0hello world',
      ' [^a-cx]*\0dog',
      ' \\*\\\\[\\]]\0*\\]',
      ' user:*:name\0user:10:name',
      ' [z-a]\0m',
      ' [abc\0c',
      ' *a*b*c\0aabbcc',
      ' \0',
    ].map((text) => Buffer.from(text, 'latin1')),
  run(bytes) {
    const { ignoreCase, pattern, text } = partsOf(bytes);
    found = matchGlob(pattern, 0, pattern.length, text, 0, text.length, ignoreCase);
  },
  check(bytes) {
    const { ignoreCase, pattern, text } = partsOf(bytes);
    if (pattern.length * text.length > 1 << 16) return;
    assert.equal(found, text.length === 0 ? pattern.length === 0 : matches(pattern, text, ignoreCase));
  },
};

function partsOf(bytes: Buffer): { ignoreCase: boolean; pattern: Buffer; text: Buffer } {
  const nul = bytes.indexOf(0, 1);
  const end = nul < 0 ? bytes.length : nul;
  return { ignoreCase: bytes[0] === 0x31, pattern: bytes.subarray(1, end), text: bytes.subarray(end + 1) };
}

/** Row by row: whether the pattern from one element on matches the text from each of its places on. */
function matches(pattern: Buffer, text: Buffer, ignoreCase: boolean): boolean {
  let row: boolean[] = Array.from({ length: text.length + 1 }, (_, t) => t === text.length);
  for (const element of parsePattern(pattern.toString('latin1'), ignoreCase).reverse()) {
    const next: boolean[] = new Array(text.length + 1).fill(false);
    for (let t = text.length; t >= 0; t--) {
      if (element === 'star') next[t] = row[t] || (t < text.length && next[t + 1]);
      else next[t] = t < text.length && element(text[t]) && row[t + 1];
    }
    row = next;
  }
  return row[0];
}
