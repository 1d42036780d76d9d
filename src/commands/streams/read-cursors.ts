/**
 * How far a connection has come with a stream that it reads by XREAD, again and again, each time behind the last entry that it was
 * given. An entry that another node has added may arrive with an id before that one; who asks by id alone would never get
 * it. So the connection gets it with the next answer, once, before what is new. On one node nothing arrives late, and all
 * is as in Redis.
 *
 * What has arrived late is told by the ids: those that a node generates ascend, and end in six digits that are its own.
 * Ids that clients have chosen say nothing of the kind: of these, one that arrives late may be passed over.
 */
import type { Database, StreamEntry, StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MAX, streamIdAfter } from '../../core/index.ts';
import type { Slice } from '../../core/slice.ts';
import type { Client } from '../client.ts';
import { copyEntry, countEntries, type EntryCopy, type EntryRange } from './access.ts';
import type { From } from './read-arguments.ts';

/** The last digits of what a node generates, which say which node. */
const TAGS = 1_000_000;
/** So many entries are looked through for late ones, at most: some tens of milliseconds. */
const LOOK_BACK_MAX = 100_000;
/** And so many where it is not known whether there are any, and for each that was added since. */
const LOOK_BACK_BASE = 1000;
const LOOK_BACK_FACTOR = 10;
/** More nodes than that have no mesh; where clients choose the ids, there may be as many tags as entries. */
const MARKS_MAX = 1000;

/** What one key of an answer is made of: late entries, then `total` within the range. */
export interface Batch {
  readonly late: readonly EntryCopy[];
  readonly range: EntryRange | null;
  readonly total: number;
}

export class ReadCursor {
  private readonly database: number;
  private readonly key: Buffer;
  /** Where it began: what arrives before that is not asked for. */
  private start: StreamId;
  /** The last entry of the last answer. */
  private given: StreamId;
  /** Behind this nothing was given. */
  private reached: StreamId;
  /** How many entries had been added when late ones were last looked for. */
  private added = 0;
  /** There was more than the last answer could hold. */
  private isBehind = false;
  /** The last one that was given of each node's. */
  private readonly marks = new Map<number, StreamId>();

  constructor(database: number, key: Buffer, start: StreamId) {
    this.database = database;
    this.key = key;
    this.start = start;
    this.given = start;
    this.reached = start;
  }

  /** Whether that is asked for by who has got the last answer of this. */
  goesOn(database: number, key: Slice, behind: StreamId): boolean {
    return this.database === database && compareStreamIds(this.given, behind) === 0 && this.key.equals(key.view());
  }

  names(key: Slice): boolean {
    return this.key.equals(key.view());
  }

  /** What has not been given, `count` entries at most. Whoever gives it notes each entry. */
  next(db: Database, key: Slice, count: number): Batch {
    const least = streamIdAfter(this.reached);
    const range: EntryRange | null = least === null ? null : { least, greatest: STREAM_ID_MAX, step: 1, count };
    const found = range === null ? 0 : countEntries(db, key, range);
    const late = this.late(db, key, found, count);
    const total = Math.min(found, count - late.length);
    this.isBehind = total < found || found === count;
    return { late, range, total };
  }

  /** Before what is new, since that may be of the same node. */
  private late(db: Database, key: Slice, found: number, count: number): EntryCopy[] {
    const status = db.streams.status(key);
    const added = status?.entriesAdded ?? 0;
    // another stream by now: the one of which that was given had come so far
    if (status === null || compareStreamIds(status.lastId, this.given) < 0) this.beginAnew();
    const isKnown = !this.isBehind && found < count;
    // who had everything gets by ids what was added since, but for what is late
    const most = added - this.added - (isKnown ? found : 0);
    const depth = isKnown ? LOOK_BACK_MAX : Math.min(LOOK_BACK_BASE + LOOK_BACK_FACTOR * most, LOOK_BACK_MAX);
    const late = most > 0 ? this.findLate(db, key, most, depth) : [];
    const fitting = late.slice(0, count);
    this.added = added - (late.length - fitting.length);
    return fitting;
  }

  private findLate(db: Database, key: Slice, most: number, depth: number): EntryCopy[] {
    const least = streamIdAfter(this.start);
    if (least === null || compareStreamIds(least, this.reached) > 0) return [];
    const late: EntryCopy[] = [];
    db.streams.range(key, least, this.reached, -1, (entry) => {
      const mark = this.marks.get(tagOf(entry.id));
      if (mark === undefined || compareStreamIds(entry.id, mark) > 0) late.push(copyEntry(entry));
      return late.length < most && --depth > 0;
    });
    return late.reverse();
  }

  /** That entry is given. */
  note({ id }: Pick<StreamEntry, 'id'>): void {
    this.marks.set(tagOf(id), id);
    this.given = id;
    if (compareStreamIds(id, this.reached) > 0) this.reached = id;
    if (this.marks.size > MARKS_MAX) this.beginAnew();
  }

  /** Nothing before what was reached is asked for any more. */
  private beginAnew(): void {
    this.marks.clear();
    this.start = this.reached;
  }
}

function tagOf({ seq }: StreamId): number {
  return Number(typeof seq === 'bigint' ? seq % BigInt(TAGS) : seq % TAGS);
}

/** Of each client those of its last XREAD. Scripts have none: what they do must not depend on others. */
const cursorsOfClients = new WeakMap<Client, readonly ReadCursor[]>();

/** One for each key, which goes on where the client has asked for what is behind the last answer. */
export function cursorsFor(client: Client, keys: readonly Slice[], from: readonly From[]): ReadCursor[] {
  const known = client.isScript ? [] : (cursorsOfClients.get(client) ?? []);
  const cursors = from.map((start, place) => {
    const behind = start.kind === 'new' ? STREAM_ID_MAX : start.id;
    const key = keys[place];
    return (
      known.find((cursor) => cursor.goesOn(client.database, key, behind)) ??
      new ReadCursor(client.database, key.copy(), behind)
    );
  });
  if (!client.isScript) cursorsOfClients.set(client, cursors);
  return cursors;
}
