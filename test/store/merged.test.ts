/** A state that came from a peer is on disk as a whole or not at all, whenever the process ends. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, Slice } from '../../src/core/index.ts';
import { LevelDisk, type Operation } from '../../src/store/disk.ts';
import { MERGED_RANGE } from '../../src/store/encoding.ts';
import { newReplicaId } from '../../src/store/incarnation.ts';
import { OpenStore } from '../../src/store/store.ts';
import { set, temporaryFolder } from './opened.ts';

const KEYS = 12_000;
const PEER = '00000000000000bb';
/** More batches than a checkpoint of all takes, with the move to their place. */
const BATCHES_MAX = 40;

/** Takes so many batches more, and then none. */
class DyingDisk extends LevelDisk {
  batchesLeft = Number.POSITIVE_INFINITY;

  override async batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    if (this.batchesLeft <= 0) throw new Error('the machine has stopped');
    this.batchesLeft--;
    await super.batch(operations, sync);
  }
}

interface Running {
  readonly disk: DyingDisk;
  readonly store: OpenStore;
  readonly engine: Engine;
}

async function run(directory: string, replica: string): Promise<Running> {
  const disk = new DyingDisk(join(directory, 'store'));
  await disk.open();
  const store = new OpenStore(
    { disk, replica, continues: true, isCopy: false, settle: null, leaveMarker: () => Promise.resolve() },
    { directory, appendfsync: 'no', notice: () => {} },
  );
  const engine = createEngine({ replica, hashSeed: 1 });
  engine.setNow(Date.now());
  await store.load(engine);
  store.attach(engine);
  return { disk, store, engine };
}

/** What a peer has that knew all of `engine`: values that are other ones, keys that are new, and some that are gone. */
function pagesOfPeer(engine: Engine): Uint8Array[] {
  const peer = createEngine({ replica: PEER, hashSeed: 2 });
  peer.setNow(Date.now());
  peer.importState(pagesOf(engine));
  for (let i = 0; i < KEYS; i += 3) set(peer, `key:${i}`, `theirs ${i}`);
  for (let i = 0; i < KEYS / 3; i++) set(peer, `new:${i}`, 'theirs');
  peer.begin();
  for (let i = 1; i < KEYS; i += 3) peer.databases[0].remove(Slice.of(`key:${i}`));
  peer.commit();
  peer.seal();
  return pagesOf(peer);
}

function pagesOf(engine: Engine): Uint8Array[] {
  engine.seal();
  const pages: Uint8Array[] = [];
  for (let cursor = 0; cursor >= 0; ) {
    const { next, bytes } = engine.exportState(cursor, 1_000_000);
    pages.push(bytes);
    cursor = next === 0 ? -1 : next;
  }
  return pages;
}

async function leftBesideTheState({ disk }: Running): Promise<boolean> {
  return (await disk.firstKey(MERGED_RANGE)) !== undefined;
}

/** Resolves when the store has saved all, or its disk takes nothing any more. */
async function savedOrDead({ store }: Running): Promise<boolean> {
  let saved = false;
  store.save().then(
    () => (saved = true),
    () => {},
  );
  while (!saved && store.failure === null) await new Promise((resolve) => setTimeout(resolve, 5));
  return saved;
}

test('wherever a process ends while it writes what it has merged, the next one has all of it or nothing', async () => {
  const outcomes = new Set<string>();
  for (let batches = 0; batches < BATCHES_MAX; batches++) {
    const directory = temporaryFolder();
    const replica = newReplicaId();
    const first = await run(directory, replica);
    for (let i = 0; i < KEYS; i++) set(first.engine, `key:${i}`, `ours ${i}`);
    await first.store.save();
    const before = first.engine.digest();
    first.engine.importState(pagesOfPeer(first.engine));
    const after = first.engine.digest();
    assert.is.not(before, after);
    first.disk.batchesLeft = batches;
    const saved = await savedOrDead(first);
    await first.store.close({ clean: false });

    const second = await run(directory, replica);
    const hasMerged = second.engine.vector().some((entry) => entry.replica === PEER);
    assert.is(second.engine.digest(), hasMerged ? after : before, `after ${batches} batches`);
    assert.ok(hasMerged || !saved);
    outcomes.add(
      `${hasMerged ? 'merged' : 'not merged'}, ${(await leftBesideTheState(second)) ? 'with' : 'without'} rests`,
    );
    set(second.engine, 'later', 'ours');
    await second.store.save();
    const latest = second.engine.digest();
    await second.store.close({ clean: true });
    const third = await run(directory, replica);
    assert.is(third.engine.digest(), latest);
    assert.not(await leftBesideTheState(third));
    await third.store.close({ clean: false });
    if (saved) break;
  }
  assert.equal([...outcomes].sort(), ['merged, with rests', 'not merged, with rests', 'not merged, without rests']);
});

test('what is written while a merge is on its way to disk is there after a crash, with the merge', async () => {
  const directory = temporaryFolder();
  const replica = newReplicaId();
  const first = await run(directory, replica);
  for (let i = 0; i < KEYS; i++) set(first.engine, `key:${i}`, `ours ${i}`);
  await first.store.save();
  first.engine.importState(pagesOfPeer(first.engine));
  const saved = first.store.save();
  for (let i = 0; i < 200; i++) {
    set(first.engine, `key:${i}`, `later ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await saved;
  await new Promise<boolean>((resolve) => first.store.whenDurable(resolve));
  const wanted = first.engine.digest();
  await first.store.close({ clean: false });
  const second = await run(directory, replica);
  assert.is(second.engine.digest(), wanted);
  await second.store.close({ clean: false });
});

test.run();
