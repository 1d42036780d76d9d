import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchGlob } from '../../src/commands/glob.ts';

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  // Neighbours on both sides show whether the bounds are kept.
  const patternBytes = Buffer.from(`*]${pattern}*]-a`, 'latin1');
  const textBytes = Buffer.from(`aa${text}aa`, 'latin1');
  return matchGlob(patternBytes, 2, 2 + pattern.length, textBytes, 2, 2 + text.length, ignoreCase);
}

/** One element of a pattern: a star, or what one byte must satisfy. */
type Element = 'star' | ((byte: number) => boolean);

const fold = (byte: number, ignoreCase: boolean) =>
  ignoreCase
    ? String.fromCharCode(byte)
        .replace(/[A-Z]/, (letter) => letter.toLowerCase())
        .charCodeAt(0)
    : byte;

/** The reference: reads the pattern into elements first, then tries every length for every star. */
function parsePattern(pattern: string, ignoreCase: boolean): Element[] {
  const elements: Element[] = [];
  let rest = [...pattern].map((character) => character.charCodeAt(0));
  const literal = (wanted: number) => (byte: number) => fold(wanted, ignoreCase) === fold(byte, ignoreCase);
  while (rest.length > 0) {
    const [first, second] = rest;
    if (first === 42) elements.push('star');
    else if (first === 63) elements.push(() => true);
    else if (first === 92 && second !== undefined) {
      elements.push(literal(second));
      rest = rest.slice(1);
    } else if (first === 91) {
      const [accepts, after] = parseClass(rest.slice(1), ignoreCase);
      elements.push(accepts);
      rest = after;
      continue;
    } else elements.push(literal(first));
    rest = rest.slice(1);
  }
  return elements;
}

function parseClass(rest: number[], ignoreCase: boolean): [(byte: number) => boolean, number[]] {
  const negated = rest[0] === 94;
  if (negated) rest = rest.slice(1);
  const accepted: ((byte: number) => boolean)[] = [];
  while (rest.length > 0 && rest[0] !== 93) {
    const [first, second, third] = rest;
    if (first === 92 && rest.length >= 2) {
      accepted.push((byte) => byte === second);
      rest = rest.slice(2);
    } else if (rest.length >= 3 && second === 45) {
      const ends = [first, third].sort((a, b) => a - b).map((byte) => fold(byte, ignoreCase));
      accepted.push((byte) => fold(byte, ignoreCase) >= ends[0] && fold(byte, ignoreCase) <= ends[1]);
      rest = rest.slice(3);
    } else {
      accepted.push((byte) => fold(byte, ignoreCase) === fold(first, ignoreCase));
      rest = rest.slice(1);
    }
  }
  return [(byte) => accepted.some((accepts) => accepts(byte)) !== negated, rest.slice(1)];
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
