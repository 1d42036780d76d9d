/** The database of libraries, which no client sees: it replicates, merges, is stored and transferred as the others are. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { makeReplica, type Replica, START_MS, s, syncAll } from './cluster.ts';

const KEY = 'functions';

function write({ engine }: Replica, name: string, source: string): void {
  engine.begin();
  engine.libraries.hashes.set(s(KEY), s(name), s(source), NO_DEADLINE);
  engine.commit();
}

function read({ engine }: Pick<Replica, 'engine'>, name: string): string | null {
  const out = new Slice();
  return engine.libraries.hashes.get(s(KEY), s(name), out) ? out.latin1() : null;
}

test('it stands behind the sixteen, and is none of them', () => {
  const { engine } = makeReplica(1);
  assert.is(engine.databases.length, 16);
  assert.is(engine.libraries.index, 16);
  assert.not(engine.databases.includes(engine.libraries));
});

test('what is written there comes to the others, tells watches, and is in the digest; the later of two stays', () => {
  const [a, b] = [makeReplica(1), makeReplica(2)];
  let told = 0;
  b.engine.watch(b.engine.libraries.index, s(KEY), () => told++);
  write(a, 'l', 'one');
  assert.not.equal(a.engine.digest(), b.engine.digest());
  syncAll([a, b]);
  assert.is(read(b, 'l'), 'one');
  assert.ok(told > 0);
  write(a, 'l', 'from a');
  b.engine.setNow(START_MS + 1000);
  write(b, 'l', 'from b');
  syncAll([a, b]);
  for (const each of [a, b]) assert.is(read(each, 'l'), 'from b');
  assert.is(a.engine.digest(), b.engine.digest());
});

test('a state transfer and the records of the store carry it', () => {
  const [a, b] = [makeReplica(1), makeReplica(2)];
  write(a, 'l', 'kept');
  a.engine.seal();
  const pages: Uint8Array[] = [];
  let cursor = 0;
  do {
    const page = a.engine.exportState(cursor, 1000);
    pages.push(page.bytes);
    cursor = page.next;
  } while (cursor !== 0);
  b.engine.importState(pages);
  assert.is(read(b, 'l'), 'kept');
  assert.is(a.engine.digest(), b.engine.digest());

  const again = createEngine({ replica: a.engine.replica, hashSeed: 7 });
  const records: { key: Uint8Array; value: Uint8Array }[] = [];
  a.engine.drainDirty(Number.POSITIVE_INFINITY, (record) => records.push(record));
  again.loadVector(a.engine.replicaTable(), a.engine.vector());
  for (const { key, value } of records) again.loadRecord(key, value);
  assert.is(read({ engine: again }, 'l'), 'kept');
  assert.is(again.digest(), a.engine.digest());
});

test.run();
