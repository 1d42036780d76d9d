/**
 * How keys are used, for OBJECT IDLETIME, OBJECT FREQ and for the choice of what to evict: 18 bits in the header of each
 * key's entry. They hold the second of the last use, or, once somebody wants it, a count on a logarithmic scale (8 bits)
 * and the minute when it was last looked at (10 bits): the count grows the more slowly the larger it is, and goes down
 * with time. Local to this node, and no part of the state: nothing replicated may come of it but the choice of a key.
 *
 * Clocks wrap: a key that was not used for three days looks fresher than it is, and a count may miss a decay of 17 hours.
 * Choosing among samples lives with that.
 */
import type { ByteTable } from './byte-table.ts';
import type { UnixMs } from './contract.ts';

/** In place of a clock, in State.use: leave entries as they are; count. */
export const UNNOTICED = -1;
export const COUNTED = -2;

/** Seconds before the clock wraps. */
export const IDLE_SECONDS_MAX = (1 << 18) - 1;
const COUNT_MAX = 255;
const MINUTES_MASK = (1 << 10) - 1;
/** A new key has been used a little: else it would be the first to go. */
const COUNT_OF_NEW = 5;

export class KeyUse {
  /** Keys' counts are kept instead of the times of their last use. */
  counts = false;
  /** How much slower a count grows with its size; and how many minutes take one off it (0: none do). */
  growthFactor = 10;
  decayMinutes = 1;
  private seed: number;

  constructor(seed: number) {
    this.seed = seed | 1;
  }

  /** What State.use says while this is `now`. */
  at(now: UnixMs): number {
    return this.counts ? COUNTED : secondsOf(now);
  }

  /** Of a key that has just come about. */
  ofNew(now: UnixMs): number {
    return this.counts ? spell(COUNT_OF_NEW, minutesOf(now)) : secondsOf(now);
  }

  /** A use that is more than noting the time: counts it, or lets it pass. */
  note(table: ByteTable, reference: number, use: number, now: UnixMs): void {
    if (use !== COUNTED) return;
    const count = this.decayed(table.use(reference), now);
    table.setUse(reference, spell(this.grown(count), minutesOf(now)));
  }

  idleSeconds(use: number, now: UnixMs): number {
    return (secondsOf(now) - use) & IDLE_SECONDS_MAX;
  }

  /** The count as it is by now. */
  decayed(use: number, now: UnixMs): number {
    const count = use >>> 10;
    if (this.decayMinutes === 0) return count;
    const passed = (minutesOf(now) - use) & MINUTES_MASK;
    return Math.max(0, count - Math.floor(passed / this.decayMinutes));
  }

  /** As if the key had not been used for so long. */
  ofIdle(seconds: number, now: UnixMs): number {
    return (secondsOf(now) - Math.min(seconds, IDLE_SECONDS_MAX)) & IDLE_SECONDS_MAX;
  }

  ofCount(count: number, now: UnixMs): number {
    return spell(Math.min(count, COUNT_MAX), minutesOf(now));
  }

  private grown(count: number): number {
    if (count >= COUNT_MAX) return COUNT_MAX;
    const above = Math.max(0, count - COUNT_OF_NEW);
    return this.draw() * (above * this.growthFactor + 1) < 1 ? count + 1 : count;
  }

  /** [0, 1). Xorshift: enough for odds, and the same in every run of a test. */
  private draw(): number {
    let { seed } = this;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.seed = seed;
    return (seed >>> 0) / 2 ** 32;
  }
}

function secondsOf(now: UnixMs): number {
  return Math.floor(now / 1000) & IDLE_SECONDS_MAX;
}

function minutesOf(now: UnixMs): number {
  return Math.floor(now / 60_000) & MINUTES_MASK;
}

function spell(count: number, minutes: number): number {
  return (count << 10) | minutes;
}
