/**
 * How many entries of a stream a group has read, and how many it has before it: entries-read and lag of XINFO. As in
 * Redis 7, whose clients know what to make of it: counted where one can count, else worked out from the ends of the stream,
 * and null where removals within leave it unknown.
 */
import type { StreamId, StreamStatus } from '../contract-streams.ts';
import { compareStreamIds, STREAM_ID_MIN } from './stream-id.ts';

/** After the entry of that id was read, behind all that was read before; `entriesRead` before it. */
export function readWith(stream: StreamStatus, id: StreamId, entriesRead: number | null): number | null {
  if (entriesRead !== null && !hasRemovalsBehind(stream, id)) return entriesRead + 1;
  return stream.entriesAdded > 0 ? distanceTo(stream, id) : entriesRead;
}

export function lagOf(stream: StreamStatus, lastDelivered: StreamId, entriesRead: number | null): number | null {
  const { entriesAdded } = stream;
  if (entriesAdded === 0) return 0;
  if (entriesRead !== null && !hasRemovalsBehind(stream, lastDelivered)) return entriesAdded - entriesRead;
  const distance = distanceTo(stream, lastDelivered);
  return distance === null ? null : entriesAdded - distance;
}

/** How many entries there ever were up to that id; null: not known. */
export function distanceTo(stream: StreamStatus, id: StreamId): number | null {
  const { length, firstId, lastId, maxDeletedId, entriesAdded } = stream;
  if (entriesAdded === 0) return 0;
  const toLast = compareStreamIds(id, lastId);
  if (length === 0 && toLast <= 0) return entriesAdded;
  if (toLast === 0) return entriesAdded;
  if (toLast > 0) return null;
  const isWhole = isNone(maxDeletedId) || compareStreamIds(maxDeletedId, firstId) < 0;
  const toFirst = compareStreamIds(id, firstId);
  if (!isWhole || toFirst > 0) return null;
  return entriesAdded - length + (toFirst === 0 ? 1 : 0);
}

/** Entries were removed from within the stream behind that id, or at it. */
function hasRemovalsBehind({ length, firstId, maxDeletedId }: StreamStatus, id: StreamId): boolean {
  if (length === 0 || isNone(maxDeletedId) || compareStreamIds(firstId, maxDeletedId) > 0) return false;
  return compareStreamIds(id, maxDeletedId) <= 0;
}

function isNone(id: StreamId): boolean {
  return compareStreamIds(id, STREAM_ID_MIN) === 0;
}
