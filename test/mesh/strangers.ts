/**
 * A stranger: a bare libp2p peer that speaks to nodes of a cluster by hand, to send them what no node would send. Its
 * peer id sorts before those of the nodes it is made for, so that they leave opening the stream to it.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { Stream } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { encodeMap, FrameType } from '../../src/mesh/frames.ts';
import { createNode, type Libp2pNode } from '../../src/mesh/node.ts';
import { temporaryFolder } from '../processes/node-process.ts';
import { newReplica, type TestNode, until } from './meshes.ts';

export class Stranger {
  readonly node: Libp2pNode;
  readonly replica = newReplica();
  readonly topic: string;
  private readonly cluster: string;

  private constructor(node: Libp2pNode, cluster: string) {
    this.node = node;
    this.cluster = cluster;
    this.topic = topicOf(cluster);
  }

  static async start(nodes: readonly TestNode[], secretFile: string | null = null): Promise<Stranger> {
    const { cluster } = nodes[0].mesh;
    const directory = temporaryFolder();
    await writeKeyBefore(
      nodes.map((node) => node.mesh.peerId),
      join(directory, 'peer.key'),
    );
    const node = await createNode({
      directory,
      cluster,
      topic: topicOf(cluster),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      mdns: false,
      secretFile,
    });
    rmSync(directory, { recursive: true });
    const stranger = new Stranger(node, cluster);
    running.add(stranger);
    return stranger;
  }

  get peerId(): string {
    return this.node.peerId.toString();
  }

  /** Joins the topic of the nodes and waits until they see it there. */
  async joinTopic(nodes: readonly TestNode[], take: (bytes: Uint8Array) => void = () => {}): Promise<void> {
    const { pubsub } = this.node.services;
    pubsub.addEventListener('message', (event) => take(event.detail.data));
    pubsub.subscribe(this.topic);
    for (const node of nodes) await this.node.dial(multiaddr(node.address));
    await until('the nodes on the topic', () => pubsub.getSubscribers(this.topic).length >= nodes.length);
  }

  async publish(bytes: Uint8Array): Promise<void> {
    await this.node.services.pubsub.publish(this.topic, bytes);
  }

  /** Opens the sync stream; hello is the caller's. Bytes that arrive go to `take`. */
  async open(to: TestNode, take: (bytes: Uint8Array, stream: Stream) => void = () => {}): Promise<Stream> {
    const connection = await this.node.dial(multiaddr(to.address));
    const stream = await connection.newStream(`/starling/${this.cluster}/sync/1`);
    stream.addEventListener('message', ({ data }) => take(data instanceof Uint8Array ? data : data.subarray(), stream));
    return stream;
  }

  /** A hello that is as it should be, but for `changes`. */
  hello(changes: Record<string, unknown> = {}): Buffer {
    return Buffer.concat(
      encodeMap(FrameType.hello, {
        p: 1,
        cluster: this.cluster,
        id: this.peerId,
        replica: this.replica,
        region: '',
        zone: '',
        addresses: [],
        vector: [],
        clock: Date.now(),
        ...changes,
      }),
    );
  }

  async stop(): Promise<void> {
    running.delete(this);
    await this.node.stop();
  }
}

const running = new Set<Stranger>();

export async function stopStrangers(): Promise<void> {
  await Promise.all([...running].map((stranger) => stranger.stop()));
}

export function frame(type: number, map: Record<string, unknown>): Buffer {
  return Buffer.concat(encodeMap(type, map));
}

function topicOf(cluster: string): string {
  return `starling/${cluster}/1`;
}

async function writeKeyBefore(peerIds: readonly string[], file: string): Promise<void> {
  for (;;) {
    const key = await generateKeyPair('Ed25519');
    const own = peerIdFromPrivateKey(key).toString();
    if (peerIds.some((each) => each <= own)) continue;
    writeFileSync(file, privateKeyToProtobuf(key));
    return;
  }
}
