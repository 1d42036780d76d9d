/**
 * Scripts that do not end: others are told BUSY and SCRIPT KILL is heard, wherever in Lua the script hangs; a script that
 * has written is not stopped. What is waited for are events, so no time is asserted.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import type { LocalClient } from '../../src/resp/local-client.ts';
import { WholeNode } from '../commands/whole-node.ts';

const BUSY = '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.';

const shown = (reply: ReplyValue): ReplyValue => (reply instanceof ReplyError ? `-${reply.message}` : reply);
const ask = async (client: LocalClient, ...words: string[]) => shown(await client.run(...words));

/** Starts a script that is past its time at once, and waits until others hear of it. */
async function hang(node: WholeNode, ...words: string[]): Promise<{ readonly ended: Promise<ReplyValue> }> {
  await node.run('CONFIG SET busy-reply-threshold 1');
  const ended = ask(node.connect(), ...words);
  for (;;) {
    const told = await node.run('GET k');
    if (typeof told === 'string' && told.startsWith('-BUSY')) return { ended };
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const NEVER_ENDING: readonly (readonly [string, string])[] = [
  ['a loop', 'while true do end'],
  ['a loop of commands', "while true do redis.call('get', 'k') end"],
  ['pcall', 'while true do pcall(function() while true do end end) end'],
  ['pcall that catches all', "while true do pcall(function() error('again') end) end"],
  ['xpcall', 'xpcall(function() while true do end end, function() end)'],
  ['a coroutine', 'coroutine.wrap(function() while true do end end)()'],
  [
    'a coroutine within pcall within a coroutine',
    `
    local co = coroutine.create(function() pcall(function() coroutine.wrap(function() while true do end end)() end) end)
    coroutine.resume(co)`,
  ],
  [
    'a generator',
    'local next = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do next() end',
  ],
  ['gsub with a function', "string.gsub('abc', '.', function() while true do end end)"],
  ['foreach', 'table.foreach({1}, function() while true do end end)'],
  ['sort with an order', 'table.sort({3, 2, 1}, function() while true do end end)'],
];

for (const [where, script] of NEVER_ENDING) {
  test(`a script that hangs in ${where} is busy and can be killed`, async () => {
    const node = new WholeNode();
    const { ended } = await hang(node, 'EVAL', script, '0');
    assert.equal(await node.run('SET k v'), BUSY);
    assert.equal(await node.run('MULTI'), 'OK', 'what is allowed is allowed');
    await node.run('DISCARD');
    assert.equal(await node.run('SCRIPT KILL'), 'OK');
    assert.match(
      String(await ended),
      /^-ERR Script killed by user with SCRIPT KILL\. script: [0-9a-f]{40}, on @user_script:\d+\.$/,
    );
    assert.equal(await node.run('SET k v'), 'OK');
  });
}

test('a script that hangs in a metamethod, where it cannot be left, is ended; the next one runs', async () => {
  const node = new WholeNode();
  await node.run('CONFIG SET busy-reply-threshold 20');
  const hang = 'setmetatable({}, {__index = function() while true do pcall(error) end end})';
  assert.match(String(await node.run('EVAL', `return ${hang}.x`, '0')), /in a metamethod, where no script can be left/);
  assert.is(await node.run('EVAL', 'return 1', '0'), 1);
});

test('a script that has written cannot be killed, and what it goes on to write is there in the end', async () => {
  const node = new WholeNode();
  const script =
    "local t = 0 redis.call('set', 'first', 'x') for i = 1, 3e7 do t = t + i end redis.call('set', 'last', 'y') return t";
  const { ended } = await hang(node, 'EVAL', script, '0');
  assert.match(String(await node.run('SCRIPT KILL')), /^-UNKILLABLE /);
  assert.equal(await ended, 450000015000000);
  assert.equal(await node.run('MGET first last'), ['x', 'y']);
});

test('the time stands still for a script, and moves on for others when it has ended', async () => {
  const node = new WholeNode();
  const script = "local a = redis.call('pexpiretime', 'k') for i = 1, 3e7 do end return {a, redis.call('exists', 'k')}";
  await node.run('CONFIG SET busy-reply-threshold 1');
  await node.run('SET k v PX 20');
  const [deadline, exists] = (await node.run('EVAL', script, '0')) as number[];
  assert.ok(deadline > 0);
  assert.is(exists, 1, 'a key does not expire in the middle of a script');
});

test('EXEC goes on behind a script that was past its time', async () => {
  const node = new WholeNode();
  const client = node.connect();
  await node.run('CONFIG SET busy-reply-threshold 1');
  await ask(client, 'MULTI');
  await ask(client, 'SET', 'a', '1');
  await ask(client, 'EVAL', "for i = 1, 3e7 do end return redis.call('incr', 'a')", '0');
  await ask(client, 'INCR', 'a');
  assert.equal(await ask(client, 'EXEC'), ['OK', 2, 3]);
  assert.equal(await ask(client, 'PING'), 'PONG');
});

test('FUNCTION KILL ends a function, SCRIPT KILL does not, and FUNCTION STATS tells of it', async () => {
  const node = new WholeNode();
  await node.run(
    'FUNCTION',
    'LOAD',
    '#!lua name=l\nredis.register_function("hangs", function() while true do end end)',
  );
  const { ended } = await hang(node, 'FCALL', 'hangs', '0');
  assert.match(String(await node.run('SCRIPT KILL')), /^-BUSY .* FUNCTION KILL/);
  const [, running] = (await node.run('FUNCTION STATS')) as ReplyValue[][];
  assert.equal((running as ReplyValue[]).slice(0, 4), ['name', 'hangs', 'command', ['FCALL', 'hangs', '0']]);
  assert.equal(await node.run('FUNCTION KILL'), 'OK');
  assert.match(String(await ended), /killed by user with FUNCTION KILL/);
  assert.equal(await node.run('FUNCTION KILL'), '-NOTBUSY No scripts in execution right now.');
});

test.run();
