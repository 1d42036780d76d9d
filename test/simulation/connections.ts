/** Connections of the virtual network and the ordered streams on them, as libp2p's look to the mesh. */
import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { Channel } from './network.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { IDLE } from './world.ts';

export const DIAL_TIMEOUT_MS = 4000;
/** A stream with so much on its way takes no more for now. */
const WINDOW_BYTES = 256 * 1024;

export type Listener = (event: { detail?: unknown; data?: Uint8Array }) => void;

export class Listeners {
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

/** One end of a connection. */
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
