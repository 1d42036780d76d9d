/** DEBUG: who may use it, and the sub-commands that tests rely on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WholeNode } from './whole-node.ts';

const open = () => new WholeNode({ 'enable-debug-command': 'yes' });

test('DEBUG is refused unless the configuration allows it', async () => {
  const node = new WholeNode();
  assert.match(
    String(await node.run('DEBUG SLEEP 0')),
    /^-ERR DEBUG command not allowed\. If the enable-debug-command option is set to "local"/,
  );
});

test('under "local" a local connection may use it', async () => {
  const node = new WholeNode({ 'enable-debug-command': 'local' });
  assert.is(await node.run('DEBUG SLEEP 0'), 'OK');
});

test('unknown sub-commands and wrong counts of arguments get the words of Redis', async () => {
  const node = open();
  for (const words of ['NoSuch', 'sleep', 'jmap']) {
    const expected = `-ERR unknown subcommand or wrong number of arguments for '${words}'. Try DEBUG HELP.`;
    assert.is(await node.run(`DEBUG ${words}`), expected);
  }
});

test('equal data has equal digests, whatever way it came about', async () => {
  const [left, right] = [open(), open()];
  for (const line of ['SET a 1', 'SADD s x y z', 'HSET h f 1 g 2', 'SREM s z']) await left.run(line);
  for (const line of ['HSET h g 2', 'HSET h f 1', 'SADD s y', 'SADD s x', 'SET a 0', 'INCR a']) await right.run(line);
  assert.is(await left.run('DEBUG DIGEST'), await right.run('DEBUG DIGEST'));
});

test('the digest tells values, fields, databases and times to live apart', async () => {
  const digests = new Set<unknown>();
  const states = [
    ['SET k 1'],
    ['SET k 2'],
    ['SET l 1'],
    ['HSET k f 1'],
    ['SADD k 1'],
    ['SET k 1', 'EXPIRE k 100'],
    ['SELECT 1', 'SET k 1'],
    ['HSET k f 2'],
  ];
  for (const lines of states) {
    const node = open();
    for (const line of lines) await node.run(line);
    digests.add(await node.run('DEBUG DIGEST'));
  }
  assert.is(digests.size, states.length);
});

test('the digest of no data is zeros', async () => {
  const node = open();
  await node.run('SET k v');
  await node.run('FLUSHALL');
  assert.is(await node.run('DEBUG DIGEST'), '0'.repeat(40));
  assert.equal(await node.run('DEBUG DIGEST-VALUE k'), ['0'.repeat(40)]);
});

test('DIGEST-VALUE looks at the value, not at the key', async () => {
  const node = open();
  await node.run('SADD s a b');
  await node.run('COPY s t');
  const [s, t] = (await node.run('DEBUG DIGEST-VALUE s t')) as string[];
  assert.is(s, t);
});

test('OBJECT tells the encoding, the size and the idle time', async () => {
  const node = open();
  await node.run('SADD s 1 2');
  assert.match(
    String(await node.run('DEBUG OBJECT s')),
    /^Value at:\S+ refcount:1 encoding:intset serializedlength:\d+ lru:\d+ lru_seconds_idle:0$/,
  );
  assert.is(await node.run('DEBUG OBJECT none'), '-ERR no such key');
});

test('RELOAD and LOADAOF wait until the store has everything', async () => {
  const node = open();
  for (const line of ['DEBUG RELOAD', 'DEBUG LOADAOF', 'DEBUG RELOAD NOFLUSH MERGE'])
    assert.is(await node.run(line), 'OK');
  assert.is(node.store.saves, 3);
  assert.match(String(await node.run('DEBUG RELOAD QUICKLY')), /^-ERR DEBUG RELOAD only supports/);
});

test('REPLICATION PAUSE stops the exchange with peers, RESUME takes it up', async () => {
  const node = open();
  assert.is(await node.run('DEBUG REPLICATION PAUSE'), 'OK');
  assert.is(node.mesh.paused, true);
  assert.is(await node.run('DEBUG REPLICATION RESUME'), 'OK');
  assert.is(node.mesh.paused, false);
  assert.is(await node.run('DEBUG REPLICATION STOP'), '-ERR syntax error');
});

test('CHANGE-REPL-ID makes this node a new replica that goes on with the data', async () => {
  const node = open();
  await node.run('SET k v');
  assert.is(await node.run('DEBUG CHANGE-REPL-ID'), 'OK');
  assert.is.not(node.engine.replica, '00000000000000a1');
  await node.run('SET l w');
  assert.equal(await node.run('MGET k l'), ['v', 'w']);
});

test('SET-ACTIVE-EXPIRE sets the directive', async () => {
  const node = open();
  await node.run('DEBUG SET-ACTIVE-EXPIRE 0');
  assert.is(node.services.config.get('active-expire'), 'no');
  await node.run('DEBUG SET-ACTIVE-EXPIRE 1');
  assert.is(node.services.config.get('active-expire'), 'yes');
});

test('POPULATE makes keys where there are none', async () => {
  const node = open();
  await node.run('SET key:1 mine');
  await node.run('DEBUG POPULATE 3');
  assert.equal(await node.run('MGET key:0 key:1 key:2'), ['value:0', 'mine', 'value:2']);
  await node.run('DEBUG POPULATE 1 other 10');
  assert.is(await node.run('STRLEN other:0'), 10);
});

test('STRINGMATCH-LEN matches a long string in reasonable time', async () => {
  const node = open();
  assert.is(await node.run('DEBUG STRINGMATCH-LEN 1000 a*a*a*a*a*a*a*b'), 0);
  assert.is(await node.run('DEBUG STRINGMATCH-LEN 3 a?a'), 1);
});

test('ERROR answers with the error that it is given', async () => {
  assert.is(await open().run('DEBUG', 'ERROR', 'MYERR text'), '-MYERR text');
});

test('LOG writes to the log', async () => {
  const node = open();
  await node.run('DEBUG', 'LOG', 'hello there');
  assert.equal(node.logged, ['DEBUG LOG: hello there']);
});

test('HTSTATS counts keys, HTSTATS-KEY elements of what Redis keeps in a hash table', async () => {
  const node = open();
  await node.run('SET k v EX 100');
  assert.is(
    await node.run('DEBUG HTSTATS 0'),
    '[Dictionary HT]\n number of elements: 1\n[Expires HT]\n number of elements: 1\n',
  );
  assert.is(await node.run('DEBUG HTSTATS 99'), '-ERR Out of range database');
  await node.run('SADD small 1');
  await node.run('SADD', 'large', 'x'.repeat(100));
  assert.match(String(await node.run('DEBUG HTSTATS-KEY small')), /^-ERR The value stored at the specified key is not/);
  assert.is(await node.run('DEBUG HTSTATS-KEY large'), ' number of elements: 1\n');
});

const KINDS: readonly [kind: string, resp2: string, resp3: string][] = [
  ['string', '$11\r\nHello World\r\n', '$11\r\nHello World\r\n'],
  ['integer', ':12345\r\n', ':12345\r\n'],
  ['double', '$5\r\n3.141\r\n', ',3.141\r\n'],
  ['null', '$-1\r\n', '_\r\n'],
  ['array', '*3\r\n:0\r\n:1\r\n:2\r\n', '*3\r\n:0\r\n:1\r\n:2\r\n'],
  ['set', '*3\r\n:0\r\n:1\r\n:2\r\n', '~3\r\n:0\r\n:1\r\n:2\r\n'],
  ['map', '*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n', '%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n'],
  ['true', ':1\r\n', '#t\r\n'],
  ['false', ':0\r\n', '#f\r\n'],
  ['verbatim', '$25\r\nThis is a verbatim\nstring\r\n', '=29\r\ntxt:This is a verbatim\nstring\r\n'],
  ['bignum', '$37\r\n1234567999999999999999999999999999999\r\n', '(1234567999999999999999999999999999999\r\n'],
  [
    'attrib',
    '$39\r\nSome real reply following the attribute\r\n',
    '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n',
  ],
];

for (const [kind, resp2, resp3] of KINDS) {
  test(`PROTOCOL ${kind} answers in the form of either protocol`, async () => {
    const node = open();
    assert.is((await node.raw('DEBUG', 'PROTOCOL', kind)).toString(), resp2);
    await node.run('HELLO 3');
    assert.is((await node.raw('DEBUG', 'PROTOCOL', kind)).toString(), resp3);
  });
}

test('PROTOCOL push is for RESP3, and is followed by a reply', async () => {
  const node = open();
  assert.is(await node.run('DEBUG PROTOCOL push'), '-ERR RESP2 is not supported by this command');
  await node.run('HELLO 3');
  assert.is((await node.raw('DEBUG', 'PROTOCOL', 'push')).toString(), '>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n');
});

test.run();
