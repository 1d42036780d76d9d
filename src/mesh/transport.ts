/**
 * What the mesh asks of libp2p, and no more: a node, its connections, the ordered streams on them, and topics. Three things
 * stand behind it: libp2p on this thread (node.ts), libp2p on a thread of its own (thread/), and the simulator's network.
 */
import type { Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';

export interface MeshStreamEvents {
  message: { data: Uint8Array | { subarray(): Uint8Array } };
  /** It takes more again. */
  drain: object;
  close: object;
  remoteCloseWrite: object;
}

export type StreamListener<Name extends keyof MeshStreamEvents> = (event: MeshStreamEvents[Name]) => void;

export interface MeshStream {
  inactivityTimeout: number;
  /** Bytes that were sent and have not left yet. */
  readonly writeBufferLength: number;
  /** False: no more until `drain`. What is sent all the same is kept. Throws where it is closed. */
  send(bytes: Uint8Array): boolean;
  close(): Promise<void>;
  abort(error: Error): void;
  addEventListener(name: 'message', listener: StreamListener<'message'>): void;
  addEventListener(name: 'drain', listener: StreamListener<'drain'>): void;
  addEventListener(name: 'close', listener: StreamListener<'close'>): void;
  addEventListener(name: 'remoteCloseWrite', listener: StreamListener<'remoteCloseWrite'>): void;
}

export interface MeshConnection {
  readonly remotePeer: PeerId;
  readonly remoteAddr: Multiaddr;
  readonly direction: 'inbound' | 'outbound';
  newStream(protocol: string, options: { signal: AbortSignal }): Promise<MeshStream>;
  close(): Promise<void>;
  abort(error: Error): void;
}

export type TopicValidator = (
  peer: { toString(): string },
  message: Pick<Message, 'data'>,
) => TopicValidatorResult | Promise<TopicValidatorResult>;

export interface MeshTopics {
  /** By topic. */
  readonly topicValidators: { set(topic: string, validator: TopicValidator): unknown };
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  publish(topic: string, bytes: Uint8Array): Promise<unknown>;
}

export interface MeshNodeEvents {
  'peer:discovery': { id: PeerId; multiaddrs: Multiaddr[] };
  'peer:connect': PeerId;
  'peer:disconnect': PeerId;
}

export type NodeListener<Name extends keyof MeshNodeEvents> = (event: { detail: MeshNodeEvents[Name] }) => void;

export type StreamHandler = (stream: MeshStream, connection: MeshConnection) => void;

export interface MeshNode {
  readonly peerId: PeerId;
  readonly services: { readonly pubsub: MeshTopics };
  getMultiaddrs(): Multiaddr[];
  getConnections(peer?: PeerId): MeshConnection[];
  dial(addresses: Multiaddr[], options: { signal: AbortSignal }): Promise<MeshConnection>;
  handle(protocol: string, handler: StreamHandler, options: StreamLimits): Promise<void>;
  addEventListener(name: 'peer:discovery', listener: NodeListener<'peer:discovery'>): void;
  addEventListener(name: 'peer:connect', listener: NodeListener<'peer:connect'>): void;
  addEventListener(name: 'peer:disconnect', listener: NodeListener<'peer:disconnect'>): void;
  stop(): void | Promise<void>;
}

/** Of one protocol on one connection. */
export interface StreamLimits {
  readonly maxInboundStreams: number;
  readonly maxOutboundStreams: number;
}

/** In good order, or, where that fails, at once. */
export async function closeOrAbort(end: { close(): Promise<void>; abort(error: Error): void }): Promise<void> {
  try {
    await end.close();
  } catch (error) {
    end.abort(error instanceof Error ? error : new Error(String(error)));
  }
}
