/**
 * Data that is not what it should be: found by the node's check of its own memory, which goes on all the time, or by the
 * comparison of digests with peers (agreement.ts); put right by a peer's copy of the slots in question. One exchange at a
 * time, of some slots, and with growing pauses where it does not help: the alarm stays, the network is not flooded.
 *
 * Whoever asks says where it stands; whoever gives waits until it has applied all of that (for a comparison: exactly that)
 * and never gives a slot that it finds damaged on its own side. A state transfer from here waits for a whole check and for
 * the damage to be mended, so that it does not spread; not for ever, since a peer that is far behind may be the only one
 * that could mend it.
 */
import type { MeshVerification } from '../commands/services.ts';
import type { Engine, ReplicaId, VersionVector } from '../core/contract.ts';
import { bitmapOf, type DifferingKey, MalformedError, slotsOf } from '../core/index.ts';
import {
  bytesField,
  FrameError,
  FrameType,
  integerField,
  numberOf,
  replicaField,
  textField,
  vectorFromWire,
  vectorToWire,
} from './frames.ts';
import type { Link } from './link.ts';

/** Entries looked at a second, about: a million keys in two minutes. */
const CHECKED_PER_ROUND = 8000;
/** Of them in one go, so that nobody waits long. */
const CHECKED_AT_ONCE = 1000;
/** In one go, where somebody waits for the whole check. */
const CHECKED_PER_STEP = 4000;
const SLOTS_PER_EXCHANGE = 64;
/** Who gives looks so often, and so long, whether it has got as far as the one that asks. */
const LOOK_MS = 100;
const PATIENCE_MS = 3000;
/** An exchange that brought nothing for so long is given up. */
const EXCHANGE_MS = 15_000;
const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 10 * 60_000;
/** The first tries follow each other; txns that come in between need no more. */
const TRIES_WITHOUT_PAUSE = 3;
/** Damage that nobody has mended for so long does not keep others from a state transfer. */
const HOLD_MS = 20_000;
const VERIFY_TRIES = 8;
const VERIFY_PAUSE_MS = 300;
const KEYS_NAMED = 100;

export interface RepairOptions {
  readonly engine: Engine;
  readonly links: ReadonlyMap<string, Link>;
  readonly log: { info(details: object, message: string): void; warn(details: object, message: string): void };
}

/** What came of asking a peer: `apart` if it did not get to where we were, `damaged` if its own copy is. */
type Answer =
  | { readonly kind: 'equal' | 'apart' | 'damaged' | 'busy' | 'lost' }
  | { readonly kind: 'given'; readonly keys: readonly DifferingKey[]; readonly busy: number };

/** Slots that we asked a peer for. */
interface Exchange {
  readonly link: Link;
  readonly number: number;
  readonly mend: boolean;
  readonly pages: Uint8Array[];
  readonly resolve: (answer: Answer) => void;
  sinceMs: number;
}

export class Repair {
  paused = false;
  readonly statistics = { repairs: 0, repairs_fruitless: 0, slots_given: 0, transfers_of_damaged: 0 };
  private readonly options: RepairOptions;
  private exchange: Exchange | null = null;
  private asked = 0;
  /** Peers at our vector whose digest was another, when last heard. */
  private readonly differing = new Set<string>();
  /** By peer: tries that did not help, and until when it is left alone. */
  private readonly fruitless = new Map<string, { tries: number; untilMs: number }>();
  private damagesTold = 0;
  private damagedSinceMs: number | null = null;
  private readonly held = new Map<Link, () => void>();
  private lastPeer = '';

  constructor(options: RepairOptions) {
    this.options = options;
  }

  remove(link: Link): void {
    this.held.delete(link);
    if (this.exchange?.link === link) this.settle({ kind: 'lost' });
  }

  /** Digests were compared at equal vectors. */
  compared(peerId: string, equal: boolean): void {
    if (!equal) this.differing.add(peerId);
    else if (this.differing.delete(peerId)) this.fruitless.delete(peerId);
  }

  /** Every second or so: goes on with the check, and with what is to be mended. */
  round(): void {
    this.checkOn(CHECKED_PER_ROUND);
    this.tellDamage();
    if (this.exchange !== null && Date.now() - this.exchange.sinceMs > EXCHANGE_MS) this.settle({ kind: 'lost' });
    if (!this.paused && this.exchange === null) this.mendNext();
  }

  private checkOn(entries: number): void {
    const ended = this.options.engine.checkSelf(CHECKED_AT_ONCE);
    if (!ended && entries > CHECKED_AT_ONCE) setImmediate(() => this.checkOn(entries - CHECKED_AT_ONCE));
  }

  private tellDamage(): void {
    const { engine, log } = this.options;
    const { damagesFound, damagedSlots } = engine.statistics;
    if (damagesFound > this.damagesTold) {
      this.damagesTold = damagesFound;
      log.warn(
        { slots: slotsOf(engine.damagedSlots()).slice(0, SLOTS_PER_EXCHANGE), count: damagedSlots },
        'DAMAGE: data in memory is not what was written; check the memory of this machine',
      );
    }
    if (damagedSlots > 0) this.damagedSinceMs ??= Date.now();
    else if (this.damagedSinceMs !== null) {
      this.damagedSinceMs = null;
      log.warn({}, 'all damaged data has been mended');
    }
  }

  private mendNext(): void {
    const { engine } = this.options;
    if (engine.statistics.damagedSlots > 0) {
      const link = this.nextLink([...this.options.links.keys()]);
      if (link !== undefined) this.mendDamage(link).catch(this.failed);
      return;
    }
    const link = this.nextLink([...this.differing]);
    if (link !== undefined) this.joinWith(link).catch(this.failed);
  }

  private readonly failed = (error: unknown) => {
    this.options.log.warn({ err: error }, 'mending failed');
  };

  /** Round robin, of those that are not left alone for now. */
  private nextLink(peerIds: readonly string[]): Link | undefined {
    const now = Date.now();
    const links = [...peerIds].sort().flatMap((peerId) => {
      const link = this.options.links.get(peerId);
      return link?.ready === true && (this.fruitless.get(peerId)?.untilMs ?? 0) <= now ? [link] : [];
    });
    const link = links.find(({ peerId }) => peerId > this.lastPeer) ?? links.at(0);
    if (link !== undefined) this.lastPeer = link.peerId;
    return link;
  }

  private async mendDamage(link: Link): Promise<void> {
    const { engine, log } = this.options;
    const before = engine.statistics.damagedSlots;
    const answer = await this.ask(link, { slots: someOf(engine.damagedSlots()) }, true);
    this.tellDamage();
    if (engine.statistics.damagedSlots < before && answer.kind === 'given') {
      this.statistics.repairs++;
      this.fruitless.delete(link.peerId);
      log.warn({ peer: link.peerId, keys: named(answer.keys) }, 'damaged data was replaced by the copy of a peer');
      this.release();
    } else this.noteFruitless(link);
  }

  private async joinWith(link: Link): Promise<void> {
    const answer = await this.ask(link, { held: true }, true);
    // whether it has helped, the next comparison says
    this.noteFruitless(link);
    if (answer.kind !== 'given') return;
    this.statistics.repairs++;
    this.options.log.warn(
      { peer: link.peerId, keys: named(answer.keys) },
      'data that differed was joined with a peer’s',
    );
  }

  private noteFruitless({ peerId }: Link): void {
    const tries = (this.fruitless.get(peerId)?.tries ?? 0) + 1;
    if (tries > TRIES_WITHOUT_PAUSE) this.statistics.repairs_fruitless++;
    const pauseMs = tries <= TRIES_WITHOUT_PAUSE ? 0 : PAUSE_MS_MIN * 2 ** (tries - TRIES_WITHOUT_PAUSE);
    this.fruitless.set(peerId, { tries, untilMs: Date.now() + Math.min(pauseMs, PAUSE_MS_MAX) });
  }

  // --- asking

  private ask(link: Link, what: { slots: Uint8Array } | { held: true }, mend: boolean): Promise<Answer> {
    if (this.exchange !== null) return Promise.resolve({ kind: 'busy' });
    const { engine } = this.options;
    const vector = vectorToWire(engine.watchSlots());
    const digests = 'held' in what ? engine.slotDigests()?.digests : undefined;
    if ('held' in what && digests === undefined) return Promise.resolve({ kind: 'apart' });
    const number = ++this.asked;
    return new Promise((resolve) => {
      this.exchange = { link, number, mend, pages: [], resolve, sinceMs: Date.now() };
      link.sendMap(FrameType.wantSlots, {
        n: number,
        vector,
        ...('held' in what ? { held: digests } : { slots: what.slots }),
      });
    });
  }

  private settle(answer: Answer): void {
    const { exchange } = this;
    this.exchange = null;
    exchange?.resolve(answer);
  }

  takePage(link: Link, page: Uint8Array): void {
    if (this.exchange?.link !== link) return;
    this.exchange.pages.push(Buffer.from(page));
    this.exchange.sinceMs = Date.now();
  }

  /** The peer has given what it can. Throws FrameError. */
  finish(link: Link, map: Record<string, unknown>): void {
    const { exchange } = this;
    if (exchange?.link !== link || exchange.number !== integerField(map, 'n')) return;
    const outcome = textField(map, 'outcome', 16);
    if (outcome === 'equal' || outcome === 'apart' || outcome === 'damaged') {
      this.settle({ kind: outcome });
      return;
    }
    if (outcome !== 'given') throw new FrameError(`outcome ${outcome}`);
    const giver = replicaField(map, 'replica');
    const vector = vectorFromWire(map.vector);
    this.mendWhenThere(exchange, Buffer.from(bytesField(map, 'slots')), giver, vector);
  }

  /** What the giver had and we have not is on its way. */
  private mendWhenThere(exchange: Exchange, slots: Uint8Array, giver: ReplicaId, vector: VersionVector): void {
    if (this.exchange !== exchange) return;
    if (!isCovered(vector, this.options.engine.vector())) {
      if (Date.now() - exchange.sinceMs > PATIENCE_MS) this.settle({ kind: 'apart' });
      else setTimeout(() => this.mendWhenThere(exchange, slots, giver, vector), LOOK_MS).unref();
      return;
    }
    const { mend, pages, link } = exchange;
    try {
      this.settle({ kind: 'given', ...this.options.engine.mendSlots(pages, { slots, giver, mend }) });
    } catch (error) {
      this.settle({ kind: 'lost' });
      if (!(error instanceof MalformedError)) throw error;
      link.abort(`refused: slots: ${error.message}`);
    }
  }

  // --- giving

  /** A peer asks for our copy of some slots, or of those that differ from what it holds. Throws FrameError. */
  give(link: Link, map: Record<string, unknown>): void {
    const vector = vectorFromWire(map.vector);
    const number = integerField(map, 'n');
    const held = map.held === undefined ? null : Buffer.from(bytesField(map, 'held'));
    const slots = held === null ? Buffer.from(bytesField(map, 'slots')) : null;
    const untilMs = Date.now() + PATIENCE_MS;
    const look = () => {
      if (link.closed || this.paused) return;
      const ours = this.ownVector();
      const isBehind = !isCovered(vector, ours);
      const isAhead = held !== null && !isCovered(ours, vector);
      if (!isBehind && !isAhead) {
        this.giveNow(link, number, slots ?? this.differingFrom(held ?? new Uint8Array(0)), held !== null);
      } else if (isAhead || Date.now() >= untilMs) link.sendMap(FrameType.slots, { n: number, outcome: 'apart' });
      else setTimeout(guarded, LOOK_MS).unref();
    };
    const guarded = () => {
      try {
        look();
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        link.abort(`refused: slots: ${error.message}`);
      }
    };
    guarded();
  }

  private ownVector(): VersionVector {
    this.options.engine.seal();
    return this.options.engine.vector();
  }

  private differingFrom(held: Uint8Array): Uint8Array {
    return someOf(this.options.engine.differingSlots(held));
  }

  private giveNow(link: Link, number: number, slots: Uint8Array, comparing: boolean): void {
    const { engine } = this.options;
    if (comparing && slotsOf(slots).length === 0) {
      link.sendMap(FrameType.slots, { n: number, outcome: 'equal' });
      return;
    }
    const { pages, given } = engine.giveSlots(someOf(slots));
    const count = slotsOf(given).length;
    if (count === 0) {
      link.sendMap(FrameType.slots, { n: number, outcome: 'damaged' });
      return;
    }
    this.statistics.slots_given += count;
    for (const page of pages) link.sendBulk(FrameType.slotPage, page);
    const vector = vectorToWire(engine.vector());
    link.sendMap(FrameType.slots, { n: number, outcome: 'given', slots: given, vector, replica: engine.replica });
  }

  // --- state transfers from here

  /** Calls back when all data has been checked and found sound, or nobody could mend it; of several for one link the last. */
  whenSound(link: Link, work: () => void): void {
    this.held.set(link, work);
    this.checkAll(() => this.release());
  }

  private release(): void {
    const { engine } = this.options;
    const isOverdue = this.damagedSinceMs !== null && Date.now() - this.damagedSinceMs > HOLD_MS;
    if (engine.statistics.damagedSlots > 0 && !isOverdue) {
      if (this.held.size > 0) setTimeout(() => this.release(), PAUSE_MS_MIN).unref();
      return;
    }
    const all = [...this.held];
    this.held.clear();
    for (const [link, work] of all) {
      if (link.closed) continue;
      if (isOverdue) this.statistics.transfers_of_damaged++;
      try {
        work();
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        link.abort(`refused: ${error.message}`);
      }
    }
  }

  /** A whole check from now on, in pieces. */
  private checkAll(done: () => void): void {
    const { engine } = this.options;
    // one pass may be under way
    const until = engine.statistics.selfChecks + 2;
    const step = () => {
      while (engine.statistics.selfChecks < until) if (!engine.checkSelf(CHECKED_PER_STEP)) break;
      if (engine.statistics.selfChecks < until) setImmediate(step);
      else {
        this.tellDamage();
        done();
      }
    };
    step();
  }

  // --- CRDT VERIFY

  async verify(mend: boolean): Promise<MeshVerification> {
    const { engine } = this.options;
    await new Promise<void>((resolve) => this.checkAll(resolve));
    engine.verifySlots(engine.uncheckedSlots());
    this.tellDamage();
    const damaged = engine.statistics.damagedSlots;
    const keys = new Map<string, DifferingKey>();
    const note = (found: readonly DifferingKey[]) => {
      for (const each of found) {
        if (keys.size < KEYS_NAMED) keys.set(`${each.database}:${each.key.toString('latin1')}`, each);
      }
    };
    const links = [...this.options.links.values()].filter((link) => link.ready);
    for (const link of links) {
      if (engine.statistics.damagedSlots === 0 || (!mend && keys.size > 0)) break;
      const answer = await this.askPatiently(link, () => ({ slots: someOf(engine.damagedSlots()) }), mend);
      if (answer.kind === 'given') note(answer.keys);
    }
    const peers: MeshVerification['peers'][number][] = [];
    for (const link of links) {
      const answer = await this.askPatiently(link, () => ({ held: true }), mend);
      if (answer.kind === 'given') note(answer.keys);
      const outcome = answer.kind === 'equal' ? 'equal' : answer.kind === 'given' ? 'differs' : 'not comparable';
      peers.push({ peerId: link.peerId, outcome });
    }
    this.tellDamage();
    return {
      slots: ALL_SLOTS,
      damaged,
      mended: Math.max(0, damaged - engine.statistics.damagedSlots),
      peers,
      keys: [...keys.values()],
    };
  }

  /** While both sides write on it may take some tries to catch them at one vector. */
  private async askPatiently(
    link: Link,
    what: () => { slots: Uint8Array } | { held: true },
    mend: boolean,
  ): Promise<Answer> {
    let answer: Answer = { kind: 'apart' };
    for (let tries = 0; tries < VERIFY_TRIES && !link.closed && !this.paused; tries++) {
      answer = await this.ask(link, what(), mend);
      const isBusy = answer.kind === 'given' && answer.busy > 0;
      if (answer.kind !== 'apart' && answer.kind !== 'busy' && !isBusy) break;
      await new Promise<void>((resolve) => setTimeout(resolve, VERIFY_PAUSE_MS));
    }
    return answer;
  }
}

const ALL_SLOTS = 16_384;

function someOf(slots: Uint8Array): Uint8Array {
  return bitmapOf(slotsOf(slots).slice(0, SLOTS_PER_EXCHANGE));
}

function isCovered(vector: VersionVector, by: VersionVector): boolean {
  return vector.every(({ replica, number }) => number <= numberOf(by, replica));
}

function named(keys: readonly DifferingKey[]): string[] {
  return keys.slice(0, 10).map(({ database, key }) => `${database} ${JSON.stringify(key.toString('latin1'))}`);
}
