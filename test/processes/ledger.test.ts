/** The ledger itself: if it did not notice what went wrong, no test that is judged by it would mean anything. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { described } from './healed.ts';
import { Ledger } from './ledger.ts';
import { writeNow } from './ledger-writer.ts';
import { NodeProcess } from './node-process.ts';

const WRITES = 300;
let node: NodeProcess;
let ledger: Ledger;

test.before(async () => {
  node = await NodeProcess.start({ flags: ['--no-mdns'] });
});
test.after(() => node.kill());
test.before.each(async () => {
  await node.must('FLUSHALL');
  const seed = Date.now();
  console.log(`seed ${seed}`);
  ledger = new Ledger(new Random(seed));
  for (let index = 0; index < WRITES; index++) await writeNow(node, ledger.draw('w'));
});

test('nothing is found where nothing went wrong', async () => {
  assert.is(described(await ledger.examine(node)), '');
  assert.is(ledger.acknowledged, WRITES);
  assert.is(ledger.inDoubt, 0);
});

test('a value that is gone is lost', async () => {
  await writeNow(node, ledger.addition('string', 'x'));
  await node.must('DEL', 'string:x');
  assert.equal(await ledger.examine(node), { lost: ['string:x is missing'], unwritten: [] });
});

test('a member and a field that are gone are lost', async () => {
  const drafts = [ledger.addition('member', 'm'), ledger.addition('field', 'f')];
  for (const draft of drafts) await writeNow(node, draft);
  const [[, set], [, hash]] = drafts.map(({ entry }) => entry.words);
  await node.must('SREM', set, 'm');
  await node.must('HDEL', hash, 'f');
  assert.equal(await ledger.examine(node), { lost: [`${set} m is missing`, `${hash} f is missing`], unwritten: [] });
});

test('what was removed and is back is lost as well: the removal was acknowledged', async () => {
  let words: readonly string[] = [];
  while (words[0] !== 'DEL') {
    const draft = ledger.draw('w');
    await writeNow(node, draft);
    words = draft.entry.words;
  }
  const [, key] = words;
  await node.must('SET', key, key.slice('string:'.length));
  assert.equal(await ledger.examine(node), { lost: [`${key} was removed, and is there`], unwritten: [] });
});

test('a counter is lost below what was acknowledged, and unwritten above it', async () => {
  const key = 'counter:0';
  const counted = Number(await node.must('GET', key));
  await node.must('DECR', key);
  assert.equal((await ledger.examine(node)).lost, [`${key} is ${counted - 1}, not ${counted}`]);
  await node.must('INCRBY', key, 2);
  assert.equal((await ledger.examine(node)).unwritten, [`${key} is ${counted + 1} after ${counted} increments`]);
});

test('a register shows one of its values', async () => {
  const [key] = (await node.must('KEYS', 'register:*')) as string[];
  await node.must('SET', key, 'nobody wrote this');
  assert.equal((await ledger.examine(node)).unwritten, [`${key} is nobody wrote this`]);
});

test('keys and members that nobody wrote are found', async () => {
  await node.must('SET', 'stray', 'x');
  await node.must('SADD', 'set:0', 'stray');
  const { lost, unwritten } = await ledger.examine(node);
  assert.equal(lost, []);
  assert.equal(unwritten.sort(), ['set:0 stray was never written', 'stray was never written']);
});

test('what is in doubt may be there or not', async () => {
  for (const [value, happened] of [
    ['yes', true],
    ['no', false],
  ] as const) {
    const draft = ledger.addition('string', value);
    if (happened) await node.must(...draft.entry.words);
    draft.settle(null);
  }
  assert.is(described(await ledger.examine(node)), '');
  assert.is(ledger.inDoubt, 2);
});

test('a promise that is taken back is one no longer, and what is gone of it is told', async () => {
  const draft = ledger.addition('string', 'late');
  const beforeMs = performance.now();
  await writeNow(node, draft);
  await node.must('DEL', 'string:late');
  const doubted = ledger.doubtSince(beforeMs);
  assert.is(described(await ledger.examine(node)), '');
  assert.equal(await ledger.missing(node, doubted), [draft.entry]);
});

test.run();
