/**
 * Anti-entropy over the links. Each side follows the other's own txns (open-ended: they are sent as they are
 * sealed), tells its version vector now and then, pulls what others wrote and it lacks, and falls back to a state
 * transfer where no log reaches back. Correctness rests on this alone; gossip only makes it faster where there is
 * no direct link. Nothing that came from a peer is sent on unasked.
 */
import type { Engine, Envelope, Gap, ReplicaId, VersionVector } from '../core/contract.ts';
import {
  decodeMap,
  FrameError,
  FrameType,
  integerField,
  listField,
  numberField,
  replicaField,
  textField,
  textsField,
  vectorFromWire,
  vectorToWire,
} from './frames.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';

const PROTOCOL_VERSION = 1;
const READ_BYTES = 512 * 1024;
const PAGE_BYTES = 200 * 1024;
/** Txns of a directly linked origin are on their way already: they are pulled elsewhere only after this. */
const DIRECT_PATIENCE_MS = 700;
/** A pull that brought nothing for so long is asked again, elsewhere perhaps. */
const PULL_PATIENCE_MS = 3000;
const PULLS_MAX = 256;
/** A transfer that brought nothing for so long is asked for again. */
const TRANSFER_PATIENCE_MS = 10_000;
/** Entries of vectors in one frame that tells of members: about 130 KB of them. */
const MEMBER_ENTRIES_PER_FRAME = 3000;
/** What the rest of a member takes there, in such entries. */
const MEMBER_ENTRIES = 10;

export interface SyncOptions {
  engine: Engine;
  members: Members;
  cluster: string;
  peerId: string;
  region: string;
  zone: string;
  /** Our vectors go out by gossip as well. */
  gossips: boolean;
  addresses(): string[];
  storedLog: { read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]> };
  log: { info(details: object, message: string): void; warn(details: object, message: string): void };
  /** A peer holds our replica id, further than we are: a copy of our data is alive somewhere. */
  onReplicaClash(): void;
}

/** Txns of one replica that a peer was asked for. */
interface Pull {
  link: Link;
  from: number;
  to: number;
  /** When it was sent, or last brought something. */
  sinceMs: number;
}

/** A state transfer to us. */
interface Transfer {
  link: Link;
  /** Tells its pages from those of an earlier one over the same link that was given up. */
  number: number;
  /** Null until its begin has come. */
  pages: Uint8Array[] | null;
  sinceMs: number;
}

/** What a link is to be sent. */
interface Outgoing {
  /** Next own txn to send; null: not followed. */
  follow: number | null;
  pulls: Gap[];
  /** A state transfer in progress; null: none. */
  state: { number: number; cursor: number } | null;
  reading: boolean;
}

export class Sync {
  readonly links = new Map<string, Link>();
  paused = false;
  statistics = {
    envelopes_sent: 0,
    envelopes_received: 0,
    pulls: 0,
    transfers_sent: 0,
    transfers_received: 0,
    refused: 0,
    replica_clashes: 0,
  };
  /** A peer has said hello. */
  onReady: (link: Link) => void = () => {};
  private readonly options: SyncOptions;
  private readonly outgoing = new Map<Link, Outgoing>();
  private readonly gapSince = new Map<ReplicaId, number>();
  private readonly pulling = new Map<ReplicaId, Pull>();
  private transfer: Transfer | null = null;
  private transfersAsked = 0;
  private ackTimer: NodeJS.Timeout | null = null;

  constructor(options: SyncOptions) {
    this.options = options;
    options.engine.onEnvelope((_envelope, local) => {
      if (local) this.pumpAll();
    });
  }

  /** Takes over a new stream to a peer. */
  add(link: Link): void {
    this.links.get(link.peerId)?.close('replaced by a newer stream');
    this.links.set(link.peerId, link);
    this.outgoing.set(link, { follow: null, pulls: [], state: null, reading: false });
    link.onFrame = (type, body) => this.frame(link, type, body);
    link.onWritable = () => this.pump(link);
    const { cluster, peerId, region, zone, engine, gossips } = this.options;
    link.sendMap(FrameType.hello, {
      p: PROTOCOL_VERSION,
      cluster,
      id: peerId,
      replica: engine.replica,
      region,
      zone,
      addresses: this.options.addresses(),
      vector: vectorToWire(engine.vector()),
      clock: Date.now(),
      gossip: gossips,
    });
  }

  remove(link: Link): void {
    this.outgoing.delete(link);
    if (this.links.get(link.peerId) === link) this.links.delete(link.peerId);
    for (const [replica, pull] of this.pulling) if (pull.link === link) this.pulling.delete(replica);
    if (this.transfer?.link === link) this.transfer = null;
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    this.pulling.clear();
    this.transfer = null;
    if (paused) return;
    for (const link of this.links.values()) {
      if (!link.ready) continue;
      this.follow(link);
      this.sendVector(link);
    }
    this.pumpAll();
  }

  /** Tells every peer how far we are. */
  broadcastVector(): void {
    if (!this.paused) for (const link of this.links.values()) if (link.ready) this.sendVector(link);
  }

  /** Asks every peer how far it is, behind everything sent so far. */
  askAll(): void {
    if (!this.paused) for (const link of this.links.values()) if (link.ready) link.sendMap(FrameType.ask, {});
  }

  /** Tells every peer what we know of the members. */
  broadcastMembers(): void {
    if (!this.paused) this.tellMembers([...this.links.values()].filter((link) => link.ready));
  }

  private tellMembers(links: readonly Link[]): void {
    const now = Date.now();
    let list: Record<string, unknown>[] = [];
    let entries = 0;
    const tell = () => {
      for (const link of links) link.sendMap(FrameType.members, { list });
      list = [];
      entries = 0;
    };
    for (const member of this.options.members.all()) {
      if (list.length > 0 && entries + member.vector.length > MEMBER_ENTRIES_PER_FRAME) tell();
      entries += member.vector.length + MEMBER_ENTRIES;
      list.push({
        id: member.peerId,
        replica: member.replica,
        region: member.region,
        zone: member.zone,
        addresses: member.addresses,
        vector: vectorToWire(member.vector),
        age: Math.max(0, now - member.lastSeenMs),
      });
    }
    if (list.length > 0) tell();
  }

  private sendVector(link: Link): void {
    const { engine } = this.options;
    engine.seal();
    link.sendMap(FrameType.vector, { vector: vectorToWire(engine.vector()), clock: Date.now() });
  }

  private follow(link: Link): void {
    const theirs = this.options.members.get(link.peerId)?.replica;
    const have = this.options.engine.vector().find((entry) => entry.replica === theirs)?.number ?? 0;
    link.sendMap(FrameType.follow, { from: have + 1 });
  }

  // --- frames

  private frame(link: Link, type: number, body: Buffer): void {
    if (!link.ready && type !== FrameType.hello) throw new FrameError(`frame ${type} before hello`);
    switch (type) {
      case FrameType.hello:
        this.hello(link, decodeMap(body));
        return;
      case FrameType.vector:
        this.vector(link, decodeMap(body));
        return;
      case FrameType.members:
        this.members(decodeMap(body));
        return;
      case FrameType.ask:
        if (!this.paused) this.sendVector(link);
        return;
      case FrameType.follow:
        this.out(link).follow = Math.max(1, integerField(decodeMap(body), 'from'));
        this.pump(link);
        return;
      case FrameType.pull:
        this.pull(link, decodeMap(body));
        return;
      case FrameType.envelope:
        this.envelope(body);
        return;
      case FrameType.gone:
        if (!this.paused) this.requestState(link);
        return;
      case FrameType.wantState:
        this.out(link).state = { number: integerField(decodeMap(body), 'n'), cursor: 0 };
        this.pump(link);
        return;
      case FrameType.stateBegin:
        this.beginTransfer(this.awaited(link, decodeMap(body)));
        return;
      case FrameType.statePage:
        if (this.transfer?.link === link && this.transfer.pages !== null) {
          this.transfer.pages.push(Buffer.from(body));
          this.transfer.sinceMs = Date.now();
        }
        return;
      case FrameType.stateEnd:
        this.finishTransfer(this.awaited(link, decodeMap(body)));
        return;
      default:
        throw new FrameError(`unknown frame ${type}`);
    }
  }

  private out(link: Link): Outgoing {
    const out = this.outgoing.get(link);
    if (out === undefined) throw new Error(`link to ${link.peerId} is not ours`);
    return out;
  }

  private hello(link: Link, map: Record<string, unknown>): void {
    const { cluster, members, engine, log } = this.options;
    if (numberField(map, 'p') !== PROTOCOL_VERSION) throw new FrameError(`sync protocol version ${String(map.p)}`);
    if (textField(map, 'cluster') !== cluster) throw new FrameError(`cluster ${JSON.stringify(map.cluster)}`);
    if (textField(map, 'id') !== link.peerId) throw new FrameError('peer id of somebody else');
    const replica = replicaField(map, 'replica');
    if (replica === engine.replica) {
      this.clash(link);
      return;
    }
    members.welcome(link.peerId);
    members.report({
      peerId: link.peerId,
      replica,
      vector: vectorFromWire(map.vector),
      region: textField(map, 'region'),
      zone: textField(map, 'zone'),
      addresses: textsField(map, 'addresses'),
      clockMs: numberField(map, 'clock'),
      seenMs: Date.now(),
    });
    link.ready = true;
    link.gossips = map.gossip !== false;
    link.ping();
    log.info({ peer: link.peerId, replica }, 'peer connected');
    if (!this.paused) {
      this.follow(link);
      this.tellMembers([link]);
      this.pullMissing();
    }
    this.onReady(link);
  }

  private vector(link: Link, map: Record<string, unknown>): void {
    if (this.paused) return;
    const { members, engine } = this.options;
    const known = members.get(link.peerId);
    if (known === undefined) return;
    const vector = vectorFromWire(map.vector);
    members.report({ ...known, vector, clockMs: numberField(map, 'clock'), seenMs: Date.now() });
    const ours = vector.find((entry) => entry.replica === engine.replica);
    if (
      ours !== undefined &&
      ours.number > (engine.vector().find((entry) => entry.replica === engine.replica)?.number ?? 0)
    )
      this.clash(link);
    this.pullMissing();
  }

  private clash(link: Link): void {
    this.statistics.replica_clashes++;
    this.options.log.warn({ peer: link.peerId }, 'another node uses our replica id: taking a new one');
    this.options.onReplicaClash();
    link.close('replica id clash');
  }

  private members(map: Record<string, unknown>): void {
    if (this.paused) return;
    const now = Date.now();
    for (const each of listField(map, 'list')) {
      if (typeof each !== 'object' || each === null) throw new FrameError('bad member');
      const entry = each as Record<string, unknown>;
      const peerId = textField(entry, 'id');
      if (this.links.has(peerId)) continue;
      this.options.members.report({
        peerId,
        replica: replicaField(entry, 'replica'),
        vector: vectorFromWire(entry.vector),
        region: textField(entry, 'region'),
        zone: textField(entry, 'zone'),
        addresses: textsField(entry, 'addresses'),
        clockMs: 0,
        seenMs: now - numberField(entry, 'age'),
      });
    }
  }

  private envelope(body: Buffer): void {
    if (this.paused) return;
    this.statistics.envelopes_received++;
    const received = this.options.engine.receive(body);
    if (received.kind === 'malformed') {
      this.statistics.refused++;
      throw new FrameError(`envelope: ${received.reason}`);
    }
    if (received.kind === 'waiting' || received.kind === 'dropped') this.pullMissing();
    if (received.kind === 'applied') this.acknowledgeSoon();
  }

  /** Peers learn how far we are soon after we have applied something, in one frame for many envelopes. */
  private acknowledgeSoon(): void {
    if (this.ackTimer !== null) return;
    this.ackTimer = setTimeout(() => {
      this.ackTimer = null;
      this.broadcastVector();
    }, 200);
    this.ackTimer.unref();
  }

  // --- pulling

  /** Compares the members' vectors with ours and asks for what is missing, from the nearest peer that has it. */
  pullMissing(): void {
    if (this.paused) return;
    const { engine, members } = this.options;
    const now = Date.now();
    const wanted = new Map<ReplicaId, number>();
    for (const { vector } of members.all()) {
      for (const { replica, from } of engine.missing(vector)) wanted.set(replica, from);
    }
    for (const replica of this.gapSince.keys()) if (!wanted.has(replica)) this.gapSince.delete(replica);
    for (const [replica, from] of wanted) {
      if (replica === engine.replica) continue;
      const since = this.gapSince.get(replica) ?? now;
      this.gapSince.set(replica, since);
      if (this.isLinkedOrigin(replica) && now - since < DIRECT_PATIENCE_MS) continue;
      const pull = this.pulling.get(replica);
      if (pull === undefined || from > pull.to) {
        this.pullFrom(replica, from, now, null);
        continue;
      }
      if (from > pull.from) {
        pull.from = from;
        pull.sinceMs = now;
      }
      // who was asked and did not give it is asked again only if nobody else has it
      if (now - pull.sinceMs >= PULL_PATIENCE_MS) this.pullFrom(replica, from, now, pull.link);
    }
  }

  private isLinkedOrigin(replica: ReplicaId): boolean {
    return this.options.members
      .all()
      .some((member) => member.replica === replica && this.links.get(member.peerId)?.ready === true);
  }

  private pullFrom(replica: ReplicaId, from: number, now: number, avoided: Link | null): void {
    let best: { link: Link; to: number } | undefined;
    for (const link of this.links.values()) {
      if (!link.ready) continue;
      const to = numberOf(this.options.members.get(link.peerId)?.vector, replica);
      if (to < from) continue;
      if (best === undefined || best.link === avoided || (link !== avoided && link.rttMs < best.link.rttMs))
        best = { link, to };
    }
    if (best === undefined) return;
    this.statistics.pulls++;
    this.pulling.set(replica, { ...best, from, sinceMs: now });
    best.link.sendMap(FrameType.pull, { r: replica, from, to: best.to });
  }

  private pull(link: Link, map: Record<string, unknown>): void {
    const { pulls } = this.out(link);
    const gap = {
      replica: replicaField(map, 'r'),
      from: Math.max(1, integerField(map, 'from')),
      to: integerField(map, 'to'),
    };
    const known = pulls.findIndex((each) => each.replica === gap.replica);
    if (known >= 0) pulls[known] = gap;
    else if (pulls.length < PULLS_MAX) pulls.push(gap);
    this.pump(link);
  }

  private requestState(link: Link): void {
    const now = Date.now();
    if (this.transfer !== null && now - this.transfer.sinceMs < TRANSFER_PATIENCE_MS) return;
    const number = ++this.transfersAsked;
    this.transfer = { link, number, pages: null, sinceMs: now };
    this.options.log.info({ peer: link.peerId }, 'logs do not reach back: asking for a state transfer');
    link.sendMap(FrameType.wantState, { n: number });
  }

  /** The transfer that a begin or end is of; null if that was given up, or never asked for. */
  private awaited(link: Link, map: Record<string, unknown>): Transfer | null {
    const number = integerField(map, 'n');
    return this.transfer?.link === link && this.transfer.number === number ? this.transfer : null;
  }

  private beginTransfer(transfer: Transfer | null): void {
    if (transfer !== null) transfer.pages = [];
  }

  private finishTransfer(transfer: Transfer | null): void {
    if (transfer === null) return;
    const { link, pages } = transfer;
    if (pages === null) throw new FrameError('end of a state transfer without its begin');
    this.transfer = null;
    try {
      this.options.engine.importState(pages);
    } catch (error) {
      this.statistics.refused++;
      throw new FrameError(`state: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.statistics.transfers_received++;
    this.options.log.info({ peer: link.peerId, pages: pages.length }, 'state transfer merged');
    this.pulling.clear();
    this.gapSince.clear();
    for (const each of this.links.values()) if (each.ready) this.follow(each);
    this.pullMissing();
  }

  // --- sending

  pumpAll(): void {
    for (const link of this.links.values()) this.pump(link);
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

function numberOf(vector: VersionVector | undefined, replica: ReplicaId): number {
  return vector?.find((entry) => entry.replica === replica)?.number ?? 0;
}
