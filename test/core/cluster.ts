/**
 * A few engines in one process, for tests of the core: explicit delivery of envelopes, a shared wall clock, no I/O.
 */
import * as assert from 'uvu/assert';
import { createEngine, type Database, type Engine, type Envelope, Slice } from '../../src/core/index.ts';
import { streamOf } from './streams.ts';

export const START_MS = Date.UTC(2026, 0, 1);

export interface Replica {
  engine: Engine;
  db: Database;
  /** Everything this replica ever sealed itself, in order. */
  sealed: Envelope[];
}

export function makeReplica(number: number): Replica {
  const engine = createEngine({
    ...{ replica: (number + 1).toString(16).padStart(16, 'a'), hashSeed: 7 * number + 1 },
    // every other one folds all that it can, whenever it can
    unfoldedMax: number % 2 === 0 ? undefined : 0,
  });
  const sealed: Envelope[] = [];
  engine.setNow(START_MS);
  // nobody is alone here: cancelled counters stay until a test says that they are stable
  engine.setStability([], 0);
  engine.onEnvelope((envelope, local) => {
    if (local) sealed.push(envelope);
  });
  return { engine, db: engine.databases[0], sealed };
}

/** Runs `work` as one txn. */
export function txn<T>(replica: Replica, work: (db: Database) => T): T {
  replica.engine.begin();
  try {
    return work(replica.db);
  } finally {
    replica.engine.commit();
  }
}

/** Gives every replica every envelope, twice where `twice` says so. */
export function syncAll(replicas: readonly Replica[], twice = false): void {
  for (const { engine } of replicas) engine.seal();
  for (const from of replicas) {
    for (const to of replicas) {
      if (from === to) continue;
      for (const envelope of from.sealed) {
        to.engine.receive(envelope.bytes);
        if (twice) to.engine.receive(envelope.bytes);
      }
    }
  }
}

const out = new Slice();

export function get(db: Database, key: string): string | null {
  return db.strings.read(Slice.of(key), out) === 1 ? out.latin1() : null;
}

export function s(text: string): Slice {
  return Slice.of(text);
}

/** Everything visible, as plain values. */
export function contents(db: Database): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  db.forEachKey((key, type) => {
    const name = key.latin1();
    const owned = Slice.of(name);
    if (type === 1) all[name] = get(db, name);
    if (type === 2) {
      const fields: [string, string][] = [];
      db.hashes.forEach(owned, (field, value) => fields.push([field.latin1(), value.latin1()]));
      all[name] = Object.fromEntries(fields.sort());
    }
    if (type === 3) {
      const members: string[] = [];
      db.sets.forEach(owned, (member) => members.push(member.latin1()));
      all[name] = members.sort();
    }
    if (type === 4) all[name] = elementsOf(db, name);
    if (type === 5) all[name] = scoresOf(db, name);
    if (type === 6) all[name] = streamOf(db, name);
  });
  return Object.fromEntries(Object.entries(all).sort());
}

/** The elements of a list; every way of reading them must give the same. */
export function elementsOf(db: Database, key: string): string[] {
  const elements: string[] = [];
  const backward: string[] = [];
  db.lists.range(s(key), 0, Number.POSITIVE_INFINITY, 1, (value) => {
    elements.push(value.latin1());
  });
  db.lists.range(s(key), elements.length - 1, Number.POSITIVE_INFINITY, -1, (value) => {
    backward.unshift(value.latin1());
  });
  const single = elements.map((_, index) => (db.lists.at(s(key), index, out) ? out.latin1() : null));
  assert.equal(backward, elements);
  assert.equal(single, elements);
  assert.is(db.lists.size(s(key)), elements.length);
  return elements;
}

/** Members and scores of a sorted set in their order, which must be that of an array that is sorted now. */
export function scoresOf(db: Database, key: string): [string, number][] {
  const ranked: [string, number][] = [];
  const sorted: [string, number][] = [];
  db.zsets.range(s(key), 0, Number.POSITIVE_INFINITY, 1, (member, score) => ranked.push([member.latin1(), score]));
  db.zsets.forEach(s(key), (member, score) => sorted.push([member.latin1(), score]));
  sorted.sort(([one, oneScore], [other, otherScore]) => {
    if (oneScore !== otherScore) return oneScore - otherScore;
    return one < other ? -1 : 1;
  });
  assert.equal(ranked, sorted);
  return ranked;
}
