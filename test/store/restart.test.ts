/** What a restart finds: the same state, and the same replica id only where nothing can have been lost or copied. */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Database, NO_DEADLINE, Slice, STREAM_ID_MIN } from '../../src/core/index.ts';
import { durable, get, increment, open, peer, set, settled, temporaryFolder } from './opened.ts';

test('a clean restart finds the same state and goes on under the same replica id', async () => {
  const directory = temporaryFolder();
  const before = await open(directory);
  assert.is(before.store.continues, false);
  for (let i = 0; i < 1000; i++) set(before.engine, `key:${i}`, `value:${i}`);
  increment(before.engine, 'counter');
  await before.store.close({ clean: true });

  const after = await open(directory);
  assert.is(after.store.continues, true);
  assert.is(after.store.replica, before.store.replica);
  assert.is(after.engine.digest(), before.engine.digest());
  assert.equal(after.engine.vector(), before.engine.vector());
  increment(after.engine, 'counter');
  assert.is(get(after.engine, 'counter'), '2');
  const envelope = after.engine.seal();
  assert.is(envelope?.first, 1002);
  await after.store.close({ clean: true });
});

test('a close that is not clean loses nothing but takes a new replica id', async () => {
  const directory = temporaryFolder();
  const before = await open(directory);
  for (let i = 0; i < 100; i++) increment(before.engine, 'counter');
  await before.store.close({ clean: false });

  const after = await open(directory);
  assert.is(after.store.continues, false);
  assert.is.not(after.store.replica, before.store.replica);
  assert.is(after.engine.digest(), before.engine.digest());
  increment(after.engine, 'counter');
  assert.is(get(after.engine, 'counter'), '101');
  await after.store.close({ clean: true });
});

test('what is durable is there again without any peer, also what was written on top of a state from one', async () => {
  const directory = temporaryFolder();
  const before = await open(directory, { appendfsync: 'always' });
  const { engine: other } = peer('00000000000000bb');
  increment(other, 'counter');
  other.seal();
  before.engine.importState([other.exportState(0, 1e6).bytes]);
  increment(before.engine, 'counter');
  await durable(before.store);
  await before.store.close({ clean: false });
  const after = await open(directory);
  assert.is(get(after.engine, 'counter'), '2');
  await after.store.close({ clean: true });
});

test('what is on disk at any moment is enough: a copy taken from under a running store holds all of it', async () => {
  const directory = temporaryFolder();
  const running = await open(directory, { appendfsync: 'always' });
  for (let i = 0; i < 500; i++) set(running.engine, `key:${i}`, 'x');
  await durable(running.store);
  const copy = temporaryFolder();
  await settled(directory);
  cpSync(directory, copy, { recursive: true });
  const crashed = await open(copy);
  assert.is(crashed.engine.digest(), running.engine.digest());
  assert.is.not(crashed.store.replica, running.store.replica);
  await crashed.store.close({ clean: true });
  await running.store.close({ clean: true });
});

test('a copied directory takes a new replica id, the original keeps its own', async () => {
  const directory = temporaryFolder();
  const first = await open(directory);
  set(first.engine, 'k', 'v');
  await first.store.close({ clean: true });
  const copy = temporaryFolder();
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true });

  const copied = await open(copy);
  assert.is.not(copied.store.replica, first.store.replica);
  assert.is(get(copied.engine, 'k'), 'v');
  await copied.store.close({ clean: true });
  const original = await open(directory);
  assert.is(original.store.replica, first.store.replica);
  await original.store.close({ clean: true });
});

test('what was written in another directory may be gone on with there, under the same id: that is told for ever', async () => {
  const directory = temporaryFolder();
  const original = await open(directory, { appendfsync: 'always' });
  set(original.engine, 'k', 'v');
  await durable(original.store);
  const copy = temporaryFolder();
  await settled(directory);
  cpSync(directory, copy, { recursive: true });
  for (let start = 0; start < 3; start++) {
    const copied = await open(copy, { appendfsync: 'always' });
    assert.equal(copied.engine.copiedReplicas(), [original.store.replica], `start ${start}`);
    set(copied.engine, 'k', `${start}`);
    await durable(copied.store);
    await copied.store.close({ clean: start === 1 });
  }
  await original.store.close({ clean: false });
  const crashed = await open(directory);
  assert.equal(crashed.engine.copiedReplicas(), []);
  await crashed.store.close({ clean: true });
});

test('a moved directory is still the same one', async () => {
  const home = temporaryFolder();
  const first = await open(join(home, 'a'));
  set(first.engine, 'k', 'v');
  await first.store.close({ clean: true });
  renameSync(join(home, 'a'), join(home, 'b'));
  const moved = await open(join(home, 'b'));
  assert.is(moved.store.replica, first.store.replica);
  await moved.store.close({ clean: true });
});

test('an older store under the marker of a newer one proves nothing', async () => {
  const directory = temporaryFolder();
  const first = await open(directory);
  set(first.engine, 'k', 'old');
  await first.store.close({ clean: true });
  const backup = temporaryFolder();
  cpSync(join(directory, 'store'), join(backup, 'store'), { recursive: true });
  const second = await open(directory);
  assert.is(second.store.replica, first.store.replica);
  set(second.engine, 'k', 'new');
  await second.store.close({ clean: true });
  rmSync(join(directory, 'store'), { recursive: true });
  cpSync(join(backup, 'store'), join(directory, 'store'), { recursive: true });

  const restored = await open(directory);
  assert.is(get(restored.engine, 'k'), 'old');
  assert.is.not(restored.store.replica, first.store.replica);
  await restored.store.close({ clean: true });
});

test('the marker proves one start only', async () => {
  const directory = temporaryFolder();
  const first = await open(directory);
  await first.store.close({ clean: true });
  const second = await open(directory);
  await second.store.close({ clean: false });
  const third = await open(directory);
  assert.is.not(third.store.replica, second.store.replica);
  await third.store.close({ clean: true });
});

test('txns of peers are there after a restart, under their own names', async () => {
  const directory = temporaryFolder();
  const before = await open(directory);
  const other = peer('00000000000000bb');
  for (let i = 0; i < 50; i++) increment(other.engine, 'counter');
  const envelope = other.engine.seal();
  assert.ok(envelope);
  before.engine.receive(envelope.bytes);
  increment(before.engine, 'counter');
  await before.store.close({ clean: false });

  const after = await open(directory);
  assert.is(get(after.engine, 'counter'), '51');
  assert.is(after.engine.digest(), before.engine.digest());
  assert.is(after.engine.receive(envelope.bytes).kind, 'duplicate');
  await after.store.close({ clean: true });
});

test('a state that came by transfer, with no log that leads to it, is on disk before anything counts as durable', async () => {
  const directory = temporaryFolder();
  const running = await open(directory, { appendfsync: 'always' });
  const other = peer('00000000000000bb');
  for (let i = 0; i < 2000; i++) set(other.engine, `key:${i}`, 'x');
  other.engine.seal();
  const pages: Uint8Array[] = [];
  for (let cursor = 0, more = true; more; more = cursor !== 0) {
    const { next, bytes } = other.engine.exportState(cursor, 64 * 1024);
    pages.push(Uint8Array.from(bytes));
    cursor = next;
  }
  running.engine.importState(pages);
  // the next txn of that replica shows that earlier ones came another way
  set(other.engine, 'after', 'y');
  const envelope = other.engine.seal();
  assert.ok(envelope);
  running.engine.receive(envelope.bytes);
  set(running.engine, 'mine', 'z');
  await durable(running.store);
  const copy = temporaryFolder();
  await settled(directory);
  cpSync(directory, copy, { recursive: true });
  const crashed = await open(copy);
  assert.is(crashed.engine.digest(), running.engine.digest());
  assert.is(get(crashed.engine, 'mine'), 'z');
  await crashed.store.close({ clean: true });
  await running.store.close({ clean: true });
});

const KINDS = [
  ...(['set', 'del', 'incr', 'sadd', 'srem', 'hset', 'rpush', 'lpop', 'linsert'] as const),
  ...(['xadd', 'xread', 'xtrim', 'expire'] as const),
] as const;

type Operation = {
  kind: (typeof KINDS)[number];
  key: number;
  member: number;
};

test('whenever checkpoints run and wherever the crash falls, log and state together give the same state', async () => {
  const operation: fc.Arbitrary<Operation> = fc.record({
    kind: fc.constantFrom(...KINDS),
    key: fc.nat(6),
    member: fc.nat(4),
  });
  const step = fc.oneof(
    { weight: 12, arbitrary: operation },
    { weight: 1, arbitrary: fc.constantFrom('checkpoint', 'pause', 'peer') },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 150 }), async (steps) => {
      const directory = temporaryFolder();
      const running = await open(directory);
      const other = peer('00000000000000bb');
      let turn = 0;
      for (const each of steps) {
        if (each === 'checkpoint') void running.store.save().catch(() => undefined);
        else if (each === 'pause') await new Promise((resolve) => setImmediate(resolve));
        else if (each === 'peer') {
          const envelope = other.engine.seal();
          if (envelope !== null) running.engine.receive(envelope.bytes);
        } else apply(turn++ % 3 === 0 ? other.engine : running.engine, each);
      }
      await durable(running.store);
      const copy = temporaryFolder();
      await settled(directory);
      cpSync(directory, copy, { recursive: true });
      const crashed = await open(copy);
      assert.is(crashed.engine.digest(), running.engine.digest());
      assert.equal(crashed.engine.vector(), running.engine.vector());
      await crashed.store.close({ clean: false });
      await running.store.close({ clean: false });
      rmSync(directory, { recursive: true });
      rmSync(copy, { recursive: true });
    }),
    { numRuns: 40, verbose: 1 },
  );
});

/** Keys of one type each; those of strings are deleted and expire as well. */
const FAMILIES: Partial<Record<Operation['kind'], string>> = {
  sadd: 's',
  srem: 's',
  hset: 'h',
  rpush: 'l',
  lpop: 'l',
  linsert: 'l',
  xadd: 'x',
  xread: 'x',
  xtrim: 'x',
};

const GROUP = Slice.of('g');

function add({ streams }: Database, key: Slice, item: Slice): void {
  const id = streams.generateId(key);
  if (id !== null) streams.add(key, id, [item, item], 0, 2);
  streams.createGroup(key, GROUP, STREAM_ID_MIN, null);
}

function apply(engine: Parameters<typeof set>[0], { kind, key, member }: Operation): void {
  const db = engine.databases[0];
  const name = Slice.of(`${FAMILIES[kind] ?? 'k'}${key}`);
  const item = Slice.of(`m${member}`);
  engine.begin();
  if (kind === 'set') db.strings.write(name, Slice.of(`${member}`), NO_DEADLINE);
  else if (kind === 'incr') db.strings.addInteger(name, member + 1);
  else if (kind === 'sadd') db.sets.add(name, item);
  else if (kind === 'srem') db.sets.remove(name, item);
  else if (kind === 'hset') db.hashes.set(name, item, item, NO_DEADLINE);
  else if (kind === 'rpush') db.lists.push(name, 'tail', item);
  else if (kind === 'lpop') db.lists.removeRange(name, 0, 1);
  else if (kind === 'linsert') db.lists.insert(name, member % Math.max(1, db.lists.size(name)), 'after', item);
  else if (kind === 'xadd') add(db, name, item);
  else if (kind === 'xread') db.streams.readNew(name, GROUP, item, 2, member % 2 === 0, () => {});
  else if (kind === 'xtrim') db.streams.trimToLength(name, member);
  else if (kind === 'del') db.remove(name);
  else if (db.typeOf(name) !== 0) db.expireAt(name, engine.now + 1e9 + member * 1000);
  engine.commit();
}

test.run();
