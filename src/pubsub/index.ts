/**
 * pubsub/: channels that reach over the whole mesh. A message goes to this node's listeners at once and to every other
 * node, as in a Redis Cluster; who listens where is told around, so that counts cover all nodes. No message is given out
 * before what its node had written before it (held.ts). It may assume a Messenger that brings bytes to each node at most once and in order, and tells whom it can reach.
 *
 * Invariant: a table of another node is what that node sent last, or is asked for anew: it is never patched over a gap.
 */
import {
  type PubSubService,
  SUBSCRIPTION_KINDS,
  type Subscriber,
  type SubscriptionKind,
} from '../commands/services.ts';
import { MalformedError } from '../core/index.ts';
import { HeldMessages, type WriteOrder } from './held.ts';
import { latin1, matches, Subscriptions } from './subscriptions.ts';
import { decodeTold, encodeCounts, NO_WRITES, SayWriter, type SubscriptionCount, WANT } from './wire.ts';

/** What the mesh does for it. Peers are named by their peer ids. */
export interface Messenger {
  /** At most once; to nobody if there is no way to that peer. */
  send(peerId: string, bytes: Uint8Array): void;
  /** Peers to which there is a way now. */
  reachable(): readonly string[];
  /** Bytes of another node; they may be kept. */
  onMessage: (peerId: string, bytes: Buffer) => void;
  /** A way to a peer is there, or there is none any more. */
  onReach: (peerId: string, reachable: boolean) => void;
}

export interface PubSubOptions {
  readonly messenger: Messenger;
  /** Of this process: 32 bits that no other start of it has. */
  readonly epoch: number;
  /** Without it messages come and go whatever is written. */
  readonly writes?: WriteOrder;
  /** Runs its argument at the end of this turn. */
  defer?(work: () => void): void;
  /** Runs it after so many milliseconds. */
  later?(work: () => void, ms: number): void;
  warn(details: object, message: string): void;
}

/** Messages of one turn go together up to so many bytes. */
const GATHERED_BYTES_MAX = 64 * 1024;

const UNORDERED: WriteOrder = { latest: () => NO_WRITES, reached: () => true, onProgress() {} };

interface RemoteTable {
  epoch: number;
  version: number;
  readonly counts: Record<SubscriptionKind, Map<string, number>>;
}

export class PubSub implements PubSubService {
  private readonly messenger: Messenger;
  private readonly epoch: number;
  private readonly defer: (work: () => void) => void;
  private readonly warn: (details: object, message: string) => void;
  private readonly writes: WriteOrder;
  private readonly held: HeldMessages;
  private readonly local = new Subscriptions();
  private readonly remote = new Map<string, RemoteTable>();
  private version = 0;
  private readonly changed = new Map<string, SubscriptionCount>();
  private readonly said = new SayWriter();
  private flushing = false;

  constructor({ messenger, epoch, writes = UNORDERED, defer = setImmediate, later = afterwards, warn }: PubSubOptions) {
    this.writes = writes;
    this.held = new HeldMessages(writes, later);
    this.messenger = messenger;
    this.epoch = epoch;
    this.defer = defer;
    this.warn = warn;
    this.local.onChange = (kind, name, count) => {
      this.changed.set(`${kind} ${name}`, { kind, name, count });
      this.flushSoon();
    };
    messenger.onMessage = (peerId, bytes) => this.received(peerId, bytes);
    messenger.onReach = (peerId, reachable) => {
      if (reachable) messenger.send(peerId, this.table());
      else this.remote.delete(peerId);
    };
    for (const peerId of messenger.reachable()) messenger.send(peerId, this.table());
  }

  subscribe(kind: SubscriptionKind, name: Uint8Array, subscriber: Subscriber): boolean {
    return this.local.add(kind, latin1(name), subscriber);
  }

  unsubscribe(kind: SubscriptionKind, name: Uint8Array, subscriber: Subscriber): boolean {
    return this.local.remove(kind, latin1(name), subscriber);
  }

  publish(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array): number {
    if (this.messenger.reachable().length > 0) {
      this.said.add(kind, channel, message);
      if (this.said.bytes > GATHERED_BYTES_MAX) this.flush();
      else this.flushSoon();
    }
    return this.local.deliver(kind, channel, message) + this.countElsewhere(kind, channel);
  }

  publishHere(channel: Uint8Array, message: Uint8Array): void {
    this.local.deliver('channel', channel, message);
  }

  names(kind: SubscriptionKind): string[] {
    const names = new Set<string>();
    for (const [name] of this.local.entries(kind)) names.add(name);
    for (const { counts } of this.remote.values()) for (const name of counts[kind].keys()) names.add(name);
    return [...names];
  }

  count(kind: SubscriptionKind, name: Uint8Array): number {
    const text = latin1(name);
    let count = this.local.count(kind, text);
    for (const { counts } of this.remote.values()) count += counts[kind].get(text) ?? 0;
    return count;
  }

  private countElsewhere(kind: 'channel' | 'shard', channel: Uint8Array): number {
    let text: string | null = null;
    let count = 0;
    for (const { counts } of this.remote.values()) {
      if (counts[kind].size > 0) {
        text ??= latin1(channel);
        count += counts[kind].get(text) ?? 0;
      }
      if (kind === 'shard') continue;
      for (const [pattern, listeners] of counts.pattern) {
        if (matches(Buffer.from(pattern, 'latin1'), channel)) count += listeners;
      }
    }
    return count;
  }

  // --- to other nodes

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    this.defer(() => this.flush());
  }

  /** Changes first: a message may be the answer to one of a client that has just subscribed. */
  private flush(): void {
    this.flushing = false;
    if (this.changed.size > 0) {
      this.version++;
      this.sendAll(encodeCounts('change', this.epoch, this.version, this.changed.values()));
      this.changed.clear();
    }
    if (this.said.bytes > 0) this.sendAll(this.said.take(this.writes.latest()));
  }

  private sendAll(bytes: Buffer): void {
    for (const peerId of this.messenger.reachable()) this.messenger.send(peerId, bytes);
  }

  /** As of the version that was told last: what has changed since follows. */
  private table(): Buffer {
    const entries: SubscriptionCount[] = [];
    for (const kind of SUBSCRIPTION_KINDS) {
      for (const [name, count] of this.local.entries(kind)) entries.push({ kind, name, count });
    }
    return encodeCounts('table', this.epoch, this.version, entries);
  }

  // --- from other nodes

  private received(peerId: string, bytes: Buffer): void {
    try {
      const told = decodeTold(bytes);
      if (told.tag === 'want') this.messenger.send(peerId, this.table());
      else if (told.tag === 'say') {
        this.held.take(peerId, told.after, bytes.length, () => {
          for (const { kind, channel, message } of told.messages) this.local.deliver(kind, channel, message);
        });
      } else this.learn(peerId, told);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.warn({ peer: peerId, reason: error.message }, 'what a peer told of subscriptions cannot be read');
    }
  }

  private learn(
    peerId: string,
    told: { tag: 'table' | 'change'; epoch: number; version: number; entries: readonly SubscriptionCount[] },
  ): void {
    let table = this.remote.get(peerId);
    if (told.tag === 'table') {
      table = { epoch: 0, version: 0, counts: { channel: new Map(), pattern: new Map(), shard: new Map() } };
      this.remote.set(peerId, table);
    } else if (table === undefined || table.epoch !== told.epoch || table.version !== told.version - 1) {
      this.messenger.send(peerId, WANT);
      return;
    }
    table.epoch = told.epoch;
    table.version = told.version;
    for (const { kind, name, count } of told.entries) {
      if (count > 0) table.counts[kind].set(name, count);
      else table.counts[kind].delete(name);
    }
  }
}

/** Does not keep the process from ending. */
function afterwards(work: () => void, ms: number): void {
  setTimeout(work, ms).unref();
}
