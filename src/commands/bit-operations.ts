/** What BITOP does with its sources, byte by byte, each source as if zeros followed it. */
import type { Slice } from '../core/slice.ts';

const OPERATIONS = ['and', 'or', 'xor', 'not', 'diff', 'diff1', 'andor', 'one'] as const;
export type BitOperation = (typeof OPERATIONS)[number];

/** They tell the first source from the others. */
const WITH_OTHERS: ReadonlySet<BitOperation> = new Set(['diff', 'diff1', 'andor']);

export function bitOperation(word: Slice): BitOperation | undefined {
  return OPERATIONS.find((name) => word.isWord(name));
}

/** Why so many sources will not do, or null. */
export function refusalOfSources(operation: BitOperation, sources: number): string | null {
  if (operation === 'not' && sources !== 1) return 'ERR BITOP NOT must be called with a single source key.';
  if (WITH_OTHERS.has(operation) && sources < 2)
    return `ERR BITOP ${operation.toUpperCase()} must be called with at least two source keys.`;
  return null;
}

/** Takes one source after the other into `result`, whose bytes [0, length) are zeros at first. */
export class BitCombination {
  private readonly operation: BitOperation;
  private readonly result: Uint8Array;
  private readonly length: number;
  /** For those operations that must tell apart more than a bit can: the first source, or what was set more than once. */
  private readonly beside: Uint8Array | null;
  private taken = 0;

  constructor(operation: BitOperation, result: Uint8Array, length: number) {
    this.operation = operation;
    this.result = result;
    this.length = length;
    const needsMore = operation === 'diff1' || operation === 'andor' || operation === 'one';
    this.beside = needsMore ? new Uint8Array(length) : null;
  }

  take({ bytes, start, end }: Slice): void {
    const { beside, length, operation, result } = this;
    const shared = Math.min(length, end - start);
    const isFirst = this.taken++ === 0;
    if (beside !== null && operation === 'one') {
      for (let at = 0; at < shared; at++) {
        beside[at] |= result[at] & bytes[start + at];
        result[at] |= bytes[start + at];
      }
    } else if (beside !== null && isFirst) beside.set(bytes.subarray(start, start + shared));
    else if (operation === 'and' && !isFirst) {
      for (let at = 0; at < shared; at++) result[at] &= bytes[start + at];
      result.fill(0, shared, length);
    } else if (operation === 'xor') for (let at = 0; at < shared; at++) result[at] ^= bytes[start + at];
    else if (operation === 'diff' && !isFirst) for (let at = 0; at < shared; at++) result[at] &= ~bytes[start + at];
    else for (let at = 0; at < shared; at++) result[at] |= bytes[start + at];
  }

  /** All sources were taken. */
  end(): void {
    const { beside, length, operation, result } = this;
    if (operation === 'not') for (let at = 0; at < length; at++) result[at] = ~result[at];
    if (beside === null) return;
    if (operation === 'andor') for (let at = 0; at < length; at++) result[at] &= beside[at];
    else for (let at = 0; at < length; at++) result[at] &= ~beside[at];
  }
}
