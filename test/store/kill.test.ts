/** kill -9 at any moment: what was said to be durable is there at the next start, under a new replica id each time. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { get, open, temporaryFolder } from './opened.ts';

const ROUNDS = 8;
const program = join(dirname(fileURLToPath(import.meta.url)), 'writing-process.ts');

/** Runs the writer, kills it at about `afterMs` past its start of writing, and returns what it had said. */
function runAndKill(directory: string, afterMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, directory, 'always'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
      said += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (_, signal) =>
      signal === 'SIGKILL' ? resolve(said) : reject(new Error(`it ended by itself: ${said}`)),
    );
  });
}

test('what was durable survives kill -9, again and again, and each start is a new replica', async () => {
  const directory = temporaryFolder();
  const seed = Date.now() % 100_000;
  console.log(`seed ${seed}`);
  const replicas = new Set<string>();
  let promised = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const said = await runAndKill(directory, 20 + ((seed + round * 7919) % 200));
    const begin = /^begin (\d+) (\w+)$/m.exec(said);
    assert.ok(begin, said);
    assert.ok(Number(begin[1]) >= promised, `began at ${begin[1]} after ${promised} were durable`);
    replicas.add(begin[2]);
    const durables = [...said.matchAll(/^durable (\d+)$/gm)].map((match) => Number(match[1]));
    promised = Math.max(promised, ...durables);
  }
  assert.is(replicas.size, ROUNDS);
  const { store, engine } = await open(directory);
  assert.ok(Number(get(engine, 'counter')) >= promised);
  assert.ok(promised > 0);
  await store.close({ clean: true });
});

test.run();
