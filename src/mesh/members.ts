/**
 * The members of the cluster as this node knows them: who, where, how far each has got. From it come what is
 * causally stable, up to where clocks have been heard (so that expired keys may go), who has confirmed a txn, and
 * whom to redial. Remembered on disk, so that a restart neither forgets an absent member nor its address.
 */
import { readFileSync } from 'node:fs';
import type { Engine, ReplicaId, UnixMs, VersionVector } from '../core/contract.ts';
import { writeWhole } from './whole-file.ts';

/** A member that nobody has heard of for so long does not keep expired keys from going: memory comes first. */
const HORIZON_PATIENCE_MS = 10 * 60 * 1000;
const REMEMBERED_MAX = 1024;
/** Others may still be told of a member that is forgotten here, as if it had been heard a moment later. */
const FORGOTTEN_MARGIN_MS = 10_000;
/** Whoever connects has told of itself by then, or was refused. */
const EXPECTED_MS = 10_000;

export interface Member {
  peerId: string;
  replica: ReplicaId;
  vector: VersionVector;
  region: string;
  zone: string;
  addresses: string[];
  lastSeenMs: UnixMs;
  /** Its clock up to which everything it wrote has been applied here. */
  heardMs: UnixMs;
}

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

/** Where the members are remembered over restarts. */
export interface MemberMemory {
  /** For the log. */
  readonly name: string;
  /** Null if nothing was written yet. Throws where it cannot be read. */
  read(): string | null;
  /** On the platter when it returns; throws where it cannot be. */
  write(text: string): void;
}

export interface MembersLog {
  warn(details: object, message: string): void;
}

export class Members {
  private readonly byPeer = new Map<string, Member>();
  private readonly engine: Engine;
  private readonly self: string;
  private readonly memory: MemberMemory | null;
  /** When members were forgotten: what others tell of them is believed only if it is newer. */
  private readonly forgottenMs = new Map<string, UnixMs>();
  private waiting: { number: number; count: number; resolve: (count: number) => void }[] = [];
  private readonly log: MembersLog;
  private expectedUntilMs: UnixMs = 0;
  private dirty = false;

  constructor(engine: Engine, self: string, memory: MemberMemory | null, log: MembersLog) {
    this.engine = engine;
    this.log = log;
    this.self = self;
    this.memory = memory;
    if (memory !== null) this.load(memory);
  }

  all(): Member[] {
    return [...this.byPeer.values()];
  }

  get(peerId: string): Member | undefined {
    return this.byPeer.get(peerId);
  }

  /** Takes a report over what was known, unless that is newer. */
  report(report: Report): void {
    if (report.peerId === this.self || report.peerId === '') return;
    const known = this.byPeer.get(report.peerId);
    const forgottenMs = this.forgottenMs.get(report.peerId);
    if (known === undefined && forgottenMs !== undefined && report.seenMs < forgottenMs + FORGOTTEN_MARGIN_MS) return;
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
      // it ends our being alone, now and after a crash a moment later
      this.updateStability(this.engine.now);
      this.save();
    }
    this.settleWaiting();
  }

  /** Somebody connects: what is written from now on may be seen, though nothing is known of who sees it. */
  expect(): void {
    this.expectedUntilMs = this.engine.now + EXPECTED_MS;
    this.updateStability(this.engine.now);
  }

  /** Everything that the member had written itself when it reported is here. */
  private hasApplied({ replica, vector }: Report): boolean {
    const theirs = vector.find((entry) => entry.replica === replica)?.number ?? 0;
    const ours = this.engine.vector().find((entry) => entry.replica === replica)?.number ?? 0;
    return ours >= theirs;
  }

  /** A forgotten member that connects is one again. */
  welcome(peerId: string): void {
    this.forgottenMs.delete(peerId);
  }

  remember(peerId: string, addresses: string[]): void {
    const member = this.byPeer.get(peerId);
    if (member === undefined || addresses.length === 0) return;
    member.addresses = addresses;
    this.dirty = true;
  }

  forget(peerOrReplica: string): string | null {
    for (const member of this.byPeer.values()) {
      if (member.peerId !== peerOrReplica && member.replica !== peerOrReplica) continue;
      this.byPeer.delete(member.peerId);
      this.forgottenMs.set(member.peerId, Date.now());
      this.dirty = true;
      this.save();
      return member.peerId;
    }
    return null;
  }

  /** Tells the engine what is stable. */
  updateStability(nowMs: UnixMs): void {
    const stable = this.stableVector(nowMs);
    if (stable === 'alone') {
      this.engine.setStability('alone', nowMs);
      return;
    }
    let horizon = this.byPeer.size === 0 ? 0 : nowMs;
    for (const member of this.byPeer.values()) {
      // what a broken clock has written is applied in its own time, however late that is
      if (this.engine.isQuarantined(member.replica)) continue;
      if (nowMs - member.lastSeenMs < HORIZON_PATIENCE_MS) horizon = Math.min(horizon, member.heardMs);
    }
    this.engine.setStability(stable, horizon, this.lacking());
  }

  /** Lets go of this node's former replica ids of which every member has everything. */
  retireFormer(nowMs: UnixMs): void {
    const live = this.all().map(({ replica }) => replica);
    this.engine.retireFormer(this.stableVector(nowMs), new Set([...live, ...this.lacking()]));
  }

  /** What every member has applied. */
  private stableVector(nowMs: UnixMs): VersionVector | 'alone' {
    if (this.byPeer.size === 0) return nowMs < this.expectedUntilMs ? [] : 'alone';
    const stable = this.engine.vector();
    for (const { vector } of this.byPeer.values()) {
      for (const entry of stable) {
        const theirs = vector.find((each) => each.replica === entry.replica);
        if (theirs === undefined) entry.stamp = entry.number = 0;
        else if (theirs.number < entry.number) {
          entry.number = theirs.number;
          entry.stamp = theirs.stamp;
        }
      }
    }
    return stable;
  }

  /** Replicas of which some member has txns that are not here. */
  private lacking(): Set<ReplicaId> {
    const lacking = new Set<ReplicaId>();
    for (const { vector } of this.byPeer.values()) {
      for (const { replica } of this.engine.missing(vector)) lacking.add(replica);
    }
    return lacking;
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
      this.memory.write(JSON.stringify(this.all(), null, 1));
      this.dirty = false;
    } catch (error) {
      this.log.warn({ err: error }, 'cannot remember the members on disk');
    }
  }

  private load(memory: MemberMemory): void {
    const text = memory.read();
    if (text === null) return;
    for (const member of parseMembers(text, memory.name, this.log)) {
      if (member.peerId !== this.self) this.byPeer.set(member.peerId, member);
    }
  }
}

/** A file that is whole or as it was, whenever the machine stops. */
export function fileMemory(file: string): MemberMemory {
  return {
    name: file,
    read() {
      try {
        return readFileSync(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    write: (text) => writeWhole(file, text),
  };
}

/** A node must start without the memory of its members: they find each other again, or are told of. */
function parseMembers(text: string, file: string, log: MembersLog): Member[] {
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list) || !list.every(isMember)) throw new Error('not a list of members');
    return list;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ file, reason }, 'the remembered members cannot be read: going on without them');
    return [];
  }
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const { peerId, replica, vector, region, zone, addresses, lastSeenMs, heardMs } = value as Record<string, unknown>;
  return (
    [peerId, replica, region, zone].every((each) => typeof each === 'string') &&
    [lastSeenMs, heardMs].every((each) => typeof each === 'number') &&
    Array.isArray(addresses) &&
    addresses.every((each) => typeof each === 'string') &&
    Array.isArray(vector) &&
    vector.every((each) => typeof each?.replica === 'string' && typeof each.number === 'number')
  );
}
