/**
 * What each link is owed: our own txns where the peer follows them, ranges of others' that it has asked for, and a
 * state transfer. Sent as far as the link's credit and its stream go, own txns first; read from the log in memory,
 * and from the store where that does not reach back.
 */
import type { Engine, Envelope, Gap, ReplicaId } from '../core/contract.ts';
import { fingerprintsOf } from '../core/index.ts';
import { FrameType, numberOf } from './frames.ts';
import type { Link } from './link.ts';

const READ_BYTES = 512 * 1024;
const PAGE_BYTES = 200 * 1024;
const PULLS_MAX = 256;
/** Kept for one transfer; past it, it is broken off. */
const TAIL_BYTES_MAX = 256 * 1024 * 1024;
const NO_SLOTS = new Uint8Array(0);

export interface SendingOptions {
  engine: Engine;
  storedLog: { read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]> };
  /** Of a page of the state, and of a list of keys, about. */
  pageBytes?: number;
  log: { warn(details: object, message: string): void };
}

/**
 * All of our state from `cursor` on; or, where the peer has told what it holds, first a list of our keys in the slots
 * that differ, then what it wants of them. Last the txns that came here meanwhile: the pages hold some of their effects,
 * and with all of them the peer's data is again what its vector says.
 */
interface StateTransfer {
  readonly number: number;
  cursor: number;
  phase: 'begin' | 'listing' | 'listed' | 'pages' | 'tail';
  /** Digests of the slots that the peer holds; null: it asks for everything. */
  readonly held: Uint8Array | null;
  slots: Uint8Array;
  wanted: Set<string> | undefined;
  /** Envelopes since its begin. */
  tail: Envelope[];
  tailBytes: number;
}

interface Outgoing {
  /** Next own txn to send; null: not followed. */
  follow: number | null;
  pulls: Gap[];
  /** A state transfer in progress; null: none. */
  state: StateTransfer | null;
  reading: boolean;
  pumping: boolean;
}

export class Sending {
  paused = false;
  readonly statistics = { envelopes_sent: 0, transfers_sent: 0 };
  private readonly options: SendingOptions;
  private readonly pageBytes: number;
  private readonly outgoing = new Map<Link, Outgoing>();

  constructor(options: SendingOptions) {
    this.options = options;
    this.pageBytes = options.pageBytes ?? PAGE_BYTES;
  }

  add(link: Link): void {
    this.outgoing.set(link, { follow: null, pulls: [], state: null, reading: false, pumping: false });
    link.onWritable = () => this.pump(link);
  }

  remove(link: Link): void {
    this.outgoing.delete(link);
  }

  /** The peer wants our own txns from that one on. */
  follow(link: Link, from: number): void {
    this.out(link).follow = Math.max(1, from);
    this.pump(link);
  }

  /** The peer wants this range; of a replica's ranges the last one asked for counts. */
  pull(link: Link, gap: Gap): void {
    const { pulls } = this.out(link);
    const known = pulls.findIndex((each) => each.replica === gap.replica);
    if (known >= 0) pulls[known] = gap;
    else if (pulls.length < PULLS_MAX) pulls.push(gap);
    this.pump(link);
  }

  /** The peer wants the state, under that number: all of it, or what differs from what it holds. */
  wantState(link: Link, number: number, held: Uint8Array | null): void {
    this.out(link).state = {
      number,
      cursor: 0,
      phase: 'begin',
      held,
      slots: NO_SLOTS,
      wanted: undefined,
      tail: [],
      tailBytes: 0,
    };
    this.pump(link);
  }

  /** Of what was listed the peer wants these keys; with `last` it has said all. */
  wantKeys(link: Link, number: number, keys: Uint8Array, last: boolean): void {
    const { state } = this.out(link);
    if (state === null || state.number !== number || state.phase !== 'listed') return;
    state.wanted ??= new Set();
    for (const name of fingerprintsOf(keys)) state.wanted.add(name);
    if (!last) return;
    state.phase = 'pages';
    state.cursor = 0;
    this.pump(link);
  }

  pumpAll(): void {
    // sealing within it calls it again: what has come since goes out then
    const last = this.lastOwn();
    for (const link of this.outgoing.keys()) this.pump(link, last);
  }

  /** Takes as long as there are replicas. */
  private lastOwn(): number {
    const { engine } = this.options;
    return numberOf(engine.vector(), engine.replica);
  }

  private out(link: Link): Outgoing {
    const out = this.outgoing.get(link);
    if (out === undefined) throw new Error(`link to ${link.peerId} is not ours`);
    return out;
  }

  /** Sends what the link is owed, own txns to `last`, as far as its credit and the stream go. */
  private pump(link: Link, last = this.lastOwn()): void {
    const out = this.outgoing.get(link);
    // sealing within it calls it again
    if (out === undefined || out.pumping || this.paused || !link.ready) return;
    out.pumping = true;
    while (link.writable && !out.reading) {
      if (out.follow !== null && out.follow <= last) this.sendOwn(link, out, out.follow);
      else if (out.pulls.length > 0) this.sendPulled(link, out);
      else if (out.state === null || out.state.phase === 'listed') break;
      else this.sendState(link, out, out.state);
    }
    out.pumping = false;
  }

  private sendPulled(link: Link, out: Outgoing): void {
    const [gap] = out.pulls;
    if (gap.from > gap.to) out.pulls.shift();
    else
      this.sendRange(link, out, gap.replica, gap.from, (next) => {
        gap.from = next;
      });
  }

  private sendState(link: Link, out: Outgoing, state: StateTransfer): void {
    if (state.phase === 'begin') this.beginState(link, state);
    else if (state.phase === 'listing') this.sendList(link, state);
    else if (state.phase === 'pages') this.sendPage(link, state);
    else if (state.cursor < state.tail.length) link.sendBulk(FrameType.stateTail, state.tail[state.cursor++].bytes);
    else {
      out.state = null;
      this.statistics.transfers_sent++;
      link.sendMap(FrameType.stateEnd, { n: state.number });
    }
  }

  /** Every envelope, ours and others', as it is sealed or applied. */
  noteTail(envelope: Envelope): void {
    for (const [link, out] of this.outgoing) {
      const { state } = out;
      if (state === null || state.phase === 'begin' || state.phase === 'tail') continue;
      state.tail.push(envelope);
      state.tailBytes += envelope.bytes.length;
      if (state.tailBytes > TAIL_BYTES_MAX) this.breakOff(link, out, state);
    }
  }

  /** We have merged a state ourselves: what came by it is in no tail. */
  breakOffTransfers(): void {
    for (const [link, out] of this.outgoing) {
      if (out.state !== null && out.state.phase !== 'begin') this.breakOff(link, out, out.state);
    }
  }

  /** The peer asks again. */
  private breakOff(link: Link, out: Outgoing, { number }: StateTransfer): void {
    out.state = null;
    link.sendMap(FrameType.stateEnd, { n: number, broken: true });
  }

  private sendOwn(link: Link, out: Outgoing, from: number): void {
    this.sendRange(link, out, this.options.engine.replica, from, (next) => {
      if (out.follow === from) out.follow = next;
    });
  }

  /** Sends one read's worth of a replica's log and tells where it ended; reads the store where memory does not reach. */
  private sendRange(
    link: Link,
    out: Outgoing,
    replica: ReplicaId,
    from: number,
    advance: (next: number) => void,
  ): void {
    const inMemory = this.options.engine.readLog(replica, from, READ_BYTES);
    if (inMemory !== null) {
      advance(this.sendEnvelopes(link, inMemory, from));
      return;
    }
    out.reading = true;
    this.options.storedLog.read(replica, from, READ_BYTES).then(
      (envelopes) => {
        out.reading = false;
        if (envelopes.length === 0 || envelopes[0].first > from) this.tellGone(link, out, replica, from);
        else advance(this.sendEnvelopes(link, envelopes, from));
        this.pump(link);
      },
      (error: unknown) => {
        out.reading = false;
        this.options.log.warn({ err: error, replica, from }, 'cannot read the log for a peer');
      },
    );
  }

  private sendEnvelopes(link: Link, envelopes: readonly Envelope[], from: number): number {
    let next = from;
    for (const envelope of envelopes) {
      link.sendBulk(FrameType.envelope, envelope.bytes);
      this.statistics.envelopes_sent++;
      next = envelope.last + 1;
    }
    // nothing to send for a gap that we do not have either
    return envelopes.length === 0 ? Number.POSITIVE_INFINITY : next;
  }

  private tellGone(link: Link, out: Outgoing, replica: ReplicaId, from: number): void {
    link.sendMap(FrameType.gone, { r: replica, from });
    if (replica === this.options.engine.replica) out.follow = null;
    out.pulls = out.pulls.filter((gap) => gap.replica !== replica);
  }

  private beginState(link: Link, state: StateTransfer): void {
    this.options.engine.seal();
    state.tail = [];
    state.tailBytes = 0;
    if (state.held === null) {
      link.sendMap(FrameType.stateBegin, { n: state.number });
      state.phase = 'pages';
      return;
    }
    const { slots, vector } = this.options.engine.compareSlots(state.held);
    state.slots = slots;
    state.phase = 'listing';
    link.sendMap(FrameType.stateBegin, { n: state.number, slots, x: vector });
  }

  private sendList(link: Link, state: StateTransfer): void {
    const { next, bytes } = this.options.engine.listKeys(state.slots, state.cursor, this.pageBytes);
    if (bytes.length > 0) link.sendBulk(FrameType.keyList, bytes);
    state.cursor = next;
    if (next !== 0) return;
    state.phase = 'listed';
    link.sendMap(FrameType.keysListed, { n: state.number });
  }

  private sendPage(link: Link, state: StateTransfer): void {
    const { engine } = this.options;
    const { next, bytes } = engine.exportState(state.cursor, this.pageBytes, state.wanted);
    link.sendBulk(FrameType.statePage, bytes);
    state.cursor = next;
    if (next !== 0) return;
    // what the pages hold is in the tail then
    engine.seal();
    state.phase = 'tail';
    state.cursor = 0;
  }
}
