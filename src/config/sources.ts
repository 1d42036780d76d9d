/**
 * Where settings come from: flags, environment, config file, in this order of strength. Each gives (name, value)
 * pairs; an error names what is wrong and, for an unknown name, the nearest known one.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Directive } from './directive.ts';
import { findDirective } from './directives.ts';
import { quote, splitLine } from './lines.ts';
import { nearestDirective } from './nearest-directive.ts';

const INCLUDE_DEPTH_MAX = 16;
const VARIABLE_PREFIX = 'STARLING_';
/** The config file; the rest of the variables are directives. */
const FILE_VARIABLE = 'STARLING_CONFIG';
/** What Kubernetes and Docker links put into every container beside a service that is called "starling". */
const SERVICE_VARIABLE = /^STARLING_(SERVICE_HOST|SERVICE_PORT|PORT_\d+_(TCP|UDP)|NAME$|ENV_)/;
const SERVICE_ADDRESS = /^(tcp|udp):\/\//;

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
  const words = argv.flatMap(partsOfArgument);
  let at = 0;
  if (words.length > 0 && !words[0].startsWith('-')) request.configFile = words[at++];
  while (at < words.length) {
    const flag = words[at++];
    if (flag === '--help' || flag === '-h') request.help = true;
    else if (flag === '--version' || flag === '-v') request.version = true;
    else if (flag === '--check-config') request.checkConfig = true;
    else if (!flag.startsWith('--')) throw new ConfigError(`unexpected argument '${flag}'; options begin with --`);
    else at = takeFlag(flag, words, at, request);
  }
  return request;
}

/** redis-server takes '--maxmemory 700mb' as one argument too. */
function partsOfArgument(argument: string): string[] {
  const match = /^(--[a-z_-]+)\s+(\S.*)$/.exec(argument);
  return match === null ? [argument] : [match[1], ...(splitLine(match[2]) ?? [match[2]])];
}

function takeFlag(flag: string, words: readonly string[], at: number, request: Request): number {
  const equals = flag.indexOf('=');
  const shown = equals < 0 ? flag : flag.slice(0, equals);
  const name = shown.slice(2).toLowerCase();
  if (equals < 0 && isNegation(name)) {
    request.settings.push({ name: name.slice(3), value: 'no', from: flag });
    return at;
  }
  const values: string[] = [];
  if (equals >= 0) values.push(flag.slice(equals + 1));
  else while (at < words.length && !words[at].startsWith('--')) values.push(words[at++]);
  const directive = findDirective(name);
  if (directive === undefined && name !== 'config') throw new ConfigError(unknown(name, shown));
  if (values.length === 0) {
    if (directive?.type.kind !== 'boolean') throw new ConfigError(`${flag} needs a value`);
    values.push('yes');
  }
  if (directive === undefined) request.configFile = values.join(' ');
  else request.settings.push({ name, value: joined(directive, values), from: shown });
  return at;
}

function isNegation(name: string): boolean {
  return (
    name.startsWith('no-') && findDirective(name) === undefined && findDirective(name.slice(3))?.type.kind === 'boolean'
  );
}

/** The settings among the environment's variables, and the config file that it names. */
export function readEnvironment(environment: NodeJS.ProcessEnv): { settings: Setting[]; configFile: string } {
  const settings: Setting[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || variable === FILE_VARIABLE || value === undefined) continue;
    if (SERVICE_VARIABLE.test(variable) || SERVICE_ADDRESS.test(value)) continue;
    const name = variable.slice(VARIABLE_PREFIX.length).toLowerCase().replaceAll('_', '-');
    const directive = findDirective(name) ?? findDirective(name.replaceAll('-', '_'));
    if (directive === undefined) throw new ConfigError(unknown(name, `environment variable ${variable}`));
    settings.push({ name: directive.name, value, from: variable });
  }
  return { settings, configFile: environment[FILE_VARIABLE] ?? '' };
}

/** The settings of a file in redis.conf's form: `name value …`, quotes, comments, `include FILE`. */
export function readConfigFile(path: string, depth = 0): Setting[] {
  if (depth > INCLUDE_DEPTH_MAX) throw new ConfigError(`${path}: includes go more than ${INCLUDE_DEPTH_MAX} deep`);
  try {
    return parseConfigText(readFileSync(path, 'utf8'), path, depth);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`cannot read config file ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** As readConfigFile, of a text that is, or will be, the file `path`. */
export function parseConfigText(content: string, path: string, depth = 0): Setting[] {
  const settings: Setting[] = [];
  for (let start = 0, number = 1; start < content.length; number++) {
    const found = content.indexOf('\n', start);
    const end = found < 0 ? content.length : found;
    // most lines of a redis.conf are empty or comments
    if (end > start && content[start] !== '#') takeLine(content.slice(start, end), number, path, depth, settings);
    start = end + 1;
  }
  return settings;
}

function takeLine(line: string, number: number, path: string, depth: number, settings: Setting[]): void {
  const words = splitLine(line);
  if (words?.length === 0) return;
  const from = `line ${number} of ${path}`;
  if (words === null) throw new ConfigError(`${from}: unbalanced quotes`);
  const [name, ...values] = words;
  if (name.toLowerCase() === 'include') {
    for (const file of values) settings.push(...readConfigFile(resolve(dirname(path), file), depth + 1));
    return;
  }
  const directive = findDirective(name);
  if (directive === undefined) throw new ConfigError(unknown(name, from));
  if (values.length === 0) throw new ConfigError(`${from}: ${name} needs a value`);
  settings.push({ name: name.toLowerCase(), value: joined(directive, values), from });
}

/** One value of several words. Words of a user keep the quotes that they need: a password may have blanks. */
function joined({ type }: Directive, values: readonly string[]): string {
  return type.kind === 'users' && values.length > 1 ? values.map(quote).join(' ') : values.join(' ');
}

function unknown(name: string, from: string): string {
  const near = nearestDirective(name);
  return `${from}: unknown option '${name}'${near === undefined ? '' : `, did you mean '${near}'?`}`;
}
