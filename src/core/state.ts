/**
 * What all parts of the core share: the arena, the replicas, the txn being applied, the digests, the records that
 * the store has not seen yet, the tallies that wait for causal stability, the watches, the conflict log.
 * Plain data with a few small operations; engine.ts owns the one instance of a node.
 */
import { Arena } from './arena.ts';
import { ByteTable } from './byte-table.ts';
import { ByteWriter } from './bytes.ts';
import { Changes } from './changes.ts';
import { HybridClock } from './clock.ts';
import type { Conflict, EngineStatistics, Stamp, UnixMs, VersionVector } from './contract.ts';
import type { Folder } from './folding.ts';
import { keySlot, SLOTS } from './hash.ts';
import type { Observation } from './observation.ts';
import { PendingTallies } from './pending-tallies.ts';
import { Quarantine } from './quarantine.ts';
import { Retirements } from './retirement.ts';
import { Uncounted } from './uncounted.ts';
import { KeyUse } from './use.ts';
import { type Context, ReplicaTable } from './version.ts';

/** Kinds of entries; elements.ts says what each holds. */
export const SIMPLE = 0;
export const TALLY = 1;
export const CELL = 2;
export const BODY = 3;

/** At the end of a CELL's payload. */
export const CHECKSUM_BYTES = 4;
/** Of a CELL that nothing is in yet. */
export const BLANK_CELL_BYTES = 2 + CHECKSUM_BYTES;

/** Entry flags. */
export const FLAG_DIRTY = 1;
export const FLAG_HIDDEN = 2;
export const FLAG_DEADLINE = 4;
/** Its digest term is not counted: see uncounted.ts. */
export const FLAG_UNCOUNTED = 16;
/** It was made by an effect, and the store has not seen it since: if it goes before that, the store need not know. */
export const FLAG_NEW = 32;
/** Of a key: some of its fields have deadlines. */
export const FLAG_FIELD_DEADLINES = 8;

/** Record kinds beside the key types (which stand for the elements of a part). */
export const RECORD_KEY_DEADLINES = 100;
export const RECORD_FIELD_DEADLINES = 101;
/** Plus a key type, among the dirty ones only: all elements of that part that have FLAG_DIRTY. */
export const RECORD_WHOLE = 128;

const CONFLICTS_KEPT = 128;

export interface WatchState {
  changed: boolean;
  readonly database: number;
  readonly key: Buffer;
  /** The key was expired already when the watch began, and still lies there: its removal is no change. */
  expiredBefore: boolean;
  /** Told of each change, within the txn that makes it. */
  readonly onChange: (() => void) | null;
}

/** About 100 MB. */
const UNFOLDED_MAX = 1 << 20;

/** 2^32 divided by the golden ratio: multiples of it are far apart. */
const GOLDEN = 0x9e3779b1;

export class State {
  readonly arena = new Arena();
  private readonly seed: number;
  private tables = 0;
  readonly replicas = new ReplicaTable();
  readonly retirements = new Retirements(this.replicas);
  readonly clock = new HybridClock();
  self = 0;
  now: UnixMs = 0;
  /** The same in whole seconds. */
  second = 0;
  /** What a use of a key leaves in its entry now: the clock of use.ts, or one of its signs. */
  use = 0;
  readonly keyUse: KeyUse;
  /** What all bodies that could be folded take, in elements, about; and how much of that may be: see bodies.ts. */
  unfolded = 0;
  unfoldedMax = UNFOLDED_MAX;
  readonly folders: Folder[] = [];
  /** Grows with every remote txn: an open envelope of an older context is sealed before the next local txn. */
  foreignTxns = 0;

  /** The txn being applied: who wrote it, its stamp, what it has observed (null: everything here, a local txn). */
  origin = 0;
  stamp: Stamp = 0;
  context: Context = null;

  /** No other member is known: what is cancelled here is stable at once. */
  alone = false;
  /** What all members have, as far as the mesh has said; null before it has. */
  stable: VersionVector | 'alone' | null = null;
  /** Expired keys whose deadline lies before may be collected. */
  horizon: UnixMs = Number.POSITIVE_INFINITY;
  /** Nothing that has expired is collected, though it is hidden: clients pause. */
  expiryHeld = false;
  readonly pending = new PendingTallies();
  /**
   * By replica index: the latest stamp among the stored records at the start. A crash between the records of a transfer
   * and its vector leaves records that are ahead of the vector, until the transfer is made again.
   */
  readonly storedStamps: Stamp[] = [];
  /** For tallies that are queued now; null: the txn that is being applied cancels them. */
  after: readonly number[] | null = null;
  /** `after` for what was loaded from disk: where this replica stood when recovery was over; empty before that. */
  readonly loaded: number[] = [];

  /** Whole after uncounted.settle(). */
  readonly digestA = new Int32Array(SLOTS);
  readonly digestB = new Int32Array(SLOTS);
  /** Of all slots together, as Engine.digest() last found it; null: something has changed since. */
  wholeDigest: string | null = null;
  readonly uncounted = new Uncounted();
  /** By slot: all bits are set when it is written. Who wants to know of later writes clears its own bit: see self-check.ts. */
  readonly written = new Uint8Array(SLOTS);
  /** Slots whose data is known not to be what was written. */
  readonly damaged = new Set<number>();

  /** An entry with FLAG_DIRTY is among them already, by its hash or with its part. */
  readonly changes: Changes;
  readonly recordKey = new ByteWriter();

  readonly quarantine = new Quarantine();
  readonly watches = new Map<string, WatchState[]>();
  /** Told of each change of any key; null: nobody asks. */
  observation: Observation | null = null;
  readonly conflicts: Conflict[] = [];
  readonly statistics: EngineStatistics = {
    localTxns: 0,
    remoteTxns: 0,
    remoteEffects: 0,
    conflicts: 0,
    waitingEnvelopes: 0,
    waitingBytes: 0,
    expiredKeys: 0,
    changes: 0,
    logBytes: 0,
    arenaBytes: 0,
    arenaUsedBytes: 0,
    pendingCollection: 0,
    heldCollection: 0,
    quarantinedTxns: 0,
    quarantinedReplicas: 0,
    damagesFound: 0,
    damagedSlots: 0,
    selfChecks: 0,
    keysMended: 0,
    foldedKeys: 0,
  };

  constructor(seed: number) {
    this.seed = seed;
    this.keyUse = new KeyUse(seed);
    this.changes = new Changes(this.newTable(), this.newTable());
  }

  /**
   * Each table has a seed of its own: entries stand in the order of their hashes, and a table that is filled in the order
   * of another one of the same seed has all of them at its beginning, in one cluster that every insert walks through.
   * `seed`: of a table that was there before.
   */
  newTable(seed?: number): ByteTable {
    if (seed !== undefined) return new ByteTable(this.arena, seed);
    this.tables = (this.tables + 1) | 0;
    return new ByteTable(this.arena, (this.seed + Math.imul(this.tables, GOLDEN)) >>> 0);
  }

  /** Adds to the two lanes of a slot's digest: a term, minus one, or the difference of two. */
  moveTerm(slot: number, a: number, b: number): void {
    this.digestA[slot] = (this.digestA[slot] + a) | 0;
    this.digestB[slot] = (this.digestB[slot] + b) | 0;
    this.written[slot] = 0xff;
    this.wholeDigest = null;
  }

  /** Nobody holds anything that stands under a key: what was not asked for lately may be folded. */
  foldSome(): void {
    for (const folder of this.folders) folder.foldSome();
  }

  noteDamage(slot: number): void {
    if (this.damaged.has(slot)) return;
    this.damaged.add(slot);
    this.statistics.damagesFound++;
  }

  /** An effect has not found what it would change. Where data is damaged that may be for this reason. */
  missed(bytes: Uint8Array, start: number, end: number): void {
    if (this.damaged.size > 0) this.written[keySlot(bytes, start, end)] = 0xff;
  }

  /** Notes that the record spelled in `recordKey` changed. */
  markDirty(): void {
    this.changes.addName(this.recordKey.bytes, this.recordKey.at);
  }

  /** The same of a change that was noted before, and cannot be found by that note any more. */
  carryDirty(): void {
    this.changes.carryName(this.recordKey.bytes, this.recordKey.at);
  }

  /** Spells a record's key: database, key, kind, element. */
  spellRecord(database: number, key: Uint8Array, start: number, end: number, kind: number): ByteWriter {
    const writer = this.recordKey.reset();
    writer.varint(database);
    writer.run(key, start, end);
    writer.u8(kind);
    return writer;
  }

  /** A key changed, or is `gone`: wakes those who watch it. */
  touched(database: number, bytes: Buffer, start: number, end: number, gone = false): void {
    this.statistics.changes++;
    if (this.observation !== null) this.observation.changed(database, bytes, start, end);
    if (this.watches.size === 0) return;
    const watches = this.watches.get(watchName(database, bytes, start, end));
    if (watches === undefined) return;
    for (const watch of watches) {
      if (gone && watch.expiredBefore) watch.expiredBefore = false;
      else {
        watch.changed = true;
        watch.onChange?.();
      }
    }
  }

  noteConflict(conflict: Conflict): void {
    this.statistics.conflicts++;
    this.conflicts.push(conflict);
    if (this.conflicts.length > CONFLICTS_KEPT) this.conflicts.shift();
  }
}

export function watchName(database: number, bytes: Buffer, start: number, end: number): string {
  return `${database}:${bytes.toString('latin1', start, end)}`;
}
