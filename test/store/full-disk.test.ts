/**
 * A disk that fills up: writing stops with a reason, nothing is lost from memory, and it goes on when there is room.
 * Needs root, for a small tmpfs of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { durable, get, open, set, temporaryFolder } from './opened.ts';

const MOUNT_MB = 96;
const mounts: string[] = [];
// before the folders below them are removed
process.prependListener('exit', () => {
  for (const path of mounts) spawnSync('umount', ['-l', path]);
});

function smallDisk(): string | null {
  const path = join(temporaryFolder(), 'disk');
  mkdirSync(path);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${MOUNT_MB}m`, 'tmpfs', path]).status !== 0) return null;
  mounts.push(path);
  return path;
}

function fill(disk: string, megabytes: number): string {
  const path = join(disk, 'filler');
  writeFileSync(path, Buffer.alloc(megabytes * 1024 * 1024, 1));
  return path;
}

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 15 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const probe = smallDisk();
const able = probe !== null;
if (!able) console.log('SKIPPED full disk: no right to mount a tmpfs (run as root)');
const onDisk = able ? test : test.skip;

onDisk('below 16 MiB of free room writing stops, and goes on when there is more', async () => {
  const disk = smallDisk() ?? '';
  const { store, engine, notices } = await open(disk, { appendfsync: 'always' });
  set(engine, 'before', 'x');
  await durable(store);
  const filler = fill(disk, MOUNT_MB - 10);
  set(engine, 'during', 'x');
  await new Promise((resolve) => setTimeout(resolve, 300));
  set(engine, 'during too', 'x');
  await until('a reason', () => {
    store.whenDurable(() => undefined);
    return store.failure !== null;
  });
  assert.is(store.failure, 'No space left on device');
  await durable(store).then(
    () => assert.unreachable('it was durable'),
    () => undefined,
  );
  // reading goes on
  assert.is((await store.read(engine.replica, 1, 1e9)).length, 1);
  rmSync(filler);
  await until('recovery', () => store.failure === null);
  await durable(store);
  assert.match(notices.join('\n'), 'works again');
  await store.close({ clean: true });
  const after = await open(disk);
  assert.is(after.store.continues, true);
  assert.is(get(after.engine, 'during too'), 'x');
  assert.is(after.engine.digest(), engine.digest());
  await after.store.close({ clean: true });
});

onDisk('when LevelDB itself runs out of room nothing acknowledged is lost and it recovers', async () => {
  const disk = smallDisk() ?? '';
  const { store, engine } = await open(disk, { appendfsync: 'always', logBytesMax: 1e9 });
  const filler = fill(disk, 45);
  let written = 0;
  let acknowledged = 0;
  while (store.failure === null && written < 20_000) {
    for (let i = 0; i < 30; i++) set(engine, `key:${written++}`, 'x'.repeat(50_000));
    const upTo = written;
    await durable(store).then(
      () => {
        acknowledged = upTo;
      },
      () => undefined,
    );
  }
  assert.is(store.failure, 'No space left on device');
  rmSync(filler);
  await until('recovery', () => store.failure === null);
  await durable(store);
  await store.close({ clean: false });
  const after = await open(disk, { logBytesMax: 1e9 });
  assert.ok(acknowledged > 0);
  assert.is(get(after.engine, `key:${acknowledged - 1}`), 'x'.repeat(50_000));
  assert.is(after.engine.digest(), engine.digest());
  await after.store.close({ clean: false });
});

onDisk('a full disk at the end of a run costs the proof, not the process', async () => {
  const disk = smallDisk() ?? '';
  const first = await open(disk);
  set(first.engine, 'k', 'v');
  await durable(first.store);
  const filler = fill(disk, MOUNT_MB - 10);
  await new Promise((resolve) => setTimeout(resolve, 300));
  set(first.engine, 'late', 'v');
  first.engine.seal();
  await until('a reason', () => first.store.failure !== null);
  await first.store.close({ clean: true });
  assert.match(first.notices.join('\n'), 'Not everything could be written');
  rmSync(filler);
  const after = await open(disk);
  assert.is(after.store.continues, false);
  assert.is(get(after.engine, 'k'), 'v');
  await after.store.close({ clean: true });
});

test.run();
