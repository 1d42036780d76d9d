/** Many txns are acknowledged by one telling, soon among few peers and later among many. Virtual time. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Acknowledging } from '../../src/mesh/acknowledging.ts';
import { World } from '../simulation/world.ts';

const SECONDS = 12;

/** How often peers are told while something is applied every millisecond. */
async function tellings(peers: number): Promise<number> {
  const world = new World(1);
  world.install();
  try {
    let told = 0;
    const acknowledging = new Acknowledging({ size: peers }, () => told++);
    setInterval(() => acknowledging.note(), 1);
    await world.run(SECONDS * 1000);
    assert.equal(world.faults, []);
    return told;
  } finally {
    world.uninstall();
  }
}

test('among few peers five times a second at most, among many the more seldom the more there are', async () => {
  const [few, hundred, hundreds] = [await tellings(3), await tellings(100), await tellings(300)];
  assert.ok(few <= SECONDS * 5 && few > SECONDS * 4);
  assert.ok(hundred <= SECONDS && hundred > 0.8 * SECONDS);
  assert.ok(hundreds <= SECONDS / 3 && hundreds > 0);
  assert.is(await tellings(20), few);
});

test('what is due among many peers stands for what rounds would say; among few it does not', async () => {
  const world = new World(1);
  world.install();
  try {
    const [few, many] = [3, 100].map((size) => new Acknowledging({ size }, () => {}));
    assert.not(many.standsForRounds);
    few.note();
    many.note();
    assert.not(few.standsForRounds);
    assert.ok(many.standsForRounds);
    await world.run(1000);
    assert.not(many.standsForRounds);
  } finally {
    world.uninstall();
  }
});

test.run();
