/**
 * What COMMAND tells about a command. For Redis's own commands it is what redis-server 7.0.15 tells, word for word
 * (redis-7.0.15.json, made by scripts/command-metadata.ts); for newer ones and Starling's own it follows from the
 * registry's entry, with the arguments in newer-arguments.ts.
 */
import type { Command } from '../table.ts';
import { NEWER_ARGUMENTS } from './newer-arguments.ts';
import redis from './redis-7.0.15.json' with { type: 'json' };

export interface KeySpec {
  readonly notes?: string;
  readonly flags: readonly string[];
  readonly begin_search:
    | { readonly type: 'index'; readonly spec: { readonly index: number } }
    | { readonly type: 'keyword'; readonly spec: { readonly keyword: string; readonly startfrom: number } }
    | { readonly type: 'unknown'; readonly spec: Readonly<Record<string, never>> };
  readonly find_keys:
    | {
        readonly type: 'range';
        readonly spec: { readonly lastkey: number; readonly keystep: number; readonly limit: number };
      }
    | {
        readonly type: 'keynum';
        readonly spec: { readonly keynumidx: number; readonly firstkey: number; readonly keystep: number };
      }
    | { readonly type: 'unknown'; readonly spec: Readonly<Record<string, never>> };
}

/** An argument as COMMAND DOCS names its parts. */
export interface ArgumentDescription {
  readonly name: string;
  readonly type: string;
  readonly key_spec_index?: number;
  readonly token?: string;
  readonly since?: string;
  readonly flags?: readonly string[];
  readonly arguments?: readonly ArgumentDescription[];
}

export interface CommandDocs {
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly complexity?: string;
  readonly doc_flags?: readonly string[];
  readonly deprecated_since?: string;
  readonly replaced_by?: string;
  readonly history?: readonly (readonly string[])[];
  readonly arguments?: readonly ArgumentDescription[];
}

export interface CommandMetadata {
  readonly arity: number;
  readonly flags: readonly string[];
  /** First key, last key, step, as COMMAND INFO gives them. */
  readonly keys: readonly number[];
  /** With their @. */
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  readonly keySpecs: readonly KeySpec[];
  readonly docs: CommandDocs;
}

/** The order in which Redis names the categories of a command. */
const CATEGORY_ORDER = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
];

const redisCommands = redis.commands as unknown as Readonly<Record<string, CommandMetadata>>;
const derived = new Map<Command, CommandMetadata>();

/** What redis-server 7.0.15 tells about the command of this full name. */
export function metadataOfRedis(name: string): CommandMetadata | undefined {
  return Object.hasOwn(redisCommands, name) ? redisCommands[name] : undefined;
}

/** Names of all commands and sub-commands of redis-server 7.0.15. */
export function redisCommandNames(): string[] {
  return Object.keys(redisCommands);
}

export function metadataOf(command: Command): CommandMetadata {
  const known = metadataOfRedis(command.name) ?? derived.get(command);
  if (known !== undefined) return known;
  const made = derive(command);
  derived.set(command, made);
  return made;
}

/** All ACL categories there are. */
export function aclCategories(): readonly string[] {
  return CATEGORY_ORDER;
}

/** True if the command is of the category, named without its @. */
export function isOfCategory(command: Command, category: string): boolean {
  return metadataOf(command).categories.includes(`@${category}`);
}

function derive(command: Command): CommandMetadata {
  const { name, arity, flags, keys, since, summary, group, complexity } = command;
  const shown = 'shown' in keys ? keys.shown : keys;
  const described = NEWER_ARGUMENTS[name];
  return {
    arity,
    flags: [...flags, ...('shown' in keys ? ['movablekeys'] : [])],
    keys: shown,
    categories: categoriesOf(command).map((category) => `@${category}`),
    tips: [],
    keySpecs: shown[0] === 0 ? [] : [deriveKeySpec(command, shown)],
    docs: {
      summary,
      since,
      group,
      ...(complexity === undefined ? {} : { complexity }),
      ...(described === undefined ? {} : { arguments: described }),
    },
  };
}

function deriveKeySpec({ flags }: Command, [first, last, step]: readonly [number, number, number]): KeySpec {
  return {
    flags: flags.includes('write') ? ['RW', 'access', 'update'] : ['RO', 'access'],
    begin_search: { type: 'index', spec: { index: first } },
    find_keys: { type: 'range', spec: { lastkey: last < 0 ? last : last - first, keystep: step, limit: 0 } },
  };
}

/** An entry's own categories and those that its flags imply, without @, in Redis's order. */
export function categoriesOf({ flags, acl }: Command): string[] {
  const categories = new Set(acl);
  if (flags.includes('write')) categories.add('write');
  if (flags.includes('readonly') && !acl.includes('scripting')) categories.add('read');
  if (flags.includes('admin')) for (const implied of ['admin', 'dangerous']) categories.add(implied);
  if (flags.includes('pubsub')) categories.add('pubsub');
  if (flags.includes('blocking')) categories.add('blocking');
  categories.add(flags.includes('fast') ? 'fast' : 'slow');
  return CATEGORY_ORDER.filter((category) => categories.has(category));
}
