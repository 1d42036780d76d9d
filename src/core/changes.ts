/**
 * What the store has not seen yet. Most of it is told by the hashes of entries, four bytes each, by part: whoever drains
 * finds the entries that have the hash and FLAG_DIRTY. Small parts are told as a whole. Only what is not there any more, or
 * is no element, needs its name. Whatever changes while a drain goes on is for the next one.
 */
import type { ByteTable } from './byte-table.ts';
import type { Elements } from './elements.ts';
import { Slice } from './slice.ts';

const CHUNK = 4096;

/** Hashes of entries of one part. */
export class Listed {
  readonly part: Elements;
  count = 0;
  private readonly chunks: Uint32Array[] = [];

  constructor(part: Elements) {
    this.part = part;
  }

  add(hash: number): void {
    const within = this.count % CHUNK;
    if (within === 0) this.chunks.push(new Uint32Array(CHUNK));
    this.chunks[this.chunks.length - 1][within] = hash;
    this.count++;
  }

  at(index: number): number {
    return this.chunks[Math.floor(index / CHUNK)][index % CHUNK];
  }
}

/** What a drain does with what it comes to; each tells how many records that were. */
export interface ChangeVisitor {
  /** The bytes are the visitor's. */
  name(bytes: Buffer): number;
  entries(part: Elements, hash: number): number;
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
  /** Hashes in all lists. */
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
    if (part.listed === null) {
      part.listed = new Listed(part);
      this.lists.push(part.listed);
    }
    part.listed.add(hash);
    this.listed++;
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
      list.count--;
      this.drainingListed--;
      left -= Math.max(1, visitor.entries(list.part, list.at(list.count)));
      if (list.count === 0) lists.pop();
    }
    return left;
  }
}
