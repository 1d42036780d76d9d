/**
 * Who needs not be told of the members. Else each node of a large cluster would be told again and again how far each other
 * one is, of which it hears by its own stream: entries by the square of the members. So a node says by digests who they are:
 * in its hello, whom it knows; with its vectors, if it has a stream to each that is there, who those are. Whoever knows the
 * same ones has nothing to tell it. In small clusters that is no matter, and nobody says it.
 */
import { createHash } from 'node:crypto';
import { FrameError, textField } from './frames.ts';
import type { Link } from './link.ts';
import type { Member } from './member-memory.ts';
import type { Members } from './members.ts';

const DIGEST_DIGITS = 16;
/** Of whom nobody has heard for so long is not there. */
const SILENCE_MS = 60_000;

export class Circles {
  private readonly self: string;
  private readonly members: Members;
  private readonly links: ReadonlyMap<string, Link>;
  /** What each peer said last. */
  private readonly circles = new WeakMap<Link, string>();
  private readonly hashes = new Map<string, bigint>();

  constructor(self: string, members: Members, links: ReadonlyMap<string, Link>) {
    this.self = self;
    this.members = members;
    this.links = links;
  }

  /** There is a stream to every member that is there. */
  get isClosed(): boolean {
    return this.present().every(({ peerId }) => this.isLinked(peerId));
  }

  /** Fields of a hello. */
  knownToWire(): Record<string, unknown> {
    return { knows: hex(this.digest(this.members.all())) };
  }

  /** By its hello, which says it of ours, the peer knows all members that we know. Throws FrameError. */
  knowsAll(map: Record<string, unknown>): boolean {
    if (map.knows === undefined || this.members.areFew) return false;
    const theirs = digestField(map, 'knows');
    const ours = this.digest(this.members.all());
    return theirs === hex(ours) || theirs === hex(ours ^ this.hash(this.self));
  }

  /** Fields of a vector's frame. */
  toWire(): Record<string, unknown> {
    return !this.members.areFew && this.isClosed ? { circle: hex(this.digest(this.present())) } : {};
  }

  /** Throws FrameError. */
  take(link: Link, map: Record<string, unknown>): void {
    if (map.circle === undefined) this.circles.delete(link);
    else this.circles.set(link, digestField(map, 'circle'));
  }

  /** These of the links lead to who has streams to all who are there. */
  closed(links: readonly Link[]): Set<Link> {
    const digest = hex(this.digest(this.present()));
    return new Set(links.filter((link) => this.circles.get(link) === digest));
  }

  private isLinked(peerId: string): boolean {
    return this.links.get(peerId)?.ready === true;
  }

  private present(): Member[] {
    const now = Date.now();
    return this.members
      .all()
      .filter(({ peerId, lastSeenMs }) => now - lastSeenMs < SILENCE_MS || this.isLinked(peerId));
  }

  /** Of these and of this node: in any order the same one. */
  private digest(members: readonly Member[]): bigint {
    return members.reduce((digest, { peerId }) => digest ^ this.hash(peerId), this.hash(this.self));
  }

  private hash(peerId: string): bigint {
    let hash = this.hashes.get(peerId);
    if (hash === undefined) {
      hash = createHash('sha256').update(peerId).digest().readBigUInt64BE();
      this.hashes.set(peerId, hash);
    }
    return hash;
  }
}

function hex(digest: bigint): string {
  return digest.toString(16).padStart(DIGEST_DIGITS, '0');
}

function digestField(map: Record<string, unknown>, name: string): string {
  const digest = textField(map, name, DIGEST_DIGITS);
  if (digest.length !== DIGEST_DIGITS) throw new FrameError(`bad ${name}`);
  return digest;
}
