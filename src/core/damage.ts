/**
 * Damage made on purpose, for tests of the self-check: one byte of what stands in memory under a key is changed behind
 * the engine's back, as a failing memory chip or a stray write would.
 */
import type { ByteTable } from './byte-table.ts';
import type { Keyspace } from './keyspace.ts';
import type { Slice } from './slice.ts';
import { FLAG_DIRTY } from './state.ts';

export interface Flip {
  /** Which byte of all those under the key: names, values, times to live. Counts round. */
  readonly place: number;
  /** The bits that change: 1 to 255. */
  readonly mask: number;
  /** Only under a key of which the store has all as it is now, so that the damage is in memory alone. */
  readonly storedOnly?: boolean;
}

interface Run {
  readonly bytes: Buffer;
  readonly start: number;
  readonly length: number;
}

/** False if there is nothing to flip. */
export function flipByte(keyspace: Keyspace, key: Slice, { place, mask, storedOnly = false }: Flip): boolean {
  const runs: Run[] = [];
  let isDirty = false;
  const take = (table: ByteTable, at: number) => {
    const reference = table.referenceAt(at);
    if (reference === 0) return;
    if ((table.flags(reference) & FLAG_DIRTY) !== 0) isDirty = true;
    const length = table.keyLength(reference) + table.payloadLength(reference);
    runs.push({ bytes: table.bufferOf(reference), start: table.keyStart(reference), length });
  };
  const takeAll = (table: ByteTable) => {
    for (let at = 0; at < table.positions; at++) take(table, at);
  };
  const { table } = keyspace.keys;
  const at = table.find(key.bytes, key.start, key.end);
  if (at < 0) return false;
  const block = storedOnly ? undefined : keyspace.bodies.foldedBlock(at);
  const body = block === undefined ? keyspace.bodies.bodyAt(at) : undefined;
  if (block !== undefined) runs.push({ bytes: block.bytes, start: block.start, length: block.end - block.start });
  take(table, at);
  for (const part of body?.parts ?? []) takeAll(part.table);
  if (body?.fieldDeadlines) takeAll(body.fieldDeadlines.table);
  const deadlines = keyspace.expiry.deadlines.table;
  const deadlinesAt = deadlines.find(key.bytes, key.start, key.end);
  if (deadlinesAt >= 0) take(deadlines, deadlinesAt);
  if (storedOnly && isDirty) return false;
  let left =
    place %
    Math.max(
      1,
      runs.reduce((sum, { length }) => sum + length, 0),
    );
  for (const { bytes, start, length } of runs) {
    if (left < length) {
      bytes[start + left] ^= mask;
      return true;
    }
    left -= length;
  }
  return false;
}
