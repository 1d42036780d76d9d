/**
 * The byte table: the one structure under the keyspace, hashes, sets, deadlines and the names of records that are gone.
 * Open addressing over one typed array of pairs (full hash, arena reference), side by side so that a probe touches
 * one cache line; entries in the arena: a 24-byte header, the key, a payload. The index is the top bits of the hash and probing never wraps (a few slots follow the last one),
 * so entries stand almost in order of their hashes: a scan is a walk along the hash, and its cursor stays good
 * when the table grows or shrinks.
 *
 * A large table grows gradually: it gets an index of twice the size, and each insert moves some clusters of the older one, from
 * its beginning on. Entries of hashes below `boundary` stand in the new index, all others in the older one still, whose
 * positions follow those of the new one.
 *
 * Header: u32 key length, u32 payload length, f64 stamp, u16 replica, u8 kind, u8 flags, 14 bits slot, 18 bits of use (use.ts).
 * What kind, flags, stamp and payload mean is the business of the owner. Positions ("at") are valid until the
 * next insert or remove.
 */
import { type Arena, offsetOf, sameClass, segmentOf } from './arena.ts';
import { tableHash } from './hash.ts';
import type { Slice } from './slice.ts';
import { forgetIn, HASHES, placeIn, slotsFor, walkIn } from './table-index.ts';

export const HEADER_BYTES = 24;
const CAPACITY_MIN = 4;
/** From this capacity on a table grows gradually. */
const GRADUAL_MIN = 4096;
/** Positions of the older index that an insert looks at, and a cluster to its end. */
const MOVED_AT_ONCE = 256;
const SLOT_BITS = 14;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

/** What is left of the index before a table grew. */
interface Older {
  readonly slots: Uint32Array;
  readonly shift: number;
}

export class ByteTable {
  readonly arena: Arena;
  /** Changes only while there is no entry. */
  seed: number;
  /** Entries. */
  count = 0;
  /** Two words a position: the hash, the reference (0: free). */
  private slots: Uint32Array;
  private capacity = CAPACITY_MIN;
  private shift = 30;
  private older: Older | null = null;
  private boundary = HASHES;

  constructor(arena: Arena, seed: number) {
    this.arena = arena;
    this.seed = seed;
    this.slots = new Uint32Array(2 * slotsFor(CAPACITY_MIN));
  }

  /** Number of positions; position `at` is taken if referenceAt(at) is not 0. */
  get positions(): number {
    return (this.slots.length + (this.older === null ? 0 : this.older.slots.length)) >>> 1;
  }

  referenceAt(at: number): number {
    return this.wordAt(2 * at + 1);
  }

  hashAt(at: number): number {
    return this.wordAt(2 * at);
  }

  private wordAt(word: number): number {
    const { slots } = this;
    if (word < slots.length) return slots[word];
    return this.older === null ? 0 : this.older.slots[word - slots.length];
  }

  /** The first position from `from` on whose entry has this hash, or −1. */
  nextOfHash(hash: number, from: number): number {
    const { older, slots } = this;
    const isOlder = older !== null && hash >= this.boundary;
    const words = isOlder ? older.slots : slots;
    const base = isOlder ? slots.length >>> 1 : 0;
    const shift = isOlder ? older.shift : this.shift;
    for (let word = 2 * Math.max(hash >>> shift, from - base); word < words.length; word += 2) {
      if (words[word + 1] === 0) return -1;
      if (words[word] === hash) return base + (word >>> 1);
    }
    return -1;
  }

  /** Position of a key, or −1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = tableHash(bytes, start, end, this.seed);
    if (this.older !== null && hash >= this.boundary) return this.findOlder(hash, bytes, start, end);
    const slots = this.slots;
    for (let word = (hash >>> this.shift) * 2; word < slots.length; word += 2) {
      const reference = slots[word + 1];
      if (reference === 0) return -1;
      if (slots[word] === hash && this.keyEquals(reference, bytes, start, end)) return word >>> 1;
    }
    return -1;
  }

  private findOlder(hash: number, bytes: Uint8Array, start: number, end: number): number {
    for (let at = this.nextOfHash(hash, 0); at >= 0; at = this.nextOfHash(hash, at + 1)) {
      if (this.keyEquals(this.referenceAt(at), bytes, start, end)) return at;
    }
    return -1;
  }

  /** Adds an entry that find() did not find; header zeroed but for the lengths, payload undefined. Its position. */
  insert(bytes: Uint8Array, start: number, end: number, payloadLength: number): number {
    const hash = tableHash(bytes, start, end, this.seed);
    if (this.older !== null) this.moveSome(this.older);
    if ((this.count + 1) * 4 > this.capacity * 3) this.grow();
    const keyLength = end - start;
    const reference = this.arena.allocate(HEADER_BYTES + keyLength + payloadLength);
    const segment = segmentOf(reference);
    const offset = offsetOf(reference);
    const words = this.arena.words[segment];
    const word = offset >>> 2;
    words[word] = keyLength;
    words[word + 1] = payloadLength;
    words[word + 2] = 0;
    words[word + 3] = 0;
    words[word + 4] = 0;
    words[word + 5] = 0;
    copyBytes(bytes, start, keyLength, this.arena.buffers[segment], offset + HEADER_BYTES);
    this.count++;
    return this.place(hash, reference);
  }

  /** Makes an empty table as large as so many entries need, about. */
  reserve(count: number): void {
    let capacity = CAPACITY_MIN;
    while (count * 4 > capacity * 3) capacity *= 2;
    if (capacity > this.capacity || capacity * 4 < this.capacity) this.resize(capacity);
  }

  /** Frees every entry, and stays as large as it is. */
  empty(): void {
    for (let at = 0; at < this.positions; at++) {
      const reference = this.referenceAt(at);
      if (reference === 0) continue;
      this.arena.free(reference, this.entryBytes(reference));
      this.point(at, 0);
    }
    this.count = 0;
    this.older = null;
    this.boundary = HASHES;
  }

  /** Gives the entry a payload of another length, contents undefined; header and key stay. */
  resizePayload(at: number, payloadLength: number): void {
    const reference = this.referenceAt(at);
    const words = this.arena.words[segmentOf(reference)];
    const word = offsetOf(reference) >>> 2;
    const keyLength = words[word];
    const before = HEADER_BYTES + keyLength + words[word + 1];
    const after = HEADER_BYTES + keyLength + payloadLength;
    if (sameClass(before, after)) {
      words[word + 1] = payloadLength;
      return;
    }
    const moved = this.arena.allocate(after);
    const offset = offsetOf(reference);
    this.arena.buffers[segmentOf(reference)].copy(
      this.arena.buffers[segmentOf(moved)],
      offsetOf(moved),
      offset,
      offset + HEADER_BYTES + keyLength,
    );
    this.arena.words[segmentOf(moved)][(offsetOf(moved) >>> 2) + 1] = payloadLength;
    this.arena.free(reference, before);
    this.point(at, moved);
  }

  /** Removes the entry; later ones of its cluster move up, so who walks while removing walks from the end. */
  removeAt(at: number): void {
    const reference = this.referenceAt(at);
    this.arena.free(reference, this.entryBytes(reference));
    this.forgetAt(at);
  }

  /**
   * Takes the entry out of the index and leaves its block alone: that of a damaged entry is never handed out again, since
   * lengths that are wrong would put it on the list of another size, and give one block to two entries.
   */
  forgetAt(at: number): void {
    const { older, slots } = this;
    if (2 * at < slots.length) forgetIn(slots, this.shift, 2 * at);
    else if (older !== null) forgetIn(older.slots, older.shift, 2 * at - slots.length);
    this.count--;
  }

  private point(at: number, reference: number): void {
    const { older, slots } = this;
    const word = 2 * at + 1;
    if (word < slots.length) slots[word] = reference;
    else if (older !== null) older.slots[word - slots.length] = reference;
  }

  /** Gives memory back after many removals; moves positions. */
  shrink(): void {
    let capacity = this.capacity;
    while (capacity > CAPACITY_MIN && this.count * 8 < capacity) capacity >>>= 1;
    if (capacity !== this.capacity) this.resize(capacity);
  }

  /** Frees every entry. */
  clear(): void {
    for (let at = this.positions - 1; at >= 0; at--) if (this.referenceAt(at) !== 0) this.removeAt(at);
    this.resize(CAPACITY_MIN);
  }

  /**
   * Visits the positions of about `count` entries from `cursor` on (a hash, 0 at first) and returns the next cursor,
   * 2^32 at the end. Whole clusters are visited, so that no entry can slip past. The visitor must not change the table.
   */
  walk(cursor: number, count: number, visit: (at: number) => void): number {
    const { older, boundary, slots } = this;
    if (older === null) return walkIn(slots, this.shift, cursor, HASHES, count, 0, visit);
    let left = count;
    let next = cursor;
    if (cursor < boundary) {
      next = walkIn(slots, this.shift, cursor, boundary, count, 0, (at) => {
        left--;
        visit(at);
      });
      if (next < boundary) return next;
    }
    return walkIn(older.slots, older.shift, next, HASHES, left, slots.length >>> 1, visit);
  }

  keyEquals(reference: number, bytes: Uint8Array, start: number, end: number): boolean {
    const segment = segmentOf(reference);
    const offset = offsetOf(reference);
    const length = end - start;
    if (this.arena.words[segment][offset >>> 2] !== length) return false;
    const buffer = this.arena.buffers[segment];
    const base = offset + HEADER_BYTES;
    for (let i = 0; i < length; i++) if (buffer[base + i] !== bytes[start + i]) return false;
    return true;
  }

  /** False if the entry is not where its key belongs, or reaches beyond its segment: it is damaged. */
  isSound(at: number): boolean {
    const reference = this.referenceAt(at);
    const start = this.keyStart(reference);
    const end = start + this.keyLength(reference);
    const buffer = this.bufferOf(reference);
    if (end + this.payloadLength(reference) > buffer.length) return false;
    return tableHash(buffer, start, end, this.seed) === this.hashAt(at);
  }

  // --- entry fields, by reference

  keyLength(reference: number): number {
    return this.arena.words[segmentOf(reference)][offsetOf(reference) >>> 2];
  }

  payloadLength(reference: number): number {
    return this.arena.words[segmentOf(reference)][(offsetOf(reference) >>> 2) + 1];
  }

  /** Arena bytes of an entry. */
  entryBytes(reference: number): number {
    return HEADER_BYTES + this.keyLength(reference) + this.payloadLength(reference);
  }

  /** Bytes of all entries and of the index, about. */
  memoryBytes(): number {
    let bytes = this.slots.byteLength + (this.older?.slots.byteLength ?? 0);
    for (let at = 0; at < this.positions; at++) {
      if (this.referenceAt(at) !== 0) bytes += this.entryBytes(this.referenceAt(at));
    }
    return bytes;
  }

  bufferOf(reference: number): Buffer {
    return this.arena.buffers[segmentOf(reference)];
  }

  viewOf(reference: number): DataView {
    return this.arena.views[segmentOf(reference)];
  }

  keyStart(reference: number): number {
    return offsetOf(reference) + HEADER_BYTES;
  }

  payloadStart(reference: number): number {
    return offsetOf(reference) + HEADER_BYTES + this.keyLength(reference);
  }

  stamp(reference: number): number {
    return this.arena.doubles[segmentOf(reference)][(offsetOf(reference) >>> 3) + 1];
  }

  setStamp(reference: number, stamp: number): void {
    this.arena.doubles[segmentOf(reference)][(offsetOf(reference) >>> 3) + 1] = stamp;
  }

  /** Word 4: replica (16 bits), kind (8), flags (8). */
  replica(reference: number): number {
    return this.arena.words[segmentOf(reference)][(offsetOf(reference) >>> 2) + 4] & 0xffff;
  }

  setReplica(reference: number, replica: number): void {
    const words = this.arena.words[segmentOf(reference)];
    const word = (offsetOf(reference) >>> 2) + 4;
    words[word] = (words[word] & 0xffff0000) | replica;
  }

  kind(reference: number): number {
    return this.arena.buffers[segmentOf(reference)][offsetOf(reference) + 18];
  }

  setKind(reference: number, kind: number): void {
    this.arena.buffers[segmentOf(reference)][offsetOf(reference) + 18] = kind;
  }

  flags(reference: number): number {
    return this.arena.buffers[segmentOf(reference)][offsetOf(reference) + 19];
  }

  setFlags(reference: number, flags: number): void {
    this.arena.buffers[segmentOf(reference)][offsetOf(reference) + 19] = flags;
  }

  /** Word 5: slot (14 bits), use (18 bits). */
  slot(reference: number): number {
    return this.arena.words[segmentOf(reference)][(offsetOf(reference) >>> 2) + 5] & SLOT_MASK;
  }

  setSlot(reference: number, slot: number): void {
    const words = this.arena.words[segmentOf(reference)];
    const word = (offsetOf(reference) >>> 2) + 5;
    words[word] = (words[word] & ~SLOT_MASK) | slot;
  }

  use(reference: number): number {
    return this.arena.words[segmentOf(reference)][(offsetOf(reference) >>> 2) + 5] >>> SLOT_BITS;
  }

  setUse(reference: number, use: number): void {
    const words = this.arena.words[segmentOf(reference)];
    const word = (offsetOf(reference) >>> 2) + 5;
    words[word] = (words[word] & SLOT_MASK) | (use << SLOT_BITS);
  }

  fillKey(reference: number, out: Slice): Slice {
    const start = this.keyStart(reference);
    return out.set(this.bufferOf(reference), start, start + this.keyLength(reference));
  }

  fillPayload(reference: number, out: Slice): Slice {
    const start = this.payloadStart(reference);
    return out.set(this.bufferOf(reference), start, start + this.payloadLength(reference));
  }

  /** Replaces payload bytes; the lengths must agree already. */
  writePayload(reference: number, bytes: Uint8Array, start: number, end: number): void {
    copyBytes(bytes, start, end - start, this.bufferOf(reference), this.payloadStart(reference));
  }

  private place(hash: number, reference: number): number {
    for (;;) {
      const { older, slots } = this;
      const isOlder = older !== null && hash >= this.boundary;
      const word = isOlder
        ? placeIn(older.slots, older.shift, hash, reference)
        : placeIn(slots, this.shift, hash, reference);
      if (word >= 0) return (word + (isOlder ? slots.length : 0)) >>> 1;
      // all beside its place are taken, to the end
      this.resize(isOlder ? this.capacity : this.capacity * 2);
    }
  }

  private grow(): void {
    if (this.capacity < GRADUAL_MIN || this.older !== null) {
      this.resize(this.capacity * 2);
      return;
    }
    this.older = { slots: this.slots, shift: this.shift };
    this.boundary = 0;
    this.setCapacity(this.capacity * 2);
  }

  /** Whole clusters from the beginning of the older index: before the home of `boundary` all has moved, and the position there was free. */
  private moveSome(older: Older): void {
    const { slots, shift } = older;
    let word = 2 * (this.boundary >>> shift);
    for (let left = MOVED_AT_ONCE; word < slots.length; word += 2) {
      left--;
      const reference = slots[word + 1];
      if (reference === 0) {
        if (left > 0) continue;
        word += 2;
        break;
      }
      const hash = slots[word];
      if (placeIn(this.slots, this.shift, hash, reference) < 0) {
        this.resize(this.capacity * 2);
        return;
      }
      slots[word + 1] = 0;
    }
    this.boundary = (word >>> 1) * 2 ** shift;
    // behind the last home there is nothing but what belongs to its cluster
    if (word < slots.length && this.boundary < HASHES) return;
    this.older = null;
    this.boundary = HASHES;
  }

  private setCapacity(capacity: number): void {
    this.capacity = capacity;
    this.shift = Math.clz32(capacity) + 1;
    this.slots = new Uint32Array(2 * slotsFor(capacity));
  }

  private resize(capacity: number): void {
    const indexes = this.older === null ? [this.slots] : [this.slots, this.older.slots];
    this.older = null;
    this.boundary = HASHES;
    this.setCapacity(capacity);
    for (const before of indexes) {
      for (let word = 0; word < before.length; word += 2) {
        if (before[word + 1] !== 0) this.place(before[word], before[word + 1]);
      }
    }
  }
}

function copyBytes(from: Uint8Array, start: number, length: number, into: Buffer, at: number): void {
  if (length <= 48) for (let i = 0; i < length; i++) into[at + i] = from[start + i];
  else into.set(from.subarray(start, start + length), at);
}
