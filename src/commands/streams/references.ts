/**
 * What becomes of the groups' pending entries when an entry is removed from the stream (KEEPREF, DELREF and ACKED of
 * Redis 8.2). An entry that a group has yet to get counts as referred to by it: also one that has arrived late, behind ids
 * that the group has got.
 */
import type { Database, StreamId } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';

/** Leave them as they are; remove them as well; remove only what all groups have got and acknowledged. */
export type ReferencePolicy = 'keep' | 'remove' | 'acknowledged';

/** Undefined: no such option. */
export function referencePolicy(word: Slice): ReferencePolicy | undefined {
  if (word.isWord('keepref')) return 'keep';
  if (word.isWord('delref')) return 'remove';
  return word.isWord('acked') ? 'acknowledged' : undefined;
}

/** The names of the stream's groups: what may refer to its entries. */
export function groupsOf(db: Database, key: Slice): readonly Slice[] {
  return db.streams.groups(key).map(({ name }) => new Slice(name));
}

/** One of the groups has yet to get what has that id, or to acknowledge it. */
export function isReferredTo(db: Database, key: Slice, id: StreamId, groups: readonly Slice[]): boolean {
  return groups.some((group) => db.streams.isNew(key, group, id) || isPending(db, key, group, id));
}

export function isPending(db: Database, key: Slice, group: Slice, id: StreamId): boolean {
  let found = false;
  db.streams.forEachPending(key, group, null, id, id, () => {
    found = true;
    return false;
  });
  return found;
}

/** Removes what has that id, as the policy says. Not if it must stay. */
export function removeEntry(
  db: Database,
  key: Slice,
  id: StreamId,
  policy: ReferencePolicy,
  groups: readonly Slice[],
): boolean {
  if (policy === 'acknowledged' && isReferredTo(db, key, id, groups)) return false;
  db.streams.remove(key, id);
  if (policy === 'remove') for (const group of groups) db.streams.acknowledge(key, group, id);
  return true;
}
