/**
 * Engines to fuzz against: a receiver with some data, what it must be like after it has refused something, and what any
 * engine must be able to do, whatever it has taken.
 */
import assert from 'node:assert/strict';
import { createEngine, Decimal, type Engine, NO_DEADLINE, STREAM_ID_MAX, STREAM_ID_MIN } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, START_MS, s, syncAll, txn } from '../core/cluster.ts';

const EVERYTHING = Number.POSITIVE_INFINITY;
const PAGE_BYTES = 1000;
/** As in production: txns from further ahead wait. */
const CLOCK_SKEW_MS = 30_000;

export interface History {
  /** Envelopes that a receiver has applied already. */
  readonly before: readonly Buffer[];
  /** Envelopes that it has not, each of which rests on what came before it. */
  readonly after: readonly Buffer[];
}

/** Two authors that know of each other, and effects of every kind. */
export function makeHistory(): History {
  const [a, b] = [0, 1].map(makeReplica);
  txn(b, (db) => {
    db.strings.addInteger(s('counter'), 7);
    db.hashes.addInteger(s('hash'), s('n'), -5);
    db.hashes.set(s('hash'), s('f'), s('v'), START_MS + 5000);
    db.strings.write(s('old'), s('v'), START_MS + 3);
    db.sets.add(s('set'), s('here'));
    db.zsets.assign(s('zset'), s('here'), -1.5);
    db.zsets.addScore(s('zset'), s('n'), 7);
    for (const value of ['here', 'there']) db.lists.push(s('list'), 'tail', s(value));
    for (const seq of [1, 2, 3]) db.streams.add(s('stream'), { ms: 5, seq }, [s('f'), s('v')], 0, 2);
    db.streams.createGroup(s('stream'), s('g'), STREAM_ID_MIN, 0);
  });
  txn(a, (db) => db.strings.write(s('both'), s('of a'), NO_DEADLINE));
  txn(b, (db) => db.sets.add(s('both'), s('of b')));
  syncAll([a, b]);
  const before = [...a.sealed, ...b.sealed].map(({ bytes }) => Buffer.from(bytes));
  const counts = [a.sealed.length, b.sealed.length];
  writeEverything(a);
  a.engine.seal();
  b.engine.receive(a.sealed[a.sealed.length - 1].bytes);
  txn(b, (db) => {
    db.strings.addInteger(s('counter'), -1);
    db.remove(s('hash'));
    db.remove(s('zset'));
    db.lists.assign(s('list'), 1, s('of b'));
    db.streams.setGroupId(s('stream'), s('g'), STREAM_ID_MIN, null);
    db.streams.destroyGroup(s('stream'), s('h'));
    db.hashes.set(s('late'), s('f'), s('0123456789'.repeat(12)), NO_DEADLINE);
  });
  b.engine.seal();
  const after = [...a.sealed.slice(counts[0]), ...b.sealed.slice(counts[1])].map(({ bytes }) => Buffer.from(bytes));
  return { before, after };
}

function writeEverything(a: Replica): void {
  const rest = new Decimal(25n, 2);
  txn(a, (db) => {
    db.strings.addInteger(s('counter'), 2n ** 60n);
    db.strings.addDecimal(s('float'), rest);
    db.strings.addDecimal(s('float'), rest);
    db.strings.write(s('counter'), s('1'), START_MS + 9000);
    db.hashes.addInteger(s('hash'), s('n'), 3);
    db.hashes.addDecimal(s('hash'), s('n'), rest);
    db.hashes.expireAt(s('hash'), s('n'), START_MS + 700);
    db.hashes.persist(s('hash'), s('f'));
    db.hashes.remove(s('hash'), s('f'));
    db.expireAt(s('hash'), START_MS + 800);
    db.sets.add(s('set'), s('m'));
    db.sets.remove(s('set'), s('m'));
    db.sets.add(s('set'), s('other'));
    db.zsets.assign(s('zset'), s('m'), Number.POSITIVE_INFINITY);
    db.zsets.addScore(s('zset'), s('n'), 0.25);
    db.zsets.assign(s('zset'), s('n'), 1e21);
    db.zsets.addScore(s('zset'), s('here'), 2);
    db.zsets.remove(s('zset'), s('m'));
    db.lists.push(s('list'), 'head', s('first'));
    db.lists.insert(s('list'), 1, 'after', s('within'));
    db.lists.insert(s('list'), 2, 'before', s('beside'));
    db.lists.assign(s('list'), 0, s('again'));
    db.lists.removeRange(s('list'), 4, 1);
    db.streams.readNew(s('stream'), s('g'), s('c'), 2, false, () => {});
    db.streams.claim(s('stream'), s('g'), s('d'), { ms: 5, seq: 2 }, START_MS, 3);
    db.streams.acknowledge(s('stream'), s('g'), { ms: 5, seq: 1 });
    db.streams.createGroup(s('stream'), s('h'), { ms: 5, seq: 3 }, null);
    db.streams.createConsumer(s('stream'), s('h'), s('c'));
    db.streams.add(s('stream'), STREAM_ID_MAX, [s('f'), s('v'), s('g'), s('')], 0, 4);
    db.streams.remove(s('stream'), { ms: 5, seq: 3 });
    db.streams.trimToLength(s('stream'), 2);
    db.streams.setId(s('stream'), STREAM_ID_MAX, 9, null);
    db.remove(s('float'));
  });
  txn(a, () => {
    const [, second] = a.engine.databases;
    second.strings.write(s('k'), s('v'), NO_DEADLINE);
    second.clear();
  });
}

/** A third node that has applied `before`. */
export function makeReceiver({ before }: History): Engine {
  const { engine } = makeReplica(5);
  engine.clockSkewMaxMs = CLOCK_SKEW_MS;
  for (const bytes of before) assert.equal(engine.receive(bytes).kind, 'applied');
  engine.setStability('alone', 0);
  engine.setStability([], 0);
  return engine;
}

/** A receiver that is made anew only once an input has changed it. */
export class Receiver {
  private readonly history: History;
  private current: Engine;
  private state: string;

  constructor(history: History) {
    this.history = history;
    this.current = makeReceiver(history);
    this.state = stateOf(this.current);
  }

  get engine(): Engine {
    return this.current;
  }

  /** What came before is forgotten. */
  renew(): void {
    this.current = makeReceiver(this.history);
    this.state = stateOf(this.current);
  }

  /** After a refusal. */
  assertUnchanged(): void {
    assert.equal(stateOf(this.current), this.state, 'a refused input has changed the engine');
  }
}

/** Its data, its vector, and the replicas that it knows. */
function stateOf(engine: Engine): string {
  return JSON.stringify([engine.digest(), engine.vector(), engine.replicaTable()]);
}

/** Everything can be read, sent, stored and taken up again, and means the same elsewhere; time may pass, and work go on. */
export function assertSound(engine: Engine): void {
  for (const db of engine.databases) contents(db);
  assertSameElsewhere(engine);
  assertStorable(engine);
  for (const key of ['counter', 'hash', 'set', 'both']) engine.inspect(0, s(key));
  engine.setNow(engine.now + 100_000);
  engine.setStability('alone', 0);
  engine.collect(1000);
  assertSameElsewhere(engine);
  engine.begin();
  for (const db of engine.databases) if (db.size > 0) db.clear();
  engine.commit();
  for (const db of engine.databases) contents(db);
  assertSameElsewhere(engine);
}

function assertSameElsewhere(engine: Engine): void {
  const copy = createEngine({ replica: 'cccccccccccccccc', hashSeed: 99 });
  copy.setNow(engine.now);
  copy.importState(pagesOf(engine));
  assert.equal(copy.digest(), engine.digest(), 'a node that took over the state holds other data');
  assert.deepEqual(copy.vector(), engine.vector());
}

/** All of the state, in pages as a transfer sends them. */
export function pagesOf(engine: Engine): Buffer[] {
  engine.seal();
  const pages: Buffer[] = [];
  for (let cursor = 0; ; ) {
    const { bytes, next } = engine.exportState(cursor, PAGE_BYTES);
    pages.push(Buffer.from(bytes));
    if (next === 0) return pages;
    cursor = next;
  }
}

/** As the store keeps them: sorted by their keys, deletions left out. */
export function recordsOf(engine: Engine): [key: Buffer, value: Buffer][] {
  const records = new Map<string, Buffer>();
  engine.drainDirty(EVERYTHING, ({ key, value }) => {
    records.set(Buffer.from(key).toString('latin1'), Buffer.from(value));
  });
  return [...records]
    .filter(([, value]) => value.length > 0)
    .map(([key, value]): [Buffer, Buffer] => [Buffer.from(key, 'latin1'), value])
    .sort(([a], [b]) => Buffer.compare(a, b));
}

function assertStorable(engine: Engine): void {
  const loaded = createEngine({ replica: 'dddddddddddddddd', hashSeed: 3 });
  loaded.setNow(engine.now);
  loaded.loadVector(engine.replicaTable(), engine.vector());
  for (const [key, value] of recordsOf(engine)) loaded.loadRecord(key, value);
  assert.equal(loaded.digest(), engine.digest(), 'a node that read the records back holds other data');
}
