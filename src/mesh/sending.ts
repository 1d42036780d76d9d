/**
 * What each link is owed: our own txns where the peer follows them, ranges of others' that it has asked for, and a
 * state transfer. Sent as far as the link's credit and its stream go, own txns first; read from the log in memory,
 * and from the store where that does not reach back.
 */
import type { Engine, Envelope, Gap, ReplicaId } from '../core/contract.ts';
import { FrameType, numberOf } from './frames.ts';
import type { Link } from './link.ts';

const READ_BYTES = 512 * 1024;
const PAGE_BYTES = 200 * 1024;
const PULLS_MAX = 256;

export interface SendingOptions {
  engine: Engine;
  storedLog: { read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]> };
  log: { warn(details: object, message: string): void };
}

interface Outgoing {
  /** Next own txn to send; null: not followed. */
  follow: number | null;
  pulls: Gap[];
  /** A state transfer in progress; null: none. */
  state: { number: number; cursor: number } | null;
  reading: boolean;
}

export class Sending {
  paused = false;
  readonly statistics = { envelopes_sent: 0, transfers_sent: 0 };
  private readonly options: SendingOptions;
  private readonly outgoing = new Map<Link, Outgoing>();

  constructor(options: SendingOptions) {
    this.options = options;
  }

  add(link: Link): void {
    this.outgoing.set(link, { follow: null, pulls: [], state: null, reading: false });
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

  /** The peer wants the whole state, under that number. */
  wantState(link: Link, number: number): void {
    this.out(link).state = { number, cursor: 0 };
    this.pump(link);
  }

  pumpAll(): void {
    for (const link of this.outgoing.keys()) this.pump(link);
  }

  private out(link: Link): Outgoing {
    const out = this.outgoing.get(link);
    if (out === undefined) throw new Error(`link to ${link.peerId} is not ours`);
    return out;
  }

  /** Sends what the link is owed, as far as its credit and the stream go. */
  private pump(link: Link): void {
    const out = this.outgoing.get(link);
    if (out === undefined || this.paused || !link.ready) return;
    while (link.writable && !out.reading) {
      if (out.follow !== null && this.sendOwn(link, out, out.follow)) continue;
      const [gap] = out.pulls;
      if (gap !== undefined) {
        if (gap.from > gap.to) out.pulls.shift();
        else
          this.sendRange(link, out, gap.replica, gap.from, (next) => {
            gap.from = next;
          });
        continue;
      }
      if (out.state === null) return;
      this.sendPage(link, out, out.state);
    }
  }

  /** Own txns from `from` on; false if there are none (yet). */
  private sendOwn(link: Link, out: Outgoing, from: number): boolean {
    const { engine } = this.options;
    const last = numberOf(engine.vector(), engine.replica);
    if (from > last) return false;
    this.sendRange(link, out, engine.replica, from, (next) => {
      if (out.follow === from) out.follow = next;
    });
    return true;
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
    return envelopes.length === 0 ? Number.MAX_SAFE_INTEGER : next;
  }

  private tellGone(link: Link, out: Outgoing, replica: ReplicaId, from: number): void {
    link.sendMap(FrameType.gone, { r: replica, from });
    if (replica === this.options.engine.replica) out.follow = null;
    out.pulls = out.pulls.filter((gap) => gap.replica !== replica);
  }

  private sendPage(link: Link, out: Outgoing, state: { number: number; cursor: number }): void {
    if (state.cursor === 0) link.sendMap(FrameType.stateBegin, { n: state.number });
    const { next, bytes } = this.options.engine.exportState(state.cursor, PAGE_BYTES);
    link.sendBulk(FrameType.statePage, bytes);
    state.cursor = next;
    if (next !== 0) return;
    out.state = null;
    this.statistics.transfers_sent++;
    link.sendMap(FrameType.stateEnd, { n: state.number });
  }
}
