/** A script or library before it runs: its name, and what its first line says of it (`#!lua name=… flags=…`). */

import { LineFault, LineWords } from '../resp/inline.ts';

/** What a script says that it does without, or bears. */
export type ScriptFlag = 'no-writes' | 'allow-oom' | 'allow-stale' | 'no-cluster' | 'allow-cross-slot-keys';

const FLAGS: ReadonlySet<string> = new Set<ScriptFlag>([
  'no-writes',
  'allow-oom',
  'allow-stale',
  'no-cluster',
  'allow-cross-slot-keys',
]);

export function isScriptFlag(word: string): word is ScriptFlag {
  return FLAGS.has(word);
}

/** A script of EVAL. */
export interface Script {
  readonly sha: string;
  /** Without its first line if that is a shebang: the line is empty then, so that others keep their numbers. */
  readonly body: Buffer;
  /** Null: no shebang; such a script may do all, and is judged command by command. */
  readonly flags: ReadonlySet<ScriptFlag> | null;
}

/** The first line of a script: null if it is none, or what is wrong with it. */
export function parseScript(sha: string, source: Buffer): Script | { readonly error: string } {
  if (source[0] !== 0x23 || source[1] !== 0x21) return { sha, body: source, flags: null };
  const { words, rest, error } = shebang(source);
  if (error !== null) return { error };
  if (words[0] !== 'lua') return { error: `ERR Unexpected engine in script shebang: #!${words[0]}` };
  const flags = new Set<ScriptFlag>();
  for (const word of words.slice(1)) {
    if (!word.startsWith('flags=')) return { error: `ERR Unknown lua shebang option: ${word}` };
    for (const flag of word.slice('flags='.length).split(',')) {
      if (flag === '') continue;
      if (!isScriptFlag(flag)) return { error: `ERR Unexpected flag in script shebang: ${flag}` };
      flags.add(flag);
    }
  }
  return { sha, body: rest, flags };
}

/** The words of the first line, `#!` not among them, and what stands behind it, line end included. */
export function shebang(source: Buffer): { words: string[]; rest: Buffer; error: string | null } {
  const end = source.indexOf(10);
  if (end < 0) return { words: [], rest: source, error: 'ERR Invalid script shebang' };
  const line = new LineWords();
  if (line.split(source, 0, end) !== LineFault.none)
    return { words: [], rest: source, error: 'ERR Invalid script shebang' };
  const { bytes, ends, count } = line;
  const words = Array.from({ length: count }, (_, at) =>
    bytes.toString('latin1', at === 0 ? 2 : ends[at - 1], ends[at]),
  );
  return { words, rest: source.subarray(end), error: null };
}
