import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

test('DBSIZE counts the keys of the selected database', async () => {
  const node = new SingleNode();
  assert.is(await node.run('DBSIZE'), 0);
  await node.runAll('SET a 1', 'SET b 2', 'SELECT 1', 'SET c 3');
  assert.is(await node.run('DBSIZE'), 1);
});

test('FLUSHDB empties the selected database, FLUSHALL all of them', async () => {
  for (const mode of ['', ' ASYNC', ' SYNC', ' sync']) {
    const node = new SingleNode();
    await node.runAll('SET a 1', 'SELECT 1', 'SET b 1', 'SELECT 2', 'SET c 1');
    assert.is(await node.run(`FLUSHDB${mode}`), 'OK');
    assert.is(await node.run('DBSIZE'), 0);
    await node.run('SELECT 1');
    assert.is(await node.run('DBSIZE'), 1);
    assert.is(await node.run(`FLUSHALL${mode}`), 'OK');
    assert.is(await node.run('DBSIZE'), 0);
    await node.run('SELECT 0');
    assert.is(await node.run('DBSIZE'), 0);
  }
});

test('a flush takes one of two words', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  for (const command of ['FLUSHDB', 'FLUSHALL']) {
    assert.is(await node.run(`${command} LATER`), '-ERR syntax error');
    assert.is(await node.run(`${command} ASYNC SYNC`), '-ERR syntax error');
  }
  assert.is(await node.run('DBSIZE'), 1);
});

test('SWAPDB exchanges contents, times to live included', async () => {
  const node = new SingleNode();
  await node.runAll('SET both zero', 'SET only 0 EX 100', 'SELECT 1', 'SET both one');
  assert.is(await node.run('SWAPDB 0 1'), 'OK');
  assert.is(await node.run('GET both'), 'zero');
  assert.is(await node.run('TTL only'), 100);
  await node.run('SELECT 0');
  assert.equal(await node.sorted('KEYS *'), ['both']);
  assert.is(await node.run('GET both'), 'one');
});

test('SWAPDB of a database with itself changes nothing', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  const before = node.engine.statistics.localTxns;
  assert.is(await node.run('SWAPDB 0 0'), 'OK');
  assert.is(node.engine.statistics.localTxns, before);
  assert.is(await node.run('GET a'), '1');
});

test('SWAPDB says which index is wrong', async () => {
  const node = new SingleNode();
  assert.is(await node.run('SWAPDB x 0'), '-ERR invalid first DB index');
  assert.is(await node.run('SWAPDB 0 99999999999'), '-ERR invalid second DB index');
  assert.is(await node.run('SWAPDB 0 16'), '-ERR DB index is out of range');
  assert.is(await node.run('SWAPDB -1 0'), '-ERR DB index is out of range');
});

differentialTest('commands on databases answer as redis-server does', async () => {
  const both = await BothServers.open();
  try {
    await both.compareAfresh([
      'SET a 1',
      'DBSIZE',
      'SWAPDB a b',
      'SWAPDB 0 b',
      'SWAPDB 0 16',
      'SWAPDB -1 0',
      'SWAPDB 99999999999 1',
      'SWAPDB 1 99999999999',
      'SWAPDB 0 0',
      'SWAPDB 0 1',
      'DBSIZE',
      'SELECT 1',
      'GET a',
      'SWAPDB 1 0',
      'GET a',
      'FLUSHDB no',
      'FLUSHALL no',
      'FLUSHDB async sync',
      'SET a 1',
      'FLUSHDB Async',
      'DBSIZE',
      'FLUSHALL SYNC',
      'SWAPDB',
      'DBSIZE 1',
    ]);
  } finally {
    both.close();
  }
});

test.run();
