/**
 * A machine of a simulated cluster, and the node on it: the production store, core, mesh and command sessions on a
 * virtual disk, network and clock. What the composition root does with sockets and files, this does with those.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { KeyChanges } from '../../src/commands/changes/key-changes.ts';
import { Eviction } from '../../src/commands/eviction/eviction.ts';
import { createCommandRegistry } from '../../src/commands/index.ts';
import { KeyWaits } from '../../src/commands/key-waits.ts';
import { LatencyMonitor } from '../../src/commands/latency-monitor.ts';
import { Monitors } from '../../src/commands/monitors.ts';
import type { Services } from '../../src/commands/services.ts';
import { SlowLog } from '../../src/commands/slow-log.ts';
import { Configuration } from '../../src/config/configuration.ts';
import { createEngine, type Engine, type VersionVector } from '../../src/core/index.ts';
import { Compression, type CompressionMode } from '../../src/mesh/compression.ts';
import { type Mesh, runMesh } from '../../src/mesh/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import { Scripting } from '../../src/scripting/index.ts';
import { sealInTime } from '../../src/sealing.ts';
import { Statistics } from '../../src/server-statistics.ts';
import type { SyncPolicy } from '../../src/store/index.ts';
import { lastNumberOf } from '../../src/store/recovery.ts';
import { OpenStore } from '../../src/store/store.ts';
import { Medium, SimulatedDisk } from './disk.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { ipOf, SimulatedNode } from './simulated-node.ts';
import type { Clock, Process, World } from './world.ts';

export const MACHINES_MAX = 12;
const CLUSTER = 'simulated';
const COLLECT_BUDGET = 2000;
const HOUSEKEEPING_MS = 100;
/** Most of what these nodes have to tell each other is short. */
const COMPRESSED_BYTES_MIN = 100;
/** The default of max-clock-skew. */
const CLOCK_SKEW_MS_MAX = 30_000;

const registry = createCommandRegistry();
const peerIds: PeerId[] = [];
await providePeerIds(MACHINES_MAX);

/** Before there are more machines than a run has. */
export async function providePeerIds(count: number): Promise<void> {
  for (let index = peerIds.length; index < count; index++) {
    const seed = new Uint8Array(32).fill(index + 1);
    seed[0] ^= (index + 1) >> 8;
    peerIds.push(peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed)));
  }
}

/** What one seed draws for all its machines. */
export interface Settings {
  readonly appendfsync: SyncPolicy;
  readonly logBytesMax: number;
  readonly logAgeMaxMs: number;
  readonly memoryLogBytesMax: number;
  /** See EngineOptions. */
  readonly unfoldedMax?: number;
  readonly checkpointIntervalMs: number;
  readonly mdns: boolean;
  readonly gossip: boolean;
  readonly compression: CompressionMode;
  readonly activeExpire: boolean;
  /** Of a page of a state transfer, about. */
  readonly pageBytes: number;
  /** Of the event loop, from 0 to 1: how long envelopes are held open. */
  readonly utilization: number;
}

/** What a node tells the run of: everything that checkers live on. */
export interface Witness {
  /** A txn was committed there: its number, stamp and context are the engine's now. */
  committed(machine: Machine, node: Node): void;
  sealed(machine: Machine, replica: string, first: number, last: number, bytes: Uint8Array): void;
  /** A line of the node's log that may mean trouble. */
  warned(machine: Machine, message: string, details: unknown): void;
}

export interface Node {
  readonly process: Process;
  readonly engine: Engine;
  readonly store: OpenStore;
  readonly mesh: Mesh;
  readonly server: RespServer;
  readonly client: () => LocalClient;
  readonly stop: () => Promise<void>;
}

export class Machine {
  readonly index: number;
  readonly name: string;
  readonly clock: Clock = { offsetMs: 0, drift: 0 };
  medium = new Medium();
  process: Process | null = null;
  node: Node | null = null;
  starts = 0;
  /** Its clock is a year ahead, and nobody mends it: nothing is promised of what is written there. */
  wild = false;
  /** It has left for ever. */
  gone = false;
  private peer: SimulatedNode | null = null;
  private readonly world: World;
  private readonly network: Network;
  private readonly random: Random;
  private readonly settings: Settings;
  private readonly witness: Witness;

  constructor(index: number, world: World, network: Network, settings: Settings, witness: Witness, random: Random) {
    this.index = index;
    this.name = String.fromCharCode(65 + index);
    this.world = world;
    this.network = network;
    this.settings = settings;
    this.witness = witness;
    this.random = random;
  }

  get peerId(): string {
    return peerIds[this.index].toString();
  }

  get running(): boolean {
    return this.process !== null;
  }

  /** Starts a process; `node` is there when it serves. A start that is refused is a fault of the run. */
  start(): void {
    if (this.process !== null || this.gone) return;
    this.starts++;
    const process: Process = { alive: true, stoppedUntilMs: 0, clock: this.clock };
    this.process = process;
    this.world.as(process, () => {
      this.bringUp(process).catch((error: unknown) => this.world.faults.push(error));
    });
  }

  /** The process is killed; with `power`, the machine stops as well, and what was not synced may be gone. */
  crash(power: boolean): void {
    const { process } = this;
    if (process === null) return;
    process.alive = false;
    this.process = null;
    this.node = null;
    this.peer?.vanish(!power);
    this.peer = null;
    if (power) this.medium.cutPower(this.random);
  }

  /** SHUTDOWN: as the composition root takes a node down. */
  async stop(): Promise<void> {
    const { node, process } = this;
    if (node === null || process === null) return;
    this.node = null;
    await node.stop();
    process.alive = false;
    if (this.process === process) {
      this.process = null;
      this.peer = null;
    }
  }

  /** Runs the process's own work, at its clock. */
  as<T>(work: () => T): T {
    return this.world.as(this.process, work);
  }

  private async bringUp(process: Process): Promise<void> {
    const { settings, witness, world } = this;
    const disk = new SimulatedDisk(this.medium, world, process, this.random);
    await disk.open();
    const replica = (await this.takeMarker(disk)) ?? this.random.hex(16);
    const { medium } = this;
    const store = new OpenStore(
      {
        disk,
        replica,
        continues: false,
        isCopy: medium.place !== medium.identity,
        settle: () => {
          medium.place = medium.identity;
          return Promise.resolve();
        },
        leaveMarker: (own, number) => {
          medium.marker = { replica: own, number, identity: medium.identity };
          return Promise.resolve();
        },
      },
      {
        directory: `/simulated/${this.name}`,
        appendfsync: settings.appendfsync,
        logBytesMax: settings.logBytesMax,
        logAgeMaxMs: settings.logAgeMaxMs,
        checkpointIntervalMs: settings.checkpointIntervalMs,
        notice: (level, text) => {
          if (level === 'warning') witness.warned(this, text, null);
        },
      },
    );
    const engine = createEngine({
      replica,
      hashSeed: this.random.below(2 ** 32),
      logBytesMax: settings.memoryLogBytesMax,
      unfoldedMax: settings.unfoldedMax,
    });
    engine.setNow(Date.now());
    await store.load(engine);
    this.watch(engine, () => this.node);
    store.attach(engine);
    engine.clockSkewMaxMs = CLOCK_SKEW_MS_MAX;
    const stopSealing = sealInTime(engine, () => settings.utilization);
    const mesh = this.openMesh(engine, store, process);
    const server = this.openServer(engine, store, mesh);
    const timer = setInterval(() => {
      engine.setNow(Date.now());
      if (settings.activeExpire) engine.collect(COLLECT_BUDGET);
    }, HOUSEKEEPING_MS);
    this.node = {
      process,
      engine,
      store,
      mesh,
      server,
      client: () => new LocalClient(server),
      stop: async () => {
        clearInterval(timer);
        await server.close();
        stopSealing();
        await mesh.stop();
        await store.close({ clean: true });
      },
    };
  }

  private async takeMarker(disk: SimulatedDisk): Promise<string | null> {
    const { medium } = this;
    const { marker } = medium;
    medium.marker = null;
    if (marker === null || marker.identity !== medium.identity) return null;
    return (await lastNumberOf(disk, marker.replica)) === marker.number ? marker.replica : null;
  }

  /** Every commit and every envelope goes past the witness. */
  private watch(engine: Engine, node: () => Node | null): void {
    const commit = engine.commit.bind(engine);
    engine.commit = () => {
      const changed = commit();
      const current = node();
      if (changed && current !== null) this.witness.committed(this, current);
      return changed;
    };
    engine.onEnvelope(({ replica, first, last, bytes }) => this.witness.sealed(this, replica, first, last, bytes));
  }

  private openMesh(engine: Engine, store: OpenStore, process: Process): Mesh {
    const { network, settings, witness, medium } = this;
    const peer = new SimulatedNode(network, this.index, peerIds[this.index], process);
    this.peer = peer;
    const bootstrap: string[] = [];
    if (!settings.mdns) {
      for (const machine of new Set([0, 1, this.index - 1])) {
        if (machine >= 0 && machine !== this.index) bootstrap.push(addressOf({ index: machine }));
      }
    }
    const warn = (details: object, message: string) => witness.warned(this, message, details);
    const mesh = runMesh(
      {
        engine,
        directory: null,
        cluster: CLUSTER,
        listen: [],
        announce: [],
        bootstrap,
        mdns: settings.mdns,
        gossip: settings.gossip,
        compression: new Compression(settings.compression, COMPRESSED_BYTES_MIN),
        secretFile: null,
        region: '',
        zone: '',
        log: { info() {}, debug() {}, warn },
        storedLog: store,
        pageBytes: settings.pageBytes,
        takeNewReplica: () => engine.rotateReplica(this.random.hex(16)),
      },
      peer.asMeshNode,
      {
        name: 'members',
        read: () => medium.members,
        write: (text) => {
          if (medium.trouble !== null) throw new Error(medium.trouble);
          medium.members = text;
        },
      },
      `starling/${CLUSTER}/1`,
    );
    if (settings.mdns) network.announce(peer);
    return mesh;
  }

  private openServer(engine: Engine, store: OpenStore, mesh: Mesh): RespServer {
    const { random, witness } = this;
    const services: Omit<Services, 'clients'> & { clients?: RespServer } = {
      config: new Configuration([]),
      commands: registry,
      statistics: new Statistics(),
      mesh,
      store,
      node: {
        version: '0',
        runId: '0'.repeat(40),
        configFile: '',
        port: 0,
        region: '',
        zone: '',
        shutdown() {},
        abortShutdown: () => false,
        log() {},
      },
      slowLog: new SlowLog(),
      monitors: new Monitors(),
      keyWaits: new KeyWaits(),
      changes: new KeyChanges(),
      eviction: new Eviction(),
      latency: new LatencyMonitor(),
      outbound: { ask: () => Promise.reject(new Error('no server stands outside of a simulation')) },
      scripting: new Scripting(),
      pubsub: new PubSub({
        messenger: mesh.messenger,
        epoch: Date.now() >>> 0,
        warn: (_details, message) => {
          throw new Error(message);
        },
      }),
      random: () => random.next(),
      monotonicMicros: () => performance.now() * 1000,
    };
    const server = new RespServer({
      engine,
      registry,
      services: services as Services,
      warn: (message, error) => {
        this.world.faults.push(error ?? new Error(message));
        witness.warned(this, message, error);
      },
    });
    services.clients = server;
    return server;
  }
}

export function numberIn(vector: VersionVector, replica: string): number {
  return vector.find((entry) => entry.replica === replica)?.number ?? 0;
}

export function addressOf({ index }: { index: number }): string {
  return `/ip4/${ipOf(index)}/tcp/4000`;
}
