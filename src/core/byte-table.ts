/**
 * The byte table: the one structure under the keyspace, hashes, sets, deadlines and the names of records that are gone.
 * Open addressing over one typed array of pairs (full hash, arena reference), side by side so that a probe touches
 * one cache line; entries in the arena: a 24-byte header, the key, a payload. The index is the top bits of the hash and probing never wraps (a few slots follow the last one),
 * so entries stand almost in order of their hashes: a scan is a walk along the hash, and its cursor stays good
 * when the table grows or shrinks.
 *
 * Header: u32 key length, u32 payload length, f64 stamp, u16 replica, u8 kind, u8 flags, 14 bits slot, 18 bits of use (use.ts).
 * What kind, flags, stamp and payload mean is the business of the owner. Positions ("at") are valid until the
 * next insert or remove.
 */
import { type Arena, offsetOf, sameClass, segmentOf } from './arena.ts';
import { tableHash } from './hash.ts';
import type { Slice } from './slice.ts';

export const HEADER_BYTES = 24;
const CAPACITY_MIN = 4;
const SLOT_BITS = 14;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

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

  constructor(arena: Arena, seed: number) {
    this.arena = arena;
    this.seed = seed;
    this.slots = new Uint32Array(2 * slotsFor(CAPACITY_MIN));
  }

  /** Number of positions; position `at` is taken if referenceAt(at) is not 0. */
  get positions(): number {
    return this.slots.length >>> 1;
  }

  referenceAt(at: number): number {
    return this.slots[2 * at + 1];
  }

  hashAt(at: number): number {
    return this.slots[2 * at];
  }

  /** The first position from `from` on whose entry has this hash, or −1. */
  nextOfHash(hash: number, from: number): number {
    const { slots } = this;
    for (let word = 2 * Math.max(hash >>> this.shift, from); word < slots.length; word += 2) {
      if (slots[word + 1] === 0) return -1;
      if (slots[word] === hash) return word >>> 1;
    }
    return -1;
  }

  /** Position of a key, or −1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = tableHash(bytes, start, end, this.seed);
    const slots = this.slots;
    for (let word = (hash >>> this.shift) * 2; word < slots.length; word += 2) {
      const reference = slots[word + 1];
      if (reference === 0) return -1;
      if (slots[word] === hash && this.keyEquals(reference, bytes, start, end)) return word >>> 1;
    }
    return -1;
  }

  /** Adds an entry that find() did not find; header zeroed but for the lengths, payload undefined. Its position. */
  insert(bytes: Uint8Array, start: number, end: number, payloadLength: number): number {
    const hash = tableHash(bytes, start, end, this.seed);
    if ((this.count + 1) * 4 > this.capacity * 3) this.resize(this.capacity * 2);
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
    const { arena, slots } = this;
    for (let word = 1; word < slots.length; word += 2) {
      const reference = slots[word];
      if (reference === 0) continue;
      arena.free(reference, this.entryBytes(reference));
      slots[word] = 0;
    }
    this.count = 0;
  }

  /** Gives the entry a payload of another length, contents undefined; header and key stay. */
  resizePayload(at: number, payloadLength: number): void {
    const reference = this.slots[2 * at + 1];
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
    this.slots[2 * at + 1] = moved;
  }

  /** Removes the entry; later ones of its cluster move up, so who walks while removing walks from the end. */
  removeAt(at: number): void {
    const reference = this.slots[2 * at + 1];
    this.arena.free(reference, this.entryBytes(reference));
    this.forgetAt(at);
  }

  /**
   * Takes the entry out of the index and leaves its block alone: that of a damaged entry is never handed out again, since
   * lengths that are wrong would put it on the list of another size, and give one block to two entries.
   */
  forgetAt(at: number): void {
    const slots = this.slots;
    let hole = 2 * at;
    for (let next = hole + 2; next < slots.length && slots[next + 1] !== 0; next += 2) {
      if ((slots[next] >>> this.shift) * 2 <= hole) {
        slots[hole] = slots[next];
        slots[hole + 1] = slots[next + 1];
        hole = next;
      }
    }
    slots[hole + 1] = 0;
    this.count--;
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
    const { slots, positions } = this;
    let at = cursor >>> this.shift;
    let visited = 0;
    while (at < positions) {
      if (slots[2 * at + 1] === 0) {
        // every entry whose home is before the next position stands before it
        if (visited >= count && at + 1 < this.capacity) return (at + 1) * 2 ** this.shift;
      } else if (slots[2 * at] >= cursor) {
        visit(at);
        visited++;
      }
      at++;
    }
    return 2 ** 32;
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
    let bytes = this.slots.byteLength;
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
      const slots = this.slots;
      let word = (hash >>> this.shift) * 2;
      while (word < slots.length && slots[word + 1] !== 0) word += 2;
      if (word < slots.length) {
        slots[word] = hash;
        slots[word + 1] = reference;
        return word >>> 1;
      }
      this.resize(this.capacity * 2);
    }
  }

  private resize(capacity: number): void {
    const before = this.slots;
    this.capacity = capacity;
    this.shift = Math.clz32(capacity) + 1;
    this.slots = new Uint32Array(2 * slotsFor(capacity));
    for (let word = 0; word < before.length; word += 2) {
      if (before[word + 1] !== 0) this.place(before[word], before[word + 1]);
    }
  }
}

/** Positions for a capacity: some more follow the last home, so that a cluster at the end need not wrap. */
function slotsFor(capacity: number): number {
  return capacity + Math.min(capacity, 32 + (capacity >>> 8));
}

function copyBytes(from: Uint8Array, start: number, length: number, into: Buffer, at: number): void {
  if (length <= 48) for (let i = 0; i < length; i++) into[at + i] = from[start + i];
  else into.set(from.subarray(start, start + length), at);
}
