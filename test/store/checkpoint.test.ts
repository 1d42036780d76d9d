/** In which order a checkpoint brings things to disk, so that a power cut leaves no data whose txn it has taken. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../../src/core/index.ts';
import { LevelDisk, type Operation } from '../../src/store/disk.ts';
import { isLogKey, STATE_RANGE } from '../../src/store/encoding.ts';
import { newReplicaId } from '../../src/store/incarnation.ts';
import { OpenStore } from '../../src/store/store.ts';
import { set, temporaryFolder } from './opened.ts';

/** Notes what it is asked to do: batches by what is in them, and syncs. */
class WatchedDisk extends LevelDisk {
  readonly asked: ('log' | 'records' | 'log and records' | 'sync')[] = [];

  override async batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    await super.batch(operations, sync);
    const log = operations.some(({ type, key }) => type === 'put' && isLogKey(key));
    const records = operations.some(({ key }) => key.compare(STATE_RANGE.gte) >= 0 && key.compare(STATE_RANGE.lt) < 0);
    if (log || records) this.asked.push(log && records ? 'log and records' : log ? 'log' : 'records');
    if (sync) this.asked.push('sync');
  }

  override async syncFiles(): Promise<void> {
    await super.syncFiles();
    this.asked.push('sync');
  }
}

async function watched(): Promise<{ disk: WatchedDisk; store: OpenStore; write: (key: string) => void }> {
  const directory = temporaryFolder();
  const disk = new WatchedDisk(join(directory, 'store'));
  await disk.open();
  const replica = newReplicaId();
  const store = new OpenStore(
    {
      ...{ disk, replica, continues: false, isCopy: false, settle: null },
      leaveMarker: () => Promise.resolve(),
    },
    { directory, appendfsync: 'no', notice: () => {} },
  );
  const engine = createEngine({ replica, hashSeed: 1 });
  engine.setNow(Date.now());
  await store.load(engine);
  store.attach(engine);
  return { disk, store, write: (key) => set(engine, key, 'x'.repeat(100)) };
}

test('what was logged before is on the platter when records are written, even where nobody else asks for that', async () => {
  const { disk, store, write } = await watched();
  for (let i = 0; i < 10; i++) write(`key:${i}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  disk.asked.length = 0;
  write('last');
  await store.save();
  const order = disk.asked.slice(0, disk.asked.indexOf('records') + 1);
  assert.equal(order, ['log', 'sync', 'records']);
  await store.close({ clean: false });
});

test('while it goes on, what is written meanwhile is synced before its records as well', async () => {
  const { disk, store, write } = await watched();
  for (let i = 0; i < 30_000; i++) write(`key:${i}`);
  disk.asked.length = 0;
  let going = true;
  const saved = store.save().finally(() => {
    going = false;
  });
  for (let i = 0; going; i++) {
    write(`key:${i % 30_000}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await saved;
  const written = disk.asked.flatMap((each, at) => (each.endsWith('records') ? [at] : []));
  assert.ok(written.length >= 3, `records were written ${written.length} times`);
  for (const at of written) {
    const before = disk.asked.slice(0, at).reverse();
    const since = before.findIndex((each) => each.endsWith('records'));
    assert.ok(before.slice(0, since < 0 ? undefined : since).includes('sync'), disk.asked.slice(0, at + 1).join());
  }
  await store.close({ clean: false });
});

test.run();
