/** What a node says when it cannot start or cannot write. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName } from './cluster.ts';
import { eventually, freePort, NodeProcess, temporaryFolder } from './node-process.ts';

const alone = (): string[] => ['--cluster', clusterName(), '--no-mdns'];

function occupy(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('a port in use ends the start with one line that names it', async () => {
  const port = await freePort();
  const server = await occupy(port);
  const node = await NodeProcess.launch({ port, flags: alone() });
  assert.is(await node.ended(), 1, node.output);
  assert.match(node.output, String(port));
  assert.not.match(node.output, /^\s+at /m);
  server.close();
});

test('an unknown option ends the start with one line that names it', async () => {
  const node = await NodeProcess.launch({ flags: ['--appendfsink', 'always'] });
  assert.is(await node.ended(), 1, node.output);
  assert.match(node.output, 'appendfsink');
  assert.match(node.output, 'appendfsync');
  assert.not.match(node.output, /^\s+at /m);
});

test('a second node on one data directory is refused, naming the directory', async () => {
  const first = await NodeProcess.start({ flags: alone() });
  try {
    const second = await NodeProcess.launch({ directory: first.directory, flags: alone() });
    assert.is(await second.ended(), 1, second.output);
    assert.match(second.output, first.directory);
    assert.match(second.output, 'in use by another Starling process');
    assert.not.match(second.output, /^\s+at /m);
    assert.is(await first.must('PING'), 'PONG');
  } finally {
    await first.kill();
  }
});

test('a damaged peer key ends the start with one line that says what to do', async () => {
  const directory = temporaryFolder();
  writeFileSync(join(directory, 'peer.key'), '');
  const node = await NodeProcess.launch({ directory, flags: alone() });
  assert.is(await node.ended(), 1, node.output);
  assert.match(node.output, 'peer.key is damaged; delete the file');
  assert.not.match(node.output, /^\s+at /m);
});

test('SIGINT ends a node in order, with exit code 0', async () => {
  const node = await NodeProcess.start({ flags: alone() });
  await node.must('SET', 'k', 'v');
  assert.is(await node.stop('SIGINT'), 0, node.output);
});

const disk = join(temporaryFolder(), 'disk');
mkdirSync(disk);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]).status === 0;
if (mounted) process.prependListener('exit', () => void spawnSync('umount', ['-l', disk]));
else console.log('SKIPPED full disk: no right to mount a tmpfs (run as root)');

(mounted ? test : test.skip)(
  'a full disk refuses writes with MISCONF, serves reads, and recovers by itself',
  async () => {
    const directory = join(disk, 'data');
    const node = await NodeProcess.start({ directory, flags: [...alone(), '--appendfsync', 'always'] });
    try {
      await node.must('SET', 'before', 'x');
      const filler = join(disk, 'filler');
      writeFileSync(filler, Buffer.alloc(55 * 1024 * 1024));
      await eventually(
        'a refused write',
        () => node.command('SET', 'during', 'x'),
        (answer) => JSON.stringify(answer).includes('MISCONF'),
      );
      // a client whose write's fate is open is told so and disconnected; a new connection reads on
      const reader = await node.connect();
      assert.is(await reader.command('GET', 'before'), 'x');
      reader.close();
      rmSync(filler);
      await eventually(
        'writing again',
        () => node.command('SET', 'after', 'x'),
        (answer) => answer === 'OK',
      );
      assert.is(await node.stop(), 0, node.output);
      const again = await NodeProcess.start({ directory, flags: alone() });
      assert.equal(await again.must('MGET', 'before', 'after'), ['x', 'x']);
      await again.kill();
    } finally {
      await node.kill();
    }
  },
);

test.run();
