/** The verdicts of `npm run soak` that are taken from figures, and the mix of writes that it makes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judge } from '../../scripts/soak/steady.ts';
import { mixedWrite } from '../../scripts/soak/writer.ts';

const MIB = 2 ** 20;
const swinging = (at: (index: number) => number) =>
  Array.from({ length: 60 }, (_, index) => (at(index) + (index % 2 === 0 ? 5 : -5)) * MIB);

test('memory that swings about one level is steady', () => {
  assert.is(judge(swinging(() => 150)).steady, true);
});

test('memory that grows while the node warms up, and no more, is steady', () => {
  assert.is(judge(swinging((index) => (index < 30 ? 80 + index * 5 : 230))).steady, true);
});

test('memory that goes on growing is not steady', () => {
  const { before, after, steady } = judge(swinging((index) => 150 + 3 * index));
  assert.is(steady, false);
  assert.ok(after > before);
});

test('too few samples give no verdict', () => {
  assert.throws(() => judge([1, 2, 3]), /too few/);
});

test('every fifth write is an increment, and the deletes reach every type', () => {
  const writes = Array.from({ length: 300 }, (_, index) => mixedWrite(index, 'a'));
  assert.is(writes.filter(([name]) => name === 'INCR').length, 60);
  const deleted = new Set(writes.filter(([name]) => name === 'DEL').map(([, key]) => key.split(':')[0]));
  assert.equal(deleted, new Set(['string', 'set', 'hash']));
});

test.run();
