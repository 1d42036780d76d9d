/**
 * How many different elements a sketch has seen, from how many of its registers hold which value: the improved estimator
 * of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284), as in Redis.
 */
import { COUNTED_BITS, REGISTERS } from './hash.ts';

const ALPHA = 1 / (2 * Math.LN2);

/** `histogram`: by value of the register, from 0 on. */
export function estimate(histogram: Readonly<Float64Array>): number {
  const full = histogram[COUNTED_BITS + 1];
  let sum = REGISTERS * tau((REGISTERS - full) / REGISTERS);
  for (let value = COUNTED_BITS; value >= 1; value--) sum = (sum + histogram[value]) * 0.5;
  sum += REGISTERS * sigma(histogram[0] / REGISTERS);
  return Math.round((ALPHA * REGISTERS * REGISTERS) / sum);
}

/** What registers that are still empty add. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let power = share;
  let weight = 1;
  let sum = share;
  for (let before = Number.NaN; before !== sum; ) {
    power *= power;
    before = sum;
    sum += power * weight;
    weight += weight;
  }
  return sum;
}

/** What registers that can hold no more add. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let root = share;
  let weight = 1;
  let sum = 1 - share;
  for (let before = Number.NaN; before !== sum; ) {
    root = Math.sqrt(root);
    before = sum;
    weight *= 0.5;
    sum -= (1 - root) * (1 - root) * weight;
  }
  return sum / 3;
}
