/**
 * The order of a sorted set: its shown members by score, and of one score by their bytes. Entries stand in blocks of
 * typed arrays, score and arena reference side by side; member bytes are read where they lie, in the arena. A Fenwick
 * tree over the blocks' sizes gives ranks: rank, select and bounds take logarithmic time, and a member costs twelve
 * bytes and no object.
 *
 * Derived state: Elements takes an entry out before it changes or moves, and puts it in afterwards. Whoever finds that
 * the order does not hold what the table says (a flipped bit) drops it: it is built anew from the table.
 */
import type { ByteTable } from '../byte-table.ts';

const BLOCK_MIN = 16;
/** Large enough that the blocks of a million members are few thousand, small enough that a shift within one is nothing. */
const BLOCK_MAX = 256;
/** A block that falls below is joined to a neighbour, if both fit into half of the largest. */
const BLOCK_SPARSE = BLOCK_MAX / 8;

interface Block {
  count: number;
  scores: Float64Array;
  references: Uint32Array;
}

/** Where an entry stands, or would stand. One reused object an order. */
interface Place {
  block: number;
  offset: number;
}

export class Ranking {
  /** How many members are in it. */
  size = 0;
  private readonly table: ByteTable;
  private blocks: Block[] = [];
  /** Fenwick tree over the counts of blocks, from 1. */
  private tree = new Uint32Array(1);
  private readonly place: Place = { block: 0, offset: 0 };

  constructor(table: ByteTable) {
    this.table = table;
  }

  /** Takes these entries, in any order, in place of what is in it. The arrays are the caller's no more. */
  fill(scores: Float64Array, references: Uint32Array): void {
    const order = new Uint32Array(scores.length).map((_, i) => i);
    order.sort((one, other) => {
      if (scores[one] !== scores[other]) return scores[one] - scores[other];
      return this.compareMembers(references[one], references[other]);
    });
    this.blocks = [];
    const room = BLOCK_MAX * 0.75;
    for (let from = 0; from < order.length; from += room) {
      const count = Math.min(room, order.length - from);
      const block = newBlock(capacityFor(count));
      for (let i = 0; i < count; i++) {
        block.scores[i] = scores[order[from + i]];
        block.references[i] = references[order[from + i]];
      }
      block.count = count;
      this.blocks.push(block);
    }
    this.size = order.length;
    this.rebuildTree();
  }

  /** Adds an entry that is not in it. */
  insert(score: number, reference: number): void {
    this.size++;
    if (this.blocks.length === 0) {
      this.blocks.push(newBlock(BLOCK_MIN));
      this.rebuildTree();
    }
    const { block: index, offset } = this.find(score, reference);
    const block = this.blocks[index];
    if (block.count === BLOCK_MAX) {
      this.split(index);
      const { count } = this.blocks[index];
      if (offset > count) this.insertAt(index + 1, offset - count, score, reference);
      else this.insertAt(index, offset, score, reference);
      this.rebuildTree();
      return;
    }
    this.insertAt(index, offset, score, reference);
    this.count(index, 1);
  }

  /** Takes an entry out. False if it does not stand where it should: the order is wrong. */
  remove(score: number, reference: number): boolean {
    if (this.size === 0) return false;
    const { block: index, offset } = this.find(score, reference);
    const block = this.blocks[index];
    if (offset >= block.count || block.references[offset] !== reference || block.scores[offset] !== score) return false;
    block.scores.copyWithin(offset, offset + 1, block.count);
    block.references.copyWithin(offset, offset + 1, block.count);
    block.count--;
    this.size--;
    if (block.count < BLOCK_SPARSE && this.blocks.length > 1) this.join(index);
    else this.count(index, -1);
    return true;
  }

  /** How many entries stand before this one; −1 if it does not stand where it should. */
  rank(score: number, reference: number): number {
    if (this.size === 0) return -1;
    const { block: index, offset } = this.find(score, reference);
    const block = this.blocks[index];
    if (offset >= block.count || block.references[offset] !== reference) return -1;
    return this.before(index) + offset;
  }

  /** Visits `count` entries from rank `from` on, upward or (step −1) downward, as far as there are any. */
  walk(from: number, count: number, step: 1 | -1, visit: (reference: number, score: number) => void): void {
    if (from < 0 || from >= this.size) return;
    let { block: index, offset } = this.select(from);
    for (let left = count; left > 0 && index >= 0 && index < this.blocks.length; left--) {
      const block = this.blocks[index];
      visit(block.references[offset], block.scores[offset]);
      offset += step;
      if (offset >= block.count) {
        index++;
        offset = 0;
      } else if (offset < 0) {
        index--;
        offset = index < 0 ? 0 : this.blocks[index].count - 1;
      }
    }
  }

  /** How many entries have a lower score; `orEqual`: or this one. */
  countBelow(score: number, orEqual: boolean): number {
    return this.countWhile((block, offset) => (orEqual ? block.scores[offset] <= score : block.scores[offset] < score));
  }

  /** How many entries have members before these bytes, or (`orEqual`) these bytes, if all have one score. */
  countBefore(bytes: Uint8Array, start: number, end: number, orEqual: boolean): number {
    return this.countWhile((block, offset) => {
      const compared = this.compareMember(block.references[offset], bytes, start, end);
      return compared < 0 || (orEqual && compared === 0);
    });
  }

  /** Bytes that it takes, about. */
  memoryBytes(): number {
    let bytes = this.tree.byteLength;
    for (const { scores, references } of this.blocks) bytes += scores.byteLength + references.byteLength + 100;
    return bytes;
  }

  // --- finding

  /** The place of the first entry that does not stand before (score, member); behind the last one of its block if none. */
  private find(score: number, reference: number): Place {
    const { blocks, place } = this;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = blocks[middle];
      if (this.isBefore(block, block.count - 1, score, reference)) low = middle + 1;
      else high = middle;
    }
    const block = blocks[low];
    let from = 0;
    let to = block.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.isBefore(block, middle, score, reference)) from = middle + 1;
      else to = middle;
    }
    place.block = low;
    place.offset = from;
    return place;
  }

  private isBefore(block: Block, offset: number, score: number, reference: number): boolean {
    const other = block.scores[offset];
    if (other !== score) return other < score;
    return this.compareMembers(block.references[offset], reference) < 0;
  }

  private countWhile(holds: (block: Block, offset: number) => boolean): number {
    const { blocks } = this;
    if (this.size === 0) return 0;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(blocks[middle], blocks[middle].count - 1)) low = middle + 1;
      else high = middle;
    }
    if (low === blocks.length) return this.size;
    const block = blocks[low];
    let from = 0;
    let to = block.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (holds(block, middle)) from = middle + 1;
      else to = middle;
    }
    return this.before(low) + from;
  }

  private compareMembers(one: number, other: number): number {
    if (one === other) return 0;
    const { table } = this;
    const start = table.keyStart(other);
    return this.compareMember(one, table.bufferOf(other), start, start + table.keyLength(other));
  }

  private compareMember(reference: number, bytes: Uint8Array, start: number, end: number): number {
    const { table } = this;
    const buffer = table.bufferOf(reference);
    const base = table.keyStart(reference);
    const length = table.keyLength(reference);
    const common = Math.min(length, end - start);
    for (let i = 0; i < common; i++) {
      const difference = buffer[base + i] - bytes[start + i];
      if (difference !== 0) return difference;
    }
    return length - (end - start);
  }

  // --- blocks

  private insertAt(index: number, offset: number, score: number, reference: number): void {
    const block = this.blocks[index];
    if (block.count === block.scores.length) this.blocks[index] = grown(block);
    const { scores, references } = this.blocks[index];
    scores.copyWithin(offset + 1, offset, block.count);
    references.copyWithin(offset + 1, offset, block.count);
    scores[offset] = score;
    references[offset] = reference;
    this.blocks[index].count++;
  }

  private split(index: number): void {
    const block = this.blocks[index];
    const half = block.count >>> 1;
    const upper = newBlock(BLOCK_MAX);
    upper.scores.set(block.scores.subarray(half, block.count));
    upper.references.set(block.references.subarray(half, block.count));
    upper.count = block.count - half;
    block.count = half;
    this.blocks.splice(index + 1, 0, upper);
  }

  /** Joins a sparse block to a neighbour that has room, or drops it where it is empty. */
  private join(index: number): void {
    const left = index > 0 ? index - 1 : index;
    const [one, other] = [this.blocks[left], this.blocks[left + 1]];
    const total = one.count + other.count;
    if (total > BLOCK_MAX / 2 && this.blocks[index].count > 0) {
      this.count(index, -1);
      return;
    }
    const into = total > one.scores.length ? newBlock(capacityFor(total)) : one;
    if (into !== one) {
      into.scores.set(one.scores.subarray(0, one.count));
      into.references.set(one.references.subarray(0, one.count));
    }
    into.scores.set(other.scores.subarray(0, other.count), one.count);
    into.references.set(other.references.subarray(0, other.count), one.count);
    into.count = total;
    this.blocks.splice(left, 2, into);
    this.rebuildTree();
  }

  // --- the tree

  private rebuildTree(): void {
    const { blocks } = this;
    const { length } = blocks;
    const tree = this.tree.length === length + 1 ? this.tree.fill(0) : new Uint32Array(length + 1);
    for (let i = 1; i <= length; i++) {
      tree[i] += blocks[i - 1].count;
      const parent = i + (i & -i);
      if (parent <= length) tree[parent] += tree[i];
    }
    this.tree = tree;
  }

  private count(index: number, change: number): void {
    const { tree } = this;
    for (let i = index + 1; i < tree.length; i += i & -i) tree[i] += change;
  }

  /** Entries in the blocks before that one. */
  private before(index: number): number {
    const { tree } = this;
    let sum = 0;
    for (let i = index; i > 0; i -= i & -i) sum += tree[i];
    return sum;
  }

  /** Where the entry of that rank stands. */
  private select(rank: number): Place {
    const { tree, place } = this;
    let index = 0;
    let left = rank;
    for (let step = 1 << (31 - Math.clz32(tree.length)); step > 0; step >>>= 1) {
      const next = index + step;
      if (next < tree.length && tree[next] <= left) {
        index = next;
        left -= tree[next];
      }
    }
    place.block = index;
    place.offset = left;
    return place;
  }
}

function newBlock(capacity: number): Block {
  return { count: 0, scores: new Float64Array(capacity), references: new Uint32Array(capacity) };
}

function capacityFor(count: number): number {
  let capacity = BLOCK_MIN;
  while (capacity < count) capacity *= 2;
  return Math.min(capacity, BLOCK_MAX);
}

function grown(block: Block): Block {
  const larger = newBlock(block.count * 2);
  larger.scores.set(block.scores.subarray(0, block.count));
  larger.references.set(block.references.subarray(0, block.count));
  larger.count = block.count;
  return larger;
}
