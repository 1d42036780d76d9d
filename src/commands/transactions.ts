/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. The queue belongs to the client; EXEC runs it within the txn that the
 * dispatcher opened for EXEC itself, so a transaction is one txn: it arrives everywhere as a whole.
 */
import type { QueuedCommand } from './client.ts';
import { CommandCall } from './dispatch.ts';
import type { Reply } from './reply.ts';
import type { Call, Command } from './table.ts';
import { discardMulti, unwatchAll } from './transaction-state.ts';

export const transactionCommands: readonly Command[] = [
  {
    name: 'multi',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: [0, 0, 0],
    acl: ['transaction'],
    since: '1.2.0',
    group: 'transactions',
    summary: 'Starts queueing commands for EXEC.',
    complexity: 'O(1)',
    run: runMulti,
  },
  {
    name: 'exec',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    keys: [0, 0, 0],
    acl: ['transaction'],
    since: '1.2.0',
    group: 'transactions',
    summary: 'Runs the queued commands as one transaction.',
    complexity: 'Depends on the commands in the transaction',
    run: runExec,
  },
  {
    name: 'discard',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: [0, 0, 0],
    acl: ['transaction'],
    since: '2.0.0',
    group: 'transactions',
    summary: 'Throws the queued commands away.',
    complexity: 'O(N), when N is the number of queued commands',
    run: runDiscard,
  },
  {
    name: 'watch',
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: [1, -1, 1],
    acl: ['transaction'],
    since: '2.2.0',
    group: 'transactions',
    summary: 'Makes the next EXEC depend on keys staying as they are.',
    complexity: 'O(1) for every key.',
    run: runWatch,
  },
  {
    name: 'unwatch',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: [0, 0, 0],
    acl: ['transaction'],
    since: '2.2.0',
    group: 'transactions',
    summary: 'Forgets all watched keys.',
    complexity: 'O(1)',
    run({ client, engine, reply }) {
      unwatchAll(client, engine);
      reply.ok();
    },
  },
];

function runMulti({ client, reply }: Call): void {
  if (client.multi !== null) {
    reply.error('ERR MULTI calls can not be nested');
    return;
  }
  client.multi = { queue: [], bytes: 0, dirty: false };
  reply.ok();
}

function runDiscard({ client, engine, reply }: Call): void {
  if (client.multi === null) {
    reply.error('ERR DISCARD without MULTI');
    return;
  }
  discardMulti(client, engine);
  reply.ok();
}

function runWatch({ args, argc, client, engine, reply }: Call): void {
  if (client.multi !== null) {
    reply.error('ERR WATCH inside MULTI is not allowed');
    return;
  }
  for (let i = 1; i < argc; i++) {
    const key = args[i].copy();
    const known = client.watches.some((each) => each.database === client.database && each.key.equals(key));
    if (!known) client.watches.push({ database: client.database, key, watch: engine.watch(client.database, args[i]) });
  }
  reply.ok();
}

function runExec(call: Call): void {
  const { client, engine, reply } = call;
  const { multi } = client;
  if (multi === null) {
    reply.error('ERR EXEC without MULTI');
    return;
  }
  const changed = client.watches.some(({ watch }) => watch.changed);
  discardMulti(client, engine);
  if (multi.dirty) {
    reply.error('EXECABORT Transaction discarded because of previous errors.');
    return;
  }
  if (changed) {
    reply.nilArray();
    return;
  }
  if (!(call instanceof CommandCall)) throw new Error('EXEC needs the call of a session');
  reply.array(multi.queue.length);
  runQueue(call, multi.queue, 0);
}

function runQueue(call: CommandCall, queue: readonly QueuedCommand[], from: number): void {
  const { client, services } = call;
  client.mayBlock = false;
  for (let i = from; i < queue.length; i++) {
    call.runQueued(queue[i]);
    const { suspended } = services.scripting;
    if (suspended === null) continue;
    // a script that is past its time: the rest of the queue comes when it has ended
    client.mayBlock = true;
    const blocked = client.block();
    const goOn = (write: (reply: Reply) => void) => {
      write(call.reply);
      runQueue(call, queue, i + 1);
    };
    // a client that has gone hears of nothing, and yet its transaction is run whole
    suspended.onEnd((write) => (blocked.abandoned ? goOn(write) : blocked.resume(() => goOn(write), true)));
    return;
  }
  client.mayBlock = true;
}
