/**
 * Where settings come from: flags, environment, config file, in this order of strength. Each gives (name, value)
 * pairs; an error names what is wrong and, for an unknown name, the nearest known one.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { findDirective, nearestDirective } from './directives.ts';

export class ConfigError extends Error {
  override name = 'ConfigError';
}

export interface Setting {
  name: string;
  value: string;
  /** For errors: "--prot", "line 3 of x.conf", "STARLING_PORT". */
  from: string;
}

export interface Request {
  settings: Setting[];
  help: boolean;
  version: boolean;
  checkConfig: boolean;
  configFile: string;
}

/** redis-server's forms: an optional config file first, then `--name value …`, `--name=value`, `--no-name`. */
export function parseFlags(argv: readonly string[]): Request {
  const request: Request = { settings: [], help: false, version: false, checkConfig: false, configFile: '' };
  let at = 0;
  if (argv.length > 0 && !argv[0].startsWith('-')) request.configFile = argv[at++];
  while (at < argv.length) {
    const flag = argv[at++];
    if (flag === '--help' || flag === '-h') request.help = true;
    else if (flag === '--version' || flag === '-v') request.version = true;
    else if (flag === '--check-config') request.checkConfig = true;
    else if (!flag.startsWith('--')) throw new ConfigError(`unexpected argument '${flag}'; options begin with --`);
    else at = takeFlag(flag, argv, at, request);
  }
  return request;
}

function takeFlag(flag: string, argv: readonly string[], at: number, request: Request): number {
  const equals = flag.indexOf('=');
  const name = (equals < 0 ? flag.slice(2) : flag.slice(2, equals)).toLowerCase();
  if (
    equals < 0 &&
    name.startsWith('no-') &&
    findDirective(name) === undefined &&
    findDirective(name.slice(3))?.type.kind === 'boolean'
  ) {
    request.settings.push({ name: name.slice(3), value: 'no', from: flag });
    return at;
  }
  const values: string[] = [];
  if (equals >= 0) values.push(flag.slice(equals + 1));
  else while (at < argv.length && !argv[at].startsWith('--')) values.push(argv[at++]);
  if (name === 'config') {
    request.configFile = values.join(' ');
    return at;
  }
  const directive = findDirective(name);
  if (directive === undefined) throw new ConfigError(unknown(name, flag));
  if (values.length === 0) {
    if (directive.type.kind !== 'boolean') throw new ConfigError(`${flag} needs a value`);
    values.push('yes');
  }
  request.settings.push({ name, value: values.join(' '), from: flag });
  return at;
}

export function readEnvironment(environment: NodeJS.ProcessEnv): Setting[] {
  const settings: Setting[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('STARLING_') || value === undefined) continue;
    const name = variable.slice('STARLING_'.length).toLowerCase().replaceAll('_', '-');
    if (findDirective(name) === undefined) throw new ConfigError(unknown(name, `environment variable ${variable}`));
    settings.push({ name, value, from: variable });
  }
  return settings;
}

/** redis.conf's form: `name value …`, quotes, comments, `include FILE`. */
export function readConfigFile(path: string, depth = 0): Setting[] {
  if (depth > 16) throw new ConfigError(`${path}: includes go more than 16 deep`);
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read config file ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const settings: Setting[] = [];
  content.split(/\r?\n/).forEach((line, index) => {
    const words = splitLine(line.trim());
    const from = `line ${index + 1} of ${path}`;
    if (words === null) throw new ConfigError(`${from}: unbalanced quotes: '${line.trim()}'`);
    if (words.length === 0) return;
    const [name, ...values] = words;
    if (name.toLowerCase() === 'include') {
      for (const each of values) settings.push(...readConfigFile(resolve(dirname(path), each), depth + 1));
      return;
    }
    if (findDirective(name) === undefined) throw new ConfigError(`${unknown(name, from)}: '${line.trim()}'`);
    if (values.length === 0) throw new ConfigError(`${from}: ${name} needs a value`);
    settings.push({ name: name.toLowerCase(), value: values.join(' '), from });
  });
  return settings;
}

function unknown(name: string, from: string): string {
  const near = nearestDirective(name);
  return `${from}: unknown option '${name}'${near === undefined ? '' : `, did you mean '${near}'?`}`;
}

/** Words of a config line, quotes taken off; null if a quote is open. */
export function splitLine(line: string): string[] | null {
  const words: string[] = [];
  let rest = line;
  while (rest !== '') {
    if (rest.startsWith('#') && words.length === 0) return [];
    const match = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']\S*))(?:\s+|$)/.exec(rest);
    if (match === null) return null;
    words.push(match[3] ?? (match[1] ?? match[2]).replace(/\\(.)/g, '$1'));
    rest = rest.slice(match[0].length);
  }
  return words;
}
