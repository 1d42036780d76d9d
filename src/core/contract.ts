/**
 * The public face of the core: what commands, store and mesh may ask of it. The implementation lives in the
 * files beside this one; nothing outside core/ imports those directly, except through core/index.ts.
 *
 * The core is synchronous and deterministic. It reads no clock, no randomness, no disk, no network: time
 * comes in through setNow(), randomness through the `random` argument, txns go out through listeners.
 */
import type { Choice, Compared } from './comparison.ts';
import type { StreamEffect, StreamOperations } from './contract-streams.ts';
import type { Flip } from './damage.ts';
import type { Decimal } from './decimal.ts';
import type { Mended, MendingOptions } from './mending.ts';
import type { Slice } from './slice.ts';
import type { EffectTarget } from './txn.ts';
import type { ListEnd } from './types/position.ts';

export type * from './contract-streams.ts';
export type { ListEnd };

/** A whole number of 64 bits at most: a `number` while it is safe (|n| < 2^53), else a `bigint`. */
export type Integer = number | bigint;

/** A replica's id: 16 lower-case hex digits. One incarnation of a data directory, not a PeerId. */
export type ReplicaId = string & { readonly brand?: 'ReplicaId' };
/** Hybrid logical clock reading: (milliseconds since 2024-01-01T00:00Z) * 4096 + counter. */
export type Stamp = number;
/** Milliseconds since the UNIX epoch. */
export type UnixMs = number;

export const KeyType = { none: 0, string: 1, hash: 2, set: 3, list: 4, zset: 5, stream: 6 } as const;
export type KeyType = (typeof KeyType)[keyof typeof KeyType];
/** Redis's TYPE words, indexed by KeyType. */
export const KEY_TYPE_NAMES = ['none', 'string', 'hash', 'set', 'list', 'zset', 'stream'] as const;

/** Answers of deadlineOf(). */
export const NO_KEY = -2;
export const NO_DEADLINE = -1;
/** As the deadline of a write: leave the time to live as it is. */
export const KEEP_DEADLINE = -3;

/** Why an increment did nothing. */
export type IncrementRefusal = 'NOT_AN_INTEGER' | 'NOT_A_FLOAT' | 'OVERFLOW' | 'NOT_FINITE' | 'WRONG_TYPE';

/**
 * One of the 16 databases. Every method that changes something is an effect: it is applied here at once,
 * joins the open txn (begin/commit of Engine) and reaches every other replica.
 *
 * Type discipline: the methods of strings/hashes/sets and the others assume that the key is absent or of that type.
 * A handler asks typeOf() first and answers WRONGTYPE itself. A whole-value strings.write() replaces any type.
 *
 * Expired keys are absent to every method here. Slices filled by a method are valid until the next effect.
 */
export interface Database {
  readonly index: number;
  /** DBSIZE: keys, including expired ones that are not collected yet (as in Redis). */
  readonly size: number;
  /** Keys that have a finite deadline, and the mean of what is left of them in milliseconds (INFO keyspace). */
  readonly volatileSize: number;
  averageTtlMs(): number;

  typeOf(key: Slice): KeyType;
  /** As typeOf(), without counting as a use of the key (EXISTS, TYPE, OBJECT); deadlineOf() does not count either. */
  peekType(key: Slice): KeyType;
  /** DEL: removes what this replica observes. False if there was no such key. */
  remove(key: Slice): boolean;
  /** Writes everything that is visible under `key`, with its deadlines, to `newKey` of `target`, replacing what is there. */
  copyTo(key: Slice, target: Database, newKey: Slice): void;
  /** FLUSHDB. */
  clear(): void;
  /** SWAPDB: as effects on all keys of both. */
  swapWith(other: Database): void;
  /** Fills `out` with a key picked evenly; false if there is none. `random` gives [0, 1). */
  randomKey(random: () => number, out: Slice): boolean;
  /**
   * SCAN. Visits about `count` keys and returns the next cursor, 0 at the end. A key that stays from the first
   * call to the last is visited at least once, whatever is added or removed meanwhile. Cursors are < 2^48.
   */
  scan(cursor: number, count: number, visit: (key: Slice, type: KeyType) => void): number;
  /** Visits every key that is not expired; the visitor must not change the database. */
  forEachKey(visit: (key: Slice, type: KeyType) => void): void;

  /** UNIX ms, NO_DEADLINE or NO_KEY. */
  deadlineOf(key: Slice): UnixMs | -1 | -2;
  /** EXPIRE family. A deadline in the past removes the key. The key must exist. */
  expireAt(key: Slice, deadline: UnixMs): void;
  /** False if the key has no time to live, or does not exist. */
  persist(key: Slice): boolean;
  /** Seconds since the key was last used (OBJECT IDLETIME); `touch` says that it is used now. */
  idleSeconds(key: Slice): number;
  /** How often it is used, on a logarithmic scale up to 255 (OBJECT FREQ); only while the engine counts. */
  useCount(key: Slice): number;
  /** For RESTORE: without effect unless it is what the engine keeps. */
  setUse(key: Slice, use: { idleSeconds: number } | { count: number }): void;
  /** Draws candidates for eviction; the visitor must not change the database. Expired keys are among them. */
  sample(sampling: Sampling, visit: (candidate: Candidate) => void): void;
  touch(key: Slice): boolean;
  /** Bytes that the key takes here, about (MEMORY USAGE); 0 if absent. */
  memoryOf(key: Slice): number;

  readonly strings: StringOperations;
  readonly hashes: HashOperations;
  readonly lists: ListOperations;
  readonly sets: SetOperations;
  readonly zsets: ZsetOperations;
  readonly streams: StreamOperations;
}

export interface Sampling {
  readonly count: number;
  /** All keys, or those with a time to live. */
  readonly among: 'all' | 'volatile';
  /** What makes a key dispensable: that it is used little, as far as the engine keeps that, or has not long to live. */
  readonly by: 'use' | 'deadline';
  /** [0, 1). */
  random(): number;
}

export interface Candidate {
  /** Valid until the visitor returns. */
  readonly key: Slice;
  /** The larger, the sooner it should go. */
  readonly dispensable: number;
}

/** How uses of keys are counted: Redis's lfu-log-factor and lfu-decay-time. */
export interface UseCounting {
  readonly growthFactor: number;
  readonly decayMinutes: number;
}

export interface StringOperations {
  /** Fills `out` with the value and returns KeyType.string; else returns the type that is there, or none. */
  read(key: Slice, out: Slice): KeyType;
  /** SET: replaces whatever is there, of any type. `deadline`: UNIX ms, NO_DEADLINE or KEEP_DEADLINE. */
  write(key: Slice, value: Slice, deadline: number): void;
  /** INCRBY, on a key of any type; the time to live stays. The new value, or why not (then nothing changed). */
  addInteger(key: Slice, delta: Integer): Integer | IncrementRefusal;
  /** INCRBYFLOAT. */
  addDecimal(key: Slice, delta: Decimal): Decimal | IncrementRefusal;
}

export interface HashOperations {
  /** HLEN; 0 if absent. */
  size(key: Slice): number;
  get(key: Slice, field: Slice, out: Slice): boolean;
  has(key: Slice, field: Slice): boolean;
  /** True if the field is new. `deadline` of the field: UNIX ms, NO_DEADLINE (HSET) or KEEP_DEADLINE. */
  set(key: Slice, field: Slice, value: Slice, deadline: number): boolean;
  /** As set() without a deadline, where a hash without times to live shows under the key; undefined elsewhere: nothing is done. */
  setInPlain(key: Slice, field: Slice, value: Slice): boolean | undefined;
  /** False if there was no such field. The key goes with its last field. */
  remove(key: Slice, field: Slice): boolean;
  addInteger(key: Slice, field: Slice, delta: Integer): Integer | IncrementRefusal;
  addDecimal(key: Slice, field: Slice, delta: Decimal): Decimal | IncrementRefusal;
  forEach(key: Slice, visit: (field: Slice, value: Slice) => void): void;
  scan(key: Slice, cursor: number, count: number, visit: (field: Slice, value: Slice) => void): number;
  /** Picks a field evenly; false if there is none. */
  random(key: Slice, random: () => number, field: Slice, value: Slice): boolean;
  /** UNIX ms, NO_DEADLINE, or NO_KEY where there is no such field. */
  deadlineOf(key: Slice, field: Slice): number;
  /** HEXPIRE family; a deadline in the past removes the field. The field must exist. */
  expireAt(key: Slice, field: Slice, deadline: UnixMs): void;
  persist(key: Slice, field: Slice): boolean;
}

export interface SetOperations {
  /** SCARD; 0 if absent. */
  size(key: Slice): number;
  has(key: Slice, member: Slice): boolean;
  /** True if the member is new. Adding a present member is an effect too (it wins over a concurrent remove). */
  add(key: Slice, member: Slice): boolean;
  /** As add(), where a set without a time to live shows under the key; undefined elsewhere: nothing is done. */
  addToPlain(key: Slice, member: Slice): boolean | undefined;
  remove(key: Slice, member: Slice): boolean;
  forEach(key: Slice, visit: (member: Slice) => void): void;
  scan(key: Slice, cursor: number, count: number, visit: (member: Slice) => void): number;
  random(key: Slice, random: () => number, out: Slice): boolean;
}

/**
 * Sorted sets. Ranks count from 0, by score, and by bytes among members of one score. Visitors must not change the
 * database; what they are given is valid during the call.
 */
export interface ZsetOperations {
  /** ZCARD; 0 if absent. */
  size(key: Slice): number;
  /** NaN if there is no such member. */
  score(key: Slice, member: Slice): number;
  /**
   * Sets a score, which must be a number or an infinity; true if the member is new. Cancels the additions that this replica
   * has observed. The score that it has already is an effect too: the member survives a concurrent removal.
   */
  assign(key: Slice, member: Slice, score: number): boolean;
  /** As assign(), where a sorted set without a time to live shows under the key; undefined elsewhere: nothing is done. */
  assignInPlain(key: Slice, member: Slice, score: number): boolean | undefined;
  /** ZINCRBY: the new score; NaN where the sum is none (infinities of both signs), and nothing is done then. */
  addScore(key: Slice, member: Slice, delta: number): number;
  /** False if there was no such member. The key goes with its last member. */
  remove(key: Slice, member: Slice): boolean;
  /** −1 if there is no such member. */
  rank(key: Slice, member: Slice): number;
  /** Visits `count` members, as far as there are any, from rank `from` on: upward, or with step −1 downward. */
  range(key: Slice, from: number, count: number, step: 1 | -1, visit: (member: Slice, score: number) => void): void;
  /** How many members have a lower score than this; with `orEqual` also those that have it. */
  countBelow(key: Slice, score: number, orEqual: boolean): number;
  /** How many members stand before these bytes, with `orEqual` also these bytes; of use where all have one score. */
  countBefore(key: Slice, member: Slice, orEqual: boolean): number;
  /** In no particular order. */
  forEach(key: Slice, visit: (member: Slice, score: number) => void): void;
  scan(key: Slice, cursor: number, count: number, visit: (member: Slice, score: number) => void): number;
  /** Picks a member evenly and gives its score; NaN if there is none. */
  random(key: Slice, random: () => number, member: Slice): number;
}

/**
 * Lists. Indexes count from 0 at the head; what is out of range is not there. Visitors must not change the database; what
 * they are given is valid during the call.
 */
export interface ListOperations {
  /** LLEN; 0 if absent. */
  size(key: Slice): number;
  /** Adds an element at one end, and gives the new length. */
  push(key: Slice, end: ListEnd, value: Slice): number;
  /** As push(), where a list without a time to live shows under the key; undefined elsewhere: nothing is done. */
  pushInPlain(key: Slice, end: ListEnd, value: Slice): number | undefined;
  /**
   * Hands the element at one end to `taker` and removes it, where a list without a time to live shows under the key. False
   * elsewhere: nothing is done.
   */
  popInPlain(key: Slice, end: ListEnd, taker: { bulk(value: Slice): void }): boolean;
  /** Fills `out` with the element at that index; false if there is none. */
  at(key: Slice, index: number, out: Slice): boolean;
  /** Visits `count` elements, as far as there are any, from `from` on: upward, or with step −1 downward; false ends it. */
  range(key: Slice, from: number, count: number, step: 1 | -1, visit: (value: Slice) => boolean | undefined): void;
  /** LSET: another value in the same place; it survives a concurrent removal. False if there is no such element. */
  assign(key: Slice, index: number, value: Slice): boolean;
  /** Adds an element beside the one at `pivot`, if there is one: behind it, or ahead of it. */
  insert(key: Slice, pivot: number, side: 'before' | 'after', value: Slice): void;
  /** Removes `count` elements from `from` on, as far as there are any. The key goes with its last element. */
  removeRange(key: Slice, from: number, count: number): void;
}

/** A WATCH on one key. `changed` turns true at the first change, local, remote or by expiry. */
export interface Watch {
  readonly changed: boolean;
}

/** An effect on one key, as txns of other replicas bring it; with what is told apart of those on fields and on streams. */
export type RemoteEffect =
  | Exclude<keyof EffectTarget, 'databaseClear' | 'retire' | 'streamAssign' | 'streamRemove'>
  | 'fieldPersist'
  | 'fieldExpired'
  | StreamEffect;

/** A key as it shows, before and after a txn. */
export interface KeySight {
  readonly type: KeyType;
  /** Infinity: none. */
  readonly deadline: UnixMs;
  /** Its time has come. */
  readonly expired: boolean;
}

/** What a txn of another replica has done to one key. */
export interface RemoteChange {
  readonly database: number;
  readonly key: Buffer;
  readonly before: KeySight;
  readonly after: KeySight;
  /** Each once, in the order of their first ones. */
  readonly effects: readonly RemoteEffect[];
}

/** Who is told which keys change. Called within the txn that changes them: it may only make notes. */
export interface KeyObserver {
  /** By a txn of our own, by expiry that is found here, or by a state transfer. The slice is valid during the call. */
  changed(database: number, key: Slice): void;
  /** By a txn of another replica. What the change says is complete when the txn has been applied. */
  applied(change: RemoteChange): void;
  /** FLUSHDB on another replica; not told key by key. */
  cleared(database: number): void;
}

/** Where one replica stands: it has issued, or somebody has applied, txns 1..number; the last one bore `stamp`. */
export interface VectorEntry {
  replica: ReplicaId;
  number: number;
  stamp: Stamp;
}
/** Version vector: one entry a replica, sorted by replica id. */
export type VersionVector = VectorEntry[];

/** "`replica` ended with txn `number`", said by the txn of `by` at `byStamp`. See retirement.ts. */
export interface Retirement {
  readonly replica: ReplicaId;
  readonly number: number;
  readonly stamp: Stamp;
  readonly by: ReplicaId;
  readonly byStamp: Stamp;
}

/**
 * A batch of consecutive txns of one replica in their one encoding (a CBOR map around packed bytes), made once
 * and used three times: on disk, on the gossip topic, to a peer that asks.
 */
export interface Envelope {
  readonly replica: ReplicaId;
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

export type Received =
  | { readonly kind: 'applied'; readonly txns: number }
  /** Every txn in it was known. */
  | { readonly kind: 'duplicate' }
  /** Kept until the txns that it depends on are here; the caller should ask a peer for what is missing. */
  | { readonly kind: 'waiting' }
  /** Not kept: the waiting room is full. Anti-entropy brings it again. */
  | { readonly kind: 'dropped' }
  /** Not kept: its stamps are too far ahead of the clock here. It is among what is missing when its time has come. */
  | { readonly kind: 'quarantined'; readonly replica: ReplicaId; readonly aheadMs: number }
  /** Not an envelope: the sender is broken or hostile. Nothing was applied. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** One run of txns that somebody lacks. Both ends inclusive. */
export interface Gap {
  replica: ReplicaId;
  from: number;
  to: number;
}

/** A register, field, key or type with concurrent writes, as the conflict log shows it. */
export interface Conflict {
  atMs: UnixMs;
  database: number;
  key: Buffer;
  /** Hash field or member of a sorted set, if it is one. */
  field: Buffer | null;
  kind: 'value' | 'type';
  winner: { replica: ReplicaId; stamp: Stamp; value: Buffer };
  losers: { replica: ReplicaId; stamp: Stamp; value: Buffer }[];
}

export interface EngineStatistics {
  localTxns: number;
  remoteTxns: number;
  remoteEffects: number;
  conflicts: number;
  waitingEnvelopes: number;
  waitingBytes: number;
  expiredKeys: number;
  /** Changes since the start (rdb_changes_since_last_save reads its difference). */
  changes: number;
  logBytes: number;
  arenaBytes: number;
  arenaUsedBytes: number;
  /** Cancelled counters and the like that wait for causal stability. */
  pendingCollection: number;
  /** Of those, what waits only for txns of their author that may yet come. */
  heldCollection: number;
  /** Txns that were refused since they came from the future, each time they came; and replicas of which some are now. */
  quarantinedTxns: number;
  quarantinedReplicas: number;
  /** Slots that were found to hold something else than was written: ever, and now; whole self-checks; keys put right. */
  damagesFound: number;
  damagedSlots: number;
  selfChecks: number;
  keysMended: number;
  /** Small collections that stand folded in memory, since nobody has asked for them lately. */
  foldedKeys: number;
}

/** A record of the state as store and state transfer carry it. An empty value means: not there any more. */
export interface StateRecord {
  key: Uint8Array;
  value: Uint8Array;
}

export interface Engine {
  readonly replica: ReplicaId;
  readonly databases: readonly Database[];
  /** One more, that no client sees and no flush empties: it replicates as the others do. For libraries of functions. */
  readonly libraries: Database;
  readonly statistics: Readonly<EngineStatistics>;

  /** The wall clock in UNIX ms, told once a chunk of input or timer turn. Never goes backward for the HLC. */
  setNow(now: UnixMs): void;
  readonly now: UnixMs;
  /** While true, reads do not count as use of their keys (CLIENT NO-TOUCH). Nothing may be written meanwhile. */
  readUnnoticed(on: boolean): void;
  /** Keeps how often keys are used instead of when they were last used (null), from now on. */
  countUse(counting: UseCounting | null): void;
  /** What the data takes, about, with what the CRDTs keep about it: what `maxmemory` limits. */
  readonly dataBytes: number;

  /** Opens a txn; effects until commit() are one txn. Does not nest. Cheap: nothing is encoded until the first effect. */
  begin(): void;
  /** Closes it. True if it had an effect. */
  commit(): boolean;

  /** `onChange` is called at each change, within the txn that makes it: it may only make a note. */
  watch(database: number, key: Slice, onChange?: () => void): Watch;
  unwatch(watch: Watch): void;
  /** One observer of all keys; null: nobody any more, and nothing costs. */
  observe(observer: KeyObserver | null): void;

  /** Bytes in the open envelope; 0 when there is nothing to seal. */
  readonly openBytes: number;
  /** Seals the open envelope and hands it to the envelope listeners. */
  seal(): Envelope | null;
  /**
   * Called for each envelope in the order in which its txns were applied here: own ones when sealed, remote ones
   * when applied. The store logs them all; the mesh publishes the local ones.
   */
  onEnvelope(listener: (envelope: Envelope, local: boolean) => void): void;
  /** Called when an effect becomes the first of an empty open envelope, so that the shell can time the sealing. */
  onOpen(listener: () => void): void;

  /** A remote envelope, whatever it came by. `bytes` are copied if they are kept. */
  receive(bytes: Uint8Array): Received;
  /** What is applied here, replicas that have retired included. */
  vector(): VersionVector;

  // --- replica ids that are used no more
  /** For peers: a whole vector without what its retirements imply. */
  shorten(vector: VersionVector): VersionVector;
  /** From peers: the other way round. */
  expand(vector: VersionVector): VersionVector;
  /** All that are known; grows at its end only. Peers must know of them before they see vectors that are shortened by them. */
  retirements(): readonly Retirement[];
  learnRetirements(retirements: readonly Retirement[]): void;
  /** Our own ids, former ones first, without those that have retired. */
  ownReplicas(): ReplicaId[];
  /** Former ids of ours under which a copy of our directory may have gone on, retired or not. */
  copiedReplicas(): ReplicaId[];
  /** At the start, after loadVector(): what ownReplicas(), retirements() and copiedReplicas() said. */
  loadReplicas(own: readonly ReplicaId[], retirements: readonly Retirement[], copied: readonly ReplicaId[]): void;
  /** Retires our former ids, but those in `kept`, of which all members have everything (`stable`). Own txn. */
  retireFormer(stable: VersionVector | 'alone', kept: ReadonlySet<ReplicaId>): void;
  /** How far ahead of the clock here a stamp of others may be; Infinity at first, so that what is read back from disk is taken. */
  clockSkewMaxMs: number;
  /** Some txns of that replica are refused until their time comes. */
  isQuarantined(replica: ReplicaId): boolean;
  /** What `theirs` has and we have not, and may take now. */
  missing(theirs: VersionVector): Gap[];
  /** Envelopes of one replica from number `from` on that are in memory, up to bytesMax (at least one if any). Null: not in memory any more, read the store. */
  readLog(replica: ReplicaId, from: number, bytesMax: number): Envelope[] | null;
  /** First number of `replica` that memory still holds; number+1 if none. */
  logStart(replica: ReplicaId): number;

  /** Hex; equal on two nodes exactly if values, dots and times to live are equal. */
  digest(): string;
  /** Two 32-bit lanes per hash slot (16,384 of them), combined over all databases. */
  slotDigest(slot: number): [number, number];
  /** Lines for CRDT INSPECT; null where there is no such key, not even a hidden part. */
  inspect(database: number, key: Slice): Inspection | null;
  conflicts(count: number): Conflict[];

  /**
   * Members' vectors, from the mesh: what all of them have is causally stable. `horizon`: deadlines before it may be
   * collected. `lacking`: replicas of which there may be txns that are not here yet.
   */
  setStability(stable: VersionVector | 'alone', horizon: UnixMs, lacking?: ReadonlySet<ReplicaId>): void;
  /** What setStability() said last; null before. */
  readonly stable: VersionVector | 'alone' | null;
  /** While true, what has expired is hidden, and stays (CLIENT PAUSE). */
  holdExpiry(on: boolean): void;
  /** Expires and collects for at most about `budget` keys; returns how many keys it removed. Own txn. */
  collect(budget: number): number;

  // --- what the store needs
  /** Records changed since the last drain, at most `limit`; for each the visitor gets key and value (empty: delete). Returns how many are left. */
  drainDirty(limit: number, visit: (record: StateRecord) => void): number;
  readonly dirtyCount: number;
  /** Loads one stored record into an empty engine, before anything else. Throws on a malformed one. */
  loadRecord(key: Uint8Array, value: Uint8Array): void;
  /** The replicas that stored records refer to by index, in order. Append-only. */
  replicaTable(): ReplicaId[];
  /** Before loadRecord: the table that the stored records were written with, and the vector that they cover. */
  loadVector(table: ReplicaId[], vector: VersionVector): void;

  // --- state transfer, when logs do not reach back
  /** All records, in pages, each with the vector it reflects; self-contained (carries its replica table). Cursor 0 starts, next 0 ends. */
  exportState(cursor: number, bytesMax: number, wanted?: ReadonlySet<string>): { next: number; bytes: Uint8Array };
  /**
   * What of our data a peer need not send: the digest of each slot that is not empty; and what we have seen of each replica,
   * for `compared`. Null while records of a transfer that a crash has interrupted are ahead of the vector: what of them was
   * here, and what came since, could not be told.
   */
  slotDigests(): { digests: Uint8Array; seen: readonly Stamp[] } | null;
  /** At the sender: the slots in which it holds something else, as a bitmap, and where it stands now (packed). Throws MalformedError. */
  compareSlots(theirs: Uint8Array): { slots: Uint8Array; vector: Uint8Array };
  /** At the sender: its keys in those slots, by fingerprint and digest, in pages as with exportState. */
  listKeys(slots: Uint8Array, cursor: number, bytesMax: number): { next: number; bytes: Uint8Array };
  /**
   * At the receiver: what it lacks or holds otherwise. `kept`: pages of transfers that were interrupted; what of them the
   * sender holds alike is not wanted again. Throws MalformedError.
   */
  chooseKeys(slots: Uint8Array, lists: readonly Uint8Array[], kept?: readonly Uint8Array[]): Choice;
  /** All that a page of the state reflects has been applied here. Throws MalformedError. */
  hasSeen(page: Uint8Array): boolean;
  /**
   * Merges a complete transfer: pages of exportState from one peer, all of them, or all of what `compared` has found to
   * differ; and `tail`, the envelopes that the peer applied or sealed from the first page (or the comparison) to the last:
   * the pages may hold some of their effects. Atomic: validated before the first change. Throws MalformedError, also
   * if a page goes beyond the tail.
   */
  importState(pages: readonly Uint8Array[], tail?: readonly Uint8Array[], compared?: Compared): void;
  /** By how many milliseconds the pages are too far ahead of the clock here; 0: they may be merged. Throws on malformed ones. */
  excessOfState(pages: readonly Uint8Array[]): number;
  // --- checking itself
  /** Goes on comparing the data with what was written, for about so many entries. True at the end of a pass over everything. */
  checkSelf(budget: number): boolean;
  /** A bitmap of the slots that the last pass has left: they were written meanwhile. And a look at slots in one go. */
  uncheckedSlots(): Uint8Array;
  verifySlots(slots: Uint8Array): void;
  /** The slots whose digests are others than these, as slotDigests() of a peer at our vector gives them. Throws MalformedError. */
  differingSlots(theirs: Uint8Array): Uint8Array;
  /** A bitmap of the slots that are known to be damaged. */
  damagedSlots(): Uint8Array;
  /** Notes from now on which slots are written, and gives where we stand: what a peer is asked for its copy with. */
  watchSlots(): VersionVector;
  /** What we hold in these slots, but for those that turn out to be damaged here. Not within a txn. Throws MalformedError. */
  giveSlots(slots: Uint8Array): { pages: Uint8Array[]; given: Uint8Array };
  /**
   * Puts slots right by what a peer has given since watchSlots(): where our copy is damaged, the peer's takes its place,
   * else both are joined. The peer must have had all that we had then, and we must have all that it had. Slots that were
   * written since are left alone. Throws MalformedError before the first change.
   */
  mendSlots(pages: readonly Uint8Array[], options: MendingOptions): Mended;
  /** For tests: changes one byte of what stands in memory under a key. False if there is nothing. */
  flipByte(database: number, key: Slice, flip: Flip): boolean;

  /** A new incarnation, when continuity cannot be proved or somebody else uses our id. */
  rotateReplica(replica: ReplicaId): void;
}

/** What CRDT INSPECT shows of one key. */
export interface Inspection {
  type: KeyType;
  deadlines: { replica: ReplicaId; stamp: Stamp; deadline: UnixMs | 'persist' }[];
  parts: {
    type: KeyType;
    elements: {
      name: Buffer | null;
      values: { replica: ReplicaId; stamp: Stamp; value: Buffer }[];
      counters: { replica: ReplicaId; stamp: Stamp; sum: string; cancelled: string }[];
      deadlines: { replica: ReplicaId; stamp: Stamp; deadline: UnixMs | 'persist' }[];
    }[];
  }[];
}
