/**
 * Commands on keys of any type: removing, asking, moving, finding. DEL, UNLINK, EXISTS and TOUCH are hot: they take
 * their keys from the request as they stand and make no objects.
 *
 * RENAME, COPY and MOVE write what is visible under the source, as new values, in the one txn of the command:
 * another node sees the whole of it or nothing.
 */
import { type Database, KEY_TYPE_NAMES, KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { databaseArgument } from './databases.ts';
import { objectCommand } from './object.ts';
import { Errors } from './reply.ts';
import { matchesAll, passes, scanKeys } from './scan.ts';
import { copyWhole } from './string-value.ts';
import type { Call, Command } from './table.ts';

const SAME_OBJECT = 'ERR source and destination objects are the same';

const KEYSPACE = { acl: ['keyspace'], group: 'generic' } as const;
const EACH_KEY = [1, -1, 1] as const;
const FIRST_KEY = [1, 1, 1] as const;
const TWO_KEYS = [1, 2, 1] as const;
const NO_KEYS = [0, 0, 0] as const;

export const keyCommands: readonly Command[] = [
  {
    ...KEYSPACE,
    name: 'del',
    arity: -2,
    flags: ['write'],
    keys: EACH_KEY,
    since: '1.0.0',
    summary: 'Removes keys.',
    complexity: 'O(N), N keys and the elements of those that hold collections',
    run: remove,
  },
  {
    ...KEYSPACE,
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    keys: EACH_KEY,
    since: '4.0.0',
    summary: 'Removes keys; here the same as DEL.',
    complexity: 'O(N), N keys and the elements of those that hold collections',
    run: remove,
  },
  {
    ...KEYSPACE,
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: EACH_KEY,
    since: '1.0.0',
    summary: 'Counts how many of the keys exist, repeated ones each time.',
    complexity: 'O(N), N keys',
    run: exists,
  },
  {
    ...KEYSPACE,
    name: 'touch',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: EACH_KEY,
    since: '3.2.1',
    summary: 'Marks keys as used now, and counts those that exist.',
    complexity: 'O(N), N keys',
    run: touch,
  },
  {
    ...KEYSPACE,
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: FIRST_KEY,
    since: '1.0.0',
    summary: 'Names the type of a key.',
    complexity: 'O(1)',
    run: (call) => call.reply.status(KEY_TYPE_NAMES[lookUp(call, call.args[1])]),
  },
  {
    ...KEYSPACE,
    name: 'rename',
    arity: 3,
    flags: ['write'],
    keys: TWO_KEYS,
    since: '1.0.0',
    summary: 'Gives a key another name, in place of what has that name.',
    complexity: 'O(N), N elements of the key',
    run: (call) => rename(call, false),
  },
  {
    ...KEYSPACE,
    name: 'renamenx',
    arity: 3,
    flags: ['write', 'fast'],
    keys: TWO_KEYS,
    since: '1.0.0',
    summary: 'Gives a key another name, if that is free.',
    complexity: 'O(N), N elements of the key',
    run: (call) => rename(call, true),
  },
  {
    ...KEYSPACE,
    name: 'copy',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: TWO_KEYS,
    since: '6.2.0',
    summary: 'Copies a key under another name or into another database.',
    complexity: 'O(N), N elements of the key',
    run: copy,
  },
  {
    ...KEYSPACE,
    name: 'move',
    arity: 3,
    flags: ['write', 'fast'],
    keys: FIRST_KEY,
    since: '1.0.0',
    summary: 'Moves a key into another database, if the name is free there.',
    complexity: 'O(N), N elements of the key',
    run: move,
  },
  {
    ...KEYSPACE,
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    keys: NO_KEYS,
    since: '1.0.0',
    summary: 'Returns a key picked at random.',
    complexity: 'O(1)',
    run: randomKey,
  },
  {
    ...KEYSPACE,
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    keys: NO_KEYS,
    acl: ['keyspace', 'dangerous'],
    since: '1.0.0',
    summary: 'Returns all keys that match a pattern, in one reply.',
    complexity: 'O(N), N keys in the database',
    run: keys,
  },
  {
    ...KEYSPACE,
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    keys: NO_KEYS,
    since: '2.8.0',
    summary: 'Returns the keys of the database part by part.',
    complexity: 'O(1) a call, O(N) for all N keys',
    run: scanKeys,
  },
  objectCommand,
];

/** The type of a key that is read, counted as a hit or a miss. */
function lookUp({ db, services }: Call, key: Slice): KeyType {
  const type = db.peekType(key);
  if (type === KeyType.none) services.statistics.keyspaceMisses++;
  else services.statistics.keyspaceHits++;
  return type;
}

function remove({ args, argc, db, reply }: Call): void {
  let removed = 0;
  for (let i = 1; i < argc; i++) if (db.remove(args[i])) removed++;
  reply.integer(removed);
}

function exists(call: Call): void {
  let found = 0;
  for (let i = 1; i < call.argc; i++) if (lookUp(call, call.args[i]) !== KeyType.none) found++;
  call.reply.integer(found);
}

function touch({ args, argc, db, reply, services: { statistics } }: Call): void {
  let found = 0;
  for (let i = 1; i < argc; i++) if (db.touch(args[i])) found++;
  statistics.keyspaceHits += found;
  statistics.keyspaceMisses += argc - 1 - found;
  reply.integer(found);
}

/** `onlyNew`: RENAMENX, which answers with a number and leaves a key of the new name alone. */
function rename(call: Call, onlyNew: boolean): void {
  const { args, db, reply } = call;
  const [, source, target] = args;
  if (db.typeOf(source) === KeyType.none) {
    reply.error(Errors.noSuchKey);
    return;
  }
  const same = source.equals(target);
  if (onlyNew && (same || db.typeOf(target) !== KeyType.none)) {
    reply.flag(false);
    return;
  }
  if (!same) {
    copyWhole(call, source, db, target);
    db.remove(source);
  }
  if (onlyNew) reply.flag(true);
  else reply.ok();
}

function copy(call: Call): void {
  const { args, db, reply } = call;
  const options = copyOptions(call, 3);
  if (options === undefined) return;
  const [, source, newKey] = args;
  const { target, replace } = options;
  if (target === db && source.equals(newKey)) {
    reply.error(SAME_OBJECT);
    return;
  }
  if (lookUp(call, source) === KeyType.none || (!replace && target.typeOf(newKey) !== KeyType.none)) {
    reply.flag(false);
    return;
  }
  copyWhole(call, source, target, newKey);
  reply.flag(true);
}

function copyOptions(call: Call, first: number): { target: Database; replace: boolean } | undefined {
  const { args, argc } = call;
  let target = call.db;
  let replace = false;
  for (let i = first; i < argc; i++) {
    if (args[i].isWord('replace')) {
      replace = true;
    } else if (args[i].isWord('db') && i + 1 < argc) {
      const named = databaseArgument(call, ++i);
      if (named === undefined) return undefined;
      target = named;
    } else {
      call.reply.error(Errors.syntax);
      return undefined;
    }
  }
  return { target, replace };
}

function move(call: Call): void {
  const { args, db, reply } = call;
  const target = databaseArgument(call, 2);
  if (target === undefined) return;
  if (target === db) {
    reply.error(SAME_OBJECT);
    return;
  }
  const key = args[1];
  if (db.typeOf(key) === KeyType.none || target.typeOf(key) !== KeyType.none) {
    reply.flag(false);
    return;
  }
  copyWhole(call, key, target, key);
  db.remove(key);
  reply.flag(true);
}

const picked = new Slice();

function randomKey({ db, reply, services }: Call): void {
  if (db.randomKey(() => services.random(), picked)) reply.bulk(picked);
  else reply.nil();
}

/** Two walks, one to count and one to answer, instead of a copy of every key. Nothing changes in between. */
function keys({ args, db, reply }: Call): void {
  const pattern = matchesAll(args[1]) ? null : args[1];
  let matching = 0;
  db.forEachKey((key) => {
    if (passes(pattern, key)) matching++;
  });
  reply.array(matching);
  db.forEachKey((key) => {
    if (passes(pattern, key)) reply.bulk(key);
  });
}
