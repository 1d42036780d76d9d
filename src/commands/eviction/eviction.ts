/**
 * Eviction: when the data takes more than `maxmemory`, keys that the policy lets go are removed, a few at a time, before
 * commands that would need room and between them. An eviction is a removal like any other, as an effect: it goes to all
 * nodes, and what was written elsewhere meanwhile stays (docs/semantics.md says why it cannot be this node's own affair).
 */
import { type Engine, Slice } from '../../core/index.ts';
import type { Services } from '../services.ts';
import { Candidates, type Chosen } from './candidates.ts';
import { countsUse, type Policy, policyOf } from './policy.ts';

/** `working`: it goes on between commands, which are let through meanwhile. */
type Outcome = 'room' | 'working' | 'full';

/** A look at the clock costs as much as a few small keys. */
const KEYS_PER_LOOK = 16;
/** A txn of evictions is not longer, however long eviction may take. */
const KEYS_PER_TXN = 1024;
/** What is too much for so long although nobody writes here: it has come from peers, and theirs to evict first. */
const PATIENCE_MS = 1000;
/** Draws that come to nothing (the keys have gone) before there is held to be nothing. */
const FRUITLESS_MAX = 64;

export class Eviction {
  /** There was no room when the command that runs was taken up, and nothing more to be had. */
  isFull = false;
  /** While true, nothing is removed: clients pause, the disk is full, a script is past its time. */
  isHeld: () => boolean = () => false;
  private services: Services | null = null;
  private engine: Engine | null = null;
  private policy: Policy | null = null;
  private samples = 5;
  private sliceMicros = 500;
  private readonly candidates = new Candidates();
  private nextDatabase = 0;
  private scheduled = false;
  /** Monotonic microseconds since when there is too much; 0: there is not. */
  private exceededSince = 0;
  /** Bytes of evicted counters that go once every member knows of it (core/pending-tallies.ts), and how many those were. */
  private owedBytes = 0;
  private owedKeys = 0;

  /** Before any command. */
  attach(engine: Engine, services: Services): void {
    this.engine = engine;
    this.services = services;
    const { config } = services;
    const follow = (name: string) => {
      if (!/^(maxmemory|lfu-)/.test(name)) return;
      this.readSettings();
      // not within CONFIG SET's own txn
      this.goOn();
    };
    this.readSettings();
    config.onChange(follow);
  }

  private readSettings(): void {
    const { engine, services } = this;
    if (engine === null || services === null) return;
    const read = (name: string) => Number(services.config.get(name));
    const name = services.config.get('maxmemory-policy') ?? 'noeviction';
    this.policy = policyOf(name);
    this.samples = read('maxmemory-samples');
    this.sliceMicros = sliceOf(read('maxmemory-eviction-tenacity'));
    this.candidates.clear();
    engine.countUse(
      countsUse(name) ? { growthFactor: read('lfu-log-factor'), decayMinutes: read('lfu-decay-time') } : null,
    );
    if (services.config.limits.maxMemoryBytes === 0) this.isFull = false;
  }

  /** Before a command, while there is a limit. Outside of txns. */
  makeRoom(): void {
    if (this.excess() <= 0) {
      this.isFull = false;
      this.noteExceeding(false);
      return;
    }
    this.isFull = this.free() === 'full';
  }

  /** A few times a second: what peers have brought, and no command here has made room for. */
  relieve(): void {
    if (this.excess() <= 0) this.noteExceeding(false);
    else if (this.exceededSince === 0) this.noteExceeding(true);
    else if (this.micros - this.exceededSince > PATIENCE_MS * 1000) this.free();
  }

  /** Microseconds for which there was too much: up to now, and of that since it is. */
  get exceeded(): { total: number; current: number } {
    const current = this.exceededSince === 0 ? 0 : this.micros - this.exceededSince;
    return { total: (this.services?.statistics.evictionExceededMicros ?? 0) + current, current };
  }

  private get micros(): number {
    return this.services?.monotonicMicros() ?? 0;
  }

  private noteExceeding(exceeds: boolean): void {
    const { exceededSince, services } = this;
    if (exceeds) {
      if (exceededSince === 0) this.exceededSince = this.micros;
    } else if (exceededSince !== 0 && services !== null) {
      services.statistics.evictionExceededMicros += this.micros - exceededSince;
      this.exceededSince = 0;
    }
  }

  /** Bytes that are too many, without those that are sure to go. */
  private excess(): number {
    const { engine, services } = this;
    const limit = services?.config.limits.maxMemoryBytes ?? 0;
    if (engine === null || limit === 0) return 0;
    const over = engine.dataBytes - limit;
    return over <= 0 || this.owedKeys === 0 ? over : over - this.owed(engine.statistics.pendingCollection);
  }

  private owed(pending: number): number {
    if (pending === 0) this.owedBytes = this.owedKeys = 0;
    return this.owedKeys === 0 ? 0 : Math.min(this.owedBytes, (pending * this.owedBytes) / this.owedKeys);
  }

  private goOn(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.excess() > 0) this.free();
    });
  }

  private free(): Outcome {
    const { policy, services } = this;
    if (policy === null || services === null) {
      this.noteExceeding(true);
      return 'full';
    }
    if (this.isHeld()) return 'room';
    const started = this.micros;
    const outcome = services.changes.evict(() => this.freeSlice(policy, started));
    services.latency.measured('eviction-cycle', (this.micros - started) / 1000);
    this.noteExceeding(outcome !== 'room');
    if (outcome === 'working') this.goOn();
    return outcome;
  }

  private freeSlice(policy: Policy, started: number): Outcome {
    for (;;) {
      const outcome = this.freeSome(policy, started);
      if (outcome !== 'working' || this.micros - started > this.sliceMicros) return outcome;
    }
  }

  /** One txn of it. */
  private freeSome(policy: Policy, started: number): Outcome {
    const { engine } = this;
    if (engine === null) return 'full';
    engine.begin();
    try {
      for (let count = 1; count <= KEYS_PER_TXN; count++) {
        if (this.excess() <= 0) return 'room';
        if (!this.evictOne(engine, policy)) return 'full';
        if (count % KEYS_PER_LOOK === 0 && this.micros - started > this.sliceMicros) return 'working';
      }
      return 'working';
    } finally {
      engine.commit();
    }
  }

  /** False if there is no key that may go. */
  private evictOne(engine: Engine, policy: Policy): boolean {
    const key = new Slice();
    for (let tries = 0; tries < FRUITLESS_MAX; tries++) {
      const chosen = policy.by === 'chance' ? this.anyKey(engine, policy) : this.bestKey(engine, policy);
      if (chosen === undefined) return false;
      key.set(chosen.key, 0, chosen.key.length);
      if (this.remove(engine, chosen.database, key)) return true;
    }
    return false;
  }

  private remove(engine: Engine, database: number, key: Slice): boolean {
    const db = engine.databases[database];
    const pending = engine.statistics.pendingCollection;
    const before = engine.dataBytes;
    const bytes = db.memoryOf(key);
    const started = this.micros;
    // what has expired is removed as well, and counts as that
    const evicted = db.remove(key);
    this.services?.latency.measured('eviction-del', (this.micros - started) / 1000);
    const freed = before - engine.dataBytes;
    if (!evicted) return freed > 0;
    if (this.services !== null) this.services.statistics.evictedKeys++;
    const counters = engine.statistics.pendingCollection - pending;
    if (counters > 0 && freed < bytes) {
      this.owedBytes += bytes - freed;
      this.owedKeys += counters;
    }
    return true;
  }

  /** One database after the other. */
  private anyKey(engine: Engine, { among }: Policy): Chosen | undefined {
    const { databases } = engine;
    for (let turn = 0; turn < databases.length; turn++) {
      const database = this.nextDatabase;
      this.nextDatabase = (database + 1) % databases.length;
      let found: Chosen | undefined;
      databases[database].sample({ count: 1, among, by: 'use', random: this.random }, ({ key }) => {
        found = { database, key: key.copy(), dispensable: 0 };
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private bestKey(engine: Engine, policy: Policy): Chosen | undefined {
    const { candidates } = this;
    const { among } = policy;
    const by = policy.by === 'deadline' ? 'deadline' : 'use';
    for (const db of engine.databases) {
      if ((among === 'volatile' ? db.volatileSize : db.size) === 0) continue;
      db.sample({ count: this.samples, among, by, random: this.random }, ({ key, dispensable }) => {
        if (candidates.accepts(dispensable)) candidates.add({ database: db.index, key: key.copy(), dispensable });
      });
    }
    for (;;) {
      const chosen = candidates.take();
      if (chosen === undefined || this.mayGo(engine, policy, chosen)) return chosen;
    }
  }

  /** It was chosen some time ago. */
  private mayGo(engine: Engine, { among }: Policy, { database, key }: Chosen): boolean {
    const deadline = engine.databases[database].deadlineOf(new Slice(key));
    return among === 'all' || deadline !== -1;
  }

  private readonly random = () => this.services?.random() ?? 0;
}

/** Microseconds that eviction may take at a time, by `maxmemory-eviction-tenacity`: to 500 in even steps, then by 15 % each. */
function sliceOf(tenacity: number): number {
  if (tenacity >= 100) return Number.POSITIVE_INFINITY;
  return tenacity <= 10 ? 50 * tenacity : Math.floor(500 * 1.15 ** (tenacity - 10));
}
