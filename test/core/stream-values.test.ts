/** What elements of streams hold: whatever number is written, every peer can read it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/slice.ts';
import { Item } from '../../src/core/types/stream-names.ts';
import { isValue, STREAM_NUMBER_MAX, ValueWriter } from '../../src/core/types/stream-values.ts';

const EXTREMES = [-(2 ** 63), -1, 0, 1, STREAM_NUMBER_MAX, Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 63];

test('numbers beyond what is kept are written as the nearest that is', () => {
  const writer = new ValueWriter();
  const sound = (item: Item, { bytes, start, end }: Slice) => isValue(item, bytes, start, end);
  for (const one of EXTREMES) {
    assert.ok(sound(Item.addedBase, writer.number(one)), `${one} entries added`);
    assert.ok(sound(Item.groupRead, writer.read(one)), `${one} entries read`);
    for (const other of EXTREMES) {
      assert.ok(sound(Item.consumer, writer.consumer(one, other)), `seen ${one}, active ${other}`);
      assert.ok(sound(Item.pending, writer.pending(Slice.of('c'), one, other)), `delivered ${one}, ${other} times`);
    }
  }
});

test.run();
