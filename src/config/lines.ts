/** The words of a line of redis.conf, and the way back: a word in the quotes that it needs. */

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const ESCAPED = new Map(Object.entries(ESCAPES).map(([letter, character]) => [character, `\\${letter}`]));
const WORD = /(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']\S*)(?=\s|$)/y;
const BLANKS = /\s*/y;

/** Words of a config line, quotes taken off; none for a comment; null if a quote is open or text follows it at once. */
export function splitLine(line: string): string[] | null {
  const words: string[] = [];
  const text = line.trim();
  if (text.startsWith('#')) return words;
  for (let at = 0; at < text.length; ) {
    const end = endOf(WORD, text, at);
    if (end < 0) return null;
    words.push(unquoted(text.slice(at, end)));
    at = endOf(BLANKS, text, end);
  }
  return words;
}

/** Where the match that begins at `at` ends; −1 if there is none. Makes nothing, as exec() would for each word. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function unquoted(word: string): string {
  if (word.startsWith('"')) return unescaped(word.slice(1, -1));
  return word.startsWith("'") ? word.slice(1, -1).replaceAll("\\'", "'") : word;
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
