/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. The queue belongs to the client; EXEC runs it within the txn that the
 * dispatcher opened for EXEC itself, so a transaction is one txn: it arrives everywhere as a whole.
 */
import type { Client } from './client.ts';
import type { CommandCall } from './dispatch.ts';
import type { Call, Command } from './table.ts';

export const transactionCommands: readonly Command[] = [
  {
    name: 'multi', arity: 1, flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'], keys: [0, 0, 0], acl: ['transaction'], since: '1.2.0',
    summary: 'Starts queueing commands for EXEC.', group: 'transactions', complexity: 'O(1)',
    run({ client, reply }) {
      if (client.multi !== null) {
        reply.error('ERR MULTI calls can not be nested');
        return;
      }
      client.multi = { queue: [], dirty: false };
      reply.ok();
    },
  },
  {
    name: 'exec', arity: 1, flags: ['noscript', 'loading', 'stale', 'skip_slowlog'], keys: [0, 0, 0], acl: ['transaction'], since: '1.2.0',
    summary: 'Runs the queued commands as one transaction.', group: 'transactions', complexity: 'Depends on the commands',
    run: runExec,
  },
  {
    name: 'discard', arity: 1, flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'], keys: [0, 0, 0], acl: ['transaction'], since: '2.0.0',
    summary: 'Throws the queued commands away.', group: 'transactions', complexity: 'O(N), N queued commands',
    run({ client, engine, reply }) {
      if (client.multi === null) {
        reply.error('ERR DISCARD without MULTI');
        return;
      }
      client.multi = null;
      unwatchAll(client, (watch) => engine.unwatch(watch));
      reply.ok();
    },
  },
  {
    name: 'watch', arity: -2, flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'], keys: [1, -1, 1], acl: ['transaction'], since: '2.2.0',
    summary: 'Makes the next EXEC depend on keys staying as they are.', group: 'transactions', complexity: 'O(1) per key',
    run({ args, argc, client, engine, reply }) {
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
    },
  },
  {
    name: 'unwatch', arity: 1, flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'], keys: [0, 0, 0], acl: ['transaction'], since: '2.2.0',
    summary: 'Forgets all watched keys.', group: 'transactions', complexity: 'O(1)',
    run({ client, engine, reply }) {
      unwatchAll(client, (watch) => engine.unwatch(watch));
      reply.ok();
    },
  },
];

/** Ends all watches of a client: EXEC, DISCARD, UNWATCH, RESET, disconnection. */
export function unwatchAll(client: Client, unwatch: (watch: Client['watches'][number]['watch']) => void): void {
  for (const { watch } of client.watches) unwatch(watch);
  client.watches.length = 0;
}

function runExec(call: Call): void {
  const { client, engine, reply } = call;
  const { multi } = client;
  if (multi === null) {
    reply.error('ERR EXEC without MULTI');
    return;
  }
  client.multi = null;
  const changed = client.watches.some(({ watch }) => watch.changed);
  unwatchAll(client, (watch) => engine.unwatch(watch));
  if (multi.dirty) {
    reply.error('EXECABORT Transaction discarded because of previous errors.');
    return;
  }
  if (changed) {
    reply.nilArray();
    return;
  }
  reply.array(multi.queue.length);
  const inner = call as CommandCall;
  for (const { command, args } of multi.queue) {
    inner.command = command;
    inner.args = args;
    inner.argc = args.length;
    inner.db = engine.databases[client.database];
    command.run(inner);
  }
}
