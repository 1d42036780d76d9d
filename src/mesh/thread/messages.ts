/**
 * What the command thread and libp2p's thread say to each other. Connections and streams have numbers that libp2p's
 * thread gives; a call has a number that its answer repeats. What is said in one turn travels as one message, and the
 * bytes of a stream in one piece of memory that changes hands.
 */
import type { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { StreamLimits } from '../transport.ts';

/** From the command thread. */
export type Order =
  | { kind: 'handle'; protocol: string; limits: StreamLimits }
  | { kind: 'dial'; call: number; addresses: string[] }
  | { kind: 'open stream'; call: number; connection: number; protocol: string }
  /** Nobody waits for it any more. */
  | { kind: 'cancel'; call: number }
  | { kind: 'close connection' | 'abort connection'; connection: number; reason: string }
  | { kind: 'close stream' | 'abort stream'; stream: number; reason: string }
  | StreamBytes
  /** So many received bytes of a stream have been worked on. */
  | { kind: 'worked on'; stream: number; bytes: number }
  | { kind: 'subscribe' | 'unsubscribe'; topic: string }
  | { kind: 'publish'; call: number; topic: string; bytes: Uint8Array }
  | { kind: 'verdict'; question: number; verdict: TopicValidatorResult }
  | { kind: 'stop' };

/** From libp2p's thread. */
export type Report =
  | { kind: 'started'; peerId: string; addresses: string[] }
  | { kind: 'not started'; message: string; code: string | undefined }
  | { kind: 'addresses'; addresses: string[] }
  | { kind: 'discovered'; peerId: string; addresses: string[] }
  | { kind: 'connected' | 'disconnected'; peerId: string }
  | {
      kind: 'connection opened';
      connection: number;
      peerId: string;
      address: string;
      direction: 'inbound' | 'outbound';
    }
  | { kind: 'connection closed'; connection: number }
  | { kind: 'accepted'; protocol: string; stream: number; connection: number }
  | { kind: 'dialled'; call: number; connection: number }
  | { kind: 'stream opened'; call: number; stream: number; connection: number }
  | { kind: 'published'; call: number }
  | { kind: 'call failed'; call: number; reason: string }
  | StreamBytes
  /** So many bytes of ours have left. */
  | { kind: 'sent'; stream: number; bytes: number }
  | { kind: 'remote closed writing' | 'stream closed'; stream: number }
  /** May this be passed on? */
  | { kind: 'gossip'; question: number; topic: string; peerId: string; bytes: Uint8Array }
  | { kind: 'stopped' };

export type StreamBytes = { kind: 'bytes'; stream: number; bytes: Uint8Array };
