/**
 * From a request to a reply: finds the command, refuses what must be refused, in Redis's order and words, queues
 * inside MULTI, and runs the rest as one txn each. Knows no sockets. The hot path allocates nothing per command.
 */
import type { Database, Engine } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import type { AccessControl } from './acl/access-control.ts';
import { refusalOfQueued } from './acl/permission.ts';
import { CallTimes } from './call-times.ts';
import type { Client, QueuedCommand } from './client.ts';
import { mustPause, refusalOf } from './refusals.ts';
import { type Entry, findSubcommand, type Registry, Trait } from './registry.ts';
import { type Reply, ReplyOverflow, wrongArity } from './reply.ts';
import type { Services } from './services.ts';
import type { Call, Command } from './table.ts';
import { discardMulti } from './transaction-state.ts';

/** The one Call of a client. */
export class CommandCall implements Call {
  args: readonly Slice[] = [];
  argc = 0;
  readonly client: Client;
  readonly engine: Engine;
  readonly reply: Reply;
  readonly services: Services;
  readonly acl: AccessControl;
  command: Command = NOTHING;
  db: Database;
  private readonly dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher, client: Client, engine: Engine, reply: Reply, services: Services) {
    this.dispatcher = dispatcher;
    this.client = client;
    this.engine = engine;
    this.reply = reply;
    this.services = services;
    this.acl = dispatcher.acl;
    this.db = engine.databases[0];
  }

  /** Runs one queued command within the txn that is open: for EXEC. */
  runQueued(queued: QueuedCommand): void {
    this.dispatcher.runQueued(this, queued);
  }

  /** A call of another client, through the same dispatcher: what scripts run. */
  callOf(client: Client, reply: Reply): CommandCall {
    return new CommandCall(this.dispatcher, client, this.engine, reply, this.services);
  }

  /** The entry that the words name, or undefined. */
  find(): Entry | undefined {
    return this.dispatcher.find(this);
  }

  /** Runs that entry, which nothing forbids, within the txn that is open: for scripts. */
  runWithin(entry: Entry): void {
    this.dispatcher.runWithin(this, entry);
  }

  /** Counts a command that a script may not run. */
  reject(entry: Entry, error: string): void {
    this.dispatcher.times.of(entry).rejected++;
    this.dispatcher.errorsWithin++;
    this.services.statistics.countError(error);
  }

  /** The script has failed with the error of a command, which is counted already. */
  markFailed(): void {
    this.dispatcher.errorsWithin--;
  }

  /** True if commands that may take more memory are refused now. */
  get outOfMemory(): boolean {
    return this.services.eviction.isFull;
  }
}

/** What the session must know of a request that was dispatched. */
export const Outcome = {
  done: 0,
  /** It had an effect: under `appendfsync always` its reply must wait. */
  wrote: 1,
  /** No client of ours: the connection is to be cut. */
  abort: 2,
  /** CLIENT PAUSE: nothing has happened, dispatch it again after the pause. */
  postponed: 3,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

const EXEC = Slice.of('exec');
/** As much of a name or argument as Redis repeats in an error. */
const SHOWN_BYTES_MAX = 128;
const QUEUED_BYTES = 64;

export class Dispatcher {
  readonly times: CallTimes;
  readonly acl: AccessControl;
  /** CLIENT PAUSE. */
  paused: 'none' | 'writes' | 'all' = 'none';
  /** Errors of commands that others ran (scripts, EXEC), since the start: they are no failures of those. */
  errorsWithin = 0;
  private readonly registry: Registry;
  private readonly services: Services;
  private readonly onCrash: (error: unknown, command: string) => void;

  constructor(
    registry: Registry,
    services: Services,
    acl: AccessControl,
    onCrash: (error: unknown, command: string) => void,
  ) {
    this.registry = registry;
    this.acl = acl;
    this.services = services;
    this.onCrash = onCrash;
    this.times = new CallTimes(services);
  }

  /** Answers one request: args and argc of the call are set, argc is at least 1. */
  dispatch(call: CommandCall): Outcome {
    const { client } = call;
    let entry = this.registry.lookup(call.args[0]);
    if (entry === undefined) return this.refuseUnknown(call);
    if (entry.subcommands !== null && call.argc > 1) {
      const sub = findSubcommand(entry.subcommands, call.args[1]);
      if (sub === undefined) return this.refuse(call, null, unknownSubcommand(entry, call.args[1]));
      entry = sub;
    }
    const { command } = entry;
    call.command = command;
    client.lastCommand = command.name;
    const { arity } = command;
    if (arity > 0 ? call.argc !== arity : call.argc < -arity) return this.refuse(call, entry, wrongArity(command.name));
    const refusal = refusalOf(call, entry);
    if (refusal !== null) return this.refuse(call, entry, refusal);
    if (this.paused !== 'none' && mustPause(call, entry, this.paused)) return Outcome.postponed;
    if (client.multi !== null && (entry.traits & Trait.unqueued) === 0) {
      const queued = keep(command, call);
      client.multi.queue.push(queued);
      client.multi.bytes += bytesOf(queued);
      call.reply.status('QUEUED');
      return Outcome.done;
    }
    return this.run(call, entry);
  }

  find({ args, argc }: CommandCall): Entry | undefined {
    const entry = this.registry.lookup(args[0]);
    return entry?.subcommands == null || argc === 1 ? entry : findSubcommand(entry.subcommands, args[1]);
  }

  /** Runs a command as one txn. */
  private run(call: CommandCall, entry: Entry): Outcome {
    const { engine, services, reply } = call;
    services.statistics.commandsProcessed++;
    call.db = engine.databases[call.client.database];
    const isTimed = (entry.traits & Trait.timed) !== 0;
    if (isTimed) this.times.cut();
    const failures = services.statistics.errorReplies;
    const within = this.errorsWithin;
    const mark = reply.mark();
    if (services.monitors.count > 0 && entry.command.name !== 'exec') services.monitors.show(call);
    engine.begin();
    try {
      execute(call, entry.command);
    } catch (error) {
      this.crashed(call, mark, error);
    }
    const changed = engine.commit();
    if (services.keyWaits.isReady) services.keyWaits.serve();
    // behind the commands that it ran
    if (services.monitors.count > 0 && entry.command.name === 'exec') showExec(call, entry.command);
    // CONFIG RESETSTAT counts itself
    const tally = this.times.of(entry);
    if (this.hasFailed(failures, within)) tally.failed++;
    if (isTimed) {
      call.command = entry.command;
      this.times.measured(tally, call);
    } else this.times.count(tally);
    return changed ? Outcome.wrote : Outcome.done;
  }

  /** EXEC's part of it: one queued command, within EXEC's txn. */
  runQueued(call: CommandCall, { command, args }: QueuedCommand): void {
    const { client, engine, reply, services } = call;
    const entry = this.registry.entryOf(command);
    const tally = this.times.of(entry);
    call.command = command;
    call.args = args;
    call.argc = args.length;
    // what it may do can have changed since the command was queued
    const refusal = client.user.unrestricted ? null : refusalOfQueued(call, command);
    if (refusal !== null) {
      reply.error(refusal);
      return;
    }
    services.statistics.commandsProcessed++;
    if (services.monitors.count > 0) services.monitors.show(call);
    call.db = engine.databases[client.database];
    const failures = services.statistics.errorReplies;
    const within = this.errorsWithin;
    const mark = reply.mark();
    try {
      execute(call, command);
    } catch (error) {
      this.crashed(call, mark, error);
    }
    if (this.hasFailed(failures, within)) {
      tally.failed++;
      // EXEC itself has not
      this.errorsWithin = within + services.statistics.errorReplies - failures;
    }
    this.times.measured(tally, call);
  }

  /** CLIENT UNBLOCK ends the wait of this command with an error, which is no failure of CLIENT UNBLOCK. */
  failWaiting(name: string): void {
    const tally = this.services.statistics.commandCalls.get(name);
    if (tally !== undefined) tally.failed++;
    this.errorsWithin++;
  }

  /** A script's part of it: one command, of which the script has found that it may be run. */
  runWithin(call: CommandCall, entry: Entry): void {
    const { client, engine, reply, services } = call;
    const tally = this.times.of(entry);
    call.command = entry.command;
    services.statistics.commandsProcessed++;
    if (services.monitors.count > 0) services.monitors.show(call);
    call.db = engine.databases[client.database];
    const failures = services.statistics.errorReplies;
    const mark = reply.mark();
    const started = services.monotonicMicros();
    try {
      execute(call, entry.command);
    } catch (error) {
      this.crashed(call, mark, error);
    }
    const errors = services.statistics.errorReplies - failures;
    this.errorsWithin += errors;
    if (errors > 0) tally.failed++;
    this.times.within(tally, services.monotonicMicros() - started);
  }

  /** Since these two counts the command has answered with an error of its own. */
  private hasFailed(errors: number, within: number): boolean {
    return this.services.statistics.errorReplies - errors > this.errorsWithin - within;
  }

  /** A handler threw: whatever it had written of its reply is withdrawn, its effects stand as far as it got. */
  private crashed(call: CommandCall, mark: number, error: unknown): void {
    if (error instanceof ReplyOverflow) return;
    call.services.statistics.unexpectedErrorReplies++;
    this.onCrash(error, call.command.name);
    call.reply.rewind(mark);
    call.reply.error(`ERR internal error: ${error instanceof Error ? error.message : String(error)}`);
  }

  private refuseUnknown(call: CommandCall): Outcome {
    const [name] = call.args;
    // a browser that was tricked into speaking to us: nothing after this line may be taken as a command
    if (name.isWord('post') || name.isWord('host:')) return Outcome.abort;
    let shown = '';
    for (let i = 1, bytes = 0; i < call.argc && bytes < SHOWN_BYTES_MAX; i++) {
      const text = shownText(call.args[i], SHOWN_BYTES_MAX - bytes);
      shown += `'${text}' `;
      bytes += Buffer.byteLength(text) + 3;
    }
    const error = `ERR unknown command '${shownText(name, SHOWN_BYTES_MAX)}', with args beginning with: ${shown}`;
    return this.refuse(call, null, error);
  }

  private refuse(call: CommandCall, entry: Entry | null, error: string): Outcome {
    const { client, reply } = call;
    if (entry !== null) this.times.of(entry).rejected++;
    if (client.multi !== null) client.multi.dirty = true;
    // it was the command that CLIENT CACHING was about
    else if (client.tracking !== null && entry?.command.name.startsWith('client|') !== true) {
      client.tracking.caching = false;
    }
    if (entry?.command.name === 'exec') {
      discardMulti(client, call.engine);
      reply.error(`EXECABORT Transaction discarded because of: ${error.replace(/^ERR /, '')}`);
    } else reply.error(error);
    return Outcome.done;
  }
}

function shownText(slice: Slice, bytesMax: number): string {
  const { bytes, start, end } = slice;
  const nul = bytes.subarray(start, end).indexOf(0);
  const stop = nul < 0 ? end : start + nul;
  return bytes.toString('utf8', start, Math.min(stop, start + bytesMax));
}

function unknownSubcommand(container: Entry, sub: Slice): string {
  return `ERR unknown subcommand '${shownText(sub, SHOWN_BYTES_MAX)}'. Try ${container.command.name.toUpperCase()} HELP.`;
}

/** EXEC has put the words of the commands that it ran into the call. */
function showExec(call: CommandCall, exec: Command): void {
  call.command = exec;
  call.args = [EXEC];
  call.argc = 1;
  call.services.monitors.show(call);
}

/** A request as MULTI's queue keeps it: its bytes copied once. */
function keep(command: Command, call: CommandCall): QueuedCommand {
  let size = 0;
  for (let i = 0; i < call.argc; i++) size += call.args[i].length;
  const bytes = Buffer.allocUnsafeSlow(size);
  const args: Slice[] = [];
  let at = 0;
  for (let i = 0; i < call.argc; i++) {
    const { bytes: from, start, end } = call.args[i];
    from.copy(bytes, at, start, end);
    args.push(new Slice(bytes, at, at + end - start));
    at += end - start;
  }
  return { command, args };
}

/** What stands in MULTI's queue for it, about: its words, and what leads to them. */
function bytesOf({ args }: QueuedCommand): number {
  let bytes = QUEUED_BYTES;
  for (const arg of args) bytes += arg.length;
  return bytes;
}

const NOTHING: Command = {
  name: '',
  arity: 0,
  flags: [],
  keys: [0, 0, 0],
  acl: [],
  since: '',
  summary: '',
  group: 'server',
  run() {},
};

/** Runs the handler, and tells who wants to know of what it has changed. */
function execute(call: CommandCall, command: Command): void {
  const { changes } = call.services;
  // what writes must come to its end, whoever hears of it
  if (call.reply.isLimited) call.reply.mayStop = command.flags.includes('readonly');
  if (changes.isOn) changes.run(call, command, () => perform(call, command));
  else perform(call, command);
}

function perform(call: CommandCall, command: Command): void {
  if (call.client.noTouch) runUnnoticed(call, command);
  else command.run(call);
}

/** CLIENT NO-TOUCH: reads leave the idle clocks of keys alone, but for TOUCH, which is there to set them. */
function runUnnoticed(call: CommandCall, command: Command): void {
  const { engine } = call;
  const unnoticed = command.flags.includes('readonly') && command.name !== 'touch';
  if (unnoticed) engine.readUnnoticed(true);
  try {
    command.run(call);
  } finally {
    if (unnoticed) engine.readUnnoticed(false);
  }
}
