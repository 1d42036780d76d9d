/**
 * HyperLogLogs for the oracle: a sketch stands for the set of what was added to it. Of sketches that were written without
 * sight of each other all count; a value that is none stands for itself, and of such the latest shows, as for any string.
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
  const sets = values.map(sketched);
  return sets.some((set) => set === null) ? shown : sketchOf(sets.flatMap((set) => set ?? []));
}
