/**
 * Whose disk our txns are on, for WAITAOF. Vectors tell what peers have applied; what of it would be there after a power
 * cut they tell only when they are asked, since it takes them an fsync: who is asked answers once all that it had applied
 * by then is on its disk.
 */
import type { Engine, ReplicaId } from '../core/contract.ts';
import { FrameType, numberOf, vectorToWire } from './frames.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';

/** Peers that had not applied yet what is waited for, or whose disk failed them, are asked again. */
const ASK_AGAIN_MS = 100;

export interface DurabilityOptions {
  readonly engine: Engine;
  readonly members: Members;
  readonly links: ReadonlyMap<string, Link>;
  /** Calls back once everything applied so far is on this node's disk. */
  whenDurable(callback: (failed: boolean) => void): void;
}

interface Waiter {
  readonly number: number;
  readonly count: number;
  readonly resolve: (count: number) => void;
}

export class Durability {
  paused = false;
  private readonly options: DurabilityOptions;
  /** By peer: how far in our txns its disk is, and under which replica ids of both that was said. */
  private readonly reached = new Map<string, { readonly own: ReplicaId; readonly number: number }>();
  private readonly asked = new Set<Link>();
  private waiting: Waiter[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(options: DurabilityOptions) {
    this.options = options;
  }

  /** A peer asks: what it wrote, as far as it is here now, is to go to the disk. */
  answer(link: Link): void {
    const { engine, links, members } = this.options;
    const theirs = members.get(link.peerId)?.replica;
    if (theirs === undefined || this.asked.has(link)) return;
    const number = numberOf(engine.vector(), theirs);
    this.asked.add(link);
    this.options.whenDurable((failed) => {
      this.asked.delete(link);
      if (failed || this.paused || links.get(link.peerId) !== link) return;
      const vector = vectorToWire(engine.shorten(engine.vector()));
      link.sendMap(FrameType.vector, { vector, clock: Date.now(), durable: number });
    });
  }

  /** A peer has answered. */
  report(peerId: string, number: number): void {
    const own = this.options.engine.replica;
    const known = this.reached.get(peerId);
    if (known?.own !== own || known.number < number) this.reached.set(peerId, { own, number });
    const done = this.waiting.filter((each) => this.confirmations(each.number) >= each.count);
    if (done.length === 0) return;
    this.waiting = this.waiting.filter((each) => !done.includes(each));
    for (const { number: wanted, resolve } of done) resolve(this.confirmations(wanted));
  }

  /** Members on whose disk our txn `number` is, as far as they have said. */
  confirmations(number: number): number {
    const own = this.options.engine.replica;
    return this.options.members.all().filter(({ peerId }) => {
      const known = this.reached.get(peerId);
      return known?.own === own && known.number >= number;
    }).length;
  }

  /** Resolves when `count` members have it on disk, or at the time limit (0: none); gives how many do. */
  waitFor(number: number, count: number, timeoutMs: number): Promise<number> {
    const now = this.confirmations(number);
    if (now >= count) return Promise.resolve(now);
    return new Promise((resolve) => {
      const waiter = { number, count, resolve };
      this.waiting.push(waiter);
      this.ask();
      if (timeoutMs === 0) return;
      setTimeout(() => {
        this.waiting = this.waiting.filter((each) => each !== waiter);
        resolve(this.confirmations(number));
      }, timeoutMs);
    });
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private ask(): void {
    this.stop();
    if (this.waiting.length === 0) return;
    const own = this.options.engine.replica;
    const wanted = Math.max(...this.waiting.map(({ number }) => number));
    for (const link of this.paused ? [] : this.options.links.values()) {
      const known = this.reached.get(link.peerId);
      if (link.ready && (known?.own !== own || known.number < wanted)) link.sendMap(FrameType.ask, { durable: true });
    }
    this.timer = setTimeout(() => this.ask(), ASK_AGAIN_MS);
    this.timer.unref();
  }
}
