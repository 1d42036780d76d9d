/**
 * What belongs to one stream beside its elements: the index of them, and when consumers were last seen here. Of a short
 * stream the index is built when it is first asked for; one that grows has it from then on, so that nobody ever waits until
 * a long one is sorted. Elements tells of every entry before it changes, moves or goes, and after.
 */
import { exactAmount, minus } from '../amount.ts';
import { isLive } from '../cell.ts';
import type { StreamId } from '../contract-streams.ts';
import type { ElementOrder, Entries } from '../entries.ts';
import { Slice } from '../slice.ts';
import { BLANK_CELL_BYTES, CELL, FLAG_HIDDEN, SIMPLE, TALLY } from '../state.ts';
import type { Sequence } from './sequence.ts';
import { compareStreamIds, STREAM_ID_MIN } from './stream-id.ts';
import { StreamIndex } from './stream-index.ts';
import { Item, NameReader } from './stream-names.ts';
import { consumerIn, idIn, isValue, numberIn, pendingIn } from './stream-values.ts';

/** To sort so many takes a fraction of a millisecond. */
const SHORT_MAX = 128;

export class StreamOrder implements ElementOrder {
  /** Elements that do not make the stream exist: a removal of entries notes something and must not bring it back. */
  weightless = 0;
  /** When consumers have asked here and got nothing: no state, and nobody else is told. By group and consumer. */
  readonly seen = new Map<string, number>();
  private readonly entries: Entries;
  private built: StreamIndex | null = null;
  private readonly names = new NameReader();
  private readonly name = new Slice();
  private readonly value = new Slice();
  private readonly consumerOf = (reference: number) => this.pendingOf(reference).consumer;

  constructor(entries: Entries) {
    this.entries = entries;
  }

  index(): StreamIndex {
    if (this.built !== null) return this.built;
    const { table } = this.entries;
    const index = new StreamIndex(table);
    const references: number[] = [];
    for (let at = 0; at < table.positions; at++) {
      const reference = table.referenceAt(at);
      if (reference !== 0 && this.isIn(reference)) references.push(reference);
    }
    index.fill(references, this.consumerOf);
    this.built = index;
    return index;
  }

  /** False, and noted, if the element's value is none that its name allows. */
  isValid(reference: number): boolean {
    const { table, state, terms } = this.entries;
    const { bytes, start, end } = table.fillKey(reference, this.name);
    const isKnown = this.names.read(bytes, start, end);
    const { bytes: values, start: from, end: to } = table.fillPayload(reference, this.value);
    if (isKnown && isValue(this.names.item, values, from, to)) return true;
    state.noteDamage(terms.slotOf(reference));
    return false;
  }

  forget(): void {
    this.built = null;
  }

  takeOut(reference: number): void {
    if (!this.isIn(reference)) return;
    if (this.isWeightless(reference)) this.weightless--;
    if (this.built !== null && !this.built.takeOut(reference, this.consumerOf)) this.forget();
  }

  putIn(reference: number): void {
    if (!this.isIn(reference)) return;
    if (this.isWeightless(reference)) this.weightless++;
    if (this.built !== null) this.built.putIn(reference, this.consumerOf);
    else if (this.entries.table.count > SHORT_MAX) this.index();
  }

  memoryBytes(): number {
    return this.built?.memoryBytes() ?? 0;
  }

  /** All but what shows nothing, and what is blank yet, between its insertion and its first contents. */
  private isIn(reference: number): boolean {
    const { table } = this.entries;
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) return false;
    return table.kind(reference) !== CELL || table.payloadLength(reference) !== BLANK_CELL_BYTES;
  }

  private isWeightless(reference: number): boolean {
    const { table } = this.entries;
    return table.keyLength(reference) === 1 && table.bufferOf(reference)[table.keyStart(reference)] === Item.maxDeleted;
  }

  // --- what elements say: one reference each, 0 where there is none

  /** The greatest of the ids that were written at the same time. */
  idOf(reference: number): StreamId {
    let greatest = STREAM_ID_MIN;
    this.forEachValue(reference, (bytes, start, end) => {
      const id = idIn(bytes, start, end);
      if (compareStreamIds(id, greatest) > 0) greatest = id;
    });
    return greatest;
  }

  /** The one that was written last. */
  latestIdOf(reference: number): StreamId {
    const { bytes, start, end } = this.entries.fillFrom(reference, this.value);
    return idIn(bytes, start, end);
  }

  /** Null where there are several, or none. */
  entriesReadOf(reference: number): number | null {
    let count = 0;
    let read = 0;
    this.forEachValue(reference, (bytes, start, end) => {
      read = numberIn(bytes, start, end);
      count++;
    });
    return count !== 1 || read === 0 ? null : read - 1;
  }

  /** Several values were written at the same time. */
  isContested(reference: number): boolean {
    return reference !== 0 && this.entries.table.kind(reference) === CELL;
  }

  consumerTimesOf(reference: number): { seenMs: number; activeMs: number } {
    const times = { seenMs: 0, activeMs: -1 };
    this.forEachValue(reference, (bytes, start, end) => {
      const { seenMs, activeMs } = consumerIn(bytes, start, end);
      times.seenMs = Math.max(times.seenMs, seenMs);
      times.activeMs = Math.max(times.activeMs, activeMs);
    });
    return times;
  }

  /** Of a consumer of whom there is nothing but what is pending. */
  deliveryTimesOf(pending: Sequence): { seenMs: number; activeMs: number } {
    let latest = 0;
    pending.walk(0, pending.size, 1, (reference) => {
      latest = Math.max(latest, this.pendingOf(reference).deliveredMs);
      return true;
    });
    return { seenMs: latest, activeMs: latest };
  }

  pendingOf(reference: number): ReturnType<typeof pendingIn> {
    const { bytes, start, end } = this.entries.fillFrom(reference, this.value);
    return pendingIn(bytes, start, end);
  }

  /** Of entries-added, what XSETID has set or what an author has counted. */
  countOf(reference: number): number {
    const { entries } = this;
    const { table } = entries;
    if (table.kind(reference) === TALLY) return entries.tallySum(reference);
    const { siblings, tallies } = entries.cellOf(reference);
    if (siblings.length === 0)
      return tallies.reduce(
        (sum, tally) => sum + (isLive(tally) ? Number(exactAmount(minus(tally.sum, tally.cancelSum))) : 0),
        0,
      );
    const { bytes, start, end } = entries.fillFrom(reference, this.value);
    return numberIn(bytes, start, end);
  }

  private forEachValue(reference: number, visit: (bytes: Buffer, start: number, end: number) => void): void {
    if (reference === 0) return;
    const { entries } = this;
    const { table } = entries;
    if (table.kind(reference) === SIMPLE) {
      const { bytes, start, end } = table.fillPayload(reference, this.value);
      visit(bytes, start, end);
    } else for (const { value } of entries.cellOf(reference).siblings) visit(value, 0, value.length);
  }
}
