/**
 * mesh/: how nodes find each other and exchange txns. createMesh() starts the libp2p node and its parts: gossip (a
 * hint, for speed), sync (streams, for certainty), the supervisor (connections) and the register of members. The
 * rest of Starling sees a MeshService.
 */
import '../compatibility.ts';
import { join } from 'node:path';
import type { MeshPeer, MeshService, MeshVerification } from '../commands/services.ts';
import type { Engine, VersionVector } from '../core/contract.ts';
import { ClockAlarm } from './clock-alarm.ts';
import type { Compression } from './compression.ts';
import { numberOf } from './frames.ts';
import { Gossip } from './gossip.ts';
import { fileMemory, type MemberMemory, Members } from './members.ts';
import type { MemoryLimit } from './memory-limits.ts';
import type { Messenger } from './messenger.ts';
import { Supervisor } from './supervisor.ts';
import { type StoredLog, Sync } from './sync.ts';
import type { MeshNode } from './transport.ts';

export interface MeshOptions {
  engine: Engine;
  /** For the peer's key, its port and the remembered members; null: nothing is kept. */
  directory: string | null;
  cluster: string;
  listen: readonly string[];
  announce: readonly string[];
  bootstrap: readonly string[];
  mdns: boolean;
  gossip: boolean;
  secretFile: string | null;
  /** libp2p runs on a thread of its own. */
  thread?: boolean;
  /** Peers to be connected with at a time; each takes an open file. Default 1,024. */
  peersMax?: number;
  region: string;
  zone: string;
  log: {
    info(details: object, message: string): void;
    warn(details: object, message: string): void;
    debug(details: object, message: string): void;
  };
  storedLog: StoredLog;
  /** Our replica id may not be used any more. */
  takeNewReplica(): void;
  /** After how long a gossip stream that brings nothing is deaf; for tests. Default 30 s. */
  deafMs?: number;
  /** Of a page of a state transfer, about; for tests. Default 200 KB. */
  pageBytes?: number;
  /** Default: auto. */
  compression?: Compression;
  /** `maxmemory` here, for peers to compare with theirs. */
  memoryLimit?(): MemoryLimit;
  onFound?(peerId: string, address: string): void;
  onLost?(peerId: string, reason: string): void;
  /** A peer's state was merged, in one step of so many milliseconds. */
  onMerged?(ms: number): void;
}

export interface Mesh extends MeshService {
  /** Strangers cannot join: there is a cluster secret. */
  readonly secured: boolean;
  /** For what is no data: publish and subscribe. */
  readonly messenger: Messenger;
  stop(): Promise<void>;
}

const MAINTENANCE_MS = 1000;
/** Vectors go out at least so often; jitter keeps nodes from doing it at one moment. */
const IDLE_ROUNDS = 5;

/** In larger clusters txns go out on the topic only while some member is not linked: streams bring them to the others. */
const GOSSIPING_MEMBERS_MAX = 8;

/** Starts the mesh. Rejects with libp2p's error if it cannot listen, or if the secret is no good. */
export async function createMesh(options: MeshOptions): Promise<Mesh> {
  const topic = `starling/${options.cluster}/1`;
  const node = await startNode({ ...options, topic });
  try {
    const memory = options.directory === null ? null : fileMemory(join(options.directory, 'members.json'));
    return runMesh(options, node, memory, topic);
  } catch (error) {
    await node.stop();
    throw error;
  }
}

/** What is not needed on this thread is not loaded on it. */
async function startNode(options: MeshOptions & { topic: string }): Promise<MeshNode> {
  if (options.thread !== true) return (await import('./node.ts')).createNode(options);
  return (await import('./thread/index.ts')).createNodeOnThread(options);
}

/** The mesh on a libp2p node that runs already, or on what stands for one. */
export function runMesh(options: MeshOptions, node: MeshNode, memory: MemberMemory | null, topic: string): Mesh {
  return new RunningMesh(options, node, memory, topic);
}

class RunningMesh implements Mesh {
  readonly peerId: string;
  readonly cluster: string;
  readonly secured: boolean;
  private readonly options: MeshOptions;
  private readonly node: MeshNode;
  private readonly members_: Members;
  private readonly sync: Sync;
  private readonly gossip: Gossip | null;
  private readonly supervisor: Supervisor;
  private timer: NodeJS.Timeout | null = null;
  private rounds = 0;
  private lastVector = '';

  constructor(options: MeshOptions, node: MeshNode, memory: MemberMemory | null, topic: string) {
    const { engine, log } = options;
    this.options = options;
    this.node = node;
    this.peerId = node.peerId.toString();
    this.cluster = options.cluster;
    this.secured = options.secretFile !== null;
    this.members_ = new Members(engine, this.peerId, memory, log);
    const common = {
      engine,
      log,
      members: this.members_,
      clockAlarm: new ClockAlarm(log),
      peerId: this.peerId,
      region: options.region,
      zone: options.zone,
      addresses: () => this.addresses(),
    };
    this.sync = new Sync({
      ...common,
      cluster: options.cluster,
      gossips: options.gossip,
      storedLog: options.storedLog,
      pageBytes: options.pageBytes,
      takeNewReplica: options.takeNewReplica,
      onMerged: options.onMerged,
      memoryLimit: options.memoryLimit,
      compression: options.compression,
    });
    this.gossip = options.gossip
      ? new Gossip({
          ...common,
          node,
          topic,
          onVector: () => this.sync.pullMissing(),
          isLinked: (peerId) => this.sync.links.get(peerId)?.ready === true,
          whenWanted: () => this.whenGossipWanted(),
          signSuffices: () => this.signSuffices,
        })
      : null;
    this.supervisor = new Supervisor({
      node,
      log,
      sync: this.sync,
      members: this.members_,
      gossip: this.gossip,
      protocol: `/starling/${options.cluster}/sync/1`,
      bootstrap: options.bootstrap,
      deafMs: options.deafMs,
      onFound: () => {},
      onLost: (peerId, reason) => {
        log.info({ peer: peerId, reason }, 'peer lost');
        options.onLost?.(peerId, reason);
      },
    });
    this.members_.onForgotten = (peerId) => {
      log.info({ peer: peerId }, 'member forgotten');
      // the one that is forgotten is told as well, if it is there
      this.sync.broadcastMembers();
      this.supervisor.forget(peerId);
    };
    this.sync.onReady = (link) => options.onFound?.(link.peerId, link.connection.remoteAddr.toString());
    this.members_.updateStability(Date.now());
    this.supervisor.start();
    this.schedule();
  }

  /** What everybody has from us by a stream is for the case that one is dead; and of many members six others repeat it. */
  private whenGossipWanted(): 'now' | 'late' | null {
    if (!this.sync.reachesAll) return 'now';
    return this.members_.count <= GOSSIPING_MEMBERS_MAX ? 'late' : null;
  }

  private get signSuffices(): boolean {
    const { members_, sync } = this;
    return !members_.areFew && sync.reachesAll && sync.allKnowSigns;
  }

  get messenger(): Messenger {
    return this.sync.messenger;
  }

  addresses(): string[] {
    return this.node.getMultiaddrs().map(String);
  }

  get paused(): boolean {
    return this.sync.paused;
  }

  setPaused(paused: boolean): void {
    this.options.engine.seal();
    this.sync.setPaused(paused);
    if (this.gossip !== null) this.gossip.paused = paused;
  }

  peers(): MeshPeer[] {
    const own = this.options.engine.replica;
    const ours = this.options.engine.vector();
    return this.members_.all().map((member) => {
      const link = this.sync.links.get(member.peerId);
      const up = link?.ready === true;
      return {
        peerId: member.peerId,
        address: link?.connection.remoteAddr.toString() ?? member.addresses[0] ?? '',
        state: up ? 'up' : 'down',
        replica: member.replica,
        region: member.region,
        zone: member.zone,
        rttMs: up && Number.isFinite(link.rttMs) ? link.rttMs : 0,
        behind: Math.max(0, numberOf(ours, own) - numberOf(member.vector, own)),
        ahead: this.options.engine.missing(member.vector).reduce((sum, gap) => sum + gap.to - gap.from + 1, 0),
        lastSeenMs: up ? Date.now() - (performance.now() - link.lastHeardMs) : member.lastSeenMs,
        bytesIn: link?.bytesIn ?? 0,
        bytesOut: link?.bytesOut ?? 0,
      };
    });
  }

  join(address: string): Promise<string | null> {
    return this.supervisor.join(address);
  }

  forget(peer: string): string | null {
    if (peer === this.peerId || peer === this.options.engine.replica) return `'${peer}' is this node itself`;
    return this.members_.forget(peer, Date.now()) === null ? `no such member '${peer}'` : null;
  }

  confirmations(number: number): number {
    return this.members_.confirmations(number);
  }

  waitFor(number: number, count: number, timeoutMs: number): Promise<number> {
    this.options.engine.seal();
    this.sync.pumpAll();
    this.sync.askAll();
    return this.members_.waitFor(number, count, timeoutMs);
  }

  durableConfirmations(number: number): number {
    return this.sync.durability.confirmations(number);
  }

  waitForDurable(number: number, count: number, timeoutMs: number): Promise<number> {
    this.options.engine.seal();
    this.sync.pumpAll();
    return this.sync.durability.waitFor(number, count, timeoutMs);
  }

  members(): { peerId: string; replica: string; vector: VersionVector; lastSeenMs: number }[] {
    return this.members_.all();
  }

  statistics(): Record<string, number> {
    return {
      thread: this.options.thread === true ? 1 : 0,
      links: this.sync.links.size,
      members: this.members_.all().length,
      forgotten: this.members_.notes().length,
      ...this.sync.statistics,
      ...this.supervisor.statistics,
      ...this.gossip?.statistics,
    };
  }

  verify(mend: boolean): Promise<MeshVerification> {
    return this.sync.verify(mend);
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.options.engine.seal();
    this.members_.save();
    this.sync.durability.stop();
    this.supervisor.stop();
    this.gossip?.stop();
    await this.node.stop();
  }

  private schedule(): void {
    this.timer = setTimeout(
      () => {
        this.maintain();
        this.schedule();
      },
      MAINTENANCE_MS * (0.75 + Math.random() / 2),
    );
    this.timer.unref();
  }

  private maintain(): void {
    this.rounds++;
    const vector = JSON.stringify(this.options.engine.vector());
    const atRest = vector === this.lastVector;
    if (!atRest || this.rounds % IDLE_ROUNDS === 0) {
      this.lastVector = vector;
      if (atRest || !this.sync.acknowledging.standsForRounds) this.sync.broadcastVector(atRest);
      // on the topic it is for those to whom there is no stream, and a sign of life
      if (this.rounds % IDLE_ROUNDS === 0 || !this.sync.reachesAll) this.gossip?.publishVector();
    }
    if (this.rounds % IDLE_ROUNDS === 0) {
      this.sync.tellMembersToSome();
      this.members_.save();
    }
    this.sync.pullMissing();
    this.sync.checkData();
    this.sync.messenger.update();
    this.members_.updateStability(Date.now());
    this.members_.retireFormer(Date.now());
  }
}
