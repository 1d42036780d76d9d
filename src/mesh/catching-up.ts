/**
 * Getting what we lack: ranges of txns from the nearest peer that has them, and a state transfer where no log reaches
 * back. One range a replica and one transfer at a time; what does not come is asked for again, elsewhere if possible.
 */
import type { Engine, ReplicaId, Stamp, VersionVector } from '../core/contract.ts';
import { type Compared, MalformedError } from '../core/index.ts';
import { bytesField, FrameError, FrameType, integerField, numberOf } from './frames.ts';
import { Interrupted } from './interrupted.ts';
import type { Link } from './link.ts';
import type { Members } from './members.ts';

/** Txns of a directly linked origin are on their way already: they are pulled elsewhere only after this. */
const DIRECT_PATIENCE_MS = 700;
/** A pull that brought nothing for so long is asked again, elsewhere perhaps. */
const PULL_PATIENCE_MS = 3000;
/** Vectors that come in between are compared together; in large clusters that takes long, and no more than a twentieth. */
const COMPARING_MS = 20;
const COMPARING_REST_FACTOR = 20;
/** A transfer that brought nothing for so long is asked for again. */
const TRANSFER_PATIENCE_MS = 10_000;

export interface CatchingUpOptions {
  engine: Engine;
  members: Members;
  links: ReadonlyMap<string, Link>;
  log: { info(details: object, message: string): void };
  /** A state transfer has been merged: peers are to be followed from where we are now. */
  /** `ms`: for how long nothing else was done. */
  onMerged(ms: number): void;
}

/** A peer whose state came from the future is not asked for it again before this. */
const EARLY_PATIENCE_MS = 60_000;
/** For who cannot tell what it holds. */
const NOTHING_HELD = { digests: new Uint8Array(0), seen: [] };
/** Fingerprints of wanted keys in one frame; a multiple of their eight bytes. */
const WANTED_BYTES_MAX = 128 * 1024;

/** Txns of one replica that a peer was asked for. */
interface Pull {
  link: Link;
  from: number;
  to: number;
  /** When it was sent, or last brought something. */
  sinceMs: number;
}

/** A state transfer to us. */
interface Transfer {
  link: Link;
  /** Tells its pages from those of an earlier one over the same link that was given up. */
  number: number;
  /** Null until its begin has come. */
  pages: Uint8Array[] | null;
  /** Envelopes that the sender got while it sent the pages. */
  tail: Uint8Array[];
  /** What the sender compares with what we hold; null: it sends everything. */
  compared: (Compared & { lists: Uint8Array[] }) | null;
  /** What we had seen when we told what we hold. */
  readonly seen: readonly Stamp[];
  sinceMs: number;
}

export class CatchingUp {
  paused = false;
  readonly statistics = {
    ...{ pulls: 0, transfers_received: 0, transfers_early: 0, refused: 0 },
    /** Of those received: went on with what an interrupted one had brought. */
    transfers_resumed: 0,
    /** Pages taken in, of whole transfers and of interrupted ones. */
    pages_received: 0,
  };
  private readonly options: CatchingUpOptions;
  private compareTimer: NodeJS.Timeout | null = null;
  private comparedMs = Number.NEGATIVE_INFINITY;
  private comparingTookMs = 0;
  /** Members' vectors in which nothing is that is not here: so it stays. */
  private readonly covered = new WeakSet<VersionVector>();
  private readonly gapSince = new Map<ReplicaId, number>();
  private readonly pulling = new Map<ReplicaId, Pull>();
  private transfer: Transfer | null = null;
  private transfersAsked = 0;
  private readonly interrupted: Interrupted;
  /** Peers whose state holds txns from the future. By the monotonic clock, as all patience here. */
  private readonly refusedUntilMs = new Map<string, number>();

  constructor(options: CatchingUpOptions) {
    this.options = options;
    this.interrupted = new Interrupted(options.engine);
  }

  /** Gives up what was asked for; it is asked for anew. */
  reset(): void {
    this.pulling.clear();
    this.interrupt();
  }

  /** The transfer is over before its end; what it brought stays for the next one. */
  private interrupt(): void {
    const { transfer } = this;
    this.transfer = null;
    if (transfer !== null) this.interrupted.keep([...(transfer.pages ?? []), ...(transfer.compared?.kept ?? [])]);
  }

  remove(link: Link): void {
    for (const [replica, pull] of this.pulling) if (pull.link === link) this.pulling.delete(replica);
    if (this.transfer?.link === link) this.interrupt();
  }

  /** Asks for what is missing, now or very soon. */
  pullMissing(): void {
    if (this.paused || this.compareTimer !== null) return;
    const spacingMs = Math.max(COMPARING_MS, this.comparingTookMs * COMPARING_REST_FACTOR);
    const early = this.comparedMs + spacingMs - performance.now();
    if (early <= 0) {
      this.compare();
      return;
    }
    this.compareTimer = setTimeout(() => {
      this.compareTimer = null;
      this.compare();
    }, early);
    this.compareTimer.unref();
  }

  private compare(): void {
    if (this.paused) return;
    const before = performance.now();
    this.askForMissing(before);
    this.comparedMs = performance.now();
    this.comparingTookMs = this.comparedMs - before;
  }

  /** Compares the members' vectors with ours and asks for what is missing, from the nearest peer that has it. */
  private askForMissing(now: number): void {
    const { engine, members } = this.options;
    if (this.transfer === null) this.interrupted.forgetStale();
    const wanted = new Map<ReplicaId, number>();
    for (const { vector } of members.all()) {
      if (this.covered.has(vector)) continue;
      const gaps = engine.missing(vector);
      // what is refused for now shows as a gap later
      if (gaps.length === 0 && !vector.some(({ replica }) => engine.isQuarantined(replica))) this.covered.add(vector);
      for (const { replica, from } of gaps) wanted.set(replica, from);
    }
    for (const replica of this.gapSince.keys()) if (!wanted.has(replica)) this.gapSince.delete(replica);
    if (wanted.size === 0) return;
    const linked = this.linkedOrigins();
    for (const [replica, from] of wanted) {
      if (replica === engine.replica) continue;
      const since = this.gapSince.get(replica) ?? now;
      this.gapSince.set(replica, since);
      if (linked.has(replica) && now - since < DIRECT_PATIENCE_MS) continue;
      const pull = this.pulling.get(replica);
      if (pull === undefined || from > pull.to) {
        this.pullFrom(replica, from, now, null);
        continue;
      }
      if (from > pull.from) {
        pull.from = from;
        pull.sinceMs = now;
      }
      // who was asked and did not give it is asked again only if nobody else has it
      if (now - pull.sinceMs >= PULL_PATIENCE_MS) this.pullFrom(replica, from, now, pull.link);
    }
  }

  private linkedOrigins(): Set<ReplicaId> {
    const { members, links } = this.options;
    const linked = members.all().filter(({ peerId }) => links.get(peerId)?.ready === true);
    return new Set(linked.map(({ replica }) => replica));
  }

  private pullFrom(replica: ReplicaId, from: number, now: number, avoided: Link | null): void {
    let best: { link: Link; to: number } | undefined;
    for (const link of this.options.links.values()) {
      if (!link.ready) continue;
      const to = numberOf(this.options.members.get(link.peerId)?.vector, replica);
      if (to < from) continue;
      if (best === undefined || best.link === avoided || (link !== avoided && link.rttMs < best.link.rttMs))
        best = { link, to };
    }
    if (best === undefined) return;
    this.statistics.pulls++;
    this.pulling.set(replica, { ...best, from, sinceMs: now });
    best.link.sendMap(FrameType.pull, { r: replica, from, to: best.to });
  }

  // --- state transfer

  /** The peer's log no longer reaches back to what we lack. */
  requestState(link: Link): void {
    const now = performance.now();
    if (now < (this.refusedUntilMs.get(link.peerId) ?? 0)) return;
    if (this.transfer !== null && now - this.transfer.sinceMs < TRANSFER_PATIENCE_MS) return;
    this.interrupt();
    const number = ++this.transfersAsked;
    const held = this.options.engine.slotDigests() ?? NOTHING_HELD;
    this.transfer = { link, number, pages: null, tail: [], compared: null, seen: held.seen, sinceMs: now };
    this.options.log.info({ peer: link.peerId }, 'logs do not reach back: asking for a state transfer');
    // who holds nothing needs no lists of what there is, unless an interrupted transfer has brought some of it
    const isCompared = held.digests.length > 0 || this.interrupted.pages.length > 0;
    link.sendMap(FrameType.wantState, { n: number, ...(isCompared ? { held: held.digests } : {}) });
  }

  /** The transfer that a begin or end is of; null if that was given up, or never asked for. */
  private awaited(link: Link, map: Record<string, unknown>): Transfer | null {
    const number = integerField(map, 'n');
    return this.transfer?.link === link && this.transfer.number === number ? this.transfer : null;
  }

  beginTransfer(link: Link, map: Record<string, unknown>): void {
    const transfer = this.awaited(link, map);
    if (transfer === null) return;
    transfer.pages = [];
    transfer.tail = [];
    if (map.slots === undefined) return;
    const [slots, vector] = [Buffer.from(bytesField(map, 'slots')), Buffer.from(bytesField(map, 'x'))];
    const { seen } = transfer;
    transfer.compared = { slots, vector, lists: [], equal: new Set(), seenAtSlots: seen, seenAtKeys: seen, kept: [] };
  }

  /** Keys that the sender holds in the slots that differ. */
  takeList(link: Link, list: Uint8Array): void {
    if (this.transfer?.link !== link || this.transfer.compared === null) return;
    this.transfer.compared.lists.push(Buffer.from(list));
    this.transfer.sinceMs = performance.now();
  }

  /** All are listed: asks for those that we lack, or hold otherwise. Throws FrameError if the lists are malformed. */
  chooseKeys(link: Link, map: Record<string, unknown>): void {
    const transfer = this.awaited(link, map);
    if (transfer === null || transfer.compared === null) return;
    const { slots, lists } = transfer.compared;
    const { interrupted } = this;
    const choice = guarded(() => this.options.engine.chooseKeys(slots, lists, interrupted.pages));
    const { wanted, equal, seen, kept } = choice;
    interrupted.leave(choice.rest);
    transfer.compared = { ...transfer.compared, lists: [], equal, seenAtKeys: seen, kept };
    transfer.sinceMs = performance.now();
    for (let at = 0; ; at += WANTED_BYTES_MAX) {
      const last = at + WANTED_BYTES_MAX >= wanted.length;
      link.sendMap(FrameType.wantKeys, { n: transfer.number, k: wanted.subarray(at, at + WANTED_BYTES_MAX), last });
      if (last) return;
    }
  }

  takePage(link: Link, page: Uint8Array): void {
    if (this.transfer?.link !== link || this.transfer.pages === null) return;
    this.transfer.pages.push(Buffer.from(page));
    this.statistics.pages_received++;
    this.transfer.sinceMs = performance.now();
  }

  takeTail(link: Link, envelope: Uint8Array): void {
    if (this.transfer?.link !== link || this.transfer.pages === null) return;
    this.transfer.tail.push(Buffer.from(envelope));
    this.transfer.sinceMs = performance.now();
  }

  /** Merges the state, all pages at once; or it was broken off, and what is missing is asked for again. Throws FrameError if it is malformed. */
  finishTransfer(link: Link, map: Record<string, unknown>): void {
    const transfer = this.awaited(link, map);
    if (transfer === null) return;
    const { pages } = transfer;
    if (map.broken === true) {
      this.interrupt();
      return;
    }
    if (pages === null) throw new FrameError('end of a state transfer without its begin');
    let mergedMs = 0;
    try {
      const excessMs = this.options.engine.excessOfState(pages);
      if (excessMs > 0) {
        this.refuseForNow(link, excessMs);
        this.interrupt();
        return;
      }
      this.transfer = null;
      const started = performance.now();
      this.options.engine.importState(pages, transfer.tail, transfer.compared ?? undefined);
      mergedMs = performance.now() - started;
    } catch (error) {
      this.statistics.refused++;
      this.transfer = null;
      this.interrupted.leave([]);
      throw new FrameError(`state: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.statistics.transfers_received++;
    const kept = transfer.compared?.kept.length ?? 0;
    if (kept > 0) this.statistics.transfers_resumed++;
    this.options.log.info({ peer: link.peerId, pages: pages.length, kept }, 'state transfer merged');
    this.pulling.clear();
    this.gapSince.clear();
    this.options.onMerged(mergedMs);
    this.pullMissing();
  }

  /** Merging it would drag our clock along; perhaps another peer can give what we lack. */
  private refuseForNow(link: Link, excessMs: number): void {
    this.statistics.transfers_early++;
    this.refusedUntilMs.set(link.peerId, performance.now() + Math.min(excessMs, EARLY_PATIENCE_MS));
    this.options.log.info({ peer: link.peerId, excessMs }, 'its state holds txns from the future: not merged');
  }
}

/** What a peer sent and the core refuses is the peer's fault. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MalformedError ? new FrameError(`state: ${error.message}`) : error;
  }
}
