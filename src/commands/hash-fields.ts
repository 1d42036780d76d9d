/**
 * HGETEX, HSETEX and HGETDEL (Redis 8.0): several fields at once, read or written with what becomes of their times to
 * live. Options come first, in any order; then `FIELDS n` and the fields, to the end.
 */
import { KEEP_DEADLINE, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { type ExpireUnit, expireUnit, rangedArgument } from './arguments.ts';
import { fieldDeadline, fieldsAt } from './hash-expiry.ts';
import { hashAt, readHash } from './hashes.ts';
import { wrongArity } from './reply.ts';
import type { Call, Command } from './table.ts';

const FIELD_COUNT_MAX = 2 ** 31 - 1;
const COUNT_REFUSED = 'ERR invalid number of fields';
const TIME_MISSING = 'ERR missing expire time';
const FIELDS_MISSING = 'ERR missing FIELDS argument';
const ONE_CONDITION = 'ERR Only one of FXX or FNX arguments can be specified';

const value = new Slice();

interface Options {
  condition: 'none' | 'fnx' | 'fxx';
  /** HGETEX PERSIST, HSETEX KEEPTTL. */
  keeps: boolean;
  unit: ExpireUnit | null;
  /** Where the unit's argument stands. */
  timeAt: number;
  /** Of the first field. */
  first: number;
}

interface Grammar {
  /** The word that stands instead of an expire time. */
  readonly keeping: 'persist' | 'keepttl';
  readonly conditional: boolean;
  /** Arguments for each field. */
  readonly width: 1 | 2;
}

const GET: Grammar = { keeping: 'persist', conditional: false, width: 1 };
const SET: Grammar = { keeping: 'keepttl', conditional: true, width: 2 };

/** Undefined after an error. */
function parse(call: Call, grammar: Grammar): Options | undefined {
  const { args, argc, reply } = call;
  const options: Options = { condition: 'none', keeps: false, unit: null, timeAt: 0, first: 0 };
  for (let at = 2; at < argc; at++) {
    if (args[at].isWord('fields')) return takeFields(call, at, grammar, options) ? options : undefined;
    const unit = expireUnit(args[at]);
    const condition = grammar.conditional ? conditionOf(args[at]) : undefined;
    if (unit !== undefined || args[at].isWord(grammar.keeping)) {
      if (options.unit !== null || options.keeps) return refused(call, oneTime(grammar));
      if (unit === undefined) options.keeps = true;
      else if (at + 1 >= argc) return refused(call, TIME_MISSING);
      else {
        options.unit = unit;
        options.timeAt = ++at;
      }
    } else if (condition !== undefined) {
      if (options.condition !== 'none') return refused(call, ONE_CONDITION);
      options.condition = condition;
    } else return refused(call, `ERR unknown argument: ${args[at].text()}`);
  }
  reply.error(FIELDS_MISSING);
  return undefined;
}

function takeFields(call: Call, at: number, { width }: Grammar, options: Options): boolean {
  const { argc, reply } = call;
  if (at + 2 >= argc) {
    reply.error(wrongArity(call.command.name));
    return false;
  }
  const count = rangedArgument(call, at + 1, 1, FIELD_COUNT_MAX, COUNT_REFUSED);
  if (count === undefined) return false;
  if (count * width !== argc - at - 2) {
    reply.error(wrongArity(call.command.name));
    return false;
  }
  options.first = at + 2;
  return true;
}

function refused({ reply }: Call, error: string): undefined {
  reply.error(error);
  return undefined;
}

function oneTime({ keeping }: Grammar): string {
  return `ERR Only one of EX, PX, EXAT, PXAT or ${keeping.toUpperCase()} arguments can be specified`;
}

function conditionOf(word: Slice): 'fnx' | 'fxx' | undefined {
  if (word.isWord('fnx')) return 'fnx';
  return word.isWord('fxx') ? 'fxx' : undefined;
}

function runHgetex(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = readHash(call);
  if (found === undefined) return;
  const options = parse(call, GET);
  if (options === undefined) return;
  const deadline = options.unit === null ? NO_DEADLINE : fieldDeadline(call, options.timeAt, options.unit);
  if (deadline === undefined) return;
  reply.array(argc - options.first);
  for (let i = options.first; i < argc; i++) {
    if (!db.hashes.get(args[1], args[i], value)) reply.nil();
    else {
      reply.bulk(value);
      if (options.keeps) db.hashes.persist(args[1], args[i]);
      else if (deadline !== NO_DEADLINE) db.hashes.expireAt(args[1], args[i], deadline);
    }
  }
}

function runHsetex(call: Call): void {
  const { args, argc, db, reply } = call;
  const options = parse(call, SET);
  if (options === undefined) return;
  const none = options.keeps ? KEEP_DEADLINE : NO_DEADLINE;
  const deadline = options.unit === null ? none : fieldDeadline(call, options.timeAt, options.unit);
  if (deadline === undefined || hashAt(call) === undefined) return;
  for (let i = options.first; options.condition !== 'none' && i < argc; i += 2) {
    if (db.hashes.has(args[1], args[i]) === (options.condition === 'fxx')) continue;
    reply.integer(0);
    return;
  }
  for (let i = options.first; i < argc; i += 2) db.hashes.set(args[1], args[i], args[i + 1], deadline);
  reply.integer(1);
}

function runHgetdel(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = readHash(call);
  if (found === undefined) return;
  const first = fieldsAt(call, 2);
  if (first === undefined) return;
  reply.array(argc - first);
  for (let i = first; i < argc; i++) {
    if (!db.hashes.get(args[1], args[i], value)) reply.nil();
    else {
      reply.bulk(value);
      db.hashes.remove(args[1], args[i]);
    }
  }
}

const WRITE = {
  keys: [1, 1, 1],
  acl: ['hash'],
  group: 'hash',
  since: '8.0.0',
  complexity: 'O(N), N fields',
} as const;

export const hashFieldCommands: readonly Command[] = [
  {
    ...WRITE,
    name: 'hgetex',
    flags: ['write', 'fast'],
    arity: -5,
    summary: 'Gives the values of fields, and them a time to live, or none.',
    run: runHgetex,
  },
  {
    ...WRITE,
    name: 'hsetex',
    flags: ['write', 'denyoom', 'fast'],
    arity: -6,
    summary: 'Writes fields with a time to live, if all of them, or none, are there.',
    run: runHsetex,
  },
  {
    ...WRITE,
    name: 'hgetdel',
    flags: ['write', 'fast'],
    arity: -5,
    summary: 'Gives the values of fields and removes them.',
    run: runHgetdel,
  },
];
