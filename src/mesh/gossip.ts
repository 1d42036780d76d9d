/**
 * Gossip: txns and version vectors on the cluster's gossipsub topic. A hint and a second path: it reaches nodes that
 * have no direct link to the writer within a hop or two. While writes are few, envelopes go out on it; above a budget
 * only vectors do, and who lacks something pulls it over a stream, which is far cheaper per byte.
 */
import { type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { Encoder } from 'cbor-x';
import type { Engine } from '../core/contract.ts';
import type { ClockAlarm } from './clock-alarm.ts';
import { decodeMap, numberField, textField } from './frames.ts';
import type { Members } from './members.ts';
import { standingFromWire, standingToWire } from './standing.ts';
import type { MeshNode } from './transport.ts';

/** One message: kind 1 is an envelope, kind 2 a vector, kind 3 a sign of life; the rest is its body. */
const ENVELOPE = 1;
const VECTOR = 2;
const SIGN = 3;
const ENVELOPE_BYTES_MAX = 64 * 1024;
const MESSAGE_BYTES_MAX = 256 * 1024;
/** By then who has a stream to us has the envelope, and had time to answer for it. */
const LATE_MS = 20;
/** A gossip message costs about 0.3 ms of both sides' time; a stream frame a tenth of that. */
const ENVELOPES_PER_SECOND = 100;
const BYTES_PER_SECOND = 512 * 1024;

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

export interface GossipOptions {
  node: MeshNode;
  topic: string;
  engine: Engine;
  members: Members;
  clockAlarm: ClockAlarm;
  peerId: string;
  region: string;
  zone: string;
  addresses(): string[];
  log: { warn(details: object, message: string): void };
  /** Something new may be missing. */
  onVector(): void;
  /** There is a stream to this peer, which has said hello on it. */
  isLinked(peerId: string): boolean;
  /** When an envelope is to be published; null: it need not be. */
  whenWanted(): 'now' | 'late' | null;
  /** Everybody has our vector by a stream, and takes a sign that this one is not deaf. */
  signSuffices(): boolean;
}

export class Gossip {
  paused = false;
  private stopped = false;
  statistics = { gossip_sent: 0, gossip_received: 0, gossip_refused: 0, gossip_withheld: 0 };
  /** When each peer's vector was last heard on the topic, by the monotonic clock. */
  readonly heardMs = new Map<string, number>();
  private readonly options: GossipOptions;
  private allowance = { sinceMs: 0, envelopes: 0, bytes: 0 };
  private readonly warned = new Set<string>();

  constructor(options: GossipOptions) {
    this.options = options;
    const { pubsub } = options.node.services;
    pubsub.topicValidators.set(options.topic, (peer, message) => this.validate(String(peer), message));
    pubsub.subscribe(options.topic);
    options.engine.onEnvelope((envelope, local) => {
      if (local) this.publishEnvelope(envelope.bytes);
    });
  }

  stop(): void {
    this.stopped = true;
    this.options.node.services.pubsub.unsubscribe(this.options.topic);
  }

  publishVector(): void {
    // with the time, or it would be the message that all have seen before
    const sign = { id: this.options.peerId, clock: Date.now() };
    if (this.options.signSuffices()) this.publish(SIGN, encoder.encode(sign));
    else this.publish(VECTOR, encoder.encode(standingToWire(this.options)));
  }

  private publishEnvelope(bytes: Uint8Array): void {
    const now = performance.now();
    if (now - this.allowance.sinceMs >= 1000) this.allowance = { sinceMs: now, envelopes: 0, bytes: 0 };
    const { allowance } = this;
    const isTooMuch =
      bytes.length > ENVELOPE_BYTES_MAX ||
      allowance.envelopes >= ENVELOPES_PER_SECOND ||
      allowance.bytes + bytes.length > BYTES_PER_SECOND;
    // last: it looks at every member
    const when = isTooMuch ? null : this.options.whenWanted();
    if (when === null) {
      this.statistics.gossip_withheld++;
      return;
    }
    allowance.envelopes++;
    allowance.bytes += bytes.length;
    if (when === 'now') this.publish(ENVELOPE, bytes);
    else setTimeout(() => this.publish(ENVELOPE, bytes), LATE_MS).unref();
  }

  private publish(kind: number, body: Uint8Array): void {
    if (this.paused || this.stopped) return;
    const { node, topic, log } = this.options;
    const message = Buffer.allocUnsafe(body.length + 1);
    message[0] = kind;
    message.set(body, 1);
    this.statistics.gossip_sent++;
    node.services.pubsub
      .publish(topic, message)
      .catch((error: unknown) => log.warn({ err: error }, 'gossip could not be published'));
  }

  /** Validation is application: a message is passed on only if it could be taken. */
  private validate(peer: string, message: Pick<Message, 'data'>): TopicValidatorResult {
    if (this.paused) return TopicValidatorResult.Ignore;
    const { data } = message;
    try {
      if (data.length < 2 || data.length > MESSAGE_BYTES_MAX) throw new Error(`message of ${data.length} bytes`);
      this.take(data[0], data.subarray(1));
      this.statistics.gossip_received++;
      // a sign is of the way that it came by
      return data[0] === SIGN ? TopicValidatorResult.Ignore : TopicValidatorResult.Accept;
    } catch (error) {
      this.statistics.gossip_refused++;
      if (!this.warned.has(peer)) {
        this.warned.add(peer);
        this.options.log.warn({ peer, err: error }, 'a peer sends garbage on the gossip topic: refused');
      }
      return TopicValidatorResult.Reject;
    }
  }

  private take(kind: number, body: Uint8Array): void {
    const { engine, members } = this.options;
    if (kind === ENVELOPE) {
      const received = engine.receive(body);
      if (received.kind === 'malformed') throw new Error(received.reason);
      if (received.kind === 'quarantined') this.options.clockAlarm.ring(received.replica, received.aheadMs);
      if (received.kind === 'waiting') this.options.onVector();
      return;
    }
    if (kind !== VECTOR && kind !== SIGN) throw new Error(`message kind ${kind}`);
    const entry = decodeMap(body);
    this.heardMs.set(textField(entry, 'id'), performance.now());
    if (kind === SIGN) return;
    const standing = standingFromWire(engine, entry);
    // by the hello of its stream it goes by another replica id since: this was long on its way
    const isOld = this.options.isLinked(standing.peerId) && members.get(standing.peerId)?.replica !== standing.replica;
    if (isOld) return;
    members.report({ ...standing, clockMs: numberField(entry, 'clock'), seenMs: Date.now() });
    this.options.onVector();
  }
}
