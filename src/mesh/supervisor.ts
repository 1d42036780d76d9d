/**
 * The supervisor keeps the mesh connected. It redials known members for ever (libp2p gives up after 46 s, and mDNS
 * does not announce a known peer again), opens the sync stream on each connection, closes what has gone silent or
 * deaf so that it is built anew, and never counts on being told of a loss.
 */
import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Gossip } from './gossip.ts';
import { Link } from './link.ts';
import type { Members } from './members.ts';
import type { Sync } from './sync.ts';
import { closeOrAbort, type MeshConnection, type MeshNode, type MeshStream } from './transport.ts';

const TICK_MS = 500;
const PING_MS = 2000;
/** Nothing heard for so long: the connection is dead, whatever TCP thinks. */
const SILENCE_MS = 6000;
const REDIAL_MS_MIN = 1000;
const REDIAL_MS_MAX = 30_000;
/** After a loss the first redial waits so long, so that both sides have noticed. */
const LOST_MS = 200;
/** A member that was here lately comes back soon: a healed partition must not wait for a long pause. */
const REDIAL_LATELY_MS_MAX = 4000;
const LATELY_MS = 10 * 60 * 1000;
/** A peer that has opened a stream has said hello by then. */
const HELLO_MS_MAX = 8000;
/** A connection without a sync stream for so long has another end that knows nothing of it, or nothing to say to us. */
const UNLINKED_MS_MAX = 10_000;
/** A peer that was refused is not listened to again for so long, else it could have us at work and writing log lines. */
const REFUSED_MS = 10_000;
/** A linked peer whose vectors do not come by gossip for so long has a deaf gossip stream. */
const DEAF_MS = 30_000;
/** libp2p's words, which have no code of their own, when an address without a peer id turns out to be ours. */
const DIALLED_SELF = 'Can not dial self';

interface Target {
  /** Null: an address at which whoever lives there is a peer (bootstrap, JOIN). */
  peerId: string | null;
  addresses: Multiaddr[];
  /** Who was there last. */
  found: string | null;
  failures: number;
  /** By the monotonic clock, as all that is waited for here: a wall clock that is set back must not stop redialling. */
  nextMs: number;
  dialling: boolean;
}

export interface SupervisorOptions {
  node: MeshNode;
  sync: Sync;
  members: Members;
  gossip: Gossip | null;
  protocol: string;
  /** Default: DEAF_MS. */
  deafMs?: number;
  bootstrap: readonly string[];
  log: {
    info(details: object, message: string): void;
    warn(details: object, message: string): void;
    debug(details: object, message: string): void;
  };
  onFound(peerId: string, address: string): void;
  onLost(peerId: string, reason: string): void;
}

export class Supervisor {
  statistics = { dials: 0, dials_failed: 0, links_silent: 0, links_deaf: 0 };
  private readonly options: SupervisorOptions;
  private readonly self: string;
  private readonly targets = new Map<string, Target>();
  private readonly opening = new Set<string>();
  private readonly linkedSinceMs = new Map<string, number>();
  private readonly refusedUntilMs = new Map<string, number>();
  /** Connections without a stream, and since when. */
  private readonly unlinkedSinceMs = new WeakMap<MeshConnection, number>();
  private timer: NodeJS.Timeout | null = null;
  private lastTickMs = performance.now();
  private lastPingMs = 0;
  private stopped = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.self = options.node.peerId.toString();
    for (const address of options.bootstrap) this.addTarget(multiaddr(address));
    for (const member of options.members.all())
      this.noticed(
        member.peerId,
        member.addresses.flatMap((each) => parseAddress(each)),
      );
    const { node, protocol } = options;
    node.addEventListener('peer:discovery', (event) =>
      this.noticed(event.detail.id.toString(), event.detail.multiaddrs),
    );
    node.addEventListener('peer:connect', (event) => {
      options.members.expect();
      this.openSoon(event.detail);
    });
    node.addEventListener('peer:disconnect', (event) => this.disconnected(event.detail));
    void node.handle(protocol, (stream, connection) => this.accept(stream, connection), {
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
    });
  }

  start(): void {
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    for (const link of this.options.sync.links.values()) link.close('this node stops');
  }

  /** Dials an address now; it is redialled like any other from then on. Null, or why it was not reached. */
  async join(address: string): Promise<string | null> {
    let parsed: Multiaddr;
    try {
      parsed = multiaddr(address);
      peerIdOf(parsed);
    } catch (error) {
      return `invalid multiaddr '${address}': ${messageOf(error)}`;
    }
    if (!/\/tcp\/\d+(\/p2p\/[^/]+)?$/.test(parsed.toString())) return `no way to dial '${address}': only TCP is spoken`;
    if (this.isOwn(parsed)) return `'${address}' is this node itself`;
    const target = this.addTarget(parsed);
    await this.dial(target);
    if (target.found === this.self) return `'${address}' is this node itself`;
    return target.failures === 0 ? null : `cannot reach ${address}; it will be tried again`;
  }

  private isOwn(address: Multiaddr): boolean {
    if (peerIdOf(address) === this.self) return true;
    const place = placeOf(address);
    return peerIdOf(address) === null && this.options.node.getMultiaddrs().some((own) => placeOf(own) === place);
  }

  /** Dials it no more, unless it is found again: by mDNS, or at an address that the configuration names. */
  forget(peerId: string): void {
    for (const [key, target] of this.targets) {
      if (target.peerId === peerId || target.found === peerId) this.targets.delete(key);
    }
    for (const address of this.options.bootstrap) this.addTarget(multiaddr(address));
    // not cut off: it is still to read why
    this.options.sync.links.get(peerId)?.close('forgotten');
  }

  /** A peer and where it may be: found by mDNS, remembered, or told by others. */
  noticed(peerId: string, addresses: readonly Multiaddr[]): void {
    if (peerId === this.self || addresses.length === 0) return;
    const target = this.targets.get(peerId);
    if (target === undefined) {
      this.targets.set(peerId, newTarget(peerId, [...addresses]));
    } else {
      target.addresses = [...addresses];
      target.nextMs = Math.min(target.nextMs, performance.now());
    }
  }

  private addTarget(address: Multiaddr): Target {
    const peerId = peerIdOf(address);
    const key = peerId ?? address.toString();
    const known = this.targets.get(key);
    if (known !== undefined) {
      if (!known.addresses.some((each) => each.toString() === address.toString())) known.addresses.push(address);
      return known;
    }
    const target = newTarget(peerId, [address]);
    this.targets.set(key, target);
    return target;
  }

  private tick(): void {
    const now = performance.now();
    // we were held up ourselves: silence proves nothing then
    const late = now - this.lastTickMs > SILENCE_MS / 2;
    this.lastTickMs = now;
    const pinging = now - this.lastPingMs >= PING_MS;
    if (pinging) this.lastPingMs = now;
    for (const link of this.options.sync.links.values()) {
      if (late) link.lastHeardMs = now;
      else if (now - link.lastHeardMs > SILENCE_MS) {
        this.statistics.links_silent++;
        link.abort(`nothing heard for ${now - link.lastHeardMs} ms`);
        continue;
      }
      if (!link.ready && now - (this.linkedSinceMs.get(link.peerId) ?? now) > HELLO_MS_MAX) {
        link.abort('refused: it says no hello');
        continue;
      }
      if (pinging) link.ping();
      this.checkDeafness(link, now);
    }
    for (const [peerId, untilMs] of this.refusedUntilMs) if (now > untilMs) this.refusedUntilMs.delete(peerId);
    for (const member of this.options.members.all()) {
      if (!this.targets.has(member.peerId) && member.addresses.length > 0) {
        this.noticed(
          member.peerId,
          member.addresses.flatMap((each) => parseAddress(each)),
        );
      }
    }
    for (const target of this.targets.values()) {
      if (target.dialling || now < target.nextMs || this.isConnected(target)) continue;
      void this.dial(target);
    }
    for (const connection of this.options.node.getConnections()) {
      this.openSoon(connection.remotePeer);
      this.checkUse(connection, now, late);
    }
  }

  /** Half a connection is no use, and in the way of a whole one: a dial is answered with what there is. */
  private checkUse(connection: MeshConnection, now: number, late: boolean): void {
    const { unlinkedSinceMs } = this;
    const sinceMs = unlinkedSinceMs.get(connection);
    if (this.options.sync.links.has(connection.remotePeer.toString())) unlinkedSinceMs.delete(connection);
    else if (late || sinceMs === undefined) unlinkedSinceMs.set(connection, now);
    else if (now - sinceMs > UNLINKED_MS_MAX) {
      unlinkedSinceMs.delete(connection);
      this.options.log.debug(
        { peer: connection.remotePeer.toString() },
        'a connection without a sync stream is closed',
      );
      connection.abort(new Error('no sync stream'));
    }
  }

  private checkDeafness(link: Link, now: number): void {
    const { gossip, sync } = this.options;
    if (gossip === null || sync.paused || !link.gossips) return;
    const heard = Math.max(gossip.heardMs.get(link.peerId) ?? 0, this.linkedSinceMs.get(link.peerId) ?? now);
    if (now - heard < (this.options.deafMs ?? DEAF_MS)) return;
    this.statistics.links_deaf++;
    gossip.heardMs.set(link.peerId, now);
    link.abort('its gossip stream is deaf');
  }

  private isConnected({ peerId, found }: Target): boolean {
    const expected = peerId ?? found;
    return expected !== null && this.options.sync.links.has(expected);
  }

  private async dial(target: Target): Promise<void> {
    const { node, log } = this.options;
    target.dialling = true;
    this.statistics.dials++;
    try {
      const connection = await node.dial(this.addressesOf(target), { signal: AbortSignal.timeout(4000) });
      target.found = connection.remotePeer.toString();
      target.failures = 0;
      target.nextMs = performance.now() + REDIAL_MS_MIN;
      this.openSoon(connection.remotePeer);
    } catch (error) {
      target.failures++;
      this.statistics.dials_failed++;
      target.nextMs = performance.now() + this.pauseMs(target);
      if (messageOf(error) === DIALLED_SELF) this.answeredAsUs(target);
      log.debug({ peer: target.peerId, failures: target.failures, reason: messageOf(error) }, 'dial failed');
    } finally {
      target.dialling = false;
    }
  }

  private pauseMs({ peerId, failures }: Target): number {
    const lastSeenMs = peerId === null ? Date.now() : (this.options.members.get(peerId)?.lastSeenMs ?? 0);
    const cap = Date.now() - lastSeenMs < LATELY_MS ? REDIAL_LATELY_MS_MAX : REDIAL_MS_MAX;
    return Math.min(cap, REDIAL_MS_MIN * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2);
  }

  /** What it was found under and what it says of itself, with its peer id: somebody else may have its address by now. */
  private addressesOf({ peerId, addresses }: Target): Multiaddr[] {
    if (peerId === null) return addresses;
    const told = this.options.members.get(peerId)?.addresses ?? [];
    const places = new Set([...addresses, ...told.flatMap((each) => parseAddress(each))].map(placeOf));
    return [...places].map((place) => multiaddr(`${place}/p2p/${peerId}`));
  }

  /** Of two peers the one with the smaller id opens the stream, so that there is one. */
  private openSoon(peer: PeerId): void {
    const peerId = peer.toString();
    if (this.stopped || this.self > peerId || this.opening.has(peerId) || this.options.sync.links.has(peerId)) return;
    if (this.refusedUntilMs.has(peerId)) return;
    this.opening.add(peerId);
    this.open(peer).finally(() => this.opening.delete(peerId));
  }

  private async open(peer: PeerId): Promise<void> {
    const { node, protocol, log } = this.options;
    const [connection] = node.getConnections(peer);
    if (connection === undefined) return;
    try {
      const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(4000) });
      this.take(stream, connection);
    } catch (error) {
      this.redialIn(peer.toString(), REDIAL_LATELY_MS_MAX);
      log.debug({ peer: peer.toString(), reason: messageOf(error) }, 'no sync stream: not of this cluster, or gone');
      await closeOrAbort(connection);
    }
  }

  private accept(stream: MeshStream, connection: MeshConnection): void {
    if (!this.stopped && !this.refusedUntilMs.has(connection.remotePeer.toString())) {
      this.take(stream, connection);
      return;
    }
    const reason = new Error('not taken');
    stream.abort(reason);
    connection.abort(reason);
  }

  private take(stream: MeshStream, connection: MeshConnection): void {
    const { sync, members, log } = this.options;
    const peerId = connection.remotePeer.toString();
    const link = new Link(peerId, stream, connection, sync.compression);
    link.onFault = (error) => log.warn({ peer: peerId, err: error }, 'what a peer sent met an error');
    link.onClosed = (reason) => this.closed(link, reason);
    sync.add(link);
    this.linkedSinceMs.set(peerId, performance.now());
    const address = connection.remoteAddr;
    if (connection.direction === 'outbound') {
      members.remember(peerId, [address.toString()]);
      this.noticed(peerId, [address]);
    }
  }

  private closed(link: Link, reason: string): void {
    const { sync, log } = this.options;
    const { peerId } = link;
    const current = sync.links.get(peerId) === link;
    sync.remove(link);
    if (current) this.linkedSinceMs.delete(peerId);
    const refused = reason.startsWith('refused');
    if (refused) {
      log.warn({ peer: peerId, reason }, 'peer refused');
      this.refusedUntilMs.set(peerId, performance.now() + REFUSED_MS);
    }
    if (link.ready && current && !this.stopped) this.options.onLost(peerId, reason);
    if (current || refused) this.redialIn(peerId, refused ? REDIAL_MS_MAX : LOST_MS);
  }

  /** Two nodes with one key take each other for themselves, and never connect. */
  private answeredAsUs(target: Target): void {
    if (target.found === this.self) return;
    target.found = this.self;
    if (target.addresses.some((address) => this.isOwn(address))) return;
    this.options.log.warn(
      { addresses: target.addresses.map(String) },
      'our own peer id answers there: either it is this node seen from outside, or a copy of its data directory ' +
        'runs there; then stop the copy, delete its peer.key and peer.port, and start it again',
    );
  }

  private disconnected(peer: PeerId): void {
    this.options.sync.links.get(peer.toString())?.abort('connection lost');
    this.redialIn(peer.toString(), LOST_MS);
  }

  private redialIn(peerId: string, ms: number): void {
    for (const target of this.targets.values()) {
      if (target.peerId === peerId || target.found === peerId) target.nextMs = performance.now() + ms;
    }
  }
}

function newTarget(peerId: string | null, addresses: Multiaddr[]): Target {
  return { peerId, addresses, found: null, failures: 0, nextMs: 0, dialling: false };
}

/** An address without the peer id. */
function placeOf(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '');
}

/** The peer id at the end of an address. Throws if that is none. */
function peerIdOf(address: Multiaddr): string | null {
  const match = /\/p2p\/([^/]+)$/.exec(address.toString());
  return match === null ? null : peerIdFromString(match[1]).toString();
}

/** Addresses from elsewhere may be nonsense: those are left out. */
function parseAddress(address: string): Multiaddr[] {
  try {
    return [multiaddr(address)];
  } catch (error) {
    if (error instanceof Error) return [];
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
