/** DEBUG, as far as Redis's own test suite uses it, and REPLICATION PAUSE|RESUME. Off unless `enable-debug-command`. */
import { KeyType } from '../core/contract.ts';
import { matchGlob } from './glob.ts';
import { answerHelp } from './help-reply.ts';
import { parseDouble } from './arguments.ts';
import { Errors, type Reply } from './reply.ts';
import type { Call, Command } from './table.ts';

const FORBIDDEN =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';

const HELP = [
  'CHANGE-REPL-ID', '    Does nothing here.', 'DIGEST', '    The hash of CRDT DIGEST, 40 digits.', 'DIGEST-VALUE <key> [<key> ...]', '    A hash of each key.',
  'ERROR <string>', '    Answers an error.', 'JMAP', '    Does nothing here.', 'OBJECT <key>', '    How a key is kept.', 'PROTOCOL <type>', '    A reply of every kind.',
  'RELOAD', '    Writes the state out.', 'REPLICATION (PAUSE|RESUME)', '    Stops and restarts all exchange with peers.',
  'SET-ACTIVE-EXPIRE (0|1)', '    Expiry in the background.', 'SLEEP <seconds>', '    Lets this client wait.', 'STRINGMATCH-LEN <len> <pattern>', '    Matches a long string.',
];

function runSleep(call: Call): void {
  const seconds = parseDouble(call.args[2]) ?? 0;
  if (!call.client.mayBlock) {
    call.reply.ok();
    return;
  }
  // the node goes on: what waits is this client only
  const blocked = call.client.block();
  setTimeout(() => blocked.resume((reply) => reply.ok()), seconds * 1000);
}

function runObject({ args, db, reply }: Call): void {
  if (db.typeOf(args[2]) === KeyType.none) {
    reply.error(Errors.noSuchKey);
    return;
  }
  reply.status(`Value at:0x0 refcount:1 encoding:raw serializedlength:${db.memoryOf(args[2])} lru:0 lru_seconds_idle:${db.idleSeconds(args[2])}`);
}

function runReload(call: Call): void {
  if (!call.client.mayBlock) {
    call.reply.ok();
    return;
  }
  const blocked = call.client.block();
  call.services.store.save().then(
    () => blocked.resume((reply) => reply.ok()),
    (error: unknown) => blocked.resume((reply) => reply.error(`ERR ${error instanceof Error ? error.message : String(error)}`)),
  );
}

const PROTOCOL: Record<string, (reply: Reply) => void> = {
  string: (reply) => reply.bulkText('Hello World'),
  integer: (reply) => reply.integer(12345),
  double: (reply) => reply.double(3.141),
  null: (reply) => reply.nil(),
  array: (reply) => {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set: (reply) => {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map: (reply) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: (reply) => reply.bulkText('Some real reply following the attribute'),
  push: (reply) => {
    reply.push(2);
    reply.bulkText('server-cpu-usage');
    reply.integer(42);
  },
  verbatim: (reply) => reply.verbatim('This is a verbatim\nstring'),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
  bignum: (reply) => reply.bigNumber('1234567999999999999999999999999999999'),
};

function runProtocol({ args, reply }: Call): void {
  const write = PROTOCOL[args[2].latin1().toLowerCase()];
  if (write === undefined) reply.error("ERR Wrong protocol type name. Please use one of the following: string|integer|double|null|array|set|map|attrib|push|verbatim|true|false|bignum");
  else write(reply);
}

function runReplication({ args, reply, services }: Call): void {
  if (args[2].isWord('pause')) services.mesh.setPaused(true);
  else if (args[2].isWord('resume')) services.mesh.setPaused(false);
  else {
    reply.error(Errors.syntax);
    return;
  }
  reply.ok();
}

/** 40 digits, as Redis gives; zeros for no data. */
function digest40({ engine }: Call): string {
  return engine.digest().padEnd(40, '0');
}

function runDigestValue(call: Call): void {
  const { args, argc, engine, client, reply } = call;
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    const inspection = engine.inspect(client.database, args[i]);
    reply.status(Buffer.from(JSON.stringify(inspection)).toString('hex').slice(-40).padStart(40, '0'));
  }
}

const ok = ({ reply }: Call) => reply.ok();

function sub(name: string, arity: number, summary: string, run: (call: Call) => void): Command {
  return {
    name: `debug|${name}`, arity, flags: ['admin', 'noscript', 'loading', 'stale', 'protected'], keys: [0, 0, 0], acl: ['dangerous'], since: '1.0.0', summary, group: 'server',
    run(call) {
      if (call.services.config.limits.debugCommand) run(call);
      else call.reply.error(FORBIDDEN);
    },
  };
}

export const debugCommands: readonly Command[] = [
  {
    name: 'debug', arity: -2, flags: ['admin', 'noscript', 'loading', 'stale', 'protected'], keys: [0, 0, 0], acl: ['dangerous'], since: '1.0.0', summary: 'For tests.', group: 'server',
    run({ reply }) {
      reply.error(Errors.syntax);
    },
    subcommands: [
      sub('sleep', 3, 'Lets this client wait.', runSleep),
      sub('object', -3, 'How a key is kept.', runObject),
      sub('reload', -2, 'Writes the state out.', runReload),
      sub('loadaof', 2, 'Writes the state out.', runReload),
      sub('set-active-expire', 3, 'Expiry in the background.', ({ args, reply, services }) => {
        const failure = services.config.set([['active-expire', args[2].isWord('0') ? 'no' : 'yes']]);
        if (failure === null) reply.ok();
        else reply.error(`ERR ${failure}`);
      }),
      sub('digest', 2, 'The hash of all data.', (call) => call.reply.status(digest40(call))),
      sub('digest-value', -3, 'A hash of each key.', runDigestValue),
      sub('protocol', 3, 'A reply of every kind.', runProtocol),
      sub('error', 3, 'Answers an error.', ({ args, reply }) => reply.error(args[2].text())),
      sub('replication', 3, 'Stops and restarts all exchange with peers.', runReplication),
      sub('change-repl-id', 2, 'Does nothing here.', ok),
      sub('jmap', 2, 'Does nothing here.', ok),
      sub('log', 3, 'Does nothing here.', ok),
      sub('set-disable-deny-scripts', 3, 'Does nothing here.', ok),
      sub('listpack-entries', -2, 'Does nothing here.', ok),
      sub('quicklist-packed-threshold', 3, 'Does nothing here.', ok),
      sub('replybuffer', -3, 'Does nothing here.', ok),
      sub('stringmatch-len', 4, 'Matches a long string.', runStringMatch),
      sub('help', 2, 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'DEBUG', HELP)),
    ],
  },
];

function runStringMatch({ args, reply }: Call): void {
  const length = Number(args[2].latin1());
  const text = Buffer.alloc(Number.isSafeInteger(length) && length >= 0 && length < 1 << 26 ? length : 0, 'a');
  reply.flag(matchGlob(args[3].bytes, args[3].start, args[3].end, text, 0, text.length, false));
}
