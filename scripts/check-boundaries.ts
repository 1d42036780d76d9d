/**
 * Part of `npm run check`: who may import whom in src/, and that core/ stays pure. Prints `file:line what` for each
 * violation and exits with 1 if there is one.
 *
 * It reads imports with a small scanner of its own instead of a parser: source that passes the type check is regular
 * enough, and the check stays a matter of milliseconds.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

interface Rule {
  /** Our own folders that this one may import, itself included. */
  readonly ours: readonly string[];
  /** Single files elsewhere of which it may import the types. */
  readonly types?: readonly string[];
  /** True: any module of Node's own; else these only. */
  readonly builtins: true | readonly string[];
  /** True: any; else these only. */
  readonly packages: true | readonly string[];
}

/** By folder under src/. What is not named here (the composition root, the tools) may import everything but starling.ts. */
const RULES: Readonly<Record<string, Rule>> = {
  // cbor-x frames the envelope: a pure function of bytes.
  core: { ours: ['core'], builtins: [], packages: ['cbor-x'] },
  // INFO tells about the machine; ACL and DEBUG make hashes.
  commands: { ours: ['commands', 'core'], builtins: ['node:os', 'node:crypto'], packages: [] },
  resp: { ours: ['resp', 'commands', 'core'], builtins: true, packages: true },
  // Lua runs beside commands, and answers through their replies.
  scripting: {
    ours: ['scripting', 'resp', 'commands', 'core'],
    builtins: ['node:fs', 'node:module', 'node:crypto'],
    packages: [],
  },
  pubsub: { ours: ['pubsub', 'commands', 'core'], builtins: [], packages: [] },
  mesh: { ours: ['mesh', 'core'], types: ['commands/services.ts'], builtins: true, packages: true },
  store: { ours: ['store', 'core'], types: ['commands/services.ts'], builtins: true, packages: true },
};

/** Folders that these may not touch, for those that have no list of what they may. */
const BANS: Readonly<Record<string, readonly string[]>> = { config: ['mesh', 'store', 'resp'] };

/** They import nothing of ours, so anybody with a need may import them: what an older Node.js lacks, and how threads start. */
const GROUND = ['compatibility.ts', 'threads.ts'];
const COMPOSITION_ROOT = 'starling.ts';
const MAY_IMPORT_ROOT = ['cli.ts'];

/** Time, randomness and the world come into core/ as arguments. */
const IMPURE =
  /(?<![.\w$])(?:Date|setTimeout|setInterval|setImmediate|queueMicrotask|process|performance|crypto|fetch)\b(?!\s*[:?]?\s*:)|\bMath\s*\.\s*random\b/g;

/** All violations in the source folder `src`. */
export function findViolations(src: string): Violation[] {
  return sourcesOf(src).flatMap((file) => check(file, readFileSync(join(src, file), 'utf8')));
}

/** Violations of one file; `file` is its path under src/. */
export function check(file: string, source: string): Violation[] {
  const code = blankComments(source);
  const folder = file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
  const violations: Violation[] = [];
  for (const each of importsOf(code)) {
    const what = judge(file, folder, each);
    if (what !== null) violations.push({ file, line: each.line, what });
  }
  if (folder === 'core') {
    for (const match of blankStrings(code).matchAll(IMPURE)) {
      violations.push({ file, line: lineAt(code, match.index), what: `core is pure and may not use ${match[0]}` });
    }
  }
  return violations;
}

function judge(file: string, folder: string, { target, typeOnly }: Import): string | null {
  const rule = RULES[folder];
  if (target.startsWith('node:')) {
    return rule === undefined || rule.builtins === true || rule.builtins.includes(target)
      ? null
      : `${folder} may not import ${target}`;
  }
  if (!target.startsWith('.')) {
    return rule === undefined || rule.packages === true || rule.packages.includes(target)
      ? null
      : `${folder} may not import the package ${target}`;
  }
  const path = posix.normalize(posix.join(posix.dirname(file), target));
  if (path.startsWith('..')) return folder === '' ? null : `${folder} may not import ${target}`;
  if (path === COMPOSITION_ROOT && !MAY_IMPORT_ROOT.includes(file)) return `only cli.ts may import ${COMPOSITION_ROOT}`;
  const other = path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
  if (BANS[folder]?.includes(other)) return `${folder} may not import ${path}`;
  if (rule === undefined || rule.ours.includes(other)) return null;
  if (GROUND.includes(path) && folder !== 'core') return null;
  if (rule.types?.includes(path)) return typeOnly ? null : `${folder} may import only types from ${path}`;
  return `${folder} may not import ${path}`;
}

function sourcesOf(src: string): string[] {
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const statement = /\b(?:import|export)\b(\s+type\b)?(?:[^'"`;()]*?\bfrom)?\s*(['"])([^'"\n]+)\2/g;
  for (const match of code.matchAll(statement)) {
    found.push({ target: match[3], typeOnly: match[1] !== undefined, line: lineAt(code, match.index) });
  }
  for (const match of code.matchAll(/\bimport\s*\(\s*(['"])([^'"\n]+)\1/g)) {
    found.push({ target: match[2], typeOnly: false, line: lineAt(code, match.index) });
  }
  return found;
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let i = 0; i < index; i++) if (text.charCodeAt(i) === 10) line++;
  return line;
}

/** Strings first: a comment's opening in a string is none, and a quote in a comment neither. */
const TOKENS =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;

function blankComments(source: string): string {
  return source.replace(TOKENS, (token) => (/^\/[/*]/.test(token) ? blank(token) : token));
}

/** Also the text of templates, though not what stands in their `${}`. */
function blankStrings(code: string): string {
  const plain = code.replace(TOKENS, (token) => blank(token));
  return plain.replace(/`(?:\\.|[^`\\])*`/g, (template) => {
    let kept = '';
    let depth = 0;
    for (let i = 0; i < template.length; i++) {
      const opens = template[i] === '{' && (depth > 0 || template[i - 1] === '$');
      if (template[i] === '}' && depth > 0) depth--;
      kept += depth > 0 || template[i] === '\n' ? template[i] : ' ';
      if (opens) depth++;
    }
    return kept;
  });
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

function main(): number {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const violations = findViolations(join(root, 'src'));
  for (const { file, line, what } of violations) console.error(`src/${file}:${line} ${what}`);
  return violations.length > 0 ? 1 : 0;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main();
}
