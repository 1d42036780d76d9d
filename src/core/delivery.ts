/**
 * Causal delivery: a remote envelope is applied when every earlier txn of its origin and everything in its context
 * has been applied here; until then it waits, within a bound. What does not fit is dropped: anti-entropy brings it
 * again. An envelope is checked down to its last effect before the first one is applied.
 */
import { ByteReader, MalformedError } from './bytes.ts';
import { STAMP_MAX, unixMsOf } from './clock.ts';
import type { Received, ReplicaId, Stamp, UnixMs, VersionVector } from './contract.ts';
import { decodeEnvelope, type EnvelopeContents } from './envelope.ts';
import { Slice } from './slice.ts';
import type { State } from './state.ts';
import { type EffectTarget, TxnReader } from './txn.ts';

const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What an envelope that waits takes besides its bytes, about: small ones would fill the memory long before the limit. */
const WAITING_OVERHEAD_BYTES = 1024;

/**
 * What was waited for so long does not come any more: perhaps its author lost it in a crash before anybody had it, so
 * that what follows it can never be applied. Should it come after all, so does the rest, by anti-entropy.
 */
const WAITING_MS_MAX = 120_000;

export interface EnvelopeSpan {
  readonly replica: ReplicaId;
  readonly first: number;
  readonly last: number;
  /** Of the last txn. */
  readonly stamp: Stamp;
  readonly context: VersionVector;
}

interface Waiting {
  contents: EnvelopeContents;
  bytes: Buffer;
  sinceMs: UnixMs;
}

export class Delivery {
  /** Called after an envelope was applied, with its bytes (borrowed where `owned` is false). */
  onApplied: (contents: EnvelopeContents, bytes: Uint8Array, owned: boolean) => void = () => {};
  /** By database. */
  targets: readonly EffectTarget[];
  private readonly state: State;
  private readonly waiting = new Map<string, Waiting[]>();
  private readonly reader = new ByteReader();
  private readonly txns = new TxnReader(() => new Slice());
  /** Our own earlier txns are read back from the store at the start; after it, nobody else may issue in our name. */
  ownAccepted = true;

  constructor(state: State, targets: readonly EffectTarget[]) {
    this.state = state;
    this.targets = targets;
  }

  receive(bytes: Uint8Array): Received {
    let contents: EnvelopeContents;
    let last: Stamp;
    try {
      contents = decodeEnvelope(bytes);
      last = this.check(contents);
    } catch (error) {
      if (error instanceof MalformedError) return { kind: 'malformed', reason: error.message };
      throw error;
    }
    if (this.isKnown(contents)) return { kind: 'duplicate' };
    if (this.state.replicas.find(contents.replica) === this.state.self && !this.ownAccepted) {
      return {
        kind: 'malformed',
        reason: `txns ${contents.first}… of our own replica ${contents.replica} that we did not issue`,
      };
    }
    if (this.isTooEarly(contents, last)) {
      this.state.statistics.quarantinedTxns += contents.count;
      const aheadMs = unixMsOf(last) - this.state.now;
      return { kind: 'quarantined', replica: contents.replica, aheadMs };
    }
    if (!this.isReady(contents)) return this.wait(contents, bytes);
    let txns = this.apply(contents);
    this.onApplied(contents, bytes, false);
    txns += this.applyWaiting();
    return { kind: 'applied', txns };
  }

  /** What a valid envelope holds and rests on. Throws MalformedError. */
  describe(bytes: Uint8Array): EnvelopeSpan {
    const contents = decodeEnvelope(bytes);
    const stamp = this.check(contents);
    const { replica, first, count, context } = contents;
    return { replica, first, last: first + count - 1, stamp, context };
  }

  private isTooEarly({ replica, first }: EnvelopeContents, last: Stamp): boolean {
    const { quarantine, now } = this.state;
    if (quarantine.holdsBack(replica, first)) return true;
    if (quarantine.excessOf(last, now) === 0) return false;
    quarantine.refuse(replica, first, last);
    return true;
  }

  private isReady(contents: EnvelopeContents): boolean {
    const { replicas } = this.state;
    if (contents.first > this.appliedOf(contents.replica) + 1) return false;
    if (!replicas.hasRoomFor([contents, ...contents.context])) return false;
    return contents.context.every((entry) => {
      if (entry.number === 0) return true;
      const index = replicas.find(entry.replica);
      return index !== undefined && replicas.numbers[index] >= entry.number;
    });
  }

  private wait(contents: EnvelopeContents, bytes: Uint8Array): Received {
    const { statistics } = this.state;
    let list = this.waiting.get(contents.replica);
    let place = list === undefined ? 0 : placeOf(list, contents.first);
    for (; list !== undefined && place < list.length && list[place].contents.first === contents.first; place++) {
      if (list[place].contents.count >= contents.count) return { kind: 'waiting' };
    }
    const waitingBytes = bytes.length + WAITING_OVERHEAD_BYTES;
    if (statistics.waitingBytes + waitingBytes > WAITING_BYTES_MAX) return { kind: 'dropped' };
    if (list === undefined) {
      list = [];
      this.waiting.set(contents.replica, list);
    }
    const owned = Buffer.from(bytes);
    list.splice(place, 0, { contents: decodeEnvelope(owned), bytes: owned, sinceMs: this.state.now });
    statistics.waitingEnvelopes++;
    statistics.waitingBytes += waitingBytes;
    return { kind: 'waiting' };
  }

  /** Applies what has become ready, until nothing moves. */
  applyWaiting(): number {
    let txns = 0;
    for (let moved = true; moved; ) {
      moved = false;
      for (const [replica, list] of this.waiting) {
        while (list.length > 0 && this.settleFirst(replica, list)) {
          const { contents, bytes } = this.take(list);
          if (!this.isKnown(contents)) {
            txns += this.apply(contents);
            this.onApplied(contents, bytes, true);
          }
          moved = true;
        }
        if (list.length === 0) this.waiting.delete(replica);
      }
    }
    return txns;
  }

  /** Gives up what has waited too long. */
  forgetStale(): void {
    const before = this.state.now - WAITING_MS_MAX;
    for (const [replica, list] of this.waiting) {
      for (let place = list.length - 1; place >= 0; place--) {
        if (list[place].sinceMs < before) this.take(list, place);
      }
      if (list.length === 0) this.waiting.delete(replica);
    }
  }

  private settleFirst(_replica: string, list: readonly Waiting[]): boolean {
    return this.isKnown(list[0].contents) || this.isReady(list[0].contents);
  }

  private isKnown(contents: EnvelopeContents): boolean {
    return contents.first + contents.count - 1 <= this.appliedOf(contents.replica);
  }

  /** A replica gets an index with its first txn that is applied: names alone, which anybody can invent, take none. */
  private appliedOf(replica: ReplicaId): number {
    const index = this.state.replicas.find(replica);
    return index === undefined ? 0 : this.state.replicas.numbers[index];
  }

  private take(list: Waiting[], place = 0): Waiting {
    const [first] = list.splice(place, 1);
    this.state.statistics.waitingEnvelopes--;
    this.state.statistics.waitingBytes -= first.bytes.length + WAITING_OVERHEAD_BYTES;
    return first;
  }

  /** Reads every effect into nothing. Gives the last txn's stamp. Throws MalformedError. */
  private check(contents: EnvelopeContents): Stamp {
    const references = contents.context.map(() => 0);
    references.push(0);
    const reader = this.reader.set(contents.txns, 0, contents.txns.length);
    let stamp = contents.base;
    for (let left = contents.count; left > 0; left--) {
      stamp += reader.varint();
      this.txns.read(reader, stamp, references, NOWHERE);
    }
    if (!reader.done) throw new MalformedError(`${reader.end - reader.at} bytes after the last txn`);
    if (stamp > STAMP_MAX) throw new MalformedError(`stamp ${stamp}`);
    return stamp;
  }

  private apply(contents: EnvelopeContents): number {
    const { state } = this;
    const { replicas, statistics } = state;
    const origin = replicas.indexOf(contents.replica);
    const context = replicas.contextOf(contents.context);
    const references = [origin, ...contents.context.map((entry) => replicas.indexOf(entry.replica))];
    while (context.length <= origin) context.push(0);
    // it has seen its own earlier txns
    context[origin] = contents.base;
    state.retirements.imply(context);
    const reader = this.reader.set(contents.txns, 0, contents.txns.length);
    const known = replicas.numbers[origin];
    state.origin = origin;
    state.context = context;
    let applied = 0;
    let stamp = contents.base;
    for (let i = 0; i < contents.count; i++) {
      const number = contents.first + i;
      stamp += reader.varint();
      // a txn covers its origin up to itself, so that its later effects see its earlier ones
      context[origin] = stamp;
      state.stamp = stamp;
      if (number <= known) {
        this.txns.read(reader, stamp, references, NOWHERE);
        continue;
      }
      statistics.remoteEffects += this.txns.read(reader, stamp, references, this.targets);
      replicas.advance(origin, number, stamp);
      applied++;
    }
    state.clock.observe(stamp);
    state.foreignTxns++;
    statistics.remoteTxns += applied;
    return applied;
  }
}

/** Where the first one that begins at `first` or later stands. */
function placeOf(list: readonly Waiting[], first: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].contents.first < first) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As many keyspaces as an engine has, that take everything and do nothing. */
const NOBODY: EffectTarget = {
  stringAssign() {},
  stringAdd() {},
  keyClear() {},
  keyExpire() {},
  hashAssign() {},
  hashAdd() {},
  hashRemove() {},
  fieldExpire() {},
  setAdd() {},
  setRemove() {},
  zsetAssign() {},
  zsetAdd() {},
  zsetRemove() {},
  listPush() {},
  listAssign() {},
  streamAdd() {},
  streamAssign() {},
  streamRemove() {},
  streamTrim() {},
  streamDeliver() {},
  streamGroupClear() {},
  listRemove() {},
  databaseClear() {},
  stringPrune() {},
  retire() {},
};
const NOWHERE: readonly EffectTarget[] = new Array(17).fill(NOBODY);
