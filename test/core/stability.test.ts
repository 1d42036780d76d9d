/** Cancelled counters are kept until every member is known to know, and no longer. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, NO_DEADLINE } from '../../src/core/index.ts';
import { get, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';

/** One that has been told nothing of its members yet: as while it reads its log at the start. */
function newcomer(): Replica {
  const engine = createEngine({ replica: 'ffffffffffffffff', hashSeed: 3 });
  engine.setNow(START_MS);
  return { engine, db: engine.databases[0], sealed: [] };
}

/** An author adds 5, a writer overwrites that, and the author, who has not seen it, adds 2 more. */
function cancelledWhileAdding(): { author: Replica; writer: Replica } {
  const author = makeReplica(0);
  const writer = makeReplica(1);
  txn(author, (db) => db.strings.addInteger(s('counter'), 5));
  syncAll([author, writer]);
  txn(writer, (db) => db.strings.write(s('counter'), s('100'), NO_DEADLINE));
  txn(author, (db) => db.strings.addInteger(s('counter'), 2));
  for (const { engine } of [author, writer]) engine.seal();
  return { author, writer };
}

test('who does not know its members yet forgets nothing', () => {
  const { author, writer } = cancelledWhileAdding();
  const node = newcomer();
  node.engine.receive(author.sealed[0].bytes);
  node.engine.receive(writer.sealed[0].bytes);
  assert.is(node.engine.statistics.pendingCollection, 1);
  assert.is(get(node.db, 'counter'), '100');
});

test('alone, what is cancelled goes at once', () => {
  const { author, writer } = cancelledWhileAdding();
  const node = newcomer();
  node.engine.setStability('alone', START_MS);
  node.engine.receive(author.sealed[0].bytes);
  node.engine.receive(writer.sealed[0].bytes);
  assert.is(node.engine.statistics.pendingCollection, 0);
});

test('with members it goes when all have the txn that cancelled it, and all of its author’s are here', () => {
  const { author, writer } = cancelledWhileAdding();
  const lacking = new Set([author.engine.replica]);
  assert.is(writer.engine.statistics.pendingCollection, 1);
  writer.engine.setStability(author.engine.vector(), 0);
  assert.is(writer.engine.statistics.pendingCollection, 1, 'the author has not heard of it');
  author.engine.receive(writer.sealed[0].bytes);
  writer.engine.setStability(author.engine.vector(), 0, lacking);
  assert.is(writer.engine.statistics.pendingCollection, 1, 'the author’s last addition is not here');
  for (const { bytes } of author.sealed) writer.engine.receive(bytes);
  writer.engine.setStability(writer.engine.vector(), 0);
  assert.is(writer.engine.statistics.pendingCollection, 0);
  for (const each of [author, writer]) assert.is(get(each.db, 'counter'), '102');
});

test('one that must wait for its author holds up no other, and goes when it may', () => {
  const authors = [makeReplica(0), makeReplica(1)];
  const writer = makeReplica(2);
  for (const [index, author] of authors.entries()) {
    txn(author, (db) => db.strings.addInteger(s(`counter ${index}`), 5));
  }
  syncAll([...authors, writer]);
  for (const index of [0, 1]) txn(writer, (db) => db.remove(s(`counter ${index}`)));
  const stable = () => writer.engine.vector();
  assert.is(writer.engine.statistics.pendingCollection, 2);
  writer.engine.setStability(stable(), 0, new Set([authors[0].engine.replica]));
  assert.is(writer.engine.statistics.pendingCollection, 1);
  assert.is(writer.engine.statistics.heldCollection, 1);
  txn(writer, (db) => db.strings.addInteger(s('counter 0'), 1));
  // a member that has not heard of the cancellation has come
  writer.engine.setStability(authors[1].engine.vector(), 0);
  assert.is(writer.engine.statistics.pendingCollection, 1);
  assert.is(writer.engine.statistics.heldCollection, 0);
  writer.engine.setStability(stable(), 0);
  assert.is(writer.engine.statistics.pendingCollection, 0);
  assert.is(get(writer.db, 'counter 0'), '1');
});

test('with a member away for good a counter that is cancelled again and again waits once', () => {
  const [author, writer] = [makeReplica(0), makeReplica(1)];
  for (let round = 0; round < 2000; round++) {
    txn(author, (db) => db.strings.addInteger(s(`counter ${round % 3}`), 5));
    author.engine.seal();
    writer.engine.receive(author.sealed[author.sealed.length - 1].bytes);
    txn(writer, (db) => db.remove(s(`counter ${round % 3}`)));
    writer.engine.seal();
    author.engine.receive(writer.sealed[writer.sealed.length - 1].bytes);
    if (round % 100 === 0) writer.engine.setStability([], 0);
  }
  assert.is(writer.engine.statistics.pendingCollection, 3);
  writer.engine.setStability(author.engine.vector(), 0);
  assert.is(writer.engine.statistics.pendingCollection, 0);
  txn(author, (db) => db.strings.addInteger(s('counter 0'), 1));
  assert.is(get(author.db, 'counter 0'), '1');
});

test('what came by state transfer goes when all have everything that the transfer reflects', () => {
  const { author, writer } = cancelledWhileAdding();
  syncAll([author, writer]);
  const node = makeReplica(2);
  node.engine.importState([writer.engine.exportState(0, 1 << 20).bytes]);
  const pending = node.engine.statistics.pendingCollection;
  node.engine.setStability(author.engine.vector().slice(0, 1), 0);
  assert.is(node.engine.statistics.pendingCollection, pending);
  node.engine.setStability(node.engine.vector(), 0);
  assert.is(node.engine.statistics.pendingCollection, 0);
  assert.is(node.engine.digest(), writer.engine.digest());
});

test('a txn may count, delete and count again: what it added last stays, on every replica', () => {
  for (const alone of [false, true]) {
    const author = makeReplica(0);
    if (alone) author.engine.setStability('alone', START_MS);
    for (const round of [1, 2]) {
      txn(author, (db) => {
        db.strings.addInteger(s('counter'), 6);
        db.remove(s('counter'));
        db.strings.addInteger(s('counter'), 40);
        db.remove(s('counter'));
        db.strings.addInteger(s('counter'), round);
        db.hashes.addInteger(s('hash'), s('field'), 6);
        db.hashes.set(s('hash'), s('field'), s('10'), NO_DEADLINE);
        db.hashes.addInteger(s('hash'), s('field'), round);
      });
      assert.is(get(author.db, 'counter'), `${round}`);
    }
    author.engine.seal();
    const other = makeReplica(1);
    for (const { bytes } of author.sealed) other.engine.receive(bytes);
    assert.is(get(other.db, 'counter'), '2');
    assert.is(other.engine.digest(), author.engine.digest());
    const third = makeReplica(2);
    third.engine.importState([author.engine.exportState(0, 1 << 20).bytes]);
    assert.is(third.engine.digest(), author.engine.digest());
    txn(author, (db) => db.strings.addInteger(s('counter'), 3));
    author.engine.seal();
    for (const each of [other, third]) {
      each.engine.receive(author.sealed[author.sealed.length - 1].bytes);
      assert.is(get(each.db, 'counter'), '5');
      assert.is(each.engine.digest(), author.engine.digest());
    }
  }
});

test.run();
