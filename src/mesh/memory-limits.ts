/**
 * What nodes tell each other of `maxmemory` and its policy. An eviction is everybody's, so where limits differ the smallest
 * one holds for all data: whoever has set them so should know. Told with hello and members; warned of once a change.
 */
import { FrameError, textField } from './frames.ts';

export interface MemoryLimit {
  /** 0: none. */
  readonly bytes: number;
  readonly policy: string;
}

export class MemoryLimits {
  private readonly own: () => MemoryLimit;
  private readonly log: { warn(details: object, message: string): void };
  /** By peer, what was found to differ: both limits, as text. */
  private readonly differing = new Map<string, string>();

  constructor(own: (() => MemoryLimit) | undefined, log: { warn(details: object, message: string): void }) {
    this.own = own ?? (() => ({ bytes: 0, policy: 'noeviction' }));
    this.log = log;
  }

  get statistics(): { limits_differing: number } {
    return { limits_differing: this.differing.size };
  }

  /** Fields of a frame. */
  toWire(): Record<string, unknown> {
    const { bytes, policy } = this.own();
    return { maxmemory: bytes, policy };
  }

  /** Throws FrameError. A peer of an earlier version tells nothing. */
  take(peerId: string, map: Record<string, unknown>): void {
    if (map.maxmemory === undefined) return;
    const { maxmemory: bytes } = map;
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) throw new FrameError('bad maxmemory');
    const policy = textField(map, 'policy', 64);
    const own = this.own();
    const isSame = own.bytes === bytes && own.policy === policy;
    if (isSame || !(evicts(own) || evicts({ bytes, policy }))) {
      this.differing.delete(peerId);
      return;
    }
    const difference = `${own.bytes} ${own.policy} ${bytes} ${policy}`;
    if (this.differing.get(peerId) === difference) return;
    this.differing.set(peerId, difference);
    this.log.warn(
      { peer: peerId, maxmemory: own.bytes, policy: own.policy, theirMaxmemory: bytes, theirPolicy: policy },
      'this peer has another maxmemory or policy: what the node with the smaller limit evicts is gone on all nodes',
    );
  }

  forget(peerId: string): void {
    this.differing.delete(peerId);
  }
}

function evicts({ bytes, policy }: MemoryLimit): boolean {
  return bytes > 0 && policy !== 'noeviction';
}
