/**
 * Wall clocks that jump while nodes run and clients write to all of them (libfaketime). `npm run soak -- clocks` is the
 * long version.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { clusterName, connected, startCluster } from './cluster.ts';
import { clockObstacle, FakedClock } from './faked-clock.ts';
import { assertHealed } from './healed.ts';
import { Ledger } from './ledger.ts';
import { whileWriting, writeNow } from './ledger-writer.ts';
import { converged, eventually, freePort, killAll, NodeProcess, sleep } from './node-process.ts';
import { testUnless } from './obstacles.ts';

const PER_SECOND = 100;
const HOUR = 3600;
const SKEW_SECONDS = 2 * HOUR;
/**
 * One node's clock, in seconds ahead of the others': back; forward by as much as the clock guard lets pass, so that all
 * take up its time; back, so that it takes nothing from them; and right. What it lacks then it must not wait hours for.
 */
const JUMPS = [-3 * HOUR, SKEW_SECONDS - 60, -600, 0];
const BETWEEN_MS = 1_200;
const obstacle = clockObstacle();
const clockTest = testUnless(obstacle, 'clock jumps');

clockTest('jumps of one clock, back by hours and forward, lose nothing', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const clock = new FakedClock();
  const flags = ['--max-clock-skew', `${SKEW_SECONDS * 1000}`];
  const nodes = await startCluster(3, (index) => ({ flags, prefix: index === 0 ? clock.prefix : [] }));
  try {
    const ledger = new Ledger(new Random(seed));
    await whileWriting(nodes, ledger, { perSecond: PER_SECOND }, async () => {
      for (const offset of JUMPS) {
        clock.set(offset);
        await sleep(BETWEEN_MS);
        const [seconds] = (await nodes[0].must('TIME')) as string[];
        assert.ok(Math.abs(Number(seconds) - Date.now() / 1000 - offset) < 3, `its clock is ${seconds}`);
      }
    });
    await assertHealed(nodes, ledger);
    assert.ok(ledger.acknowledged > 500, `${ledger.acknowledged} acknowledged`);
  } finally {
    await killAll(nodes);
  }
});

clockTest('a peer that was not there before a clock was set back is dialled again soon after', async () => {
  const clock = new FakedClock();
  clock.set(HOUR);
  const meshPort = await freePort();
  const flags = ['--no-mdns', '--cluster', clusterName()];
  const bootstrap = ['--bootstrap', `/ip4/127.0.0.1/tcp/${meshPort}`];
  const nodes = [await NodeProcess.start({ flags: [...flags, ...bootstrap], prefix: clock.prefix })];
  try {
    await eventually(
      'it has dialled in vain',
      () => nodes[0].info('mesh_dials_failed'),
      (count) => Number(count) > 0,
    );
    clock.set(0);
    nodes.push(await NodeProcess.start({ flags, meshPort }));
    await connected(nodes);
  } finally {
    await killAll(nodes);
  }
});

clockTest('what is written an hour ahead waits, hides nothing, and is there when its time has come', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const clocks = [new FakedClock(), new FakedClock()];
  const nodes = await startCluster(2, (index) => ({ prefix: clocks[index].prefix }));
  try {
    const [ahead, honest] = nodes;
    const ledger = new Ledger(new Random(seed));
    await writeNow(honest, ledger.addition('string', 'before'));
    await converged(nodes);
    clocks[0].set(HOUR);
    await whileWriting([ahead], ledger, { perSecond: PER_SECOND }, () => sleep(1_000));
    clocks[0].set(0);
    await writeNow(ahead, ledger.addition('string', 'clock mended'));
    await eventually(
      'the clock guard sees it',
      () => honest.info('crdt_quarantined_replicas'),
      (count) => count === '1',
    );
    assert.equal(await honest.must('KEYS', '*'), ['string:before']);
    await writeNow(honest, ledger.addition('string', 'honest'));
    await eventually(
      'the honest write is not held back',
      () => ahead.must('GET', 'string:honest'),
      (value) => value === 'honest',
    );
    // an hour later
    for (const clock of clocks) clock.set(HOUR);
    await assertHealed(nodes, ledger);
    assert.is(await honest.info('crdt_quarantined_replicas'), '0');
  } finally {
    await killAll(nodes);
  }
});

test.run();
