/**
 * The index of a byte table: pairs of words, a hash and the reference of its entry (0: free). Home of a hash is the position
 * of its top bits; an entry stands there or, where that is taken, behind it, with nothing free in between. Probing never
 * wraps. So entries stand almost in the order of their hashes.
 */

/** How many there are. */
export const HASHES = 2 ** 32;

/** The word at which the entry stands now; −1 if all from its home on are taken, to the end. */
export function placeIn(slots: Uint32Array, shift: number, hash: number, reference: number): number {
  let word = (hash >>> shift) * 2;
  while (word < slots.length && slots[word + 1] !== 0) word += 2;
  if (word >= slots.length) return -1;
  slots[word] = hash;
  slots[word + 1] = reference;
  return word;
}

/** Entries of the cluster that come after it move up, as far as their homes let them. */
export function forgetIn(slots: Uint32Array, shift: number, word: number): void {
  let hole = word;
  for (let next = hole + 2; next < slots.length && slots[next + 1] !== 0; next += 2) {
    if ((slots[next] >>> shift) * 2 <= hole) {
      slots[hole] = slots[next];
      slots[hole + 1] = slots[next + 1];
      hole = next;
    }
  }
  slots[hole + 1] = 0;
}

/** ByteTable.walk() in one index, whose entries are all of hashes below `end`; its positions count from `base`. */
export function walkIn(
  slots: Uint32Array,
  shift: number,
  cursor: number,
  end: number,
  count: number,
  base: number,
  visit: (at: number) => void,
): number {
  const span = 2 ** shift;
  let visited = 0;
  for (let at = cursor >>> shift; 2 * at < slots.length; at++) {
    if (slots[2 * at + 1] === 0) {
      // every entry whose home is before the next position stands before it
      const next = (at + 1) * span;
      if (next >= end) return end;
      if (visited >= count) return next;
    } else if (slots[2 * at] >= cursor) {
      visit(base + at);
      visited++;
    }
  }
  return end;
}

/** Positions for a capacity: some more follow the last home, so that a cluster at the end need not wrap. */
export function slotsFor(capacity: number): number {
  return capacity + Math.min(capacity, 32 + (capacity >>> 8));
}
