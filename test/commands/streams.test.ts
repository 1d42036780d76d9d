/** Streams: what one node answers, by example, and compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfValue } from '../../src/commands/value-digest.ts';
import { Slice } from '../../src/core/index.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { assertSameHits, resetHits } from './random-commands.ts';
import { SingleNode } from './single-node.ts';
import { compareStreams } from './stream-replies.ts';

const COMMANDS = [
  ...['XACK', 'XADD', 'XAUTOCLAIM', 'XCLAIM', 'XDEL', 'XLEN', 'XPENDING', 'XRANGE', 'XREAD', 'XREADGROUP', 'XREVRANGE'],
  ...['XSETID', 'XTRIM', 'XGROUP', 'XINFO'],
];

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every stream command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const setUp: Request[] = [
    'DEL s',
    'XADD s 1-1 f v',
    'XGROUP CREATE s g 0',
    'XGROUP CREATECONSUMER s g c',
    'SET string v',
  ];
  const requests: Request[] = [...setUp];
  for (const name of COMMANDS) {
    for (const args of [
      ['s', 'g', 'c', '0', '1-1', 'JUSTID', 'COUNT', '1'],
      ['string', 'g', 'c', '0', '1-1', 'FORCE', 'x'],
      ['none', 'g', 'c', '0', '0', 'x'],
      ['s', '2-1', 'f', 'v', 'g', 'w'],
      ['s', 'MAXLEN', '~', '1', '3-1', 'f', 'v'],
      ['s', '-', '+', 'COUNT', '1', 'COUNT'],
      ['s', 'g', 'IDLE', '0', '-', '+', '5', 'c', 'x'],
      ['GROUP', 'g', 'c', 'COUNT', '1', 'NOACK', 'STREAMS', 's', '>', 'x', 'y'],
      ['COUNT', '1', 'STREAMS', 's', 'string', '0', '0', '0'],
      ['STREAMS', 's', 'none', '0', '$'],
      ['BLOCK', '1', 'STREAMS', 's', '0'],
      ['CREATE', 's', 'h', '$', 'MKSTREAM', 'ENTRIESREAD', '1', 'MKSTREAM', 'MKSTREAM'],
      ['SETID', 's', 'g', '0', 'ENTRIESREAD', '1', 'ENTRIESREAD', '2'],
      ['CREATECONSUMER', 's', 'g', 'd', 'x'],
      ['DELCONSUMER', 's', 'g', 'c', 'x'],
      ['DESTROY', 's', 'h', 'x'],
      ['STREAM', 's', 'FULL', 'COUNT', '2', 'x'],
      ['CONSUMERS', 's', 'g', 'x'],
      ['GROUPS', 's', 'x'],
      ['9-1', 's', 'ENTRIESADDED', '5', 'MAXDELETEDID', '1-1', 'x'],
      ['s', '9-1', 'ENTRIESADDED', '5', 'MAXDELETEDID', '1-1', 'x'],
    ]) {
      const whole = [name, ...args];
      for (let count = 1; count <= whole.length; count++) requests.push(whole.slice(0, count));
      requests.push(...setUp);
    }
  }
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.answers(['FLUSHALL']);
    await compareStreams(both, requests);
  }
});

differentialTest('errors, and what is looked at first where several things are wrong', async () => {
  both ??= await BothServers.open();
  await both.answers(['FLUSHALL']);
  await compareStreams(both, [
    'SET string v',
    'XADD s 1-1 f v',
    'XADD s 1-1 f v',
    'XADD s 0-0 f v',
    'XADD new 0-* f v',
    'XADD new 0-0 f v',
    'XADD string 1-1 f v',
    'XADD string x f v',
    'XADD s MAXLEN 1 MINID 1 2-2 f v',
    'XADD s MAXLEN -1 2-2 f v',
    'XADD s MAXLEN 1 LIMIT 1 2-2 f v',
    'XADD s LIMIT 1 2-2 f v',
    'XADD s MAXLEN ~ 1 LIMIT -1 2-2 f v',
    'XADD s MINID x 2-2 f v',
    'XADD s 18446744073709551615-18446744073709551615 f v',
    'XADD s * f v',
    'XADD s 1-* f v',
    'XADD t 5-18446744073709551615 f v',
    'XADD t 4-* f v',
    'XADD none NOMKSTREAM 1-1 f v',
    'XTRIM s',
    'XTRIM s LIMIT 1 x',
    'XTRIM s LIMIT 0 LIMIT 0',
    'XTRIM none MAXLEN x',
    'XTRIM string MAXLEN 1',
    'XRANGE s (18446744073709551615-18446744073709551615 +',
    'XRANGE s - (0-0',
    'XRANGE s (x +',
    'XRANGE s - + COUNT 0',
    'XRANGE s - + COUNT -5',
    'XRANGE none - + COUNT 0',
    'XRANGE string - +',
    'XREVRANGE s + (0-0',
    'XREVRANGE s (0-0 -',
    'XSETID none 1-1',
    'XSETID string 1-1',
    'XSETID t 1-1',
    'XSETID t 6-1 ENTRIESADDED 0',
    'XSETID t 6-1 MAXDELETEDID 7-1',
    'XREAD STREAMS s x',
    'XREAD STREAMS s >',
    'XREAD STREAMS string 0',
    'XREAD STREAMS s string 0 0',
    'XREAD GROUP g c STREAMS s 0',
    'XREAD NOACK STREAMS s 0',
    'XREAD COUNT x STREAMS s 0',
    'XREAD BLOCK -1 STREAMS s 0',
    'XREAD BLOCK x STREAMS s 0',
    'XREAD BLOCK 1.5 STREAMS s 0',
    'XREAD COUNT 1 s 0',
    'XREADGROUP STREAMS s >  x y z',
    'XREADGROUP GROUP g c STREAMS s >',
    'XREADGROUP GROUP g c STREAMS none >',
    'XREADGROUP GROUP g c STREAMS string >',
    'XGROUP CREATE none g $',
    'XGROUP CREATE s g x',
    'XGROUP CREATE s g -',
    'XGROUP CREATE s g 0',
    'XGROUP CREATE s g 0',
    'XGROUP CREATE string g 0 MKSTREAM',
    'XREADGROUP GROUP g c STREAMS s $',
    'XREADGROUP GROUP g c STREAMS s x',
    'XGROUP SETID s h 0',
    'XGROUP SETID s g + ENTRIESREAD -7',
    'XGROUP SETID none g 0',
    'XGROUP DESTROY none g',
    'XGROUP DESTROY s h',
    'XGROUP CREATECONSUMER s h c',
    'XGROUP DELCONSUMER s h c',
    'XGROUP DELCONSUMER s g nobody',
    'XGROUP NOPE s g',
    'XINFO STREAM none',
    'XINFO STREAM none x',
    'XINFO STREAM s x',
    'XINFO GROUPS none',
    'XINFO CONSUMERS s h',
    'XINFO NOPE s',
    'XACK s h x',
    'XACK s g x',
    'XACK none g 1-1',
    'XACK string g 1-1',
    'XPENDING none g',
    'XPENDING s h',
    'XPENDING s g IDLE x - + 1',
    'XPENDING s g IDLE 0 - + 1 nobody',
    'XPENDING s g x + 1',
    'XPENDING s g - + x',
    'XCLAIM none g c 0 1-1',
    'XCLAIM s h c x 1-1',
    'XCLAIM s g c x 1-1',
    'XCLAIM s g c 0 1-1 x 2-2',
    'XCLAIM s g c 0 1-1 IDLE',
    'XCLAIM s g c 0 1-1 TIME x',
    'XAUTOCLAIM none g c 0 -',
    'XAUTOCLAIM s h c 0 - COUNT 0',
    'XAUTOCLAIM s g c x -',
    'XAUTOCLAIM s g c 0 (18446744073709551615-18446744073709551615',
    'XAUTOCLAIM s g c 0 - COUNT x',
    'XAUTOCLAIM s g c 0 - x',
  ]);
});

differentialTest('long streams are read, trimmed and handed out as by Redis, also by whole nodes', async () => {
  both ??= await BothServers.open();
  await both.speak(3);
  const requests: Request[] = [];
  for (let i = 1; i <= 1234; i++) requests.push(['XADD', 's', `${i}-1`, i % 10 === 0 ? 'other' : 'item', String(i)]);
  requests.push('XRANGE s 500 700', 'XREVRANGE s 700 500 COUNT 50', 'XLEN s', 'XREAD COUNT 20 STREAMS s 1000');
  requests.push('XTRIM s MAXLEN ~ 1100', 'XLEN s', 'XTRIM s MAXLEN ~ 1100', 'XTRIM s MAXLEN 950', 'XLEN s');
  requests.push(
    'XTRIM s MAXLEN ~ 800',
    'XLEN s',
    'XTRIM s MINID ~ 612-1',
    'XLEN s',
    'XTRIM s MINID ~ 900 LIMIT 150',
    'XLEN s',
  );
  requests.push(
    'XTRIM s MINID ~ 900 LIMIT 0',
    'XLEN s',
    'XADD s MAXLEN ~ 200 2000-1 f v',
    'XLEN s',
    'XADD s MAXLEN = 30 2001-1 f v',
  );
  requests.push('XLEN s', 'XTRIM s MAXLEN ~ 0', 'XLEN s', 'XINFO STREAM s');
  await both.compareAfresh(requests.slice(0, -1));
});

differentialTest('hits and misses are counted as by Redis', async () => {
  both ??= await BothServers.open();
  await both.answers(['FLUSHALL', 'XADD s 1-1 f v', 'XGROUP CREATE s g 0', 'XADD s 1-2 f v']);
  await resetHits(both);
  await compareStreams(both, [
    'XLEN s',
    'XLEN none',
    'XRANGE s - +',
    'XRANGE none - +',
    'XADD s 2-1 f v',
    'XADD new 2-1 f v',
  ]);
  await compareStreams(both, [
    'XDEL s 1-1',
    'XDEL none 1-1',
    'XTRIM s MAXLEN 5',
    'XACK s g 1-1',
    'XACK none g 1-1',
    'XPENDING s g',
  ]);
  await compareStreams(both, [
    'XINFO STREAM none',
    'XCLAIM none g c 0 1-1',
    'XAUTOCLAIM s g c 0 -',
    'XGROUP CREATE s h 0',
  ]);
  await assertSameHits(both);
});

differentialTest('which arguments are keys', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const lines = [
    'XREAD STREAMS a b 0 0',
    'XREAD COUNT 1 BLOCK 0 STREAMS streams STREAMS 0 0',
    'XREADGROUP GROUP g c COUNT 1 STREAMS a b > >',
    'XREADGROUP GROUP streams c STREAMS a >',
    'XADD k MAXLEN 1 * f v',
    'XGROUP CREATE k g $',
    'XGROUP SETID k g $',
    'XINFO STREAM k',
    'XINFO HELP',
    'XCLAIM k g c 0 1-1',
    'XREAD STREAMS',
    'XREAD STREAMS a b 0',
  ];
  // of containers the order of what they contain is each server's own
  const commands = [...COMMANDS.slice(0, -2), 'XGROUP|CREATE', 'XGROUP|SETID', 'XINFO|STREAM', 'XINFO|GROUPS'];
  const about = (sub: string) => commands.map((name) => ['COMMAND', sub, name]);
  await both.compare([
    ...lines.flatMap((line) => [`COMMAND GETKEYS ${line}`, `COMMAND GETKEYSANDFLAGS ${line}`]),
    ...about('INFO'),
    ...about('DOCS'),
  ]);
});

differentialTest('scripts do not wait, nor do transactions', async () => {
  both ??= await BothServers.open();
  const script = (call: string) => ['EVAL', `return redis.pcall(${call})`, '1', 's'];
  await both.compareAfresh([
    'XADD s 1-1 f v',
    'XGROUP CREATE s g 0',
    script("'XREAD', 'BLOCK', 0, 'STREAMS', KEYS[1], '$'"),
    script("'xreadgroup', 'GROUP', 'g', 'c', 'BLOCK', 0, 'STREAMS', KEYS[1], '>'"),
    script("'XREAD', 'STREAMS', KEYS[1], '$'"),
    script("'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', KEYS[1], '>'"),
    script("'XADD', KEYS[1], '2-1', 'f', 'v'"),
    'MULTI',
    'XREAD BLOCK 0 STREAMS s $',
    'XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'XREADGROUP GROUP g c BLOCK 0 STREAMS s >',
    'EXEC',
  ]);
});

test('generated ids end with the tag of the node, and grow', async () => {
  const node = new SingleNode();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    if (i === 3) node.now += 7;
    if (i === 4) node.now -= 100;
    ids.push(String(await node.run('XADD', 's', '*', 'f', String(i))));
  }
  const [ms, seq] = ids[0].split('-').map(Number);
  const tag = seq % 1_000_000;
  assert.is(ms, node.now + 93);
  const expected = [
    [ms, tag],
    [ms, 1_000_000 + tag],
    [ms, 2_000_000 + tag],
    [ms + 7, tag],
    [ms + 7, 1_000_000 + tag],
  ];
  assert.equal(
    ids,
    expected.map((each) => each.join('-')),
  );
});

test('XREAD with + gives the last entry, whatever COUNT says, and waits like $ where there is none', async () => {
  const node = new SingleNode();
  await node.runAll('XADD s 1-1 f a', 'XADD s 2-1 f b', 'XADD t 5-0 f c');
  assert.equal(await node.run('XREAD COUNT 5 STREAMS s t + +'), [
    ['s', [['2-1', ['f', 'b']]]],
    ['t', [['5-0', ['f', 'c']]]],
  ]);
  await node.run('XDEL s 2-1');
  assert.equal(await node.run('XREAD STREAMS s +'), [['s', [['1-1', ['f', 'a']]]]]);
  await node.run('XDEL s 1-1');
  assert.is(await node.run('XREAD STREAMS s none + +'), null);
  await node.run('XGROUP CREATE t g 0');
  assert.match(String(await node.run('XREADGROUP GROUP g c STREAMS t +')), /^-ERR The \+ ID is meaningless/);
  // Redis 7.0 waits until some time past
  assert.is(await node.run(`XREAD BLOCK ${2n ** 63n - 1n} STREAMS t 0`), '-ERR timeout is out of range');
});

test('a consumer is there from its first XREADGROUP, and tells when it has got something', async () => {
  const node = new SingleNode();
  await node.runAll('XADD s 1-1 f v', 'XGROUP CREATE s g $');
  assert.is(await node.run('XREADGROUP GROUP g c STREAMS s >'), null);
  node.now += 50;
  const fields = ['name', 'c', 'pending', 0, 'idle', 50, 'inactive', -1];
  assert.equal(await node.run('XINFO CONSUMERS s g'), [fields]);
  await node.runAll('XADD s 2-1 f v', 'XREADGROUP GROUP g c STREAMS s >');
  node.now += 20;
  await node.run('XREADGROUP GROUP g c STREAMS s >');
  node.now += 5;
  assert.equal(await node.run('XINFO CONSUMERS s g'), [['name', 'c', 'pending', 1, 'idle', 5, 'inactive', 25]]);
});

test('numbers that a stream cannot keep are refused, and what is counted up stops there', async () => {
  const node = new SingleNode();
  const tooMany = String(2n ** 53n);
  await node.runAll('XADD s 1-1 f v', 'XGROUP CREATE s g 0', 'XREADGROUP GROUP g c STREAMS s >');
  const notInteger = '-ERR value is not an integer or out of range';
  assert.is(await node.run(`XSETID s 1-1 ENTRIESADDED ${tooMany}`), notInteger);
  assert.is(await node.run(`XGROUP CREATE s h 0 ENTRIESREAD ${tooMany}`), notInteger);
  assert.is(await node.run(`XGROUP SETID s g 0 ENTRIESREAD ${tooMany}`), notInteger);
  const retry = await node.run(`XCLAIM s g c 0 1-1 RETRYCOUNT ${tooMany}`);
  assert.is(retry, '-ERR Invalid RETRYCOUNT option argument for XCLAIM');
  const most = 2 ** 53 - 2;
  await node.runAll(`XCLAIM s g c 0 1-1 RETRYCOUNT ${most}`, 'XCLAIM s g c 0 1-1');
  const [[, , , deliveries]] = (await node.run('XPENDING s g - + 1')) as [unknown, unknown, unknown, number][];
  assert.is(deliveries, most);
});

test('XDELEX removes an entry with or without what groups have of it, or only when all are done with it', async () => {
  const node = new SingleNode();
  const setUp = async () => {
    await node.runAll('DEL s', 'XADD s 1-0 f v', 'XADD s 2-0 f v', 'XADD s 3-0 f v', 'XGROUP CREATE s g 0');
    await node.runAll(
      'XGROUP CREATE s h 0',
      'XREADGROUP GROUP g c COUNT 2 STREAMS s >',
      'XREADGROUP GROUP h c STREAMS s >',
    );
  };
  await setUp();
  assert.equal(await node.run('XDELEX s IDS 3 1-0 1-0 9-9'), [1, -1, -1]);
  assert.equal(await node.run('XPENDING s g'), [2, '1-0', '2-0', [['c', '2']]]);
  await setUp();
  assert.equal(await node.run('XDELEX s DELREF IDS 1 1-0'), [1]);
  assert.equal(await node.run('XPENDING s g'), [1, '2-0', '2-0', [['c', '1']]]);
  assert.equal(await node.run('XPENDING s h'), [2, '2-0', '3-0', [['c', '2']]]);
  await setUp();
  await node.runAll('XACK s g 1-0 2-0 3-0', 'XACK s h 1-0 3-0');
  // 2-0 is pending for h, 3-0 is new for g
  assert.equal(await node.run('XDELEX s IDS 3 1-0 2-0 3-0 ACKED'), [1, 2, 2]);
  assert.is(await node.run('XLEN s'), 2);
  assert.equal(await node.run('XDELEX none IDS 2 1-1 2-2'), [-1, -1]);
});

test('XACKDEL acknowledges in any case, and removes as XDELEX does', async () => {
  const node = new SingleNode();
  await node.runAll('XADD s 1-0 f v', 'XADD s 2-0 f v', 'XGROUP CREATE s g 0', 'XGROUP CREATE s h 0');
  await node.runAll('XREADGROUP GROUP g c STREAMS s >', 'XREADGROUP GROUP h c STREAMS s >');
  assert.equal(await node.run('XACKDEL s g ACKED IDS 3 1-0 2-0 9-9'), [2, 2, -1]);
  assert.equal(await node.run('XPENDING s g'), [0, null, null, null]);
  assert.equal(await node.run('XACKDEL s h ACKED IDS 1 1-0'), [1]);
  assert.equal(await node.run('XACKDEL s g KEEPREF IDS 1 2-0'), [-1], 'g has nothing pending');
  assert.equal(await node.run('XACKDEL s h KEEPREF IDS 1 2-0'), [1]);
  assert.is(await node.run('XLEN s'), 0);
  assert.equal(await node.run('XACKDEL none g IDS 1 1-0'), [-1]);
  assert.equal(await node.run('XACKDEL s nobody IDS 1 1-0'), [-1]);
});

test('XDELEX and XACKDEL refuse what does not fit together', async () => {
  const node = new SingleNode();
  const refused: [string, string][] = [
    ['XDELEX s IDS 0 1-1', '-ERR Number of IDs must be a positive integer'],
    ['XDELEX s IDS x 1-1', '-ERR Number of IDs must be a positive integer'],
    ['XDELEX s IDS 2 1-1', '-ERR The `numids` parameter must match the number of arguments'],
    ['XDELEX s IDS 1 1-1 2-2', '-ERR syntax error'],
    ['XDELEX s KEEPREF DELREF IDS 1 1-1', '-ERR syntax error'],
    ['XDELEX s KEEPREF x y', '-ERR syntax error'],
    ['XDELEX s IDS 1 x', '-ERR Invalid stream ID specified as stream command argument'],
    ['XDELEX s IDS 1', "-ERR wrong number of arguments for 'xdelex' command"],
    ['XACKDEL s g IDS -5 1-1', '-ERR Number of IDs must be a positive integer'],
    ['XACKDEL s g ACKED DELREF IDS 1 1-1', '-ERR syntax error'],
    ['XACKDEL s g', "-ERR wrong number of arguments for 'xackdel' command"],
  ];
  for (const [line, error] of refused) assert.is(await node.run(line), error, line);
});

test('XADD and XTRIM may take what groups have along, or leave what they still need', async () => {
  const node = new SingleNode();
  const setUp = async () => {
    await node.runAll('DEL s', 'XADD s 1-0 f v', 'XADD s 2-0 f v', 'XADD s 3-0 f v', 'XADD s 4-0 f v');
    await node.runAll('XGROUP CREATE s g 0', 'XREADGROUP GROUP g c COUNT 3 STREAMS s >', 'XACK s g 2-0 3-0');
  };
  const ids = async () => ((await node.run('XRANGE s - +')) as [string, unknown][]).map(([id]) => id);
  await setUp();
  assert.is(await node.run('XTRIM s MAXLEN 2'), 2);
  assert.equal(await node.run('XPENDING s g'), [1, '1-0', '1-0', [['c', '1']]]);
  await setUp();
  assert.is(await node.run('XTRIM s MAXLEN 2 DELREF'), 2);
  assert.equal(await node.run('XPENDING s g'), [0, null, null, null]);
  await setUp();
  assert.is(await node.run('XTRIM s ACKED MAXLEN 2'), 2);
  assert.equal(await ids(), ['1-0', '4-0'], '1-0 is pending, and 4-0 is yet to be delivered');
  assert.is(await node.run('XTRIM s MAXLEN 0 ACKED'), 0);
  await setUp();
  assert.is(await node.run('XTRIM s MINID 3-0 ACKED'), 1);
  assert.equal(await ids(), ['1-0', '3-0', '4-0']);
  await setUp();
  await node.run('XADD s ACKED MAXLEN 3 5-0 f v');
  assert.equal(await ids(), ['1-0', '4-0', '5-0']);
  assert.is(await node.run('XTRIM s MAXLEN 1 ACKED DELREF'), '-ERR syntax error');
});

test('what is told of a stream elsewhere: its type, encoding and size, and a digest that goes by its entries', async () => {
  const node = new SingleNode();
  await node.runAll('XADD s 1-1 f v', 'XADD t 1-1 f v', 'SADD set m', 'XGROUP CREATE t g 0');
  assert.is(await node.run('TYPE s'), 'stream');
  assert.is(await node.run('OBJECT ENCODING s'), 'stream');
  const [, scanned] = (await node.run('SCAN 0 TYPE stream COUNT 100')) as [string, string[]];
  assert.equal(scanned.sort(), ['s', 't']);
  assert.ok(Number(await node.run('MEMORY USAGE s')) > 50);
  const db = node.engine.databases[0];
  const digest = (key: string) => digestOfValue(db, Slice.of(key)).toString('hex');
  assert.is(digest('s'), digest('t'));
  await node.run('XADD t 2-1 f v');
  assert.is.not(digest('s'), digest('t'));
});

test('COPY takes groups and what is pending along', async () => {
  const node = new SingleNode();
  await node.runAll(
    'XADD s 1-1 f v',
    'XADD s 2-1 f v',
    'XGROUP CREATE s g 0',
    'XREADGROUP GROUP g c COUNT 1 STREAMS s >',
  );
  const before = await node.run('XINFO STREAM s FULL');
  assert.is(await node.run('COPY s t'), 1);
  assert.equal(await node.run('XINFO STREAM t FULL'), before);
  await node.run('XACK s g 1-1');
  assert.equal(await node.run('XINFO STREAM t FULL'), before);
  assert.equal(await node.run('XREADGROUP GROUP g d STREAMS t >'), [['t', [['2-1', ['f', 'v']]]]]);
});

differentialTest(
  'who reads on behind an entry gets nothing of a stream that has begun anew and has not come so far',
  async () => {
    both ??= await BothServers.open();
    const before: Request[] = ['FLUSHALL', 'XADD a 13-0 f v', 'XREAD STREAMS a 1', 'DEL a', 'XADD a 9-0 f v'];
    await compareStreams(both, [...before, 'XREAD STREAMS a 13', 'XADD a 12-2 f v', 'XREAD STREAMS a 13-0']);
  },
);

test.run();
