/** CRDT: what the replicated data is made of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine } from '../../src/core/index.ts';
import { createEngine, Slice } from '../../src/core/index.ts';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { recordOf, WholeNode } from './whole-node.ts';

const OTHER = '00000000000000b2';

/** Writes on another replica, and brings its txns here. */
function writeElsewhere(node: WholeNode, write: (other: Engine) => void): void {
  const other = createEngine({ replica: OTHER, hashSeed: 2 });
  other.setNow(node.engine.now + 1000);
  other.setStability('alone', 0);
  other.begin();
  write(other);
  other.commit();
  const envelope = other.seal();
  if (envelope === null) throw new Error('nothing was written');
  assert.is(node.engine.receive(envelope.bytes).kind, 'applied');
}

function setElsewhere(node: WholeNode, key: string, value: string): void {
  writeElsewhere(node, (other) => other.databases[0].strings.write(Slice.of(key), Slice.of(value), -1));
}

test('CRDT VECTOR counts the txns of each replica', async () => {
  const node = new WholeNode();
  await node.run('SET a 1');
  await node.run('SET a 2');
  setElsewhere(node, 'b', '1');
  const vector = (await node.run('CRDT VECTOR')) as ReplyValue[][];
  assert.equal(
    vector.map(([replica, number]) => [replica, number]),
    [
      ['00000000000000a1', 2],
      [OTHER, 1],
    ],
  );
  assert.ok(vector.every(([, , stamp]) => typeof stamp === 'number' && stamp > 0));
});

test('CRDT DIGEST changes with the data, and comes back with it', async () => {
  const node = new WholeNode();
  const empty = await node.run('CRDT DIGEST');
  await node.run('SET k v');
  assert.is.not(await node.run('CRDT DIGEST'), empty);
  await node.run('DEL k');
  assert.is(await node.run('CRDT DIGEST'), empty);
});

test('CRDT INSPECT shows both of two concurrent values, and GET the later one', async () => {
  const node = new WholeNode();
  await node.run('SET k here');
  setElsewhere(node, 'k', 'there');
  const inspection = await node.fields('CRDT INSPECT k');
  assert.is(inspection.type, 'string');
  const [part] = (inspection.parts as ReplyValue[]).map(recordOf);
  const [element] = (part.elements as ReplyValue[]).map(recordOf);
  const values = (element.values as ReplyValue[]).map(recordOf);
  assert.equal(values.map(({ replica, value }) => [replica, value]).sort(), [
    ['00000000000000a1', 'here'],
    [OTHER, 'there'],
  ]);
  assert.is(await node.run('GET k'), 'there');
});

test('CRDT INSPECT shows increments by replica', async () => {
  const node = new WholeNode();
  await node.run('INCRBY n 7');
  writeElsewhere(node, (other) => other.databases[0].strings.addInteger(Slice.of('n'), 3));
  const inspection = await node.fields('CRDT INSPECT n');
  const [part] = (inspection.parts as ReplyValue[]).map(recordOf);
  const [element] = (part.elements as ReplyValue[]).map(recordOf);
  const counters = (element.counters as ReplyValue[]).map(recordOf);
  assert.equal(counters.map(({ replica, sum }) => [replica, sum]).sort(), [
    ['00000000000000a1', '7'],
    [OTHER, '3'],
  ]);
});

test('CRDT INSPECT names fields, and shows times to live', async () => {
  const node = new WholeNode();
  await node.run('HSET h f v');
  await node.run('PEXPIREAT h 99999999999999');
  const inspection = await node.fields('CRDT INSPECT h');
  assert.is(inspection.type, 'hash');
  const [part] = (inspection.parts as ReplyValue[]).map(recordOf);
  assert.is(recordOf((part.elements as ReplyValue[])[0]).name, 'f');
  assert.is(recordOf((inspection.deadlines as ReplyValue[])[0]).deadline, 99999999999999);
});

test('CRDT INSPECT gives maps in RESP3', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  await node.run('HELLO 3');
  const inspection = (await node.run('CRDT INSPECT k')) as Map<string, ReplyValue>;
  assert.equal([...inspection.keys()], ['type', 'deadlines', 'parts']);
});

test('CRDT INSPECT of no key is nil', async () => {
  assert.is(await new WholeNode().run('CRDT INSPECT none'), null);
});

test('CRDT CONFLICTS shows who won and who lost', async () => {
  const node = new WholeNode();
  await node.run('SET k here');
  setElsewhere(node, 'k', 'there');
  const [conflict] = ((await node.run('CRDT CONFLICTS')) as ReplyValue[]).map(recordOf);
  assert.equal([conflict.db, conflict.key, conflict.field, conflict.kind], [0, 'k', null, 'value']);
  assert.is(recordOf(conflict.winner).value, 'there');
  assert.equal(
    (conflict.losers as ReplyValue[]).map((loser) => recordOf(loser).value),
    ['here'],
  );
});

test('CRDT CONFLICTS shows as many as asked for', async () => {
  const node = new WholeNode();
  for (const key of ['a', 'b', 'c']) await node.run(`SET ${key} here`);
  writeElsewhere(node, (other) => {
    for (const key of ['a', 'b', 'c']) other.databases[0].strings.write(Slice.of(key), Slice.of('there'), -1);
  });
  assert.is(((await node.run('CRDT CONFLICTS 2')) as ReplyValue[]).length, 2);
  assert.is(((await node.run('CRDT CONFLICTS')) as ReplyValue[]).length, 3);
});

test('bad input gets a clear error', async () => {
  const node = new WholeNode();
  assert.is(await node.run('CRDT CONFLICTS 0'), '-ERR value is out of range, must be positive');
  assert.is(await node.run('CRDT CONFLICTS x'), '-ERR value is out of range, must be positive');
  assert.is(await node.run('CRDT CONFLICTS 1 2'), '-ERR syntax error');
  assert.is(await node.run('CRDT NOSUCH'), "-ERR unknown subcommand 'NOSUCH'. Try CRDT HELP.");
  assert.is(await node.run('CRDT INSPECT'), "-ERR wrong number of arguments for 'crdt|inspect' command");
});

test('CRDT VERIFY tells what was looked at, found and mended', async () => {
  const node = new WholeNode();
  const answer = recordOf(await node.run('CRDT VERIFY'));
  assert.is(answer.slots, 16_384);
  assert.is(answer.damaged, 1);
  assert.is(answer.mended, 1);
  assert.equal((answer.peers as ReplyValue[]).map(recordOf), [{ peer: '12D3KooWother', data: 'equal' }]);
  assert.equal((answer.keys as ReplyValue[]).map(recordOf), [{ db: 2, key: 'k' }]);
  assert.is(recordOf(await node.run('CRDT VERIFY norepair')).mended, 0);
  assert.equal(node.mesh.asked, ['verify true', 'verify false']);
});

test('CRDT VERIFY takes no other word, tells why it failed, and cannot wait inside a transaction', async () => {
  const node = new WholeNode();
  assert.is(await node.run('CRDT VERIFY now'), '-ERR syntax error');
  assert.is(await node.run('CRDT VERIFY NOREPAIR x'), '-ERR syntax error');
  node.mesh.refusal = 'it cannot be';
  assert.is(await node.run('CRDT VERIFY'), '-ERR it cannot be');
  await node.run('MULTI');
  await node.run('CRDT VERIFY');
  const [reply] = (await node.run('EXEC')) as ReplyValue[];
  assert.match(String(reply), /CRDT VERIFY cannot wait for other nodes inside a transaction/);
});

test.run();
