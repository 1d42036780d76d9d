/**
 * DEBUG, as far as Redis's own test suite and our tests use it. Off unless `enable-debug-command`. As in Redis it is
 * one command that reads its sub-command itself, so COMMAND knows none of them.
 */
import { randomBytes } from 'node:crypto';
import { type Database, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { numberArgument, rangedArgument } from './arguments.ts';
import { answerKind } from './debug-protocol.ts';
import { matchGlob } from './glob.ts';
import { answerHelp } from './help-reply.ts';
import { redisEntry } from './metadata/entry.ts';
import { encodingOf } from './object.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';
import { digestOfData, digestOfValue } from './value-digest.ts';

interface Subcommand {
  /** Arguments, DEBUG and the name included. */
  readonly argc: readonly [min: number, max: number];
  readonly help: readonly [form: string, ...explanation: string[]];
  run(call: Call): void;
}

const FORBIDDEN =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, ' +
  'otherwise you need to set this option in the configuration file, and then restart the server.';
const MANY = Number.MAX_SAFE_INTEGER;
const MATCHED_BYTES_MAX = 1 << 26;
const POPULATED_BYTES_MAX = 1 << 29;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  'change-repl-id': {
    argc: [2, 2],
    help: ['CHANGE-REPL-ID', 'Gives this node a new replica id, as if its data directory were a copy.'],
    run: runChangeReplicaId,
  },
  digest: {
    argc: [2, 2],
    help: ['DIGEST', 'A hash of all visible data; zeros if there is none.'],
    run: ({ engine, reply }) => reply.status(digestOfData(engine)),
  },
  'digest-value': {
    argc: [2, MANY],
    help: ['DIGEST-VALUE [<key> ...]', 'A hash of the value under each key.'],
    run: runDigestValue,
  },
  error: {
    argc: [3, 3],
    help: ['ERROR <text>', 'Answers with this error.'],
    run: ({ args, reply }) => reply.error(args[2].text()),
  },
  'flip-byte': {
    argc: [3, 4],
    help: [
      'FLIP-BYTE <key> [<place>]',
      'Changes one bit of what stands in memory under a key, as a failing memory would.',
    ],
    run: runFlipByte,
  },
  htstats: {
    argc: [3, 3],
    help: ['HTSTATS <dbid>', 'How many keys, and keys with a time to live, a database has.'],
    run: runDatabaseStatistics,
  },
  'htstats-key': {
    argc: [3, 3],
    help: ['HTSTATS-KEY <key>', 'How many elements a large set or hash has.'],
    run: runKeyStatistics,
  },
  listpack: {
    argc: [3, 3],
    help: ['LISTPACK <key>', 'Always an error: nothing is kept in listpacks here.'],
    run: runListpack,
  },
  loadaof: { argc: [2, 2], help: ['LOADAOF', 'Waits until all data is on disk.'], run: runReload },
  log: { argc: [3, 3], help: ['LOG <message>', "Writes a line to the node's log."], run: runLog },
  object: { argc: [3, 3], help: ['OBJECT <key>', 'How the value under a key is kept.'], run: runObject },
  populate: {
    argc: [3, 5],
    help: ['POPULATE <count> [<prefix>] [<size>]', 'Makes string keys <prefix>:<number>, where there are none.'],
    run: runPopulate,
  },
  protocol: {
    argc: [3, 3],
    help: ['PROTOCOL <kind>', 'A reply of that kind.'],
    run: ({ args, reply }) => answerKind(reply, args[2].latin1().toLowerCase()),
  },
  'quicklist-packed-threshold': withoutEffect(3, 'QUICKLIST-PACKED-THRESHOLD <size>'),
  reload: {
    argc: [2, MANY],
    help: ['RELOAD [MERGE] [NOFLUSH] [NOSAVE]', 'Waits until all data is on disk. It also stays in memory.'],
    run: runReload,
  },
  replication: {
    argc: [3, 3],
    help: ['REPLICATION (PAUSE|RESUME)', 'Stops, and takes up again, all exchange with other nodes.'],
    run: runReplication,
  },
  'pause-cron': withoutEffect(3, 'PAUSE-CRON (0|1)'),
  replybuffer: withoutEffect(4, 'REPLYBUFFER (PEAK-RESET-TIME|RESIZING) <value>'),
  'set-active-expire': {
    argc: [3, 3],
    help: ['SET-ACTIVE-EXPIRE (0|1)', 'Whether expired keys are removed in the background.'],
    run: runSetActiveExpire,
  },
  'set-disable-deny-scripts': {
    argc: [3, 3],
    help: ['SET-DISABLE-DENY-SCRIPTS <0|1>', 'Whether scripts may run commands that are none for scripts: for tests.'],
    run: ({ args, reply, services }) => {
      services.scripting.allowsAll = args[2].isWord('1');
      reply.ok();
    },
  },
  sleep: {
    argc: [3, 3],
    help: ['SLEEP <seconds>', 'Stops the whole node for so long.'],
    run: runSleep,
  },
  'stringmatch-len': {
    argc: [4, 4],
    help: ['STRINGMATCH-LEN <length> <pattern>', 'Whether a string of so many letters a matches.'],
    run: runStringMatch,
  },
};

export const debugCommands: readonly Command[] = [redisEntry('debug', runDebug)];

/** Of Redis's settings for its tests, those that concern parts which Starling does not have. */
function withoutEffect(argc: number, form: string): Subcommand {
  return { argc: [argc, argc], help: [form, 'Taken, and without effect here.'], run: ({ reply }) => reply.ok() };
}

function runDebug(call: Call): void {
  const { args, argc, reply } = call;
  if (!isAllowed(call)) {
    reply.error(FORBIDDEN);
    return;
  }
  const name = args[1].latin1().toLowerCase();
  if (name === 'help' && argc === 2) {
    const lines = Object.values(SUBCOMMANDS).flatMap(({ help: [form, ...texts] }) => [
      form,
      ...texts.map((text) => `    ${text}`),
    ]);
    answerHelp(reply, 'DEBUG', lines);
    return;
  }
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (subcommand === undefined || argc < subcommand.argc[0] || argc > subcommand.argc[1]) {
    reply.error(
      `ERR unknown subcommand or wrong number of arguments for '${args[1].text().slice(0, 128)}'. Try DEBUG HELP.`,
    );
    return;
  }
  subcommand.run(call);
}

function isAllowed({ client, services }: Call): boolean {
  const setting = services.config.get('enable-debug-command');
  return setting === 'yes' || (setting === 'local' && /^(127\.|\[?::1\]?:|\[?::ffff:127\.)/.test(client.address));
}

/** Nothing else runs meanwhile, no client's command, no peer's txn: a test's picture of a server that hangs. */
function runSleep({ args, reply }: Call): void {
  const seconds = Number.parseFloat(args[2].latin1());
  if (seconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  reply.ok();
}

function runObject(call: Call): void {
  const { args, db, reply, engine } = call;
  const type = db.peekType(args[2]);
  if (type === KeyType.none) {
    reply.error(Errors.noSuchKey);
    return;
  }
  const idle = db.idleSeconds(args[2]);
  const lastUsed = (Math.floor(engine.now / 1000) - idle) & 0xffffff;
  const parts = [
    'Value at:arena',
    'refcount:1',
    `encoding:${encodingOf(call, type)}`,
    `serializedlength:${db.memoryOf(args[2])}`,
  ];
  reply.status([...parts, `lru:${lastUsed}`, `lru_seconds_idle:${idle}`].join(' '));
}

/** What a reload proves in Redis, that the data can be written out, is done; it is not thrown out of memory for that. */
function runReload(call: Call): void {
  const { args, argc, client, reply, services } = call;
  for (let i = 2; i < argc; i++) {
    if (args[i].isWord('merge') || args[i].isWord('noflush') || args[i].isWord('nosave')) continue;
    reply.error('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.');
    return;
  }
  if (!client.mayBlock) {
    reply.error('ERR DEBUG RELOAD cannot wait for the disk inside a transaction');
    return;
  }
  const blocked = client.block();
  services.store.save().then(
    () => blocked.resume((later) => later.ok()),
    (error: unknown) =>
      blocked.resume((later) => later.error(`ERR ${error instanceof Error ? error.message : String(error)}`)),
  );
}

/** Between two txns: the old id's last one must be sealed. */
function runChangeReplicaId({ client, engine, reply }: Call): void {
  if (!client.mayBlock) {
    reply.error('ERR DEBUG CHANGE-REPL-ID is not possible inside a transaction');
    return;
  }
  const blocked = client.block();
  setImmediate(() => {
    engine.rotateReplica(randomBytes(8).toString('hex'));
    blocked.resume((later) => later.ok());
  });
}

function runSetActiveExpire({ args, reply, services }: Call): void {
  const failure = services.config.set([['active-expire', args[2].isWord('0') ? 'no' : 'yes']]);
  if (failure === null) reply.ok();
  else reply.error(`ERR ${failure}`);
}

function runDigestValue({ args, argc, db, reply }: Call): void {
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) reply.bulkText(digestOfValue(db, args[i]).toString('hex'));
}

/** What CRDT VERIFY and the node's own check are there for. */
function runFlipByte(call: Call): void {
  const { args, argc, client, engine, reply } = call;
  const place = argc === 3 ? 0 : rangedArgument(call, 3, 0, Number.MAX_SAFE_INTEGER, Errors.notInteger);
  if (place === undefined) return;
  // what was written a moment ago is counted first: before that nothing tells what it should be
  engine.digest();
  reply.flag(engine.flipByte(client.database, args[2], { place, mask: 1 }));
}

function runReplication({ args, reply, services }: Call): void {
  const pause = args[2].isWord('pause');
  if (!pause && !args[2].isWord('resume')) {
    reply.error(Errors.syntax);
    return;
  }
  services.mesh.setPaused(pause);
  reply.ok();
}

function runLog({ args, reply, services }: Call): void {
  services.node.log(`DEBUG LOG: ${args[2].text()}`);
  reply.ok();
}

function runListpack({ args, db, reply }: Call): void {
  reply.error(db.peekType(args[2]) === KeyType.none ? Errors.noSuchKey : 'ERR Not a listpack encoded object.');
}

function runDatabaseStatistics(call: Call): void {
  const { engine, reply, services } = call;
  const index = numberArgument(call, 2);
  if (index === undefined) return;
  if (index < 0 || index >= services.config.limits.databases) {
    reply.error('ERR Out of range database');
    return;
  }
  const { size, volatileSize } = engine.databases[index];
  reply.verbatim(`[Dictionary HT]\n number of elements: ${size}\n[Expires HT]\n number of elements: ${volatileSize}\n`);
}

function runKeyStatistics(call: Call): void {
  const { args, db, reply } = call;
  const type = db.peekType(args[2]);
  if (type === KeyType.none) reply.error(Errors.noSuchKey);
  else if (!['hashtable', 'skiplist'].includes(encodingOf(call, type))) {
    reply.error('ERR The value stored at the specified key is not represented using an hash table');
  } else {
    reply.verbatim(` number of elements: ${sizeOf(db, type, args[2])}\n`);
  }
}

function sizeOf({ hashes, sets, zsets }: Database, type: KeyType, key: Slice): number {
  if (type === KeyType.zset) return zsets.size(key);
  return type === KeyType.set ? sets.size(key) : hashes.size(key);
}

function runPopulate(call: Call): void {
  const { args, argc, db, reply } = call;
  const count = rangedArgument(call, 2, 0, Number.MAX_SAFE_INTEGER, 'ERR value is out of range, must be positive');
  if (count === undefined) return;
  const prefix = argc > 3 ? args[3].latin1() : 'key';
  const size =
    argc > 4 ? rangedArgument(call, 4, 0, POPULATED_BYTES_MAX, 'ERR value is out of range, must be positive') : 0;
  if (size === undefined) return;
  for (let i = 0; i < count; i++) {
    const key = new Slice(Buffer.from(`${prefix}:${i}`, 'latin1'));
    if (db.peekType(key) !== KeyType.none) continue;
    const text = Buffer.from(`value:${i}`);
    const value = size === 0 ? text : Buffer.alloc(size);
    if (size > 0) text.copy(value);
    db.strings.write(key, new Slice(value), NO_DEADLINE);
  }
  reply.ok();
}

function runStringMatch(call: Call): void {
  const length = rangedArgument(call, 2, 0, MATCHED_BYTES_MAX, Errors.notInteger);
  if (length === undefined) return;
  const pattern = call.args[3];
  const text = Buffer.alloc(length, 'a');
  call.reply.flag(matchGlob(pattern.bytes, pattern.start, pattern.end, text, 0, length, false));
}
