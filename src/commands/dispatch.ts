/**
 * From a request to a reply: finds the command, refuses what must be refused, in Redis's order and words, queues
 * inside MULTI, and runs the rest as one txn each. Knows no sockets.
 */
import type { Database, Engine } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import type { Client, QueuedCommand } from './client.ts';
import type { Registry } from './registry.ts';
import { Errors, type Reply, wrongArity } from './reply.ts';
import type { Services } from './services.ts';
import type { Call, Command } from './table.ts';

/** The one Call of a client. */
export class CommandCall implements Call {
  args: readonly Slice[] = [];
  argc = 0;
  readonly client: Client;
  readonly engine: Engine;
  readonly reply: Reply;
  readonly services: Services;
  command: Command = NOTHING;
  db: Database;

  constructor(client: Client, engine: Engine, reply: Reply, services: Services) {
    this.client = client;
    this.engine = engine;
    this.reply = reply;
    this.services = services;
    this.db = engine.databases[0];
  }
}

/** What the session must know of a request that was dispatched. */
export const Outcome = { done: 0, wrote: 1, abort: 2 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

const EXEC_NAMES = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
const ARGUMENTS_SHOWN_BYTES = 128;

export class Dispatcher {
  private readonly registry: Registry;
  private readonly services: Services;
  /** When the command before ended, in microseconds; the session sets it at the start of a chunk. */
  since = 0;
  private readonly onCrash: (error: unknown, command: string) => void;

  constructor(registry: Registry, services: Services, onCrash: (error: unknown, command: string) => void) {
    this.registry = registry;
    this.services = services;
    this.onCrash = onCrash;
  }

  /** Answers one request: args and argc of the call are set. */
  dispatch(call: CommandCall): Outcome {
    const { client, reply, services } = call;
    const entry = this.registry.lookup(call.args[0]);
    services.statistics.commandsProcessed++;
    if (entry === undefined) return this.refuseUnknown(call);
    let command = entry;
    if (entry.subcommands !== undefined && call.argc > 1) {
      const sub = this.registry.find(`${entry.name}|${call.args[1].latin1().toLowerCase()}`);
      if (sub === undefined) return this.refuse(call, unknownSubcommand(entry, call.args[1]));
      command = sub;
    }
    call.command = command;
    client.lastCommand = command.name;
    if (!arityFits(command, call.argc)) return this.refuse(call, wrongArity(command.name));
    if (!client.authenticated && !command.flags.includes('no_auth')) return this.refuse(call, 'NOAUTH Authentication required.');
    const traits = traitsOf(command);
    if (traits.writes && services.store.failure !== null) return this.refuse(call, misconf(services.store.failure));
    if (traits.denyoom && this.isOutOfMemory(call)) return this.refuse(call, Errors.oom);
    if (client.multi !== null && !EXEC_NAMES.has(command.name)) {
      if (traits.noMulti) return this.refuse(call, 'ERR Command not allowed inside a transaction');
      client.multi.queue.push(keep(command, call));
      reply.status('QUEUED');
      return Outcome.done;
    }
    return this.run(call, command);
  }

  /** Runs a command as one txn. Also what EXEC uses, within its own txn, through `inner`. */
  private run(call: CommandCall, command: Command): Outcome {
    const { engine, client } = call;
    call.db = engine.databases[client.database];
    const counters = countersOf(call.services, command);
    counters.calls++;
    engine.begin();
    try {
      command.run(call);
    } catch (error) {
      this.crashed(call, command, error);
    }
    const changed = engine.commit();
    const now = call.services.monotonicMicros();
    const micros = now - this.since;
    this.since = now;
    counters.micros += micros;
    if (micros >= call.services.slowLog.thresholdMicros && !command.flags.includes('skip_slowlog')) {
      call.services.slowLog.note(call, micros);
    }
    return changed ? Outcome.wrote : Outcome.done;
  }

  private crashed(call: CommandCall, command: Command, error: unknown): void {
    call.services.statistics.unexpectedErrorReplies++;
    this.onCrash(error, command.name);
    call.reply.error(`ERR internal error: ${error instanceof Error ? error.message : String(error)}`);
  }

  private isOutOfMemory(call: CommandCall): boolean {
    const limit = call.services.config.limits.maxMemoryBytes;
    return limit > 0 && call.engine.statistics.arenaUsedBytes > limit;
  }

  private refuseUnknown(call: CommandCall): Outcome {
    const name = call.args[0];
    if (name.isWord('post') || name.isWord('host:')) return Outcome.abort;
    let shown = '';
    for (let i = 1; i < call.argc && shown.length < ARGUMENTS_SHOWN_BYTES; i++) {
      shown += `'${call.args[i].latin1().slice(0, ARGUMENTS_SHOWN_BYTES - shown.length)}' `;
    }
    return this.refuse(call, `ERR unknown command '${name.latin1().slice(0, ARGUMENTS_SHOWN_BYTES)}', with args beginning with: ${shown}`);
  }

  private refuse(call: CommandCall, error: string): Outcome {
    const { client } = call;
    if (client.multi !== null) client.multi.dirty = true;
    const counters = call.command === NOTHING ? undefined : countersOf(this.services, call.command);
    if (counters !== undefined) counters.rejected++;
    call.reply.error(error);
    return Outcome.done;
  }
}

interface Traits {
  writes: boolean;
  denyoom: boolean;
  noMulti: boolean;
}

const traits = new WeakMap<Command, Traits>();

function traitsOf(command: Command): Traits {
  let known = traits.get(command);
  if (known === undefined) {
    known = {
      writes: command.flags.includes('write'),
      denyoom: command.flags.includes('denyoom'),
      noMulti: command.flags.includes('no_multi'),
    };
    traits.set(command, known);
  }
  return known;
}

type Counters = { calls: number; micros: number; rejected: number; failed: number };

const counters = new WeakMap<Map<string, Counters>, WeakMap<Command, Counters>>();

function countersOf({ statistics }: Services, command: Command): Counters {
  let ofServer = counters.get(statistics.commandCalls);
  if (ofServer === undefined) {
    ofServer = new WeakMap();
    counters.set(statistics.commandCalls, ofServer);
  }
  let known = ofServer.get(command);
  if (known === undefined || statistics.commandCalls.get(command.name) !== known) {
    known = { calls: 0, micros: 0, rejected: 0, failed: 0 };
    ofServer.set(command, known);
    statistics.commandCalls.set(command.name, known);
  }
  return known;
}

function arityFits(command: Command, argc: number): boolean {
  return command.arity > 0 ? argc === command.arity : argc >= -command.arity;
}

function unknownSubcommand(container: Command, sub: Slice): string {
  return `ERR unknown subcommand '${sub.latin1().slice(0, 128)}'. Try ${container.name.toUpperCase()} HELP.`;
}

function misconf(reason: string): string {
  return (
    `MISCONF Starling is configured to persist data, but it is currently unable to: ${reason}. ` +
    'Commands that may modify the data set are disabled; reads and the exchange with other nodes go on.'
  );
}

function keep(command: Command, call: CommandCall): QueuedCommand {
  const args: Slice[] = [];
  for (let i = 0; i < call.argc; i++) args.push(new Slice(call.args[i].copy()));
  return { command, args };
}

const NOTHING: Command = {
  name: '', arity: 0, flags: [], keys: [0, 0, 0], acl: [], since: '', summary: '', group: 'server',
  run() {},
};
