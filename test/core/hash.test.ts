/** Hashes: fields add-wins, each a register or counter with a time to live of its own; what was not seen is not removed. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);

function set(replica: Replica, field: string, value: string): boolean {
  return txn(replica, (db) => db.hashes.set(s('h'), s(field), s(value), NO_DEADLINE));
}

function add(replica: Replica, field: string, delta: number): unknown {
  return txn(replica, (db) => db.hashes.addInteger(s('h'), s(field), delta));
}

function removeField(replica: Replica, field: string): boolean {
  return txn(replica, (db) => db.hashes.remove(s('h'), s(field)));
}

function removeKey(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(s('h')));
}

function expire(replica: Replica, field: string, afterMs: number): void {
  txn(replica, (db) => db.hashes.expireAt(s('h'), s(field), replica.engine.now + afterMs));
}

function lifetime(replica: Replica, field: string): number {
  const deadline = replica.db.hashes.deadlineOf(s('h'), s(field));
  return deadline < 0 ? deadline : deadline - replica.engine.now;
}

test('concurrent writes of two fields both stay', () => {
  const [a, b] = sharing(2);
  set(a, 'f', '1');
  set(b, 'g', '2');
  assert.equal(settle([a, b]), { h: { f: '1', g: '2' } });
});

test('of concurrent writes of one field the latest shows', () => {
  const [a, b] = sharing(2);
  set(b, 'f', 'early');
  tick([a, b], 5);
  set(a, 'f', 'late');
  assert.equal(settle([a, b]), { h: { f: 'late' } });
});

test('a write wins over a concurrent removal of the field, however late the removal', () => {
  const [a, b] = sharing(2, (first) => set(first, 'f', 'old'));
  set(b, 'f', 'new');
  tick([a, b], 50);
  removeField(a, 'f');
  assert.equal(settle([a, b]), { h: { f: 'new' } });
});

test('DEL of the key takes the fields that it saw, not others', () => {
  const [a, b] = sharing(2, (first) => {
    set(first, 'f', '1');
    set(first, 'g', '2');
  });
  set(b, 'g', 'again');
  set(b, 'i', 'new');
  removeKey(a);
  assert.equal(settle([a, b]), { h: { g: 'again', i: 'new' } });
});

test('what was removed and arrives late, or twice, stays removed', () => {
  const [a, b, c] = sharing(3);
  set(a, 'f', '1');
  syncAll([a, b]);
  removeField(b, 'f');
  b.engine.seal();
  for (const { bytes } of b.sealed) c.engine.receive(bytes);
  assert.equal(contents(c.db), {});
  assert.equal(settle([a, b, c]), {});
  for (const { bytes } of a.sealed) assert.is(c.engine.receive(bytes).kind, 'duplicate');
  assert.is(c.db.size, 0);
});

test('increments of a field add up; a removal and a write cancel those that they saw', () => {
  const [a, b, c] = sharing(3, (first) => add(first, 'n', 10));
  add(a, 'n', 1);
  add(b, 'n', 2);
  removeField(c, 'n');
  assert.equal(settle([a, b, c]), { h: { n: '3' } });
  set(a, 'n', '100');
  add(b, 'n', 7);
  assert.equal(settle([a, b, c]), { h: { n: '107' } });
  removeKey(a);
  add(c, 'n', 5);
  assert.equal(settle([a, b, c]), { h: { n: '5' } });
});

test('of concurrent times to live of a field the longest counts', () => {
  const [a, b] = sharing(2, (first) => set(first, 'f', 'v'));
  expire(a, 'f', 100);
  expire(b, 'f', 200);
  settle([a, b]);
  assert.equal([lifetime(a, 'f'), lifetime(b, 'f')], [200, 200]);
  tick([a, b], 150);
  assert.equal(contents(a.db), { h: { f: 'v' } });
  tick([a, b], 50);
  assert.equal(contents(b.db), {});
});

test('HPERSIST wins over a concurrent time to live', () => {
  const [a, b] = sharing(2, (first) => {
    set(first, 'f', 'v');
    expire(first, 'f', 1000);
  });
  txn(a, (db) => db.hashes.persist(s('h'), s('f')));
  expire(b, 'f', 5000);
  settle([a, b]);
  assert.equal([lifetime(a, 'f'), lifetime(b, 'f')], [NO_DEADLINE, NO_DEADLINE]);
});

test('a write that did not see the time to live is not cut short by it', () => {
  const [a, b] = sharing(2, (first) => set(first, 'f', 'old'));
  expire(a, 'f', 100);
  tick([a, b], 5);
  set(b, 'f', 'new');
  settle([a, b]);
  tick([a, b], 100);
  assert.equal(settle([a, b]), { h: { f: 'new' } });
});

test('an increment keeps the time to live that it saw, and is not cut short by one that it did not see', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, 'n', 1);
    expire(first, 'n', 100);
  });
  add(b, 'n', 2);
  settle([a, b]);
  assert.is(lifetime(a, 'n'), 100);
  expire(a, 'n', 50);
  add(b, 'n', 4);
  settle([a, b]);
  assert.equal([lifetime(a, 'n'), lifetime(b, 'n')], [100, 100]);
});

test('a field that expired here, and got more time elsewhere in time, is not lost', () => {
  const [a, b] = sharing(2, (first) => {
    set(first, 'f', 'v');
    set(first, 'g', 'w');
    expire(first, 'f', 60);
  });
  expire(b, 'f', 10_000);
  tick([a, b], 100);
  for (const { engine } of [a, b]) engine.setStability([], engine.now - 50);
  a.engine.collect(100);
  assert.equal(contents(a.db), { h: { g: 'w' } });
  assert.equal(settle([a, b]), { h: { f: 'v', g: 'w' } });
});

test('a hash whose fields all expired here keeps the one that got more time elsewhere', () => {
  const [a, b] = sharing(2, (first) => {
    set(first, 'f', 'v');
    expire(first, 'f', 60);
  });
  expire(b, 'f', 10_000);
  tick([a, b], 100);
  for (const { engine } of [a, b]) engine.setStability([], engine.now - 50);
  assert.is(a.db.typeOf(s('h')), 0);
  a.engine.collect(100);
  a.engine.collect(100);
  assert.equal(settle([a, b]), { h: { f: 'v' } });
});

test('collection of fields leaves a key alone whose own time has come but may have been lengthened elsewhere', () => {
  const [a, b] = sharing(2, (first) => {
    set(first, 'f', 'v');
    set(first, 'g', 'w');
    expire(first, 'f', 20);
    txn(first, (db) => db.expireAt(s('h'), first.engine.now + 60));
  });
  txn(b, (db) => db.expireAt(s('h'), b.engine.now + 10_000));
  tick([a, b], 100);
  for (const { engine } of [a, b]) engine.setStability([], engine.now - 50);
  a.engine.collect(100);
  assert.equal(settle([a, b]), { h: { g: 'w' } });
});

test('HLEN, HKEYS and the existence of the key agree on what has expired', () => {
  const [a] = sharing(1, (first) => {
    set(first, 'f', 'v');
    set(first, 'g', 'w');
    expire(first, 'f', 20);
    expire(first, 'g', 40);
  });
  const sizes: number[] = [];
  for (const ms of [19, 1, 19, 1]) {
    tick([a], ms);
    sizes.push(a.db.hashes.size(s('h')));
    assert.is(a.db.typeOf(s('h')) === 0, sizes[sizes.length - 1] === 0);
  }
  assert.equal(sizes, [2, 1, 1, 0]);
});

test('after everything is removed and stable, a hash has left no memory behind', () => {
  const replicas = sharing(3);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  replicas.forEach((replica, i) => {
    for (let field = 0; field < 40; field++) {
      set(replica, `f${field}`, 'v'.repeat(field * (i + 1)));
      add(replica, `n${field}`, i);
      if (field % 5 === 0) expire(replica, `f${field}`, 100 + field);
    }
  });
  syncAll(replicas);
  removeKey(replicas[1]);
  add(replicas[2], 'n1', 1);
  syncAll(replicas);
  removeField(replicas[0], 'n1');
  syncAll(replicas);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(engine.statistics.pendingCollection, 0);
    assert.is(db.size, 0);
    assert.is(engine.inspect(0, s('h')), null);
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

const field = fc.constantFrom('f', 'g');
const at = fc.nat(2);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), at, field }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), at, field }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'sync' as const), at, field }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), at, field, to: at }) },
);

test('a field is there exactly if somebody wrote it and no removal that is known has seen all writes that are', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      // by replica and field: the writes that it knows and that no removal it knows has seen
      const live = [0, 1, 2].map(() => new Map<string, Set<number>>());
      const known = [0, 1, 2].map(() => new Set<number>());
      let writes = 0;
      const pass = (from: number, to: number) => {
        replicas[from].engine.seal();
        for (const { sealed } of replicas) {
          for (const envelope of sealed) {
            // all that the sender knows, its own and that of others
            const entry = replicas[from].engine.vector().find((each) => each.replica === envelope.replica);
            if (from !== to && entry !== undefined && entry.number >= envelope.last)
              replicas[to].engine.receive(envelope.bytes);
          }
        }
        for (const name of ['f', 'g']) {
          const mine = live[to].get(name) ?? new Set();
          const theirs = live[from].get(name) ?? new Set();
          const joined = [...mine, ...theirs].filter(
            (write) => (mine.has(write) || !known[to].has(write)) && (theirs.has(write) || !known[from].has(write)),
          );
          live[to].set(name, new Set(joined));
        }
        for (const write of known[from]) known[to].add(write);
      };
      for (const each of plan) {
        tick(replicas, 1);
        if (each.kind === 'set') {
          set(replicas[each.at], each.field, String(writes));
          live[each.at].set(each.field, new Set([writes]));
          known[each.at].add(writes++);
        } else if (each.kind === 'remove') {
          removeField(replicas[each.at], each.field);
          live[each.at].delete(each.field);
        } else if (each.kind === 'delete') {
          removeKey(replicas[each.at]);
          live[each.at].clear();
        } else if (each.kind === 'pass') pass(each.at, each.to);
        else for (let to = 0; to < 3; to++) pass(each.at, to);
        const out = new Slice();
        replicas.forEach(({ db }, i) => {
          for (const name of ['f', 'g']) {
            const expected = [...(live[i].get(name) ?? [])].sort((x, y) => x - y).pop();
            const shown = db.hashes.get(s('h'), s(name), out) ? Number(out.latin1()) : undefined;
            assert.is(shown, expected);
          }
        });
      }
    }),
    { numRuns: RUNS },
  );
});

test.run();
