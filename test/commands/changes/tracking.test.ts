/** Client-side caching: what a client that is tracked hears, when, and in which form; compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { talker } from '../../resp/talker.ts';
import { compareConversation, type Script } from '../conversations.ts';
import { BothServers, differentialTest } from '../differential.ts';

let both: BothServers | null = null;
test.after(() => both?.close());

function compared(name: string, script: Script): void {
  differentialTest(name, async () => {
    both ??= await BothServers.open();
    await both.answers(['FLUSHALL', 'CONFIG SET tracking-table-max-keys 1000000']);
    await compareConversation(both, script);
  });
}

compared('a client hears once of each key that it has read', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'a: GET k',
  'b: SET k 1',
  'b: SET k 2',
  'a: GET k',
  'b: DEL k',
  'b: DEL k',
  'a: MGET k l m',
  'b: MSET m 1 l 2 other 3',
  'a: HGET h f',
  'b: HSET h f v',
  'a: HGETALL h',
  'b: HDEL h f',
  'a: SMEMBERS s',
  'b: SADD s a',
  'a: SISMEMBER s a',
  'b: SADD s a',
  'b: SPOP s',
  'a: ZRANGE z 0 -1',
  'b: ZADD z 1 m',
  'a: SINTER s1 s2',
  'b: SADD s2 x',
  'a: GET k',
  'b: RENAME l k',
  'a: TTL k',
  'b: EXPIRE k 100',
  'a: GET k',
  'b: PERSIST k',
  'a: GET k',
  'b: MOVE k 3',
  'a: CLIENT TRACKING OFF',
  'a: GET k',
  'b: SET k 1',
]);

compared('its own writes are told behind their reply, and not at all with NOLOOP', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'a: GET k',
  'a: SET k 1',
  'a: GET k ; SET k 2 ; GET k ; PING',
  'a: MULTI ; GET k ; SET k 3 ; INCR k ; GET k ; EXEC ; PING',
  'a: SET k 4',
  'a: CLIENT TRACKING ON NOLOOP',
  'a: GET k',
  'a: SET k 1',
  'b: SET k 2',
  'a: GET k',
  'b: SET k 2',
]);

compared('what a script writes is its caller’s own', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON NOLOOP',
  'a: GET k',
  `a: EVAL "return redis.call('set', 'k', '2')" 1 k`,
  'a: GET k',
  `b: EVAL "return redis.call('set', 'k', '3')" 1 k`,
]);

test('a client may have in its cache what its scripts have read, as since Redis 7.2; not what they only name', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  a.say('HELLO 3', 'CLIENT TRACKING ON');
  const heard = (eval_: string) => {
    a.say(eval_);
    const before = a.talk.heard.length;
    b.say('MSET named 1 read 1');
    return [...a.talk.heard.slice(before).matchAll(/named|read/g)].map(([key]) => key);
  };
  assert.equal(heard(`EVAL "return redis.call('get', 'read')" 1 named`), ['read']);
  assert.equal(heard(`EVAL_RO "return redis.call('get', 'read')" 1 named`), ['read']);
  assert.equal(heard(`EVAL_RO "return redis.call('ping')" 1 named`), []);
  assert.equal(heard(`EVAL "return redis.call('set', 'other', 'x')" 1 named`), []);
  a.say('CLIENT TRACKING OFF', 'CLIENT TRACKING ON OPTIN', 'CLIENT CACHING YES');
  assert.equal(heard(`EVAL "redis.call('get', 'named') return redis.call('get', 'read')" 0`), ['named', 'read']);
  assert.equal(heard(`EVAL "return redis.call('get', 'read')" 0`), []);
});

compared('what a transaction of another does is told at once, key by key', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'a: MGET x y',
  'b: MULTI ; SET y 1 ; SET x 1 ; SET x 2 ; EXEC',
]);

compared('FLUSHALL and FLUSHDB tell of all keys at once, to everybody', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'c: HELLO 3',
  'c: CLIENT TRACKING ON BCAST NOLOOP',
  'a: GET k',
  'b: FLUSHALL',
  'b: SET k 1',
  'b: FLUSHDB',
  'c: FLUSHDB',
  'a: MULTI ; FLUSHDB ; PING ; EXEC',
]);

compared('OPTIN: only what follows CLIENT CACHING YES', [
  'a: HELLO 3',
  'a: CLIENT CACHING YES',
  'a: CLIENT TRACKING ON OPTIN',
  'a: CLIENT CACHING NO',
  'a: CLIENT CACHING MAYBE',
  'a: GET k',
  'b: SET k 1',
  'a: CLIENT CACHING YES ; CLIENT TRACKINGINFO ; CLIENT CACHING YES ; GET k',
  'a: GET l',
  'b: SET k 1',
  'b: SET l 1',
  'a: CLIENT CACHING YES ; MULTI ; GET k ; GET l ; EXEC',
  'b: MSET k 1 l 2',
]);

compared('CLIENT CACHING is about the next command, also if that is refused', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON OPTIN',
  ...['NOSUCHCOMMAND', 'GET', 'CLIENT NOSUCH', 'CLIENT'].map(
    (refused) => `a: CLIENT CACHING YES ; ${refused} ; CLIENT TRACKINGINFO`,
  ),
  'a: CLIENT CACHING YES ; CLIENT CACHING ; CLIENT TRACKINGINFO',
]);

compared('OPTOUT: all but what follows CLIENT CACHING NO', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON OPTOUT',
  'a: CLIENT CACHING YES',
  'a: GET k',
  'b: SET k 1',
  'a: CLIENT CACHING NO ; CLIENT TRACKINGINFO ; CLIENT CACHING NO ; GET k',
  'b: SET k 1',
  'a: GET k',
  'b: SET k 1',
]);

compared('BCAST: all keys under the prefixes, once a turn and in order', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON BCAST PREFIX user: PREFIX obj:',
  'c: HELLO 3',
  'c: CLIENT TRACKING ON BCAST NOLOOP',
  'a: CLIENT TRACKINGINFO',
  'b: SET user:1 x',
  'b: MSET obj:2 1 obj:1 2 user:9 3 other 4',
  'b: GET user:1',
  'c: SET obj:2 2 ; SET mine 1',
  'a: SET user:1 y ; PING',
  'a: MULTI ; SET user:3 y ; DEL user:1 ; EXEC ; PING',
  'b: DEL nothing',
  'a: CLIENT TRACKING OFF',
  'b: SET user:1 z',
]);

compared('REDIRECT: another client is told, in RESP2 by a message once it listens', [
  'a: CLIENT TRACKING ON REDIRECT <c>',
  'a: CLIENT GETREDIR',
  'a: CLIENT TRACKINGINFO',
  'a: GET k',
  'b: SET k 1',
  'c: SUBSCRIBE __redis__:invalidate',
  'a: GET k',
  'b: SET k 2',
  'a: GET k',
  'a: SET k 3',
  'b: FLUSHALL',
  'a: CLIENT TRACKING OFF',
  'a: CLIENT TRACKING ON BCAST PREFIX p REDIRECT <c>',
  'b: MSET p1 1 p2 2',
  'b: CLIENT GETREDIR',
]);

compared('REDIRECT to a RESP3 client: as its own', [
  'c: HELLO 3',
  'a: CLIENT TRACKING ON REDIRECT <c>',
  'a: GET k',
  'b: SET k 1',
]);

compared('who has nobody to redirect to any more is told so', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON REDIRECT <c>',
  'a: GET k',
  'c: (close)',
  'b: SET k 1',
  'a: CLIENT TRACKINGINFO',
  'a: CLIENT TRACKING ON',
  'a: CLIENT TRACKINGINFO',
  'a: GET k',
  'b: SET k 1',
]);

compared('options that do not go together are refused', [
  'a: HELLO 3',
  'a: CLIENT TRACKINGINFO',
  'a: CLIENT GETREDIR',
  'a: CLIENT TRACKING',
  'a: CLIENT TRACKING MAYBE',
  'a: CLIENT TRACKING ON NONSENSE',
  'a: CLIENT TRACKING ON PREFIX a',
  'a: CLIENT TRACKING ON BCAST PREFIX',
  'a: CLIENT TRACKING ON REDIRECT',
  'a: CLIENT TRACKING ON REDIRECT x',
  'a: CLIENT TRACKING ON REDIRECT 123456',
  'a: CLIENT TRACKING ON REDIRECT <b> REDIRECT <b>',
  'a: CLIENT TRACKING ON BCAST OPTIN',
  'a: CLIENT TRACKING ON OPTIN OPTOUT',
  'a: CLIENT TRACKING ON OPTIN',
  'a: CLIENT TRACKING ON OPTOUT',
  'a: CLIENT TRACKING ON BCAST',
  'a: CLIENT TRACKING OFF',
  'a: CLIENT TRACKING ON BCAST PREFIX foo PREFIX foobar',
  'a: CLIENT TRACKING ON BCAST PREFIX foo',
  'a: CLIENT TRACKING ON BCAST PREFIX foobar',
  'a: CLIENT TRACKING ON BCAST PREFIX fo',
  'a: CLIENT TRACKING ON BCAST PREFIX bar',
  'a: CLIENT TRACKING ON',
  'a: CLIENT TRACKINGINFO',
  'a: CLIENT CACHING YES',
  'a: CLIENT CACHING',
  'b: PING',
]);

compared('RESET ends it', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON BCAST',
  'b: SET k 1',
  'a: RESET',
  'a: CLIENT TRACKINGINFO',
  'a: HELLO 3',
  'b: SET k 1',
]);

compared('a key that expires is told, as one that is given no time is', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'b: SET k v',
  'a: GET k',
  'b: PEXPIRE k -1',
  'b: SET k v EXAT 4102444800',
  'a: GET k',
  'b: GETEX k PERSIST',
]);

compared('names are bytes', [
  'a: HELLO 3',
  'a: CLIENT TRACKING ON',
  'a: GET "\\xff\\x00\\n"',
  'b: SET "\\xff\\x00\\n" 1',
]);

test('INFO counts clients, keys, items and prefixes; the table forgets keys beyond its limit, and says so', () => {
  const { open } = talker();
  const [a, b, c] = [open(), open(), open()];
  const figures = () =>
    [...b.say('INFO clients', 'INFO stats').matchAll(/\ntracking_(?:clients|total_\w+):(\d+)/g)].map(([, n]) =>
      Number(n),
    );
  a.say('HELLO 3', 'CLIENT TRACKING ON');
  c.say('HELLO 3', 'CLIENT TRACKING ON BCAST PREFIX a PREFIX b');
  a.say('MGET x y x');
  assert.equal(figures(), [2, 2, 2, 2]);
  b.say('CONFIG SET tracking-table-max-keys 1', 'PING');
  assert.match(a.talk.heard, />2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$1\r\n[xy]\r\n$/);
  assert.equal(figures(), [2, 1, 1, 2]);
  for (const each of [a, c]) each.session.over();
  assert.equal(figures(), [0, 0, 0, 0]);
});

test('CLIENT LIST shows who is tracked, and where to', () => {
  const { open } = talker();
  const [a, b] = [open(), open()];
  a.say(`CLIENT TRACKING ON BCAST REDIRECT ${b.session.id}`);
  assert.match(b.say('CLIENT LIST'), new RegExp(`flags=tB .* redir=${b.session.id} `));
  a.say('CLIENT TRACKING OFF');
  assert.match(a.say('CLIENT INFO'), / flags=N .* redir=-1 /);
});

test('the core is asked for changes only while somebody wants to know of them', () => {
  const { open, served } = talker();
  const a = open();
  const { changes } = served.services;
  assert.not.ok(changes.isOn);
  a.say('CLIENT TRACKING ON');
  assert.ok(changes.isOn);
  a.say('CONFIG SET notify-keyspace-events KEA', 'CLIENT TRACKING OFF');
  assert.ok(changes.isOn);
  a.say('CONFIG SET notify-keyspace-events ""');
  assert.not.ok(changes.isOn);
});

test.run();
