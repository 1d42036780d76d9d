/**
 * The part of contract.ts that is about streams.
 *
 * Entries stand in the order of their ids; of one id there may be several, which replicas have added at the same time
 * without knowing of each other: all of them show, in one order everywhere. An entry may also arrive late, with a smaller
 * id than entries that are here already.
 */
import type { Integer, UnixMs } from './contract.ts';
import type { Slice } from './slice.ts';

/**
 * Each half has 64 bits without a sign: a number where that is exact, else a bigint (STREAM_ID_MAX is 2^64−1 twice). Its
 * text is `${ms}-${seq}`.
 */
export interface StreamId {
  readonly ms: Integer;
  readonly seq: Integer;
}

/** What effects on the elements of streams do, as RemoteEffect tells of them. */
export type StreamEffect =
  | 'entryAssign'
  | 'entryRemove'
  | 'streamCreate'
  | 'streamSetId'
  | 'groupAssign'
  | 'consumerAssign'
  | 'consumerRemove'
  /** What keeps the rest together, and changes nothing that one sees. */
  | 'streamNote'
  | 'pendingAssign'
  | 'pendingRemove';

/** An entry, during a visit. */
export interface StreamEntry {
  readonly id: StreamId;
  /** How many pairs of field and value. */
  readonly fieldCount: number;
  forEachField(visit: (field: Slice, value: Slice) => void): void;
}

export interface StreamStatus {
  /** XLEN. */
  readonly length: number;
  /** 0-0 where there are no entries. */
  readonly firstId: StreamId;
  /** The greatest id that there ever was, as far as the removal of the key, or XSETID, has not made it forgotten. */
  readonly lastId: StreamId;
  /** The greatest id that XDEL has removed; 0-0: none. */
  readonly maxDeletedId: StreamId;
  readonly entriesAdded: number;
  readonly groups: number;
}

export interface GroupStatus {
  readonly name: Buffer;
  /** The greatest id that the group has got. Entries that arrived late may stand before it and not have been delivered yet. */
  readonly lastDeliveredId: StreamId;
  /** Null where it is not known, as in Redis 7. */
  readonly entriesRead: number | null;
  readonly lag: number | null;
  /** Entries that were delivered and not acknowledged. */
  readonly pending: number;
  readonly consumers: number;
}

export interface ConsumerStatus {
  readonly name: Buffer;
  /** When it last asked for something. */
  readonly seenMs: UnixMs;
  /** When it last got something; −1: never. */
  readonly activeMs: UnixMs;
  readonly pending: number;
}

/** An entry that a consumer has got and not acknowledged. */
export interface PendingEntry {
  readonly id: StreamId;
  readonly consumer: Buffer;
  readonly deliveredMs: UnixMs;
  /** How many times. */
  readonly deliveries: number;
  /** Null: it was removed from the stream. Valid during the visit. */
  readonly entry: StreamEntry | null;
}

export interface PendingSummary {
  readonly count: number;
  /** 0-0 where there are none. */
  readonly firstId: StreamId;
  readonly lastId: StreamId;
  /** Of those consumers that have some, by name. */
  readonly consumers: readonly { readonly name: Buffer; readonly count: number }[];
}

/**
 * Streams. What is not there (the key, the group, the consumer) has nothing, and is changed by nobody but where it says
 * otherwise: commands ask first, and answer NOGROUP themselves. Visitors must not change the database; what they are given
 * is valid during the call, statuses for good. A visitor that answers false ends the visit.
 */
export interface StreamOperations {
  /** XLEN; 0 if absent. */
  size(key: Slice): number;
  /** Null if absent. */
  status(key: Slice): StreamStatus | null;
  /** What a new id must be greater than; 0-0 if absent. */
  lastId(key: Slice): StreamId;
  /** XADD with `*`: behind all that is known here, and made by no other replica. Null: there are no ids any more. */
  generateId(key: Slice): StreamId | null;
  /**
   * Adds an entry with the fields and values fields[from], … fields[to − 1]; makes the stream if there is none. The id must
   * be greater than lastId().
   */
  add(key: Slice, id: StreamId, fields: readonly Slice[], from: number, to: number): void;
  /** Visits the entries with ids from `least` to `greatest`, both included: upward, or with step −1 downward. */
  range(
    key: Slice,
    least: StreamId,
    greatest: StreamId,
    step: 1 | -1,
    visit: (entry: StreamEntry) => boolean | undefined,
  ): void;
  /** XDEL: how many entries had that id. The stream stays, also without entries. */
  remove(key: Slice, id: StreamId): number;
  /** XTRIM MAXLEN: removes the first entries, `limit` at most, while there are more than `length`. How many. */
  trimToLength(key: Slice, length: number, limit?: number): number;
  /** XTRIM MINID: removes the entries before `least`, `limit` at most. How many. */
  trimBefore(key: Slice, least: StreamId, limit?: number): number;
  /** XSETID. The stream must exist. Null: it stays as it is. `lastId` must not be less than that of an entry. */
  setId(key: Slice, lastId: StreamId, entriesAdded: number | null, maxDeletedId: StreamId | null): void;
  /** An empty stream where there is none (XGROUP CREATE MKSTREAM). */
  create(key: Slice): void;

  // --- groups

  hasGroup(key: Slice, group: Slice): boolean;
  groupStatus(key: Slice, group: Slice): GroupStatus | null;
  /** By name. */
  groups(key: Slice): GroupStatus[];
  /** XGROUP CREATE: the group gets what is behind `id`. The stream must exist. False if the group does: nothing is done. */
  createGroup(key: Slice, group: Slice, id: StreamId, entriesRead: number | null): boolean;
  /** XGROUP SETID: from now on the group gets what is behind `id`, also what it has got already. The group must exist. */
  setGroupId(key: Slice, group: Slice, id: StreamId, entriesRead: number | null): void;
  /** XCLAIM LASTID: as if the group had got all up to `id`; nothing if it has got later ones. The group must exist. */
  raiseGroupId(key: Slice, group: Slice, id: StreamId): void;
  /** XGROUP DESTROY, with all its consumers and what is pending. False if there was none. */
  destroyGroup(key: Slice, group: Slice): boolean;

  // --- consumers

  /**
   * XGROUP CREATECONSUMER. The group must exist. False if the consumer does: nothing is done. Without times it was seen now,
   * and has got nothing.
   */
  createConsumer(key: Slice, group: Slice, consumer: Slice, seenMs?: UnixMs, activeMs?: UnixMs): boolean;
  /** XGROUP DELCONSUMER, with what is pending for it: how much. */
  deleteConsumer(key: Slice, group: Slice, consumer: Slice): number;
  hasConsumer(key: Slice, group: Slice, consumer: Slice): boolean;
  /** By name. */
  consumers(key: Slice, group: Slice): ConsumerStatus[];
  /** The consumer has asked for something: for its idle time, here alone. What it gets is noted everywhere. */
  noteSeen(key: Slice, group: Slice, consumer: Slice): void;

  // --- what groups get

  /** Whether there is anything that the group has not got. */
  hasNew(key: Slice, group: Slice): boolean;
  /** Whether the group has yet to get an entry of that id: also one that arrived late. */
  isNew(key: Slice, group: Slice, id: StreamId): boolean;
  /**
   * XREADGROUP with `>`: visits what the group has not got yet, in the order of ids, `count` entries at most; then notes
   * that they are delivered, and pending for the consumer unless `noAck` says so. Makes the consumer if there is none, also
   * where there is nothing new, as Redis does from 7.2 on. How many entries. The group must exist.
   */
  readNew(
    key: Slice,
    group: Slice,
    consumer: Slice,
    count: number,
    noAck: boolean,
    visit: (entry: StreamEntry) => void,
  ): number;
  /** What is pending in the group, or (not null) for that consumer, with ids from `least` to `greatest`, upward. */
  forEachPending(
    key: Slice,
    group: Slice,
    consumer: Slice | null,
    least: StreamId,
    greatest: StreamId,
    visit: (pending: PendingEntry) => boolean | undefined,
  ): void;
  /** XPENDING without a range. */
  pendingSummary(key: Slice, group: Slice): PendingSummary;
  /**
   * The entry with that id is pending for that consumer from now on, whoever had it, or nobody: XCLAIM, XAUTOCLAIM, and the
   * repeated delivery of what is pending. Makes the consumer if there is none. The group must exist.
   */
  claim(key: Slice, group: Slice, consumer: Slice, id: StreamId, deliveredMs: UnixMs, deliveries: number): void;
  /** XACK: how many pending entries had that id. Also of what is in the stream no more. */
  acknowledge(key: Slice, group: Slice, id: StreamId): number;
}
