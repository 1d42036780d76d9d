/**
 * Comparing two nodes' data so that a state transfer need not carry what both hold: digests by slot first, then, in the
 * slots that differ, a fingerprint and a digest for each key. What compares equal is equal, removals included, so that
 * nothing of it has to be merged; what one side lists and the other does not hold is new, or gone.
 *
 * A key's digest is made here, from its records, and covers cancelled counters as well, of which the digests of slots say
 * nothing; so slots in which the sender holds such count as differing.
 */
import { exactAmount } from './amount.ts';
import { ByteReader, MalformedError } from './bytes.ts';
import { isLive, readCell, siblingTerm } from './cell.ts';
import type { Stamp } from './contract.ts';
import { readDeadlines } from './deadlines.ts';
import { keySlot, Lanes, SLOTS } from './hash.ts';
import type { Keyspace } from './keyspace.ts';
import type { RecordName, Records } from './records.ts';
import { RECORD_KEY_DEADLINES, type State } from './state.ts';

/** A slot's number and its two lanes. */
const SLOT_ENTRY_BYTES = 10;
/** A key's fingerprint and its digest. */
const KEY_ENTRY_BYTES = 16;
const FINGERPRINT_BYTES = 8;
const BITMAP_BYTES = SLOTS / 8;
const WALK_END = 2 ** 32;
/** Keys looked at in one call: bounds the pause. */
const KEYS_PER_CALL = 20_000;
const KEYS_PER_STEP = 64;

/**
 * What a comparison has come to at the receiving side, for the merge. What compares equal did so at a moment; the two
 * lists of stamps, by replica index, say what we had seen then, to tell from it what has come since.
 */
export interface Compared {
  /** Bit by slot: these differ. */
  readonly slots: Uint8Array;
  /** Fingerprints of the keys in those slots that both sides hold alike. */
  readonly equal: ReadonlySet<string>;
  /** Packed: where the sender stood when it compared the slots. */
  readonly vector: Uint8Array;
  readonly seenAtSlots: readonly Stamp[];
  readonly seenAtKeys: readonly Stamp[];
}

export class Comparison {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly records: Records;
  private readonly lanes = new Lanes();
  private readonly entry = Buffer.alloc(KEY_ENTRY_BYTES);

  constructor(state: State, keyspaces: readonly Keyspace[], records: Records) {
    this.state = state;
    this.keyspaces = keyspaces;
    this.records = records;
  }

  /**
   * Of every slot that holds something: u16 number, two 32-bit lanes; and what we have seen. Not while we are ahead of our
   * vector: what came since could not be told.
   */
  slotDigests(): { digests: Buffer; seen: Stamp[] } {
    const { digestA, digestB, uncounted } = this.state;
    uncounted.settle();
    const bytes = Buffer.alloc(SLOTS * SLOT_ENTRY_BYTES);
    let at = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (digestA[slot] === 0 && digestB[slot] === 0) continue;
      bytes.writeUInt16LE(slot, at);
      bytes.writeInt32LE(digestA[slot], at + 2);
      bytes.writeInt32LE(digestB[slot], at + 6);
      at += SLOT_ENTRY_BYTES;
    }
    return { digests: bytes.subarray(0, at), seen: this.state.replicas.stamps.slice() };
  }

  /**
   * The slots in which we hold something else than the sender of these digests; `withCancelled`: and those in which we
   * may. Throws MalformedError.
   */
  differingSlots(theirs: Uint8Array, withCancelled = true): Uint8Array {
    if (theirs.length % SLOT_ENTRY_BYTES !== 0) throw new MalformedError(`slot digests of ${theirs.length} bytes`);
    const { digestA, digestB, uncounted, pending } = this.state;
    uncounted.settle();
    const differing = new Uint8Array(BITMAP_BYTES);
    const view = new DataView(theirs.buffer, theirs.byteOffset, theirs.length);
    const told = new Uint8Array(SLOTS);
    for (let at = 0; at < theirs.length; at += SLOT_ENTRY_BYTES) {
      const slot = view.getUint16(at, true);
      if (slot >= SLOTS) throw new MalformedError(`slot ${slot}`);
      told[slot] = 1;
      const equal = view.getInt32(at + 2, true) === digestA[slot] && view.getInt32(at + 6, true) === digestB[slot];
      if (!equal) mark(differing, slot);
    }
    for (let slot = 0; slot < SLOTS; slot++) {
      if (told[slot] === 0 && (digestA[slot] !== 0 || digestB[slot] !== 0)) mark(differing, slot);
    }
    for (const { record } of withCancelled ? pending : []) {
      const { key } = this.records.parseName(record);
      mark(differing, keySlot(key.bytes, key.start, key.end));
    }
    return differing;
  }

  /** Our keys in those slots, from `cursor` on: 8 bytes fingerprint, 8 bytes digest each; `next` is 0 after the last. */
  list(slots: Uint8Array, cursor: number, bytesMax: number): { next: number; bytes: Uint8Array } {
    const entries: Buffer[] = [];
    const next = this.walk(
      cursor,
      slots,
      () => entries.length * KEY_ENTRY_BYTES >= bytesMax,
      (keyspace, at) => {
        entries.push(Buffer.from(this.entryOf(keyspace, at)));
      },
    );
    return { next, bytes: Buffer.concat(entries) };
  }

  /** What of the sender's list we lack or hold otherwise, and what we hold alike. Throws MalformedError. */
  choose(slots: Uint8Array, lists: readonly Uint8Array[]): { wanted: Uint8Array; equal: Set<string>; seen: Stamp[] } {
    checkBitmap(slots);
    const own = new Map<string, string>();
    for (let cursor = 0; ; ) {
      cursor = this.walk(
        cursor,
        slots,
        () => false,
        (keyspace, at) => {
          const entry = this.entryOf(keyspace, at);
          own.set(entry.toString('latin1', 0, FINGERPRINT_BYTES), entry.toString('latin1', FINGERPRINT_BYTES));
        },
      );
      if (cursor === 0) break;
    }
    const listed = new Set<string>();
    const equal = new Set<string>();
    const wanted: Buffer[] = [];
    for (const list of lists) {
      if (list.length % KEY_ENTRY_BYTES !== 0) throw new MalformedError(`key list of ${list.length} bytes`);
      const bytes = Buffer.from(list.buffer, list.byteOffset, list.length);
      for (let at = 0; at < bytes.length; at += KEY_ENTRY_BYTES) {
        const name = bytes.toString('latin1', at, at + FINGERPRINT_BYTES);
        const digest = bytes.toString('latin1', at + FINGERPRINT_BYTES, at + KEY_ENTRY_BYTES);
        // two keys of one fingerprint: neither is known to be equal
        if (!listed.has(name) && own.get(name) === digest) equal.add(name);
        else {
          wanted.push(bytes.subarray(at, at + FINGERPRINT_BYTES));
          equal.delete(name);
        }
        listed.add(name);
      }
    }
    return { wanted: Buffer.concat(wanted), equal, seen: this.state.replicas.stamps.slice() };
  }

  /** The fingerprint of the key at that position. */
  fingerprint(keyspace: Keyspace, at: number): string {
    this.writeFingerprint(keyspace, at);
    return this.entry.toString('latin1', 0, FINGERPRINT_BYTES);
  }

  /** Visits keys of the given slots, as many as one call may look at. The next cursor; 0 at the end. */
  private walk(
    cursor: number,
    slots: Uint8Array,
    isEnough: () => boolean,
    visit: (keyspace: Keyspace, at: number) => void,
  ): number {
    let database = Math.floor(cursor / WALK_END);
    let place = cursor % WALK_END;
    for (let looked = 0; database < this.keyspaces.length && looked < KEYS_PER_CALL && !isEnough(); ) {
      const keyspace = this.keyspaces[database];
      const { table } = keyspace.keys;
      const next = table.walk(place, KEYS_PER_STEP, (at) => {
        looked++;
        if (isMarked(slots, table.slot(table.referenceAt(at)))) visit(keyspace, at);
      });
      place = next >= WALK_END ? 0 : next;
      if (place === 0) database++;
    }
    return database >= this.keyspaces.length ? 0 : database * WALK_END + place;
  }

  private writeFingerprint(keyspace: Keyspace, at: number): void {
    const { table } = keyspace.keys;
    const reference = table.referenceAt(at);
    const start = table.keyStart(reference);
    this.lanes.from(0x243f6a88, 0x13198a2e).word(keyspace.index);
    this.lanes.bytes(table.bufferOf(reference), start, start + table.keyLength(reference)).finish();
    this.entry.writeInt32LE(this.lanes.a, 0);
    this.entry.writeInt32LE(this.lanes.b, 4);
  }

  /** Valid until the next call. */
  private entryOf(keyspace: Keyspace, at: number): Buffer {
    this.writeFingerprint(keyspace, at);
    let a = 0;
    let b = 0;
    this.records.forEach(keyspace, at, (name, value) => {
      const [termA, termB] = this.recordTerms(this.records.parseName(Buffer.from(name)), name, value);
      a = (a + termA) | 0;
      b = (b + termB) | 0;
    });
    this.entry.writeInt32LE(a, FINGERPRINT_BYTES);
    this.entry.writeInt32LE(b, FINGERPRINT_BYTES + 4);
    return this.entry;
  }

  /** A sum over all that the record holds, in whatever order it stands there. */
  private recordTerms({ kind }: RecordName, name: Uint8Array, value: Uint8Array): [number, number] {
    const { words } = this.state.replicas;
    const { lanes } = this;
    const reader = new ByteReader(Buffer.from(value));
    const base = lanes.from(0x7a5bc1d9, 0x1d872b41).bytes(name, 0, name.length).finish();
    const [baseA, baseB] = [base.a, base.b];
    let a = 0;
    let b = 0;
    const take = () => {
      a = (a + lanes.a) | 0;
      b = (b + lanes.b) | 0;
    };
    if (kind >= RECORD_KEY_DEADLINES) {
      for (const { replica, stamp, deadline, scope } of readDeadlines(reader)) {
        lanes.from(baseA, baseB).word(words[replica]).number(stamp);
        lanes.number(Number.isFinite(deadline) ? deadline : -1);
        for (let i = 0; i < scope.length; i += 2) lanes.word(words[scope[i]]).number(scope[i + 1]);
        lanes.finish();
        take();
      }
      return [a, b];
    }
    const cell = readCell(reader);
    for (const { replica, stamp, value: bytes } of cell.siblings) {
      siblingTerm(lanes.from(baseA, baseB), words[replica], stamp, bytes, 0, bytes.length);
      take();
    }
    for (const tally of cell.tallies) {
      const { replica, stamp, sum, cancelSum } = tally;
      lanes
        .from(baseA, baseB)
        .word(~words[replica])
        .number(stamp)
        .word(isLive(tally) ? 2 : 3);
      lanes.text(exactAmount(sum)).word(1).text(exactAmount(cancelSum)).finish();
      take();
    }
    return [a, b];
  }
}

/** Fingerprints one after the other, as choose() gives them. Throws MalformedError. */
export function fingerprintsOf(bytes: Uint8Array): string[] {
  if (bytes.length % FINGERPRINT_BYTES !== 0) throw new MalformedError(`fingerprints of ${bytes.length} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const names: string[] = [];
  for (let at = 0; at < buffer.length; at += FINGERPRINT_BYTES) {
    names.push(buffer.toString('latin1', at, at + FINGERPRINT_BYTES));
  }
  return names;
}

export function isMarked(slots: Uint8Array, slot: number): boolean {
  return (slots[slot >> 3] & (1 << (slot & 7))) !== 0;
}

export function checkBitmap(slots: Uint8Array): void {
  if (slots.length !== BITMAP_BYTES) throw new MalformedError(`slot bitmap of ${slots.length} bytes`);
}

export function mark(slots: Uint8Array, slot: number): void {
  slots[slot >> 3] |= 1 << (slot & 7);
}
