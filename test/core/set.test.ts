/** Sets: adds win over removals that did not see them; what was seen and removed never comes back. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);

function add(replica: Replica, ...members: string[]): void {
  txn(replica, (db) => {
    for (const member of members) db.sets.add(s('s'), s(member));
  });
}

function remove(replica: Replica, member: string): boolean {
  return txn(replica, (db) => db.sets.remove(s('s'), s(member)));
}

function pop(replica: Replica, random: number): string | null {
  const out = new Slice();
  return txn(replica, (db) => {
    if (!db.sets.random(s('s'), () => random, out)) return null;
    const member = out.latin1();
    db.sets.remove(s('s'), s(member));
    return member;
  });
}

test('an add wins over a concurrent removal of the same member, a repeated one too', () => {
  const [a, b] = sharing(2, (first) => add(first, 'm'));
  assert.ok(remove(a, 'm'));
  assert.not(txn(b, (db) => db.sets.add(s('s'), s('m'))));
  assert.equal(settle([a, b]), { s: ['m'] });
});

test('a removal that saw all adds removes, whatever order they arrive in', () => {
  const [a, b, c] = sharing(3);
  add(a, 'm');
  add(b, 'm');
  syncAll([a, b, c]);
  remove(c, 'm');
  assert.equal(settle([a, b, c]), {});
});

test('a removal that saw one of two adds leaves the member', () => {
  const [a, b, c] = sharing(3);
  add(a, 'm');
  syncAll([a, c]);
  add(b, 'm');
  remove(c, 'm');
  assert.equal(settle([a, b, c]), { s: ['m'] });
  assert.ok(remove(a, 'm'));
  assert.equal(settle([a, b, c]), {});
});

test('DEL takes the members that it saw, not others', () => {
  const [a, b] = sharing(2, (first) => add(first, 'x', 'y'));
  add(b, 'y', 'z');
  txn(a, (db) => db.remove(s('s')));
  assert.equal(settle([a, b]), { s: ['y', 'z'] });
});

test('two replicas may pop the same member; then it is gone once', () => {
  const [a, b] = sharing(2, (first) => add(first, 'm'));
  assert.is(pop(a, 0.5), 'm');
  assert.is(pop(b, 0.5), 'm');
  assert.equal(settle([a, b]), {});
  assert.is(pop(a, 0.5), null);
});

test('what one replica popped, and only that, is gone from all', () => {
  const members = Array.from({ length: 20 }, (_, i) => `m${i}`);
  const [a, b, c] = sharing(3, (first) => add(first, ...members));
  const popped = new Set([pop(a, 0.1), pop(b, 0.5), pop(c, 0.9), pop(a, 0.7)]);
  assert.equal(settle([a, b, c]), { s: members.filter((each) => !popped.has(each)).sort() });
});

test('a removed member that arrives late, or twice, stays removed; one added after that is there', () => {
  const [a, b, c] = sharing(3);
  add(a, 'm');
  a.engine.seal();
  const [{ bytes: early }] = a.sealed;
  syncAll([a, b]);
  remove(b, 'm');
  b.engine.seal();
  for (const { bytes } of b.sealed) assert.is(c.engine.receive(bytes).kind, 'waiting');
  assert.is(c.engine.receive(early).kind, 'applied');
  assert.equal(contents(c.db), {});
  assert.is(c.engine.receive(early).kind, 'duplicate');
  add(c, 'm');
  assert.equal(settle([a, b, c]), { s: ['m'] });
});

test('SMOVE on two replicas at once leaves the member in both destinations, and not in the source', () => {
  const [a, b] = sharing(2, (first) => add(first, 'm'));
  for (const [replica, to] of [
    [a, 'x'],
    [b, 'y'],
  ] as const) {
    txn(replica, (db) => {
      db.sets.remove(s('s'), s('m'));
      db.sets.add(s(to), s('m'));
    });
  }
  assert.equal(settle([a, b]), { x: ['m'], y: ['m'] });
});

test('an added member expires with the set that it was added to; one added unseen does not', () => {
  const [a, b] = sharing(2, (first) => add(first, 'old'));
  txn(a, (db) => db.expireAt(s('s'), a.engine.now + 100));
  add(a, 'with');
  add(b, 'without');
  assert.equal(settle([a, b]), { s: ['old', 'with', 'without'] });
  tick([a, b], 100);
  // nobody has collected yet: the key is not hidden as long as one member has no end
  for (const replica of [a, b]) {
    replica.engine.setStability([], replica.engine.now);
    replica.engine.collect(100);
  }
  assert.equal(settle([a, b]), { s: ['without'] });
});

test('after everything is removed and stable, a set has left no memory behind', () => {
  const replicas = sharing(3);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  replicas.forEach((replica, i) => {
    for (let member = 0; member < 100; member++) add(replica, `m${member * (i + 1)}`);
  });
  syncAll(replicas);
  for (let member = 0; member < 50; member++) remove(replicas[member % 3], `m${member}`);
  syncAll(replicas);
  txn(replicas[0], (db) => db.remove(s('s')));
  syncAll(replicas);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(engine.statistics.pendingCollection, 0);
    assert.is(db.size, 0);
    assert.is(engine.inspect(0, s('s')), null);
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

const member = fc.constantFrom('x', 'y', 'z');
const at = fc.nat(3);
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), at, member }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), at, member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'pop' as const), at, member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sync' as const), at, member }) },
);

test('any history of adds, removals and pops shows what an OR-set by definition shows', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 50, size: 'max' }), (plan) => {
      const replicas = [0, 1, 2, 3].map(makeReplica);
      // by replica: additions that it knows, as "member number"; those it knows to be removed
      const added = replicas.map(() => new Set<string>());
      const removed = replicas.map(() => new Set<string>());
      const live = (i: number) => [...added[i]].filter((each) => !removed[i].has(each));
      let number = 0;
      for (const { kind, at, member } of plan) {
        const replica = replicas[at];
        const forget = (name: string) => {
          for (const each of live(at)) if (each.startsWith(`${name} `)) removed[at].add(each);
        };
        if (kind === 'add') {
          add(replica, member);
          forget(member);
          added[at].add(`${member} ${number++}`);
        } else if (kind === 'remove') {
          remove(replica, member);
          forget(member);
        } else if (kind === 'pop') {
          const popped = pop(replica, (number % 10) / 10);
          if (popped !== null) forget(popped);
        } else if (kind === 'delete') {
          txn(replica, (db) => db.remove(s('s')));
          for (const each of live(at)) removed[at].add(each);
        } else {
          syncAll(replicas);
          const allAdded = new Set(added.flatMap((each) => [...each]));
          const allRemoved = new Set(removed.flatMap((each) => [...each]));
          replicas.forEach((_, i) => {
            added[i] = new Set(allAdded);
            removed[i] = new Set(allRemoved);
          });
        }
        replicas.forEach(({ db }, i) => {
          const members = [...new Set(live(i).map((each) => each.split(' ')[0]))].sort();
          assert.equal(contents(db), members.length === 0 ? {} : { s: members });
        });
      }
    }),
    { numRuns: RUNS },
  );
});

test.run();
