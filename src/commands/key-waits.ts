/**
 * Clients that wait until something is under a key: BZPOPMIN and its kin. Who waits for a key is served in the order of
 * arrival, after the command, transaction or remote txn that has changed it, and before the next command of any client.
 * Each is served with a txn of its own. Nobody waits, nothing costs: the core tells only of keys that are awaited.
 */
import type { Database, Engine, Watch } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import type { KeyChanges } from './changes/key-changes.ts';
import type { Blocked, Client } from './client.ts';
import type { Reply } from './reply.ts';
import type { Call } from './table.ts';

/** setTimeout takes no longer one. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface KeyWait {
  readonly client: Client;
  readonly engine: Engine;
  /** Of the keys. */
  readonly database: number;
  /** Owned copies. */
  readonly keys: readonly Buffer[];
  /** Infinity: for ever. */
  readonly timeoutMs: number;
  /** What a time-out answers. */
  readonly onTimeout: (reply: Reply) => void;
  /** What keyspace notifications call that, should it come to it, for each key that it changes. */
  readonly eventsOf: EventsOf;
  /** Takes from a key that has changed what was waited for, and gives the reply; null: there is none of it. */
  readonly take: Take;
  /** It was served. */
  readonly onServed: () => void;
}

export type EventsOf = (key: Buffer) => readonly string[];
export type Take = (db: Database, key: Slice) => ((reply: Reply) => void) | null;

/** What a command waits for that may block: the keys in its arguments firstKey … lastKey. */
export interface WantedKeys {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly timeoutMs: number;
  readonly eventsOf: EventsOf;
  readonly take: Take;
}

/** The client of this command waits. A time-out answers a nil array; who is served is noted if that took long. */
export function waitForKeys(call: Call, { firstKey, lastKey, timeoutMs, eventsOf, take }: WantedKeys): void {
  const { argc, client, command, engine, services } = call;
  const args = call.args.slice(0, argc).map((each) => new Slice(each.copy()));
  const { statistics } = services;
  let since = 0;
  let errors = 0;
  services.keyWaits.add({
    client,
    engine,
    database: client.database,
    keys: args.slice(firstKey, lastKey + 1).map(({ bytes }) => bytes),
    timeoutMs,
    eventsOf,
    onTimeout: (reply) => reply.nilArray(),
    take: (db, key) => {
      since = services.monotonicMicros();
      errors = statistics.errorReplies;
      return take(db, key);
    },
    onServed: () => {
      const micros = services.monotonicMicros() - since;
      const { slowLog } = services;
      const tally = statistics.commandCalls.get(command.name);
      if (tally !== undefined && statistics.errorReplies > errors) tally.failed++;
      if (micros >= slowLog.thresholdMicros) slowLog.note({ args, argc, client, command, engine }, micros);
    },
  });
}

interface Waiter {
  readonly wait: KeyWait;
  readonly queues: readonly Queue[];
  readonly blocked: Blocked;
  timer: NodeJS.Timeout | undefined;
}

/** Who waits for one key, in the order of arrival. */
interface Queue {
  readonly engine: Engine;
  readonly database: number;
  readonly key: Buffer;
  readonly watch: Watch;
  readonly waiters: Set<Waiter>;
}

export class KeyWaits {
  /** An awaited key has changed: every command asks. */
  isReady = false;
  /** While true nobody is served: writes are paused, or the disk takes none. */
  isHeld: () => boolean = () => false;
  /** Tells of what is taken. */
  changes: KeyChanges | null = null;
  private readonly queues = new Map<string, Queue>();
  private readonly ready = new Set<Queue>();
  private scheduled = false;

  /** Keys that somebody waits for. */
  get keyCount(): number {
    return this.queues.size;
  }

  add(wait: KeyWait): void {
    const queues = [...new Set(wait.keys.map((key) => this.queueOf(wait, key)))];
    const blocked = wait.client.block(wait.onTimeout, () => this.remove(waiter));
    const waiter: Waiter = { wait, queues, blocked, timer: undefined };
    for (const queue of queues) queue.waiters.add(waiter);
    if (Number.isFinite(wait.timeoutMs)) this.startTimer(waiter, wait.timeoutMs);
  }

  /** Serves who can be. Not within a txn. */
  serve(): void {
    if (this.isHeld()) return;
    // who is served changes the key, and others may be served of what is left
    while (this.ready.size > 0) {
      const [queue] = this.ready;
      this.ready.delete(queue);
      for (const waiter of [...queue.waiters]) this.serveFrom(queue, waiter);
    }
    this.isReady = false;
  }

  private serveFrom({ engine, database, key }: Queue, waiter: Waiter): void {
    const { take, client, eventsOf } = waiter.wait;
    const { changes } = this;
    const serve = () => take(engine.databases[database], new Slice(key));
    let answer: ((reply: Reply) => void) | null;
    let tell = () => {};
    engine.begin();
    try {
      if (changes?.isOn === true) [answer, tell] = changes.serve(client, eventsOf, serve);
      else answer = serve();
    } finally {
      engine.commit();
    }
    if (answer === null) return;
    this.remove(waiter);
    waiter.blocked.resume(answer, true);
    // behind the reply, as after any command
    tell();
    waiter.wait.onServed();
  }

  private queueOf({ engine, database }: KeyWait, key: Buffer): Queue {
    const name = `${database}:${key.toString('latin1')}`;
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const watch = engine.watch(database, new Slice(key), () => this.note(queue));
    const queue: Queue = { engine, database, key, watch, waiters: new Set() };
    this.queues.set(name, queue);
    return queue;
  }

  private note(queue: Queue): void {
    this.ready.add(queue);
    this.isReady = true;
    if (this.scheduled) return;
    this.scheduled = true;
    // txns of other nodes come outside of commands
    setImmediate(() => {
      this.scheduled = false;
      if (!this.isReady) return;
      queue.engine.setNow(Date.now());
      this.serve();
    });
  }

  private remove(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    for (const queue of waiter.queues) {
      queue.waiters.delete(waiter);
      if (queue.waiters.size > 0) continue;
      queue.engine.unwatch(queue.watch);
      this.queues.delete(`${queue.database}:${queue.key.toString('latin1')}`);
      this.ready.delete(queue);
    }
  }

  private startTimer(waiter: Waiter, leftMs: number): void {
    const stepMs = Math.min(leftMs, TIMER_MS_MAX);
    waiter.timer = setTimeout(() => {
      if (leftMs > stepMs) this.startTimer(waiter, leftMs - stepMs);
      else {
        this.remove(waiter);
        waiter.blocked.resume(waiter.wait.onTimeout);
      }
    }, stepMs);
  }
}
