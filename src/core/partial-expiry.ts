/**
 * A key of which only some values have expired: those written before its time to live was set, while others, written
 * elsewhere at the same time, live on. What has expired is removed as an effect, value by value.
 */
import { cancelsOf, isLive } from './cell.ts';
import { KeyType, type UnixMs } from './contract.ts';
import type { DatabaseView } from './database.ts';
import { type Deadline, governs } from './deadlines.ts';
import type { Elements } from './elements.ts';
import { elementHideAt } from './key-deadlines.ts';
import { Slice } from './slice.ts';
import { Op } from './txn.ts';
import { addPairs } from './version.ts';

/** Removes the values under a key whose deadlines, of `list`, have all passed at `due`. True if there were any. */
export function removeExpiredValues(db: DatabaseView, key: Slice, list: readonly Deadline[], due: UnixMs): boolean {
  const { keyspace } = db;
  const { keys } = keyspace;
  const at = keys.table.find(key.bytes, key.start, key.end);
  const body = keyspace.bodies.bodyAt(at);
  if (body === undefined) return pruneString(db, key, at, keys, list, due);
  let removed = false;
  for (const part of [...body.parts]) {
    if (part.type === KeyType.string) {
      removed = pruneString(db, key, part.table.find(key.bytes, 0, 0), part, list, due) || removed;
    } else removed = removeElements(db, key, part, list, due) || removed;
  }
  return removed;
}

function removeElements(db: DatabaseView, key: Slice, part: Elements, list: readonly Deadline[], due: UnixMs): boolean {
  let removed = false;
  const name = new Slice();
  for (let at = part.table.positions - 1; at >= 0; at--) {
    // a removal may have shrunk the table
    if (at >= part.table.positions || !part.isShown(at) || elementHideAt(part, at, list) > due) continue;
    const element = Buffer.from(part.table.fillKey(part.table.referenceAt(at), name).view());
    name.set(element, 0, element.length);
    if (part.type === KeyType.hash) db.hashes.removeField(key, name, part, at);
    else if (part.type === KeyType.zset) db.zsets.removeMember(key, name, part, at);
    else if (part.type === KeyType.list) db.lists.removeElement(key, name, part, at);
    else if (part.type === KeyType.stream) db.streams.removeElement(key, name, part, at);
    else db.sets.removeMember(key, name);
    removed = true;
  }
  return removed;
}

function pruneString(
  db: DatabaseView,
  key: Slice,
  at: number,
  elements: Elements,
  list: readonly Deadline[],
  due: UnixMs,
): boolean {
  if (at < 0) return false;
  const cell = elements.cellAt(at);
  const expired = (replica: number, stamp: number) => {
    const governing = list.filter((each) => governs(each, replica, stamp));
    return governing.length > 0 && governing.every((each) => each.deadline <= due);
  };
  // not cancelled tallies: they show nothing, and would be here again after the removal
  const dots = [...cell.siblings, ...cell.tallies.filter(isLive)].filter((dot) => expired(dot.replica, dot.stamp));
  if (dots.length === 0) return false;
  const pairs: number[] = [];
  for (const dot of dots) addPairs(pairs, [dot.replica, dot.stamp]);
  const cancels = cancelsOf(cell).filter((cancel) => expired(cancel.replica, cancel.stamp));
  const writer = db.txn.begin();
  writer.op(Op.stringPrune, db.index, key, cancels);
  writer.dots(pairs);
  db.keyspace.stringPrune(key, pairs, cancels);
  return true;
}
