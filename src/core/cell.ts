/**
 * The cell: a register that is also a counter. One cell stands behind a string key, a hash field and a set member
 * (whose values are empty). It holds
 *   - siblings: the values written concurrently, each with the dot (replica, stamp) that wrote it; the latest shows;
 *   - tallies: per replica what it has added, and how much of that was cancelled by writes that observed it.
 * A later write removes the siblings that it observed and cancels the tallies that it observed; nothing else, so
 * a cell needs no tombstone. A tally that is cancelled in full stays until every member knows (causal stability).
 *
 * This file is the general form, on plain objects. elements.ts keeps cells in byte tables and has fast paths for
 * the two common shapes (one sibling; one tally).
 */
import { type Amount, exactAmount, minus, parseAmount, plus, readAmount, showAmount, writeAmount } from './amount.ts';
import { type ByteReader, type ByteWriter, MalformedError } from './bytes.ts';
import type { Stamp } from './contract.ts';
import { Lanes } from './hash.ts';
import { type Context, covers, type ReplicaTable } from './version.ts';

export interface Sibling {
  replica: number;
  stamp: Stamp;
  value: Buffer;
}

/**
 * What one replica added. `frame` names the run of sums (the stamp of its first addition): sums of one frame are
 * comparable on every node. `sum` is everything added in the frame up to `stamp`; of that, what was added up to
 * `cancelStamp` (together `cancelSum`) is cancelled. Live while stamp > cancelStamp.
 */
export interface Tally {
  replica: number;
  frame: Stamp;
  stamp: Stamp;
  sum: Amount;
  cancelStamp: Stamp;
  cancelSum: Amount;
}

/** "I cancel what `replica` had added in `frame` up to `stamp`, `sum` in all." */
export interface Cancel {
  replica: number;
  frame: Stamp;
  stamp: Stamp;
  sum: Amount;
}

export interface Cell {
  siblings: Sibling[];
  tallies: Tally[];
}

export function emptyCell(): Cell {
  return { siblings: [], tallies: [] };
}

export function isLive(tally: Tally): boolean {
  return tally.stamp > tally.cancelStamp;
}

/** True if the cell shows a value: its element exists. */
export function cellExists(cell: Cell): boolean {
  return cell.siblings.length > 0 || cell.tallies.some(isLive);
}

export function winner(cell: Cell, replicas: ReplicaTable): Sibling | undefined {
  let best: Sibling | undefined;
  for (const sibling of cell.siblings) {
    if (best === undefined || replicas.later(sibling.stamp, sibling.replica, best.stamp, best.replica)) best = sibling;
  }
  return best;
}

/** The bytes that clients see, or undefined if the cell shows nothing. */
export function shownValue(cell: Cell, replicas: ReplicaTable): Buffer | undefined {
  const best = winner(cell, replicas);
  const live = cell.tallies.filter(isLive);
  if (live.length === 0) return best?.value;
  let total: Amount | undefined = best === undefined ? 0 : parseAmount(best.value, 0, best.value.length);
  if (total === undefined) return best?.value;
  for (const tally of live) total = plus(total, minus(tally.sum, tally.cancelSum));
  return Buffer.from(showAmount(total), 'latin1');
}

/** The latest dot of what the cell shows; decides between types in conflict. */
export function latestDot(cell: Cell, replicas: ReplicaTable): { stamp: Stamp; replica: number } | undefined {
  let latest: { stamp: Stamp; replica: number } | undefined;
  for (const dot of [...cell.siblings, ...cell.tallies.filter(isLive)]) {
    if (latest === undefined || replicas.later(dot.stamp, dot.replica, latest.stamp, latest.replica)) latest = dot;
  }
  return latest;
}

/** What a write that observes the whole cell cancels. */
export function cancelsOf(cell: Cell): Cancel[] {
  return cell.tallies.filter(isLive).map(({ replica, frame, stamp, sum }) => ({ replica, frame, stamp, sum }));
}

/**
 * Removes what `context` covers; `cancels` is what the remover, txn (`replica`, `stamp`), observed of the tallies. A txn
 * may add, remove and add again under its one stamp: what it had added before the removal counts as added just before
 * the txn. How much that was only `cancels` tells, and the remover names it always: where the txn is applied again, the
 * tally holds all of the txn already.
 */
export function clearCell(
  cell: Cell,
  context: Context,
  cancels: readonly Cancel[],
  replica: number,
  stamp: Stamp,
): void {
  cell.siblings = cell.siblings.filter((sibling) => !covers(context, sibling.replica, sibling.stamp));
  for (const tally of cell.tallies) {
    if (!isLive(tally) || !covers(context, tally.replica, tally.stamp)) continue;
    if (tally.replica !== replica || tally.stamp !== stamp) cancelTally(tally, tally.stamp, tally.sum);
  }
  for (const cancel of cancels) {
    const tally = cell.tallies.find((each) => each.replica === cancel.replica);
    if (tally === undefined || tally.frame !== cancel.frame) continue;
    if (cancel.replica !== replica || cancel.stamp !== stamp) {
      if (cancel.stamp > tally.cancelStamp) cancelTally(tally, cancel.stamp, cancel.sum);
    } else if (tally.stamp === stamp) {
      tally.stamp = stamp - 1;
      cancelTally(tally, tally.stamp, cancel.sum);
    }
  }
}

function cancelTally(tally: Tally, stamp: Stamp, sum: Amount): void {
  tally.cancelStamp = stamp;
  tally.cancelSum = sum;
}

export function assignCell(
  cell: Cell,
  replica: number,
  stamp: Stamp,
  value: Buffer,
  context: Context,
  cancels: readonly Cancel[],
): void {
  clearCell(cell, context, cancels, replica, stamp);
  // a txn applied again over a later state (recovery) must not bring back what its own origin has overwritten
  if (cell.siblings.some((sibling) => sibling.replica === replica && sibling.stamp >= stamp)) return;
  cell.siblings.push({ replica, stamp, value });
}

/**
 * One replica's addition: it now has `sum` in `frame`, `delta` of it new. Where this node has dropped the tally
 * already (cancelled in full), everything before the delta counts as cancelled.
 */
export function addToCell(cell: Cell, replica: number, frame: Stamp, stamp: Stamp, sum: Amount, delta: Amount): void {
  const at = cell.tallies.findIndex((tally) => tally.replica === replica);
  const tally = cell.tallies[at];
  if (tally !== undefined && tally.frame === frame) {
    // a txn may add several times under its one stamp, and each sum holds those before it
    if (stamp < tally.stamp) return;
    tally.stamp = stamp;
    tally.sum = sum;
    return;
  }
  if (tally !== undefined && tally.frame > frame) return;
  const fresh: Tally =
    frame === stamp
      ? { replica, frame, stamp, sum, cancelStamp: 0, cancelSum: 0 }
      : { replica, frame, stamp, sum, cancelStamp: stamp - 1, cancelSum: minus(sum, delta) };
  if (at >= 0) cell.tallies[at] = fresh;
  else cell.tallies.push(fresh);
}

/** Drops the tally of `replica` if it is still cancelled exactly up to `cancelStamp`. */
export function collectTally(cell: Cell, replica: number, cancelStamp: Stamp): void {
  cell.tallies = cell.tallies.filter(
    (tally) => tally.replica !== replica || isLive(tally) || tally.cancelStamp !== cancelStamp,
  );
}

/**
 * The join of two states of one cell, each with the vector that it reflects: what one side has and the other has
 * seen but does not hold was removed there (optimised OR-set, Bieniusa et al. 2012).
 */
export function mergeCells(mine: Cell, myContext: Context, theirs: Cell, theirContext: Context): Cell {
  const siblings = mine.siblings.filter(
    (sibling) => holds(theirs.siblings, sibling) || !covers(theirContext, sibling.replica, sibling.stamp),
  );
  for (const sibling of theirs.siblings) {
    if (!holds(mine.siblings, sibling) && !covers(myContext, sibling.replica, sibling.stamp)) siblings.push(sibling);
  }
  const tallies: Tally[] = [];
  for (const tally of mine.tallies) {
    const other = theirs.tallies.find((each) => each.replica === tally.replica);
    if (other !== undefined) tallies.push(mergeTallies(tally, other));
    else if (!covers(theirContext, tally.replica, tally.stamp)) tallies.push(tally);
  }
  for (const tally of theirs.tallies) {
    const known = mine.tallies.some((each) => each.replica === tally.replica);
    if (!known && !covers(myContext, tally.replica, tally.stamp)) tallies.push(tally);
  }
  return { siblings, tallies };
}

function holds(siblings: readonly Sibling[], wanted: Sibling): boolean {
  return siblings.some((sibling) => sibling.replica === wanted.replica && sibling.stamp === wanted.stamp);
}

function mergeTallies(a: Tally, b: Tally): Tally {
  if (a.frame !== b.frame) return a.frame > b.frame ? a : b;
  const added = a.stamp >= b.stamp ? a : b;
  const cancelled = a.cancelStamp >= b.cancelStamp ? a : b;
  return {
    replica: a.replica,
    frame: a.frame,
    stamp: added.stamp,
    sum: added.sum,
    cancelStamp: cancelled.cancelStamp,
    cancelSum: cancelled.cancelSum,
  };
}

// --- encoding: the payload of a complex entry, and the value of a stored or transferred record

export function writeCell(writer: ByteWriter, cell: Cell): void {
  writer.varint(cell.siblings.length);
  for (const { replica, stamp, value } of cell.siblings) {
    writer.varint(replica);
    writer.double(stamp);
    writer.run(value, 0, value.length);
  }
  writer.varint(cell.tallies.length);
  for (const tally of cell.tallies) {
    writer.varint(tally.replica);
    writer.double(tally.frame);
    writer.double(tally.stamp);
    writeAmount(writer, tally.sum);
    writer.double(tally.cancelStamp);
    writeAmount(writer, tally.cancelSum);
  }
}

/** `replicas`: indexes of the writer's table in ours; undefined where they are ours already. */
export function readCell(reader: ByteReader, replicas?: readonly number[]): Cell {
  const cell = emptyCell();
  for (let left = reader.count(10); left > 0; left--) {
    const replica = mapReplica(reader.varint(), replicas);
    const stamp = reader.stamp();
    cell.siblings.push({ replica, stamp, value: reader.runCopy() });
  }
  for (let left = reader.count(27); left > 0; left--) {
    const tally: Tally = {
      replica: mapReplica(reader.varint(), replicas),
      frame: reader.stamp(),
      stamp: reader.stamp(0),
      sum: readAmount(reader),
      cancelStamp: reader.stamp(0),
      cancelSum: readAmount(reader),
    };
    // one below its frame stands what a txn has cancelled of its own first addition
    if (tally.frame > tally.stamp + 1) throw new MalformedError(`frame ${tally.frame} of sums up to ${tally.stamp}`);
    cell.tallies.push(tally);
  }
  return cell;
}

export function mapReplica(index: number, replicas: readonly number[] | undefined): number {
  if (replicas === undefined) return index;
  if (index >= replicas.length) throw new MalformedError(`replica index ${index} of ${replicas.length}`);
  return replicas[index];
}

// --- digest: a sum of one term an item, so that it can be kept up to date item by item

/** Continues `lanes` (which hold the record's key) with one sibling. */
export function siblingTerm(
  lanes: Lanes,
  replicaWord: number,
  stamp: Stamp,
  bytes: Uint8Array,
  start: number,
  end: number,
): Lanes {
  return lanes.word(replicaWord).number(stamp).bytes(bytes, start, end).finish();
}

export function tallyTerm(lanes: Lanes, replicaWord: number, frame: Stamp, stamp: Stamp, net: Amount): Lanes {
  lanes.word(~replicaWord).number(frame).number(stamp);
  return (typeof net === 'number' ? lanes.number(net) : lanes.text(exactAmount(net))).finish();
}

const term = new Lanes();

/** Sum of the terms of all that the cell shows; `a`, `b` are the lanes of its record key. */
export function cellTerms(cell: Cell, replicas: ReplicaTable, a: number, b: number): [number, number] {
  let sumA = 0;
  let sumB = 0;
  for (const { replica, stamp, value } of cell.siblings) {
    siblingTerm(term.from(a, b), replicas.words[replica], stamp, value, 0, value.length);
    sumA = (sumA + term.a) | 0;
    sumB = (sumB + term.b) | 0;
  }
  for (const tally of cell.tallies) {
    if (!isLive(tally)) continue;
    const { replica, frame, stamp, sum, cancelSum } = tally;
    tallyTerm(term.from(a, b), replicas.words[replica], frame, stamp, minus(sum, cancelSum));
    sumA = (sumA + term.a) | 0;
    sumB = (sumB + term.b) | 0;
  }
  return [sumA, sumB];
}
