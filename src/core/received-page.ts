/**
 * A page of somebody's state, as it came: checked to its last record before anything of it is used. Its records are read
 * again for each use, since all of them at once would fill the heap. They name replicas by their place in the page's own
 * list, which are looked up in our table when the page is merged, and not before: of what is refused nothing stays.
 */
import { ByteReader, MalformedError } from './bytes.ts';
import type { Cell } from './cell.ts';
import type { ReplicaId, Retirement, Stamp, VersionVector } from './contract.ts';
import { type Deadline, readDeadlines } from './deadlines.ts';
import { forEachRecord, openPage, type PageFields, replicasOf, vectorOf } from './page.ts';
import { type RecordName, type Records, readRecordCell } from './records.ts';
import { unpackRetirements } from './retirement.ts';
import { RECORD_KEY_DEADLINES } from './state.ts';

export interface ReceivedPage {
  readonly fields: PageFields;
  readonly vector: VersionVector;
  readonly retirements: readonly Retirement[];
  /** Its replicas; records name them by place. */
  readonly ids: readonly ReplicaId[];
  /** By that place, the latest stamp that any record holds. */
  readonly latest: readonly Stamp[];
  readonly hasDeadlines: boolean;
}

/** One of the two is null. */
export interface PageRecord {
  readonly name: Buffer;
  readonly cell: Cell | null;
  readonly deadlines: Deadline[] | null;
}

/** Throws MalformedError. */
export function checkPage(bytes: Uint8Array, records: Records): ReceivedPage {
  const fields = openPage(bytes);
  const ids = replicasOf(fields);
  const places = ids.map((_, place) => place);
  const latest = new Array<Stamp>(ids.length).fill(0);
  let hasDeadlines = false;
  forEachRecord(fields, (name, value) => {
    const { cell, deadlines } = readRecord(name, value, records.parseName(name), places);
    for (const list of [cell?.siblings, cell?.tallies, deadlines]) {
      for (const { replica, stamp } of list ?? []) latest[replica] = Math.max(latest[replica], stamp);
    }
    hasDeadlines ||= deadlines !== null;
  });
  const { f } = fields;
  return { fields, vector: vectorOf(fields), retirements: unpackRetirements(f), ids, latest, hasDeadlines };
}

/** `indexes`: what stands in our table for the replicas that the record names; undefined where it is ours. Throws MalformedError. */
export function readRecord(name: Buffer, value: Buffer, parsed: RecordName, indexes?: readonly number[]): PageRecord {
  const reader = new ByteReader(value);
  const record = isDeadlines(parsed)
    ? { name, cell: null, deadlines: readDeadlines(reader, indexes) }
    : { name, cell: readRecordCell(reader, parsed, indexes), deadlines: null };
  if (!reader.done) throw new MalformedError('bytes after the end of a record');
  return record;
}

export function isDeadlines({ kind }: RecordName): boolean {
  return kind >= RECORD_KEY_DEADLINES;
}
