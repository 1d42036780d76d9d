/** Lists: a place for each element that no concurrent edit makes ambiguous, and nothing left of what was taken out. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ListEnd, NO_DEADLINE } from '../../src/core/index.ts';
import { contents, elementsOf, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { settle, sharing, stabilize, tick } from './orders.ts';

function push(replica: Replica, end: ListEnd, ...values: string[]): number {
  return txn(replica, (db) => values.map((value) => db.lists.push(s('l'), end, s(value))).pop() ?? 0);
}

/** Removes and gives the first element of that end. */
function pop(replica: Replica, end: ListEnd): string | undefined {
  return txn(replica, (db) => {
    const elements = elementsOf(db, 'l');
    const index = end === 'head' ? 0 : elements.length - 1;
    db.lists.removeRange(s('l'), index, 1);
    return elements[index];
  });
}

function insert(replica: Replica, side: 'before' | 'after', pivot: string, value: string): void {
  txn(replica, (db) => db.lists.insert(s('l'), elementsOf(db, 'l').indexOf(pivot), side, s(value)));
}

function assign(replica: Replica, index: number, value: string): boolean {
  return txn(replica, (db) => db.lists.assign(s('l'), index, s(value)));
}

function removeRange(replica: Replica, from: number, count: number): void {
  txn(replica, (db) => db.lists.removeRange(s('l'), from, count));
}

function removeKey(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(s('l')));
}

test('pushes at both ends stand in their order', () => {
  const [a, b] = sharing(2);
  assert.is(push(a, 'tail', 'c', 'd'), 2);
  assert.is(push(a, 'head', 'b', 'a'), 4);
  assert.equal(settle([a, b]), { l: ['a', 'b', 'c', 'd'] });
  assert.is(push(b, 'tail', 'e'), 5);
  assert.is(push(b, 'head', '_'), 6);
  assert.equal(settle([a, b]), { l: ['_', 'a', 'b', 'c', 'd', 'e'] });
});

test('what one command pushes stays together, and concurrent pushes stand in the order of time', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x'));
  push(b, 'tail', 'b1', 'b2', 'b3');
  push(b, 'head', 'B1', 'B2');
  tick([a, b], 5);
  push(a, 'tail', 'a1', 'a2');
  push(a, 'head', 'A1', 'A2');
  tick([a, b], 5);
  push(b, 'tail', 'b4');
  assert.equal(settle([a, b]), { l: ['A2', 'A1', 'B2', 'B1', 'x', 'b1', 'b2', 'b3', 'a1', 'a2', 'b4'] });
});

test('one txn may push thousands, at both ends', () => {
  const [a, b] = sharing(2);
  const values = Array.from({ length: 40_000 }, (_, i) => `${i}`);
  push(a, 'tail', ...values);
  push(a, 'head', ...values);
  a.engine.seal();
  for (const { bytes } of a.sealed) b.engine.receive(bytes);
  assert.equal(elementsOf(b.db, 'l'), [...values.slice().reverse(), ...values]);
});

test('a push stands beyond both ends that its author sees, though its clock is behind', () => {
  const [a, b] = sharing(2);
  tick([a], 5000);
  push(a, 'tail', 'first');
  push(a, 'head', 'second');
  syncAll([a, b]);
  push(b, 'tail', 'last');
  push(b, 'head', 'third');
  assert.equal(settle([a, b]), { l: ['third', 'second', 'first', 'last'] });
});

test('two replicas may pop one element; it is gone once, and the list with it', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x', 'y'));
  assert.is(pop(a, 'head'), 'x');
  assert.is(pop(b, 'head'), 'x');
  assert.equal(settle([a, b]), { l: ['y'] });
  assert.is(pop(a, 'tail'), 'y');
  push(b, 'tail', 'z');
  assert.equal(settle([a, b]), { l: ['z'] });
  pop(a, 'tail');
  assert.equal(settle([a, b]), {});
});

test('a removal of the key takes what it saw, and no push that it did not see', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x'));
  push(a, 'head', 'y');
  removeKey(b);
  assert.equal(settle([a, b]), { l: ['y'] });
});

test('an element that is written anew keeps its place, and survives a concurrent removal', () => {
  const [a, b, c] = sharing(3, (first) => push(first, 'tail', 'a', 'b', 'c'));
  assert.ok(assign(a, 1, 'B'));
  removeRange(b, 1, 2);
  push(c, 'tail', 'd');
  assert.equal(settle([a, b, c]), { l: ['a', 'B', 'd'] });
  assert.not.ok(assign(a, 3, 'x'));
  assert.not.ok(assign(a, -1, 'x'));
});

test('of concurrent values of one element the later shows, and the conflict is noted', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'a', 'b'));
  assign(a, 0, 'earlier');
  tick([a, b], 5);
  assign(b, 0, 'later');
  assert.equal(settle([a, b]), { l: ['later', 'b'] });
  const [{ winner, field }] = a.engine.conflicts(1);
  assert.is(winner.value.toString(), 'later');
  assert.is(field, null);
  assign(a, 0, 'last');
  assert.equal(settle([a, b]), { l: ['last', 'b'] });
});

test('an insert stands beside its element, whatever is pushed at the same time', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x'));
  insert(a, 'after', 'x', 'behind');
  insert(a, 'before', 'x', 'ahead');
  push(b, 'tail', 'last');
  push(b, 'head', 'first');
  assert.equal(settle([a, b]), { l: ['first', 'ahead', 'x', 'behind', 'last'] });
});

test('an insert beside an element that goes elsewhere at the same time stands where that was', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x', 'y', 'z'));
  insert(a, 'after', 'y', 'new');
  removeRange(b, 1, 1);
  assert.equal(settle([a, b]), { l: ['x', 'new', 'z'] });
});

test('inserts at one place stand between the same neighbours everywhere, in one order', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x', 'z'));
  for (const [replica, name] of [
    [a, 'a'],
    [b, 'b'],
  ] as const) {
    insert(replica, 'after', 'x', `${name}1`);
    insert(replica, 'after', `${name}1`, `${name}3`);
    insert(replica, 'before', `${name}3`, `${name}2`);
  }
  const { l } = settle([a, b]) as { l: string[] };
  assert.is(l[0], 'x');
  assert.is(l[7], 'z');
  for (const name of ['a', 'b'])
    assert.equal(
      l.filter((value) => value.startsWith(name)),
      [1, 2, 3].map((i) => `${name}${i}`),
    );
  // between elements that differ in their authors only
  insert(b, 'after', l[1], 'between');
  insert(a, 'before', l[5], 'later');
  const after = (settle([a, b]) as { l: string[] }).l;
  assert.is(after[after.indexOf(l[1]) + 1], 'between');
  assert.is(after[after.indexOf(l[5]) - 1], 'later');
});

test('thousands of inserts at one place do not make positions grow', () => {
  const turns: ((replica: Replica, i: number) => void)[] = [
    (replica, i) => insertAt(replica, 0, 'after', i),
    (replica, i) => insertAt(replica, i + 1, 'before', i),
    (replica, i) => insertAt(replica, i, 'after', i),
    (replica) => insertAt(replica, 1, 'before', 0),
  ];
  for (const turn of turns) {
    const [a] = sharing(1, (first) => push(first, 'tail', 'x', 'z'));
    for (let i = 0; i < 4000; i++) turn(a, i);
    assert.is(a.db.lists.size(s('l')), 4002);
    const [part] = a.engine.inspect(0, s('l'))?.parts ?? [];
    const longest = Math.max(...part.elements.map(({ name }) => name?.length ?? 0));
    assert.ok(longest <= 44, `${longest} bytes`);
  }
});

function insertAt(replica: Replica, pivot: number, side: 'before' | 'after', i: number): void {
  txn(replica, (db) => db.lists.insert(s('l'), pivot, side, s(`${i}`)));
}

test('a list and another type under one key: the later shows, and the write that sees both decides', () => {
  const [a, b] = sharing(2);
  txn(b, (db) => db.sets.add(s('l'), s('m')));
  tick([a, b], 5);
  push(a, 'tail', 'x');
  assert.equal(settle([a, b]), { l: ['x'] });
  push(b, 'tail', 'y');
  assert.equal(settle([a, b]), { l: ['x', 'y'] });
  txn(a, (db) => db.strings.write(s('l'), s('v'), NO_DEADLINE));
  push(b, 'head', 'w');
  tick([a, b], 5);
  txn(a, (db) => db.strings.write(s('l'), s('v'), NO_DEADLINE));
  assert.equal(settle([a, b]), { l: 'v' });
});

test('elements that were there when a time to live was set end with it, others stay', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'old', 'older'));
  txn(a, (db) => db.expireAt(s('l'), a.engine.now + 50));
  tick([a, b], 5);
  push(b, 'head', 'new');
  settle([a, b]);
  tick([a, b], 100);
  for (const { engine } of [a, b]) engine.setStability([], engine.now);
  txn(a, (db) => db.typeOf(s('l')));
  assert.equal(settle([a, b]), { l: ['new'] });
});

test('what is pushed, written or inserted ends with the rest of the key', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x', 'y'));
  txn(a, (db) => db.expireAt(s('l'), a.engine.now + 50));
  push(a, 'tail', 'z');
  assign(a, 0, 'X');
  insert(a, 'after', 'X', 'w');
  assert.equal(settle([a, b]), { l: ['X', 'w', 'y', 'z'] });
  tick([a, b], 100);
  assert.equal(contents(b.db), {});
});

test('COPY takes the elements along in their order', () => {
  const [a, b] = sharing(2, (first) => {
    push(first, 'tail', 'b', 'c');
    push(first, 'head', 'a');
  });
  txn(a, (db) => {
    db.copyTo(s('l'), db, s('copy'));
    db.remove(s('l'));
  });
  push(b, 'tail', 'late');
  assert.equal(settle([a, b]), { copy: ['a', 'b', 'c'], l: ['late'] });
});

test('two nodes that copy one list to one place make one copy of it, which is no conflict', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', 'x', 'y'));
  assign(a, 0, 'X');
  for (const replica of [a, b]) {
    txn(replica, (db) => {
      db.copyTo(s('l'), db, s('copy'));
      db.remove(s('l'));
    });
  }
  assert.equal(settle([a, b]).copy, ['X', 'y']);
  insert(a, 'after', 'X', 'z');
  push(b, 'tail', 'w');
  txn(b, (db) => db.lists.push(s('copy'), 'head', s('v')));
  assert.equal(settle([a, b]).copy, ['v', 'X', 'y']);
});

test('the order follows what other nodes write after it was asked for', () => {
  const [a, b] = sharing(2, (first) => push(first, 'tail', ...Array.from({ length: 1000 }, (_, i) => `${i}`)));
  elementsOf(a.db, 'l');
  removeRange(b, 100, 800);
  for (let i = 0; i < 300; i++) insertAt(b, 50 + i, i % 2 === 0 ? 'after' : 'before', i);
  for (let i = 0; i < 500; i++) assign(b, i, `a value that is longer than the one before ${i}`);
  push(b, 'head', ...Array.from({ length: 600 }, (_, i) => `${i}`));
  const { l } = settle([a, b]) as { l: string[] };
  assert.is(l.length, 1100);
});

test('INSPECT shows the elements of a list in their order', () => {
  const [a] = sharing(1, (first) => {
    push(first, 'tail', ...'bcdefg');
    push(first, 'head', 'a');
  });
  const [part] = a.engine.inspect(0, s('l'))?.parts ?? [];
  assert.equal(part.elements.map(({ values }) => values[0].value.toString()).join(''), 'abcdefg');
});

test('a position of a peer that is none is refused before the first change', () => {
  const [a, b] = sharing(2);
  push(a, 'tail', 'x', 'z');
  insert(a, 'after', 'x', 'y');
  const [part] = a.engine.inspect(0, s('l'))?.parts ?? [];
  const name = part.elements[1].name ?? Buffer.alloc(0);
  a.engine.seal();
  const [{ bytes }] = a.sealed;
  const page = Buffer.from(a.engine.exportState(0, 1 << 20).bytes);
  const forgeries: [string, (name: Buffer) => void][] = [
    ['a stamp after its txn', (forged) => forged.writeUInt8(0x9f, 0)],
    ['an empty fraction', (forged) => forged.writeUInt32BE(0, 16)],
    ['a fraction without an end', (forged) => forged.writeUInt32BE(1, 16)],
    ['an end within', (forged) => forged.writeUInt8(0, 20)],
    ['no element', (forged) => forged.writeUInt8(2, forged.length - 1)],
    ['a count cut short', (forged) => forged.writeUInt8(0xf3, forged.length - 1)],
    ['another end', (forged) => forged.writeUInt8(0x1f, 0)],
  ];
  for (const [what, change] of forgeries) {
    const forged = Buffer.from(name);
    change(forged);
    assert.is(b.engine.receive(replaced(bytes, name, forged)).kind, 'malformed', what);
    assert.throws(() => b.engine.importState([replaced(page, name, forged)]), 'position', what);
  }
  assert.equal(contents(b.db), {});
});

function replaced(bytes: Uint8Array, from: Buffer, to: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(from);
  assert.ok(at >= 0);
  to.copy(copy, at);
  return copy;
}

test('a queue that was drained leaves nothing behind, on any node', () => {
  const replicas = sharing(3);
  const used = replicas.map(({ engine }) => engine.statistics.arenaUsedBytes);
  replicas.forEach((replica, i) => {
    for (let j = 0; j < 40; j++) push(replica, j % 3 === 0 ? 'head' : 'tail', `${i}.${j}`, 'x');
    for (let j = 0; j < 30; j++) pop(replica, j % 2 === 0 ? 'head' : 'tail');
    assign(replica, 3, 'written');
    insert(replica, 'after', 'written', 'inserted');
  });
  syncAll(replicas);
  while (pop(replicas[1], 'head') !== undefined);
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

test.run();
