/**
 * Every single disk operation of a fixed piece of work fails once: before it did anything, or after it did it all. Each
 * time the store must say so, go on by itself, and end with nothing lost.
 */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../../src/core/index.ts';
import { LevelDisk, type Operation } from '../../src/store/disk.ts';
import { newReplicaId } from '../../src/store/incarnation.ts';
import { OpenStore } from '../../src/store/store.ts';
import { durable, get, increment, open, set, temporaryFolder } from './opened.ts';

const STEPS = 12;
const NEVER = -1;

/** Fails its nth writing operation, and the attempt to open afresh after it. */
class FaultyDisk extends LevelDisk {
  operations = 0;
  private readonly nth: number;
  private readonly when: 'before' | 'after';

  constructor(path: string, nth: number, when: 'before' | 'after') {
    super(path);
    this.nth = nth;
    this.when = when;
  }

  override batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    return this.faulty(() => super.batch(operations, sync));
  }

  override syncFiles(): Promise<void> {
    return this.faulty(() => super.syncFiles());
  }

  override reopen(): Promise<void> {
    return this.faulty(() => super.reopen());
  }

  private async faulty(work: () => Promise<void>): Promise<void> {
    this.operations++;
    const fails = this.operations === this.nth || this.operations === this.nth + 1;
    if (fails && this.when === 'before') throw new Error('IO error: Input/output error');
    await work();
    if (fails) throw new Error('IO error: Input/output error');
  }
}

/** Writes, checkpoints, waits; whatever fails, goes on. Returns how many operations it took and the failures seen. */
async function work(nth: number, when: 'before' | 'after'): Promise<{ operations: number; failures: string[] }> {
  const directory = temporaryFolder();
  const disk = new FaultyDisk(join(directory, 'store'), nth, when);
  await disk.open();
  const failures: string[] = [];
  const replica = newReplicaId();
  const store = new OpenStore(
    {
      ...{ disk, replica, continues: false, isCopy: false, settle: null },
      leaveMarker: () => Promise.reject(new Error('nothing here ends cleanly')),
    },
    { directory, appendfsync: 'always', notice: (level, text) => level === 'warning' && failures.push(text) },
  );
  const engine = createEngine({ replica, hashSeed: 1 });
  engine.setNow(Date.now());
  await store.load(engine);
  store.attach(engine);
  let acknowledged = 0;
  for (let step = 1; step <= STEPS; step++) {
    set(engine, `key:${step}`, 'x');
    increment(engine, 'counter');
    if (step % 4 === 0) void store.save().catch(() => undefined);
    await durable(store).then(
      () => {
        acknowledged = step;
      },
      () => undefined,
    );
    while (store.failure !== null) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (let settled = false; !settled; await new Promise((resolve) => setTimeout(resolve, 20))) {
    settled = await durable(store).then(
      () => true,
      () => false,
    );
  }
  const digest = engine.digest();
  await store.close({ clean: false });
  const { operations } = disk;
  const again = await open(directory);
  assert.is(again.engine.digest(), digest, `operation ${nth} failed ${when} its work`);
  assert.ok(Number(get(again.engine, 'counter')) >= acknowledged);
  await again.store.close({ clean: false });
  return { operations, failures };
}

test('with no fault the work is done without a word', async () => {
  const { operations, failures } = await work(NEVER, 'before');
  assert.ok(operations > STEPS);
  assert.equal(failures, []);
});

for (const when of ['before', 'after'] as const) {
  test(`each operation in turn fails ${when} its work, and nothing is lost`, async () => {
    const { operations } = await work(NEVER, when);
    const runs = await Promise.all(Array.from({ length: operations }, (_, index) => work(index + 1, when)));
    // how many there are depends on what waits together: of the last ones some may not come
    const reached = runs.filter((run, index) => run.operations > index);
    assert.ok(reached.length > operations / 2, `${reached.length} of ${operations}`);
    for (const { failures } of reached) assert.match(failures.join('\n'), 'Input/output error');
  });
}

test.run();
