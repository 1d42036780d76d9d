/** Connections and streams of libp2p's thread, as they look to the mesh on the command thread. */
import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { MeshConnection, MeshStream, MeshStreamEvents, StreamListener } from '../transport.ts';
import type { Order } from './messages.ts';
import type { Outbox } from './outbox.ts';

/** A stream of which so much has not left yet takes no more until all of that has. */
const UNSENT_BYTES_MAX = 256 * 1024;

/** What a connection needs of its node. */
export interface Thread {
  readonly outbox: Outbox<Order>;
  /** Asks and waits for the answer, or until the signal. */
  call<Answer>(ask: (call: number) => Order, signal: AbortSignal | null): Promise<Answer>;
}

export class RemoteConnection implements MeshConnection {
  readonly number: number;
  readonly remotePeer: PeerId;
  readonly remoteAddr: Multiaddr;
  readonly direction: 'inbound' | 'outbound';
  readonly streams = new Set<RemoteStream>();
  private readonly thread: Thread;

  constructor(
    thread: Thread,
    number: number,
    remotePeer: PeerId,
    remoteAddr: Multiaddr,
    direction: 'inbound' | 'outbound',
  ) {
    this.thread = thread;
    this.number = number;
    this.remotePeer = remotePeer;
    this.remoteAddr = remoteAddr;
    this.direction = direction;
  }

  newStream(protocol: string, { signal }: { signal: AbortSignal }): Promise<MeshStream> {
    const { number: connection } = this;
    return this.thread.call((call) => ({ kind: 'open stream', call, connection, protocol }), signal);
  }

  close(): Promise<void> {
    this.thread.outbox.say({ kind: 'close connection', connection: this.number, reason: '' });
    return Promise.resolve();
  }

  abort(error: Error): void {
    this.thread.outbox.say({ kind: 'abort connection', connection: this.number, reason: error.message });
  }
}

type Listeners = { [Name in keyof MeshStreamEvents]: StreamListener<Name>[] };

export class RemoteStream implements MeshStream {
  inactivityTimeout = 0;
  writeBufferLength = 0;
  readonly number: number;
  private readonly outbox: Outbox<Order>;
  private readonly connection: RemoteConnection;
  private readonly listeners: Listeners = { message: [], drain: [], close: [], remoteCloseWrite: [] };
  /** What was reported before somebody listened; null: somebody does. */
  private unheard: (() => void)[] | null = [];
  private isOpen = true;
  private isFull = false;

  constructor(outbox: Outbox<Order>, number: number, connection: RemoteConnection) {
    this.outbox = outbox;
    this.number = number;
    this.connection = connection;
    connection.streams.add(this);
  }

  addEventListener<Name extends keyof MeshStreamEvents>(name: Name, listener: StreamListener<Name>): void {
    this.listeners[name].push(listener);
    // whoever has waited for the stream adds all of his listeners first
    if (name === 'message') queueMicrotask(() => this.catchUp());
  }

  send(bytes: Uint8Array): boolean {
    if (!this.isOpen) throw new Error('the stream is closed');
    this.writeBufferLength += bytes.length;
    this.outbox.pass(this.number, bytes);
    this.isFull = this.isFull || this.writeBufferLength >= UNSENT_BYTES_MAX;
    return !this.isFull;
  }

  close(): Promise<void> {
    this.outbox.say({ kind: 'close stream', stream: this.number, reason: '' });
    return Promise.resolve();
  }

  abort({ message }: Error): void {
    this.outbox.say({ kind: 'abort stream', stream: this.number, reason: message });
    this.over();
  }

  // --- what libp2p's thread reports

  received(data: Uint8Array): void {
    this.whenHeard(() => {
      this.tell('message', { data });
      this.outbox.say({ kind: 'worked on', stream: this.number, bytes: data.length });
    });
  }

  sent(bytes: number): void {
    this.writeBufferLength -= bytes;
    if (!this.isFull || this.writeBufferLength > 0) return;
    this.isFull = false;
    this.tell('drain', {});
  }

  remoteClosedWriting(): void {
    this.whenHeard(() => this.tell('remoteCloseWrite', {}));
  }

  over(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.connection.streams.delete(this);
    this.whenHeard(() => this.tell('close', {}));
  }

  private whenHeard(tell: () => void): void {
    if (this.unheard === null) tell();
    else this.unheard.push(tell);
  }

  private catchUp(): void {
    const { unheard } = this;
    this.unheard = null;
    for (const tell of unheard ?? []) tell();
  }

  private tell<Name extends keyof MeshStreamEvents>(name: Name, event: MeshStreamEvents[Name]): void {
    for (const listener of this.listeners[name]) listener(event);
  }
}
