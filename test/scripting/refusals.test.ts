/** What a script may not do here and now: memory, users, disk, pauses; and what it may of what a client may not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplyError } from '../../src/resp/decode.ts';
import { BothServers, differentialTest } from '../commands/differential.ts';
import { WholeNode } from '../commands/whole-node.ts';

differentialTest('users, in scripts, are refused as by redis-server', async () => {
  const both = await BothServers.open();
  try {
    await both.compare([
      'ACL SETUSER limited on nopass +eval +evalsha +fcall +get +set +publish +function|load ~allowed* &ok',
      'AUTH limited x',
      ['EVAL', "return redis.call('set', 'allowed', 'x')", '0'],
      ['EVAL', "return redis.call('set', 'other', 'x')", '0'],
      ['EVAL', "return redis.call('incr', 'allowed')", '0'],
      ['EVAL', "return redis.call('publish', 'no', 'x')", '0'],
      ['EVAL', "return redis.pcall('get', 'other')", '0'],
      ['EVAL', "return {redis.acl_check_cmd('set', 'allowed', 'x'), redis.acl_check_cmd('set', 'other', 'x')}", '0'],
      ['EVAL', "return redis.acl_check_cmd('incr', 'allowed')", '0'],
      [
        'FUNCTION',
        'LOAD',
        "#!lua name=l\nredis.register_function('f', function(k) return redis.call('get', k[1]) end)",
      ],
      'FCALL f 1 allowed',
    ]);
  } finally {
    both.close();
  }
});

differentialTest('full memory, in scripts, is as in redis-server', async () => {
  const both = await BothServers.open();
  try {
    await both.answers(['SET x 1', 'CONFIG SET maxmemory 1']);
    await both.compare([
      ['EVAL', "return redis.call('set', 'x', 'y')", '1', 'x'],
      ['EVAL', "return redis.pcall('set', 'x', 'y')", '1', 'x'],
      ['EVAL', "return redis.call('get', 'x')", '1', 'x'],
      ['EVAL', "redis.call('del', 'none') return redis.call('set', 'x', 'after a write')", '1', 'x'],
      ['EVAL', '#!lua\nreturn 1', '0'],
      ['EVAL', "#!lua flags=allow-oom\nreturn redis.call('set', 'x', 'y')", '1', 'x'],
      ['EVAL', "#!lua flags=no-writes\nreturn redis.call('get', 'x')", '1', 'x'],
      ['EVAL', "#!lua flags=no-writes\nreturn redis.call('set', 'x', 'y')", '1', 'x'],
      ['EVAL_RO', '#!lua\nreturn 1', '0'],
    ]);
  } finally {
    both.close();
  }
});

test('where the disk takes no writes, scripts write nothing and read on', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  node.store.failure = 'no space left';
  assert.match(String(await node.run('EVAL', "return redis.call('set', 'k', 'w')", '0')), /^-MISCONF /);
  assert.match(String(await node.run('EVAL', '#!lua\nreturn 1', '0')), /^-MISCONF .* Use 'no-writes' flag/);
  assert.is(await node.run('EVAL', "return redis.call('get', 'k')", '0'), 'v');
  assert.is(await node.run('EVAL', "#!lua flags=no-writes\nreturn redis.call('get', 'k')", '0'), 'v');
});

test('a pause of writes holds scripts that may write, and no others', async () => {
  const node = new WholeNode();
  const other = node.connect();
  await node.run('CLIENT PAUSE 100000 WRITE');
  assert.is(await node.run('EVAL_RO', 'return 1', '0'), 1);
  assert.is(await node.run('EVAL', '#!lua flags=no-writes\nreturn 2', '0'), 2);
  let ended = false;
  const held = other.run('EVAL', 'return 3', '0').then((reply) => {
    ended = true;
    return reply;
  });
  await node.run('PING');
  assert.not.ok(ended);
  await node.run('CLIENT UNPAUSE');
  assert.is(await held, 3);
});

test('a script dirties the watches of others, and its own SELECT is its own', async () => {
  const node = new WholeNode();
  const other = node.connect();
  await node.run('WATCH k');
  await other.run('EVAL', "redis.call('set', 'k', 'x')", '0');
  await node.run('MULTI');
  await node.run('PING');
  assert.is(await node.run('EXEC'), null);
  await node.run('EVAL', "redis.call('select', 5) redis.call('set', 'five', 'x')", '0');
  assert.is(await node.run('EXISTS five'), 0);
  const reply = await other.run('EVAL', "return redis.call('client', 'id')", '0');
  assert.ok(reply instanceof ReplyError);
});

test('a script is one txn, and one that fails keeps what it has written', async () => {
  const node = new WholeNode();
  const before = node.engine.statistics.localTxns;
  await node.run('EVAL', "for i = 1, 10 do redis.call('set', 'k' .. i, i) end", '0');
  assert.is(node.engine.statistics.localTxns, before + 1);
  await node.run(
    'EVAL',
    "redis.call('set', 'kept', 'x') redis.call('incr', 'kept') redis.call('set', 'never', 'x')",
    '0',
  );
  assert.equal(await node.run('MGET kept never'), ['x', null]);
});

test.run();
