/**
 * The order of one list: its sequence. Of a short list it is built when it is first asked for, so that many short ones cost
 * no more than their elements; a list that grows has one from then on, so that nobody ever waits until a long one is
 * sorted: what is pushed, or loaded from disk, where records stand in the order of their names, goes to its end. Elements
 * tells of every entry before it changes, moves or goes, and after.
 */
import type { ElementOrder, Entries } from '../entries.ts';
import { BLANK_CELL_BYTES, CELL, FLAG_HIDDEN } from '../state.ts';
import { Sequence } from './sequence.ts';

/** To sort so many takes a fraction of a millisecond. */
const SHORT_MAX = 128;

export class ListOrder implements ElementOrder {
  private readonly entries: Entries;
  private built: Sequence | null = null;

  constructor(entries: Entries) {
    this.entries = entries;
  }

  sequence(): Sequence {
    if (this.built !== null) return this.built;
    const { table } = this.entries;
    const references = new Uint32Array(table.count);
    let count = 0;
    for (let at = 0; at < table.positions; at++) {
      const reference = table.referenceAt(at);
      if (reference !== 0 && this.isIn(reference) && count < references.length) references[count++] = reference;
    }
    this.built = new Sequence(table);
    this.built.fill(references.subarray(0, count));
    return this.built;
  }

  /** Every value can be an element. */
  isValid(): boolean {
    return true;
  }

  /** All but what is blank yet, between its insertion and its first contents. Damaged contents do not change the answer. */
  private isIn(reference: number): boolean {
    const { table } = this.entries;
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) return false;
    return table.kind(reference) !== CELL || table.payloadLength(reference) !== BLANK_CELL_BYTES;
  }

  forget(): void {
    this.built = null;
  }

  takeOut(reference: number): void {
    if (this.built !== null && this.isIn(reference) && !this.built.remove(reference)) this.forget();
  }

  putIn(reference: number): void {
    if (this.built === null) {
      if (this.entries.table.count > SHORT_MAX) this.sequence();
    } else if (this.isIn(reference)) this.built.insert(reference);
  }

  memoryBytes(): number {
    return this.built?.memoryBytes() ?? 0;
  }
}
