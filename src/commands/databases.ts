/**
 * Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB, and reading a database's number for the commands
 * that name another one (COPY, MOVE). A flush removes what this node has observed: what another node writes at the
 * same time stays. ASYNC and SYNC mean the same here, since giving bytes back to the arena costs little.
 */
import type { Database } from '../core/contract.ts';
import { numberArgument, rangedArgument } from './arguments.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const INT32_MIN = -2147483648;
const INT32_MAX = 2147483647;
const NOT_INT32 = `ERR value is out of range, value must between ${INT32_MIN} and ${INT32_MAX}`;

export const databaseCommands: readonly Command[] = [
  {
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    keys: [0, 0, 0],
    acl: ['keyspace'],
    since: '1.0.0',
    summary: 'Counts the keys of the selected database.',
    complexity: 'O(1)',
    group: 'server',
    run: ({ db, reply }) => reply.integer(db.size),
  },
  {
    name: 'flushdb',
    arity: -1,
    flags: ['write'],
    keys: [0, 0, 0],
    acl: ['keyspace', 'dangerous'],
    since: '1.0.0',
    summary: 'Removes all keys of the selected database.',
    complexity: 'O(N), N keys in the database',
    group: 'server',
    run: (call) => flush(call, [call.db]),
  },
  {
    name: 'flushall',
    arity: -1,
    flags: ['write'],
    keys: [0, 0, 0],
    acl: ['keyspace', 'dangerous'],
    since: '1.0.0',
    summary: 'Removes all keys of all databases.',
    complexity: 'O(N), N keys in all databases',
    group: 'server',
    run: (call) => flush(call, call.engine.databases),
  },
  {
    name: 'swapdb',
    arity: 3,
    flags: ['write', 'fast'],
    keys: [0, 0, 0],
    acl: ['keyspace', 'dangerous'],
    since: '4.0.0',
    summary: 'Exchanges the contents of two databases.',
    complexity: 'O(N), N keys in both databases',
    group: 'server',
    run: swap,
  },
];

/** The database that an argument names by its number; undefined with the error written. */
export function databaseArgument(call: Call, index: number): Database | undefined {
  const number = numberArgument(call, index);
  if (number === undefined) return undefined;
  if (number >= INT32_MIN && number <= INT32_MAX) return databaseNumbered(call, number);
  call.reply.error(NOT_INT32);
  return undefined;
}

function databaseNumbered(call: Call, number: number): Database | undefined {
  const { databases } = call.services.config.limits;
  if (number >= 0 && number < databases) return call.engine.databases[number];
  call.reply.error(Errors.databaseIndex);
  return undefined;
}

function flush(call: Call, databases: readonly Database[]): void {
  const { args, argc, reply } = call;
  if (argc > 2 || (argc === 2 && !args[1].isWord('async') && !args[1].isWord('sync'))) {
    reply.error(Errors.syntax);
    return;
  }
  for (const database of databases) database.clear();
  reply.ok();
}

function swap(call: Call): void {
  const first = rangedArgument(call, 1, INT32_MIN, INT32_MAX, 'ERR invalid first DB index');
  if (first === undefined) return;
  const second = rangedArgument(call, 2, INT32_MIN, INT32_MAX, 'ERR invalid second DB index');
  if (second === undefined) return;
  const one = databaseNumbered(call, first);
  if (one === undefined) return;
  const other = databaseNumbered(call, second);
  if (other === undefined) return;
  if (one !== other) one.swapWith(other);
  call.reply.ok();
}
