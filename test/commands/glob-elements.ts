/** A second reading of glob patterns, as plain as can be, for tests of the one that is shipped: element by element. */

/** One element of a pattern: a star, or what one byte must satisfy. */
export type Element = 'star' | ((byte: number) => boolean);

const fold = (byte: number, ignoreCase: boolean) =>
  ignoreCase
    ? String.fromCharCode(byte)
        .replace(/[A-Z]/, (letter) => letter.toLowerCase())
        .charCodeAt(0)
    : byte;

/** The pattern as a list of elements. */
export function parsePattern(pattern: string, ignoreCase: boolean): Element[] {
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
