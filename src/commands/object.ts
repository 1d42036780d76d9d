/**
 * OBJECT: what Redis would tell about the inside of a value. Starling keeps all values in its arena, so ENCODING
 * answers with the encoding that Redis 7 chooses for such a value under the same limits in the configuration;
 * clients and tests use it to judge sizes. The answer depends on the value alone, not on how it came about.
 */
import { type Database, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { parseInteger } from '../core/integer.ts';
import { Slice } from '../core/slice.ts';
import { countsUse, watchesUse } from './eviction/policy.ts';
import { answerHelp } from './help-reply.ts';
import { listEncoding } from './lists/encoding.ts';
import type { ConfigService } from './services.ts';
import type { Call, Command } from './table.ts';

/** Redis keeps one object for each of the numbers below, and shows this as the count of its references. */
const SHARED_NUMBERS = 10_000;
const SHARED_REFERENCES = 2_147_483_647;
/** Longest string that Redis allocates together with its object header. */
const EMBEDDED_STRING_BYTES_MAX = 44;
const NO_FREQUENCY =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. ' +
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

const NO_IDLE_TIME =
  'ERR An LFU maxmemory policy is selected, idle time not tracked. ' +
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

const HELP = [
  'ENCODING <key>',
  '    The representation that Redis would choose for the value of <key>.',
  'FREQ <key>',
  '    How often <key> is used, on a logarithmic scale, under an LFU policy.',
  'IDLETIME <key>',
  '    Seconds since <key> was last used on this node.',
  'REFCOUNT <key>',
  '    How many references Redis would have to the value of <key>.',
];

const INSPECTION = {
  arity: 3,
  flags: ['readonly'],
  keys: [2, 2, 1],
  acl: ['keyspace'],
  complexity: 'O(1)',
  group: 'generic',
} as const;

export const objectCommand: Command = {
  name: 'object',
  arity: -2,
  flags: [],
  keys: [0, 0, 0],
  acl: [],
  since: '2.2.3',
  summary: 'Tells about the inside of values.',
  complexity: 'Depends on the sub-command',
  group: 'generic',
  run: help,
  subcommands: [
    {
      ...INSPECTION,
      name: 'object|encoding',
      since: '2.2.3',
      summary: 'Names the representation that Redis would choose for a value.',
      run: (call) => inspect(call, (type) => call.reply.bulkText(encodingOf(call, type))),
    },
    {
      ...INSPECTION,
      name: 'object|freq',
      since: '4.0.0',
      summary: 'Tells how often a key is used, where that is tracked.',
      run: (call) => inspect(call, () => answerFrequency(call)),
    },
    {
      ...INSPECTION,
      name: 'object|idletime',
      since: '2.2.3',
      summary: 'Tells for how many seconds a key was not used on this node.',
      run: (call) => inspect(call, () => answerIdleTime(call)),
    },
    {
      ...INSPECTION,
      name: 'object|refcount',
      since: '2.2.3',
      summary: 'Tells how many references Redis would have to a value.',
      run: (call) => inspect(call, (type) => call.reply.integer(references(call, type))),
    },
    {
      name: 'object|help',
      arity: 2,
      flags: ['loading', 'stale'],
      keys: [0, 0, 0],
      acl: ['keyspace'],
      since: '6.2.0',
      summary: 'Explains the sub-commands.',
      complexity: 'O(1)',
      group: 'generic',
      run: help,
    },
  ],
};

function help({ reply }: Call): void {
  answerHelp(reply, 'OBJECT', HELP);
}

function inspect({ args, db, reply, services }: Call, answer: (type: KeyType) => void): void {
  const type = db.peekType(args[2]);
  if (type === KeyType.none) {
    services.statistics.keyspaceMisses++;
    reply.nil();
    return;
  }
  services.statistics.keyspaceHits++;
  answer(type);
}

function answerFrequency({ args, db, reply, services }: Call): void {
  if (countsUse(policyName(services.config))) reply.integer(db.useCount(args[2]));
  else reply.error(NO_FREQUENCY);
}

function answerIdleTime({ args, db, reply, services }: Call): void {
  if (countsUse(policyName(services.config))) reply.error(NO_IDLE_TIME);
  else reply.integer(db.idleSeconds(args[2]));
}

/** A number that is shared has no idle time of its own: where such times count, Redis shares none. */
function references({ args, db, services }: Call, type: KeyType): number {
  if (type !== KeyType.string) return 1;
  if (services.config.limits.maxMemoryBytes > 0 && watchesUse(policyName(services.config))) return 1;
  const value = new Slice();
  db.strings.read(args[2], value);
  const number = parseInteger(value.bytes, value.start, value.end);
  return number !== undefined && number >= 0 && number < SHARED_NUMBERS ? SHARED_REFERENCES : 1;
}

/** The encoding that Redis would choose for the value under args[2], which is of this type. */
export function encodingOf({ args, db, services }: Call, type: KeyType): string {
  if (type === KeyType.string) return stringEncoding(db, args[2]);
  if (type === KeyType.hash) return hashEncoding(db, args[2], services.config);
  if (type === KeyType.set) return setEncoding(db, args[2], services.config);
  if (type === KeyType.list) return listEncoding(db, args[2], limit(services.config, 'list-max-listpack-size'));
  if (type === KeyType.zset) return zsetEncoding(db, args[2], services.config);
  if (type === KeyType.stream) return 'stream';
  throw new Error(`no encoding is known for keys of type ${type}`);
}

function stringEncoding(db: Database, key: Slice): string {
  const value = new Slice();
  db.strings.read(key, value);
  if (parseInteger(value.bytes, value.start, value.end) !== undefined) return 'int';
  return value.length <= EMBEDDED_STRING_BYTES_MAX ? 'embstr' : 'raw';
}

function hashEncoding(db: Database, key: Slice, config: ConfigService): string {
  if (db.hashes.size(key) > limit(config, 'hash-max-listpack-entries')) return 'hashtable';
  const bytesMax = limit(config, 'hash-max-listpack-value');
  let small = true;
  let expiring = false;
  db.hashes.forEach(key, (field, value) => {
    if (field.length > bytesMax || value.length > bytesMax) small = false;
    if (db.hashes.deadlineOf(key, field) !== NO_DEADLINE) expiring = true;
  });
  if (!small) return 'hashtable';
  return expiring ? 'listpackex' : 'listpack';
}

function setEncoding(db: Database, key: Slice, config: ConfigService): string {
  const size = db.sets.size(key);
  const fitsIntset = size <= limit(config, 'set-max-intset-entries');
  const fitsListpack = size <= limit(config, 'set-max-listpack-entries');
  if (!fitsIntset && !fitsListpack) return 'hashtable';
  const bytesMax = limit(config, 'set-max-listpack-value');
  let integers = true;
  let small = true;
  db.sets.forEach(key, (member) => {
    if (parseInteger(member.bytes, member.start, member.end) === undefined) integers = false;
    if (member.length > bytesMax) small = false;
  });
  if (integers && fitsIntset) return 'intset';
  return small && fitsListpack ? 'listpack' : 'hashtable';
}

function zsetEncoding(db: Database, key: Slice, config: ConfigService): string {
  if (db.zsets.size(key) > limit(config, 'zset-max-listpack-entries')) return 'skiplist';
  const bytesMax = limit(config, 'zset-max-listpack-value');
  let small = true;
  db.zsets.forEach(key, (member) => {
    if (member.length > bytesMax) small = false;
  });
  return small ? 'listpack' : 'skiplist';
}

function policyName(config: ConfigService): string {
  return config.get('maxmemory-policy') ?? '';
}

function limit(config: ConfigService, name: string): number {
  const value = config.get(name);
  if (value === undefined) throw new Error(`directive ${name} is missing`);
  return Number(value);
}
