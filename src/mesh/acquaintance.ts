/**
 * Who is at the other end of a link, and who else there is: hello, members, those that were forgotten. Here a node learns,
 * too, that it cannot go on as who it was: another one has its replica id, or it was forgotten.
 */
import { packRetirements } from '../core/index.ts';
import { Circles } from './circles.ts';
import type { ForgottenMember, LinkSince } from './forgotten.ts';
import { forgottenFromWire, forgottenToWire } from './forgotten-frames.ts';
import {
  FrameError,
  FrameType,
  listField,
  numberField,
  replicaField,
  textField,
  vectorFromWire,
  vectorToWire,
} from './frames.ts';
import type { Link } from './link.ts';
import { MemoryLimits } from './memory-limits.ts';
import { standingFromWire, standingToWire, whoFromWire, whoToWire } from './standing.ts';
import type { SyncOptions } from './sync.ts';
import { differencesFrom, differing } from './vector-changes.ts';

const PROTOCOL_VERSION = 1;
const RETIREMENTS_PER_FRAME = 4096;
/** Entries of vectors in one frame that tells of members: about 130 KB of them. */
const MEMBER_ENTRIES_PER_FRAME = 3000;
/** Entries that these stand for, ours included for each member that is not exactly where we are. */
const MEANT_ENTRIES_MAX = 131_072;
/** What the rest of a member takes there, in such entries. */
const MEMBER_ENTRIES = 10;

export class Acquaintance {
  readonly statistics = { replica_clashes: 0, fenced: 0 };
  readonly memoryLimits: MemoryLimits;
  readonly circles: Circles;
  private readonly options: SyncOptions;
  private readonly links: ReadonlyMap<string, Link>;
  private readonly retirementsTold = new WeakMap<Link, number>();
  /** Those that know the topic's signs of life. */
  private readonly knowingSigns = new WeakSet<Link>();

  constructor(options: SyncOptions, links: ReadonlyMap<string, Link>) {
    this.options = options;
    this.links = links;
    this.memoryLimits = new MemoryLimits(options.memoryLimit, options.log);
    this.circles = new Circles(options.peerId, options.members, links);
  }

  /** Says who we are: the first word on every link. */
  greet(link: Link): void {
    const { cluster, gossips } = this.options;
    link.sendMap(FrameType.hello, {
      p: PROTOCOL_VERSION,
      cluster,
      ...standingToWire(this.options),
      gossip: gossips,
      packed: true,
      signs: true,
      ...this.circles.knownToWire(),
      ...this.memoryLimits.toWire(),
      ...forgottenToWire(this.options.members.notes()),
    });
  }

  /** True if it is a peer from now on. Throws FrameError if it is none of ours. */
  takeHello(link: Link, map: Record<string, unknown>): boolean {
    const { cluster, members, engine, log } = this.options;
    if (numberField(map, 'p') !== PROTOCOL_VERSION) throw new FrameError(`sync protocol version ${String(map.p)}`);
    if (textField(map, 'cluster') !== cluster) throw new FrameError(`cluster ${JSON.stringify(map.cluster)}`);
    if (textField(map, 'id') !== link.peerId) throw new FrameError('peer id of somebody else');
    const replica = replicaField(map, 'replica');
    if (this.learnForgotten(link, map)) return false;
    if (replica === engine.replica) {
      this.clash(link);
      return false;
    }
    if (members.isFenced(replica)) {
      // our hello has told it: it comes back under another id
      log.info({ peer: link.peerId, replica }, 'a forgotten node knocks under its old replica id');
      return false;
    }
    members.welcome(link.peerId);
    members.report({ ...standingFromWire(engine, map), clockMs: numberField(map, 'clock'), seenMs: Date.now() });
    this.memoryLimits.take(link.peerId, map);
    link.ready = true;
    link.gossips = map.gossip !== false;
    link.compression.peerUnpacks = map.packed === true;
    if (map.signs === true) this.knowingSigns.add(link);
    link.ping();
    log.info({ peer: link.peerId, replica }, 'peer connected');
    return true;
  }

  /** Every peer takes a sign of life for a vector on the topic, or listens to neither. */
  get allKnowSigns(): boolean {
    for (const link of this.links.values()) if (link.gossips && !this.knowingSigns.has(link)) return false;
    return true;
  }

  /** Somebody else goes by our replica id: a copy of our directory, or we are one. */
  clash(link: Link): void {
    this.statistics.replica_clashes++;
    this.options.log.warn({ peer: link.peerId }, 'another node uses our replica id: taking a new one');
    this.becomeNew();
  }

  /** Every peer must hear of it by a hello: it goes by the replica id of the last one. */
  private becomeNew(): void {
    this.options.takeNewReplica();
    for (const link of [...this.links.values()]) link.close('our replica id is a new one');
  }

  /** True if it is us whom the others have forgotten: then all links are closed, to be opened as somebody new. */
  private learnForgotten(link: Link, map: Record<string, unknown>): boolean {
    const { engine, members, log } = this.options;
    const notes = forgottenFromWire(map);
    if (notes.some(({ replicas }) => replicas.includes(engine.replica))) {
      this.statistics.fenced++;
      log.warn({ peer: link.peerId, replica: engine.replica }, 'we were forgotten: coming back under a new replica id');
      this.becomeNew();
      return true;
    }
    for (const note of notes) members.learn(note, this.linkSince(note));
    return false;
  }

  /** What a link tells about a note of its peer: one that was read late, or is dead and not noticed, tells nothing. */
  private linkSince({ peerId, forgottenMs }: ForgottenMember): LinkSince {
    const link = this.links.get(peerId);
    if (link?.ready !== true) return 'none';
    return performance.now() - link.answeredMs < Date.now() - forgottenMs ? 'answering' : 'silent';
  }

  /** What a peer knows of the others. Throws FrameError. */
  takeMembers(link: Link, map: Record<string, unknown>): void {
    if (this.learnForgotten(link, map)) return;
    this.memoryLimits.take(link.peerId, map);
    const { engine, members } = this.options;
    const now = Date.now();
    const base = vectorFromWire(map.base);
    let meant = 0;
    for (const each of listField(map, 'list')) {
      if (typeof each !== 'object' || each === null) throw new FrameError('bad member');
      const entry = each as Record<string, unknown>;
      if (this.links.has(textField(entry, 'id'))) continue;
      const differs = vectorFromWire(entry.differs);
      meant += differs.length === 0 ? 0 : base.length + differs.length;
      if (meant > MEANT_ENTRIES_MAX) throw new FrameError(`members with ${meant} entries in their vectors`);
      const vector = engine.expand(differing(base, differs));
      const seenMs = now - numberField(entry, 'age');
      members.report({ ...whoFromWire(entry), vector, clockMs: 0, seenMs });
    }
  }

  /** What we know of the members, and of those that were forgotten. Vectors are told as what differs from ours. */
  tellMembers(links: readonly Link[]): void {
    const { engine, members } = this.options;
    for (const link of links) this.tellRetirements(link);
    let first: Record<string, unknown> = { ...forgottenToWire(members.notes()), ...this.memoryLimits.toWire() };
    const closed = this.circles.closed(links);
    for (const link of closed) link.sendMap(FrameType.members, { base: [], list: [], ...first });
    if (closed.size === links.length) return;
    const base = engine.shorten(engine.vector());
    let list: Record<string, unknown>[] = [];
    let [entries, meant] = [base.length, 0];
    const tell = () => {
      for (const link of links) {
        if (!closed.has(link)) link.sendMap(FrameType.members, { base: vectorToWire(base), list, ...first });
      }
      list = [];
      first = {};
      [entries, meant] = [base.length, 0];
    };
    const now = Date.now();
    for (const member of members.all()) {
      const differs = differencesFrom(base, engine.shorten(member.vector));
      const stands = differs.length === 0 ? 0 : base.length + differs.length;
      const isFull = entries + differs.length > MEMBER_ENTRIES_PER_FRAME || meant + stands > MEANT_ENTRIES_MAX;
      if (list.length > 0 && isFull) tell();
      entries += differs.length + MEMBER_ENTRIES;
      meant += stands;
      const age = Math.max(0, now - member.lastSeenMs);
      list.push({ ...whoToWire(member), differs: vectorToWire(differs), age });
    }
    if (list.length > 0 || 'forgotten' in first) tell();
  }

  /** Those that the peer was not told of: it must know of them before a vector that leaves them out. */
  tellRetirements(link: Link): void {
    const all = this.options.engine.retirements();
    for (let told = this.retirementsTold.get(link) ?? 0; told < all.length; ) {
      const next = all.slice(told, told + RETIREMENTS_PER_FRAME);
      told += next.length;
      this.retirementsTold.set(link, told);
      link.sendMap(FrameType.retirements, { list: packRetirements(next) });
    }
  }
}
