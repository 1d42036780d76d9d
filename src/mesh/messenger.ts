/**
 * Messages between nodes that are no txns: at most once, in order, kept nowhere. They go over the sync stream of the
 * peer, or, where two nodes cannot reach each other (each behind a router of its own, say), by one peer that reaches
 * both: who that is, is asked around among the peers. What is too much for a slow peer is dropped.
 */
import { decodeMap, encodePlain, FrameError, FrameType, textField, textsField } from './frames.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';

/** A relay that has not said so again for so long is none any more. */
const RELAY_MS_MAX = 15_000;
/** How often one is asked for again. */
const SEEK_MS = 5000;
/** Asked for at once: a cluster of which nobody reaches so many others has other worries. */
const SOUGHT_MAX = 64;
/** Redis's limit for clients that listen: a peer that does not take so much loses what follows. */
const BACKLOG_BYTES_MAX = 32 * 1024 * 1024;
const HEADER_LENGTH_BYTES = 2;

export interface MessengerOptions {
  readonly self: string;
  readonly links: ReadonlyMap<string, Link>;
  readonly members: Members;
}

interface Relay {
  readonly by: string;
  readonly saidMs: number;
}

export class Messenger {
  readonly statistics = { messages_sent: 0, messages_received: 0, messages_relayed: 0, messages_dropped: 0 };
  onMessage: (peerId: string, bytes: Buffer) => void = () => {};
  onReach: (peerId: string, reachable: boolean) => void = () => {};
  private readonly options: MessengerOptions;
  /** By peer that has no link to us. */
  private readonly relays = new Map<string, Relay>();
  private readonly reached = new Set<string>();
  /** The same, as a list that is not changed any more: it is asked for with each message. */
  private reachedNow: readonly string[] = [];
  private soughtMs = Number.NEGATIVE_INFINITY;
  private isPaused = false;

  constructor(options: MessengerOptions) {
    this.options = options;
  }

  set paused(paused: boolean) {
    this.isPaused = paused;
    this.update();
  }

  reachable(): readonly string[] {
    return this.reachedNow;
  }

  send(peerId: string, bytes: Uint8Array): void {
    if (this.isPaused) return;
    const link = this.linkTo(peerId) ?? this.linkTo(this.relays.get(peerId)?.by ?? peerId);
    if (link !== undefined) this.pass(link, encodeMessage(this.options.self, peerId, bytes));
    else this.statistics.messages_dropped++;
  }

  /** Links have come or gone, or it is time to ask again: once a second, and at each change. */
  update(): void {
    const now = performance.now();
    for (const [peerId, { by, saidMs }] of this.relays) {
      if (now - saidMs > RELAY_MS_MAX || this.linkTo(by) === undefined) this.relays.delete(peerId);
    }
    for (const peerId of [...this.reached]) if (!this.isReachable(peerId)) this.turn(peerId, false);
    if (this.isPaused) return;
    for (const [peerId, link] of this.options.links) if (link.ready) this.turn(peerId, true);
    if (now - this.soughtMs >= SEEK_MS) this.seek(now);
  }

  /** Takes a frame of the sync stream. Throws FrameError. */
  receive(link: Link, body: Buffer): void {
    if (this.isPaused) return;
    const { self } = this.options;
    const { header, bytes } = split(body);
    const origin = textField(header, 'o');
    const target = textField(header, 't');
    if (target === self) {
      this.statistics.messages_received++;
      this.onMessage(origin, bytes);
      return;
    }
    const onward = this.linkTo(target);
    // what was relayed once is not relayed again
    if (origin !== link.peerId || onward === undefined) {
      this.statistics.messages_dropped++;
      return;
    }
    this.statistics.messages_relayed++;
    this.pass(onward, body);
  }

  /** Somebody looks for a way to these peers. */
  sought(link: Link, map: Record<string, unknown>): void {
    if (this.isPaused) return;
    const found = textsField(map, 'peers').filter((peerId) => this.linkTo(peerId) !== undefined);
    if (found.length > 0) link.sendMap(FrameType.reaches, { peers: found });
  }

  /** A peer reaches these. */
  reaches(link: Link, map: Record<string, unknown>): void {
    for (const peerId of textsField(map, 'peers')) {
      if (peerId === this.options.self || this.options.members.get(peerId) === undefined) continue;
      this.relays.set(peerId, { by: link.peerId, saidMs: performance.now() });
      if (!this.isPaused) this.turn(peerId, true);
    }
  }

  private pass(link: Link, body: Uint8Array): void {
    if (link.backlogBytes > BACKLOG_BYTES_MAX) {
      this.statistics.messages_dropped++;
      return;
    }
    this.statistics.messages_sent++;
    link.sendBulk(FrameType.message, body);
  }

  private seek(now: number): void {
    const { links, members } = this.options;
    const peers = members
      .all()
      .map(({ peerId }) => peerId)
      .filter((peerId) => this.linkTo(peerId) === undefined)
      .slice(0, SOUGHT_MAX);
    if (peers.length === 0) return;
    this.soughtMs = now;
    for (const link of links.values()) if (link.ready) link.sendMap(FrameType.seek, { peers });
  }

  private linkTo(peerId: string): Link | undefined {
    const link = this.options.links.get(peerId);
    return link?.ready === true ? link : undefined;
  }

  private isReachable(peerId: string): boolean {
    return !this.isPaused && (this.linkTo(peerId) !== undefined || this.relays.has(peerId));
  }

  private turn(peerId: string, reachable: boolean): void {
    if (this.reached.has(peerId) === reachable) return;
    if (reachable) this.reached.add(peerId);
    else this.reached.delete(peerId);
    this.reachedNow = [...this.reached];
    this.onReach(peerId, reachable);
  }
}

/** u16 length, a small CBOR map that says from whom and to whom, and the bytes themselves. */
export function encodeMessage(origin: string, target: string, bytes: Uint8Array): Buffer {
  const head = encodePlain({ o: origin, t: target });
  const length = Buffer.allocUnsafe(HEADER_LENGTH_BYTES);
  length.writeUInt16BE(head.length);
  return Buffer.concat([length, head, bytes]);
}

function split(body: Buffer): { header: Record<string, unknown>; bytes: Buffer } {
  if (body.length < HEADER_LENGTH_BYTES) throw new FrameError('message cut short');
  const end = HEADER_LENGTH_BYTES + body.readUInt16BE(0);
  if (end > body.length) throw new FrameError('message cut short');
  return { header: decodeMap(body.subarray(HEADER_LENGTH_BYTES, end)), bytes: Buffer.from(body.subarray(end)) };
}
