/**
 * Anti-entropy over the links. Each side follows the other's own txns (open-ended: they are sent as they are
 * sealed), tells its version vector now and then, pulls what others wrote and it lacks, and falls back to a state
 * transfer where no log reaches back. Correctness rests on this alone; gossip only makes it faster where there is
 * no direct link. Nothing that came from a peer is sent on unasked.
 */
import type { MeshVerification } from '../commands/services.ts';
import type { Engine, Envelope, ReplicaId, VersionVector } from '../core/contract.ts';
import { MalformedError, unpackRetirements } from '../core/index.ts';
import { Acknowledging } from './acknowledging.ts';
import { Acquaintance } from './acquaintance.ts';
import { Agreement } from './agreement.ts';
import { CatchingUp } from './catching-up.ts';
import type { ClockAlarm } from './clock-alarm.ts';
import { Compression } from './compression.ts';
import { Durability } from './durability.ts';
import {
  bytesField,
  decodeMap,
  FrameError,
  FrameType,
  integerField,
  numberField,
  replicaField,
  textField,
} from './frames.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';
import type { MemoryLimit } from './memory-limits.ts';
import { Messenger } from './messenger.ts';
import { Repair } from './repair.ts';
import { Sending } from './sending.ts';
import { VectorChanges } from './vector-changes.ts';

export interface SyncOptions {
  engine: Engine;
  members: Members;
  clockAlarm: ClockAlarm;
  cluster: string;
  peerId: string;
  region: string;
  zone: string;
  /** Our vectors go out by gossip as well. */
  gossips: boolean;
  addresses(): string[];
  /** `maxmemory` here, for peers to compare with theirs. */
  memoryLimit?(): MemoryLimit;
  /** Default: auto. */
  compression?: Compression;
  storedLog: StoredLog;
  pageBytes?: number;
  log: { info(details: object, message: string): void; warn(details: object, message: string): void };
  /** A peer's state was merged, in one step of so many milliseconds. */
  onMerged?(ms: number): void;
  /** Our replica id may not be used any more. */
  takeNewReplica(): void;
}

/** What of the store peers may need: old envelopes, and to know of what is on disk. */
export interface StoredLog {
  read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]>;
  whenDurable(callback: (failed: boolean) => void): void;
}

export interface SyncStatistics {
  readonly envelopes_sent: number;
  readonly envelopes_received: number;
  readonly pulls: number;
  readonly transfers_sent: number;
  readonly transfers_received: number;
  readonly transfers_early: number;
  readonly transfers_resumed: number;
  readonly pages_received: number;
  readonly refused: number;
  readonly replica_clashes: number;
  readonly fenced: number;
  readonly limits_differing: number;
  readonly digests_compared: number;
  readonly digests_differing: number;
  readonly peers_differing: number;
  readonly repairs: number;
  readonly repairs_fruitless: number;
  readonly slots_given: number;
  readonly transfers_of_damaged: number;
  readonly bulk_packed: number;
  readonly bulk_packed_saved_bytes: number;
  readonly bulk_unpacked: number;
}

/** Peers that are told of all members in one round. */
const TOLD_AT_ONCE = 8;

export class Sync {
  readonly links = new Map<string, Link>();
  readonly compression: Compression;
  /** A peer has said hello. */
  onReady: (link: Link) => void = () => {};
  private readonly options: SyncOptions;
  private readonly sending: Sending;
  private readonly catchingUp: CatchingUp;
  private readonly agreement: Agreement;
  private readonly repair: Repair;
  private readonly counts = { envelopes_received: 0, refused: 0 };
  private readonly acquaintance: Acquaintance;
  private readonly vectorChanges = new VectorChanges();
  readonly messenger: Messenger;
  readonly durability: Durability;
  readonly acknowledging = new Acknowledging(this.links, () => this.broadcastVector());
  private toldInTurn = 0;

  constructor(options: SyncOptions) {
    this.options = options;
    this.compression = options.compression ?? new Compression('auto');
    options.engine.onEnvelope((envelope, local) => {
      this.sending.noteTail(envelope);
      if (local) this.sending.pumpAll();
    });
    this.acquaintance = new Acquaintance(options, this.links);
    this.messenger = new Messenger({ self: options.peerId, links: this.links, members: options.members });
    this.agreement = new Agreement(options.engine, options.log);
    this.repair = new Repair({ engine: options.engine, links: this.links, log: options.log });
    this.agreement.onCompared = (peerId, equal) => this.repair.compared(peerId, equal);
    this.durability = new Durability({
      engine: options.engine,
      members: options.members,
      links: this.links,
      whenDurable: (callback) => options.storedLog.whenDurable(callback),
    });
    this.sending = new Sending(options);
    this.catchingUp = new CatchingUp({
      engine: options.engine,
      members: options.members,
      links: this.links,
      log: options.log,
      onMerged: (ms) => {
        options.onMerged?.(ms);
        this.sending.breakOffTransfers();
        for (const link of this.links.values()) if (link.ready) this.follow(link);
      },
    });
  }

  get paused(): boolean {
    return this.sending.paused;
  }

  get statistics(): SyncStatistics {
    const { counts, sending, catchingUp } = this;
    const refused = counts.refused + catchingUp.statistics.refused;
    return {
      ...sending.statistics,
      ...catchingUp.statistics,
      ...this.agreement.statistics,
      ...this.repair.statistics,
      ...this.messenger.statistics,
      ...this.acquaintance.statistics,
      ...this.acquaintance.memoryLimits.statistics,
      ...this.compression.statistics,
      ...counts,
      refused,
    };
  }

  /** Takes over a new stream to a peer. */
  add(link: Link): void {
    this.links.get(link.peerId)?.close('replaced by a newer stream');
    this.links.set(link.peerId, link);
    this.sending.add(link);
    link.onFrame = (type, body) => this.frame(link, type, body);
    this.acquaintance.greet(link);
  }

  remove(link: Link): void {
    this.sending.remove(link);
    this.catchingUp.remove(link);
    this.repair.remove(link);
    this.acquaintance.memoryLimits.forget(link.peerId);
    if (this.links.get(link.peerId) === link) this.links.delete(link.peerId);
    this.messenger.update();
  }

  setPaused(paused: boolean): void {
    this.sending.paused = paused;
    this.catchingUp.paused = paused;
    this.repair.paused = paused;
    this.messenger.paused = paused;
    this.durability.paused = paused;
    this.catchingUp.reset();
    if (paused) return;
    this.broadcastMembers();
    for (const link of this.links.values()) {
      if (!link.ready) continue;
      this.follow(link);
      this.sendVector(link, this.currentVector());
    }
    this.sending.pumpAll();
  }

  /** Tells every peer how far we are; `atRest`: and what our data's digest is there, for them to compare. */
  broadcastVector(atRest = false): void {
    if (this.paused || this.links.size === 0) return;
    const vector = this.currentVector();
    const also = { ...this.acquaintance.circles.toWire(), ...(atRest ? { digest: this.options.engine.digest() } : {}) };
    for (const link of this.links.values()) if (link.ready) this.sendVector(link, vector, also);
  }

  /** Goes on with the check of our own data, and with what is to be mended. */
  checkData(): void {
    this.repair.round();
  }

  /** Checks all of our data, compares it with every peer's, and mends what is found, or only tells of it. */
  verify(mend: boolean): Promise<MeshVerification> {
    return this.repair.verify(mend);
  }

  /** Asks every peer how far it is, behind everything sent so far. */
  askAll(): void {
    if (!this.paused) for (const link of this.links.values()) if (link.ready) link.sendMap(FrameType.ask, {});
  }

  /** Tells every peer what we know of the members, and of those that were forgotten. */
  broadcastMembers(): void {
    if (!this.paused) this.acquaintance.tellMembers(this.readyLinks());
  }

  /** Tells some peers, others each time: what is told of a large cluster is long, and the peers tell each other. */
  tellMembersToSome(): void {
    const links = this.readyLinks();
    if (this.paused || links.length === 0) return;
    const first = this.toldInTurn % links.length;
    this.toldInTurn = first + TOLD_AT_ONCE;
    this.acquaintance.tellMembers([...links.slice(first), ...links.slice(0, first)].slice(0, TOLD_AT_ONCE));
  }

  /** There is a stream to every member that is there. */
  get reachesAll(): boolean {
    return this.acquaintance.circles.isClosed;
  }

  get allKnowSigns(): boolean {
    return this.acquaintance.allKnowSigns;
  }

  private readyLinks(): Link[] {
    return [...this.links.values()].filter((link) => link.ready);
  }

  private currentVector(): VersionVector {
    const { engine } = this.options;
    engine.seal();
    return engine.shorten(engine.vector());
  }

  private sendVector(link: Link, vector: VersionVector, also = this.acquaintance.circles.toWire()): void {
    this.acquaintance.tellRetirements(link);
    const fields = this.vectorChanges.toWire(link, vector);
    link.sendMap(FrameType.vector, { ...fields, clock: Date.now(), ...also });
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
        if (!this.paused) this.acquaintance.takeMembers(link, decodeMap(body));
        return;
      case FrameType.retirements:
        this.retirements(decodeMap(body));
        return;
      case FrameType.ask:
        if (!this.paused) this.ask(link, decodeMap(body));
        return;
      case FrameType.follow:
        this.sending.follow(link, integerField(decodeMap(body), 'from'));
        return;
      case FrameType.pull:
        this.pull(link, decodeMap(body));
        return;
      case FrameType.envelope:
        this.envelope(body);
        return;
      case FrameType.gone:
        if (!this.paused) this.catchingUp.requestState(link);
        return;
      case FrameType.wantState:
        this.wantState(link, decodeMap(body));
        return;
      case FrameType.wantKeys:
        this.wantKeys(link, decodeMap(body));
        return;
      case FrameType.stateTail:
        this.catchingUp.takeTail(link, body);
        return;
      case FrameType.keyList:
        this.catchingUp.takeList(link, body);
        return;
      case FrameType.keysListed:
        this.catchingUp.chooseKeys(link, decodeMap(body));
        return;
      case FrameType.stateBegin:
        this.catchingUp.beginTransfer(link, decodeMap(body));
        return;
      case FrameType.statePage:
        this.catchingUp.takePage(link, body);
        return;
      case FrameType.stateEnd:
        this.catchingUp.finishTransfer(link, decodeMap(body));
        return;
      case FrameType.wantSlots:
        if (!this.paused) this.repair.give(link, decodeMap(body));
        return;
      case FrameType.slotPage:
        this.repair.takePage(link, body);
        return;
      case FrameType.slots:
        this.repair.finish(link, decodeMap(body));
        return;
      case FrameType.message:
        this.messenger.receive(link, body);
        return;
      case FrameType.seek:
        this.messenger.sought(link, decodeMap(body));
        return;
      case FrameType.reaches:
        this.messenger.reaches(link, decodeMap(body));
        return;
      default:
        throw new FrameError(`unknown frame ${type}`);
    }
  }

  private ask(link: Link, map: Record<string, unknown>): void {
    if (map.durable === true) this.durability.answer(link);
    else this.sendVector(link, this.currentVector());
  }

  private wantState(link: Link, map: Record<string, unknown>): void {
    const held = map.held === undefined ? null : Buffer.from(bytesField(map, 'held'));
    const number = integerField(map, 'n');
    this.repair.whenSound(link, () => this.malformedIsTheirs(() => this.sending.wantState(link, number, held)));
  }

  private wantKeys(link: Link, map: Record<string, unknown>): void {
    const keys = bytesField(map, 'k');
    this.malformedIsTheirs(() => this.sending.wantKeys(link, integerField(map, 'n'), keys, map.last === true));
  }

  private retirements(map: Record<string, unknown>): void {
    const list = bytesField(map, 'list');
    const { engine, members } = this.options;
    this.malformedIsTheirs(() => engine.learnRetirements(unpackRetirements(list)));
    // vectors that came before it, by gossip or with a hello, said less than they meant
    for (const member of members.all()) member.vector = engine.expand(member.vector);
    this.pullMissing();
  }

  private malformedIsTheirs(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw error instanceof MalformedError ? new FrameError(error.message) : error;
    }
  }

  private pull(link: Link, map: Record<string, unknown>): void {
    this.sending.pull(link, {
      replica: replicaField(map, 'r'),
      from: Math.max(1, integerField(map, 'from')),
      to: integerField(map, 'to'),
    });
  }

  /** Sends what every peer is owed. */
  pumpAll(): void {
    this.sending.pumpAll();
  }

  /** Asks for what is missing here, by what is known of the members. */
  pullMissing(): void {
    this.catchingUp.pullMissing();
  }

  private hello(link: Link, map: Record<string, unknown>): void {
    if (!this.acquaintance.takeHello(link, map)) return;
    if (!this.paused) {
      this.acquaintance.tellRetirements(link);
      this.follow(link);
      if (!this.acquaintance.circles.knowsAll(map)) this.acquaintance.tellMembers([link]);
      this.pullMissing();
    }
    this.messenger.update();
    this.onReady(link);
  }

  private vector(link: Link, map: Record<string, unknown>): void {
    // even now: later ones tell what has changed since
    const told = this.vectorChanges.fromWire(link, map);
    this.acquaintance.circles.take(link, map);
    if (this.paused) return;
    const { members, engine } = this.options;
    const known = members.get(link.peerId);
    if (known === undefined) return;
    const vector = engine.expand(told);
    members.report({ ...known, vector, clockMs: numberField(map, 'clock'), seenMs: Date.now() });
    const ours = vector.find((entry) => entry.replica === engine.replica);
    if (ours !== undefined && engine.missing([ours]).length > 0) this.acquaintance.clash(link);
    if (map.durable !== undefined) this.durability.report(link.peerId, integerField(map, 'durable'));
    if (map.digest !== undefined) this.agreement.compare(link.peerId, vector, textField(map, 'digest', 16));
    this.pullMissing();
  }

  private envelope(body: Buffer): void {
    if (this.paused) return;
    this.counts.envelopes_received++;
    const received = this.options.engine.receive(body);
    if (received.kind === 'malformed') {
      this.counts.refused++;
      throw new FrameError(`envelope: ${received.reason}`);
    }
    if (received.kind === 'quarantined') this.options.clockAlarm.ring(received.replica, received.aheadMs);
    if (received.kind === 'waiting' || received.kind === 'dropped') this.pullMissing();
    if (received.kind === 'applied') this.acknowledging.note();
  }
}
