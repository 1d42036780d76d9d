/**
 * COPY, RENAME, MOVE and SWAPDB: what is visible under a key, taken out as plain values and written anew elsewhere.
 * The copy is a write like any other: additions to a counter that are under way elsewhere stay with the old key. Elements
 * of a list take their positions along, and entries of a stream their authors, so that two nodes that copy one list or stream
 * to one place make one copy of it.
 */
import { KeyType, NO_DEADLINE } from './contract.ts';
import type { DatabaseView } from './database.ts';
import { Slice } from './slice.ts';

/** Owned copy of what is visible under a key. */
interface KeySnapshot {
  readonly type: KeyType;
  value: Buffer;
  /** `score`: of a member of a sorted set. */
  readonly elements: { name: Buffer; value: Buffer; deadline: number; score: number }[];
  readonly deadline: number;
}

const EMPTY = Buffer.alloc(0);

/** Writes what is visible under a key under another, replacing what is there. Nothing if the key is absent. */
export function copyKey(from: DatabaseView, key: Slice, to: DatabaseView, newKey: Slice): void {
  const snapshot = snapshotOf(from, key);
  if (snapshot !== null) write(to, newKey, snapshot);
}

/** Exchanges all that is visible in two databases. */
export function swapDatabases(one: DatabaseView, other: DatabaseView): void {
  const ones = snapshotAll(one);
  const others = snapshotAll(other);
  one.clear();
  other.clear();
  const key = new Slice();
  for (const [name, snapshot] of ones) write(other, key.set(name, 0, name.length), snapshot);
  for (const [name, snapshot] of others) write(one, key.set(name, 0, name.length), snapshot);
}

function snapshotOf(db: DatabaseView, key: Slice): KeySnapshot | null {
  const type = db.typeOf(key);
  if (type === KeyType.none) return null;
  const snapshot: KeySnapshot = { type, value: EMPTY, elements: [], deadline: db.deadlineOf(key) };
  if (type === KeyType.string) {
    const value = new Slice();
    db.strings.read(key, value);
    snapshot.value = value.copy();
  } else if (type === KeyType.hash) {
    db.hashes.forEach(key, (field, value) => {
      const deadline = db.hashes.deadlineOf(key, field);
      snapshot.elements.push({ name: field.copy(), value: value.copy(), deadline, score: 0 });
    });
  } else if (type === KeyType.zset) {
    db.zsets.forEach(key, (member, score) => {
      snapshot.elements.push({ name: member.copy(), value: EMPTY, deadline: NO_DEADLINE, score });
    });
  } else if (type === KeyType.list) {
    db.lists.forEach(key, (position, value) => {
      snapshot.elements.push({ name: position.copy(), value: value.copy(), deadline: NO_DEADLINE, score: 0 });
    });
  } else if (type === KeyType.stream) {
    db.streams.forEachElement(key, (name, value) => {
      snapshot.elements.push({ name: name.copy(), value: value.copy(), deadline: NO_DEADLINE, score: 0 });
    });
  } else {
    db.sets.forEach(key, (member) => {
      snapshot.elements.push({ name: member.copy(), value: EMPTY, deadline: NO_DEADLINE, score: 0 });
    });
  }
  return snapshot;
}

function snapshotAll(db: DatabaseView): [Buffer, KeySnapshot][] {
  const names: Buffer[] = [];
  db.forEachKey((key) => names.push(key.copy()));
  const all: [Buffer, KeySnapshot][] = [];
  const key = new Slice();
  for (const name of names) {
    const snapshot = snapshotOf(db, key.set(name, 0, name.length));
    if (snapshot !== null) all.push([name, snapshot]);
  }
  return all;
}

function write(db: DatabaseView, key: Slice, snapshot: KeySnapshot): void {
  db.remove(key);
  const name = new Slice();
  const value = new Slice();
  if (snapshot.type === KeyType.string) {
    db.strings.write(key, value.set(snapshot.value, 0, snapshot.value.length), NO_DEADLINE);
  }
  for (const element of snapshot.elements) {
    name.set(element.name, 0, element.name.length);
    if (snapshot.type === KeyType.set) db.sets.add(key, name);
    else if (snapshot.type === KeyType.zset) db.zsets.assign(key, name, element.score);
    else if (snapshot.type === KeyType.list) db.lists.put(key, name, value.set(element.value, 0, element.value.length));
    else if (snapshot.type === KeyType.stream)
      db.streams.put(key, name, value.set(element.value, 0, element.value.length));
    else db.hashes.set(key, name, value.set(element.value, 0, element.value.length), element.deadline);
  }
  if (snapshot.deadline >= 0) db.expireAt(key, snapshot.deadline);
}
