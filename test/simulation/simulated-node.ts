/** What stands for a libp2p node on the virtual network: dialling, connections, gossip, discovery. */
import type { Message } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { MeshNode } from '../../src/mesh/transport.ts';
import { DIAL_TIMEOUT_MS, type Listener, Listeners, SimulatedConnection, type SimulatedStream } from './connections.ts';
import type { Network } from './network.ts';
import { IDLE, type Process } from './world.ts';

const ACCEPT = 'accept';

/** By machine number. */
export function ipOf(machine: number): string {
  return `10.0.${(machine + 1) >> 8}.${(machine + 1) & 0xff}`;
}

function machineAt(address: string): number {
  const [, high, low] = /10\.0\.(\d+)\.(\d+)/.exec(address) ?? [];
  return Number(high) * 256 + Number(low) - 1;
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
