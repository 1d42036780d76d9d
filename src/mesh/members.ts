/**
 * The members of the cluster as this node knows them: who, where, how far each has got. From it come what is
 * causally stable, up to where clocks have been heard (so that expired keys may go), who has confirmed a txn, and
 * whom to redial. Remembered on disk, so that a restart neither forgets an absent member nor its address, nor that
 * one was forgotten (forgotten.ts).
 */
import type { Engine, ReplicaId, UnixMs, VersionVector } from '../core/contract.ts';
import { type Common, CommonGround } from './common-ground.ts';
import { actOf, Forgotten, type ForgottenMember, isLaterThan, type LinkSince } from './forgotten.ts';
import { type Member, type MemberMemory, readMemory, writeMemory } from './member-memory.ts';

export { fileMemory, type Member, type MemberMemory } from './member-memory.ts';

/** A member that nobody has heard of for so long does not keep expired keys from going: memory comes first. */
const HORIZON_PATIENCE_MS = 10 * 60 * 1000;
const REMEMBERED_MAX = 1024;
/** In a larger cluster what all tell all is told in shorter ways. */
const FEW_MEMBERS_MAX = 4;
/** Whoever connects has told of itself by then, or was refused. */
const EXPECTED_MS = 10_000;

/** What a member tells of itself, or others of it. */
export interface Report {
  peerId: string;
  replica: ReplicaId;
  vector: VersionVector;
  region: string;
  zone: string;
  addresses: string[];
  /** The member's clock when it said so. */
  clockMs: UnixMs;
  seenMs: UnixMs;
}

export interface MembersLog {
  warn(details: object, message: string): void;
}

export class Members {
  private readonly byPeer = new Map<string, Member>();
  private readonly engine: Engine;
  private readonly self: string;
  private readonly memory: MemberMemory | null;
  /** A member was forgotten, here or elsewhere: for others to hear at once. */
  onForgotten: (peerId: string) => void = () => {};
  private readonly forgotten: Forgotten;
  private readonly commonGround = new CommonGround();
  private waiting: { number: number; count: number; resolve: (count: number) => void }[] = [];
  private readonly log: MembersLog;
  private expectedUntilMs: UnixMs = 0;
  private dirty = false;

  constructor(engine: Engine, self: string, memory: MemberMemory | null, log: MembersLog) {
    this.engine = engine;
    this.log = log;
    this.self = self;
    this.memory = memory;
    this.forgotten = new Forgotten(log);
    if (memory !== null) this.load(memory);
  }

  all(): Member[] {
    return [...this.byPeer.values()];
  }

  get count(): number {
    return this.byPeer.size;
  }

  get areFew(): boolean {
    return this.byPeer.size <= FEW_MEMBERS_MAX;
  }

  get(peerId: string): Member | undefined {
    return this.byPeer.get(peerId);
  }

  /** Takes a report over what was known, unless that is newer. */
  report(report: Report): void {
    if (report.peerId === this.self || report.peerId === '') return;
    const known = this.byPeer.get(report.peerId);
    if (this.isFenced(report.replica)) return;
    if (known === undefined && !this.forgotten.isBack({ ...report, lastSeenMs: report.seenMs })) return;
    if (known === undefined && this.byPeer.size >= REMEMBERED_MAX) return;
    // seen in the future: our clock was set back since, and what comes now is newer all the same
    if (known !== undefined && report.seenMs < Math.min(known.lastSeenMs, Date.now())) return;
    const member = known ?? { ...report, lastSeenMs: 0, heardMs: 0 };
    if (known === undefined || known.replica !== report.replica || known.addresses.join() !== report.addresses.join())
      this.dirty = true;
    member.replica = report.replica;
    member.vector = report.vector;
    member.region = report.region;
    member.zone = report.zone;
    if (report.addresses.length > 0) member.addresses = report.addresses;
    member.lastSeenMs = report.seenMs;
    if (this.hasApplied(report)) member.heardMs = Math.max(member.heardMs, report.clockMs);
    this.byPeer.set(report.peerId, member);
    if (known === undefined) {
      this.forgotten.remove(report.peerId);
      // it ends our being alone, now and after a crash a moment later
      this.updateStability(this.engine.now);
      this.save();
    }
    this.settleWaiting();
  }

  /** Somebody connects: what is written from now on may be seen, though nothing is known of who sees it. */
  expect(): void {
    this.expectedUntilMs = this.engine.now + EXPECTED_MS;
    // who knows of a member is not alone anyway
    if (this.byPeer.size === 0) this.updateStability(this.engine.now);
  }

  /** Everything that the member had written itself when it reported is here. */
  private hasApplied({ replica, vector }: Report): boolean {
    const theirs = vector.find((entry) => entry.replica === replica);
    return theirs === undefined || this.engine.missing([theirs]).length === 0;
  }

  // --- who was forgotten

  notes(): ForgottenMember[] {
    return this.forgotten.all();
  }

  /** It was forgotten under this replica id, and is to come back under another. */
  isFenced(replica: ReplicaId): boolean {
    return this.forgotten.fences(replica);
  }

  /** A forgotten member that connects under a new replica id is one again. */
  welcome(peerId: string): void {
    if (this.forgotten.remove(peerId)) this.dirty = true;
  }

  /** Drops a member here and, by its note, everywhere. Null if it is none; its peer id also if it was forgotten before. */
  forget(peerOrReplica: string, nowMs: UnixMs): string | null {
    const member = this.all().find(({ peerId, replica }) => peerId === peerOrReplica || replica === peerOrReplica);
    if (member === undefined) return this.forgotten.find(peerOrReplica)?.peerId ?? null;
    const act = actOf(nowMs, this.engine.replica);
    this.drop({ peerId: member.peerId, replicas: [member.replica], forgottenMs: nowMs, act });
    return member.peerId;
  }

  /** Others have forgotten a member. What we know of one that answers us is no older than the note. */
  learn(note: ForgottenMember, link: LinkSince): void {
    if (note.peerId === this.self || note.peerId === '') return;
    const member = this.byPeer.get(note.peerId);
    if (member === undefined) {
      this.drop(note);
      return;
    }
    const isOther = !note.replicas.includes(member.replica);
    if (isOther && (link === 'answering' || isLaterThan(note, member) || this.forgotten.hasEnded(note))) {
      this.forgotten.end(note);
      return;
    }
    // notes are told again, and by then it has answered, or is linked no more
    if (isOther && link === 'silent') return;
    this.drop({ ...note, replicas: [...new Set([...note.replicas, member.replica])] });
  }

  private drop(note: ForgottenMember): void {
    const novelty = this.forgotten.add(note);
    const isDropped = this.byPeer.delete(note.peerId);
    if (!isDropped && novelty === 'nothing') return;
    this.dirty = true;
    this.save();
    this.updateStability(this.engine.now);
    // a further replica id of one that is gone anyway can wait for the next round: nothing is told at once without end
    if (isDropped || novelty === 'a member') this.onForgotten(note.peerId);
  }

  remember(peerId: string, addresses: string[]): void {
    const member = this.byPeer.get(peerId);
    if (member === undefined || addresses.length === 0 || addresses.join() === member.addresses.join()) return;
    member.addresses = addresses;
    this.dirty = true;
  }

  /** Tells the engine what is stable. */
  updateStability(nowMs: UnixMs): void {
    const stable = this.stableVector(nowMs);
    if (stable === 'alone') {
      this.engine.setStability('alone', nowMs);
      return;
    }
    let horizon = stable.length === 0 ? 0 : nowMs;
    for (const member of this.byPeer.values()) {
      // what a broken clock has written is applied in its own time, however late that is
      if (this.engine.isQuarantined(member.replica)) continue;
      if (nowMs - member.lastSeenMs < HORIZON_PATIENCE_MS) horizon = Math.min(horizon, member.heardMs);
    }
    const current = new Set([this.engine.replica, ...this.all().map(({ replica }) => replica)]);
    const lacking = this.forgotten.lacking(current, this.engine.vector());
    this.engine.setStability(stable, horizon, new Set([...lacking, ...this.missing(), ...this.strangers()]));
  }

  /** Lets go of this node's former replica ids of which every member has everything. */
  retireFormer(nowMs: UnixMs): void {
    const live = this.all().map(({ replica }) => replica);
    this.engine.retireFormer(this.stableVector(nowMs), new Set([...live, ...this.missing()]));
  }

  /** What every member has applied. */
  private stableVector(nowMs: UnixMs): VersionVector | 'alone' {
    if (this.byPeer.size === 0) {
      if (nowMs < this.expectedUntilMs) return [];
      // a forgotten one, or one of whom only txns have come, may have removed, or added to, what is here
      if (this.forgotten.size === 0 && this.strangers().length === 0) return 'alone';
    }
    return this.common().stable;
  }

  /** Replicas of which some member has txns that are not here. */
  private missing(): Set<ReplicaId> {
    const gaps = this.common().ahead.flatMap((vector) => this.engine.missing(vector));
    return new Set(gaps.map(({ replica }) => replica));
  }

  private common(): Common {
    const vectors = this.all().map(({ vector }) => vector);
    return this.commonGround.of(this.engine.vector(), vectors);
  }

  /**
   * Replicas of which there are txns here and that belong to nobody known, nor have retired: their node may be a member
   * that only others have heard of so far, and may have written more. So may the one whose directory ours is a copy of.
   */
  private strangers(): ReplicaId[] {
    const { engine } = this;
    const members = this.all().map(({ replica }) => replica);
    const known = new Set([...engine.ownReplicas(), ...members]);
    const named = engine.shorten(engine.vector()).map(({ replica }) => replica);
    const copied = engine.copiedReplicas().filter((replica) => !members.includes(replica));
    return [...named.filter((replica) => !known.has(replica)), ...copied];
  }

  // --- confirmations, for WAIT

  confirmations(number: number): number {
    const own = this.engine.replica;
    let count = 0;
    for (const { vector } of this.byPeer.values()) {
      if ((vector.find((entry) => entry.replica === own)?.number ?? 0) >= number) count++;
    }
    return count;
  }

  waitFor(number: number, count: number, timeoutMs: number): Promise<number> {
    const now = this.confirmations(number);
    if (now >= count) return Promise.resolve(now);
    return new Promise((resolve) => {
      const waiter = { number, count, resolve };
      this.waiting.push(waiter);
      if (timeoutMs > 0) {
        setTimeout(() => {
          if (!this.waiting.includes(waiter)) return;
          this.waiting = this.waiting.filter((each) => each !== waiter);
          resolve(this.confirmations(number));
        }, timeoutMs);
      }
    });
  }

  private settleWaiting(): void {
    if (this.waiting.length === 0) return;
    const done = this.waiting.filter(({ number, count }) => this.confirmations(number) >= count);
    this.waiting = this.waiting.filter((each) => !done.includes(each));
    for (const { number, resolve } of done) resolve(this.confirmations(number));
  }

  // --- memory on disk

  /** Writes what changed, whole and at once. What the disk refuses is warned of and tried again in the next round. */
  save(): void {
    if (this.memory === null || !this.dirty) return;
    try {
      writeMemory(this.memory, { members: this.all(), forgotten: this.notes() });
      this.dirty = false;
    } catch (error) {
      this.log.warn({ err: error }, 'cannot remember the members on disk');
    }
  }

  private load(memory: MemberMemory): void {
    const { members, forgotten } = readMemory(memory, this.log);
    for (const member of members) if (member.peerId !== this.self) this.byPeer.set(member.peerId, member);
    for (const note of forgotten) this.forgotten.add(note);
  }
}
