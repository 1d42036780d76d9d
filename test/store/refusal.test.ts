/** When a store cannot be used, it says so in one line that tells what to do. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LevelDisk } from '../../src/store/disk.ts';
import { batchKey, logKey, metadataKey, stateKey, value } from '../../src/store/encoding.ts';
import { openStore, StoreError, type StoreOptions } from '../../src/store/index.ts';
import { durable, get, open, set, temporaryFolder } from './opened.ts';

async function refusal(directory: string, options: Partial<StoreOptions> = {}): Promise<StoreError> {
  try {
    const { store } = await open(directory, options);
    await store.close({ clean: false });
  } catch (error) {
    if (error instanceof StoreError) {
      assert.not.match(error.message, /\n/);
      return error;
    }
    throw error;
  }
  throw new Error('it opened');
}

/** A store with log and state on disk, closed. */
async function filled(options: { clean: boolean }): Promise<string> {
  const directory = temporaryFolder();
  const { store, engine } = await open(directory);
  for (let i = 0; i < 3000; i++) set(engine, `key:${i}`, `value:${i}`);
  await store.save();
  for (let i = 0; i < 100; i++) {
    set(engine, `late:${i}`, 'x');
    engine.seal();
  }
  await durable(store);
  await store.close(options);
  return directory;
}

/** Flips one bit of each of the files that end so: in the state, behind the part of the log that no start reads. */
function flip(directory: string, ending: string): number {
  const files = readdirSync(join(directory, 'store')).filter((name) => name.endsWith(ending));
  let flipped = 0;
  for (const name of files) {
    const path = join(directory, 'store', name);
    if (statSync(path).size < 1000) continue;
    const bytes = readFileSync(path);
    bytes[Math.floor(bytes.length * 0.7)] ^= 4;
    writeFileSync(path, bytes);
    flipped++;
  }
  return flipped;
}

test('a second opening of one directory is refused, naming it', async () => {
  const directory = temporaryFolder();
  const { store } = await open(directory);
  const error = await refusal(directory);
  assert.is(error.code, 'IN_USE');
  assert.is(error.message, `The data directory ${directory} is in use by another Starling process.`);
  const repairing = await refusal(directory, { repair: true });
  assert.is(repairing.code, 'IN_USE');
  // who was refused has closed nothing of the first's
  assert.is((await refusal(directory)).code, 'IN_USE');
  await store.close({ clean: true });
});

test('the refused second start does not take the proof of the first', async () => {
  const directory = temporaryFolder();
  const first = await open(directory);
  await refusal(directory);
  await first.store.close({ clean: true });
  const again = await open(directory);
  assert.is(again.store.replica, first.store.replica);
  await again.store.close({ clean: true });
});

test('a directory that is a file is refused', async () => {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, 'x');
  const error = await refusal(path);
  assert.is(error.code, 'NO_ACCESS');
  assert.match(error.message, path);
});

test('a directory that cannot be made is refused', async () => {
  const error = await refusal('/dev/null/starling');
  assert.is(error.code, 'NO_ACCESS');
});

test('a flipped bit in the tables is found, and --repair is named', async () => {
  const directory = await filled({ clean: false });
  // the next opening merges the write-ahead file into tables
  const once = await open(directory);
  await once.store.close({ clean: false });
  assert.ok(flip(directory, '.ldb') > 0);
  const error = await refusal(directory);
  assert.is(error.code, 'CORRUPT');
  assert.match(error.message, '--repair');
  assert.match(error.message, directory);
});

test('a record whose checksum does not fit is found', async () => {
  for (const which of ['state', 'log', 'metadata']) {
    const directory = await filled({ clean: true });
    const disk = new LevelDisk(join(directory, 'store'));
    await disk.open();
    const ranges = { state: stateKey(Buffer.alloc(0)), log: logKey('0'.repeat(16), 0), metadata: metadataKey('') };
    const from = ranges[which as keyof typeof ranges];
    for await (const [key, value] of disk.entries({ gte: from, lt: Buffer.from([from[0] + 1]) })) {
      const damaged = Buffer.from(value);
      damaged[damaged.length - 1] ^= 1;
      await disk.batch([{ type: 'put', key, value: damaged }], true);
    }
    await disk.close();
    const error = await refusal(directory);
    assert.is(error.code, 'CORRUPT', which);
  }
});

test('a store of another format is refused with its number', async () => {
  const directory = await filled({ clean: false });
  const disk = new LevelDisk(join(directory, 'store'));
  await disk.open();
  const { crc32 } = await import('node:zlib');
  const key = metadataKey('checkpoint');
  const payload = Buffer.from('whatever a later version keeps here');
  const value = Buffer.concat([Buffer.from([9]), Buffer.alloc(4), payload]);
  value.writeUInt32BE(crc32(payload, crc32(key, 9)), 1);
  await disk.batch([{ type: 'put', key, value }], true);
  await disk.close();
  const error = await refusal(directory);
  assert.is(error.code, 'FORMAT');
  assert.match(error.message, 'format 9');
});

test('a synced batch that is missing in the middle of the write-ahead file is found', async () => {
  const directory = temporaryFolder();
  const { store, engine } = await open(directory, { appendfsync: 'always' });
  for (let i = 0; i < 40; i++) {
    set(engine, `key:${i}`, 'x'.repeat(5000));
    await durable(store);
  }
  await store.close({ clean: false });
  assert.ok(flip(directory, '.log') > 0);
  const error = await refusal(directory);
  assert.is(error.code, 'CORRUPT');
});

test('a torn tail of the write-ahead file is no damage: what came before is there', async () => {
  const directory = temporaryFolder();
  const { store, engine } = await open(directory);
  for (let i = 0; i < 40; i++) {
    set(engine, `key:${i}`, 'x'.repeat(5000));
    engine.seal();
    await new Promise((resolve) => setTimeout(resolve, 12));
  }
  await store.close({ clean: false });
  const name = readdirSync(join(directory, 'store')).filter((each) => each.endsWith('.log'))[0];
  const path = join(directory, 'store', name);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, bytes.length >> 1));
  const after = await open(directory);
  assert.is(get(after.engine, 'key:0'), 'x'.repeat(5000));
  assert.is(get(after.engine, 'key:39'), null);
  await after.store.close({ clean: true });
});

test('--repair moves a damaged store aside and begins an empty one under a new replica id', async () => {
  const directory = await filled({ clean: true });
  assert.ok(flip(directory, '.ldb') + flip(directory, '.log') > 0);
  const { store, engine, notices } = await open(directory, { repair: true });
  assert.is(engine.vector().length, 0);
  assert.is(store.continues, false);
  assert.ok(readdirSync(directory).some((name) => name.startsWith('store.broken-')));
  assert.match(notices.join('\n'), 'moved it to');
  await store.close({ clean: true });
});

test('--repair leaves a sound store as it is', async () => {
  const directory = await filled({ clean: true });
  const { store, engine } = await open(directory, { repair: true });
  assert.is(get(engine, 'key:7'), 'value:7');
  assert.is(store.continues, true);
  await store.close({ clean: true });
});

test('a read-only directory is refused', async () => {
  const home = temporaryFolder();
  const directory = join(home, 'locked');
  mkdirSync(directory, { mode: 0o500 });
  if (process.getuid?.() === 0) {
    // root may write anywhere but where the kernel itself says no
    const error = await refusal('/sys/starling');
    assert.is(error.code, 'NO_ACCESS');
    return;
  }
  const error = await refusal(directory);
  assert.is(error.code, 'NO_ACCESS');
});

test('openStore rejects with the same errors before any engine is there', async () => {
  try {
    await openStore({ directory: '/dev/null/none', appendfsync: 'no' });
  } catch (error) {
    assert.instance(error, StoreError);
    return;
  }
  throw new Error('it opened');
});

const senseless: Record<string, [key: Buffer, payload: string]> = {
  'a checkpoint of another shape': [metadataKey('checkpoint'), '{"vector":[{"replica":"x"}],"atMs":1,"segments":[]}'],
  'a checkpoint that is no JSON': [metadataKey('checkpoint'), '{'],
  'a replica table of numbers': [metadataKey('replicas'), '[1]'],
  'a record of no database': [stateKey(Buffer.from([99, 1, 1])), 'x'],
  'a log entry with a number beyond all numbers': [Buffer.from(`4c${'aa'.repeat(8)}${'ff'.repeat(8)}`, 'hex'), 'x'],
  'a batch without its number': [batchKey(1_000_000), 'x'],
};

for (const [name, [key, payload]] of Object.entries(senseless)) {
  test(`${name}, with a checksum that fits, is damage like any other`, async () => {
    const directory = await filled({ clean: false });
    const disk = new LevelDisk(join(directory, 'store'));
    await disk.open();
    await disk.batch([{ type: 'put', key, value: value(key, Buffer.from(payload)) }], true);
    await disk.close();
    const error = await refusal(directory);
    assert.is(error.code, 'CORRUPT');
    assert.match(error.message, /Start with --repair/);
    const repaired = await open(directory, { repair: true });
    await repaired.store.close({ clean: false });
  });
}

test.run();
