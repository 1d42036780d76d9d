/**
 * The order of one sorted set: its ranking, and what a member's score is. Of a small set the ranking is built when it is
 * first asked for, so that many small ones cost no more than their members; one that grows has it from then on, so that
 * nobody ever waits until a large one is sorted. Elements tells of every entry before it changes, moves or goes, and after.
 */
import type { ElementOrder, Entries } from '../entries.ts';
import { cellScore, parseScore } from '../score.ts';
import { CELL, TALLY } from '../state.ts';
import { Ranking } from './ranking.ts';

/** To sort so many takes a fraction of a millisecond. */
const SMALL_MAX = 128;

export class MemberOrder implements ElementOrder {
  private readonly entries: Entries;
  private built: Ranking | null = null;

  constructor(entries: Entries) {
    this.entries = entries;
  }

  /** The score of the member at a position; NaN if it is not shown. */
  scoreAt(at: number): number {
    return this.scoreOf(this.entries.table.referenceAt(at));
  }

  private scoreOf(reference: number): number {
    const { entries } = this;
    const { state, table } = entries;
    const kind = table.kind(reference);
    if (kind === TALLY) return entries.tallySum(reference);
    if (kind === CELL) return cellScore(entries.cellOf(reference), state.replicas);
    const score = this.spelled(reference);
    if (Number.isNaN(score)) this.noteDamage(reference);
    return score;
  }

  /** False, and noted, if what should be a score is damaged: the member shows nothing until a peer's copy takes its place. */
  isValid(reference: number): boolean {
    const isScore = !Number.isNaN(this.spelled(reference));
    if (!isScore) this.noteDamage(reference);
    return isScore;
  }

  private noteDamage(reference: number): void {
    const { state, terms } = this.entries;
    state.noteDamage(terms.slotOf(reference));
  }

  /** Of a SIMPLE entry. */
  private spelled(reference: number): number {
    const { table } = this.entries;
    const start = table.payloadStart(reference);
    return parseScore(table.bufferOf(reference), start, start + table.payloadLength(reference));
  }

  ranking(): Ranking {
    if (this.built !== null) return this.built;
    const { entries } = this;
    const { table } = entries;
    const scores = new Float64Array(table.count);
    const references = new Uint32Array(table.count);
    let count = 0;
    for (let at = 0; at < table.positions; at++) {
      const reference = table.referenceAt(at);
      if (reference === 0 || count === references.length) continue;
      const score = this.scoreOf(reference);
      if (Number.isNaN(score)) continue;
      scores[count] = score;
      references[count++] = reference;
    }
    this.built = new Ranking(table);
    this.built.fill(scores.subarray(0, count), references.subarray(0, count));
    return this.built;
  }

  forget(): void {
    this.built = null;
  }

  takeOut(reference: number): void {
    if (this.built === null) return;
    const score = this.scoreOf(reference);
    // what shows nothing is not in it; nor is a damaged entry found, whatever it was
    const isIn = !Number.isNaN(score) || !this.entries.isIntact(reference);
    if (isIn && !this.built.remove(score, reference)) this.forget();
  }

  putIn(reference: number): void {
    if (this.built === null) {
      if (this.entries.table.count > SMALL_MAX) this.ranking();
      return;
    }
    const score = this.scoreOf(reference);
    if (!Number.isNaN(score)) this.built.insert(score, reference);
  }

  memoryBytes(): number {
    return this.built?.memoryBytes() ?? 0;
  }
}

export function orderOf(entries: Entries): MemberOrder {
  if (!(entries.order instanceof MemberOrder)) throw new Error(`elements of type ${entries.type} have no scores`);
  return entries.order;
}

/** The score at a position of a sorted set; NaN where no member is shown. */
export function scoreAt(entries: Entries, at: number): number {
  return at < 0 ? Number.NaN : orderOf(entries).scoreAt(at);
}
