/** Libraries of functions, compared with redis-server; and what only Starling has: they are no data of any database. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfData } from '../../src/commands/value-digest.ts';
import { BothServers, differentialTest, type Request } from '../commands/differential.ts';
import { SingleNode } from '../commands/single-node.ts';
import { FUNCTION_REQUESTS } from './function-table.ts';

const ONE = '#!lua name=one\nredis.register_function("f", function(keys) return redis.call("incr", keys[1]) end)';

differentialTest('libraries are loaded, refused, listed and called as in redis-server', async () => {
  await withBoth(async (both) => {
    await both.compare(FUNCTION_REQUESTS);
  });
});

differentialTest('what FUNCTION DUMP gives, each restores of the other', async () => {
  await withBoth(async (both) => {
    const library = (name: string, result: number): Request => [
      'FUNCTION',
      'LOAD',
      `#!lua name=${name}\nredis.register_function("${name}f", function() return ${result} end)`,
    ];
    await both.compare([library('a', 1), library('b', 2)]);
    const [{ redis, starling }] = await both.answers(['FUNCTION DUMP']);
    for (const dump of [redis, starling]) {
      const payload = dump.subarray(dump.indexOf('\n') + 1, -2);
      await both.compare([
        ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
        ['FUNCTION', 'RESTORE', payload, 'FLUSH'],
        'FCALL af 0',
        'FCALL bf 0',
      ]);
    }
  });
});

test('no flush, no count and no scan knows of libraries', async () => {
  const node = new SingleNode();
  await node.run('FUNCTION', 'LOAD', ONE);
  await node.run('FLUSHALL');
  assert.equal(await node.run('DBSIZE'), 0);
  assert.equal(await node.run('SCAN 0'), ['0', []]);
  assert.is(digestOfData(node.engine), '0'.repeat(40));
  assert.equal(await node.run('SELECT 16'), '-ERR DB index is out of range');
  assert.equal(await node.run('FCALL f 1 k'), 1);
});

test('a library that another txn replaces is the new one at the next call', async () => {
  const node = new SingleNode();
  await node.run('FUNCTION', 'LOAD', ONE);
  await node.run('FCALL f 1 k');
  await node.run('FUNCTION', 'LOAD', 'REPLACE', ONE.replace('redis.call("incr", keys[1])', '"new"'));
  assert.equal(await node.run('FCALL f 1 k'), 'new');
  await node.run('FUNCTION DELETE one');
  assert.equal(await node.run('FCALL f 1 k'), '-ERR Function not found');
});

test('INFO tells of scripts, functions and libraries', async () => {
  const node = new SingleNode();
  await node.run('FUNCTION', 'LOAD', ONE);
  await node.run('EVAL', 'return 1', '0');
  const { cachedScripts, functions, libraries, scriptBytes, functionBytes } = node.services.scripting.statistics();
  assert.equal([cachedScripts, functions, libraries], [1, 1, 1]);
  assert.equal(functionBytes, ONE.length);
  assert.ok(scriptBytes > 0);
});

async function withBoth(work: (both: BothServers) => Promise<void>): Promise<void> {
  const both = await BothServers.open();
  try {
    await work(both);
  } finally {
    both.close();
  }
}

test.run();
