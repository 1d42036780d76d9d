/**
 * The engine: one node's core put together. It owns the state, opens and commits txns, delivers remote envelopes,
 * and answers the store and the mesh. No I/O, clock or randomness of its own.
 */
import { MalformedError } from './bytes.ts';
import { type Choice, type Compared, Comparison, checkBitmap } from './comparison.ts';
import type {
  Conflict,
  Engine,
  EngineStatistics,
  Envelope,
  Gap,
  Inspection,
  KeyObserver,
  Received,
  ReplicaId,
  Retirement,
  Stamp,
  StateRecord,
  UnixMs,
  UseCounting,
  VersionVector,
  Watch,
} from './contract.ts';
import { type Flip, flipByte } from './damage.ts';
import { DatabaseView } from './database.ts';
import { Delivery } from './delivery.ts';
import { NO_CANCELS } from './elements.ts';
import { packVector } from './envelope.ts';
import { SLOTS } from './hash.ts';
import { inspectKey } from './inspection.ts';
import { Keyspace } from './keyspace.ts';
import { LocalTxn } from './local-txn.ts';
import { TxnLog } from './log.ts';
import { type Mended, Mending, type MendingOptions } from './mending.ts';
import { Observation } from './observation.ts';
import { openPage, vectorOf } from './page.ts';
import { Records } from './records.ts';
import { bitmapOf, SelfCheck } from './self-check.ts';
import { Slice } from './slice.ts';
import { State, type WatchState, watchName } from './state.ts';
import { Transfer } from './transfer.ts';
import { Op } from './txn.ts';
import { UNNOTICED } from './use.ts';

const DATABASES = 16;
/** Those of the users, and one behind them: see Engine.libraries. */
const KEYSPACES = DATABASES + 1;
/** A millisecond, if all of them are to be folded. */
const FOLDING_BUDGET = 150;
const NONE: ReadonlySet<ReplicaId> = new Set();

export interface EngineOptions {
  /** This incarnation's id: 16 hex digits, never used before. */
  replica: ReplicaId;
  /** Seed of the byte tables' hash: random in production, fixed in tests. */
  hashSeed: number;
  /** Bytes of envelopes kept in memory for peers. */
  logBytesMax?: number;
  /** How much of small collections stands unfolded, in elements: see bodies.ts. */
  unfoldedMax?: number;
}

export function createEngine(options: EngineOptions): Engine {
  return new StarlingEngine(options);
}

class StarlingEngine implements Engine {
  readonly databases: readonly DatabaseView[];
  readonly libraries: DatabaseView;
  private readonly views: readonly DatabaseView[];
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly txn: LocalTxn;
  private readonly delivery: Delivery;
  private readonly records: Records;
  private readonly comparison: Comparison;
  private readonly transfer: Transfer;
  private readonly selfCheck: SelfCheck;
  private readonly mending: Mending;
  private readonly log: TxnLog;
  private readonly envelopeListeners: ((envelope: Envelope, local: boolean) => void)[] = [];
  private readonly openListeners: (() => void)[] = [];
  private readonly watchStates = new WeakMap<Watch, WatchState>();
  private readonly formerReplicas: ReplicaId[] = [];
  private readonly copied: ReplicaId[] = [];
  private lastSealed: Envelope | null = null;
  private collectDatabase = 0;
  private collectCursor = 0;

  constructor({ replica, hashSeed, logBytesMax, unfoldedMax }: EngineOptions) {
    this.state = new State(hashSeed);
    if (unfoldedMax !== undefined) this.state.unfoldedMax = unfoldedMax;
    this.state.self = this.state.replicas.indexOf(replica);
    this.txn = new LocalTxn(this.state);
    this.keyspaces = Array.from({ length: KEYSPACES }, (_, index) => new Keyspace(this.state, index));
    this.views = this.keyspaces.map((keyspace) => new DatabaseView(this.state, keyspace, this.txn));
    this.databases = this.views.slice(0, DATABASES);
    this.libraries = this.views[DATABASES];
    this.delivery = new Delivery(this.state, this.keyspaces);
    this.records = new Records(this.state, this.keyspaces);
    this.comparison = new Comparison(this.state, this.keyspaces, this.records);
    this.transfer = new Transfer(this.state, this.keyspaces, this.records, this.comparison);
    this.selfCheck = new SelfCheck(this.state, this.keyspaces);
    this.mending = new Mending(this.state, this.keyspaces, this.records, this.transfer, this.selfCheck);
    this.log = new TxnLog(logBytesMax);
    this.txn.onOpen = () => {
      for (const listener of this.openListeners) listener();
    };
    this.txn.onSealed = ({ first, last, bytes }) => this.publish({ replica: this.replica, first, last, bytes }, true);
    this.delivery.onApplied = (contents, bytes, owned) => {
      const kept = owned ? bytes : Buffer.from(bytes);
      this.publish(
        { replica: contents.replica, first: contents.first, last: contents.first + contents.count - 1, bytes: kept },
        false,
      );
    };
  }

  get replica(): ReplicaId {
    return this.state.replicas.ids[this.state.self];
  }

  get statistics(): Readonly<EngineStatistics> {
    const { statistics, arena, pending } = this.state;
    statistics.logBytes = this.log.bytes;
    statistics.arenaBytes = arena.totalBytes;
    statistics.arenaUsedBytes = arena.usedBytes;
    statistics.pendingCollection = pending.size;
    statistics.heldCollection = pending.heldSize;
    statistics.quarantinedReplicas = this.state.quarantine.size;
    statistics.damagedSlots = this.state.damaged.size;
    return statistics;
  }

  get now(): UnixMs {
    return this.state.now;
  }

  setNow(now: UnixMs): void {
    this.state.now = now;
    this.state.second = Math.floor(now / 1000);
    this.state.use = this.state.keyUse.at(now);
  }

  readUnnoticed(on: boolean): void {
    this.state.use = on ? UNNOTICED : this.state.keyUse.at(this.state.now);
  }

  countUse(counting: UseCounting | null): void {
    const { keyUse, now } = this.state;
    keyUse.counts = counting !== null;
    if (counting !== null) {
      keyUse.growthFactor = counting.growthFactor;
      keyUse.decayMinutes = counting.decayMinutes;
    }
    this.state.use = keyUse.at(now);
  }

  get dataBytes(): number {
    const { arena, changes } = this.state;
    let bytes = arena.usedBytes - changes.noteBytes;
    for (const keyspace of this.keyspaces) bytes += keyspace.bytesBeside;
    return bytes;
  }

  begin(): void {
    if (this.txn.open) throw new Error('a txn is open already');
    this.txn.open = true;
    this.state.foldSome();
  }

  commit(): boolean {
    const changed = this.txn.commit();
    if (changed) this.delivery.ownAccepted = false;
    return changed;
  }

  // --- watches

  watch(database: number, key: Slice, onChange: (() => void) | null = null): Watch {
    const { state } = this;
    const db = this.views[database];
    const owned = key.copy();
    const name = watchName(database, owned, 0, owned.length);
    const watchState: WatchState = { changed: false, database, key: owned, expiredBefore: db.isExpired(key), onChange };
    const list = state.watches.get(name);
    if (list === undefined) state.watches.set(name, [watchState]);
    else list.push(watchState);
    const slice = new Slice(owned, 0, owned.length);
    const watch: Watch = {
      get changed() {
        // expiry is no effect until the key is collected, but who watched it alive must see it
        return watchState.changed || (!watchState.expiredBefore && db.isExpired(slice));
      },
    };
    this.watchStates.set(watch, watchState);
    return watch;
  }

  unwatch(watch: Watch): void {
    const watchState = this.watchStates.get(watch);
    if (watchState === undefined) return;
    const name = watchName(watchState.database, watchState.key, 0, watchState.key.length);
    const rest = (this.state.watches.get(name) ?? []).filter((each) => each !== watchState);
    if (rest.length === 0) this.state.watches.delete(name);
    else this.state.watches.set(name, rest);
  }

  observe(observer: KeyObserver | null): void {
    const observation = observer === null ? null : new Observation(this.state, this.keyspaces, DATABASES, observer);
    this.state.observation = observation;
    this.delivery.targets = observation?.targets ?? this.keyspaces;
  }

  // --- envelopes

  get openBytes(): number {
    return this.txn.openBytes;
  }

  seal(): Envelope | null {
    return this.txn.seal() ? this.lastSealed : null;
  }

  onEnvelope(listener: (envelope: Envelope, local: boolean) => void): void {
    this.envelopeListeners.push(listener);
  }

  onOpen(listener: () => void): void {
    this.openListeners.push(listener);
  }

  receive(bytes: Uint8Array): Received {
    if (this.txn.open) throw new Error('a remote envelope within a txn');
    this.state.foldSome();
    return this.delivery.receive(bytes);
  }

  private publish(envelope: Envelope, local: boolean): void {
    if (local) this.lastSealed = envelope;
    this.log.append(envelope);
    for (const listener of this.envelopeListeners) listener(envelope, local);
  }

  vector(): VersionVector {
    return this.state.replicas.vector();
  }

  missing(theirs: VersionVector): Gap[] {
    const { quarantine, replicas, now } = this.state;
    quarantine.release(now);
    return quarantine.withoutRefused(replicas.missing(theirs));
  }

  // --- replica ids that are used no more

  shorten(vector: VersionVector): VersionVector {
    return this.state.retirements.shorten(vector, this.replica);
  }

  expand(vector: VersionVector): VersionVector {
    return this.state.retirements.expand(vector);
  }

  retirements(): readonly Retirement[] {
    return this.state.retirements.all;
  }

  learnRetirements(retirements: readonly Retirement[]): void {
    this.state.retirements.learn(retirements);
  }

  ownReplicas(): ReplicaId[] {
    const { replicas, retirements } = this.state;
    const former = this.formerReplicas.filter((id) => !retirements.isRetired(replicas.indexOf(id)));
    return [...former, this.replica];
  }

  copiedReplicas(): ReplicaId[] {
    return [...this.copied];
  }

  loadReplicas(own: readonly ReplicaId[], retirements: readonly Retirement[], copied: readonly ReplicaId[]): void {
    this.formerReplicas.push(...own.filter((id) => id !== this.replica));
    this.copied.push(...copied);
    this.state.retirements.learn(retirements);
  }

  retireFormer(stable: VersionVector | 'alone', kept: ReadonlySet<ReplicaId>): void {
    const { replicas } = this.state;
    const stableNumbers = stable === 'alone' ? null : new Map(stable.map(({ replica, number }) => [replica, number]));
    const due = this.ownReplicas().filter((id) => {
      const index = replicas.find(id);
      const number = index === undefined ? 0 : replicas.numbers[index];
      if (number === 0 || id === this.replica || kept.has(id)) return false;
      return stableNumbers === null || stableNumbers.get(id) === number;
    });
    if (due.length === 0) return;
    this.begin();
    const writer = this.txn.begin();
    for (const id of due) {
      const index = replicas.indexOf(id);
      const { [index]: number } = replicas.numbers;
      const { [index]: stamp } = replicas.stamps;
      writer.op(Op.retire, 0, null, NO_CANCELS);
      writer.retirement(index, number, stamp);
      this.keyspaces[0].retire(index, number, stamp);
    }
    this.commit();
  }

  get clockSkewMaxMs(): number {
    return this.state.quarantine.skewMaxMs;
  }

  set clockSkewMaxMs(ms: number) {
    this.state.quarantine.skewMaxMs = ms;
  }

  isQuarantined(replica: ReplicaId): boolean {
    return this.state.quarantine.has(replica);
  }

  readLog(replica: ReplicaId, from: number, bytesMax: number): Envelope[] | null {
    const { replicas } = this.state;
    const index = replicas.find(replica);
    if (index === undefined || replicas.numbers[index] < from) return [];
    if (index === this.state.self && !this.txn.started) this.txn.seal();
    return this.log.read(replica, from, bytesMax);
  }

  logStart(replica: ReplicaId): number {
    const index = this.state.replicas.find(replica);
    const number = index === undefined ? 0 : this.state.replicas.numbers[index];
    return this.log.start(replica) ?? number + 1;
  }

  // --- what can be seen of it

  digest(): string {
    this.state.uncounted.settle();
    this.state.wholeDigest ??= this.digestOfAll();
    return this.state.wholeDigest;
  }

  private digestOfAll(): string {
    let a = 0;
    let b = 0;
    const { digestA, digestB } = this.state;
    for (let slot = 0; slot < SLOTS; slot++) {
      a = (Math.imul(a, 31) + digestA[slot]) | 0;
      b = (Math.imul(b, 37) + digestB[slot]) | 0;
    }
    return hex(a) + hex(b);
  }

  slotDigest(slot: number): [number, number] {
    this.state.uncounted.settle();
    return [this.state.digestA[slot], this.state.digestB[slot]];
  }

  inspect(database: number, key: Slice): Inspection | null {
    return inspectKey(this.state, this.keyspaces[database], key);
  }

  conflicts(count: number): Conflict[] {
    return this.state.conflicts.slice(-count).reverse();
  }

  // --- stability and expiry

  setStability(stable: VersionVector | 'alone', horizon: UnixMs, lacking: ReadonlySet<ReplicaId> = NONE): void {
    const { state } = this;
    state.stable = stable;
    state.alone = stable === 'alone';
    this.log.learnStable(stable);
    if (state.loaded.length === 0) state.loaded.push(...state.replicas.stamps);
    this.delivery.forgetStale();
    state.horizon = stable === 'alone' ? Number.POSITIVE_INFINITY : horizon;
    if (state.pending.size === 0) return;
    this.asMaintenance(() =>
      this.records.collectStable(stable === 'alone' ? null : state.replicas.contextOf(stable), lacking),
    );
  }

  get stable(): VersionVector | 'alone' | null {
    return this.state.stable;
  }

  /** Changes of form that are nobody's txn: dropping what is stable leaves the digest as it is. */
  private asMaintenance(work: () => void): void {
    const { state } = this;
    state.origin = state.self;
    state.stamp = state.clock.reading;
    state.context = null;
    work();
  }

  holdExpiry(on: boolean): void {
    this.state.expiryHeld = on;
  }

  collect(budget: number): number {
    const { state } = this;
    if (state.expiryHeld) return 0;
    const due = Math.min(state.now, state.horizon);
    let removed = 0;
    let looked = 0;
    this.begin();
    // where nobody asks for anything nothing else looks for what may be folded
    for (let left = FOLDING_BUDGET; left > 0 && state.unfolded > 0; left--) state.foldSome();
    for (let turns = 0; turns < DATABASES && looked < budget; ) {
      const db = this.databases[this.collectDatabase];
      const { keys, next } = this.expiredKeys(db, due, budget - looked);
      looked += keys.length + 1;
      for (const key of keys) {
        const slice = new Slice(key, 0, key.length);
        const hideAt = db.hideAtOf(slice);
        if (hideAt <= due) {
          db.expire(slice);
          removed++;
        } else if (hideAt > state.now && db.expirePart(slice, hideAt)) removed++;
      }
      removed += this.collectFields(db, due, budget);
      this.collectCursor = next;
      if (next === 0) {
        db.keyspace.expiry.deadlines.table.shrink();
        this.collectDatabase = (this.collectDatabase + 1) % DATABASES;
        turns++;
      }
    }
    this.commit();
    return removed;
  }

  private expiredKeys(db: DatabaseView, due: UnixMs, budget: number): { keys: Buffer[]; next: number } {
    const keys: Buffer[] = [];
    const { deadlines } = db.keyspace.expiry;
    const { table } = deadlines;
    const key = new Slice();
    if (table.count === 0) return { keys, next: 0 };
    const next = table.walk(this.collectCursor, budget, (at) => {
      const reference = table.referenceAt(at);
      const hideAt = table.stamp(reference);
      // some values may have no end, or a later one, while the time of others has come
      const mixed = hideAt > due && (hideAt === Number.POSITIVE_INFINITY || !deadlines.isSingleAt(at));
      const isDue = mixed ? deadlines.listAt(at).some((each) => each.deadline <= due) : hideAt <= due;
      if (isDue) keys.push(table.fillKey(reference, key).copy());
    });
    return { keys, next: next >= 2 ** 32 ? 0 : next };
  }

  private collectFields(db: DatabaseView, due: UnixMs, budget: number): number {
    let removed = 0;
    const field = new Slice();
    for (const body of [...db.keyspace.bodies.withFieldDeadlines.values()]) {
      if (removed >= budget) break;
      const { fieldDeadlines } = body;
      if (fieldDeadlines === null) continue;
      const { table } = fieldDeadlines;
      const expired: Buffer[] = [];
      table.walk(0, Number.POSITIVE_INFINITY, (at) => {
        if (table.stamp(table.referenceAt(at)) <= due) expired.push(table.fillKey(table.referenceAt(at), field).copy());
      });
      const key = new Slice(body.key, 0, body.key.length);
      for (const name of expired) {
        if (db.hashes.remove(key, field.set(name, 0, name.length), true)) removed++;
      }
      if (table.count === 0) db.keyspace.bodies.withFieldDeadlines.delete(body.key.toString('latin1'));
    }
    return removed;
  }

  // --- store

  get dirtyCount(): number {
    return this.state.changes.count;
  }

  drainDirty(limit: number, visit: (record: StateRecord) => void): number {
    const { records, state } = this;
    return state.changes.drain(limit, {
      name: (bytes) => {
        state.foldSome();
        return records.visitChanged(bytes, visit);
      },
      entries: (part, hash) => records.visitListed(part, hash, visit),
      gone: (part, name) => {
        part.spellName(name, 0, name.length);
        return records.visitChanged(Buffer.from(state.recordKey.written()), visit);
      },
    });
  }

  loadRecord(key: Uint8Array, value: Uint8Array): void {
    const { state } = this;
    state.foldSome();
    state.after = state.loaded;
    this.asMaintenance(() => this.records.load(this.records.parseName(Buffer.from(key)), Buffer.from(value)));
    state.after = null;
    // what was just read needs no writing
    if (this.dirtyCount >= 1024) this.forgetDirty();
  }

  private forgetDirty(): void {
    while (this.drainDirty(Number.POSITIVE_INFINITY, () => {}) > 0);
  }

  replicaTable(): ReplicaId[] {
    return [...this.state.replicas.ids];
  }

  loadVector(table: ReplicaId[], vector: VersionVector): void {
    const { replicas } = this.state;
    const self = this.replica;
    if (this.dirtyCount > 0 || replicas.ids.length > 1) throw new Error('loadVector comes first, on an empty engine');
    replicas.reset();
    for (const id of table) replicas.indexOf(id);
    this.state.self = replicas.indexOf(self);
    for (const entry of vector) {
      replicas.advance(replicas.indexOf(entry.replica), entry.number, entry.stamp);
      this.state.clock.observe(entry.stamp);
    }
    this.txn.forget();
  }

  // --- state transfer

  exportState(cursor: number, bytesMax: number, wanted?: ReadonlySet<string>): { next: number; bytes: Uint8Array } {
    return this.transfer.export(cursor, bytesMax, wanted);
  }

  slotDigests(): { digests: Uint8Array; seen: readonly Stamp[] } | null {
    return this.isAheadOfVector() ? null : this.comparison.slotDigests();
  }

  /** Records of a transfer that a crash has interrupted are here, and what they hold is not in the vector. */
  private isAheadOfVector(): boolean {
    const { storedStamps, replicas } = this.state;
    return storedStamps.some((stamp, index) => stamp > replicas.stamps[index]);
  }

  compareSlots(theirs: Uint8Array): { slots: Uint8Array; vector: Uint8Array } {
    if (!this.txn.started) this.txn.seal();
    return { slots: this.comparison.differingSlots(theirs), vector: packVector(this.vector()) };
  }

  listKeys(slots: Uint8Array, cursor: number, bytesMax: number): { next: number; bytes: Uint8Array } {
    return this.comparison.list(slots, cursor, bytesMax);
  }

  chooseKeys(slots: Uint8Array, lists: readonly Uint8Array[], kept: readonly Uint8Array[] = []): Choice {
    return this.comparison.choose(slots, lists, kept, this.isAheadOfVector());
  }

  hasSeen(page: Uint8Array): boolean {
    return this.state.replicas.missing(vectorOf(openPage(page))).length === 0;
  }

  importState(pages: readonly Uint8Array[], tail: readonly Uint8Array[] = [], compared?: Compared): void {
    if (!this.txn.started) this.txn.seal();
    this.transfer.import(
      pages,
      tail.map((bytes) => this.delivery.describe(bytes)),
      compared,
    );
    for (const bytes of tail) {
      const { kind } = this.receive(bytes);
      if (kind !== 'applied' && kind !== 'duplicate')
        throw new Error(`an envelope after a state transfer is ${kind}: what was merged is ahead of its vector`);
    }
    this.delivery.applyWaiting();
  }

  excessOfState(pages: readonly Uint8Array[]): number {
    return this.state.quarantine.excessOf(this.transfer.latestStamp(pages), this.state.now);
  }

  // --- checking itself

  checkSelf(budget: number): boolean {
    return this.selfCheck.step(budget);
  }

  uncheckedSlots(): Uint8Array {
    return this.selfCheck.unchecked;
  }

  verifySlots(slots: Uint8Array): void {
    checkBitmap(slots);
    this.selfCheck.verify(slots);
  }

  differingSlots(theirs: Uint8Array): Uint8Array {
    return this.comparison.differingSlots(theirs, false);
  }

  damagedSlots(): Uint8Array {
    return bitmapOf(this.state.damaged);
  }

  watchSlots(): VersionVector {
    this.seal();
    this.mending.watch();
    return this.vector();
  }

  giveSlots(slots: Uint8Array): { pages: Uint8Array[]; given: Uint8Array } {
    if (this.txn.open) throw new Error('a copy of slots within a txn');
    checkBitmap(slots);
    return this.mending.give(slots);
  }

  mendSlots(pages: readonly Uint8Array[], options: MendingOptions): Mended {
    if (this.txn.open) throw new Error('mending within a txn');
    checkBitmap(options.slots);
    return this.mending.mend(pages, options);
  }

  flipByte(database: number, key: Slice, flip: Flip): boolean {
    return flipByte(this.keyspaces[database], key, flip);
  }

  rotateReplica(replica: ReplicaId): void {
    if (this.txn.open) throw new Error('a change of replica within a txn');
    this.txn.seal();
    if (this.state.replicas.find(replica) !== undefined)
      throw new MalformedError(`replica ${replica} is known already`);
    this.formerReplicas.push(this.replica);
    this.state.self = this.state.replicas.indexOf(replica);
    this.delivery.ownAccepted = true;
    this.txn.forget();
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
