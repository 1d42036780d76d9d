/**
 * Messages of other nodes that have come before writes that were made before them. Messages and txns go different ways, and
 * txns wait a few milliseconds to share an envelope; but who hears of a change by a message goes and reads it, so the
 * message is held until the writes of its node are here. Not for long: what a message has to wait for may not come for a
 * while (a txn from the future, a transfer of state), and then it is worth more late than never.
 *
 * Invariant: messages of one node are given out in the order in which they came.
 */
import type { ReplicaId } from '../core/contract.ts';

/** How far a node has written: its txn of this number, under the replica id that it had. */
export interface WritePoint {
  readonly replica: ReplicaId;
  readonly number: number;
}

/** What is known of writes, here and elsewhere. */
export interface WriteOrder {
  /** The last txn of this node. */
  latest(): WritePoint;
  /** Whether all up to there is applied here. */
  reached(point: WritePoint): boolean;
  /** Called whenever more has been applied. */
  onProgress(listener: () => void): void;
}

/** Many times what an envelope takes between continents. */
export const HELD_MS_MAX = 1000;
/** Per peer. Beyond, the oldest are given out early. */
export const HELD_BYTES_MAX = 8 * 1024 * 1024;

interface Held {
  readonly point: WritePoint;
  readonly bytes: number;
  readonly deliver: () => void;
  overdue: boolean;
}

export class HeldMessages {
  private readonly order: WriteOrder;
  private readonly later: (work: () => void, ms: number) => void;
  private readonly queues = new Map<string, { readonly held: Held[]; bytes: number }>();

  constructor(order: WriteOrder, later: (work: () => void, ms: number) => void) {
    this.order = order;
    this.later = later;
    order.onProgress(() => {
      for (const peerId of this.queues.keys()) this.release(peerId);
    });
  }

  /** Calls `deliver` once what was written up to there is here: at once, if it is. */
  take(peerId: string, point: WritePoint, bytes: number, deliver: () => void): void {
    let queue = this.queues.get(peerId);
    if (queue === undefined && this.order.reached(point)) {
      deliver();
      return;
    }
    if (queue === undefined) this.queues.set(peerId, (queue = { held: [], bytes: 0 }));
    const held = { point, bytes, deliver, overdue: false };
    queue.held.push(held);
    queue.bytes += bytes;
    this.release(peerId);
    this.later(() => {
      held.overdue = true;
      this.release(peerId);
    }, HELD_MS_MAX);
  }

  private release(peerId: string): void {
    const queue = this.queues.get(peerId);
    if (queue === undefined) return;
    let count = 0;
    while (count < queue.held.length && (this.isDue(queue.held[count]) || queue.bytes > HELD_BYTES_MAX)) {
      queue.bytes -= queue.held[count].bytes;
      count++;
    }
    if (count === 0) return;
    const due = queue.held.splice(0, count);
    if (queue.held.length === 0) this.queues.delete(peerId);
    for (const { deliver } of due) deliver();
  }

  private isDue({ point, overdue }: Held): boolean {
    return overdue || this.order.reached(point);
  }
}
