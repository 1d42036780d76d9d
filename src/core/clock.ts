/**
 * The hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): readings that grow with every event
 * here and with every reading seen from elsewhere, and stay near the wall clock. One reading is one double:
 * (milliseconds since 2024-01-01T00:00Z) × 4096 + counter, exact until the year 2093.
 */
import type { Stamp, UnixMs } from './contract.ts';

const EPOCH_MS = 1704067200000;
const TICKS_PER_MS = 4096;

/**
 * Nothing from outside bears a later stamp. What was seen must leave room for what comes after it: a clock without a next
 * reading would stop its node.
 */
export const STAMP_MAX: Stamp = Number.MAX_SAFE_INTEGER - 2 ** 40;

export class HybridClock {
  private last: Stamp = 0;

  /** A reading later than every one issued or observed so far. */
  next(now: UnixMs): Stamp {
    const wall = stampOf(now);
    this.last = wall > this.last ? wall : this.last + 1;
    return this.last;
  }

  observe(stamp: Stamp): void {
    if (stamp > this.last) this.last = stamp;
  }

  get reading(): Stamp {
    return this.last;
  }
}

/** The first stamp of a millisecond. */
export function stampOf(now: UnixMs): Stamp {
  return (now - EPOCH_MS) * TICKS_PER_MS;
}

export function unixMsOf(stamp: Stamp): UnixMs {
  return Math.floor(stamp / TICKS_PER_MS) + EPOCH_MS;
}
