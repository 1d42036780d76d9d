/**
 * A virtual network, and what stands for a libp2p node on it: dialling, connections, ordered streams, gossip, discovery.
 * Each ordered pair of machines has a path of its own: delays with a tail, loss (which a stream makes up for and gossip
 * does not), duplication, cuts in one direction or both, slowness. What a stream carries over a cut path waits, as TCP
 * has it; nobody is told of a loss but by silence.
 */
import type { Message } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { MeshNode } from '../../src/mesh/node.ts';
import type { Random } from './random.ts';
import { IDLE, type Process, type World } from './world.ts';

const DIAL_TIMEOUT_MS = 4000;
/** A stream with so much on its way takes no more for now. */
const WINDOW_BYTES = 256 * 1024;
const ACCEPT = 'accept';
const MDNS_INTERVAL_MS = 10_000;

/** By machine number. */
export function ipOf(machine: number): string {
  return `10.0.${(machine + 1) >> 8}.${(machine + 1) & 0xff}`;
}

function machineAt(address: string): number {
  const [, high, low] = /10\.0\.(\d+)\.(\d+)/.exec(address) ?? [];
  return Number(high) * 256 + Number(low) - 1;
}

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

type Listener = (event: { detail?: unknown; data?: Uint8Array }) => void;

class Listeners {
  private readonly byName = new Map<string, Listener[]>();

  add(name: string, listener: Listener): void {
    const list = this.byName.get(name);
    if (list === undefined) this.byName.set(name, [listener]);
    else list.push(listener);
  }

  tell(name: string, event: { detail?: unknown; data?: Uint8Array } = {}): void {
    for (const listener of this.byName.get(name) ?? []) listener(event);
  }
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
class Channel {
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

export class SimulatedConnection {
  readonly node: SimulatedNode;
  readonly remotePeer: PeerId;
  readonly remoteAddr: Multiaddr;
  readonly direction: 'inbound' | 'outbound';
  readonly streams = new Set<SimulatedStream>();
  readonly channel: Channel;
  private farEnd: SimulatedConnection | null = null;
  open = true;
  /** Gossip does not come through on this one, though all else does. */
  deaf = false;

  constructor(node: SimulatedNode, remote: SimulatedNode, direction: 'inbound' | 'outbound') {
    this.node = node;
    this.remotePeer = remote.peerId;
    this.remoteAddr = remote.address;
    this.direction = direction;
    const { network } = node;
    this.channel = new Channel(network, network.path(node.machine, remote.machine), remote.process);
  }

  get far(): SimulatedConnection {
    if (this.farEnd === null) throw new Error('a connection with one end');
    return this.farEnd;
  }

  static between(dialler: SimulatedNode, listener: SimulatedNode): SimulatedConnection {
    const near = new SimulatedConnection(dialler, listener, 'outbound');
    const far = new SimulatedConnection(listener, dialler, 'inbound');
    near.farEnd = far;
    far.farEnd = near;
    return near;
  }

  newStream(protocol: string): Promise<SimulatedStream> {
    return new Promise((resolve, reject) => {
      if (!this.open) {
        reject(new Error('the connection is closed'));
        return;
      }
      const near = new SimulatedStream(this);
      const far = new SimulatedStream(this.far);
      near.peer = far;
      far.peer = near;
      this.channel.send(100, () => {
        const handler = this.far.node.handlers.get(protocol);
        if (handler === undefined || !this.far.open) return;
        this.far.channel.send(100, () => {
          if (!this.open) return;
          resolve(near);
        });
        handler(far, this.far);
      });
      this.node.network.world.schedule(DIAL_TIMEOUT_MS, this.node.process, () => reject(new Error('timed out')));
    });
  }

  close(): Promise<void> {
    this.abort(new Error('closed'));
    return Promise.resolve();
  }

  /** This end is gone at once, the other when it hears of it. */
  abort(_error: Error): void {
    if (!this.open) return;
    this.channel.send(40, () => {
      this.far.over();
      this.channel.close();
    });
    this.over();
  }

  /** This end's part of it: streams end, the node is told. */
  over(): void {
    if (!this.open) return;
    this.open = false;
    this.node.connections = this.node.connections.filter((each) => each !== this);
    for (const stream of [...this.streams]) stream.ended();
    if (this.node.getConnections(this.remotePeer).length === 0) {
      this.node.listeners.tell('peer:disconnect', { detail: this.remotePeer });
    }
  }
}

/** One end of an ordered stream, as libp2p's look to the mesh. */
export class SimulatedStream {
  inactivityTimeout = 0;
  peer: SimulatedStream | null = null;
  writeBufferLength = 0;
  private readonly connection: SimulatedConnection;
  private readonly listeners = new Listeners();
  private open = true;
  private full = false;

  constructor(connection: SimulatedConnection) {
    this.connection = connection;
    connection.streams.add(this);
  }

  addEventListener(name: string, listener: Listener): void {
    this.listeners.add(name, listener);
  }

  send(bytes: Uint8Array): boolean {
    if (!this.open) throw new Error('the stream is closed');
    const { network } = this.connection.node;
    network.messages++;
    network.traffic.streamBytes += bytes.length;
    const copy = Buffer.from(bytes);
    this.writeBufferLength += copy.length;
    // what was sent at once may come in pieces
    const cut = copy.length > 1 && network.random.chance(0.05) ? 1 + network.random.below(copy.length - 1) : 0;
    if (cut > 0) this.carry(copy.subarray(0, cut));
    this.carry(copy.subarray(cut));
    this.full = this.full || this.writeBufferLength >= WINDOW_BYTES;
    return !this.full;
  }

  abort(_error: Error): void {
    this.finish();
  }

  close(): Promise<void> {
    this.finish();
    return Promise.resolve();
  }

  ended(): void {
    if (!this.open) return;
    this.open = false;
    this.connection.streams.delete(this);
    this.listeners.tell('close');
  }

  private finish(): void {
    if (!this.open) return;
    this.open = false;
    this.connection.streams.delete(this);
    const { peer, connection } = this;
    connection.channel.send(20, () => {
      if (peer !== null) peer.ended();
    });
  }

  private carry(bytes: Buffer): void {
    const { channel, node } = this.connection;
    channel.send(bytes.length, () => {
      node.network.world.noteBytes(bytes);
      const { peer } = this;
      if (peer?.open === true) peer.listeners.tell('message', { data: bytes });
      node.network.world.schedule(0, node.process, () => this.taken(bytes.length));
    });
  }

  private taken(bytes: number): typeof IDLE | undefined {
    this.writeBufferLength -= bytes;
    if (!this.full || !this.open || this.writeBufferLength > WINDOW_BYTES / 2) return IDLE;
    this.full = false;
    this.listeners.tell('drain');
  }
}

type Validator = (peer: PeerId, message: Message) => string | Promise<string>;

/** What the mesh needs of a libp2p node, on the virtual network. */
export class SimulatedNode {
  readonly machine: number;
  readonly peerId: PeerId;
  readonly address: Multiaddr;
  readonly process: Process;
  readonly network: Network;
  readonly listeners = new Listeners();
  readonly handlers = new Map<string, (stream: SimulatedStream, connection: SimulatedConnection) => void>();
  readonly services;
  connections: SimulatedConnection[] = [];
  private readonly known = new Set<string>();
  private readonly validators = new Map<string, Validator>();
  private readonly seenGossip = new Set<number>();

  constructor(network: Network, machine: number, peerId: PeerId, process: Process) {
    this.network = network;
    this.machine = machine;
    this.peerId = peerId;
    this.process = process;
    this.address = multiaddr(`/ip4/${ipOf(machine)}/tcp/4000/p2p/${peerId}`);
    this.services = {
      pubsub: {
        topicValidators: this.validators,
        subscribe() {},
        unsubscribe() {},
        publish: (topic: string, data: Uint8Array) => this.publish(topic, data),
      },
    };
    network.nodes.set(machine, this);
  }

  /** For runMesh(). */
  get asMeshNode(): MeshNode {
    return this as unknown as MeshNode;
  }

  getMultiaddrs(): Multiaddr[] {
    return [this.address];
  }

  addEventListener(name: string, listener: Listener): void {
    this.listeners.add(name, listener);
  }

  handle(protocol: string, handler: (stream: SimulatedStream, connection: SimulatedConnection) => void): Promise<void> {
    this.handlers.set(protocol, handler);
    return Promise.resolve();
  }

  getConnections(peer?: PeerId): SimulatedConnection[] {
    if (peer === undefined) return [...this.connections];
    const id = peer.toString();
    return this.connections.filter((each) => each.remotePeer.toString() === id);
  }

  dial(addresses: Multiaddr | readonly Multiaddr[]): Promise<SimulatedConnection> {
    const [address] = Array.isArray(addresses) ? (addresses as Multiaddr[]) : [addresses as Multiaddr];
    const { network } = this;
    return new Promise((resolve, reject) => {
      const machine = machineAt(String(address));
      const known = this.connections.find((each) => each.far.node.machine === machine);
      if (known !== undefined) {
        resolve(known);
        return;
      }
      const path = network.path(this.machine, machine);
      const later = (ms: number, work: () => void) => network.world.schedule(ms, this.process, work);
      if (network.isCut(this.machine, machine)) {
        later(DIAL_TIMEOUT_MS, () => reject(new Error('timed out')));
        return;
      }
      later(3 * network.delayOf(path), () => {
        const listener = network.nodes.get(machine);
        const expected = /\/p2p\/([^/]+)$/.exec(String(address))?.[1];
        if (machine === this.machine) reject(new Error('Can not dial self'));
        else if (listener?.process.alive !== true) reject(new Error('connection refused'));
        else if (network.isCut(this.machine, machine)) reject(new Error('timed out'));
        else if (expected !== undefined && expected !== listener.peerId.toString()) reject(new Error('another peer'));
        else resolve(this.connect(listener));
      });
    });
  }

  discovered(other: SimulatedNode): void {
    const id = other.peerId.toString();
    // libp2p tells of a peer once
    if (this.known.has(id) || !other.process.alive) return;
    this.known.add(id);
    const detail = { id: other.peerId, multiaddrs: [other.address] };
    this.network.world.schedule(
      this.network.delayOf(this.network.path(other.machine, this.machine)),
      this.process,
      () => this.listeners.tell('peer:discovery', { detail }),
    );
  }

  stop(): Promise<void> {
    for (const connection of [...this.connections]) connection.abort(new Error('stopping'));
    if (this.network.nodes.get(this.machine) === this) this.network.nodes.delete(this.machine);
    return Promise.resolve();
  }

  /** The process is gone. Its system tells the peers, unless the whole machine went with it. */
  vanish(told: boolean): void {
    for (const connection of [...this.connections]) {
      if (told) {
        connection.open = false;
        connection.channel.send(40, () => connection.far.over());
      } else connection.open = false;
    }
    if (this.network.nodes.get(this.machine) === this) this.network.nodes.delete(this.machine);
  }

  private connect(listener: SimulatedNode): SimulatedConnection {
    const near = SimulatedConnection.between(this, listener);
    const { network } = this;
    this.connections.push(near);
    listener.connections.push(near.far);
    network.world.schedule(0, listener.process, () => {
      if (near.far.open) listener.listeners.tell('peer:connect', { detail: this.peerId });
    });
    network.world.schedule(0, this.process, () => {
      if (near.open) this.listeners.tell('peer:connect', { detail: listener.peerId });
    });
    return near;
  }

  // --- gossip

  private publish(topic: string, data: Uint8Array): Promise<{ recipients: PeerId[] }> {
    const id = this.network.gossipSent++;
    this.seenGossip.add(id);
    this.spread(topic, Buffer.from(data), id, this.gossipPeers(Number.POSITIVE_INFINITY));
    return Promise.resolve({ recipients: [] });
  }

  private spread(topic: string, data: Buffer, id: number, connections: readonly SimulatedConnection[]): void {
    const { network } = this;
    for (const connection of connections) {
      const { far } = connection;
      const path = network.path(this.machine, far.node.machine);
      if (path.cut || connection.deaf || network.random.chance(path.gossipLoss)) continue;
      const copies = network.random.chance(path.gossipDuplicates) ? 2 : 1;
      network.traffic.gossipMessages += copies;
      network.traffic.gossipBytes += copies * data.length;
      for (let copy = 0; copy < copies; copy++) {
        network.world.schedule(network.delayOf(path), far.node.process, () => {
          // a repeated message is known by its content, for as long as that is remembered
          const { node } = far;
          if (!far.open || path.cut || (node.seenGossip.has(id) && copy === 0)) return IDLE;
          node.heard(topic, data, id, this.peerId);
        });
      }
    }
  }

  private heard(topic: string, data: Buffer, id: number, from: PeerId): void {
    const first = !this.seenGossip.has(id);
    this.seenGossip.add(id);
    this.network.world.noteBytes(data);
    const verdict = this.validators.get(topic)?.(from, { data } as unknown as Message);
    if (verdict === ACCEPT && first) this.spread(topic, data, id, this.gossipPeers(this.network.gossipDegree));
  }

  private gossipPeers(count: number): readonly SimulatedConnection[] {
    const { connections, network } = this;
    if (network.gossipDegree === Number.POSITIVE_INFINITY) return connections;
    // two nodes that dial each other at once have two connections, and gossip on one
    const byPeer = [...new Map(connections.map((each) => [each.far.node, each])).values()];
    return byPeer.length <= count ? byPeer : Array.from({ length: count }, () => network.random.pick(byPeer));
  }
}
