/**
 * The txn log in memory: the latest envelopes of every replica in their one encoding, to answer peers that lack
 * them without a look at the disk. Bounded in bytes, and the more closely where every member has them already; what falls
 * out is still in the store.
 */
import type { Envelope, ReplicaId, VersionVector } from './contract.ts';

/** Enough for a peer that was away for some seconds at full speed (15 MB/s). */
export const LOG_BYTES_MAX = 64 * 1024 * 1024;

/** Of the log, for what is stable: for a peer that starts again and has lost its last second. */
const STABLE_SHARE = 1 / 16;

/** What an envelope takes in memory besides its bytes: it, its buffer and the buffer's store (measured: 680 bytes). */
const ENVELOPE_OVERHEAD_BYTES = 680;

export class TxnLog {
  /** In memory, overhead included: under slow writing there are five envelopes' overhead to each envelope's bytes. */
  bytes = 0;
  private readonly byReplica = new Map<ReplicaId, EnvelopeQueue>();
  private readonly order = new EnvelopeQueue();
  private readonly bytesMax: number;
  /** How far every member has come, by replica; null: there is no other. */
  private stable: ReadonlyMap<ReplicaId, number> | null = new Map();

  constructor(bytesMax = LOG_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  append(envelope: Envelope): void {
    let queue = this.byReplica.get(envelope.replica);
    if (queue === undefined) {
      queue = new EnvelopeQueue();
      this.byReplica.set(envelope.replica, queue);
    }
    queue.push(envelope);
    this.order.push(envelope);
    this.bytes += memoryBytes(envelope);
    this.trim();
  }

  learnStable(stable: VersionVector | 'alone'): void {
    this.stable = stable === 'alone' ? null : new Map(stable.map(({ replica, number }) => [replica, number]));
    this.trim();
  }

  private trim(): void {
    const { bytesMax, order } = this;
    while (order.length > 1 && this.bytes > bytesMax * STABLE_SHARE) {
      if (this.bytes <= bytesMax && !this.isStable(order.at(0))) return;
      this.dropOldest();
    }
  }

  private isStable({ replica, last }: Envelope): boolean {
    return this.stable === null || last <= (this.stable.get(replica) ?? 0);
  }

  /**
   * Envelopes that hold txn `from` and later ones, gapless; null if `from` is not in memory: dropped, or taken over by
   * a state transfer, which leaves a hole.
   */
  read(replica: ReplicaId, from: number, bytesMax: number): Envelope[] | null {
    const queue = this.byReplica.get(replica);
    if (queue === undefined || queue.length === 0 || queue.at(0).first > from) return null;
    let low = 0;
    let high = queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (queue.at(middle).last < from) low = middle + 1;
      else high = middle;
    }
    if (low === queue.length || queue.at(low).first > from) return null;
    const found: Envelope[] = [];
    let bytes = 0;
    let next = from;
    for (let i = low; i < queue.length; i++) {
      const envelope = queue.at(i);
      if (envelope.first > next || (found.length > 0 && bytes + envelope.bytes.length > bytesMax)) break;
      found.push(envelope);
      bytes += envelope.bytes.length;
      next = envelope.last + 1;
    }
    return found;
  }

  /** First number of a replica that is held, or undefined. */
  start(replica: ReplicaId): number | undefined {
    const queue = this.byReplica.get(replica);
    return queue === undefined || queue.length === 0 ? undefined : queue.at(0).first;
  }

  private dropOldest(): void {
    const envelope = this.order.dropFirst();
    // envelopes of one replica join in order, so the oldest of all is the first of its own queue
    this.byReplica.get(envelope.replica)?.dropFirst();
    this.bytes -= memoryBytes(envelope);
  }
}

function memoryBytes(envelope: Envelope): number {
  return envelope.bytes.length + ENVELOPE_OVERHEAD_BYTES;
}

/** First in, first out, without moving the rest for each that leaves; what has left is not held on to. */
class EnvelopeQueue {
  private items: (Envelope | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  at(index: number): Envelope {
    const envelope = this.items[this.head + index];
    if (envelope === undefined) throw new RangeError(`no envelope ${index} of ${this.length}`);
    return envelope;
  }

  push(envelope: Envelope): void {
    this.items.push(envelope);
  }

  dropFirst(): Envelope {
    const envelope = this.at(0);
    this.items[this.head++] = undefined;
    if (this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return envelope;
  }
}
