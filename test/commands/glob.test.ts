import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchGlob } from '../../src/commands/glob.ts';
import { type Element, parsePattern } from './glob-elements.ts';

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  // Neighbours on both sides show whether the bounds are kept.
  const patternBytes = Buffer.from(`*]${pattern}*]-a`, 'latin1');
  const textBytes = Buffer.from(`aa${text}aa`, 'latin1');
  return matchGlob(patternBytes, 2, 2 + pattern.length, textBytes, 2, 2 + text.length, ignoreCase);
}

function slowMatch(elements: readonly Element[], text: readonly number[]): boolean {
  if (elements.length === 0) return text.length === 0;
  const [first, ...others] = elements;
  if (first === 'star') {
    return text.some((_, from) => slowMatch(others, text.slice(from))) || slowMatch(others, []);
  }
  return text.length > 0 && first(text[0]) && slowMatch(others, text.slice(1));
}

const accepted: [pattern: string, text: string][] = [
  ['*', 'anything'],
  ['a*', 'a'],
  ['h?llo', 'hallo'],
  ['h*llo', 'heeeello'],
  ['h[ae]llo', 'hello'],
  ['h[^e]llo', 'hallo'],
  ['h[a-c]llo', 'hbllo'],
  ['h[c-a]llo', 'hbllo'],
  ['a\\*b', 'a*b'],
  ['a[\\]]b', 'a]b'],
  ['[abc', 'b'],
  ['a\\', 'a\\'],
  ['[a-', '-'],
  ['**a**b**', 'xaxxbx'],
  ['[^', 'x'],
  ['', ''],
];

for (const [pattern, text] of accepted) {
  test(`${JSON.stringify(pattern)} matches ${JSON.stringify(text)}`, () => {
    assert.ok(matches(pattern, text));
  });
}

const refused: [pattern: string, text: string][] = [
  ['h?llo', 'hllo'],
  ['h[^e]llo', 'hello'],
  ['a*b', 'abc'],
  ['a\\*b', 'axb'],
  ['[', 'x'],
  ['[]', 'x'],
  ['A', 'a'],
  ['*', ''],
  ['**', ''],
  ['', 'a'],
  ['a*b*c', 'acb'],
];

for (const [pattern, text] of refused) {
  test(`${JSON.stringify(pattern)} does not match ${JSON.stringify(text)}`, () => {
    assert.not(matches(pattern, text));
  });
}

test('case is ignored where it is asked for, but not behind an escape inside a class', () => {
  assert.ok(matches('MaxMemory*', 'maxmemory-policy', true));
  assert.ok(matches('[A-C]x', 'BX', true));
  assert.ok(matches('\\A', 'a', true));
  assert.not(matches('[\\A]', 'a', true));
});

test('bytes above 127 are compared as they are', () => {
  assert.ok(matches('[\x80-\xff]\x00?', '\xe9\x00\xff'));
  assert.not(matches('\xc9', '\xe9', true));
});

test('random patterns match exactly what the slow reference matches', () => {
  const byte = fc.constantFrom(...'**?[]^-\\aAbBcz\x00\xff');
  const letter = fc.constantFrom(...'aAbBcz]-^\\[*\x00\xff');
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 9 }),
      fc.array(letter, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (patternCharacters, textCharacters, ignoreCase) => {
        const pattern = patternCharacters.join('');
        const text = textCharacters.join('');
        const expected = slowMatch(
          parsePattern(pattern, ignoreCase),
          textCharacters.map((character) => character.charCodeAt(0)),
        );
        assert.is(matches(pattern, text, ignoreCase), expected);
      },
    ),
    { numRuns: 3000 },
  );
});

test('a hostile pattern reads no more than pattern times text bytes', () => {
  let reads = 0;
  const counting = (bytes: Buffer) =>
    new Proxy(bytes, {
      get(target, property) {
        reads++;
        return Reflect.get(target, property);
      },
    });
  const pattern = Buffer.from(`${'*a'.repeat(40)}b`);
  const text = Buffer.from('a'.repeat(200));
  assert.not(matchGlob(counting(pattern), 0, pattern.length, counting(text), 0, text.length, false));
  assert.ok(reads <= 4 * pattern.length * text.length, `${reads} reads`);
});

test.run();
