/**
 * What CRDT CONFLICTS tells: concurrent writes that a key, or a field, could not both show. Noted when the second of
 * them arrives; nothing depends on it.
 */
import type { Cell } from './cell.ts';
import { KeyType } from './contract.ts';
import type { Elements } from './elements.ts';

/** Several values were written at the same time: the latest shows. */
export function noteValueConflict(elements: Elements, reference: number, cell: Cell): void {
  const { state, table } = elements;
  // concurrent adds of one member agree, and what is written at the same time to one element of a stream is joined
  if (elements.type === KeyType.set || elements.type === KeyType.stream) return;
  const [first, ...others] = cell.siblings;
  const agreeing = elements.type === KeyType.zset || elements.type === KeyType.list;
  if (agreeing && others.every(({ value }) => value.equals(first.value))) return;
  const start = table.keyStart(reference);
  const name = Buffer.from(table.bufferOf(reference).subarray(start, start + table.keyLength(reference)));
  const { replicas } = state;
  const latestFirst = [...cell.siblings].sort((a, b) =>
    replicas.later(a.stamp, a.replica, b.stamp, b.replica) ? -1 : 1,
  );
  const [winner, ...losers] = latestFirst.map(({ replica, stamp, value }) => ({
    replica: replicas.ids[replica],
    stamp,
    value,
  }));
  state.noteConflict({
    atMs: state.now,
    database: elements.database,
    key: elements.key ?? name,
    field: elements.key === null || elements.type === KeyType.string || elements.type === KeyType.list ? null : name,
    kind: 'value',
    winner,
    losers,
  });
}
