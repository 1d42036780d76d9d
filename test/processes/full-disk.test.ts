/**
 * The disk of a node in a mesh fills up (ext4): its clients' writes are refused, reads and peers go on; killed and
 * started with room again, it has all that it ever acknowledged. Needs root.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { LoopDisk } from '../store/loop-disk.ts';
import { clusterName, connected, flagsFor } from './cluster.ts';
import { assertHealed } from './healed.ts';
import { errorOf, Ledger } from './ledger.ts';
import { whileWriting, writeNow } from './ledger-writer.ts';
import { eventually, freePort, killAll, NodeProcess, sleep, temporaryFolder } from './node-process.ts';
import { testUnless } from './obstacles.ts';

const PER_SECOND = 200;
const MEGABYTE = 2 ** 20;
const disk = LoopDisk.make(temporaryFolder());
const diskTest = testUnless(disk === null ? 'needs root, a loop device and python3' : null, 'full disk under a mesh');
const place = disk?.place ?? '';

/** Takes all the room, to the last megabyte. */
function fillUp(): string {
  const path = join(place, 'filler');
  for (let size = 1; ; size++) {
    try {
      writeFileSync(path, Buffer.alloc(MEGABYTE, 1), { flag: 'a' });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return path;
      throw error;
    }
    assert.ok(size < 1000, 'the disk is small');
  }
}

diskTest('a full disk refuses writes and loses none, and the rest of the mesh goes on', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const ledger = new Ledger(new Random(seed));
  const name = clusterName();
  const nodes = [await NodeProcess.start({ flags: [...flagsFor(name, []), '--appendfsync', 'always'] })];
  try {
    const flags = [...flagsFor(name, nodes), '--appendfsync', 'always'];
    const options = { flags, directory: join(place, 'node'), port: await freePort(), meshPort: await freePort() };
    nodes.push(await NodeProcess.start(options));
    const victim = nodes[1];
    await connected(nodes);
    await whileWriting(nodes, ledger, { perSecond: PER_SECOND, errorsExpected: true }, async () => {
      await sleep(500);
      const filler = fillUp();
      await eventually(
        'a write is refused',
        () => victim.command('DEL', 'nothing'),
        (answer) => errorOf(answer)?.startsWith('MISCONF') === true,
      );
      const draft = ledger.addition('string', 'of the other');
      await writeNow(nodes[0], draft);
      await eventually(
        'what a peer writes shows',
        () => victim.must('GET', 'string:of the other'),
        (value) => value === 'of the other',
      );
      await victim.kill();
      rmSync(filler);
      nodes[1] = await NodeProcess.start(options);
      await sleep(500);
    });
    await connected(nodes);
    await assertHealed(nodes, ledger);
    assert.is(await nodes[1].info('aof_last_write_status'), 'ok');
  } finally {
    await killAll(nodes);
  }
});

test.run();
