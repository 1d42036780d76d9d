/**
 * The txn log in memory: the latest envelopes of every replica in their one encoding, to answer peers that lack
 * them without a look at the disk. Bounded in bytes; what falls out is still in the store.
 */
import type { Envelope, ReplicaId } from './contract.ts';

/** Enough for a peer that was away for some seconds at full speed (15 MB/s). */
export const LOG_BYTES_MAX = 64 * 1024 * 1024;

export class TxnLog {
  bytes = 0;
  private readonly byReplica = new Map<ReplicaId, Envelope[]>();
  private readonly order: Envelope[] = [];
  private oldest = 0;
  private readonly bytesMax: number;

  constructor(bytesMax = LOG_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  append(envelope: Envelope): void {
    let list = this.byReplica.get(envelope.replica);
    if (list === undefined) {
      list = [];
      this.byReplica.set(envelope.replica, list);
    }
    list.push(envelope);
    this.order.push(envelope);
    this.bytes += envelope.bytes.length;
    while (this.bytes > this.bytesMax && this.oldest < this.order.length - 1) this.dropOldest();
  }

  /** Envelopes that hold txn `from` and later ones, in order; null if memory does not reach back so far. */
  read(replica: ReplicaId, from: number, bytesMax: number): Envelope[] | null {
    const list = this.byReplica.get(replica);
    if (list === undefined || list.length === 0 || list[0].first > from) return null;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (list[middle].last < from) low = middle + 1;
      else high = middle;
    }
    const found: Envelope[] = [];
    let bytes = 0;
    for (let i = low; i < list.length && (found.length === 0 || bytes + list[i].bytes.length <= bytesMax); i++) {
      found.push(list[i]);
      bytes += list[i].bytes.length;
    }
    return found;
  }

  /** First number of a replica that is held, or undefined. */
  start(replica: ReplicaId): number | undefined {
    return this.byReplica.get(replica)?.[0]?.first;
  }

  private dropOldest(): void {
    const envelope = this.order[this.oldest++];
    const list = this.byReplica.get(envelope.replica);
    // envelopes of one replica join in order, so the oldest of all is the first of its own list
    list?.shift();
    this.bytes -= envelope.bytes.length;
    if (this.oldest > 4096) {
      this.order.splice(0, this.oldest);
      this.oldest = 0;
    }
  }
}
