/** The log on disk: what peers can read of it, and how it is cut. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { durable, get, open, peer, set, temporaryFolder } from './opened.ts';

test('the log gives every envelope from any number on, without a gap', async () => {
  const { store, engine } = await open(temporaryFolder());
  for (let i = 0; i < 300; i++) {
    set(engine, `key:${i}`, 'x');
    if (i % 7 === 0) engine.seal();
  }
  await durable(store);
  for (const from of [1, 2, 8, 9, 150, 299, 300]) {
    const other = peer('00000000000000cc').engine;
    const envelopes = await store.read(engine.replica, from, 1e9);
    assert.ok(envelopes[0].first <= from && envelopes[0].last >= from);
    assert.is(envelopes[envelopes.length - 1].last, 300);
    for (let i = 1; i < envelopes.length; i++) assert.is(envelopes[i].first, envelopes[i - 1].last + 1);
    if (from !== 1) continue;
    for (const { bytes } of envelopes) assert.is(other.receive(bytes).kind, 'applied');
    assert.is(other.digest(), engine.digest());
  }
  await store.close({ clean: true });
});

test('a read stays near its limit of bytes but gives at least one envelope', async () => {
  const { store, engine } = await open(temporaryFolder());
  for (let i = 0; i < 10; i++) {
    set(engine, `key:${i}`, 'x'.repeat(10_000));
    engine.seal();
  }
  await durable(store);
  assert.is((await store.read(engine.replica, 1, 1)).length, 1);
  assert.is((await store.read(engine.replica, 1, 25_000)).length, 3);
  await store.close({ clean: true });
});

test('what the log does not hold reads as empty', async () => {
  const { store, engine } = await open(temporaryFolder());
  set(engine, 'k', 'v');
  await durable(store);
  assert.equal(await store.read(engine.replica, 2, 1e9), []);
  assert.equal(await store.read('00000000000000cc', 1, 1e9), []);
  await store.close({ clean: true });
  assert.equal(await store.read(engine.replica, 1, 1e9), []);
});

test('the log is cut to its limit behind checkpoints, and the state keeps everything', async () => {
  const directory = temporaryFolder();
  const logBytesMax = 400_000;
  const { store, engine } = await open(directory, { logBytesMax });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) {
      set(engine, `key:${round}:${i}`, 'x'.repeat(10_000));
      engine.seal();
    }
    await store.save();
  }
  assert.ok(store.statistics().log_bytes <= logBytesMax, `${store.statistics().log_bytes} bytes`);
  assert.equal(await store.read(engine.replica, 1, 1e9), []);
  const rest = await store.read(engine.replica, 200, 1e9);
  assert.is(rest[0].last, 200);
  assert.is((await store.read(engine.replica, 190, 1e9)).length, 11);
  await store.close({ clean: false });

  const after = await open(directory, { logBytesMax });
  assert.is(after.engine.digest(), engine.digest());
  assert.is(get(after.engine, 'key:0:0'), 'x'.repeat(10_000));
  assert.ok(after.store.statistics().log_bytes <= logBytesMax);
  await after.store.close({ clean: true });
});

test('a log over its limit that no checkpoint covers is kept', async () => {
  const { store, engine } = await open(temporaryFolder(), { logBytesMax: 50_000 });
  for (let i = 0; i < 20; i++) {
    set(engine, `key:${i}`, 'x'.repeat(10_000));
    engine.seal();
  }
  await durable(store);
  assert.is((await store.read(engine.replica, 1, 1e9)).length, 20);
  await store.close({ clean: true });
});

test('a checkpoint begins by itself after its interval, and counts what is unsaved', async () => {
  const { store, engine } = await open(temporaryFolder(), { checkpointIntervalMs: 10 });
  set(engine, 'k', 'v');
  assert.ok(store.unsavedChanges > 0);
  const deadline = Date.now() + 10_000;
  while (store.statistics().checkpoints === 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.is(store.statistics().checkpoints, 1);
  assert.is(store.unsavedChanges, 0);
  assert.ok(store.lastSaveMs > 0);
  await store.close({ clean: true });
});

test('everysec syncs by itself, no never does, and the policy can change at run time', async () => {
  const { store, engine } = await open(temporaryFolder(), { appendfsync: 'no' });
  set(engine, 'k', 'v');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.is(store.statistics().syncs, 0);
  assert.is(store.holdsReplies, false);
  store.setSyncPolicy('everysec');
  const deadline = Date.now() + 10_000;
  while (store.statistics().syncs === 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.is(store.statistics().syncs, 1);
  store.setSyncPolicy('always');
  assert.is(store.holdsReplies, true);
  set(engine, 'k', 'w');
  await durable(store);
  assert.is(store.statistics().syncs, 2);
  await store.close({ clean: true });
});

test('many commits that wait together share a batch', async () => {
  const { store, engine } = await open(temporaryFolder(), { appendfsync: 'always' });
  const waits: Promise<void>[] = [];
  for (let i = 0; i < 200; i++) {
    set(engine, `key:${i}`, 'x');
    waits.push(durable(store));
  }
  await Promise.all(waits);
  assert.ok(store.statistics().batches <= 5, `${store.statistics().batches} batches`);
  await store.close({ clean: true });
});

test.run();
