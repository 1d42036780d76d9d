/**
 * Bounds of ranges in a sorted set, by score, by bytes and by rank, and what they come down to: an interval of ranks.
 * Texts are read as Redis reads them.
 */
import type { Database } from '../../core/contract.ts';
import { Decimal, isInfinity } from '../../core/decimal.ts';
import { Slice } from '../../core/slice.ts';

/** Ranks from..to − 1. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

export interface ScoreBounds {
  readonly kind: 'score';
  readonly min: number;
  readonly max: number;
  readonly minExcluded: boolean;
  readonly maxExcluded: boolean;
}

/** One end of a range by bytes; `infinite`: before (−1) or behind (1) all members. */
interface LexBound {
  readonly infinite: -1 | 0 | 1;
  readonly member: Slice;
  readonly excluded: boolean;
}

export interface LexBounds {
  readonly kind: 'lex';
  readonly min: LexBound;
  readonly max: LexBound;
}

export interface RankBounds {
  readonly kind: 'rank';
  /** Negative ones count from the end. */
  readonly start: number;
  readonly end: number;
}

export type Bounds = ScoreBounds | LexBounds | RankBounds;

export const SCORE_REFUSED = 'ERR min or max is not a float';
export const LEX_REFUSED = 'ERR min or max not valid string range item';

export function scoreBounds(min: Slice, max: Slice): ScoreBounds | undefined {
  const low = scoreBound(min.latin1());
  const high = scoreBound(max.latin1());
  if (low === undefined || high === undefined) return undefined;
  return { kind: 'score', min: low.score, max: high.score, minExcluded: low.excluded, maxExcluded: high.excluded };
}

function scoreBound(text: string): { score: number; excluded: boolean } | undefined {
  const excluded = text.startsWith('(');
  const score = strtod(excluded ? text.slice(1) : text);
  return score === undefined ? undefined : { score, excluded };
}

/** C's strtod, of which Redis asks only that it reads to the end: nothing at all is 0, and too much is infinite. */
function strtod(text: string): number | undefined {
  if (text === '') return 0;
  const number = text.replace(/^[ \t\n\v\f\r]+/, '');
  if (isInfinity(number)) return number.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(number)) return Number(number);
  if (!/^[+-]?0x/i.test(number)) return undefined;
  const exact = Decimal.parse(number);
  return exact === undefined ? undefined : Number(exact.exact());
}

export function lexBounds(min: Slice, max: Slice): LexBounds | undefined {
  const low = lexBound(min);
  const high = lexBound(max);
  return low === undefined || high === undefined ? undefined : { kind: 'lex', min: low, max: high };
}

function lexBound({ bytes, start, end }: Slice): LexBound | undefined {
  const sign = start < end ? bytes[start] : 0;
  const member = new Slice(bytes, Math.min(start + 1, end), end);
  if (sign === PLUS || sign === MINUS) {
    if (end - start > 1) return undefined;
    return { infinite: sign === PLUS ? 1 : -1, member, excluded: false };
  }
  if (sign !== ROUND && sign !== SQUARE) return undefined;
  return { infinite: 0, member, excluded: sign === ROUND };
}

const PLUS = 43;
const MINUS = 45;
const ROUND = 40;
const SQUARE = 91;

/** The ranks within the bounds; from = to where there are none. */
export function intervalOf(db: Database, key: Slice, bounds: Bounds): Interval {
  const { from, to } = unchecked(db, key, bounds);
  return from < to ? { from, to } : NOWHERE;
}

const NOWHERE: Interval = { from: 0, to: 0 };

function unchecked({ zsets }: Database, key: Slice, bounds: Bounds): Interval {
  switch (bounds.kind) {
    case 'score':
      return {
        from: zsets.countBelow(key, bounds.min, bounds.minExcluded),
        to: zsets.countBelow(key, bounds.max, !bounds.maxExcluded),
      };
    case 'lex': {
      const size = zsets.size(key);
      const count = ({ infinite, member }: LexBound, orEqual: boolean) => {
        if (infinite !== 0) return infinite > 0 ? size : 0;
        return zsets.countBefore(key, member, orEqual);
      };
      return { from: count(bounds.min, bounds.min.excluded), to: count(bounds.max, !bounds.max.excluded) };
    }
    case 'rank': {
      const size = zsets.size(key);
      const fromStart = (rank: number) => (rank < 0 ? size + rank : rank);
      return { from: Math.max(0, fromStart(bounds.start)), to: Math.min(size, fromStart(bounds.end) + 1) };
    }
  }
}
