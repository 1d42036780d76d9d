/**
 * What nodes tell each other of subscriptions and messages: one kind byte, then fields of fixed width, big-endian.
 *
 *   table   epoch(4) version(4) entries    all that a node's clients listen to
 *   change  epoch(4) version(4) entries    what has changed since the version before; a count of 0: nobody any more
 *   want                                   "send me your table"
 *   say     replica(8) number(6) messages  kind(1) length(4) channel length(4) message, one after the other
 *
 * A `say` names the last txn of its node: what was published came after it. A number of 0: after none.
 * An entry is kind(1) count(4) length(4) name.
 */
import { SUBSCRIPTION_KINDS, type SubscriptionKind } from '../commands/services.ts';
import { MalformedError } from '../core/index.ts';
import type { WritePoint } from './held.ts';

export const NO_WRITES: WritePoint = { replica: '0'.repeat(16), number: 0 };

const TAG = { table: 1, change: 2, want: 3, say: 4 } as const;

export interface SubscriptionCount {
  readonly kind: SubscriptionKind;
  readonly name: string;
  readonly count: number;
}

export interface Said {
  readonly kind: 'channel' | 'shard';
  readonly channel: Buffer;
  readonly message: Buffer;
}

export type Told =
  | {
      readonly tag: 'table' | 'change';
      readonly epoch: number;
      readonly version: number;
      readonly entries: SubscriptionCount[];
    }
  | { readonly tag: 'want' }
  | { readonly tag: 'say'; readonly after: WritePoint; readonly messages: Iterable<Said> };

export function encodeCounts(
  tag: 'table' | 'change',
  epoch: number,
  version: number,
  entries: Iterable<SubscriptionCount>,
): Buffer {
  const pieces: Buffer[] = [];
  const head = Buffer.allocUnsafe(9);
  head[0] = TAG[tag];
  head.writeUInt32BE(epoch, 1);
  head.writeUInt32BE(version, 5);
  pieces.push(head);
  for (const { kind, name, count } of entries) {
    const bytes = Buffer.from(name, 'latin1');
    const entry = Buffer.allocUnsafe(9);
    entry[0] = SUBSCRIPTION_KINDS.indexOf(kind);
    entry.writeUInt32BE(count, 1);
    entry.writeUInt32BE(bytes.length, 5);
    pieces.push(entry, bytes);
  }
  return Buffer.concat(pieces);
}

export const WANT = Buffer.from([TAG.want]);

/** Messages of one turn, gathered: see SayWriter.add(). */
export class SayWriter {
  bytes = 0;
  private pieces: Buffer[] = [];

  /** Copies both. */
  add(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array): void {
    const piece = Buffer.allocUnsafe(9 + channel.length + message.length);
    piece[0] = SUBSCRIPTION_KINDS.indexOf(kind);
    piece.writeUInt32BE(channel.length, 1);
    piece.set(channel, 5);
    piece.writeUInt32BE(message.length, 5 + channel.length);
    piece.set(message, 9 + channel.length);
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  take({ replica, number }: WritePoint): Buffer {
    const head = Buffer.alloc(15);
    head[0] = TAG.say;
    head.write(replica, 1, 8, 'hex');
    head.writeUIntBE(number, 9, 6);
    const whole = Buffer.concat([head, ...this.pieces]);
    this.pieces = [];
    this.bytes = 0;
    return whole;
  }
}

/** All of it is looked at before anything is given; messages point into `bytes`. Throws MalformedError. */
export function decodeTold(bytes: Buffer): Told {
  const reader = new Reader(bytes);
  const tag = reader.byte();
  switch (tag) {
    case TAG.want:
      return { tag: 'want' };
    case TAG.table:
    case TAG.change: {
      const epoch = reader.word();
      const version = reader.word();
      const entries: SubscriptionCount[] = [];
      while (!reader.over) {
        const kind = reader.kind();
        const count = reader.word();
        entries.push({ kind, count, name: reader.run().toString('latin1') });
      }
      return { tag: tag === TAG.table ? 'table' : 'change', epoch, version, entries };
    }
    case TAG.say:
      for (const _ of messagesIn(bytes));
      return { tag: 'say', after: reader.point(), messages: messagesIn(bytes) };
    default:
      throw new MalformedError(`subscriptions: tag ${tag}`);
  }
}

/** One after the other: thousands of small ones would take many times their bytes all together. */
function* messagesIn(bytes: Buffer): Generator<Said> {
  const reader = new Reader(bytes);
  reader.byte();
  reader.point();
  while (!reader.over) {
    const kind = reader.kind();
    if (kind === 'pattern') throw new MalformedError('a message to a pattern');
    yield { kind, channel: reader.run(), message: reader.run() };
  }
}

class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get over(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    this.need(1);
    return this.bytes[this.at++];
  }

  word(): number {
    this.need(4);
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  point(): WritePoint {
    this.need(14);
    this.at += 14;
    const replica = this.bytes.toString('hex', this.at - 14, this.at - 6);
    return { replica, number: this.bytes.readUIntBE(this.at - 6, 6) };
  }

  kind(): SubscriptionKind {
    const index = this.byte();
    const kind = SUBSCRIPTION_KINDS[index];
    if (kind === undefined) throw new MalformedError(`subscriptions: kind ${index}`);
    return kind;
  }

  run(): Buffer {
    const length = this.word();
    this.need(length);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  private need(bytes: number): void {
    if (this.bytes.length - this.at < bytes) throw new MalformedError('subscriptions: cut short');
  }
}
