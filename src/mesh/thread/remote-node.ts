/**
 * The command thread's end of a libp2p node that runs on a thread of its own: encryption, frames of yamux, gossip and
 * discovery take no time from commands. What the mesh asks at once (who is connected, under which addresses) is kept
 * here as the reports say; everything else is an order, and some orders have an answer.
 */
import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type {
  MeshConnection,
  MeshNode,
  MeshNodeEvents,
  MeshTopics,
  NodeListener,
  StreamHandler,
  StreamLimits,
  TopicValidator,
} from '../transport.ts';
import type { Order, Report } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { RemoteConnection, RemoteStream, type Thread } from './remote-connection.ts';

interface Call {
  answered(value: unknown): void;
  failed(reason: string): void;
}

type Listeners = { [Name in keyof MeshNodeEvents]: NodeListener<Name>[] };

export class RemoteNode implements MeshNode, Thread {
  readonly peerId: PeerId;
  readonly services: { readonly pubsub: MeshTopics };
  readonly outbox: Outbox<Order>;
  private readonly validators = new Map<string, TopicValidator>();
  private readonly handlers = new Map<string, StreamHandler>();
  private readonly listeners: Listeners = { 'peer:discovery': [], 'peer:connect': [], 'peer:disconnect': [] };
  private readonly connections = new Map<number, RemoteConnection>();
  private readonly streams = new Map<number, RemoteStream>();
  private readonly calls = new Map<number, Call>();
  private readonly ended: () => Promise<unknown>;
  private addresses: Multiaddr[];
  private lastCall = 0;
  private stopped: (() => void) | null = null;

  /** `ended` takes the thread down once its node has stopped. */
  constructor(outbox: Outbox<Order>, started: Report & { kind: 'started' }, ended: () => Promise<unknown>) {
    this.outbox = outbox;
    this.peerId = peerIdFromString(started.peerId);
    this.addresses = started.addresses.map((each) => multiaddr(each));
    this.ended = ended;
    this.services = {
      pubsub: {
        topicValidators: this.validators,
        subscribe: (topic) => outbox.say({ kind: 'subscribe', topic }),
        unsubscribe: (topic) => outbox.say({ kind: 'unsubscribe', topic }),
        publish: (topic, bytes) =>
          this.call((call) => ({ kind: 'publish', call, topic, bytes: outbox.own(bytes) }), null),
      },
    };
  }

  getMultiaddrs(): Multiaddr[] {
    return this.addresses;
  }

  getConnections(peer?: PeerId): MeshConnection[] {
    const all = [...this.connections.values()];
    return peer === undefined ? all : all.filter(({ remotePeer }) => remotePeer.equals(peer));
  }

  dial(addresses: Multiaddr[], { signal }: { signal: AbortSignal }): Promise<MeshConnection> {
    return this.call((call) => ({ kind: 'dial', call, addresses: addresses.map(String) }), signal);
  }

  handle(protocol: string, handler: StreamHandler, limits: StreamLimits): Promise<void> {
    this.handlers.set(protocol, handler);
    this.outbox.say({ kind: 'handle', protocol, limits });
    return Promise.resolve();
  }

  addEventListener<Name extends keyof MeshNodeEvents>(name: Name, listener: NodeListener<Name>): void {
    this.listeners[name].push(listener);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.stopped = resolve;
      this.outbox.say({ kind: 'stop' });
    });
    for (const call of [...this.calls.values()]) call.failed('the node stops');
    await this.ended();
  }

  call<Answer>(ask: (call: number) => Order, signal: AbortSignal | null): Promise<Answer> {
    const call = ++this.lastCall;
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.outbox.say({ kind: 'cancel', call });
        end();
        reject(signal?.reason);
      };
      const end = () => {
        this.calls.delete(call);
        signal?.removeEventListener('abort', cancel);
      };
      this.calls.set(call, {
        answered: (value) => {
          end();
          resolve(value as Answer);
        },
        failed: (reason) => {
          end();
          reject(new Error(reason));
        },
      });
      signal?.addEventListener('abort', cancel);
      this.outbox.say(ask(call));
    });
  }

  /** Takes what libp2p's thread says, in its order. */
  take(report: Report): void {
    switch (report.kind) {
      case 'bytes':
        this.streams.get(report.stream)?.received(report.bytes);
        return;
      case 'sent':
        this.streams.get(report.stream)?.sent(report.bytes);
        return;
      case 'gossip':
        void this.judge(report);
        return;
      case 'published':
        this.calls.get(report.call)?.answered(undefined);
        return;
      case 'call failed':
        this.calls.get(report.call)?.failed(report.reason);
        return;
      case 'addresses':
        this.addresses = report.addresses.map((each) => multiaddr(each));
        return;
      case 'discovered':
        this.tell('peer:discovery', {
          id: peerIdFromString(report.peerId),
          multiaddrs: report.addresses.map((each) => multiaddr(each)),
        });
        return;
      case 'connected':
        this.tell('peer:connect', peerIdFromString(report.peerId));
        return;
      case 'disconnected':
        this.tell('peer:disconnect', peerIdFromString(report.peerId));
        return;
      case 'stopped':
        this.stopped?.();
        return;
      case 'started':
      case 'not started':
        throw new Error(`libp2p's thread starts a second time: ${JSON.stringify(report)}`);
      default:
        this.takeOfConnections(report);
    }
  }

  private takeOfConnections(report: ConnectionReport): void {
    switch (report.kind) {
      case 'connection opened': {
        const { connection: number, peerId, address, direction } = report;
        const peer = peerIdFromString(peerId);
        this.connections.set(number, new RemoteConnection(this, number, peer, multiaddr(address), direction));
        return;
      }
      case 'connection closed': {
        const connection = this.connections.get(report.connection);
        this.connections.delete(report.connection);
        for (const stream of [...(connection?.streams ?? [])]) this.endStream(stream.number);
        return;
      }
      case 'dialled':
        this.calls.get(report.call)?.answered(this.connectionOf(report.connection));
        return;
      case 'accepted': {
        const connection = this.connectionOf(report.connection);
        this.handlers.get(report.protocol)?.(this.newStream(report.stream, connection), connection);
        return;
      }
      case 'stream opened': {
        const stream = this.newStream(report.stream, this.connectionOf(report.connection));
        const call = this.calls.get(report.call);
        if (call === undefined) stream.abort(new Error('nobody waits for it any more'));
        else call.answered(stream);
        return;
      }
      case 'remote closed writing':
        this.streams.get(report.stream)?.remoteClosedWriting();
        return;
      case 'stream closed':
        this.endStream(report.stream);
    }
  }

  private async judge({ question, topic, peerId, bytes }: Report & { kind: 'gossip' }): Promise<void> {
    const validator = this.validators.get(topic);
    if (validator === undefined) throw new Error(`gossip on ${topic}, which nobody listens to`);
    const verdict = await validator(peerId, { data: bytes });
    this.outbox.say({ kind: 'verdict', question, verdict });
  }

  private connectionOf(number: number): RemoteConnection {
    const connection = this.connections.get(number);
    if (connection === undefined) throw new Error(`connection ${number} was not reported`);
    return connection;
  }

  private newStream(number: number, connection: RemoteConnection): RemoteStream {
    const stream = new RemoteStream(this.outbox, number, connection);
    this.streams.set(number, stream);
    return stream;
  }

  private endStream(number: number): void {
    const stream = this.streams.get(number);
    this.streams.delete(number);
    stream?.over();
  }

  private tell<Name extends keyof MeshNodeEvents>(name: Name, detail: MeshNodeEvents[Name]): void {
    for (const listener of this.listeners[name]) listener({ detail });
  }
}

type ConnectionReport = Report & {
  kind:
    | 'connection opened'
    | 'connection closed'
    | 'dialled'
    | 'accepted'
    | 'stream opened'
    | 'remote closed writing'
    | 'stream closed';
};
