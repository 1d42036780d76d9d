/**
 * What follows from a change of a key besides the reply: invalidations for client-side caches and keyspace notifications.
 * The dispatcher runs each command through here while anybody wants either; else the core is not even asked which keys
 * change. What comes from other nodes, and expiry, is told at the end of the turn, or before the next command.
 */
import { type Database, type Engine, type KeyObserver, KeyType, type RemoteChange, Slice } from '../../core/index.ts';
import type { Client } from '../client.ts';
import type { EventsOf } from '../key-waits.ts';
import { keysOfCall } from '../metadata/keys-of-call.ts';
import type { Services } from '../services.ts';
import type { Call, Command } from '../table.ts';
import { parseEventFlags } from './event-flags.ts';
import { eventOfType, eventsOfCommand, eventsOfEffects } from './event-names.ts';
import { KeyspaceEvents } from './keyspace-events.ts';
import { Tracking } from './tracking.ts';

interface Touched {
  readonly database: number;
  readonly key: Buffer;
  /** In latin1. */
  readonly name: string;
}

/** A key that a command names, as it was before. */
interface Named {
  readonly position: number;
  readonly key: Buffer;
  readonly type: KeyType;
  /** Of types whose events tell by it, as sizeOf() has it. */
  readonly size: number;
}

interface Event {
  readonly event: string;
  readonly database: number;
  readonly key: Buffer;
}

/** A command that is being run: its changes are told by its name. */
interface Running {
  readonly client: Client;
  readonly touched: Map<string, Touched>;
}

/** What has happened outside of commands. */
type Note =
  | { readonly kind: 'merged' | 'expired' | 'evicted' | 'fields expired'; readonly touched: Touched }
  | { readonly kind: 'remote'; readonly change: RemoteChange };

const FLUSHING = new Set(['flushall', 'flushdb']);
/** They set the key of their own event up anew, whatever was there. */
const PLACING = new Set(['rename_to', 'copy_to', 'move_to', 'restore']);
/** The key is there under its new name before it is told that it has moved. */
const MOVING = /^(rename|renamenx|move)$/;
/** They read no key themselves: what they run does, and that is what counts (since Redis 7.2). */
const RUNNING_SCRIPTS = new Set(['eval_ro', 'evalsha_ro', 'fcall_ro']);
/** Looks at keys that tell of no miss. */
const UNMISSED = /^(object|memory|debug|watch|scan|keys)\b/;
/** Commands by which a consumer joins a group without more. */
const JOINING = new Set(['xreadgroup', 'xclaim', 'xautoclaim']);
/** Writes that read first, and miss. */
const READING_WRITES = new Set(['getdel', 'getex', 'getset', 'pfmerge']);

export class KeyChanges implements KeyObserver {
  /** Somebody wants to know: the dispatcher asks before each command. */
  isOn = false;
  readonly tracking = new Tracking();
  readonly events = new KeyspaceEvents();
  private engine: Engine | null = null;
  private running: Running | null = null;
  /** What the core removes now, it removes for this. */
  private collecting: 'fields expired' | 'evicted' | null = null;
  private expiredSeen = 0;
  private notes: Note[] = [];
  private isFlushDue = false;
  private scheduled = false;

  /** Before any command. */
  attach(engine: Engine, services: Services): void {
    const { config, pubsub } = services;
    this.engine = engine;
    this.events.publish = (channel, message) => pubsub.publishHere(channel, message);
    this.tracking.clientOf = (id) => services.clients.find(id);
    this.tracking.onSwitch = () => this.refresh();
    const follow = () => {
      this.tracking.keysMax = Number(config.get('tracking-table-max-keys'));
      this.tracking.limit();
      this.events.flags = parseEventFlags(config.get('notify-keyspace-events') ?? '') ?? 0;
      this.refresh();
    };
    config.onChange(follow);
    follow();
  }

  private refresh(): void {
    const isOn = this.tracking.isOn || this.events.isOn;
    if (isOn === this.isOn) return;
    this.isOn = isOn;
    this.engine?.observe(isOn ? this : null);
    this.expiredSeen = this.engine?.statistics.expiredKeys ?? 0;
  }

  // --- the core tells

  changed(database: number, key: Slice): void {
    const name = key.latin1();
    const expired = this.isExpiry();
    if (!this.events.isOn && !this.tracking.follows(name)) return;
    const touched = { database, key: key.copy(), name };
    const { running } = this;
    if (expired) this.note({ kind: 'expired', touched });
    else if (running !== null) running.touched.set(`${database}:${name}`, touched);
    else this.note({ kind: this.collecting ?? 'merged', touched });
  }

  applied(change: RemoteChange): void {
    if (!this.events.isOn && !this.tracking.follows(change.key.toString('latin1'))) return;
    this.note({ kind: 'remote', change });
  }

  cleared(): void {
    this.isFlushDue = true;
    this.tellLater();
  }

  /** The core counts a key as expired just before it tells of its removal. */
  private isExpiry(): boolean {
    const expired = this.engine?.statistics.expiredKeys ?? 0;
    if (expired === this.expiredSeen) return false;
    this.expiredSeen = expired;
    return true;
  }

  // --- outside of commands

  /** Expires and collects as Engine.collect() does: fields whose time has come are known by that. */
  collect(engine: Engine, budget: number): void {
    this.collecting = 'fields expired';
    try {
      engine.collect(budget);
    } finally {
      this.collecting = null;
    }
  }

  /** Evicts, and tells of it at once: who has asked for the room hears of it before the answer. */
  evict<T>(work: () => T): T {
    if (this.notes.length > 0) this.tellNotes();
    this.collecting = 'evicted';
    try {
      return work();
    } finally {
      this.collecting = null;
      if (this.notes.length > 0) this.tellNotes();
    }
  }

  private note(note: Note): void {
    this.notes.push(note);
    this.tellLater();
  }

  private tellLater(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.tellNotes();
    });
  }

  private tellNotes(): void {
    const { notes } = this;
    this.notes = [];
    if (this.isFlushDue) {
      this.isFlushDue = false;
      this.tracking.invalidateAll();
    }
    const fieldsExpired = new Set<string>();
    for (const note of notes) {
      if (note.kind === 'remote') this.tellRemote(note.change);
      else {
        const { database, key, name } = note.touched;
        // nobody's own: whoever has found it
        this.tracking.invalidate(name, null);
        if (note.kind === 'expired' || note.kind === 'evicted') this.events.tell(note.kind, database, key);
        else if (note.kind === 'merged') this.events.tell(eventOfType(this.typeOf(database, key)), database, key);
        else if (!fieldsExpired.has(`${database}:${name}`)) {
          fieldsExpired.add(`${database}:${name}`);
          this.events.tell('hexpired', database, key);
          if (this.typeOf(database, key) === KeyType.none) this.events.tell('del', database, key);
        }
      }
    }
  }

  private tellRemote(change: RemoteChange): void {
    const { database, key } = change;
    this.tracking.invalidate(key.toString('latin1'), null);
    for (const event of eventsOfEffects(change)) this.events.tell(event, database, key);
  }

  private typeOf(database: number, key: Buffer): KeyType {
    return this.engine?.databases[database].peekType(new Slice(key)) ?? KeyType.none;
  }

  // --- a command of a client

  /** Runs a command, and tells what it has changed. */
  run(call: Call, command: Command, work: () => void): void {
    if (this.notes.length > 0 || this.isFlushDue) this.tellNotes();
    this.tracking.limit();
    const client = call.client.caller ?? call.client;
    const outer = this.running;
    const running: Running = { client, touched: new Map() };
    this.running = running;
    const named = this.events.isOn ? this.look(call, command) : [];
    // what has expired is found before anything is done
    if (this.notes.length > 0) this.tellNotes();
    if (named.length > 0) this.tellMisses(call, command, named);
    try {
      work();
    } finally {
      this.running = outer;
      if (this.notes.length > 0) this.tellNotes();
      if (FLUSHING.has(command.name)) this.tracking.invalidateAll();
      else if (running.touched.size > 0) this.tell(call, command, running, named);
      if (client.tracking !== null) this.follow(call, command, client, outer === null);
    }
  }

  /** Lets a client take what it has waited for. What that gives, and how to tell of it, by the names of the events. */
  serve<T>(client: Client, eventsOf: EventsOf, take: () => T): [taken: T, tell: () => void] {
    const outer = this.running;
    const running: Running = { client, touched: new Map() };
    this.running = running;
    try {
      return [take(), () => this.tellServed(running, eventsOf)];
    } finally {
      this.running = outer;
    }
  }

  private tellServed({ client, touched }: Running, eventsOf: EventsOf): void {
    for (const { database, key, name } of touched.values()) {
      this.tracking.invalidate(name, client);
      const events = eventsOf(key);
      for (const event of events) this.events.tell(event, database, key);
      if (!events.includes('del') && this.typeOf(database, key) === KeyType.none)
        this.events.tell('del', database, key);
    }
  }

  /** The keys that a call names, as they are now. */
  private look({ args, argc, client, db }: Call, command: Command): Named[] {
    return positionsOf(command, args, argc).map((position) => {
      const key = args[position].copy();
      const type = this.typeOf(client.database, key);
      return { position, key, type, size: sizeOf(db, args[position], type, command.name) };
    });
  }

  /** Of keys that are read and are not there. */
  private tellMisses({ args, argc, client }: Call, command: Command, named: readonly Named[]): void {
    const { name, flags } = command;
    if (!this.events.wants('keymiss') || UNMISSED.test(name)) return;
    const missed = named.filter(({ type }) => type === KeyType.none);
    if (missed.length === 0) return;
    const isRead = flags.includes('readonly') || READING_WRITES.has(name) || (name === 'set' && hasGet(args, argc));
    const uses = isRead ? null : keysOfCall(command, args.slice(0, argc));
    const isSource = (at: number) => uses?.some((use) => use.position === at && use.flags.includes('RO'));
    for (const { key, position } of missed) {
      if (isRead || isSource(position)) this.events.tell('keymiss', client.database, key);
    }
  }

  private tell(call: Call, command: Command, { client, touched }: Running, named: readonly Named[]): void {
    for (const { name } of touched.values()) this.tracking.invalidate(name, client);
    // whose keys move without changing
    if (!this.events.isOn || command.name === 'swapdb') return;
    const told = new Set<string>();
    const events: Event[] = [];
    for (const { position, key, type, size } of named) {
      const name = key.toString('latin1');
      // MSET may name a key twice, and tells twice
      const again = told.has(name);
      if (again && !command.name.startsWith('mset')) continue;
      told.add(name);
      const before = again ? KeyType.string : type;
      for (const each of sorted(touched.values(), name, client.database))
        events.push(...this.eventsOf(call, command, each, { position, before, size }));
    }
    for (const each of touched.values()) {
      if (!told.has(each.name))
        events.push(...this.eventsOf(call, command, each, { position: 0, before: KeyType.none, size: 0 }));
    }
    if (MOVING.test(command.name)) events.sort((a, b) => Number(b.event === 'new') - Number(a.event === 'new'));
    for (const { event, database, key } of events) this.events.tell(event, database, key);
  }

  private eventsOf(
    { args, argc, client, engine }: Call,
    command: Command,
    { database, key }: Touched,
    { position, before, size }: { position: number; before: KeyType; size: number },
  ): Event[] {
    const after = this.typeOf(database, key);
    const elsewhere = database !== client.database;
    const db = engine.databases[database];
    const slice = new Slice(key);
    const hasDeadline = db.deadlineOf(slice) >= 0;
    const growth = sizeOf(db, slice, after, command.name) - size;
    const change = { command: command.name, args, argc, position, elsewhere, before, after, hasDeadline, growth };
    const events = eventsOfCommand(change);
    const placed = elsewhere || before === KeyType.none || events.some((event) => PLACING.has(event));
    const all = after !== KeyType.none && placed && position > 0 ? ['new', ...events] : events;
    return all.map((event) => ({ event, database, key }));
  }

  /** Of a client that is tracked: what it has read it may keep. */
  private follow(call: Call, command: Command, client: Client, isOutermost: boolean): void {
    const { args, argc } = call;
    const { tracking } = client;
    if (tracking === null) return;
    const reads = command.flags.includes('readonly') && !command.flags.includes('pubsub');
    const chosen = tracking.optIn ? tracking.caching : tracking.optOut ? !tracking.caching : true;
    if (!tracking.broadcast && chosen && reads && !RUNNING_SCRIPTS.has(command.name)) {
      for (const position of positionsOf(command, args, argc)) this.tracking.remember(client, args[position].latin1());
    }
    // CLIENT CACHING is about the next command, or the next transaction
    const isWithin = !isOutermost || call.client.caller !== null || client.multi !== null;
    if (!isWithin && !command.name.startsWith('client|')) tracking.caching = false;
  }
}

/** Changes of one key, which is in several databases for MOVE and COPY: the client's first. */
function sorted(touched: Iterable<Touched>, name: string, database: number): Touched[] {
  const all = [...touched].filter((each) => each.name === name);
  return all.sort((a, b) => Number(b.database === database) - Number(a.database === database));
}

/** Fields of a hash, entries of a stream, or its consumers where a command may make some. */
function sizeOf(db: Database, key: Slice, type: KeyType, command: string): number {
  if (type === KeyType.hash) return db.hashes.size(key);
  if (type === KeyType.stream) {
    if (!JOINING.has(command)) return db.streams.size(key);
    return db.streams.groups(key).reduce((sum, { consumers }) => sum + consumers, 0);
  }
  return 0;
}

function hasGet(args: readonly Slice[], argc: number): boolean {
  return args.slice(3, argc).some((arg) => arg.isWord('get'));
}

function positionsOf(command: Command, args: readonly Slice[], argc: number): number[] {
  const { keys } = command;
  if ('shown' in keys || keys[0] === 0 || command.flags.includes('movablekeys'))
    return (keysOfCall(command, args.slice(0, argc)) ?? []).map(({ position }) => position);
  const [first, last, step] = keys;
  const end = last < 0 ? argc + last : last;
  const positions: number[] = [];
  for (let position = first; position <= end && position < argc; position += step) positions.push(position);
  return positions;
}
