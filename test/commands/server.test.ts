/** Commands about the node as a whole. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest } from './differential.ts';
import { WholeNode } from './whole-node.ts';

test('TIME gives seconds and microseconds of the clock that expiry goes by', async () => {
  const node = new WholeNode();
  const [seconds, micros] = (await node.run('TIME')) as string[];
  assert.ok(Math.abs(Number(seconds) * 1000 + Number(micros) / 1000 - node.engine.now) < 1000);
  assert.ok(Number(micros) < 1_000_000);
});

test('ROLE says master, how many txns are here, and no replicas', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  assert.equal(await node.run('ROLE'), ['master', 1, []]);
});

test('LOLWUT shows a starling and both versions', async () => {
  assert.match(String(await new WholeNode().run('LOLWUT')), /Starling ver\. 9\.9\.9.*Redis ver\. 7\.4\.2\n$/);
});

test('LASTSAVE is the time of the last write-out', async () => {
  assert.is(await new WholeNode().run('LASTSAVE'), 1_700_000_000);
});

test('SAVE answers when the state is written out', async () => {
  const node = new WholeNode();
  assert.is(await node.run('SAVE'), 'OK');
  assert.is(node.store.saves, 1);
});

test('SAVE tells why the disk refuses', async () => {
  const node = new WholeNode();
  node.store.failure = 'no space left on device';
  assert.is(await node.run('SAVE'), '-ERR no space left on device');
  assert.is(await node.run('BGSAVE'), '-ERR no space left on device');
});

test('BGSAVE and BGREWRITEAOF start a write-out and say so', async () => {
  const node = new WholeNode();
  assert.is(await node.run('BGSAVE'), 'Background saving started');
  assert.is(await node.run('BGSAVE SCHEDULE'), 'Background saving started');
  assert.is(await node.run('BGSAVE later'), '-ERR syntax error');
  assert.is(await node.run('BGREWRITEAOF'), 'Background append only file rewriting started');
  assert.is(node.store.saves, 3);
});

test('SHUTDOWN hands its options on and answers only if nothing comes of it', async () => {
  const node = new WholeNode();
  const answer = node.connect().run('SHUTDOWN', 'NOSAVE', 'NOW', 'FORCE');
  assert.is(await node.run('SHUTDOWN ABORT'), 'OK');
  assert.equal(node.shutdowns, [{ save: false, now: true, force: true }]);
  node.refuseShutdown[0]('Errors trying to SHUTDOWN. Check logs.');
  assert.is(String(await answer), 'ReplyError: ERR Errors trying to SHUTDOWN. Check logs.');
});

test('SHUTDOWN refuses options that contradict each other, and stops nothing then', async () => {
  const node = new WholeNode();
  for (const options of ['SAVE NOSAVE', 'ABORT NOW', 'ABORT SAVE', 'SOON']) {
    assert.is(await node.run(`SHUTDOWN ${options}`), '-ERR syntax error');
  }
  assert.is(await node.run('SHUTDOWN ABORT'), '-ERR No shutdown in progress.');
  assert.equal(node.shutdowns, []);
});

test('SAVE and SHUTDOWN have no place in a transaction', async () => {
  const node = new WholeNode();
  await node.run('MULTI');
  assert.is(await node.run('SAVE'), '-ERR Command not allowed inside a transaction');
  assert.is(await node.run('SHUTDOWN'), '-ERR Command not allowed inside a transaction');
  assert.equal(node.shutdowns, []);
});

test('REPLICAOF NO ONE is true already, and another master is refused with the way to go', async () => {
  const node = new WholeNode();
  for (const command of ['REPLICAOF', 'SLAVEOF']) {
    assert.is(await node.run(`${command} no one`), 'OK');
    assert.match(
      String(await node.run(`${command} 192.0.2.1 6379`)),
      /^-ERR Starling has no master to follow.*MESH JOIN/,
    );
  }
  assert.match(String(await node.run('FAILOVER')), /^-ERR /);
});

test('who would copy this node as a replica of Redis does is told what there is instead', async () => {
  const node = new WholeNode();
  for (const command of ['SYNC', 'PSYNC ? -1', 'REPLCONF capa eof']) {
    assert.match(String(await node.run(command)), /^-ERR Starling sends no .* RDB file: .* --bootstrap, .* MIGRATE, /);
  }
});

test('WAIT answers at once if enough peers have confirmed', async () => {
  const node = new WholeNode();
  node.mesh.confirmed = 2;
  assert.is(await node.run('WAIT 1 1000'), 2);
  assert.equal(node.mesh.asked, []);
});

test('WAIT waits for peers to confirm the last txn of this node', async () => {
  const node = new WholeNode();
  await node.run('SET a 1');
  await node.run('SET b 1');
  const waiting = node.run('WAIT 2 500');
  await new Promise((done) => setImmediate(done));
  assert.equal(node.mesh.asked, ['wait for txn 2 on 2 within 500']);
  node.mesh.confirm(2);
  assert.is(await waiting, 2);
});

test('a WAIT that CLIENT UNBLOCK ends answers how many have confirmed', async () => {
  const node = new WholeNode();
  const other = node.connect();
  const id = await other.run('CLIENT', 'ID');
  const waiting = other.run('WAIT', '5', '0');
  await new Promise((done) => setImmediate(done));
  node.mesh.confirmed = 1;
  assert.is(await node.run(`CLIENT UNBLOCK ${id}`), 1);
  assert.is(await waiting, 1);
});

test('WAIT in a transaction does not wait', async () => {
  const node = new WholeNode();
  node.mesh.confirmed = 1;
  await node.run('MULTI');
  await node.run('WAIT 3 0');
  assert.equal(await node.run('EXEC'), [1]);
});

test('WAITAOF tells whether this node has its writes on disk', async () => {
  const node = new WholeNode();
  assert.equal(await node.run('WAITAOF 1 0 0'), [1, 0]);
  node.store.failure = 'disk full';
  assert.equal(await node.run('WAITAOF 1 0 0'), [0, 0]);
});

test('WAITAOF waits for disks of other nodes, and counts them beside its own', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  const waiting = node.run('WAITAOF 1 2 0');
  await new Promise((done) => setImmediate(done));
  assert.equal(node.mesh.asked, ['wait for txn 1 on 2 disks within 0']);
  node.mesh.confirm(2);
  assert.equal(await waiting, [1, 2]);
});

test('WAITAOF is over with its time, with what there is', async () => {
  const node = new WholeNode();
  node.mesh.confirmed = 1;
  assert.equal(await node.run('WAITAOF 0 2 5'), [0, 1]);
  node.store.isDurable = true;
  assert.equal(await node.run('WAITAOF 0 2 5'), [1, 1]);
});

test('WAITAOF does not wait within a transaction, nor for what is there already', async () => {
  const node = new WholeNode();
  node.mesh.confirmed = 1;
  assert.equal(await node.run('WAITAOF 0 1 0'), [0, 1]);
  await node.run('MULTI');
  await node.run('WAITAOF 1 3 0');
  assert.equal(await node.run('EXEC'), [[0, 1]]);
  assert.equal(node.mesh.asked, []);
});

test('WAITAOF checks what it is asked for', async () => {
  const node = new WholeNode();
  assert.is(await node.run('WAITAOF 2 0 0'), '-ERR value is out of range, value must between 0 and 1');
  assert.is(await node.run('WAITAOF x 0 0'), '-ERR value is not an integer or out of range');
  assert.is(await node.run('WAITAOF 1 -1 0'), '-ERR value is out of range, must be positive');
  assert.is(await node.run('WAITAOF 1 0 -1'), '-ERR timeout is negative');
});

test('SLOWLOG keeps commands above the threshold, latest first', async () => {
  const node = new WholeNode();
  node.services.slowLog.thresholdMicros = 0;
  await node.run('CLIENT SETNAME tester');
  await node.run('SET k v');
  const [entry] = (await node.run('SLOWLOG GET 1')) as ReplyValue[][];
  assert.equal(entry[3], ['SET', 'k', 'v']);
  assert.is(entry[5], 'tester');
  assert.is(entry.length, 6);
});

test('SLOWLOG RESET forgets, and LEN counts', async () => {
  const node = new WholeNode();
  node.services.slowLog.thresholdMicros = 0;
  await node.run('SET k v');
  node.services.slowLog.thresholdMicros = Number.POSITIVE_INFINITY;
  assert.ok(Number(await node.run('SLOWLOG LEN')) > 0);
  assert.is(await node.run('SLOWLOG RESET'), 'OK');
  assert.is(await node.run('SLOWLOG LEN'), 0);
  assert.equal(await node.run('SLOWLOG GET'), []);
});

test('MEMORY USAGE grows with the value and is nil without a key', async () => {
  const node = new WholeNode();
  await node.run('SET', 'small', 'x');
  await node.run('SET', 'large', 'x'.repeat(10_000));
  const [small, large] = [Number(await node.run('MEMORY USAGE small')), Number(await node.run('MEMORY USAGE large'))];
  assert.ok(small > 0 && large > small + 9000);
  assert.is(await node.run('MEMORY USAGE none'), null);
  assert.is(await node.run('MEMORY USAGE small SAMPLES 5'), small);
});

test('MEMORY STATS counts keys', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  assert.is((await node.fields('MEMORY STATS'))['keys.count'], 1);
});

test('MEMORY DOCTOR sees data above maxmemory', async () => {
  const node = new WholeNode();
  assert.is(await node.run('MEMORY DOCTOR'), 'Nothing is wrong with the memory of this node.\n');
  await node.run('SET', 'k', 'x'.repeat(10_000));
  await node.run('CONFIG SET maxmemory 1000');
  assert.match(String(await node.run('MEMORY DOCTOR')), /more than maxmemory \(1000\)/);
});

test('there are no modules, no function libraries and no latency events', async () => {
  const node = new WholeNode();
  for (const command of ['MODULE LIST', 'FUNCTION LIST', 'LATENCY LATEST', 'LATENCY HISTORY command'])
    assert.equal(await node.run(command), []);
  assert.is(await node.run('LATENCY RESET'), 0);
  assert.is(await node.run('FUNCTION FLUSH'), 'OK');
});

differentialTest('wrong arguments are refused in the words of Redis', async () => {
  const both = await BothServers.open();
  try {
    await both.compare([
      'SLOWLOG GET -2',
      'SLOWLOG GET x',
      'SLOWLOG GET 1 2',
      'SLOWLOG NOSUCH',
      'SLOWLOG',
      'LATENCY NOSUCH',
      'LATENCY HISTORY',
      'MEMORY NOSUCH',
      'MEMORY USAGE',
      'MEMORY USAGE k SAMPLES',
      'MEMORY USAGE k SAMPLES x',
      'MEMORY USAGE k OTHER 1',
      'MEMORY USAGE none',
      'BGSAVE NOW',
      'LATENCY GRAPH command',
      'LATENCY HISTORY command',
      'SHUTDOWN SAVE NOSAVE',
      'SHUTDOWN ABORT',
      'SHUTDOWN NOSUCH',
      'TIME 1',
      'ROLE 1',
      'LASTSAVE 1',
      'SAVE 1',
      'REPLICAOF a',
      'MODULE NOSUCH',
      'MODULE LIST',
      'LATENCY HISTORY nosuch',
      'LATENCY LATEST',
      'FUNCTION LIST',
      'SLOWLOG RESET',
      'SLOWLOG LEN',
    ]);
  } finally {
    both.close();
  }
});

test.run();
