/**
 * Cancelled tallies that wait until every member knows of their cancellation. They stand in queues, so that a look at
 * them costs no more than there are queues and tallies that go: by the replica that cancelled them, in the order of its
 * txns, or by the vector among which the cancelling txn is. One whose author may have added more stands aside, and
 * holds up no other. A counter that is cancelled again takes the place of the one before, so that with a member away
 * for good there are no more of them than counters.
 */
import type { Stamp } from './contract.ts';

/** A cancelled tally that is dropped once the cancelling txn (origin, stamp) is stable, or all that is in `after`. */
export interface PendingTally {
  readonly record: Buffer;
  readonly replica: number;
  readonly cancelStamp: Stamp;
  readonly origin: number;
  readonly stamp: Stamp;
  /** Which txn cancelled it is not known (it was loaded, or merged): stamps by replica index among which it is. */
  readonly after: readonly number[] | null;
}

type Stable = readonly Stamp[];
type Queues<K> = Map<K, PendingTally[]>;

/** Replaced ones are cleared out of the queues when they are half of what stands there, and at least so many. */
const REPLACED_MIN = 256;

export class PendingTallies {
  /** By what they are of: what stands in the queues and not here was replaced. */
  private readonly latest = new Map<string, PendingTally>();
  private readonly byOrigin: Queues<number> = new Map();
  private readonly byVector: Queues<readonly number[]> = new Map();
  /** By author: their cancellation is stable. None that was replaced. */
  private readonly held = new Map<number, Set<PendingTally>>();
  private standing = 0;

  get size(): number {
    return this.latest.size;
  }

  /** Of those, what waits for its author's txns only. */
  get heldSize(): number {
    let size = 0;
    for (const items of this.held.values()) size += items.size;
    return size;
  }

  [Symbol.iterator](): Iterator<PendingTally> {
    return this.latest.values();
  }

  add(item: PendingTally): void {
    const name = nameOf(item);
    const replaced = this.latest.get(name);
    if (replaced !== undefined && this.held.get(item.replica)?.delete(replaced) === true) this.standing--;
    this.latest.set(name, item);
    this.enqueue(item);
    if (++this.standing > 2 * this.latest.size + REPLACED_MIN) this.clearReplaced();
  }

  /** Takes out what may be dropped. `stable`: stamps by replica index; null: everything may. */
  takeStable(stable: Stable | null, isLacking: (author: number) => boolean): PendingTally[] {
    if (stable === null) return this.takeAll();
    const taken: PendingTally[] = [];
    this.takeHeld(stable, isLacking, taken);
    const release = (item: PendingTally) => {
      if (isLacking(item.replica) && this.isLatest(item)) this.hold(item);
      else this.take(item, taken);
    };
    for (const [origin, items] of this.byOrigin) {
      const waiting = items.findIndex((item) => !isStable(item, stable));
      for (const item of items.splice(0, waiting < 0 ? items.length : waiting)) release(item);
      if (items.length === 0) this.byOrigin.delete(origin);
    }
    for (const [vector, items] of this.byVector) {
      if (!isStable(items[0], stable)) continue;
      this.byVector.delete(vector);
      items.forEach(release);
    }
    return taken;
  }

  /** Whose author's txns are all here now. Who joins, or comes back, may not know of the cancellation: looked at anew. */
  private takeHeld(stable: Stable, isLacking: (author: number) => boolean, taken: PendingTally[]): void {
    for (const [author, items] of this.held) {
      if (isLacking(author)) continue;
      this.held.delete(author);
      for (const item of items) {
        if (isStable(item, stable)) this.take(item, taken);
        else this.enqueue(item);
      }
    }
  }

  private take(item: PendingTally, taken: PendingTally[]): void {
    this.standing--;
    if (!this.isLatest(item)) return;
    this.latest.delete(nameOf(item));
    taken.push(item);
  }

  private hold(item: PendingTally): void {
    const items = this.held.get(item.replica);
    if (items === undefined) this.held.set(item.replica, new Set([item]));
    else items.add(item);
  }

  private takeAll(): PendingTally[] {
    const all = [...this.latest.values()];
    this.latest.clear();
    this.held.clear();
    this.clearReplaced();
    return all;
  }

  private enqueue(item: PendingTally): void {
    if (item.after === null) put(this.byOrigin, item.origin, item);
    else put(this.byVector, item.after, item);
  }

  private isLatest(item: PendingTally): boolean {
    return this.latest.get(nameOf(item)) === item;
  }

  private clearReplaced(): void {
    this.standing = this.latest.size;
    this.keepLatest(this.byOrigin);
    this.keepLatest(this.byVector);
  }

  private keepLatest<K>(queues: Queues<K>): void {
    for (const [key, items] of queues) {
      const kept = items.filter((item) => this.isLatest(item));
      if (kept.length > 0) queues.set(key, kept);
      else queues.delete(key);
    }
  }
}

/** A record holds one tally of a replica. */
function nameOf({ record, replica }: PendingTally): string {
  return `${replica} ${record.toString('latin1')}`;
}

function put<K>(queues: Queues<K>, key: K, item: PendingTally): void {
  const queue = queues.get(key);
  if (queue === undefined) queues.set(key, [item]);
  else queue.push(item);
}

function isStable({ origin, stamp, after }: PendingTally, stable: Stable): boolean {
  if (after === null) return (stable[origin] ?? 0) >= stamp;
  return after.every((each, replica) => each === 0 || (stable[replica] ?? 0) >= each);
}
