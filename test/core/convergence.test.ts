/**
 * The laws that everything rests on, for all types at once: whatever causal order of delivery and whatever
 * duplication, the same txns give the same state; and merging states agrees with delivering the txns.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, syncAll } from './cluster.ts';
import { perform, steps } from './operations.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 400);

function agree(replicas: readonly Replica[]): void {
  const [first, ...others] = replicas;
  for (const other of others) {
    assert.equal(other.engine.vector(), first.engine.vector());
    assert.equal(contents(other.db), contents(first.db));
    assert.equal(other.engine.digest(), first.engine.digest());
  }
}

function exportAll(engine: Engine): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let cursor = 0;
  do {
    const page = engine.exportState(cursor, 200);
    pages.push(page.bytes);
    cursor = page.next;
  } while (cursor !== 0);
  return pages;
}

test('any causal order of delivery and any duplication give the same state', () => {
  fc.assert(
    fc.property(steps(3, 60), fc.boolean(), (plan, twice) => {
      const replicas = [0, 1, 2].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      syncAll(replicas, twice);
      agree(replicas);
      assert.is(replicas[0].engine.statistics.waitingEnvelopes, 0);
    }),
    { numRuns: RUNS },
  );
});

test('a late replica that gets everything in another order agrees', () => {
  fc.assert(
    fc.property(steps(3, 60), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      syncAll(replicas);
      const late = makeReplica(3);
      late.engine.setNow(replicas[0].engine.now);
      for (const replica of [...replicas].reverse())
        for (const envelope of [...replica.sealed].reverse()) late.engine.receive(envelope.bytes);
      agree([replicas[0], late]);
    }),
    { numRuns: RUNS },
  );
});

test('merging two states agrees with delivering the txns', () => {
  fc.assert(
    fc.property(steps(3, 50), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      const [a, b, c] = replicas;
      for (const { engine } of replicas) engine.seal();
      a.engine.importState(exportAll(b.engine));
      b.engine.importState(exportAll(c.engine));
      c.engine.importState(exportAll(a.engine));
      a.engine.importState(exportAll(c.engine));
      b.engine.importState(exportAll(a.engine));
      agree(replicas);
      const byTxns = makeReplica(4);
      byTxns.engine.setNow(a.engine.now);
      for (let round = 0; round < 3; round++)
        for (const { sealed } of replicas) for (const envelope of sealed) byTxns.engine.receive(envelope.bytes);
      agree([a, byTxns]);
    }),
    { numRuns: RUNS },
  );
});

test('the digest follows the state: removing everything brings it back to that of an empty database', () => {
  fc.assert(
    fc.property(steps(2, 60), (plan) => {
      const replicas = [0, 1].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      syncAll(replicas);
      const [a] = replicas;
      a.engine.begin();
      a.db.clear();
      a.engine.commit();
      assert.is(a.db.size, 0);
      assert.is(a.engine.digest(), makeReplica(5).engine.digest());
    }),
    { numRuns: RUNS },
  );
});

test('records drained to a store and loaded again give the same state', () => {
  fc.assert(
    fc.property(steps(2, 60), (plan) => {
      const replicas = [0, 1].map(makeReplica);
      const disk = new Map<string, [Uint8Array, Uint8Array]>();
      const [a] = replicas;
      const drain = () => {
        while (
          a.engine.drainDirty(3, ({ key, value }) => {
            const name = Buffer.from(key).toString('hex');
            if (value.length === 0) disk.delete(name);
            else disk.set(name, [key, value]);
          }) > 0
        );
      };
      plan.forEach((step, i) => {
        perform(replicas, step);
        if (i % 7 === 0) drain();
      });
      syncAll(replicas);
      while (a.engine.dirtyCount > 0) drain();
      const again = makeReplica(6);
      again.engine.setNow(a.engine.now);
      again.engine.loadVector(a.engine.replicaTable(), a.engine.vector());
      for (const [, [key, value]] of [...disk].sort()) again.engine.loadRecord(key, value);
      assert.equal(contents(again.db), contents(a.db));
      assert.is(again.engine.digest(), a.engine.digest());
    }),
    { numRuns: RUNS },
  );
});

test.run();
