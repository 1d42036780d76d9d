/**
 * A virtual network. Each ordered pair of machines has a path of its own: delays with a tail, loss (which a stream makes up
 * for and gossip does not), duplication, cuts in one direction or both, slowness. What a stream carries over a cut path
 * waits, as TCP has it; nobody is told of a loss but by silence. What stands for a libp2p node on it is in simulated-node.ts.
 */
import type { Random } from './random.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { IDLE, type Process, type World } from './world.ts';

const MDNS_INTERVAL_MS = 10_000;

/** One direction between two machines. */
export interface Path {
  cut: boolean;
  delayMs: number;
  /** How often a packet takes ten times as long, or more. */
  tail: number;
  gossipLoss: number;
  gossipDuplicates: number;
  bytesPerMs: number;
}

export class Network {
  readonly world: World;
  readonly random: Random;
  /** By machine number: who listens there now. */
  readonly nodes = new Map<number, SimulatedNode>();
  private readonly paths = new Map<number, Path>();
  private readonly channels = new Set<Channel>();
  private readonly shape: () => Path;
  gossipSent = 0;
  messages = 0;
  /** Of what is sent, each copy counted. */
  readonly traffic = { gossipMessages: 0, gossipBytes: 0, streamBytes: 0 };
  /** To so many of its peers a node passes gossip on; its own goes to all. */
  gossipDegree = Number.POSITIVE_INFINITY;

  constructor(world: World, random: Random, shape: () => Path) {
    this.world = world;
    this.random = random;
    this.shape = shape;
  }

  path(from: number, to: number): Path {
    const name = from * 1000 + to;
    let path = this.paths.get(name);
    if (path === undefined) {
      path = this.shape();
      this.paths.set(name, path);
    }
    return path;
  }

  isCut(one: number, other: number): boolean {
    return this.path(one, other).cut || this.path(other, one).cut;
  }

  setCut(from: number, to: number, cut: boolean): void {
    this.path(from, to).cut = cut;
    if (!cut) for (const channel of this.channels) channel.move();
  }

  /** How long a packet takes over a path now. */
  delayOf({ delayMs, tail }: Path): number {
    const usual = delayMs * this.random.between(0.5, 1.5);
    return this.random.chance(tail) ? usual * this.random.between(10, 100) : usual;
  }

  open(channel: Channel): void {
    this.channels.add(channel);
  }

  closed(channel: Channel): void {
    this.channels.delete(channel);
  }

  /** mDNS: a node asks who is there, soon after its start and then every ten seconds; who hears it answers. */
  announce(node: SimulatedNode): void {
    const ask = () => {
      for (const other of this.nodes.values()) {
        if (other === node || this.path(node.machine, other.machine).cut) continue;
        other.discovered(node);
        if (!this.path(other.machine, node.machine).cut) node.discovered(other);
      }
      this.world.schedule(MDNS_INTERVAL_MS, node.process, ask);
    };
    this.world.schedule(this.random.between(1, 500), node.process, ask);
  }

  dropConnections(one: number, other: number): void {
    for (const connection of this.nodes.get(one)?.connections ?? []) {
      if (connection.far.node.machine === other) connection.abort(new Error('reset'));
    }
  }
}

/** What one end of a connection sends, in order. */
export class Channel {
  private readonly queue: { atMs: number; work: () => void }[] = [];
  private armed = false;
  private lastMs = 0;
  private readonly network: Network;
  private readonly path: Path;
  private readonly to: Process;

  constructor(network: Network, path: Path, to: Process) {
    this.network = network;
    this.path = path;
    this.to = to;
    network.open(this);
  }

  send(bytes: number, work: () => void): void {
    const { world } = this.network;
    const sendMs = bytes / this.path.bytesPerMs;
    this.lastMs = Math.max(this.lastMs + sendMs, world.nowMs + sendMs + this.network.delayOf(this.path));
    this.queue.push({ atMs: this.lastMs, work });
    this.move();
  }

  close(): void {
    this.queue.length = 0;
    this.network.closed(this);
  }

  /** Sees to it that the first in the queue arrives, once nothing is in its way. */
  move(): void {
    const [first] = this.queue;
    if (first === undefined || this.armed || this.path.cut) return;
    this.armed = true;
    const { world } = this.network;
    world.schedule(first.atMs - world.nowMs, this.to, () => {
      this.armed = false;
      if (this.queue[0] !== first || this.path.cut) return IDLE;
      this.queue.shift();
      this.move();
      first.work();
    });
  }
}
