/**
 * Cancelled tallies: what a counter keeps after a write that cancelled it. While some member may still add to what
 * was cancelled, the tally must stay, so that the addition counts from the right sum; once every member has applied
 * the cancelling txn (causal stability: Baquero et al., "Making Operation-Based CRDTs Operation-Based", 2014) it goes.
 * Records.collectStable() takes out what waits here.
 */
import { type Cell, isLive } from './cell.ts';
import type { Elements } from './elements.ts';

/** Before `cell` takes the place of what is at `at`: drops its cancelled tallies, or queues those not queued yet. */
export function awaitStability(elements: Elements, at: number, cell: Cell): void {
  const { state, table } = elements;
  if (cell.tallies.length === 0) return;
  if (state.alone) {
    // not what this very txn has begun: it may add again, and that must go on where others will see it go on
    cell.tallies = cell.tallies.filter(
      (tally) => isLive(tally) || (tally.replica === state.origin && tally.frame === state.stamp),
    );
  }
  const before = elements.cellAt(at).tallies;
  for (const tally of cell.tallies) {
    if (isLive(tally)) continue;
    const queued = before.some(
      (each) => !isLive(each) && each.replica === tally.replica && each.cancelStamp === tally.cancelStamp,
    );
    if (queued) continue;
    elements.spell(table.referenceAt(at));
    state.pending.add({
      record: state.recordKey.copy(),
      replica: tally.replica,
      cancelStamp: tally.cancelStamp,
      origin: state.origin,
      stamp: state.stamp,
      after: state.after,
    });
  }
}
