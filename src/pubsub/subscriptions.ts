/**
 * Who of this node's clients listens to what: by channel, by pattern, by sharded channel. Names are byte strings, kept
 * as latin1 text. Patterns are matched against every message, as in Redis, so many of them make publishing slow.
 */
import { matchGlob } from '../commands/glob.ts';
import type { Subscriber, SubscriptionKind } from '../commands/services.ts';

export class Subscriptions {
  /** The number of this node's listeners to a name has changed. */
  onChange: (kind: SubscriptionKind, name: string, count: number) => void = () => {};
  private readonly byKind: Record<SubscriptionKind, Map<string, Set<Subscriber>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };

  /** Of the patterns that somebody listens to: they are looked at with every message. */
  private readonly patterns = new Map<string, Buffer>();

  /** False if it was subscribed already. */
  add(kind: SubscriptionKind, name: string, subscriber: Subscriber): boolean {
    const names = this.byKind[kind];
    let subscribers = names.get(name);
    if (subscribers === undefined) {
      subscribers = new Set();
      names.set(name, subscribers);
      if (kind === 'pattern') this.patterns.set(name, Buffer.from(name, 'latin1'));
    }
    if (subscribers.has(subscriber)) return false;
    subscribers.add(subscriber);
    this.onChange(kind, name, subscribers.size);
    return true;
  }

  /** False if it was not subscribed. */
  remove(kind: SubscriptionKind, name: string, subscriber: Subscriber): boolean {
    const names = this.byKind[kind];
    const subscribers = names.get(name);
    if (subscribers?.delete(subscriber) !== true) return false;
    if (subscribers.size === 0) {
      names.delete(name);
      if (kind === 'pattern') this.patterns.delete(name);
    }
    this.onChange(kind, name, subscribers.size);
    return true;
  }

  /** Nobody here listens to anything of that kind, or by a pattern. */
  isEmpty(kind: 'channel' | 'shard'): boolean {
    return this.byKind[kind].size === 0 && (kind === 'shard' || this.patterns.size === 0);
  }

  /** Hands a message to everybody here that listens. How often: a client counts once for each subscription of its own. */
  deliver(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array): number {
    if (this.isEmpty(kind)) return 0;
    let delivered = 0;
    for (const subscriber of this.byKind[kind].get(latin1(channel)) ?? []) {
      subscriber.deliver(kind, channel, message, null);
      delivered++;
    }
    if (kind === 'shard') return delivered;
    for (const [name, pattern] of this.patterns) {
      if (!matches(pattern, channel)) continue;
      for (const subscriber of this.byKind.pattern.get(name) ?? []) {
        subscriber.deliver(kind, channel, message, pattern);
        delivered++;
      }
    }
    return delivered;
  }

  /** Names with listeners here, and how many. */
  *entries(kind: SubscriptionKind): Generator<[name: string, count: number]> {
    for (const [name, subscribers] of this.byKind[kind]) yield [name, subscribers.size];
  }

  count(kind: SubscriptionKind, name: string): number {
    return this.byKind[kind].get(name)?.size ?? 0;
  }
}

/** As in Redis an empty channel is matched by an empty pattern only. */
export function matches(pattern: Uint8Array, channel: Uint8Array): boolean {
  return matchGlob(pattern, 0, pattern.length, channel, 0, channel.length, false);
}

export function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('latin1');
}
