/** Two nodes: what is changed on one invalidates the caches of the other's clients, and is told to its listeners, once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Wire } from '../resp/served.ts';
import { startCluster } from './cluster.ts';
import { converged, killAll, type NodeProcess } from './node-process.ts';

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

/** A RESP3 connection, and what it has been pushed when it has heard `last`. */
async function listener(node: NodeProcess, ...lines: string[]): Promise<(last: string) => Promise<string>> {
  const wire = await Wire.connect(node.port);
  for (const line of ['HELLO 3', ...lines, 'PING ready']) wire.send(`${line}\r\n`);
  await wire.until((received) => received.endsWith('ready\r\n'));
  return async (last) => {
    const heard = await wire.until((received) => received.includes(last));
    if (last === 'the end') wire.close();
    return heard;
  };
}

const INVALIDATED = (key: string) => `>2\r\n$10\r\ninvalidate\r\n*1\r\n$${key.length}\r\n${key}\r\n`;

test('a write on one node invalidates what a client of the other has in its cache', async () => {
  const [a, b] = nodes;
  await a.must('SET', 'cached', '1');
  await converged(nodes);
  const heard = await listener(b, 'CLIENT TRACKING ON', 'GET cached');
  await a.must('SET', 'cached', '2');
  assert.is(await heard('cached\r\n'), INVALIDATED('cached'));
  assert.is(await b.must('GET', 'cached'), '2');
});

test('BCAST hears of the keys of other nodes too, and FLUSHALL there empties the cache here', async () => {
  const [a, b] = nodes;
  const heard = await listener(b, 'CLIENT TRACKING ON BCAST PREFIX user:');
  await a.must('MSET', 'user:1', 'x', 'other', 'y');
  assert.is(await heard('user:1\r\n'), INVALIDATED('user:1'));
  await a.must('FLUSHALL');
  assert.is(await heard('_\r\n'), '>2\r\n$10\r\ninvalidate\r\n_\r\n');
});

test('listeners on every node hear of a change once, each from its own node', async () => {
  for (const node of nodes) await node.must('CONFIG', 'SET', 'notify-keyspace-events', 'EA');
  const listeners = await Promise.all(nodes.map((node) => listener(node, 'PSUBSCRIBE __keyevent@0__:*')));
  await nodes[0].must('SADD', 'told', 'x', 'y');
  await nodes[0].must('PEXPIRE', 'told', '20');
  await converged(nodes);
  // told over the mesh, it would be here before this
  await nodes[1].must('SET', 'last', 'v');
  await converged(nodes);
  for (const heard of listeners) {
    let text = await heard('\r\nlast\r\n');
    if (!text.includes(':expired')) text += await heard(':expired');
    const events = [...text.matchAll(/__:(\w+)\r\n/g)].map(([, event]) => event);
    assert.equal(events.sort(), ['expire', 'expired', 'sadd', 'set']);
  }
});

test.run();
