/** The log on disk: what peers can read of it, and how it is cut. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommitQueue } from '../../src/store/commit-queue.ts';
import { LevelDisk } from '../../src/store/disk.ts';
import type { StoreOptions } from '../../src/store/index.ts';
import { Log } from '../../src/store/log.ts';
import { type LogSegment, readCheckpoint, writeCheckpoint } from '../../src/store/metadata.ts';
import { durable, get, type Opened, open, peer, set, temporaryFolder } from './opened.ts';

const NO_DISK = new LevelDisk(temporaryFolder());
const NO_EVENTS = { failureChanged() {}, logDropped() {}, synced() {} };

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

test('what comes behind a hole does not hide it: until a checkpoint covers it the log leads to nothing beyond', () => {
  const log = new Log(NO_DISK, new CommitQueue(NO_DISK, 'no', NO_EVENTS), 1e9, 0);
  const other = '00000000000000cc';
  const envelope = (first: number) => ({ replica: other, first, last: first + 1, bytes: new Uint8Array(8) });
  const vector = (number: number) => [{ replica: other, number, stamp: 1 }];
  assert.ok(log.append(envelope(1)));
  // 3 to 22 came with the state of a peer, and these with its tail
  assert.not.ok(log.append(envelope(23)));
  assert.not.ok(log.append(envelope(25)));
  assert.ok(log.leadsTo(vector(2)));
  assert.not.ok(log.leadsTo(vector(26)));
  log.coverUpTo(vector(26));
  assert.ok(log.append(envelope(27)));
  assert.ok(log.leadsTo(vector(28)));
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

/** Twenty checkpointed segments of some 100,000 bytes each. */
async function segmented(directory: string, options: Partial<StoreOptions>): Promise<Opened> {
  const opened = await open(directory, { logBytesMax: 3_200_000, ...options });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) {
      set(opened.engine, `key:${round}:${i}`, 'x'.repeat(10_000));
      opened.engine.seal();
    }
    await opened.store.save();
  }
  return opened;
}

async function until(what: string, good: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!good()) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('what every member has leaves the log early, down to a quarter of the limit; with one behind it stays', async () => {
  const { store, engine } = await segmented(temporaryFolder(), {});
  const whole = store.statistics().log_bytes;
  assert.ok(whole > 1_900_000);
  const all = engine.vector();
  engine.setStability([{ ...all[0], number: 1, stamp: 1 }], 0);
  await store.save();
  assert.is(store.statistics().log_bytes, whole);
  engine.setStability(all, 0);
  await until('cut, though nothing is written', () => store.statistics().log_bytes <= 800_000);
  assert.ok(store.statistics().log_bytes > 600_000);
  assert.is((await store.read(engine.replica, 190, 1e9)).length, 11);
  await store.close({ clean: true });
});

test('what is older than log-max-age leaves the log of an idle node, whoever lacks it', async () => {
  const directory = temporaryFolder();
  const { store, engine } = await segmented(directory, {});
  engine.setStability([], 0);
  assert.ok(store.statistics().log_bytes > 1_900_000);
  store.setLogAgeMaxMs(1);
  await until('cut', () => store.statistics().log_bytes === 0);
  assert.equal(await store.read(engine.replica, 1, 1e9), []);
  await store.close({ clean: false });

  const after = await open(directory);
  assert.is(after.engine.digest(), engine.digest());
  assert.is(after.store.statistics().log_bytes, 0);
  await after.store.close({ clean: true });
});

test('age does not take what no checkpoint covers', async () => {
  const { store, engine } = await open(temporaryFolder(), { logAgeMaxMs: 1 });
  set(engine, 'key', 'x');
  await durable(store);
  // longer than the store takes to look
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.is((await store.read(engine.replica, 1, 1e9)).length, 1);
  await store.save();
  await until('cut', () => store.statistics().log_bytes === 0);
  await store.close({ clean: true });
});

test('a lower log-max-bytes cuts the log of an idle node', async () => {
  const { store } = await segmented(temporaryFolder(), {});
  store.setLogBytesMax(1_000_000);
  await until('cut', () => store.statistics().log_bytes <= 1_000_000);
  await store.close({ clean: true });
});

test('segments say when they were written; those of an older store count from its checkpoint on', async () => {
  const directory = temporaryFolder();
  const { store } = await segmented(directory, {});
  await store.close({ clean: true });
  const disk = new LevelDisk(join(directory, 'store'));
  await disk.open();
  const checkpoint = await readCheckpoint(disk);
  assert.ok(checkpoint.segments.every(({ fromMs, toMs }) => fromMs > 0 && fromMs <= toMs && toMs <= Date.now()));
  const old = checkpoint.segments.map(({ ends, bytes }) => ({ ends, bytes }) as LogSegment);
  await disk.batch([writeCheckpoint({ ...checkpoint, segments: old })], true);
  const read = await readCheckpoint(disk);
  assert.ok(read.segments.every(({ fromMs, toMs }) => fromMs === checkpoint.atMs && toMs === checkpoint.atMs));
  await disk.close();

  const again = await open(directory, { logBytesMax: 3_200_000 });
  assert.ok(again.store.statistics().log_bytes > 1_900_000);
  again.store.setLogAgeMaxMs(1);
  await until('cut', () => again.store.statistics().log_bytes === 0);
  await again.store.close({ clean: true });
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
  // a start syncs what it notes of the directory
  await durable(store);
  const { syncs } = store.statistics();
  set(engine, 'k', 'v');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.is(store.statistics().syncs, syncs);
  assert.is(store.holdsReplies, false);
  store.setSyncPolicy('everysec');
  const deadline = Date.now() + 10_000;
  while (store.statistics().syncs === syncs && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.is(store.statistics().syncs, syncs + 1);
  store.setSyncPolicy('always');
  assert.is(store.holdsReplies, true);
  set(engine, 'k', 'w');
  await durable(store);
  assert.is(store.statistics().syncs, syncs + 2);
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
