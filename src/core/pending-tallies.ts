/**
 * Cancelled tallies that wait until every member knows of their cancellation. They stand in queues, so that a look at
 * them costs no more than there are queues and tallies that go: by the replica that cancelled them, in the order of its
 * txns, or by the vector among which the cancelling txn is. One whose author may have added more stands aside, and
 * holds up no other.
 */
import type { Stamp } from './contract.ts';

/** A cancelled tally that is dropped once the cancelling txn (origin, stamp) is stable, or all that is in `after`. */
export interface PendingTally {
  record: Buffer;
  replica: number;
  cancelStamp: Stamp;
  origin: number;
  stamp: Stamp;
  /** Which txn cancelled it is not known (it was loaded, or merged): stamps by replica index among which it is. */
  after: readonly number[] | null;
}

type Stable = readonly Stamp[];

export class PendingTallies {
  private readonly byOrigin = new Map<number, PendingTally[]>();
  private readonly byVector = new Map<readonly number[], PendingTally[]>();
  /** By author: their cancellation is stable. */
  private readonly held = new Map<number, PendingTally[]>();

  get size(): number {
    return sizeOf(this.byOrigin) + sizeOf(this.byVector) + this.heldSize;
  }

  /** Of those, what waits for its author's txns only. */
  get heldSize(): number {
    return sizeOf(this.held);
  }

  *[Symbol.iterator](): Iterator<PendingTally> {
    for (const queues of [this.byOrigin, this.byVector, this.held]) for (const queue of queues.values()) yield* queue;
  }

  add(item: PendingTally): void {
    if (item.after === null) put(this.byOrigin, item.origin, item);
    else put(this.byVector, item.after, item);
  }

  /** Takes out what may be dropped. `stable`: stamps by replica index; null: everything may. */
  takeStable(stable: Stable | null, isLacking: (author: number) => boolean): PendingTally[] {
    if (stable === null) return this.takeAll();
    const taken: PendingTally[] = [];
    const release = (item: PendingTally) => {
      if (isLacking(item.replica)) put(this.held, item.replica, item);
      else taken.push(item);
    };
    for (const [author, items] of this.held) {
      if (isLacking(author)) continue;
      this.held.delete(author);
      // whoever joins, or comes back, may not know of the cancellation
      for (const item of items) {
        if (isStable(item, stable)) taken.push(item);
        else this.add(item);
      }
    }
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

  private takeAll(): PendingTally[] {
    const all = [...this];
    for (const queues of [this.byOrigin, this.byVector, this.held]) queues.clear();
    return all;
  }
}

function put<K>(queues: Map<K, PendingTally[]>, key: K, item: PendingTally): void {
  const queue = queues.get(key);
  if (queue === undefined) queues.set(key, [item]);
  else queue.push(item);
}

function sizeOf(queues: ReadonlyMap<unknown, readonly PendingTally[]>): number {
  let size = 0;
  for (const queue of queues.values()) size += queue.length;
  return size;
}

function isStable({ origin, stamp, after }: PendingTally, stable: Stable): boolean {
  if (after === null) return (stable[origin] ?? 0) >= stamp;
  return after.every((each, replica) => each === 0 || (stable[replica] ?? 0) >= each);
}
