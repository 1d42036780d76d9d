/**
 * A partition on a bad network: three nodes in network namespaces, on a switch that delays, loses, doubles and reorders
 * frames; one of them is cut off for longer than libp2p keeps a silent connection, and clients write to all of them all
 * the while. `npm run soak -- partitions` is the long version. Needs root.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { connected } from './cluster.ts';
import { assertHealed } from './healed.ts';
import { BAD_LINE, LabNetwork } from './lab-network.ts';
import { Ledger } from './ledger.ts';
import { whileWriting, writeNow } from './ledger-writer.ts';
import { killAll, type NodeProcess, sleep } from './node-process.ts';
import { networkObstacle, testUnless } from './obstacles.ts';

const CUT_MS = 12_000;
const PER_SECOND = 60;
const networkTest = testUnless(networkObstacle(), 'bad network');

networkTest('what both sides of a partition acknowledge over a bad network is on all nodes afterwards', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const network = await LabNetwork.make(3, seed);
  let nodes: NodeProcess[] = [];
  try {
    nodes = await network.startNodes();
    await network.setLine(BAD_LINE);
    const ledger = new Ledger(new Random(seed));
    await whileWriting(nodes, ledger, { perSecond: PER_SECOND }, async () => {
      await sleep(2_000);
      await network.cut([0], [1, 2]);
      await writeNow(nodes[1], ledger.addition('string', 'marker'));
      await sleep(CUT_MS);
      assert.is(await nodes[0].must('GET', 'string:marker'), null, 'the cut lets nothing through');
      const { passed, lost, duplicated, reordered, blocked } = await network.heal();
      for (const count of [passed, lost, duplicated, reordered, blocked]) assert.ok(count > 0, 'the network is bad');
      await sleep(2_000);
    });
    await connected(nodes, 60_000);
    await assertHealed(nodes, ledger);
    assert.is(ledger.inDoubt, 0);
    assert.ok(ledger.acknowledged > 1000, `${ledger.acknowledged} acknowledged`);
  } finally {
    await killAll(nodes);
    await network.close();
  }
});

test.run();
