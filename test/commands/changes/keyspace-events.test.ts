/** Keyspace notifications: which events which command tells, in which order; compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serve } from '../../resp/served.ts';
import { talker } from '../../resp/talker.ts';
import { compareConversation } from '../conversations.ts';
import { BothServers, differentialTest } from '../differential.ts';

let both: BothServers | null = null;
test.after(() => both?.close());

/** Plays commands of one client, while another listens to all events. */
function compared(name: string, lines: readonly string[], flags = 'KEA'): void {
  differentialTest(name, async () => {
    both ??= await BothServers.open();
    await both.answers(['FLUSHALL', `CONFIG SET notify-keyspace-events "${flags}"`]);
    await compareConversation(both, ['l: PSUBSCRIBE __key*', ...lines.map((line) => `c: ${line}`)]);
  });
}

const FAR = '4102444800';

const STRINGS = [
  'SET k v',
  'SET k v',
  `SET k v EXAT ${FAR}`,
  'SET k v KEEPTTL',
  'SET k w XX GET',
  'SET k w NX',
  'SETNX n 1',
  'SETNX n 1',
  'SETEX e 100 v',
  'PSETEX e 100000 v',
  'GETSET k x',
  'MSET a 1 b 2 a 3',
  'MSETNX a 1 z 2',
  'MSETNX y 1 z 2',
  'APPEND k tail',
  'APPEND k ""',
  'APPEND new x',
  'SETRANGE k 1 xx',
  'SETRANGE k 1 ""',
  'SETRANGE absent 1 ""',
  'INCR i',
  'DECR i',
  'INCRBY i 5',
  'INCRBY i 0',
  'DECRBY i 2',
  'INCRBYFLOAT i 1.5',
  'GETDEL i',
  'GETDEL i',
  `GETEX k EXAT ${FAR}`,
  'GETEX k PERSIST',
  'GETEX k PERSIST',
  'GETEX k',
  'GETEX k PX 1 EX 1',
  'GETEX k EXAT 1',
  'SETBIT b 1 1',
  'SETBIT b 1 1',
  'BITFIELD f SET u8 0 1 GET u8 0',
  'BITFIELD f GET u8 0',
  'BITFIELD f SET u8 0 1',
  'PFADD p a b',
  'PFADD p a',
  'PFMERGE p2 p',
  'PFMERGE p2 absent',
  'BITOP NOT d b',
  'BITOP AND d absent',
  'BITOP AND d absent',
];

const KEYS = [
  'SET k v',
  'DEL k absent',
  'MSET a 1 b 2 c 3',
  'DEL a b a',
  'UNLINK c c',
  'SET k v',
  'RENAME k l',
  'SET k v',
  'RENAME k l',
  'RENAME l l',
  'RENAMENX l m',
  'SET l 1',
  'RENAMENX l m',
  'COPY m n',
  'COPY m n',
  'COPY m n REPLACE',
  'COPY m m2 DB 3',
  'MOVE m 2',
  'SET m 1',
  'MOVE m 2',
  'EXPIRE l 100',
  'EXPIRE l 50 GT',
  'EXPIRE absent 100',
  `EXPIREAT l ${FAR}`,
  `PEXPIREAT l ${FAR}000`,
  'PERSIST l',
  'PERSIST l',
  'EXPIRE l -1',
  'PEXPIRE m -1',
  'SET x 1',
  'RESTORE r 0 "\\x00\\xc0\\x01\\n\\x00&x\\xe7\\xb6\\xd1\\x01\\x11\\xfc"',
  'RESTORE r 0 "\\x00\\xc0\\x01\\n\\x00&x\\xe7\\xb6\\xd1\\x01\\x11\\xfc" REPLACE',
  'TOUCH x',
  'OBJECT ENCODING x',
  'SWAPDB 0 1',
  'SWAPDB 0 1',
  'FLUSHDB',
  'SET x 1',
  'FLUSHALL',
  'SELECT 5',
  'SET x 1',
  'EXISTS absent x',
  'GET absent',
];

const HASHES = [
  'HSET h f 1 g 2',
  'HSET h f 1',
  'HMSET h f 2',
  'HSETNX h f 1',
  'HSETNX h x 1',
  'HINCRBY h f 1',
  'HINCRBY h f 0',
  'HINCRBYFLOAT h f 1.5',
  'HDEL h absent',
  'HDEL h f',
  'HDEL h g x',
  'HDEL h g',
];

const SETS = [
  'SADD s a b c',
  'SADD s a',
  'SREM s x',
  'SREM s a x',
  'SMOVE s t b',
  'SMOVE s t c',
  'SMOVE t t b',
  'SMOVE t s x',
  'SADD u b',
  'SADD t b',
  'SMOVE u t b',
  'SINTERSTORE d t t',
  'SINTERSTORE d t absent',
  'SINTERSTORE d t absent',
  'SUNIONSTORE d t s',
  'SDIFFSTORE e t s',
  'SADD one 1',
  'SPOP one',
  'SPOP t 0',
  'SADD one 1',
  'SPOP one 10',
  'SPOP one 10',
  'SREM e c b',
];

const ZSETS = [
  'ZADD z 1 a 2 b 3 c 4 d 5 e',
  'ZADD z 1 a',
  'ZADD z XX 1 zz',
  'ZADD z 2 a',
  'ZADD z INCR 1 a',
  'ZADD z NX INCR 1 a',
  'ZINCRBY z 2 a',
  'ZREM z x',
  'ZREM z a',
  'ZREMRANGEBYSCORE z 9 10',
  'ZREMRANGEBYSCORE z 2 2',
  'ZREMRANGEBYRANK z 0 0',
  'ZADD y 0 a 0 b 0 c',
  'ZREMRANGEBYLEX y [a [b',
  'ZREMRANGEBYLEX y [a [z',
  'ZPOPMIN z',
  'ZPOPMAX z',
  'ZPOPMIN z',
  'ZADD z 1 a 2 b 3 c 4 d 5 e',
  'ZMPOP 2 absent z MIN',
  'ZMPOP 1 z MAX COUNT 2',
  'BZPOPMIN z 0',
  'BZPOPMAX z 0',
  'ZADD z 1 a 2 b',
  'BZMPOP 0 1 z MAX COUNT 3',
  'ZADD z 1 a 2 b',
  'ZUNIONSTORE d 1 z',
  'ZINTERSTORE d 2 z absent',
  'ZDIFFSTORE d 1 z',
  'ZRANGESTORE d z 0 -1',
  'ZRANGESTORE d z 5 9',
  'GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania',
  'GEOADD g 13.361389 38.115556 Palermo',
  'GEORADIUS g 15 37 200 km STORE d',
  'GEORADIUS g 0 0 1 km STORE d',
  'GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km',
  'GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d',
];

const STREAMS = [
  'XADD s 1-1 f v',
  'XADD s 1-1 f v',
  'XADD none NOMKSTREAM 1-1 f v',
  'XADD s MAXLEN 1 2-1 f v',
  'XADD s MAXLEN 1 NOMKSTREAM 3-1 f v',
  'XADD s MAXLEN 9 4-1 f v',
  'XADD new MAXLEN 0 1-1 f v',
  'XDEL s 9-9',
  'XDEL s 3-1',
  'XTRIM s MAXLEN 5',
  'XTRIM s MINID 5',
  'XGROUP CREATE s g 0',
  'XGROUP CREATE s g 0',
  'XGROUP CREATE made g $ MKSTREAM',
  'XGROUP CREATECONSUMER s g c',
  'XGROUP CREATECONSUMER s g c',
  'XGROUP CREATECONSUMER made g d',
  'XADD s 5-1 f v',
  'XADD s 5-2 f v',
  'XREADGROUP GROUP g d COUNT 1 STREAMS s >',
  'XREADGROUP GROUP g d COUNT 1 STREAMS s made > >',
  'XREADGROUP GROUP g d STREAMS s 0',
  'XREADGROUP GROUP g new STREAMS s made 0 0',
  'XREAD STREAMS s 0',
  'XCLAIM s g c 0 5-1',
  'XCLAIM s g claiming 0 5-1',
  'XCLAIM s g nobody 0 9-9',
  'XAUTOCLAIM s g another 0 -',
  'XAUTOCLAIM s g another 0 -',
  'XACK s g 5-1',
  'XACK s g 5-1',
  'XPENDING s g',
  'XGROUP SETID s g $',
  'XGROUP DELCONSUMER s g c',
  'XGROUP DELCONSUMER s g c',
  'XGROUP DESTROY s g',
  'XGROUP DESTROY s g',
  'XSETID s 9-9',
  'XLEN absent',
  'XINFO STREAM absent',
  'COPY s copied',
  'RENAME s t',
  'DEL t',
];

const TRANSACTION = [
  'MULTI ; SET k 1 ; INCR k ; DEL k ; SADD s a ; SREM s a ; EXEC',
  'MULTI ; GET absent ; SET x 1 ; EXEC',
];

for (const [kind, lines] of Object.entries({ STRINGS, KEYS, HASHES, SETS, ZSETS, STREAMS, TRANSACTION })) {
  compared(`${kind.toLowerCase()}: the events of every command`, lines);
  compared(`${kind.toLowerCase()}: new keys and misses too`, lines, 'Enm$');
}

for (const flags of ['Eg', 'E$', 'Eh', 'Es', 'Ez', 'Ex', 'K$', 'En', 'Em', 'KE', 'K', 'A', '']) {
  compared(
    `only the events of ${flags === '' ? 'no class' : flags}`,
    ['SET k v', 'HSET h f v', 'GET x', 'DEL k', 'SADD s a', 'ZADD z 1 a', 'PEXPIRE h -1'],
    flags,
  );
}

/** A listener, a client, and another node: what the listener hears, as `keyspace or event: message` in short. */
function listening(flags = 'KEAnm') {
  const { open, served } = talker();
  const [listener, client] = [open(), open()];
  client.say(`CONFIG SET notify-keyspace-events ${flags}`);
  listener.say('PSUBSCRIBE __keyevent*');
  const heard = () =>
    [...listener.talk.heard.matchAll(/__keyevent@(\d+)__:(\S+)\r\n\$\d+\r\n(.*)\r\n/g)].map(
      ([, database, event, key]) => `${event} ${database === '0' ? '' : `${database}:`}${key}`,
    );
  return { served, open, heard, say: client.say };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('times to live of fields have events of their own, as in Redis 7.4', () => {
  const { heard, say } = listening();
  say('HSET h f 1 g 2 x 3');
  say('HEXPIRE h 100 FIELDS 1 f');
  say('HPERSIST h FIELDS 2 f g');
  say('HPERSIST h FIELDS 1 g');
  say('HPEXPIREAT h 1 FIELDS 1 f');
  say('HGETEX h EX 100 FIELDS 1 g');
  say('HGETEX h PERSIST FIELDS 1 g');
  say('HSETEX h EX 100 FIELDS 1 y 1');
  say('HGETDEL h FIELDS 2 g y');
  say('HEXPIRE h 0 FIELDS 1 x');
  assert.equal(heard(), [
    ...['new h', 'hset h', 'hexpire h', 'hpersist h', 'hdel h', 'hexpire h', 'hpersist h', 'hset h', 'hexpire h'],
    ...['hdel h', 'hdel h', 'del h'],
  ]);
});

test('a key that has expired is told when it is found, by a command or by the housekeeping', async () => {
  const { heard, say, served } = listening();
  say('SET read v PX 1', 'SET written v PX 1', 'SET collected v PX 1', 'HSET h f v g w', 'HPEXPIRE h 1 FIELDS 1 f');
  say('HSET gone f v', 'HPEXPIRE gone 1 FIELDS 1 f');
  heard();
  await new Promise((resolve) => setTimeout(resolve, 10));
  say('GET read');
  assert.equal(heard(), ['expired read', 'keymiss read']);
  say('SET written w');
  assert.equal(heard(), ['expired written', 'new written', 'set written']);
  served.engine.setNow(Date.now());
  served.services.changes.collect(served.engine, 100);
  await turn();
  assert.equal(heard().sort(), ['del gone', 'expired collected', 'hexpired gone', 'hexpired h']);
});

test('who has waited for a key takes it by the event of a pop', () => {
  const { heard, say, open } = listening();
  open().say('BZPOPMIN z 0');
  open().say('BZMPOP 0 1 y MAX');
  say('ZADD z 1 a', 'ZADD y 1 a 2 b');
  assert.equal(heard(), ['new z', 'zadd z', 'zpopmin z', 'del z', 'new y', 'zadd y', 'zpopmax y']);
});

test('entries that XDELEX and XACKDEL remove are told by one name, and what stays by none', () => {
  const { heard, say } = listening();
  say('XADD s 1-1 f v', 'XADD s 2-1 f v', 'XADD s 3-1 f v', 'XGROUP CREATE s g 0', 'XREADGROUP GROUP g c STREAMS s >');
  heard();
  say('XDELEX s IDS 1 1-1');
  assert.equal(heard(), ['xdel s']);
  say('XDELEX s ACKED IDS 1 2-1');
  assert.equal(heard(), []);
  say('XGROUP CREATE s h 0');
  heard();
  say('XACKDEL s g ACKED IDS 1 2-1');
  assert.equal(heard(), []);
  say('XACKDEL s g IDS 1 3-1');
  assert.equal(heard(), ['xdel s']);
});

test('who has waited for its group is told of only if it is a consumer since then', () => {
  const { heard, say, open } = listening();
  say('XGROUP CREATE s g $ MKSTREAM');
  open().say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  heard();
  say('XADD s 1-1 f v');
  assert.equal(heard(), ['xadd s']);
  open().say('XREADGROUP GROUP g c BLOCK 0 STREAMS s >');
  say('MULTI', 'XGROUP DELCONSUMER s g c', 'XADD s 2-1 f v', 'EXEC');
  assert.equal(heard(), ['xgroup-delconsumer s', 'xadd s', 'xgroup-createconsumer s']);
});

/** What one node tells of what comes from another, txn by txn. */
function ofOthers() {
  const { heard, served } = listening('KEAnm');
  const other = talker(serve([], undefined, '00000000000000b2'));
  const { say } = other.open();
  const receive = async () => {
    const envelope = other.served.engine.seal();
    if (envelope !== null) assert.is(served.engine.receive(envelope.bytes).kind, 'applied');
    await turn();
    return heard();
  };
  return { other: say, receive, served };
}

test('what comes from another node is told by the kinds of its effects', async () => {
  const { other, receive } = ofOthers();
  const told = async (...lines: string[]) => {
    other(...lines);
    return receive();
  };
  assert.equal(await told('SET k 1'), ['new k', 'set k']);
  assert.equal(await told('INCR k'), ['incrby k']);
  assert.equal(await told('SET k 1 EX 100'), ['set k', 'expire k']);
  assert.equal(await told('INCR k'), ['incrby k'], 'its time to live goes on');
  assert.equal(await told('PERSIST k'), ['persist k']);
  assert.equal(await told('DEL k'), ['del k']);
  assert.equal(await told('HSET h f 1 g 2'), ['new h', 'hset h']);
  assert.equal(await told('HINCRBY h f 1', 'HDEL h g'), ['hincrby h', 'hdel h']);
  assert.equal(await told('EXPIRE h 100', 'HSET h f 9'), ['expire h', 'hset h']);
  assert.equal(await told('HDEL h f'), ['hdel h', 'del h']);
  assert.equal(await told('SADD s a b c', 'SREM s a'), ['new s', 'sadd s', 'srem s']);
  assert.equal(await told('SADD s b'), [], 'a member that is there already');
  assert.equal(await told('ZADD z 1 a', 'ZINCRBY z 1 a', 'ZREM z a'), [
    'new z',
    'zadd z',
    'zincr z',
    'zrem z',
    'del z',
  ]);
  assert.equal(await told('LPUSH l a b c', 'LPOP l'), ['new l', 'rpush l', 'lrem l'], 'an end is no part of an effect');
  assert.equal(await told('LSET l 0 d', 'LINSERT l BEFORE a e', 'LTRIM l 1 -1'), ['lset l', 'lset l', 'lrem l']);
  assert.equal(await told('LMOVE l m LEFT RIGHT', 'LREM l 0 a'), ['new m', 'rpush m', 'lrem l', 'lrem l', 'del l']);
  assert.equal(await told('XADD x 1-1 f v', 'XADD x MAXLEN 1 2-1 f v'), ['new x', 'xadd x', 'xadd x', 'xtrim x']);
  assert.equal(await told('XGROUP CREATE x g 0'), ['xgroup-create x']);
  assert.equal(await told('XREADGROUP GROUP g c STREAMS x >', 'XACK x g 2-1'), []);
  assert.equal(await told('XGROUP CREATECONSUMER x g d'), ['xgroup-createconsumer x']);
  assert.equal(await told('XGROUP DESTROY x g', 'XDEL x 2-1'), ['xgroup-destroy x', 'xdel x']);
  assert.equal(await told('DEL x'), ['del x']);
  assert.equal(await told('SINTERSTORE s2 s s'), ['new s2', 'sadd s2']);
  assert.equal(await told('RENAME s t'), ['new t', 'sadd t', 'del s']);
  assert.equal(await told('SELECT 3', 'SET k 1'), ['new 3:k', 'set 3:k']);
  assert.equal(await told('MULTI', 'SET k 1', 'DEL k', 'EXEC'), ['del 3:k']);
  assert.equal(await told('SET k 1', 'FLUSHDB'), ['new 3:k', 'set 3:k']);
});

test('times to live of fields are told of other nodes too', async () => {
  const { other, receive, served } = ofOthers();
  other('HSET h f 1 g 2', 'HPEXPIRE h 5 FIELDS 2 f g', 'HPERSIST h FIELDS 1 g');
  assert.equal(await receive(), ['new h', 'hset h', 'hexpire h', 'hpersist h']);
  await new Promise((resolve) => setTimeout(resolve, 15));
  other('HSET h f 3');
  assert.equal(await receive(), ['hexpired h', 'hset h']);
  served.services.changes.collect(served.engine, 100);
  assert.equal(await receive(), []);
});

test('a key that is written anew after its time was another one', async () => {
  const { other, receive } = ofOthers();
  other('SET k v PX 5');
  await receive();
  await new Promise((resolve) => setTimeout(resolve, 15));
  other('SADD k m');
  assert.equal(await receive(), ['expired k', 'new k', 'sadd k']);
});

test('what has expired on another node is told as expired, whoever finds it first', async () => {
  const { other, receive, served } = ofOthers();
  other('SET k v PX 5', 'SET l v PX 5');
  assert.equal(await receive(), ['new k', 'set k', 'expire k', 'new l', 'set l', 'expire l']);
  await new Promise((resolve) => setTimeout(resolve, 15));
  other('GET k', 'GET l');
  assert.equal(await receive(), ['expired k', 'expired l']);
  served.services.changes.collect(served.engine, 100);
  assert.equal(await receive(), []);
});

test.run();
