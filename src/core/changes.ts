/**
 * What the store has not seen yet. Most of it is told by part: what is there by the hashes of its entries, four bytes each
 * (whoever drains finds the entries that have the hash and FLAG_DIRTY), what is not there any more by its name. Small parts
 * are told as a whole. Whatever changes while a drain goes on is for the next one.
 */
import type { ByteTable } from './byte-table.ts';
import type { Elements } from './elements.ts';
import { Slice } from './slice.ts';

const HASHES = 4096;
const NAME_BYTES = 1 << 16;
const LENGTH_BYTES = 4;

/** Names one after the other, each behind its length; taken in the order in which they came. */
class Names {
  private readonly chunks: Buffer[] = [];
  private end = 0;
  private start = 0;

  add(bytes: Buffer, start: number, end: number): void {
    const size = LENGTH_BYTES + end - start;
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || this.end + size > chunk.length) {
      // the place of the next length tells that nothing more is in this one
      if (chunk !== undefined && this.end + LENGTH_BYTES <= chunk.length) chunk.writeUInt32LE(0xffffffff, this.end);
      chunk = Buffer.allocUnsafeSlow(Math.max(NAME_BYTES, size));
      this.chunks.push(chunk);
      this.end = 0;
    }
    chunk.writeUInt32LE(end - start, this.end);
    bytes.copy(chunk, this.end + LENGTH_BYTES, start, end);
    this.end += size;
  }

  /** The next one; there must be one. */
  take(): Buffer {
    const [chunk] = this.chunks;
    const isThrough = this.start + LENGTH_BYTES > chunk.length || chunk.readUInt32LE(this.start) === 0xffffffff;
    if (isThrough) {
      this.chunks.shift();
      this.start = 0;
      return this.take();
    }
    const from = this.start + LENGTH_BYTES;
    this.start = from + chunk.readUInt32LE(this.start);
    return chunk.subarray(from, this.start);
  }
}

/** Of one part: hashes of entries that have changed, and names of those that are gone. */
export class Listed {
  readonly part: Elements;
  hashes = 0;
  gone = 0;
  private readonly chunks: Uint32Array[] = [];
  private readonly names = new Names();

  constructor(part: Elements) {
    this.part = part;
  }

  addHash(hash: number): void {
    const within = this.hashes % HASHES;
    if (within === 0) this.chunks.push(new Uint32Array(HASHES));
    this.chunks[this.chunks.length - 1][within] = hash;
    this.hashes++;
  }

  takeHash(): number {
    this.hashes--;
    const within = this.hashes % HASHES;
    const hash = this.chunks[this.chunks.length - 1][within];
    if (within === 0) this.chunks.pop();
    return hash;
  }

  addName(bytes: Buffer, start: number, end: number): void {
    this.names.add(bytes, start, end);
    this.gone++;
  }

  takeName(): Buffer {
    this.gone--;
    return this.names.take();
  }
}

/** What a drain does with what it comes to; each tells how many records that were. */
export interface ChangeVisitor {
  /** The bytes are the visitor's. */
  name(bytes: Buffer): number;
  entries(part: Elements, hash: number): number;
  /** `name`: of an element of the part; valid during the call. */
  gone(part: Elements, name: Buffer): number;
}

export class Changes {
  /** Bytes of the arena that the names take: they are no data, and go with the next checkpoint. */
  noteBytes = 0;
  private names: ByteTable;
  private lists: Listed[] = [];
  private drainingNames: ByteTable;
  private drainingLists: Listed[] = [];
  /** What has joined the drain that goes on. */
  private readonly carried: Buffer[] = [];
  /** Where the drain goes on: in the names; when they are through, in the last list, from its end. */
  private at = 0;
  /** In all lists. */
  private listed = 0;
  private drainingListed = 0;

  constructor(names: ByteTable, others: ByteTable) {
    this.names = names;
    this.drainingNames = others;
  }

  get count(): number {
    return this.names.count + this.listed + this.left;
  }

  /** Of the drain that goes on. */
  private get left(): number {
    return this.drainingNames.count + this.drainingListed + this.carried.length;
  }

  /** A record of that name, or a part as a whole. */
  addName(bytes: Buffer, end: number): void {
    const { names } = this;
    if (names.find(bytes, 0, end) >= 0) return;
    const { usedBytes } = names.arena;
    names.insert(bytes, 0, end, 0);
    this.noteBytes += names.arena.usedBytes - usedBytes;
  }

  /**
   * The same of what is there already in a way that will not lead to it any more. It may be from before the drain that goes on,
   * which then has to tell of it: the checkpoint will vouch for all that had changed by then.
   */
  carryName(bytes: Buffer, end: number): void {
    if (this.left === 0) this.addName(bytes, end);
    else this.carried.push(Buffer.from(bytes.subarray(0, end)));
  }

  /** An entry with FLAG_DIRTY, by its hash. */
  addEntry(part: Elements, hash: number): void {
    this.listOf(part).addHash(hash);
    this.listed++;
  }

  /** An entry that goes, by its name. */
  addGone(part: Elements, name: Slice): void {
    this.listOf(part).addName(name.bytes, name.start, name.end);
    this.listed++;
  }

  private listOf(part: Elements): Listed {
    if (part.listed === null) {
      part.listed = new Listed(part);
      part.isKnown = true;
      this.lists.push(part.listed);
    }
    return part.listed;
  }

  /**
   * Visits about `limit` records of those that had changed when the drain began; a new one begins when that is through. How
   * much is left of it.
   */
  drain(limit: number, visitor: ChangeVisitor): number {
    if (this.left === 0) this.begin();
    let left = this.drainNames(limit, visitor);
    left = this.drainLists(left, visitor);
    while (left > 0 && this.carried.length > 0) {
      const name = this.carried.pop();
      if (name !== undefined) left -= Math.max(1, visitor.name(name));
    }
    return this.left;
  }

  private begin(): void {
    [this.names, this.drainingNames] = [this.drainingNames, this.names];
    [this.lists, this.drainingLists] = [this.drainingLists, this.lists];
    [this.listed, this.drainingListed] = [this.drainingListed, this.listed];
    for (const { part } of this.drainingLists) part.listed = null;
    this.at = 0;
  }

  private drainNames(limit: number, visitor: ChangeVisitor): number {
    const { drainingNames: names } = this;
    if (names.count === 0) return limit;
    const slice = new Slice();
    let left = limit;
    for (; this.at < names.positions && left > 0; this.at++) {
      const reference = names.referenceAt(this.at);
      if (reference !== 0) left -= visitor.name(names.fillKey(reference, slice).copy());
    }
    if (this.at < names.positions) return 0;
    const { usedBytes } = names.arena;
    names.clear();
    this.noteBytes -= usedBytes - names.arena.usedBytes;
    return left;
  }

  private drainLists(limit: number, visitor: ChangeVisitor): number {
    const { drainingLists: lists } = this;
    let left = limit;
    while (left > 0 && lists.length > 0) {
      const list = lists[lists.length - 1];
      this.drainingListed--;
      if (list.hashes > 0) left -= Math.max(1, visitor.entries(list.part, list.takeHash()));
      else left -= Math.max(1, visitor.gone(list.part, list.takeName()));
      if (list.hashes + list.gone === 0) lists.pop();
    }
    return left;
  }
}
