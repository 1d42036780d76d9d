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

/** Some group has yet to get what has that id, or to acknowledge it. */
export function isReferredTo(db: Database, key: Slice, id: StreamId): boolean {
  const group = new Slice();
  return db.streams.groups(key).some(({ name }) => {
    group.set(name, 0, name.length);
    return db.streams.isNew(key, group, id) || isPending(db, key, group, id);
  });
}

export function isPending(db: Database, key: Slice, group: Slice, id: StreamId): boolean {
  let found = false;
  db.streams.forEachPending(key, group, null, id, id, () => {
    found = true;
    return false;
  });
  return found;
}

/** What has that id is pending in no group any more. */
export function acknowledgeEverywhere(db: Database, key: Slice, id: StreamId): void {
  const group = new Slice();
  for (const { name } of db.streams.groups(key)) db.streams.acknowledge(key, group.set(name, 0, name.length), id);
}

/** Removes what has that id, as the policy says. Not if it must stay. */
export function removeEntry(db: Database, key: Slice, id: StreamId, policy: ReferencePolicy): boolean {
  if (policy === 'acknowledged' && isReferredTo(db, key, id)) return false;
  db.streams.remove(key, id);
  if (policy === 'remove') acknowledgeEverywhere(db, key, id);
  return true;
}
