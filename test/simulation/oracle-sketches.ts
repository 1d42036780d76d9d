/**
 * HyperLogLogs for the oracle: a sketch stands for the set of what was added to it. Of sketches that were written without
 * sight of each other all count, if the latest value is one; if it is none, it shows alone, as for any string.
 */

/** Not text that a client writes in the simulator. */
const BEGINS = '\0sketch';

export function sketchOf(elements: Iterable<string>): string {
  return [BEGINS, ...[...new Set(elements)].sort()].join(' ');
}

/** What was added to it; null: it is no sketch. */
export function sketched(value: string): string[] | null {
  const [begin, ...elements] = value.split(' ');
  return begin === BEGINS ? elements : null;
}

/** What a string shows whose latest value is `shown`, one of `values`. */
export function joined(shown: string, values: readonly string[]): string {
  return sketched(shown) === null ? shown : sketchOf(values.flatMap((value) => sketched(value) ?? []));
}
