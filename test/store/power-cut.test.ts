/**
 * Power cuts: a writer on an ext4 file system that is shut down under it without flushing anything, as if the plug had
 * been pulled. With `always` nothing that was said to be durable may be missing; with any policy the store must open
 * again. Needs root, for a loop mount; and python3, since Node.js has no ioctl.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { get, open, temporaryFolder } from './opened.ts';

const ROUNDS = 4;
/**
 * Waits for a line, then EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more reaches the disk, not even
 * the journal. It is ready beforehand, since only what was said before the cut is a promise: an fsync that the cut
 * overtakes may still answer that all is well, which a machine without power cannot.
 */
const SHUTDOWN = [
  'import fcntl, os, struct, sys',
  'place = os.open(sys.argv[1], os.O_RDONLY)',
  'print("ready", flush=True)',
  'sys.stdin.readline()',
  'fcntl.ioctl(place, 0x8004587d, struct.pack("I", 2))',
].join('\n');
const program = join(dirname(fileURLToPath(import.meta.url)), 'writing-process.ts');

const home = temporaryFolder();
const image = join(home, 'image');
const place = join(home, 'mount');
mkdirSync(place);
process.prependListener('exit', () => void spawnSync('umount', ['-l', place]));

/** True if it ended with 0. */
function run(command: string, ...words: string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0;
}

function must(command: string, ...words: string[]): void {
  if (!run(command, ...words)) throw new Error(`${command} ${words.join(' ')} failed`);
}

const mount = (): boolean => run('mount', '-o', 'loop', image, place);
const able =
  run('truncate', '-s', '192M', image) && run('mkfs.ext4', '-q', '-F', image) && mount() && run('python3', '--version');
if (!able) console.log('SKIPPED power cut: needs root, a loop device and python3');

/** Pulls the plug at about `afterMs` past the writer's first word, and returns what the writer had said by then. */
async function writeAndCut(policy: string, afterMs: number): Promise<string> {
  const plug = spawn('python3', ['-c', SHUTDOWN, place], { stdio: ['pipe', 'pipe', 'inherit'] });
  const pulled = ended(plug);
  await new Promise((resolve) => plug.stdout.once('data', resolve));
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
  plug.stdin.end('pull\n');
  await pulled;
  writer.kill('SIGKILL');
  await killed;
  must('umount', place);
  if (!mount()) throw new Error('the file system does not mount again');
  return promised;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

const cutTest = able ? test : test.skip;

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
