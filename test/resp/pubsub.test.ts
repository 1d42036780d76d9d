/** What a client that listens is sent, and what it may say: in RESP2 a mode of its own, in RESP3 pushes beside replies. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { talker } from './talker.ts';

const MESSAGE = '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n';

test('RESP2: replies and messages are arrays, and little else may be said', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  assert.is(a.say('SUBSCRIBE c'), '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n');
  assert.is(
    a.say('PSUBSCRIBE c* d'),
    '*3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:2\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\nd\r\n:3\r\n',
  );
  assert.is(b.say('PUBLISH c hi'), ':2\r\n');
  assert.is(a.talk.heard, `${MESSAGE}*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$2\r\nhi\r\n`);
  assert.is(
    a.say('GET x'),
    "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
  );
  assert.match(a.say('CLIENT ID'), "-ERR Can't execute 'client|id': only");
  assert.is(a.say('PING'), '*2\r\n$4\r\npong\r\n$0\r\n\r\n');
  assert.is(a.say('PING x'), '*2\r\n$4\r\npong\r\n$1\r\nx\r\n');
  assert.is(a.say('UNSUBSCRIBE'), '*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:2\r\n');
  assert.is(
    a.say('PUNSUBSCRIBE c* nope'),
    '*3\r\n$12\r\npunsubscribe\r\n$2\r\nc*\r\n:1\r\n*3\r\n$12\r\npunsubscribe\r\n$4\r\nnope\r\n:1\r\n',
  );
  assert.is(a.say('PUNSUBSCRIBE'), '*3\r\n$12\r\npunsubscribe\r\n$1\r\nd\r\n:0\r\n');
  assert.is(a.say('PUNSUBSCRIBE'), '*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n');
  assert.is(a.say('GET x'), '$-1\r\n');
});

test('RESP3: pushes, and every command goes on', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  a.say('HELLO 3');
  assert.is(a.say('SUBSCRIBE c'), '>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n');
  assert.is(a.say('PING'), '+PONG\r\n');
  assert.is(a.say('GET x'), '_\r\n');
  assert.is(b.say('PUBLISH c hi'), ':1\r\n');
  assert.is(a.talk.heard, `>${MESSAGE.slice(1)}`);
});

test('what a client publishes to itself comes behind the reply, and behind all of a transaction', () => {
  const { open } = talker();
  const { say } = open();
  say('HELLO 3');
  say('SUBSCRIBE c');
  assert.is(say('PUBLISH c hi'), `:1\r\n>${MESSAGE.slice(1)}`);
  assert.is(
    say('MULTI', 'PUBLISH c hi', 'PING', 'EXEC'),
    `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n>${MESSAGE.slice(1)}`,
  );
});

test('while replies wait for the disk, messages wait behind them', () => {
  const { served, open } = talker();
  const [a, b] = [open(), open()];
  a.say('HELLO 3');
  a.say('SUBSCRIBE c');
  served.store.holdsReplies = true;
  assert.is(a.say('SET k v'), '');
  b.say('PUBLISH c hi');
  assert.is(a.talk.heard, '');
  for (const proceed of served.store.waiting.splice(0)) proceed(false);
  assert.is(a.talk.heard, `+OK\r\n>${MESSAGE.slice(1)}`);
});

test('CLIENT REPLY OFF leaves on what is pushed: messages, and the words of SUBSCRIBE', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  a.say('HELLO 3');
  a.say('SUBSCRIBE c');
  assert.is(a.say('CLIENT REPLY OFF', 'PING'), '');
  assert.is(a.say('SUBSCRIBE d'), '>3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n');
  b.say('PUBLISH c hi');
  assert.is(a.talk.heard, `>${MESSAGE.slice(1)}`);
});

test('RESET and the end of a connection end its subscriptions', () => {
  const { served, open } = talker();
  const [a, b, c] = [open(), open(), open()];
  a.say('SUBSCRIBE c');
  b.say('SUBSCRIBE c', 'PSUBSCRIBE p', 'SSUBSCRIBE s');
  assert.is(c.say('PUBSUB NUMSUB c d'), '*4\r\n$1\r\nc\r\n:2\r\n$1\r\nd\r\n:0\r\n');
  assert.is(c.say('PUBSUB CHANNELS ?'), '*1\r\n$1\r\nc\r\n');
  assert.is(c.say('PUBSUB CHANNELS x*'), '*0\r\n');
  assert.is(
    c.say('PUBSUB CHANNELS x y'),
    "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.\r\n",
  );
  assert.is(c.say('PUBSUB SHARDCHANNELS'), '*1\r\n$1\r\ns\r\n');
  assert.is(c.say('PUBSUB SHARDNUMSUB s'), '*2\r\n$1\r\ns\r\n:1\r\n');
  assert.is(c.say('PUBSUB NUMPAT'), ':1\r\n');
  assert.is(a.say('RESET'), '+RESET\r\n');
  assert.is(a.say('GET x'), '$-1\r\n');
  b.session.over();
  assert.is(c.say('PUBSUB NUMSUB c'), '*2\r\n$1\r\nc\r\n:0\r\n');
  assert.equal(
    ['channel', 'pattern', 'shard'].flatMap((kind) => served.services.pubsub.names(kind as 'channel')),
    [],
  );
});

test('CLIENT LIST shows who listens', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  a.say('SUBSCRIBE c d', 'PSUBSCRIBE p');
  assert.match(b.say('CLIENT LIST TYPE pubsub'), /flags=P db=0 sub=2 psub=1 ssub=0/);
  assert.not.match(b.say('CLIENT LIST TYPE normal'), 'sub=2');
});

test('a listener that does not read is cut off at its limit, at once or after a while', () => {
  const { served, open } = talker();
  served.configuration.set([['client-output-buffer-limit', 'pubsub 1000 0 0']]);
  const [a, b] = [open(), open()];
  a.say('SUBSCRIBE c');
  a.talk.pendingBytes = 900;
  b.say('PUBLISH c hi');
  assert.not(a.talk.destroyed);
  a.talk.pendingBytes = 1100;
  b.say('PUBLISH c hi');
  assert.ok(a.talk.destroyed);
  assert.match(served.warnings.join(), '1100 bytes of replies are unread');
  assert.is(b.say('PUBLISH c hi'), ':0\r\n');
});

test.run();
