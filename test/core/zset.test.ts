/** Sorted sets: members add-wins, of concurrent scores the later shows, increments add up, and the order follows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, s, scoresOf, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';

const { POSITIVE_INFINITY: INFINITE, NEGATIVE_INFINITY: MINUS_INFINITE } = Number;

function add(replica: Replica, member: string, score: number): boolean {
  return txn(replica, (db) => db.zsets.assign(s('z'), s(member), score));
}

function raise(replica: Replica, member: string, delta: number): number {
  return txn(replica, (db) => db.zsets.addScore(s('z'), s(member), delta));
}

function remove(replica: Replica, member: string): boolean {
  return txn(replica, (db) => db.zsets.remove(s('z'), s(member)));
}

function removeKey(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(s('z')));
}

function score({ db }: Replica, member: string): number {
  return db.zsets.score(s('z'), s(member));
}

function rank({ db }: Replica, member: string): number {
  return db.zsets.rank(s('z'), s(member));
}

test('members that are added at the same time all stay, in the order of their scores', () => {
  const [a, b] = sharing(2);
  add(a, 'x', 2);
  add(b, 'y', 1);
  assert.equal(settle([a, b]), {
    z: [
      ['y', 1],
      ['x', 2],
    ],
  });
});

test('of concurrent scores the later shows, the smaller as well', () => {
  const [a, b] = sharing(2, (first) => add(first, 'x', 7));
  add(a, 'x', 9);
  tick([a, b], 5);
  add(b, 'x', -1.5);
  assert.equal(settle([a, b]), { z: [['x', -1.5]] });
  assert.equal(
    a.engine.conflicts(1).map(({ field }) => field?.toString()),
    ['x'],
  );
});

test('the same score, written at the same time, is no conflict', () => {
  const [a, b] = sharing(2);
  add(a, 'x', 1);
  add(b, 'x', 1);
  assert.equal(settle([a, b]), { z: [['x', 1]] });
  assert.is(a.engine.statistics.conflicts, 0);
});

test('an add wins over a concurrent removal of the member or the key, the score that was there as well', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, 'x', 1);
    add(first, 'y', 2);
    add(first, 'z', 3);
  });
  add(b, 'x', 1);
  tick([a, b], 50);
  remove(a, 'x');
  assert.equal(settle([a, b]), {
    z: [
      ['x', 1],
      ['y', 2],
      ['z', 3],
    ],
  });
  add(b, 'y', 5);
  removeKey(a);
  assert.equal(settle([a, b]), { z: [['y', 5]] });
});

test('increments add up, on a score and on nothing', () => {
  const [a, b, c] = sharing(3, (first) => add(first, 'x', 1.5));
  assert.is(raise(a, 'x', 1), 2.5);
  assert.is(raise(b, 'x', 0.1), 1.6);
  assert.is(raise(c, 'x', -4), -2.5);
  raise(a, 'new', 2);
  raise(b, 'new', 3);
  assert.equal(settle([a, b, c]), {
    z: [
      ['x', -1.4],
      ['new', 5],
    ],
  });
});

test('sums are exact and do not depend on the order', () => {
  const [a, b] = sharing(2);
  raise(a, 'x', 0.1);
  raise(b, 'x', 0.2);
  raise(a, 'big', 1e300);
  raise(b, 'big', 1);
  raise(a, 'big', -1e300);
  assert.equal(settle([a, b]), {
    z: [
      ['x', 0.3],
      ['big', 1],
    ],
  });
});

test('a score cancels the increments that it saw, and those that it did not see stay on top', () => {
  const [a, b, c] = sharing(3, (first) => add(first, 'x', 3));
  raise(a, 'x', 1);
  syncAll([a, b]);
  add(b, 'x', 10);
  raise(c, 'x', 2);
  assert.equal(settle([a, b, c]), { z: [['x', 12]] });
  // what looks the same is written all the same: it is a base now, and no sum
  add(a, 'x', 12);
  remove(b, 'x');
  assert.equal(settle([a, b, c]), { z: [['x', 12]] });
});

test('a removal cancels the increments that it saw: of member, key and database', () => {
  const removals: ((replica: Replica) => unknown)[] = [
    (replica) => remove(replica, 'x'),
    removeKey,
    (replica) => txn(replica, (db) => db.clear()),
  ];
  for (const each of removals) {
    const [a, b] = sharing(2, (first) => raise(first, 'x', 4));
    each(a);
    raise(b, 'x', 2);
    assert.equal(settle([a, b]), { z: [['x', 2]] });
  }
});

test('a string in place of a sorted set cancels what it saw of it', () => {
  const [a, b] = sharing(2, (first) => raise(first, 'x', 4));
  raise(b, 'x', 2);
  tick([a, b], 5);
  txn(a, (db) => db.strings.write(s('z'), s('v'), NO_DEADLINE));
  assert.equal(settle([a, b]), { z: 'v' });
  const [part] = b.engine.inspect(0, s('z'))?.parts.filter(({ type }) => type === 5) ?? [];
  assert.equal(
    part.elements[0].counters.map(({ sum, cancelled }) => [sum, cancelled]),
    [
      ['4', '4'],
      ['2', '0'],
    ],
  );
});

test('an infinity takes no additions: what is added to it or is one is written as the score', () => {
  const [a, b] = sharing(2, (first) => add(first, 'x', INFINITE));
  assert.is(raise(a, 'x', 5), INFINITE);
  assert.ok(Number.isNaN(raise(a, 'x', MINUS_INFINITE)));
  assert.is(score(a, 'x'), INFINITE);
  add(a, 'x', 1);
  assert.is(raise(a, 'x', MINUS_INFINITE), MINUS_INFINITE);
  raise(b, 'y', 1);
  settle([a, b]);
  raise(a, 'y', INFINITE);
  raise(b, 'y', 1);
  assert.equal(settle([a, b]), {
    z: [
      ['x', MINUS_INFINITE],
      ['y', INFINITE],
    ],
  });
});

test('sums beyond the range of doubles show as infinities, and stay what they are', () => {
  const [a] = sharing(1);
  raise(a, 'x', Number.MAX_VALUE);
  assert.is(raise(a, 'x', Number.MAX_VALUE), INFINITE);
  assert.is(score(a, 'x'), INFINITE);
  assert.is(raise(a, 'x', -1), INFINITE);
});

test('the order follows what other nodes write, and what ends', () => {
  const [a, b] = sharing(2, (first) => {
    for (let i = 0; i < 1000; i++) add(first, `m${i}`, i % 100);
  });
  assert.is(rank(a, 'm0'), 0);
  assert.is(rank(b, 'm999'), 999);
  for (let i = 0; i < 1000; i += 3) add(b, `m${i}`, -i);
  for (let i = 1; i < 1000; i += 3) remove(a, `m${i}`);
  for (let i = 2; i < 1000; i += 3) raise(a, `m${i}`, 0.5);
  settle([a, b]);
  assert.is(rank(a, 'm999'), 0);
  assert.is(rank(b, 'm999'), 0);
  assert.is(rank(a, 'm1'), -1);
  assert.is(a.db.zsets.countBelow(s('z'), 0, true), 334);
  const found: string[] = [];
  a.db.zsets.range(s('z'), 333, 2, -1, (member) => found.push(member.latin1()));
  assert.equal(found, ['m0', 'm3']);
  removeKey(a);
  settle([a, b]);
  assert.is(b.db.zsets.countBelow(s('z'), INFINITE, true), 0);
});

test('of members with one score the bytes decide, and bounds go by them', () => {
  const [a] = sharing(1, (first) => {
    for (const member of ['b', '', 'ab', 'a', '\xff', 'aa']) add(first, member, 0);
  });
  assert.equal(
    scoresOf(a.db, 'z').map(([member]) => member),
    ['', 'a', 'aa', 'ab', 'b', Buffer.from('\xff').toString('latin1')],
  );
  const before = (member: string, orEqual: boolean) => a.db.zsets.countBefore(s('z'), s(member), orEqual);
  assert.equal([before('aa', false), before('aa', true), before('aaa', false), before('', false)], [2, 3, 3, 0]);
});

test('COPY takes scores along as they are; increments under way stay with the old key', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, 'x', 1);
    raise(first, 'x', 2);
  });
  txn(a, (db) => {
    db.copyTo(s('z'), db, s('copy'));
    db.remove(s('z'));
  });
  raise(b, 'x', 4);
  assert.equal(settle([a, b]), { copy: [['x', 3]], z: [['x', 4]] });
});

test('members that were there when a time to live was set end with it, others stay', () => {
  const [a, b] = sharing(2, (first) => {
    add(first, 'old', 1);
    raise(first, 'sum', 1);
  });
  txn(a, (db) => db.expireAt(s('z'), a.engine.now + 50));
  tick([a, b], 5);
  add(b, 'new', 0);
  settle([a, b]);
  tick([a, b], 100);
  for (const { engine } of [a, b]) engine.setStability([], engine.now);
  txn(a, (db) => db.typeOf(s('z')));
  assert.equal(settle([a, b]), { z: [['new', 0]] });
});

test('a sorted set and another type under one key: the later shows, and the write that sees both decides', () => {
  const [a, b] = sharing(2);
  txn(b, (db) => db.sets.add(s('z'), s('m')));
  tick([a, b], 5);
  add(a, 'x', 1);
  assert.equal(settle([a, b]), { z: [['x', 1]] });
  raise(b, 'x', 1);
  assert.equal(settle([a, b]), { z: [['x', 2]] });
  remove(a, 'x');
  assert.equal(settle([a, b]), {});
});

test('INSPECT shows base and additions of a member', () => {
  const [a] = sharing(1, (first) => {
    add(first, 'x', 1.5);
    raise(first, 'x', 2);
  });
  const [part] = a.engine.inspect(0, s('z'))?.parts ?? [];
  const [element] = part.elements;
  assert.is(element.name?.toString(), 'x');
  assert.equal(
    element.values.map(({ value }) => value.toString()),
    ['1.5'],
  );
  assert.equal(
    element.counters.map(({ sum }) => sum),
    ['2'],
  );
});

test('a score of a peer that is no score is refused before the first change', () => {
  const [a, b] = sharing(2);
  add(a, 'member', 12345);
  a.engine.seal();
  const [{ bytes }] = a.sealed;
  for (const text of ['1234.', '01234', '1e999', 'infin', 'nan  ', '+1234', ' 1234']) {
    const forged = Buffer.from(bytes);
    forged.write(text, forged.indexOf('12345'), 'latin1');
    assert.is(b.engine.receive(forged).kind, 'malformed', text);
    const page = Buffer.from(a.engine.exportState(0, 1 << 20).bytes);
    page.write(text, page.indexOf('12345'), 'latin1');
    assert.throws(() => b.engine.importState([page]), 'score');
  }
  assert.equal(contents(b.db), {});
});

test('after everything is removed and stable, a sorted set has left no memory behind', () => {
  const replicas = sharing(3);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  replicas.forEach((replica, i) => {
    for (let member = 0; member < 40; member++) {
      add(replica, `m${member}`, member * (i + 1));
      raise(replica, `n${member}`, i + 0.25);
      if (member === 20) rank(replica, 'm0');
    }
  });
  syncAll(replicas);
  removeKey(replicas[1]);
  raise(replicas[2], 'n1', 1);
  syncAll(replicas);
  remove(replicas[0], 'n1');
  syncAll(replicas);
  stabilize(replicas);
  replicas.forEach(({ engine, db }, i) => {
    assert.is(engine.statistics.pendingCollection, 0);
    assert.is(db.size, 0);
    assert.is(engine.digest(), makeReplica(7).engine.digest());
    for (let turn = 0; turn < 2; turn++) engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
    assert.is(engine.statistics.arenaUsedBytes, used[i]);
  });
});

test('who watches a sorted set is told only when a score is another than before', () => {
  const [a, b] = sharing(2, (first) => raise(first, 'm', -2));
  const told = (change: () => void): boolean[] => {
    const watches = [a, b].map(({ engine }) => engine.watch(0, s('z')));
    change();
    syncAll([a, b]);
    for (const [place, { engine }] of [a, b].entries()) engine.unwatch(watches[place]);
    return watches.map(({ changed }) => changed);
  };
  assert.equal(
    told(() => add(a, 'm', -2)),
    [false, false],
    'a score in place of the increments that gave it',
  );
  assert.equal(
    told(() => raise(a, 'm', 0)),
    [false, false],
    'an increment by nothing',
  );
  assert.equal(
    told(() => raise(a, 'm', 1)),
    [true, true],
    'an increment',
  );
  assert.equal(
    told(() => {
      add(a, 'm', -1);
      raise(b, 'm', 5);
    }),
    [true, true],
    'what an unseen increment stays on top of',
  );
  assert.is(score(a, 'm'), 4);
  assert.equal(
    told(() => raise(b, 'new', 0)),
    [true, true],
    'a new member',
  );
});

test.run();
