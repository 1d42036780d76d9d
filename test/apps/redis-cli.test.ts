/** redis-cli as it is: each of its modes against one node, with what was written on the other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { converged, eventually, type NodeProcess } from '../processes/node-process.ts';
import { missingProgram, testUnless } from '../processes/obstacles.ts';
import { Program, type ProgramOptions, type Result, run } from './programs.ts';
import { emptyNodes } from './two-nodes.ts';

const obstacle = missingProgram('redis-cli', ['--version']);
const cliTest = testUnless(obstacle, 'redis-cli');
const terminalTest = testUnless(obstacle ?? missingProgram('script', ['--version']), 'redis-cli at a terminal');

const nodes = emptyNodes(obstacle);
const folder = mkdtempSync(join(tmpdir(), 'starling-cli-'));

test.after(() => rmSync(folder, { recursive: true, force: true }));

type Words = readonly (string | number)[];

/** Its result, with the port of a node put first. */
function ask(node: NodeProcess, words: Words, options?: ProgramOptions): Promise<Result> {
  return run('redis-cli', ['-p', node.port, ...words], options);
}

/** What it prints, without the last end of line; it must succeed. */
async function answer(node: NodeProcess, words: Words, options?: ProgramOptions): Promise<string> {
  const { code, output, errors } = await ask(node, words, options);
  assert.is(code, 0, `redis-cli ${words.join(' ')}: ${output}${errors}`);
  return output.replace(/\n$/, '');
}

/** Enough of each type to be looked at, written on the first node. */
async function fill(): Promise<void> {
  const lines = Array.from({ length: 200 }, (_, i) => `SET key:${i} ${'v'.repeat(i + 1)}`);
  lines.push(
    'RPUSH list a b c d e',
    'SADD set a b c',
    'HSET hash f 1 g 2',
    'ZADD zset 1 a 2.5 b',
    'XADD stream 1-1 f v',
  );
  assert.match(await answer(nodes[0], ['--pipe'], { input: `${lines.join('\n')}\n` }), 'errors: 0, replies: 205');
  await converged(nodes);
}

cliTest('what is written at one node is read at the other in every form of output', async () => {
  const [a, b] = nodes;
  assert.is(await answer(a, ['HSET', 'h', 'f', 'two']), '1');
  assert.is(await answer(a, ['-3', 'ZADD', 'z', '1', 'a', '2.5', 'b']), '2');
  await converged(nodes);
  assert.is(await answer(b, ['HGETALL', 'h']), 'f\ntwo');
  assert.is(await answer(b, ['-2', '--no-raw', 'HGETALL', 'h']), '1) "f"\n2) "two"');
  assert.is(await answer(b, ['-3', '--no-raw', 'HGETALL', 'h']), '1# "f" => "two"');
  assert.is(
    await answer(b, ['-3', '--no-raw', 'ZRANGE', 'z', '0', '-1', 'WITHSCORES']),
    '1) 1) "a"\n   2) (double) 1\n2) 1) "b"\n   2) (double) 2.5',
  );
  assert.is(await answer(b, ['--csv', 'ZRANGE', 'z', '0', '-1', 'WITHSCORES']), '"a","1","b","2.5"');
  assert.is(await answer(b, ['--json', 'HGETALL', 'h']), '{"f":"two"}');
  assert.is(await answer(b, ['--json', '-2', 'HGETALL', 'h']), '["f","two"]');
});

cliTest('it reads commands from its input, in one session: SELECT, MULTI, errors', async () => {
  const [a, b] = nodes;
  const input = 'SET n 1\nSELECT 2\nSET n 5\nMULTI\nINCR n\nINCR n\nEXEC\nNOSUCH\nLPUSH n x\n';
  const lines = (await answer(a, [], { input })).split('\n').filter((line) => line !== '');
  assert.equal(lines.slice(0, 8), ['OK', 'OK', 'OK', 'OK', 'QUEUED', 'QUEUED', '6', '7']);
  assert.match(lines[8], /^ERR unknown command 'NOSUCH'/);
  assert.match(lines[9], /^WRONGTYPE /);
  await converged(nodes);
  assert.is(await answer(b, ['GET', 'n']), '1');
  assert.is(await answer(b, ['-n', '2', 'GET', 'n']), '7');
  assert.is((await run('redis-cli', ['-u', `redis://127.0.0.1:${b.port}/2`, 'GET', 'n'])).output, '7\n');
  const outside = await ask(b, ['-n', '16', 'GET', 'n']);
  assert.match(outside.output + outside.errors, /DB index is out of range/);
});

cliTest('-e tells an error by its exit code, -r repeats, --quoted-input takes any bytes', async () => {
  const [a, b] = nodes;
  assert.is(await answer(a, ['-r', '3', '-i', '0.01', 'INCR', 'n']), '1\n2\n3');
  assert.is((await ask(a, ['-e', 'LPUSH', 'n', 'x'])).code, 1);
  assert.is(await answer(a, ['--quoted-input', 'SET', '"k\\x00k"', '"\\xff\\x00"']), 'OK');
  await converged(nodes);
  assert.is(await answer(b, ['--quoted-input', '--no-raw', 'GET', '"k\\x00k"']), '"\\xff\\x00"');
});

terminalTest('at a terminal its prompt shows database and transaction, and HELP knows our own commands', async () => {
  const input = 'SET t 1\nSELECT 2\nMULTI\nGET t\nDISCARD\nHELP crdt digest\nQUIT\n';
  const { output } = await run('script', ['-qec', `redis-cli -p ${nodes[0].port}`, '/dev/null'], {
    input,
    // without the editing of lines, which asks the terminal
    environment: { TERM: 'dumb' },
  });
  const at = `127.0.0.1:${nodes[0].port}`;
  assert.match(output, `${at}[2](TX)> QUEUED`);
  assert.match(output, `${at}[2](TX)> OK`);
  assert.match(output, 'Shows a hash over all data.');
});

cliTest('-x and -X take an argument from the input, as for a DUMP that is restored on the other node', async () => {
  const [a, b] = nodes;
  assert.is(await answer(a, ['-x', 'SET', 'text'], { input: 'of two\nlines' }), 'OK');
  assert.is(await answer(a, ['RPUSH', 'list', 'x', 'y']), '2');
  await converged(nodes);
  assert.is(await answer(b, ['GET', 'text']), 'of two\nlines');
  const file = join(folder, 'list.dump');
  const copy = `redis-cli -p ${a.port} -D "" --raw DUMP list > ${file} && redis-cli -p ${b.port} -X t RESTORE copy 0 t < ${file}`;
  assert.is((await run('sh', ['-c', copy])).output, 'OK\n');
  assert.is(await answer(b, ['LRANGE', 'copy', '0', '-1']), 'x\ny');
});

cliTest('--pipe inserts ten thousand keys, counts what was refused, and the other node has them all', async () => {
  const [a, b] = nodes;
  const sets = Array.from({ length: 10_000 }, (_, i) => words('SET', `mass:${i}`, `value ${i}`));
  const inserted = await answer(a, ['--pipe'], { input: sets.join('') });
  assert.match(inserted, 'errors: 0, replies: 10000');
  const refused = await ask(a, ['--pipe'], { input: words('LPUSH', 'mass:1', 'x') + words('GET', 'mass:1') });
  assert.match(refused.output, 'errors: 1, replies: 2');
  assert.is(refused.code, 1);
  await converged(nodes);
  assert.is(await answer(b, ['DBSIZE']), '10000');
  assert.is(await answer(b, ['GET', 'mass:9999']), 'value 9999');
});

cliTest('--scan gives each key once, with patterns', async () => {
  await fill();
  const keys = (await answer(nodes[1], ['--scan'])).split('\n');
  assert.is(keys.length, 205);
  assert.is(new Set(keys).size, 205);
  assert.equal((await answer(nodes[1], ['--scan', '--pattern', '*s?t'])).split('\n').sort(), ['set', 'zset']);
  assert.is(await answer(nodes[1], ['--scan', '--quoted-pattern', '"l\\x69st"']), 'list');
});

cliTest('--bigkeys and --memkeys find the largest of each type', async () => {
  await fill();
  const big = await answer(nodes[1], ['--bigkeys']);
  for (const line of [
    'Sampled 205 keys in the keyspace',
    'Biggest   list found \'"list"\' has 5 items',
    'Biggest   hash found \'"hash"\' has 2 fields',
    'Biggest string found \'"key:199"\' has 200 bytes',
    'Biggest stream found \'"stream"\' has 1 entries',
    'Biggest    set found \'"set"\' has 3 members',
    'Biggest   zset found \'"zset"\' has 2 members',
  ]) {
    assert.match(big, line);
  }
  const memory = await answer(nodes[1], ['--memkeys', '--memkeys-samples', '0']);
  assert.match(memory, /Biggest string found '"key:1\d\d"' has \d{3} bytes/);
  assert.match(memory, /Biggest stream found '"stream"' has \d+ bytes/);
});

cliTest('--hotkeys finds what is read often, once the policy counts uses', async () => {
  const [, b] = nodes;
  await fill();
  assert.match((await ask(b, ['--hotkeys'])).errors, /ERR An LFU maxmemory policy is not selected/);
  await b.must('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
  try {
    // What was written under the other policy holds the time of its last use where counts are read now, as in Redis.
    await b.must('FLUSHALL');
    await fill();
    await answer(b, [], { input: 'GET key:7\n'.repeat(300) });
    assert.match(await answer(b, ['--hotkeys']), /hot key found with counter: \d+\tkeyname: "key:7"/);
  } finally {
    await b.must('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  }
});

cliTest('--stat shows keys, memory, clients and requests line by line', async () => {
  await fill();
  const stat = new Program('redis-cli', ['-p', nodes[1].port, '-i', '0.1', '--stat']);
  const line = String.raw`205 +[\d.]+[KMG] +\d+ +0 +\d+ \(\+\d+\) +\d+ *\n`;
  await stat.says(new RegExp(`keys +mem +clients +blocked +requests +connections *\n${line}${line}`));
  await stat.stop('SIGINT');
});

cliTest('--latency, its history and its distribution measure', async () => {
  const at = ['-p', nodes[0].port, '-i', '0.2'];
  assert.match(await answer(nodes[0], ['-i', '0.2', '--latency']), /^\d+ \d+ [\d.]+ \d+$/);
  assert.match(await answer(nodes[0], ['-i', '0.2', '--csv', '--latency']), /^\d+,\d+,[\d.]+,\d+$/);
  const history = new Program('redis-cli', [...at, '--latency-history', '--no-raw']);
  await history.says(/max: \d+, avg: [\d.]+ \(\d+ samples\) -- 0\.\d+ seconds range/);
  await history.stop('SIGINT');
  const distribution = new Program('redis-cli', [...at, '--latency-dist']);
  // coloured, one character for each class of latency
  await distribution.says(/m\*.*m#.*m1/);
  await distribution.stop('SIGINT');
});

cliTest('SUBSCRIBE hears what is published on the other node, MONITOR what its own is asked', async () => {
  const [a, b] = nodes;
  const plain = new Program('redis-cli', ['-p', a.port, '--csv', 'SUBSCRIBE', 'news']);
  const newer = new Program('redis-cli', ['-p', a.port, '-3', 'PSUBSCRIBE', 'n*']);
  const monitor = new Program('redis-cli', ['-p', a.port, 'MONITOR']);
  await plain.says(/"subscribe","news",1/);
  await newer.says(/psubscribe\nn\*\n1/);
  await monitor.says(/OK/);
  await eventually(
    'both listeners are known on the other node',
    () => answer(b, ['PUBLISH', 'news', 'hello']),
    (count) => count === '2',
  );
  await plain.says(/"message","news","hello"/);
  await newer.says(/pmessage\nn\*\nnews\nhello/);
  await answer(a, ['-n', '3', 'SET', 'k', 'a "b"']);
  await monitor.says(/^\d+\.\d{6} \[3 127\.0\.0\.1:\d+\] "SET" "k" "a \\"b\\""$/m);
  await Promise.all([plain, newer, monitor].map((each) => each.stop('SIGINT')));
});

cliTest('--eval runs a file, and a library that is loaded from the input is called on the other node', async () => {
  const [a, b] = nodes;
  const file = join(folder, 'script.lua');
  writeFileSync(file, 'return {KEYS[1], ARGV[1], redis.call("INCRBY", KEYS[1], ARGV[1])}');
  assert.is(await answer(a, ['--eval', file, 'counted', ',', '7']), 'counted\n7\n7');
  const library =
    '#!lua name=lib\nredis.register_function("ours", function(keys) return redis.call("GET", keys[1]) end)';
  assert.is(await answer(a, ['-x', 'FUNCTION', 'LOAD', 'REPLACE'], { input: library }), 'lib');
  await converged(nodes);
  assert.is(await answer(b, ['FCALL', 'ours', '1', 'counted']), '7');
});

cliTest('--rdb, --functions-rdb and --replica are refused, and told what there is instead', async () => {
  for (const words of [
    ['--rdb', join(folder, 'dump.rdb')],
    ['--functions-rdb', join(folder, 'functions.rdb')],
  ]) {
    const { code, output, errors } = await ask(nodes[0], words);
    assert.is(code, 1);
    assert.match(output + errors, /ERR Starling sends no replication stream and no RDB file: .* MIGRATE/);
  }
  const replica = await ask(nodes[0], ['--replica']);
  assert.match(replica.output + replica.errors, /SYNC with master failed: -ERR Starling sends no replication stream/);
});

/** A request as RESP has it, as for mass insertion. */
function words(...list: readonly string[]): string {
  return `*${list.length}\r\n${list.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

test.run();
