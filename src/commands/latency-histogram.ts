/**
 * How long calls of one command took, in classes that double: for LATENCY HISTOGRAM. The bounds are those that Redis
 * answers, which are powers of two of nanoseconds, rounded as its histogram does.
 */

/** From a microsecond to more than a second: what takes longer counts as that. */
const CLASSES = 21;
const FIRST_BOUND_NANOS = 1024;
/** The histogram of Redis keeps two digits: a value stands for what is larger by less than a 128th. */
const ROUNDING = 128;

export class LatencyHistogram {
  private readonly counts = new Float64Array(CLASSES);

  /** So many calls of `micros` each. */
  note(micros: number, calls: number): void {
    const bounds = Math.min(Math.ceil((micros * 1000) / FIRST_BOUND_NANOS), 2 ** (CLASSES - 1));
    // the least power of two that is as large: a logarithm would cost as much as all the rest
    const doubled = bounds <= 1 ? 0 : 32 - Math.clz32(bounds - 1);
    this.counts[doubled] += calls;
  }

  get isEmpty(): boolean {
    return this.counts.every((count) => count === 0);
  }

  /** So many microseconds as that share (0 to 1) of the calls took at most, as near as the classes tell. */
  quantile(share: number): number {
    const classes = this.cumulative();
    const total = classes.at(-1)?.[1] ?? 0;
    return classes.find(([, calls]) => calls >= share * total)?.[0] ?? 0;
  }

  /** The upper bounds of the classes that are not empty, in microseconds, and how many calls took no longer. */
  cumulative(): [bound: number, calls: number][] {
    const classes: [number, number][] = [];
    let calls = 0;
    for (const [at, count] of this.counts.entries()) {
      calls += count;
      const nanos = FIRST_BOUND_NANOS * 2 ** at;
      if (count > 0) classes.push([Math.floor((nanos + nanos / ROUNDING - 1) / 1000), calls]);
    }
    return classes;
  }
}
