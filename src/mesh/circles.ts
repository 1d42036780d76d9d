/**
 * Who needs not be told of the members. A node with a stream to each member that it knows says so, by a digest of who they
 * are, itself included; whoever knows the same ones has nothing to tell it. Else each node would be told again and again how
 * far each other one is, of which it hears by its own stream: entries by the square of the members. In small clusters that
 * is no matter, and nobody says it.
 */
import { createHash } from 'node:crypto';
import { FrameError, textField } from './frames.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';

const DIGEST_DIGITS = 16;

export class Circles {
  private readonly self: string;
  private readonly members: Members;
  private readonly links: ReadonlyMap<string, Link>;
  /** What each peer said last. */
  private readonly said = new WeakMap<Link, string>();
  private own: { readonly peerIds: string; readonly digest: string } = { peerIds: '', digest: '' };

  constructor(self: string, members: Members, links: ReadonlyMap<string, Link>) {
    this.self = self;
    this.members = members;
    this.links = links;
  }

  /** There is a stream to every member. */
  get isClosed(): boolean {
    return this.members.all().every(({ peerId }) => this.links.get(peerId)?.ready === true);
  }

  /** Fields of a vector's frame. */
  toWire(): Record<string, unknown> {
    return !this.members.areFew && this.isClosed ? { circle: this.digest() } : {};
  }

  /** Throws FrameError. */
  take(link: Link, map: Record<string, unknown>): void {
    if (map.circle === undefined) {
      this.said.delete(link);
      return;
    }
    const circle = textField(map, 'circle', DIGEST_DIGITS);
    if (circle.length !== DIGEST_DIGITS) throw new FrameError('bad circle');
    this.said.set(link, circle);
  }

  /** These of the links lead to who has streams to all whom we know. */
  closed(links: readonly Link[]): Set<Link> {
    const digest = this.digest();
    return new Set(links.filter((link) => this.said.get(link) === digest));
  }

  private digest(): string {
    const all = [this.self, ...this.members.all().map(({ peerId }) => peerId)];
    const peerIds = all.sort().join();
    if (peerIds !== this.own.peerIds) {
      const digest = createHash('sha256').update(peerIds).digest('hex').slice(0, DIGEST_DIGITS);
      this.own = { peerIds, digest };
    }
    return this.own.digest;
  }
}
