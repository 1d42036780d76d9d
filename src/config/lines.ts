/** The words of a line of redis.conf, and the way back: a word in the quotes that it needs. */

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const ESCAPED = new Map(Object.entries(ESCAPES).map(([letter, character]) => [character, `\\${letter}`]));
const WORD = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']\S*))(?:\s+|$)/;

/** Words of a config line, quotes taken off; none for a comment; null if a quote is open or text follows it at once. */
export function splitLine(line: string): string[] | null {
  const words: string[] = [];
  let rest = line.trim();
  if (rest.startsWith('#')) return words;
  while (rest !== '') {
    const match = WORD.exec(rest);
    if (match === null) return null;
    const [whole, doubly, singly, bare] = match;
    words.push(bare ?? (singly === undefined ? unescaped(doubly) : singly.replaceAll("\\'", "'")));
    rest = rest.slice(whole.length);
  }
  return words;
}

/** One word of a line, such that splitLine gives it back. */
export function quote(word: string): string {
  if (word !== '' && !/[\s"'#\\]/.test(word) && !hasControl(word)) return word;
  const inner = [...word].map((character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    if (!hasControl(character)) return character;
    return ESCAPED.get(character) ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${inner.join('')}"`;
}

function unescaped(quoted: string): string {
  return quoted.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function hasControl(text: string): boolean {
  for (const character of text) if (character < ' ' || character === '\x7f') return true;
  return false;
}
