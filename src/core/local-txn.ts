/**
 * The open txn and the open envelope of this replica. begin() of the engine is free; the first effect stamps the
 * txn and, where needed, starts an envelope. All txns of one envelope share one context (what this replica had
 * applied of the others), so an envelope is sealed before the first txn that has seen more.
 */
import { ByteWriter } from './bytes.ts';
import type { Stamp, VersionVector } from './contract.ts';
import { ENVELOPE_BYTES_MAX, encodeEnvelope } from './envelope.ts';
import type { State } from './state.ts';
import { TxnWriter } from './txn.ts';

export interface Sealed {
  first: number;
  last: number;
  bytes: Buffer;
}

export class LocalTxn {
  /** Between begin() and commit() of the engine. */
  open = false;
  /** The open txn has an effect. */
  started = false;
  /** How many list elements the open txn has added. */
  private added = 0;
  /** Called when an effect starts an envelope, and with each sealed one. */
  onOpen: () => void = () => {};
  onSealed: (sealed: Sealed) => void = () => {};

  private readonly state: State;
  private readonly writer = new ByteWriter(1 << 16);
  private readonly txn = new TxnWriter(this.writer);
  private first = 0;
  private count = 0;
  private base: Stamp = 0;
  private previous: Stamp = 0;
  private context: VersionVector = [];
  private contextVersion = -1;

  constructor(state: State) {
    this.state = state;
    this.txn.onUnlisted = (replica) => this.list(replica);
  }

  /** Bytes of txns in the open envelope. */
  get openBytes(): number {
    return this.count === 0 && !this.started ? 0 : this.writer.at;
  }

  /** True of a dot whose txn stands in the open envelope: no other replica can have seen it. */
  isUnsent(replica: number, stamp: Stamp): boolean {
    return this.count > 0 && replica === this.state.self && stamp >= this.base;
  }

  /** Where the next effect goes. Outside a txn no effect may happen: a broken caller. */
  begin(): TxnWriter {
    if (!this.started) this.start();
    return this.txn;
  }

  /** What tells apart the list elements that the open txn adds. */
  nextCount(): number {
    return this.added++;
  }

  /** Ends the txn. True if it had an effect. */
  commit(): boolean {
    this.open = false;
    if (!this.started) return false;
    this.started = false;
    const { state } = this;
    this.txn.endTxn();
    this.count++;
    this.previous = state.stamp;
    state.replicas.advance(state.self, state.replicas.numbers[state.self] + 1, state.stamp);
    state.statistics.localTxns++;
    if (this.writer.at >= ENVELOPE_BYTES_MAX) this.seal();
    return true;
  }

  /** Closes the open envelope. False if there was nothing in it. */
  seal(): boolean {
    if (this.count === 0) return false;
    if (this.started) throw new Error('an envelope cannot be sealed within a txn');
    const { first, count, base, context } = this;
    const replica = this.state.replicas.ids[this.state.self];
    const bytes = encodeEnvelope({
      replica,
      first,
      count,
      base,
      context,
      txns: this.writer.bytes.subarray(0, this.writer.at),
    });
    this.count = 0;
    this.writer.reset();
    this.onSealed({ first, last: first + count - 1, bytes });
    return true;
  }

  private start(): void {
    if (!this.open) throw new Error('an effect outside a txn');
    const { state } = this;
    if (this.count > 0 && this.contextVersion !== state.foreignTxns) this.seal();
    state.origin = state.self;
    state.context = null;
    state.stamp = state.clock.next(state.now);
    if (this.count === 0) this.startEnvelope();
    this.started = true;
    this.added = 0;
    this.txn.beginTxn(state.stamp, this.previous);
  }

  private startEnvelope(): void {
    const { state } = this;
    const { replicas } = state;
    this.first = replicas.numbers[state.self] + 1;
    this.base = state.stamp;
    this.previous = state.stamp;
    if (this.contextVersion !== state.foreignTxns) {
      const self = replicas.ids[state.self];
      this.context = state.retirements.shorten(replicas.vector(), self).filter((entry) => entry.replica !== self);
      this.contextVersion = state.foreignTxns;
      this.txn.references = [];
      this.txn.references[state.self] = 0;
      this.context.forEach((entry, index) => {
        this.txn.references[replicas.indexOf(entry.replica)] = index + 1;
      });
    }
    this.writer.reset();
    this.onOpen();
  }

  /**
   * An effect names a replica that has retired; or of which nothing is known but what stands in records of a transfer that
   * a crash has interrupted.
   */
  private list(replica: number): number {
    const { ids, numbers, stamps } = this.state.replicas;
    this.context.push({ replica: ids[replica], number: numbers[replica], stamp: stamps[replica] });
    this.txn.references[replica] = this.context.length;
    return this.context.length;
  }

  /** After a change of incarnation: the next envelope starts from scratch. */
  forget(): void {
    this.contextVersion = -1;
  }
}
