/**
 * The program of libp2p's thread: a node that does what the command thread orders and reports what happens to it. It decides
 * nothing; whoever asks, dials, accepts and closes is on the command thread.
 */
import '../../compatibility.ts';
import { parentPort, workerData } from 'node:worker_threads';
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { createNode, type Libp2pNode, type NodeOptions } from '../node.ts';
import { closeOrAbort } from '../transport.ts';
import type { Order, Report } from './messages.ts';
import { Outbox } from './outbox.ts';
import { ServedStream } from './served-stream.ts';

/** Questions about gossip that wait for an answer; who sends more meanwhile is not heard. */
const QUESTIONS_MAX = 1024;

if (parentPort === null) throw new Error('this program is one of a thread');
const port = parentPort;
const outbox = new Outbox<Report>(port, setImmediate);

class Libp2pThread {
  private readonly node: Libp2pNode;
  private readonly connections = new Map<number, Connection>();
  private readonly connectionNumbers = new Map<Connection, number>();
  private readonly streams = new Map<number, ServedStream>();
  /** By call that waits here. */
  private readonly waiting = new Map<number, AbortController>();
  private readonly questions = new Map<number, (verdict: TopicValidatorResult) => void>();
  private lastNumber = 0;

  constructor(node: Libp2pNode) {
    this.node = node;
    node.addEventListener('peer:discovery', ({ detail: { id, multiaddrs } }) =>
      outbox.say({ kind: 'discovered', peerId: id.toString(), addresses: multiaddrs.map(String) }),
    );
    node.addEventListener('connection:open', ({ detail }) => this.numberOf(detail));
    node.addEventListener('connection:close', ({ detail }) => this.connectionClosed(detail));
    node.addEventListener('peer:connect', ({ detail }) => {
      for (const connection of node.getConnections(detail)) this.numberOf(connection);
      outbox.say({ kind: 'connected', peerId: detail.toString() });
    });
    node.addEventListener('peer:disconnect', ({ detail }) =>
      outbox.say({ kind: 'disconnected', peerId: detail.toString() }),
    );
    node.addEventListener('self:peer:update', () =>
      outbox.say({ kind: 'addresses', addresses: node.getMultiaddrs().map(String) }),
    );
  }

  obey(order: Order): void {
    const { pubsub } = this.node.services;
    switch (order.kind) {
      case 'bytes':
        this.streams.get(order.stream)?.send(order.bytes);
        return;
      case 'worked on':
        this.streams.get(order.stream)?.workedOn(order.bytes);
        return;
      case 'close stream':
        this.streams.get(order.stream)?.close();
        return;
      case 'abort stream':
        this.streams.get(order.stream)?.abort(order.reason);
        return;
      case 'close connection': {
        const connection = this.connections.get(order.connection);
        if (connection !== undefined) void closeOrAbort(connection);
        return;
      }
      case 'abort connection':
        this.connections.get(order.connection)?.abort(new Error(order.reason));
        return;
      case 'subscribe':
        pubsub.topicValidators.set(order.topic, (peer, { data }) => this.ask(order.topic, peer.toString(), data));
        pubsub.subscribe(order.topic);
        return;
      case 'unsubscribe':
        pubsub.unsubscribe(order.topic);
        return;
      case 'verdict':
        this.questions.get(order.question)?.(order.verdict);
        this.questions.delete(order.question);
        return;
      case 'cancel':
        this.waiting.get(order.call)?.abort(new Error('nobody waits for it any more'));
        return;
      case 'stop':
        void this.stop();
        return;
      default:
        this.begin(order);
    }
  }

  /** Orders that take their time. */
  private begin(order: Order & { kind: 'handle' | 'dial' | 'open stream' | 'publish' }): void {
    switch (order.kind) {
      case 'handle':
        void this.node.handle(
          order.protocol,
          (stream, connection) => {
            const number = this.numberOf(connection);
            outbox.say({
              ...{ kind: 'accepted', protocol: order.protocol },
              ...{ stream: this.serve(stream), connection: number },
            });
          },
          order.limits,
        );
        return;
      case 'dial':
        this.answer(order.call, async (signal) => {
          const addresses = order.addresses.map((each) => multiaddr(each));
          const connection = this.numberOf(await this.node.dial(addresses, { signal }));
          outbox.say({ kind: 'dialled', call: order.call, connection });
        });
        return;
      case 'open stream':
        this.answer(order.call, async (signal) => {
          const connection = this.connections.get(order.connection);
          if (connection === undefined) throw new Error('the connection is closed');
          const stream = this.serve(await connection.newStream(order.protocol, { signal }));
          outbox.say({ kind: 'stream opened', call: order.call, stream, connection: order.connection });
        });
        return;
      case 'publish':
        this.answer(order.call, async () => {
          await this.node.services.pubsub.publish(order.topic, order.bytes);
          outbox.say({ kind: 'published', call: order.call });
        });
    }
  }

  private answer(call: number, work: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    this.waiting.set(call, controller);
    work(controller.signal)
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        outbox.say({ kind: 'call failed', call, reason });
      })
      .finally(() => this.waiting.delete(call));
  }

  /** Whether a message may be passed on is for those to say who take it. */
  private ask(topic: string, peerId: string, bytes: Uint8Array): Promise<TopicValidatorResult> | TopicValidatorResult {
    if (this.questions.size >= QUESTIONS_MAX) return TopicValidatorResult.Ignore;
    const question = ++this.lastNumber;
    return new Promise((resolve) => {
      this.questions.set(question, resolve);
      outbox.say({ kind: 'gossip', question, topic, peerId, bytes: outbox.own(bytes) });
    });
  }

  /** Reported before anything on it is. */
  private numberOf(connection: Connection): number {
    const known = this.connectionNumbers.get(connection);
    if (known !== undefined) return known;
    const number = ++this.lastNumber;
    this.connections.set(number, connection);
    this.connectionNumbers.set(connection, number);
    const { remotePeer, remoteAddr, direction } = connection;
    const addressee = { peerId: remotePeer.toString(), address: remoteAddr.toString(), direction };
    outbox.say({ kind: 'connection opened', connection: number, ...addressee });
    return number;
  }

  private connectionClosed(connection: Connection): void {
    const number = this.connectionNumbers.get(connection);
    if (number === undefined) return;
    this.connections.delete(number);
    this.connectionNumbers.delete(connection);
    outbox.say({ kind: 'connection closed', connection: number });
  }

  private serve(stream: Stream): number {
    const number = ++this.lastNumber;
    this.streams.set(number, new ServedStream(stream, number, outbox, () => this.streams.delete(number)));
    return number;
  }

  private async stop(): Promise<void> {
    await this.node.stop();
    outbox.say({ kind: 'stopped' });
  }
}

async function main(): Promise<void> {
  let node: Libp2pNode;
  try {
    node = await createNode(workerData as NodeOptions);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    outbox.say({ kind: 'not started', message, code });
    return;
  }
  const thread = new Libp2pThread(node);
  port.on('message', (orders: readonly Order[]) => {
    for (const order of orders) thread.obey(order);
  });
  outbox.say({ kind: 'started', peerId: node.peerId.toString(), addresses: node.getMultiaddrs().map(String) });
}

await main();
