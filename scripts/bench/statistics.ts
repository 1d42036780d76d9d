/** The few figures that a benchmark boils its samples down to. Pure; samples may come in any order and are left alone. */

/** Middle value; of an even count the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  const sorted = ascending(samples);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Nearest-rank percentile: the smallest sample that at least `percent` of all samples do not exceed. */
export function percentile(samples: readonly number[], percent: number): number {
  if (percent <= 0 || percent > 100) throw new RangeError(`no percentile: ${percent}`);
  const sorted = ascending(samples);
  // rounded first: 99.9 * 1000 / 100 must be rank 999, not 1000 for a last binary digit
  const rank = Math.ceil(Number(((percent * sorted.length) / 100).toFixed(6)));
  return sorted[Math.max(0, rank - 1)];
}

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Ratio of each pair, as both were measured in one round, then the middle of the ratios and how far they went. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length) throw new RangeError(`${ours.length} samples against ${theirs.length}`);
  const ratios = ours.map((each, round) => each / theirs[round]);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

function ascending(samples: readonly number[]): number[] {
  if (samples.length === 0) throw new RangeError('no samples');
  return [...samples].sort((a, b) => a - b);
}
