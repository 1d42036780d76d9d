/**
 * State transfer: all records in pages, for a peer whose gap no log covers any more. A page is a CBOR map:
 * v 1 · x the vector that its records reflect · r replica ids, 8 bytes each, that they refer to · d records
 * (key run, value run). Pages of one transfer are taken one after another while the sender goes on, so each has its
 * own vector; the receiver merges them all at once, claims the first one's, and applies the txns that the sender got
 * meanwhile (the tail) over it in the same step: nobody sees a state that is ahead of its vector. Applying txns again over
 * records that hold them already changes nothing.
 */
import { Encoder } from 'cbor-x';
import { ByteTable } from './byte-table.ts';
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { type Cell, readCell } from './cell.ts';
import { STAMP_MAX } from './clock.ts';
import { type Compared, type Comparison, checkBitmap, isMarked } from './comparison.ts';
import type { ReplicaId, Stamp, VersionVector } from './contract.ts';
import { type Deadline, readDeadlines } from './deadlines.ts';
import type { EnvelopeSpan } from './delivery.ts';
import { packVector, unpackVector } from './envelope.ts';
import type { Keyspace } from './keyspace.ts';
import { decodePlainMap, shownValue } from './plain-cbor.ts';
import type { RecordName, Records } from './records.ts';
import { RECORD_KEY_DEADLINES, type State } from './state.ts';

const WALK_END = 2 ** 32;
const KEYS_PER_STEP = 64;
/** Looked at for one page: bounds the pause where few of them are wanted. */
const KEYS_PER_PAGE = 50_000;
const NOTHING_SEEN: readonly Stamp[] = [];
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

interface Page {
  vector: VersionVector;
  /** Records refer to these by index, until adopt() has put ours in place of those. */
  ids: ReplicaId[];
  records: { name: Buffer; cell: Cell | null; deadlines: Deadline[] | null }[];
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
    const { replicas } = this.state;
    const packed = new ByteWriter(4096);
    let database = Math.floor(cursor / WALK_END);
    let walk = cursor % WALK_END;
    let looked = 0;
    while (database < this.keyspaces.length && packed.at < bytesMax && looked < KEYS_PER_PAGE) {
      const keyspace = this.keyspaces[database];
      const next = keyspace.keys.table.walk(walk, KEYS_PER_STEP, (at) => {
        looked++;
        if (wanted !== undefined && !wanted.has(this.comparison.fingerprint(keyspace, at))) return;
        this.records.forEach(keyspace, at, (key, value) => {
          packed.run(key, 0, key.length);
          packed.run(value, 0, value.length);
        });
      });
      walk = next >= WALK_END ? 0 : next;
      if (walk === 0) database++;
    }
    const bytes = encoder.encode({
      v: 1,
      x: packVector(replicas.vector()),
      r: Buffer.from(replicas.ids.join(''), 'hex'),
      d: packed.bytes.subarray(0, packed.at),
    });
    return { next: database >= this.keyspaces.length ? 0 : database * WALK_END + walk, bytes: Buffer.from(bytes) };
  }

  /** Of all that the pages have seen. Throws MalformedError. */
  latestStamp(raw: readonly Uint8Array[]): Stamp {
    let latest = 0;
    for (const bytes of raw) {
      for (const { stamp } of vectorOf(this.open(bytes))) latest = Math.max(latest, stamp);
    }
    return latest;
  }

  /**
   * Merges all pages of one transfer. Throws MalformedError before the first change. `compared`: the pages hold only what
   * a comparison has found to differ.
   */
  import(raw: readonly Uint8Array[], tail: readonly EnvelopeSpan[], compared?: Compared): void {
    const pages = raw.map((bytes) => this.parse(bytes));
    if (pages.length === 0) {
      if (tail.length > 0) throw new MalformedError('a tail without pages before it');
      return;
    }
    const claimed = compared === undefined ? pages[0].vector : claimedBy(compared, pages[0].vector);
    const { state } = this;
    const { replicas } = state;
    this.refuseBeyondTail(pages, claimed, tail);
    const latest = this.refuseEarly(pages, tail);
    const named = pages.flatMap(({ ids }) => ids.map((replica) => ({ replica })));
    if (!replicas.hasRoomFor([...named, ...claimed, ...pages.flatMap(({ vector }) => vector)]))
      throw new MalformedError('a state that names more replicas than there can be');
    for (const page of pages) this.adopt(page);
    const mine = replicas.stamps.slice();
    const seen = new SeenRecords(state);
    // a merge is nobody's txn: context null would swallow siblings' conflicts, and what it cancels is stable with all of it
    state.origin = state.self;
    state.clock.observe(latest);
    state.stamp = state.clock.next(state.now);
    state.context = null;
    state.after = this.latest(pages, mine);
    for (const deadlinePass of [false, true]) {
      for (const page of pages) {
        const theirs = replicas.contextOf(page.vector);
        for (const record of page.records) this.mergeRecord(record, mine, theirs, deadlinePass, seen);
      }
      this.mergeAbsent(seen, mine, replicas.contextOf(claimed), deadlinePass, compared);
    }
    state.after = null;
    seen.release();
    for (const entry of claimed) {
      const index = replicas.indexOf(entry.replica);
      if (entry.number > replicas.numbers[index]) replicas.advance(index, entry.number, entry.stamp);
      state.clock.observe(entry.stamp);
    }
    state.foreignTxns++;
  }

  /** The tail must apply without a gap to what is claimed, and with all of it nothing in the pages may be later than we are. */
  private refuseBeyondTail(pages: readonly Page[], claimed: VersionVector, tail: readonly EnvelopeSpan[]): void {
    const { replicas } = this.state;
    const reached = new Map<ReplicaId, number>();
    const reach = (replica: ReplicaId, number: number) =>
      reached.set(replica, Math.max(number, reached.get(replica) ?? 0));
    const isReached = (replica: ReplicaId, number: number) => number <= (reached.get(replica) ?? 0);
    for (const { replica, number } of [...replicas.vector(), ...claimed]) reach(replica, number);
    for (const { replica, first, last, context } of tail) {
      if (isReached(replica, last)) continue;
      if (!isReached(replica, first - 1) || !context.every((entry) => isReached(entry.replica, entry.number)))
        throw new MalformedError(`a tail with a gap before txn ${first} of ${replica}`);
      reach(replica, last);
    }
    const own = replicas.ids[this.state.self];
    if ((reached.get(own) ?? 0) > replicas.numbers[this.state.self])
      throw new MalformedError('a state that holds more of our own txns than we have issued');
    for (const { replica, number } of pages.flatMap(({ vector }) => vector)) {
      if (!isReached(replica, number))
        throw new MalformedError(`a page that holds txn ${number} of ${replica}, and a tail that does not`);
    }
  }

  /**
   * Nothing of it may be too far ahead of our clock: the tail would not be taken when the pages are merged already, and a
   * record would win for as long as it is ahead. (Vectors that are ahead have been refused before, for a while.) Gives the
   * latest stamp of the records: what is written after them refers to them.
   */
  private refuseEarly(pages: readonly Page[], tail: readonly EnvelopeSpan[]): Stamp {
    const { quarantine, now } = this.state;
    quarantine.release(now);
    for (const { replica, first, stamp } of tail) {
      if (quarantine.holdsBack(replica, first) || quarantine.excessOf(stamp, now) > 0)
        throw new MalformedError(`a tail with txns of ${replica} from the future`);
    }
    const latest = latestIn(pages);
    if (latest > STAMP_MAX || quarantine.excessOf(latest, now) > 0)
      throw new MalformedError(`a record with stamp ${latest} from the future`);
    return latest;
  }

  /** By replica index, the latest stamp that we or any page have seen. */
  private latest(pages: readonly Page[], mine: readonly number[]): number[] {
    const latest = [...mine];
    for (const page of pages) {
      this.state.replicas.contextOf(page.vector).forEach((stamp, index) => {
        latest[index] = Math.max(latest[index] ?? 0, stamp);
      });
    }
    return latest;
  }

  private mergeRecord(
    record: Page['records'][number],
    mine: readonly number[],
    theirs: readonly number[],
    deadlinePass: boolean,
    seen: SeenRecords,
  ): void {
    const name = this.records.parseName(record.name);
    if (deadlinePass && record.deadlines !== null) this.records.mergeDeadlines(name, mine, record.deadlines, theirs);
    if (!deadlinePass && record.cell !== null) this.records.mergeCell(name, mine, record.cell, theirs);
    if (!deadlinePass) seen.add(record.name);
    this.touch(name);
  }

  /** What we hold and the transfer does not name: gone where the sender had seen it. */
  private mergeAbsent(
    seen: SeenRecords,
    mine: readonly number[],
    theirs: readonly number[],
    deadlinePass: boolean,
    compared: Compared | undefined,
  ): void {
    const absent: { bytes: Buffer; since: readonly Stamp[] }[] = [];
    for (const keyspace of this.keyspaces) {
      keyspace.keys.table.walk(0, Number.POSITIVE_INFINITY, (at) => {
        const since = compared === undefined ? NOTHING_SEEN : this.equalSince(compared, keyspace, at);
        if (since.length > 0 && !this.records.mayHaveChanged(keyspace, at, since)) return;
        this.records.forEach(keyspace, at, (key) => {
          if (!seen.has(key)) absent.push({ bytes: Buffer.from(key), since });
        });
      });
    }
    for (const { bytes, since } of absent) {
      const name = this.records.parseName(bytes);
      const isDeadline = name.kind >= RECORD_KEY_DEADLINES;
      if (isDeadline !== deadlinePass) continue;
      if (isDeadline) this.records.mergeDeadlines(name, mine, this.records.deadlinesUntil(name, since), theirs);
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

  /** The fields of a page, of the right types. */
  private open(bytes: Uint8Array): { x: Uint8Array; r: Uint8Array; d: Uint8Array } {
    const { v, x, r, d } = decodePlainMap(bytes);
    if (v !== 1) throw new MalformedError(`state page version ${shownValue(v)}`);
    if (!(x instanceof Uint8Array) || !(r instanceof Uint8Array) || !(d instanceof Uint8Array) || r.length % 8 !== 0) {
      throw new MalformedError('state page without vector, replicas or records');
    }
    return { x, r, d };
  }

  private parse(bytes: Uint8Array): Page {
    const fields = this.open(bytes);
    const { r, d } = fields;
    const bytesOfIds = asBuffer(r);
    const page: Page = { vector: vectorOf(fields), ids: [], records: [] };
    for (let at = 0; at < bytesOfIds.length; at += 8) page.ids.push(bytesOfIds.toString('hex', at, at + 8));
    const indexes = page.ids.map((_, index) => index);
    const reader = new ByteReader(asBuffer(d));
    while (!reader.done) {
      const name = reader.runCopy();
      const value = new ByteReader(reader.runCopy());
      const { kind } = this.records.parseName(name);
      const isDeadline = kind >= RECORD_KEY_DEADLINES;
      page.records.push({
        name,
        cell: isDeadline ? null : readCell(value, indexes),
        deadlines: isDeadline ? readDeadlines(value, indexes) : null,
      });
      if (!value.done) throw new MalformedError('bytes after the end of a record');
    }
    return page;
  }

  /** A replica gets an index here with the first page that is merged: of what is refused none does. */
  private adopt({ ids, records }: Page): void {
    const indexes = ids.map((id) => this.state.replicas.indexOf(id));
    for (const { cell, deadlines } of records) {
      for (const item of [...(cell?.siblings ?? []), ...(cell?.tallies ?? []), ...(deadlines ?? [])]) {
        item.replica = indexes[item.replica];
      }
      for (const { scope } of deadlines ?? []) {
        for (let i = 0; i < scope.length; i += 2) scope[i] = indexes[scope[i]];
      }
    }
  }
}

function latestIn(pages: readonly Page[]): Stamp {
  let latest = 0;
  for (const { records } of pages) {
    for (const { cell, deadlines } of records) {
      for (const { stamp } of [...(cell?.siblings ?? []), ...(cell?.tallies ?? []), ...(deadlines ?? [])]) {
        latest = Math.max(latest, stamp);
      }
    }
  }
  return latest;
}

/** The records that a transfer named. */
class SeenRecords {
  private readonly table: ByteTable;

  constructor(state: State) {
    this.table = new ByteTable(state.arena, state.seed);
  }

  add(key: Buffer): void {
    if (!this.has(key)) this.table.insert(key, 0, key.length, 0);
  }

  has(key: Buffer): boolean {
    return this.table.find(key, 0, key.length) >= 0;
  }

  release(): void {
    this.table.clear();
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

function vectorOf({ x }: { x: Uint8Array }): VersionVector {
  return unpackVector(asBuffer(x));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
