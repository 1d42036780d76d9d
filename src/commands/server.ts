/** Server commands: SHUTDOWN, SAVE and its kin, WAIT, SLOWLOG, LATENCY, MEMORY, MODULE, and those that have no meaning here. */
import { numberArgument } from './arguments.ts';
import { answerHelp } from './help-reply.ts';
import { Errors } from './reply.ts';
import type { Call, Command, CommandFlag } from './table.ts';

function runShutdown(call: Call): void {
  const { args, argc, reply, services } = call;
  const options = { save: true, now: false, force: false };
  for (let i = 1; i < argc; i++) {
    if (args[i].isWord('nosave')) options.save = false;
    else if (args[i].isWord('save')) options.save = true;
    else if (args[i].isWord('now')) options.now = true;
    else if (args[i].isWord('force')) options.force = true;
    else if (args[i].isWord('abort') && argc === 2) {
      reply.error('ERR No shutdown in progress.');
      return;
    } else {
      reply.error(Errors.syntax);
      return;
    }
  }
  call.client.closeAfterReply = true;
  services.node.shutdown(options);
}

/** Answers when the state has been written out. */
function runSave(call: Call, answer: (reply: Call['reply']) => void): void {
  const { client, reply, services } = call;
  if (!client.mayBlock) {
    reply.error(`ERR ${call.command.name.toUpperCase()} is not allowed inside a transaction`);
    return;
  }
  const blocked = client.block();
  services.store.save().then(
    () => blocked.resume(answer),
    (error: unknown) => blocked.resume((later) => later.error(`ERR ${error instanceof Error ? error.message : String(error)}`)),
  );
}

/** Starts to write the state out and answers at once. */
function runBackgroundSave({ reply, services }: Call, status: string): void {
  // a failure shows in INFO persistence and refuses writes; there is nobody to tell it to here
  services.store.save().catch(() => undefined);
  reply.status(status);
}

/** WAIT: how many peers have confirmed everything that this node wrote so far. */
function runWait(call: Call): void {
  const { client, engine, reply, services } = call;
  const wanted = numberArgument(call, 1);
  if (wanted === undefined) return;
  const timeout = numberArgument(call, 2, 'ERR timeout is not an integer or out of range');
  if (timeout === undefined) return;
  if (timeout < 0) {
    reply.error('ERR timeout is negative');
    return;
  }
  const number = engine.vector().find((entry) => entry.replica === engine.replica)?.number ?? 0;
  const confirmed = services.mesh.confirmations(number);
  if (confirmed >= wanted || !client.mayBlock) {
    reply.integer(confirmed);
    return;
  }
  const blocked = client.block((later) => later.integer(services.mesh.confirmations(number)));
  services.mesh.waitFor(number, wanted, timeout).then((count) => blocked.resume((later) => later.integer(count)));
}

function runSlowlogGet(call: Call): void {
  const { argc, reply, services } = call;
  const count = argc === 3 ? numberArgument(call, 2) : 10;
  if (count === undefined) return;
  if (count < -1) {
    reply.error('ERR count should be greater than or equal to -1');
    return;
  }
  const entries = count === -1 ? services.slowLog.entries : services.slowLog.entries.slice(0, count);
  reply.array(entries.length);
  for (const entry of entries) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.atSeconds);
    reply.integer(entry.micros);
    reply.array(entry.args.length);
    for (const arg of entry.args) reply.bulkBytes(Buffer.from(arg, 'latin1'));
    reply.bulkText(entry.address);
    reply.bulkText(entry.clientName);
  }
}

const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

function sub(name: string, arity: number, since: string, summary: string, run: (call: Call) => void, flags: readonly CommandFlag[] = ADMIN): Command {
  return { name, arity, flags, keys: name === 'memory|usage' ? [2, 2, 1] : [0, 0, 0], acl: flags.includes('admin') ? ['dangerous'] : [], since, summary, group: 'server', run };
}

function container(name: string, since: string, summary: string, subcommands: readonly Command[]): Command {
  return {
    name, arity: -2, flags: [], keys: [0, 0, 0], acl: [], since, summary, group: 'server', subcommands,
    run({ reply }) {
      reply.error(Errors.syntax);
    },
  };
}

function plain(name: string, arity: number, since: string, summary: string, run: (call: Call) => void, flags: readonly CommandFlag[] = ADMIN): Command {
  return { name, arity, flags, keys: [0, 0, 0], acl: ['dangerous'], since, summary, group: 'server', run };
}

const NO_REPLICA = 'ERR Starling has no replicas of one master: every node takes writes, see MESH JOIN';

export const serverCommands: readonly Command[] = [
  plain('shutdown', -1, '1.0.0', 'Stops the node, its data written out.', runShutdown),
  plain('save', 1, '1.0.0', 'Writes the state out and waits.', (call) => runSave(call, (reply) => reply.ok())),
  plain('bgsave', -1, '1.0.0', 'Writes the state out in the background.', (call) => runBackgroundSave(call, 'Background saving started')),
  plain('bgrewriteaof', 1, '1.0.0', 'Shortens the log in the background.', (call) => runBackgroundSave(call, 'Background append only file rewriting started')),
  { ...plain('wait', 3, '3.0.0', 'Waits until peers have confirmed what was written.', runWait, ['blocking']), acl: ['connection'], group: 'generic' },
  plain('replicaof', 3, '5.0.0', 'Has no meaning here.', ({ reply }) => reply.error(NO_REPLICA)),
  plain('slaveof', 3, '1.0.0', 'Has no meaning here.', ({ reply }) => reply.error(NO_REPLICA)),
  plain('failover', -1, '6.2.0', 'Has no meaning here.', ({ reply }) => reply.error(NO_REPLICA)),
  container('slowlog', '2.2.12', 'Commands that took long.', [
    sub('slowlog|get', -2, '2.2.12', 'The latest of them.', runSlowlogGet),
    sub('slowlog|len', 2, '2.2.12', 'How many are remembered.', ({ reply, services }) => reply.integer(services.slowLog.entries.length)),
    sub('slowlog|reset', 2, '2.2.12', 'Forgets them.', ({ reply, services }) => {
      services.slowLog.reset();
      reply.ok();
    }),
    sub('slowlog|help', 2, '6.2.0', 'Lists the sub-commands.', ({ reply }) =>
      answerHelp(reply, 'SLOWLOG', ['GET [<count>]', '    The latest slow commands.', 'LEN', '    How many are remembered.', 'RESET', '    Forgets them.'])),
  ]),
  container('latency', '2.8.13', 'Moments of slowness; this node watches none yet.', [
    sub('latency|latest', 2, '2.8.13', 'The latest event of each kind.', ({ reply }) => reply.array(0)),
    sub('latency|history', 3, '2.8.13', 'Events of a kind.', ({ reply }) => reply.array(0)),
    sub('latency|reset', -2, '2.8.13', 'Forgets events.', ({ reply }) => reply.integer(0)),
  ]),
  container('memory', '4.0.0', 'Memory and what takes it.', [
    sub('memory|usage', -3, '4.0.0', 'Bytes that a key takes, about.', ({ args, db, reply }) => {
      const bytes = db.memoryOf(args[2]);
      if (bytes === 0) reply.nil();
      else reply.integer(bytes);
    }, ['readonly']),
    sub('memory|doctor', 2, '4.0.0', 'What may be wrong.', ({ reply }) => reply.verbatim('Nothing is known to be wrong with the memory of this node.')),
    sub('memory|purge', 2, '4.0.0', 'Gives memory back.', ({ reply }) => reply.ok()),
    sub('memory|stats', 2, '4.0.0', 'Figures.', ({ engine, reply }) => {
      const { arenaBytes, arenaUsedBytes, logBytes } = engine.statistics;
      const usage = process.memoryUsage();
      const fields: [string, number][] = [
        ['total.allocated', arenaUsedBytes + usage.heapUsed], ['dataset.bytes', arenaUsedBytes], ['arena.bytes', arenaBytes], ['replication.backlog', logBytes],
        ['keys.count', engine.databases.reduce((sum, db) => sum + db.size, 0)], ['rss.bytes', usage.rss],
      ];
      reply.map(fields.length);
      for (const [name, value] of fields) {
        reply.bulkText(name);
        reply.integer(value);
      }
    }, []),
  ]),
  container('function', '7.0.0', 'Function libraries: there are none yet.', [
    sub('function|flush', -2, '7.0.0', 'Removes all libraries.', ({ reply }) => reply.ok(), ['noscript', 'write']),
    sub('function|list', -2, '7.0.0', 'No libraries.', ({ reply }) => reply.array(0), ['noscript']),
  ]),
  container('module', '4.0.0', 'Modules: there are none.', [sub('module|list', 2, '4.0.0', 'No modules.', ({ reply }) => reply.array(0))]),
  container('acl', '6.0.0', 'Users; there is one, default.', [
    sub('acl|whoami', 2, '6.0.0', 'Who this connection is.', ({ client, reply }) => reply.bulkText(client.user), ['noscript', 'loading', 'stale']),
    sub('acl|users', 2, '6.0.0', 'All users.', ({ reply }) => {
      reply.array(1);
      reply.bulkText('default');
    }),
    sub('acl|list', 2, '6.0.0', 'All users and what they may.', ({ reply, services }) => {
      reply.array(1);
      reply.bulkText(`user default on ${services.config.limits.requirePassword === '' ? 'nopass' : '#(password)'} sanitize-payload ~* &* +@all`);
    }),
  ]),
];
