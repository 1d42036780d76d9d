/**
 * Who was forgotten (MESH FORGET): a note each, which every member gets to know. It is a fence. The others wait for a
 * forgotten node no more, so under its old replica id it is no member again: when it hears of its note it takes a new one,
 * and its first word under that ends the note. Until then it may come back with txns that nobody else has, among them
 * additions to counters that are cancelled here: what of those must be kept, lacking() tells.
 */

import type { ReplicaId, UnixMs, VersionVector } from '../core/contract.ts';
import { unixMsOf } from '../core/index.ts';

/** Each goes to every peer now and then. The oldest are dropped first, and with them what they protect. */
const NOTES_MAX = 256;
/** Under which one node was forgotten: it takes a new one each time. */
const REPLICAS_MAX = 16;
/** An incarnation whose last txn is so much later may have ended before, clocks being as they are. */
const ENDED_MARGIN_MS = 60_000;
/** Others may still tell of a member that is forgotten here, as if it had been heard a moment later. */
const MARGIN_MS = 10_000;
/** The same of one that has taken another replica id since the one that is noted: before it was forgotten, or after. */
const RENEWED_MARGIN_MS = 2000;

export interface ForgottenMember {
  readonly peerId: string;
  /** Under which it is not to come back. */
  readonly replicas: readonly ReplicaId[];
  /** When, by the clock here. */
  readonly forgottenMs: UnixMs;
  /**
   * Which MESH FORGET it was, whoever tells of it and under however many replica ids it is fenced by then: later ones are
   * greater. Each way that a note goes makes its time later, by as long as the way takes: of one act the earliest time is
   * right. With the latest, a note that goes in circles would never age, and would end each return of its node.
   */
  readonly act: string;
}

/** Names a MESH FORGET of that moment by this replica. */
export function actOf(nowMs: UnixMs, replica: ReplicaId): string {
  return `${nowMs.toString(16).padStart(12, '0')}-${replica}`;
}

/** What a note adds to those that are here. */
export type Novelty = 'nothing' | 'a replica id' | 'a member';

/** Whether a member is linked to us, and has answered since it was forgotten elsewhere. */
export type LinkSince = 'answering' | 'silent' | 'none';

/** What is known of a member, or told. */
interface Standing {
  readonly peerId: string;
  readonly replica: ReplicaId;
  readonly vector: VersionVector;
  readonly lastSeenMs: UnixMs;
}

export class Forgotten {
  private readonly notes = new Map<string, ForgottenMember>();
  /** Acts after which their node has come back, the last one of each peer. */
  private readonly ended = new Map<string, string>();
  private readonly log: { warn(details: object, message: string): void };

  constructor(log: { warn(details: object, message: string): void }) {
    this.log = log;
  }

  get size(): number {
    return this.notes.size;
  }

  all(): ForgottenMember[] {
    return [...this.notes.values()];
  }

  find(peerOrReplica: string): ForgottenMember | undefined {
    return this.all().find(({ peerId, replicas }) => peerId === peerOrReplica || replicas.includes(peerOrReplica));
  }

  fences(replica: ReplicaId): boolean {
    return this.all().some(({ replicas }) => replicas.includes(replica));
  }

  add(note: ForgottenMember): Novelty {
    const known = this.notes.get(note.peerId);
    if (known === undefined) {
      this.notes.set(note.peerId, { ...note, replicas: note.replicas.slice(-REPLICAS_MAX) });
      if (this.notes.size > NOTES_MAX) this.dropOldest();
      return 'a member';
    }
    const replicas = [...new Set([...known.replicas, ...note.replicas])].slice(-REPLICAS_MAX);
    const { act } = note.act > known.act ? note : known;
    const forgottenMs = Math.min(...[note, known].filter((each) => each.act === act).map((each) => each.forgottenMs));
    this.notes.set(note.peerId, { peerId: note.peerId, replicas, forgottenMs, act });
    return replicas.every((each) => known.replicas.includes(each)) ? 'nothing' : 'a replica id';
  }

  /** The node has come back. False if it was not forgotten. */
  remove(peerId: string): boolean {
    const note = this.notes.get(peerId);
    if (note !== undefined) this.end(note);
    return this.notes.delete(peerId);
  }

  /** The node has come back since: who has not heard of that yet ends nothing by telling of the same act again. */
  end({ peerId, act }: ForgottenMember): void {
    const known = this.ended.get(peerId) ?? '';
    this.ended.delete(peerId);
    this.ended.set(peerId, act > known ? act : known);
    const [oldest] = this.ended.keys();
    if (this.ended.size > NOTES_MAX) this.ended.delete(oldest);
  }

  hasEnded({ peerId, act }: ForgottenMember): boolean {
    return act <= (this.ended.get(peerId) ?? '');
  }

  /** False of a node that is forgotten, unless this tells of it under a replica id that it has taken since. */
  isBack(standing: Standing): boolean {
    const note = this.notes.get(standing.peerId);
    return note === undefined || isLaterThan(note, standing);
  }

  /**
   * Replicas of which a forgotten node may bring more than is here: those under which it was forgotten, and whoever had come
   * to an end by then, since it may have been the last to hear of one. `current`: the replicas that go on. `ours`: our vector.
   */
  lacking(current: ReadonlySet<ReplicaId>, ours: VersionVector): Set<ReplicaId> {
    const notes = this.all();
    const lacking = new Set(notes.flatMap(({ replicas }) => replicas));
    if (notes.length === 0) return lacking;
    const endedMs = Math.max(...notes.map(({ forgottenMs }) => forgottenMs)) + ENDED_MARGIN_MS;
    for (const { replica, stamp } of ours) {
      if (!current.has(replica) && unixMsOf(stamp) <= endedMs) lacking.add(replica);
    }
    return lacking;
  }

  private dropOldest(): void {
    const [oldest] = this.all().sort((one, other) => one.forgottenMs - other.forgottenMs);
    this.notes.delete(oldest.peerId);
    this.log.warn({ peer: oldest.peerId }, 'too many members were forgotten: this one is not kept out any more');
  }
}

/**
 * True if the node was heard under another replica id after it was forgotten. One that has seen txns of the noted id has
 * taken its own later; of any other that may be one from before it, which somebody remembers.
 */
export function isLaterThan(note: ForgottenMember, { replica, vector, lastSeenMs }: Standing): boolean {
  if (note.replicas.includes(replica)) return false;
  const isRenewed = vector.some((entry) => note.replicas.includes(entry.replica));
  return lastSeenMs > note.forgottenMs + (isRenewed ? RENEWED_MARGIN_MS : MARGIN_MS);
}

export function isForgottenMember(value: unknown): value is ForgottenMember {
  if (typeof value !== 'object' || value === null) return false;
  const { peerId, replicas, forgottenMs, act } = value as Record<string, unknown>;
  return (
    typeof peerId === 'string' &&
    typeof act === 'string' &&
    typeof forgottenMs === 'number' &&
    Array.isArray(replicas) &&
    replicas.every((each) => typeof each === 'string' && /^[0-9a-f]{16}$/.test(each))
  );
}
