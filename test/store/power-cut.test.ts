/**
 * Power cuts under a writer. With `always` nothing that was said to be durable may be missing; with any policy the store
 * must open again.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ended, LoopDisk } from './loop-disk.ts';
import { get, open, temporaryFolder } from './opened.ts';

const ROUNDS = 4;
const program = join(dirname(fileURLToPath(import.meta.url)), 'writing-process.ts');

const disk = LoopDisk.make(temporaryFolder());
if (disk === null) console.log('SKIPPED power cut: needs root, a loop device and python3');
const place = disk?.place ?? '';

/** Pulls the plug at about `afterMs` past the writer's first word, and returns what the writer had said by then. */
async function writeAndCut(policy: string, afterMs: number): Promise<string> {
  if (disk === null) throw new Error('no disk');
  const pull = await disk.plug();
  const writer = spawn(process.execPath, ['--import', 'tsx', program, place, policy], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const killed = ended(writer);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    void killed.then(() => reject(new Error(`the writer ended by itself: ${said}`)));
    writer.stdout.on('data', (chunk: Buffer) => {
      if (said === '') setTimeout(resolve, afterMs);
      said += chunk.toString();
    });
  });
  const promised = said;
  await pull();
  writer.kill('SIGKILL');
  await killed;
  disk.restore();
  return promised;
}

const cutTest = disk === null ? test.skip : test;

cutTest('with appendfsync always a power cut loses nothing that was durable', async () => {
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  let promised = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const said = await writeAndCut('always', 100 + ((seed + round * 7919) % 300));
    const began = /^begin (\d+) /m.exec(said);
    assert.ok(began, said);
    assert.ok(Number(began[1]) >= promised, `began at ${began[1]} after ${promised} were durable`);
    for (const match of said.matchAll(/^durable (\d+)$/gm)) promised = Math.max(promised, Number(match[1]));
  }
  const { store, engine } = await open(place);
  assert.ok(promised > 0);
  assert.ok(Number(get(engine, 'counter')) >= promised, `${get(engine, 'counter')} after ${promised} were durable`);
  await store.close({ clean: true });
});

cutTest('with appendfsync no a power cut loses the newest, and what is left opens', async () => {
  const said = await writeAndCut('no', 1500);
  const written = Math.max(...[...said.matchAll(/^durable (\d+)$/gm)].map((match) => Number(match[1])));
  const { store, engine } = await open(place);
  // the control: were nothing lost here, the test above would prove nothing
  assert.ok(Number(get(engine, 'counter') ?? 0) < written);
  await store.close({ clean: true });
});

test.run();
