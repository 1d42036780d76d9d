/**
 * State transfer: all records in pages, for a peer whose gap no log covers any more. Pages of one transfer are taken one
 * after another while the sender goes on, so each has its own vector; the receiver merges them all at once, claims the
 * first one's, and applies the txns that the sender got meanwhile (the tail) over it in the same step: nobody sees a state
 * that is ahead of its vector. Applying txns again over records that hold them already changes nothing.
 */
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { readCell } from './cell.ts';
import { STAMP_MAX } from './clock.ts';
import { type Compared, type Comparison, checkBitmap, isMarked } from './comparison.ts';
import type { ReplicaId, Stamp, VersionVector } from './contract.ts';
import { readDeadlines } from './deadlines.ts';
import type { EnvelopeSpan } from './delivery.ts';
import { packVector, unpackVector } from './envelope.ts';
import type { Keyspace } from './keyspace.ts';
import { asBuffer, encodePage, forEachRecord, openPage, vectorOf } from './page.ts';
import { checkPage, isDeadlines, type ReceivedPage } from './received-page.ts';
import type { RecordName, Records } from './records.ts';
import { packRetirements } from './retirement.ts';
import type { State } from './state.ts';

const WALK_END = 2 ** 32;
const KEYS_PER_STEP = 64;
/** Looked at for one page: bounds the pause where few of them are wanted. */
const KEYS_PER_PAGE = 50_000;
const NOTHING_SEEN: readonly Stamp[] = [];

/** A record of ours, and what we had seen when it compared equal; nothing if it did not. */
interface Absent {
  readonly bytes: Buffer;
  readonly since: readonly Stamp[];
}

export class Transfer {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly records: Records;
  private readonly comparison: Comparison;

  constructor(state: State, keyspaces: readonly Keyspace[], records: Records, comparison: Comparison) {
    this.comparison = comparison;
    this.state = state;
    this.keyspaces = keyspaces;
    this.records = records;
  }

  /**
   * One page from `cursor` on (0 at first); `next` is 0 after the last. A key is never cut in two. `wanted`: of all keys
   * only those with these fingerprints.
   */
  export(cursor: number, bytesMax: number, wanted?: ReadonlySet<string>): { next: number; bytes: Uint8Array } {
    const packed = new ByteWriter(4096);
    let database = Math.floor(cursor / WALK_END);
    let walk = cursor % WALK_END;
    let looked = 0;
    // each takes a byte at least
    const keysPerStep = Math.min(KEYS_PER_STEP, bytesMax);
    while (database < this.keyspaces.length && packed.at < bytesMax && looked < KEYS_PER_PAGE) {
      const keyspace = this.keyspaces[database];
      const next = keyspace.keys.table.walk(walk, keysPerStep, (at) => {
        looked++;
        this.state.foldSome();
        if (wanted !== undefined && !wanted.has(this.comparison.fingerprint(keyspace, at))) return;
        this.records.forEach(keyspace, at, (key, value) => {
          packed.run(key, 0, key.length);
          packed.run(value, 0, value.length);
        });
      });
      walk = next >= WALK_END ? 0 : next;
      if (walk === 0) database++;
    }
    const bytes = this.encodePage(packed.bytes.subarray(0, packed.at));
    return { next: database >= this.keyspaces.length ? 0 : database * WALK_END + walk, bytes };
  }

  /** A page of these records (key run, value run), as they are now. */
  encodePage(records: Uint8Array): Buffer {
    const { replicas, retirements } = this.state;
    return encodePage({
      x: packVector(replicas.vector()),
      r: Buffer.from(replicas.ids.join(''), 'hex'),
      d: records,
      f: packRetirements(retirements.all),
    });
  }

  /** Of all that the pages have seen. Throws MalformedError. */
  latestStamp(raw: readonly Uint8Array[]): Stamp {
    let latest = 0;
    for (const bytes of raw) {
      for (const { stamp } of vectorOf(openPage(bytes))) latest = Math.max(latest, stamp);
    }
    return latest;
  }

  /**
   * Merges all pages of one transfer. Throws MalformedError before the first change. `compared`: the pages hold only what
   * a comparison has found to differ.
   */
  import(raw: readonly Uint8Array[], tail: readonly EnvelopeSpan[], compared?: Compared): void {
    const pages = raw.map((bytes) => checkPage(bytes, this.records));
    if (pages.length === 0) {
      if (tail.length > 0) throw new MalformedError('a tail without pages before it');
      return;
    }
    const claimed = compared === undefined ? pages[0].vector : claimedBy(compared, pages[0].vector);
    const kept = (compared?.kept ?? []).map((bytes) => ({ ...checkPage(bytes, this.records), vector: claimed }));
    const { state } = this;
    const { replicas } = state;
    this.refuseBeyondTail(pages, kept, claimed, tail);
    const latest = this.refuseEarly([...pages, ...kept], tail);
    this.refuseBeyondRoom([...pages, ...kept], claimed);
    for (const { retirements } of pages) state.retirements.learn(retirements);
    const mine = replicas.stamps.slice();
    const absent = this.absentFrom([...kept, ...pages], compared);
    // a merge is nobody's txn: context null would swallow siblings' conflicts, and what it cancels is stable with all of it
    state.origin = state.self;
    state.clock.observe(latest);
    state.stamp = state.clock.next(state.now);
    state.context = null;
    state.after = this.latest(pages, mine);
    for (const deadlinePass of [false, true]) {
      for (const page of [...kept, ...pages]) {
        if (!deadlinePass || page.hasDeadlines) this.mergePage(page, mine, deadlinePass);
      }
      this.mergeAbsent(absent, mine, replicas.contextOf(claimed), deadlinePass);
    }
    state.after = null;
    for (const entry of claimed) {
      const index = replicas.indexOf(entry.replica);
      if (entry.number > replicas.numbers[index]) replicas.advance(index, entry.number, entry.stamp);
      state.clock.observe(entry.stamp);
    }
    state.foreignTxns++;
  }

  /**
   * The tail must apply without a gap to what is claimed, and with all of it nothing in the pages may be later than we are.
   * What kept pages have seen is not in their vectors: it is in their dots.
   */
  private refuseBeyondTail(
    pages: readonly ReceivedPage[],
    kept: readonly ReceivedPage[],
    claimed: VersionVector,
    tail: readonly EnvelopeSpan[],
  ): void {
    const { replicas } = this.state;
    const reached = new Map<ReplicaId, { number: number; stamp: Stamp }>();
    const reach = (replica: ReplicaId, number: number, stamp: Stamp) => {
      if (!isReached(replica, number)) reached.set(replica, { number, stamp });
    };
    const isReached = (replica: ReplicaId, number: number) => number <= (reached.get(replica)?.number ?? 0);
    for (const { replica, number, stamp } of [...replicas.vector(), ...claimed]) reach(replica, number, stamp);
    for (const { replica, first, last, stamp, context } of tail) {
      if (isReached(replica, last)) continue;
      if (!isReached(replica, first - 1) || !context.every((entry) => isReached(entry.replica, entry.number)))
        throw new MalformedError(`a tail with a gap before txn ${first} of ${replica}`);
      reach(replica, last, stamp);
    }
    const own = replicas.ids[this.state.self];
    if ((reached.get(own)?.number ?? 0) > replicas.numbers[this.state.self])
      throw new MalformedError('a state that holds more of our own txns than we have issued');
    for (const { replica, number } of pages.flatMap(({ vector }) => vector)) {
      if (!isReached(replica, number))
        throw new MalformedError(`a page that holds txn ${number} of ${replica}, and a tail that does not`);
    }
    for (const { ids, latest } of kept) {
      ids.forEach((replica, place) => {
        if (latest[place] > (reached.get(replica)?.stamp ?? 0))
          throw new MalformedError(`a kept record of ${replica}, and a tail that does not reach it`);
      });
    }
  }

  /**
   * Nothing of it may be too far ahead of our clock: the tail would not be taken when the pages are merged already, and a
   * record would win for as long as it is ahead. (Vectors that are ahead have been refused before, for a while.) Gives the
   * latest stamp of the records: what is written after them refers to them.
   */
  private refuseEarly(pages: readonly ReceivedPage[], tail: readonly EnvelopeSpan[]): Stamp {
    const { quarantine, now } = this.state;
    quarantine.release(now);
    for (const { replica, first, stamp } of tail) {
      if (quarantine.holdsBack(replica, first) || quarantine.excessOf(stamp, now) > 0)
        throw new MalformedError(`a tail with txns of ${replica} from the future`);
    }
    const latest = pages.reduce((latest, page) => page.latest.reduce((one, other) => Math.max(one, other), latest), 0);
    if (latest > STAMP_MAX || quarantine.excessOf(latest, now) > 0)
      throw new MalformedError(`a record with stamp ${latest} from the future`);
    return latest;
  }

  private refuseBeyondRoom(pages: readonly ReceivedPage[], claimed: VersionVector): void {
    const named = pages.flatMap(({ ids, vector }) => [...ids.map((replica) => ({ replica })), ...vector]);
    if (!this.state.replicas.hasRoomFor([...named, ...claimed]))
      throw new MalformedError('a state that names more replicas than there can be');
  }

  /** By replica index, the latest stamp that we or any page have seen. */
  private latest(pages: readonly ReceivedPage[], mine: readonly number[]): number[] {
    const latest = [...mine];
    for (const page of pages) {
      this.state.replicas.contextOf(page.vector).forEach((stamp, index) => {
        latest[index] = Math.max(latest[index] ?? 0, stamp);
      });
    }
    return latest;
  }

  private mergePage({ fields, vector, ids }: ReceivedPage, mine: readonly number[], deadlinePass: boolean): void {
    const { replicas } = this.state;
    const theirs = replicas.contextOf(vector);
    const indexes = ids.map((id) => replicas.indexOf(id));
    const reader = new ByteReader();
    forEachRecord(fields, (bytes, value) => {
      this.state.foldSome();
      const name = this.records.parseName(bytes);
      if (isDeadlines(name) !== deadlinePass) return;
      reader.set(value, 0, value.length);
      if (deadlinePass) this.records.mergeDeadlines(name, mine, readDeadlines(reader, indexes), theirs);
      else this.records.mergeCell(name, mine, readCell(reader, indexes), theirs);
      this.touch(name);
    });
  }

  /** What we hold and the transfer does not name, but for what compared equal and has not changed since. */
  private absentFrom(pages: readonly ReceivedPage[], compared: Compared | undefined): Absent[] {
    const absent: Absent[] = [];
    if (this.keyspaces.every(({ keys }) => keys.table.count === 0)) return absent;
    const named = this.state.newTable();
    for (const { fields } of pages) {
      forEachRecord(fields, (name) => {
        if (named.find(name, 0, name.length) < 0) named.insert(name, 0, name.length, 0);
      });
    }
    for (const keyspace of this.keyspaces) {
      keyspace.keys.table.walk(0, Number.POSITIVE_INFINITY, (at) => {
        this.state.foldSome();
        const since = compared === undefined ? NOTHING_SEEN : this.equalSince(compared, keyspace, at);
        if (since.length > 0 && !this.records.mayHaveChanged(keyspace, at, since)) return;
        this.records.forEach(keyspace, at, (name) => {
          if (named.find(name, 0, name.length) < 0) absent.push({ bytes: Buffer.from(name), since });
        });
      });
    }
    named.clear();
    return absent;
  }

  /** It is gone where the sender had seen it. */
  private mergeAbsent(
    absent: readonly Absent[],
    mine: readonly number[],
    theirs: readonly number[],
    deadlinePass: boolean,
  ): void {
    for (const { bytes, since } of absent) {
      this.state.foldSome();
      const name = this.records.parseName(bytes);
      if (isDeadlines(name) !== deadlinePass) continue;
      if (deadlinePass) this.records.mergeDeadlines(name, mine, this.records.deadlinesUntil(name, since), theirs);
      else this.records.mergeCell(name, mine, this.records.cellUntil(name, since), theirs);
      this.touch(name);
    }
  }

  /** What we had seen when the key compared equal; nothing if it differed, or the sender does not hold it. */
  private equalSince(compared: Compared, keyspace: Keyspace, at: number): readonly Stamp[] {
    const { table } = keyspace.keys;
    if (!isMarked(compared.slots, table.slot(table.referenceAt(at)))) return compared.seenAtSlots;
    return compared.equal.has(this.comparison.fingerprint(keyspace, at)) ? compared.seenAtKeys : NOTHING_SEEN;
  }

  private touch({ keyspace, key }: RecordName): void {
    this.state.touched(keyspace.index, key.bytes, key.start, key.end);
  }
}

/** Where the sender stood when the comparison began, which may not be later than its first page. Throws MalformedError. */
function claimedBy({ vector, slots }: Compared, first: VersionVector): VersionVector {
  checkBitmap(slots);
  const claimed = unpackVector(asBuffer(vector));
  for (const { replica, number, stamp } of claimed) {
    const later = first.find((entry) => entry.replica === replica);
    if (later === undefined || later.number < number || later.stamp < stamp)
      throw new MalformedError(`a comparison that claims txn ${number} of ${replica}, and pages that do not`);
  }
  return claimed;
}
