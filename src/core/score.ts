/**
 * Scores of sorted sets. A score is a double, and stands in its member's cell as text: JavaScript's shortest form,
 * `inf` or `-inf`. ZINCRBY adds exactly, as counters do, so that the sum does not depend on the order in which
 * replicas learn of the parts; the score is the double nearest to the exact sum of base and additions.
 */
import { type Amount, exactAmount, minus, parseAmount, plus } from './amount.ts';
import { MalformedError } from './bytes.ts';
import { type Cell, isLive, winner } from './cell.ts';
import { Decimal } from './decimal.ts';
import type { Slice } from './slice.ts';
import type { ReplicaTable } from './version.ts';

/** The longest shortest form has 24 characters. */
const TEXT_BYTES_MAX = 24;
const text = Buffer.alloc(TEXT_BYTES_MAX);
const DIGITS_SAFE = 15;

/** Spells a score into `out`, good until the next call. */
export function spellScore(score: number, out: Slice): Slice {
  return out.set(text, 0, text.write(scoreText(score), 0, 'latin1'));
}

export function scoreText(score: number): string {
  if (score === Number.POSITIVE_INFINITY) return 'inf';
  if (score === Number.NEGATIVE_INFINITY) return '-inf';
  return String(score);
}

/** The score that bytes spell; NaN if they are not what spellScore() writes. */
export function parseScore(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > TEXT_BYTES_MAX) return Number.NaN;
  const whole = length <= DIGITS_SAFE ? parseWhole(bytes, start, end) : -1;
  if (whole >= 0) return whole;
  const spelled = bytes.toString('latin1', start, end);
  if (spelled === 'inf') return Number.POSITIVE_INFINITY;
  if (spelled === '-inf') return Number.NEGATIVE_INFINITY;
  const score = Number(spelled);
  return scoreText(score) === spelled ? score : Number.NaN;
}

/** Digits alone, without leading zeros: what most scores are. −1 for anything else. */
function parseWhole(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] === 48) return end - start === 1 ? 0 : -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Throws MalformedError for what is no score: on its way in from a peer or a disk. */
export function requireScore(bytes: Buffer, start: number, end: number): void {
  if (Number.isNaN(parseScore(bytes, start, end))) {
    throw new MalformedError(`score ${JSON.stringify(bytes.toString('latin1', start, Math.min(end, start + 40)))}`);
  }
}

/** A finite increment as what is added up: its shortest decimal form, exactly. */
export function incrementAmount(delta: number): Amount {
  if (Number.isSafeInteger(delta)) return delta === 0 ? 0 : delta;
  const exact = Decimal.parse(String(delta));
  if (exact === undefined) throw new RangeError(`increment ${delta} is not finite`);
  return exact;
}

/** What a cell shows as a score; NaN if it shows nothing, or holds what is no score. */
export function cellScore(cell: Cell, replicas: ReplicaTable): number {
  const best = winner(cell, replicas)?.value;
  const base = best === undefined ? 0 : parseAmount(best, 0, best.length);
  let total: Amount | undefined;
  for (const tally of cell.tallies) {
    if (!isLive(tally)) continue;
    if (base === undefined) break; // an infinity stays one, whatever is added
    total = plus(total ?? base, minus(tally.sum, tally.cancelSum));
  }
  if (total !== undefined) return Number(exactAmount(total));
  return best === undefined ? Number.NaN : parseScore(best, 0, best.length);
}
