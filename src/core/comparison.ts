/**
 * Comparing two nodes' data so that a state transfer need not carry what both hold: digests by slot first, then, in the
 * slots that differ, a fingerprint and a digest for each key. What compares equal is equal, removals included, so that
 * nothing of it has to be merged; what one side lists and the other does not hold is new, or gone.
 *
 * A key's digest is made here, from its records, and covers cancelled counters as well, of which the digests of slots say
 * nothing; so slots in which the sender holds such count as differing.
 */
import { MalformedError } from './bytes.ts';
import type { Stamp } from './contract.ts';
import { keySlot, SLOTS } from './hash.ts';
import { KeptPages } from './kept-pages.ts';
import { FINGERPRINT_BYTES, KEY_ENTRY_BYTES, KeyDigest } from './key-digest.ts';
import type { Keyspace } from './keyspace.ts';
import { asBuffer } from './page.ts';
import type { Records } from './records.ts';
import { Slice } from './slice.ts';
import type { State } from './state.ts';

/** A slot's number and its two lanes. */
const SLOT_ENTRY_BYTES = 10;
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
  /** Pages kept of an interrupted transfer, of records that the sender listed with the same digests. */
  readonly kept: readonly Uint8Array[];
}

/** What of a sender's list is to be sent, and what need not be. */
export interface Choice {
  /** Fingerprints of keys that we lack, or hold otherwise. */
  readonly wanted: Uint8Array;
  /** Of keys that we hold alike; and what we had seen then. */
  readonly equal: ReadonlySet<string>;
  readonly seen: readonly Stamp[];
  /** Of the pages that were kept: what the sender holds as well, and the others. */
  readonly kept: Uint8Array[];
  readonly rest: Uint8Array[];
}

export class Comparison {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly records: Records;
  private readonly digests = new KeyDigest();
  private readonly keptPages: KeptPages;
  private readonly key = new Slice();

  constructor(state: State, keyspaces: readonly Keyspace[], records: Records) {
    this.state = state;
    this.keyspaces = keyspaces;
    this.records = records;
    this.keptPages = new KeptPages(records);
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

  /**
   * What of the sender's list we lack or hold otherwise, and what we hold alike: in our data, unless we are ahead of our
   * vector, or among pages kept of an interrupted transfer. Throws MalformedError.
   */
  choose(slots: Uint8Array, lists: readonly Uint8Array[], pages: readonly Uint8Array[], isAhead: boolean): Choice {
    checkBitmap(slots);
    const own = isAhead ? new Map<string, string>() : this.ownDigests(slots);
    const listed = new Set<string>();
    const equal = new Set<string>();
    const lacking = new Map<string, string>();
    for (const list of lists) {
      if (list.length % KEY_ENTRY_BYTES !== 0) throw new MalformedError(`key list of ${list.length} bytes`);
      const bytes = asBuffer(list);
      for (let at = 0; at < bytes.length; at += KEY_ENTRY_BYTES) {
        const name = bytes.toString('latin1', at, at + FINGERPRINT_BYTES);
        const digest = bytes.toString('latin1', at + FINGERPRINT_BYTES, at + KEY_ENTRY_BYTES);
        const isTwin = listed.has(name);
        listed.add(name);
        if (!isTwin && own.get(name) === digest) equal.add(name);
        else {
          // two keys of one fingerprint: neither is known to be equal
          lacking.set(name, isTwin ? '' : digest);
          equal.delete(name);
        }
      }
    }
    const { kept, rest, names } = this.keptPages.match(pages, lacking);
    const wanted = [...lacking.keys()].filter((name) => !names.has(name));
    const seen = isAhead ? [] : this.state.replicas.stamps.slice();
    return { wanted: Buffer.from(wanted.join(''), 'latin1'), equal, seen, kept, rest };
  }

  /** Digest by fingerprint of our keys in those slots. */
  private ownDigests(slots: Uint8Array): Map<string, string> {
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
      if (cursor === 0) return own;
    }
  }

  /** The fingerprint of the key at that position. */
  fingerprint(keyspace: Keyspace, at: number): string {
    return this.digests.fingerprint(keyspace.index, this.keyAt(keyspace, at));
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
        this.state.foldSome();
        if (isMarked(slots, table.slot(table.referenceAt(at)))) visit(keyspace, at);
      });
      place = next >= WALK_END ? 0 : next;
      if (place === 0) database++;
    }
    return database >= this.keyspaces.length ? 0 : database * WALK_END + place;
  }

  private keyAt({ keys: { table } }: Keyspace, at: number): Slice {
    return table.fillKey(table.referenceAt(at), this.key);
  }

  /** Fingerprint and digest of the key at that position; valid until the next call. */
  private entryOf(keyspace: Keyspace, at: number): Buffer {
    const { digests } = this;
    digests.begin(keyspace.index, this.keyAt(keyspace, at));
    const { words } = this.state.replicas;
    this.records.forEach(keyspace, at, (name, value) => {
      digests.add(this.records.parseName(name).kind, name, asBuffer(value), words);
    });
    return digests.entry();
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
