/**
 * Keys drawn as candidates for eviction. A walk from a random place of the table instead of so many draws: keys stand in
 * the order of a hash, so that neighbours have nothing in common, and one walk touches few cache lines.
 */
import type { Candidate, Sampling } from './contract.ts';
import type { Keyspace } from './keyspace.ts';
import { Slice } from './slice.ts';
import type { State } from './state.ts';

/** Free places between two keys: more than these, for each that is wanted, are not walked once there is a candidate. */
const STEPS_PER_KEY = 10;

/** At most `count`; more often than not all of them, and at least one if there is any. */
export function sampleKeys(
  state: State,
  keyspace: Keyspace,
  { count, among, by, random }: Sampling,
  visit: (candidate: Candidate) => void,
): void {
  const { keys, expiry } = keyspace;
  const { deadlines } = expiry;
  const table = among === 'volatile' ? deadlines.table : keys.table;
  if (among === 'volatile' ? deadlines.finite === 0 : keys.size === 0) return;
  const key = new Slice();
  const from = Math.floor(random() * table.positions);
  for (let step = 0, found = 0; step < table.positions && found < count; step++) {
    if (found > 0 && step > count * STEPS_PER_KEY) return;
    const place = (from + step) % table.positions;
    const reference = table.referenceAt(place);
    if (reference === 0) continue;
    const hideAt = among === 'volatile' ? table.stamp(reference) : Number.POSITIVE_INFINITY;
    if (among === 'volatile' && hideAt === Number.POSITIVE_INFINITY) continue;
    table.fillKey(reference, key);
    const at = among === 'volatile' ? keys.table.find(key.bytes, key.start, key.end) : place;
    if (at < 0 || !keys.isShown(at)) continue;
    found++;
    visit({ key, dispensable: by === 'deadline' ? -hideAt : dispensable(state, keyspace, at) });
  }
}

/** The longer idle, or the less often used, the larger. */
function dispensable({ keyUse, now }: State, { keys: { table } }: Keyspace, at: number): number {
  const use = table.use(table.referenceAt(at));
  return keyUse.counts ? -keyUse.decayed(use, now) : keyUse.idleSeconds(use, now);
}
