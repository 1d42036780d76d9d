/**
 * What the store is told: whenever a drain is through, all that had changed when it began is on disk, whatever went on
 * meanwhile. So what is there, and the envelopes since then, are the whole state; and in the end nothing is there that is gone.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, KeyType, NO_DEADLINE, type VersionVector } from '../../src/core/index.ts';
import { makeReplica, type Replica, s, txn } from './cluster.ts';

type Step =
  | { step: 'grow' | 'shrink'; key: string; from: number; count: number; type: Type }
  | { step: 'set' | 'del' | 'read'; key: string }
  | { step: 'drain'; limit: number };

const TYPES = ['hash', 'set', 'zset', 'list'] as const;
type Type = (typeof TYPES)[number];

const key = fc.constantFrom('k', 'l', 'm');
/** Around the size up to which parts are told, and folded, as a whole. */
const count = fc.constantFrom(1, 2, 60, 128, 140);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constantFrom('grow' as const, 'grow' as const, 'shrink' as const),
      ...{ key, count, from: fc.constantFrom(0, 50, 100), type: fc.constantFrom(...TYPES) },
    }),
  },
  { weight: 3, arbitrary: fc.record({ step: fc.constantFrom('set' as const, 'del' as const, 'read' as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({ step: fc.constant('drain' as const), limit: fc.constantFrom(1, 1, 20, 1000) }),
  },
);

test('what is drained, and the envelopes since the drain began, give the whole state again', () => {
  for (const unfoldedMax of [0, 100, undefined]) {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const a = replicaWith(unfoldedMax);
        const disk = new Disk(a.engine);
        for (const each of steps) perform(a, each, disk);
        while (a.engine.dirtyCount > 0) disk.drain(100);
        disk.begin();
        disk.drain(1000);
        // with no envelope that could remove what is too much
        assert.is(disk.loaded().digest(), a.engine.digest());
      }),
      { numRuns: 150 },
    );
  }
});

test('what grows too large to be told as a whole, in the midst of a drain, is told by this drain', () => {
  const grow = (key: string, from: number, count: number): Step => ({ step: 'grow', key, from, count, type: 'set' });
  for (const [first, second] of [
    ['k', 'l'],
    ['l', 'k'],
  ]) {
    const a = replicaWith(undefined);
    const disk = new Disk(a.engine);
    for (const each of [grow(first, 0, 128), grow(second, 0, 128)]) perform(a, each, disk);
    for (const limit of [1, 1000]) {
      perform(a, { step: 'drain', limit }, disk);
      for (const each of [grow(first, 128, 1), grow(second, 128, 1)]) perform(a, each, disk);
    }
  }
});

/** The records of the drains that are through, and where the last of them began. */
class Disk {
  private readonly engine: Engine;
  private readonly records = new Map<string, [Uint8Array, Uint8Array]>();
  private vector: VersionVector;
  private next: VersionVector | null = null;

  constructor(engine: Engine) {
    this.engine = engine;
    this.vector = engine.vector();
  }

  begin(): void {
    this.next ??= this.engine.vector();
  }

  drain(limit: number): void {
    this.begin();
    const left = this.engine.drainDirty(limit, ({ key, value }) => {
      const name = Buffer.from(key).toString('hex');
      if (value.length === 0) this.records.delete(name);
      else this.records.set(name, [key, value]);
    });
    if (left > 0 || this.next === null) return;
    this.vector = this.next;
    this.next = null;
  }

  loaded(): Engine {
    const engine = createEngine({ replica: 'b'.repeat(16), hashSeed: 3 });
    engine.setNow(this.engine.now);
    engine.loadVector(this.engine.replicaTable(), this.vector);
    for (const [, [key, value]] of [...this.records].sort()) engine.loadRecord(key, value);
    return engine;
  }

  recovered({ sealed }: Replica): Engine {
    const engine = this.loaded();
    for (const { bytes } of sealed) engine.receive(bytes);
    return engine;
  }
}

function replicaWith(unfoldedMax: number | undefined): Replica {
  const replica = makeReplica(0);
  if (unfoldedMax === undefined) return replica;
  const { now } = replica.engine;
  const engine = createEngine({ replica: 'a'.repeat(16), hashSeed: 7, unfoldedMax });
  const sealed: Replica['sealed'] = [];
  engine.setNow(now);
  engine.setStability([], 0);
  engine.onEnvelope((envelope) => sealed.push(envelope));
  return { engine, db: engine.databases[0], sealed };
}

function perform(replica: Replica, each: Step, disk: Disk): void {
  if (each.step === 'drain') {
    // the vector of a checkpoint is taken between envelopes
    replica.engine.seal();
    disk.drain(each.limit);
    assert.is(disk.recovered(replica).digest(), replica.engine.digest());
    return;
  }
  txn(replica, (db) => {
    const name = s(each.key);
    if (each.step === 'set') db.strings.write(name, s('value'), NO_DEADLINE);
    else if (each.step === 'del') db.remove(name);
    else if (each.step === 'grow' || each.step === 'shrink') change(replica, each);
    else db.typeOf(name);
  });
}

function change({ db }: Replica, { step, key, from, count, type }: Extract<Step, { step: 'grow' | 'shrink' }>): void {
  const name = s(key);
  const there = db.typeOf(name);
  if (there !== KeyType.none && there !== KeyType[type]) return;
  for (let i = from; i < from + count; i++) {
    const element = s(`element ${i}`);
    if (step === 'shrink') {
      if (type === 'hash') db.hashes.remove(name, element);
      if (type === 'set') db.sets.remove(name, element);
      if (type === 'zset') db.zsets.remove(name, element);
      if (type === 'list') db.lists.removeRange(name, i % 2 === 0 ? 0 : db.lists.size(name) - 1, 1);
    } else {
      if (type === 'hash') db.hashes.set(name, element, s('value'), NO_DEADLINE);
      if (type === 'set') db.sets.add(name, element);
      if (type === 'zset') db.zsets.assign(name, element, i);
      if (type === 'list') db.lists.push(name, i % 2 === 0 ? 'head' : 'tail', element);
    }
  }
}

test.run();
