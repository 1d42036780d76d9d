/**
 * The order of a list's elements: their arena references, by the bytes of their names (position.ts), which are read where
 * they lie. They stand in blocks of typed arrays. The ends are at hand: what comes or goes there moves nothing but its own
 * block. For a place in the middle a Fenwick tree over the blocks' sizes is made when it is asked for, and kept until there
 * is another block or one less; a queue never needs one.
 *
 * Derived state, as that of a sorted set (ranking.ts): whoever finds that it does not hold what the table says drops it.
 */
import type { ByteTable } from '../byte-table.ts';

const BLOCK_MIN = 8;
/** Large enough that the blocks of a million elements are few thousand, small enough that a shift within one is nothing. */
const BLOCK_MAX = 256;
/** A block within that falls below is joined to a neighbour, if both fit into half of the largest. */
const BLOCK_SPARSE = BLOCK_MAX / 8;

interface Block {
  count: number;
  references: Uint32Array;
}

export class Sequence {
  size = 0;
  private readonly table: ByteTable;
  private blocks: Block[] = [];
  /** Over the counts of blocks, from 1; null: not asked for since the blocks have changed. */
  private tree: Uint32Array | null = null;

  constructor(table: ByteTable) {
    this.table = table;
  }

  /** Takes these, in any order, in place of what is in it. */
  fill(references: Uint32Array): void {
    references.sort((one, other) => this.compare(one, other));
    this.blocks = [];
    const room = BLOCK_MAX * 0.75;
    for (let from = 0; from < references.length; from += room) {
      const run = references.subarray(from, Math.min(from + room, references.length));
      const block = newBlock(capacityFor(run.length));
      block.references.set(run);
      block.count = run.length;
      this.blocks.push(block);
    }
    this.size = references.length;
    this.tree = null;
  }

  /** Adds what is not in it. */
  insert(reference: number): void {
    const { blocks } = this;
    const last = blocks[blocks.length - 1];
    this.size++;
    if (last === undefined || this.compare(last.references[last.count - 1], reference) < 0) this.append(reference);
    else if (this.compare(reference, blocks[0].references[0]) < 0) this.prepend(reference);
    else this.insertWithin(reference);
  }

  /** Takes one out. False if it does not stand where it should: the order is wrong. */
  remove(reference: number): boolean {
    const { blocks } = this;
    if (this.size === 0) return false;
    const last = blocks.length - 1;
    if (blocks[0].references[0] === reference) this.removeAt(0, 0);
    else if (blocks[last].references[blocks[last].count - 1] === reference) this.removeAt(last, blocks[last].count - 1);
    else {
      const index = this.blockOf(reference);
      const offset = this.offsetIn(blocks[index], reference);
      if (offset >= blocks[index].count || blocks[index].references[offset] !== reference) return false;
      this.removeAt(index, offset);
    }
    return true;
  }

  /** The one at that index; 0 if there is none. */
  at(index: number): number {
    if (index < 0 || index >= this.size) return 0;
    const { block, offset } = this.select(index);
    return this.blocks[block].references[offset];
  }

  /** Visits `count` of them from `from` on, upward or (step −1) downward, as far as there are any, until it says false. */
  walk(from: number, count: number, step: 1 | -1, visit: (reference: number) => boolean | undefined): void {
    if (from < 0 || from >= this.size) return;
    const { blocks } = this;
    let { block: index, offset } = this.select(from);
    for (let left = count; left > 0; left--) {
      if (visit(blocks[index].references[offset]) === false) return;
      offset += step;
      if (offset >= blocks[index].count) {
        index++;
        offset = 0;
      } else if (offset < 0) {
        index--;
        offset = index < 0 ? 0 : blocks[index].count - 1;
      }
      if (index < 0 || index >= blocks.length) return;
    }
  }

  /**
   * Stands at the first element that is not before these bytes; with step −1 at the last one that is not behind them. With
   * `beyond` an element of just these bytes is passed over.
   */
  cursor(bytes: Uint8Array, start: number, end: number, step: 1 | -1, beyond = false): SequenceCursor {
    const { blocks } = this;
    const isBefore = (reference: number) => {
      const order = this.compareTo(reference, bytes, start, end);
      return order < 0 || (order === 0 && (step === 1 ? beyond : !beyond));
    };
    const index = first(blocks.length, (at) => isBefore(blocks[at].references[blocks[at].count - 1]));
    const offset =
      index === blocks.length ? 0 : first(blocks[index].count, (at) => isBefore(blocks[index].references[at]));
    const cursor = new SequenceCursor(blocks, step, index, offset);
    return step === 1 ? cursor : cursor.advance();
  }

  /** How many elements are before these bytes; with `orEqual` also one of just these. */
  countBefore(bytes: Uint8Array, start: number, end: number, orEqual: boolean): number {
    const { index, offset } = this.cursor(bytes, start, end, 1, orEqual);
    this.tree ??= treeOver(this.blocks);
    let count = offset;
    for (let i = Math.min(index, this.blocks.length); i > 0; i -= i & -i) count += this.tree[i];
    return count;
  }

  /** Bytes that it takes, about. */
  memoryBytes(): number {
    let bytes = this.tree?.byteLength ?? 0;
    for (const { references } of this.blocks) bytes += references.byteLength + 100;
    return bytes;
  }

  // --- finding

  /** The first block whose last element does not stand before this one; the last block if there is none. */
  private blockOf(reference: number): number {
    const { blocks } = this;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = blocks[middle];
      if (this.compare(block.references[block.count - 1], reference) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private offsetIn({ count, references }: Block, reference: number): number {
    let from = 0;
    let to = count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.compare(references[middle], reference) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  compare(one: number, other: number): number {
    if (one === other) return 0;
    const { table } = this;
    const start = table.keyStart(other);
    return this.compareTo(one, table.bufferOf(other), start, start + table.keyLength(other));
  }

  private compareTo(one: number, others: Uint8Array, othersStart: number, othersEnd: number): number {
    const { table } = this;
    const bytes = table.bufferOf(one);
    const start = table.keyStart(one);
    const length = table.keyLength(one);
    const othersLength = othersEnd - othersStart;
    const common = Math.min(length, othersLength);
    for (let i = 0; i < common; i++) {
      const difference = bytes[start + i] - others[othersStart + i];
      if (difference !== 0) return difference;
    }
    return length - othersLength;
  }

  private select(index: number): { block: number; offset: number } {
    const { blocks } = this;
    const last = blocks.length - 1;
    if (index < blocks[0].count) return { block: 0, offset: index };
    const behind = this.size - blocks[last].count;
    if (index >= behind) return { block: last, offset: index - behind };
    this.tree ??= treeOver(blocks);
    const { tree } = this;
    let block = 0;
    let left = index;
    for (let step = 1 << (31 - Math.clz32(tree.length)); step > 0; step >>>= 1) {
      const next = block + step;
      if (next < tree.length && tree[next] <= left) {
        block = next;
        left -= tree[next];
      }
    }
    return { block, offset: left };
  }

  // --- blocks

  private append(reference: number): void {
    const last = this.blocks.length - 1;
    if (last >= 0 && this.blocks[last].count < BLOCK_MAX) {
      this.insertAt(last, this.blocks[last].count, reference);
      return;
    }
    this.blocks.push(newBlock(last < 0 ? BLOCK_MIN : BLOCK_MAX));
    this.tree = null;
    this.insertAt(last + 1, 0, reference);
  }

  private prepend(reference: number): void {
    if (this.blocks[0].count === BLOCK_MAX) {
      this.blocks.unshift(newBlock(BLOCK_MAX));
      this.tree = null;
    }
    this.insertAt(0, 0, reference);
  }

  private insertWithin(reference: number): void {
    let index = this.blockOf(reference);
    if (this.blocks[index].count === BLOCK_MAX) {
      this.split(index);
      index = this.blockOf(reference);
    }
    this.insertAt(index, this.offsetIn(this.blocks[index], reference), reference);
  }

  private insertAt(index: number, offset: number, reference: number): void {
    let block = this.blocks[index];
    if (block.count === block.references.length) {
      block = { count: block.count, references: new Uint32Array(block.count * 2) };
      block.references.set(this.blocks[index].references);
      this.blocks[index] = block;
    }
    block.references.copyWithin(offset + 1, offset, block.count);
    block.references[offset] = reference;
    block.count++;
    this.count(index, 1);
  }

  private removeAt(index: number, offset: number): void {
    const { blocks } = this;
    const block = blocks[index];
    block.references.copyWithin(offset, offset + 1, block.count);
    block.count--;
    this.size--;
    this.count(index, -1);
    if (block.count === 0) {
      if (index === 0) blocks.shift();
      else blocks.splice(index, 1);
      this.tree = null;
    } else if (block.count < BLOCK_SPARSE && index > 0 && index < blocks.length - 1) this.join(index);
  }

  private split(index: number): void {
    const block = this.blocks[index];
    const half = block.count >>> 1;
    const upper = newBlock(BLOCK_MAX);
    upper.references.set(block.references.subarray(half, block.count));
    upper.count = block.count - half;
    block.count = half;
    this.blocks.splice(index + 1, 0, upper);
    this.tree = null;
  }

  /** Joins a sparse block to the one before it, if that has room. */
  private join(index: number): void {
    const [one, other] = [this.blocks[index - 1], this.blocks[index]];
    const total = one.count + other.count;
    if (total > BLOCK_MAX / 2) return;
    const joined = newBlock(capacityFor(total));
    joined.references.set(one.references.subarray(0, one.count));
    joined.references.set(other.references.subarray(0, other.count), one.count);
    joined.count = total;
    this.blocks.splice(index - 1, 2, joined);
    this.tree = null;
  }

  private count(index: number, change: number): void {
    const { tree } = this;
    if (tree === null) return;
    for (let i = index + 1; i < tree.length; i += i & -i) tree[i] += change;
  }
}

/** Goes through a sequence, which must not change meanwhile. */
export class SequenceCursor {
  private readonly blocks: readonly Block[];
  private readonly step: 1 | -1;
  index: number;
  offset: number;

  constructor(blocks: readonly Block[], step: 1 | -1, index: number, offset: number) {
    this.blocks = blocks;
    this.step = step;
    this.index = index;
    this.offset = offset;
  }

  /** 0 behind the last one. */
  get reference(): number {
    const block = this.blocks[this.index];
    return block === undefined ? 0 : block.references[this.offset];
  }

  advance(): this {
    this.offset += this.step;
    if (this.offset < 0) {
      this.index--;
      this.offset = this.index < 0 ? 0 : this.blocks[this.index].count - 1;
    } else if (this.offset >= (this.blocks[this.index]?.count ?? 0)) {
      this.index++;
      this.offset = 0;
    }
    return this;
  }
}

/** The first of so many of which that does not hold: it holds of all before it, and of none behind. */
function first(count: number, holds: (at: number) => boolean): number {
  let from = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}

function treeOver(blocks: readonly Block[]): Uint32Array {
  const tree = new Uint32Array(blocks.length + 1);
  for (let i = 1; i < tree.length; i++) {
    tree[i] += blocks[i - 1].count;
    const parent = i + (i & -i);
    if (parent < tree.length) tree[parent] += tree[i];
  }
  return tree;
}

function newBlock(capacity: number): Block {
  return { count: 0, references: new Uint32Array(capacity) };
}

function capacityFor(count: number): number {
  let capacity = BLOCK_MIN;
  while (capacity < count) capacity *= 2;
  return Math.min(capacity, BLOCK_MAX);
}
