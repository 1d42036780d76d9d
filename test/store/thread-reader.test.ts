/** A long range is read on a thread of its own: the same entries in the same order, or the same error. */
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LevelDisk, type Operation } from '../../src/store/disk.ts';
import { STATE_RANGE, stateKey } from '../../src/store/encoding.ts';
import { packEntries, unpackEntries } from '../../src/store/packed-entries.ts';
import { ThreadReader } from '../../src/store/thread-reader.ts';
import { temporaryFolder } from './opened.ts';

const COUNT = 20_000;

/** A database of COUNT entries, all of them in tables. */
async function filled(threadBytesMin: number): Promise<LevelDisk> {
  const disk = new LevelDisk(temporaryFolder(), threadBytesMin);
  await disk.open();
  for (let from = 0; from < COUNT; from += 1000) {
    const operations = Array.from({ length: 1000 }, (_, i): Operation => {
      const record = Buffer.from(String(from + i).padStart(8, '0'));
      return { type: 'put', key: stateKey(record), value: Buffer.from(`value ${from + i}`.padEnd(100)) };
    });
    await disk.batch(operations, false);
  }
  // discards nothing, and merges what is in memory into tables
  await disk.discard({ gte: STATE_RANGE.lt, lt: Buffer.from([0x7f]) });
  await disk.close();
  await disk.open();
  return disk;
}

const entry = (i: number) => [`S${String(i).padStart(8, '0')}`, `value ${i}`.padEnd(100)];

async function becomesReady(reader: ThreadReader): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!reader.isReady) {
    if (Date.now() > deadline) throw new Error('the thread does not start');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('entries are the same after their way from thread to thread, empty ones too', () => {
  const entries: [Buffer, Buffer][] = [
    [Buffer.from('a'), Buffer.from('first')],
    [Buffer.from('bb'), Buffer.alloc(0)],
    [Buffer.alloc(0), Buffer.from('third')],
  ];
  assert.equal(unpackEntries(packEntries(entries)), entries);
  assert.equal(unpackEntries(packEntries([])), []);
});

test('who reads begins alone and goes on from the thread, each entry once, in order', async () => {
  const disk = await filled(1);
  const found: [string, string][] = [];
  for await (const page of disk.pages(STATE_RANGE)) {
    found.push(...page.map(([key, value]): [string, string] => [key.toString(), value.toString()]));
    // time for the thread to start
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.is(found.length, COUNT);
  assert.ok(found.every(([key, value], i) => key === entry(i)[0] && value === entry(i)[1]));
  await disk.close();
});

test('the thread reads on after an entry, and no further than the range', async () => {
  const disk = await filled(Number.POSITIVE_INFINITY);
  const lt = stateKey(Buffer.from('00015000'));
  const reader = new ThreadReader({ path: disk.path, lt });
  await becomesReady(reader);
  const keys: string[] = [];
  for await (const page of reader.pagesAfter(stateKey(Buffer.from('00004999')))) {
    keys.push(...page.map(([key]) => key.toString()));
  }
  assert.is(keys.length, 10_000);
  assert.is(keys[0], 'S00005000');
  assert.is(keys[9_999], 'S00014999');
  await reader.stop();
  await disk.close();
});

test('who stops early, before or after the thread has taken over, can close the database and open it again', async () => {
  const disk = await filled(1);
  for await (const page of disk.pages(STATE_RANGE)) {
    assert.is(page.length > 0, true);
    break;
  }
  const reader = new ThreadReader({ path: disk.path, lt: STATE_RANGE.lt });
  await becomesReady(reader);
  for await (const page of reader.pagesAfter(STATE_RANGE.gte)) {
    assert.is(page.length > 0, true);
    break;
  }
  await reader.stop();
  await disk.reopen();
  const first = await disk.lastEntry(STATE_RANGE);
  assert.is(first?.[0].toString(), entry(COUNT - 1)[0]);
  await disk.close();
  // nobody holds it any more
  const again = new LevelDisk(disk.path);
  await again.open();
  await again.close();
});

test('damage that the thread meets is told as what it is', async () => {
  const disk = await filled(Number.POSITIVE_INFINITY);
  const reader = new ThreadReader({ path: disk.path, lt: STATE_RANGE.lt });
  await becomesReady(reader);
  const tables = readdirSync(disk.path).filter((name) => name.endsWith('.ldb'));
  assert.ok(tables.length > 0);
  for (const name of tables) truncateSync(join(disk.path, name), statSync(join(disk.path, name)).size >> 2);
  let code = '';
  try {
    for await (const page of reader.pagesAfter(STATE_RANGE.gte)) assert.ok(page.length > 0);
  } catch (error) {
    code = (error as { code: string }).code;
  }
  assert.match(code, /LEVEL_/);
  await reader.stop();
  await disk.close();
});

test.run();
