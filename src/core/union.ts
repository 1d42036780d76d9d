/**
 * The join of two states that should be one and are not: both nodes have applied the same txns, both find their own data
 * sound, and yet it differs. Which of them is right cannot be told, so nothing is dropped: what either holds stays. Where
 * both hold the same item with other contents, the node that wrote it is believed, and failing that the larger contents.
 * The result is the same on both nodes, whichever goes first.
 */
import { type Amount, exactAmount, minus } from './amount.ts';
import type { Cell, Sibling, Tally } from './cell.ts';
import type { Deadline } from './deadlines.ts';
import { addPairs } from './version.ts';

/** The two nodes, as replica indexes here, and the ids of all replicas by index. */
export interface Sides {
  readonly mine: number;
  readonly theirs: number;
  readonly ids: readonly string[];
}

export function uniteCells(mine: Cell, theirs: Cell, sides: Sides): Cell {
  const siblings = [...mine.siblings];
  for (const sibling of theirs.siblings) {
    const at = siblings.findIndex((each) => sameDot(each, sibling));
    if (at < 0) siblings.push(sibling);
    else siblings[at] = believed(siblings[at], sibling, sides);
  }
  const tallies = [...mine.tallies];
  for (const tally of theirs.tallies) {
    const at = tallies.findIndex((each) => each.replica === tally.replica);
    if (at < 0) tallies.push(tally);
    else tallies[at] = uniteTallies(tallies[at], tally);
  }
  return { siblings, tallies };
}

export function uniteDeadlines(mine: readonly Deadline[], theirs: readonly Deadline[], { ids }: Sides): Deadline[] {
  const all = [...mine];
  for (const deadline of theirs) {
    const at = all.findIndex((each) => sameDot(each, deadline));
    if (at < 0) {
      all.push(deadline);
      continue;
    }
    const same = all[at].scope.join() === deadline.scope.join();
    const joint = [...all[at].scope];
    if (!same) addPairs(joint, deadline.scope);
    const scope = same ? joint : inOrder(joint, ids);
    all[at] = { ...deadline, deadline: Math.max(all[at].deadline, deadline.deadline), scope };
  }
  return all;
}

/** The digest goes through a scope in order, and both sides must come to one. */
function inOrder(scope: readonly number[], ids: readonly string[]): number[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < scope.length; i += 2) pairs.push([scope[i], scope[i + 1]]);
  return pairs.sort(([one], [other]) => (ids[one] < ids[other] ? -1 : 1)).flat();
}

function sameDot(one: { replica: number; stamp: number }, other: { replica: number; stamp: number }): boolean {
  return one.replica === other.replica && one.stamp === other.stamp;
}

function believed(mine: Sibling, theirs: Sibling, sides: Sides): Sibling {
  if (mine.replica === sides.mine) return mine;
  if (theirs.replica === sides.theirs) return theirs;
  return mine.value.compare(theirs.value) >= 0 ? mine : theirs;
}

function uniteTallies(mine: Tally, theirs: Tally): Tally {
  if (mine.frame !== theirs.frame) return mine.frame > theirs.frame ? mine : theirs;
  const added = laterOf(mine.stamp, mine.sum, theirs.stamp, theirs.sum);
  const cancelled = laterOf(mine.cancelStamp, mine.cancelSum, theirs.cancelStamp, theirs.cancelSum);
  return {
    replica: mine.replica,
    frame: mine.frame,
    stamp: added.stamp,
    sum: added.sum,
    cancelStamp: cancelled.stamp,
    cancelSum: cancelled.sum,
  };
}

function laterOf(stampA: number, sumA: Amount, stampB: number, sumB: Amount): { stamp: number; sum: Amount } {
  const first = stampA !== stampB ? stampA > stampB : !exactAmount(minus(sumA, sumB)).startsWith('-');
  return first ? { stamp: stampA, sum: sumA } : { stamp: stampB, sum: sumB };
}
