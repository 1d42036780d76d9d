/** What somebody may have meant who misspelt the name of a directive. */
import { directiveNames } from './directives.ts';

/** What is longer is no misspelling of ours; and to compare it would take its length times all our names. */
const NEAR_LENGTH_MAX = 64;

/** The known name nearest to a mistyped one, if it is near enough to be meant. */
export function nearestDirective(name: string): string | undefined {
  if (name.length > NEAR_LENGTH_MAX) return undefined;
  const wanted = name.toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const known of directiveNames()) {
    const distance = editDistance(wanted, known);
    if (best === undefined || distance < best.distance) best = { name: known, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.name : undefined;
}

/** Two rows, each used again: a file of unknown names must not take memory for every letter of them. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  let next = row.slice();
  for (let i = 1; i <= a.length; i++) {
    next[0] = i;
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    [row, next] = [next, row];
  }
  return row[b.length];
}
