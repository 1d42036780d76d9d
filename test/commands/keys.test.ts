import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { databaseCommands } from '../../src/commands/databases.ts';
import { expiryCommands } from '../../src/commands/expiry.ts';
import { keyCommands } from '../../src/commands/keys.ts';
import type { Command } from '../../src/commands/table.ts';
import { Slice } from '../../src/core/index.ts';
import { decodeReply, type ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

test('DEL and UNLINK count the keys that they removed', async () => {
  for (const command of ['DEL', 'UNLINK']) {
    const node = new SingleNode();
    await node.runAll('SET a 1', 'SET b 2', 'SET kept 3');
    assert.is(await node.run(`${command} a b nothing a`), 2);
    assert.equal(await node.sorted('KEYS *'), ['kept']);
  }
});

test('EXISTS and TOUCH count a repeated key each time', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  assert.is(await node.run('EXISTS a a nothing'), 2);
  assert.is(await node.run('TOUCH a nothing a'), 2);
});

test('TYPE names the type of a key, or none', async () => {
  const node = new SingleNode();
  await node.run('SET text 1');
  node.addMembers('members', ['a']);
  node.setField('fields', 'f', 'v');
  assert.is(await node.run('TYPE text'), 'string');
  assert.is(await node.run('TYPE members'), 'set');
  assert.is(await node.run('TYPE fields'), 'hash');
  assert.is(await node.run('TYPE nothing'), 'none');
});

test('RENAME takes value and time to live along and replaces what had the name', async () => {
  const node = new SingleNode();
  node.addMembers('old', ['x', 'y']);
  await node.runAll('SET new 1 EX 10', 'EXPIRE old 100');
  assert.is(await node.run('RENAME old new'), 'OK');
  assert.is(await node.run('TYPE new'), 'set');
  assert.is(await node.run('TTL new'), 100);
  assert.is(await node.run('EXISTS old'), 0);
});

test('a renamed key does not inherit the time to live of the name', async () => {
  const node = new SingleNode();
  await node.runAll('SET lasting 1', 'SET name 2 EX 10', 'RENAME lasting name');
  assert.is(await node.run('TTL name'), -1);
});

test('RENAME to the same name changes nothing, and asks that the key exists', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  assert.is(await node.run('RENAME a a'), 'OK');
  assert.is(await node.run('RENAMENX a a'), 0);
  assert.is(await node.run('GET a'), '1');
  assert.is(await node.run('RENAME nothing nothing'), '-ERR no such key');
  assert.is(await node.run('RENAMENX nothing a'), '-ERR no such key');
});

test('RENAMENX leaves a key of the new name alone', async () => {
  const node = new SingleNode();
  await node.runAll('SET a 1', 'SET b 2');
  assert.is(await node.run('RENAMENX a b'), 0);
  assert.is(await node.run('GET b'), '2');
  assert.is(await node.run('RENAMENX a c'), 1);
  assert.is(await node.run('GET c'), '1');
});

test('COPY keeps the source, and replaces only with REPLACE', async () => {
  const node = new SingleNode();
  await node.runAll('SET a 1 EX 100', 'SET b 2');
  assert.is(await node.run('COPY a b'), 0);
  assert.is(await node.run('COPY a b REPLACE'), 1);
  assert.is(await node.run('GET b'), '1');
  assert.is(await node.run('TTL b'), 100);
  assert.is(await node.run('GET a'), '1');
  assert.is(await node.run('COPY nothing b REPLACE'), 0);
});

test('a copy goes its own way', async () => {
  const node = new SingleNode();
  node.addMembers('a', ['x']);
  await node.run('COPY a b');
  node.addMembers('b', ['y']);
  assert.is(node.engine.databases[0].sets.size(Slice.of('a')), 1);
});

test('COPY reaches into another database', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  assert.is(await node.run('COPY a a DB 3'), 1);
  assert.is(await node.run('COPY a a'), '-ERR source and destination objects are the same');
  await node.run('SELECT 3');
  assert.is(await node.run('GET a'), '1');
});

test('COPY refuses databases that are not there, and words that it does not know', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  assert.is(await node.run('COPY a b DB 16'), '-ERR DB index is out of range');
  assert.is(await node.run('COPY a b DB x'), '-ERR value is not an integer or out of range');
  assert.is(await node.run('COPY a b DB'), '-ERR syntax error');
  assert.is(await node.run('COPY a b OVER'), '-ERR syntax error');
});

test('MOVE takes a key into a database where its name is free', async () => {
  const node = new SingleNode();
  await node.runAll('SET a 1 EX 100', 'SET b 2');
  assert.is(await node.run('MOVE a 1'), 1);
  assert.is(await node.run('EXISTS a'), 0);
  await node.runAll('SELECT 1', 'SET b other', 'SELECT 0');
  assert.is(await node.run('MOVE b 1'), 0);
  assert.is(await node.run('MOVE nothing 1'), 0);
  assert.is(await node.run('MOVE b 0'), '-ERR source and destination objects are the same');
  assert.is(await node.run('MOVE b 16'), '-ERR DB index is out of range');
  await node.run('SELECT 1');
  assert.is(await node.run('TTL a'), 100);
});

test('RANDOMKEY gives every key its turn, and nil when there is none', async () => {
  const node = new SingleNode();
  assert.is(await node.run('RANDOMKEY'), null);
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await node.run(`SET ${name} 1`);
  const seen = new Set<unknown>();
  for (let i = 0; i < 200; i++) {
    node.random = () => i / 200;
    seen.add(await node.run('RANDOMKEY'));
  }
  assert.equal([...seen].sort(), names);
});

test('KEYS returns what matches, binary names and the empty one included', async () => {
  const node = new SingleNode();
  await node.runAll('SET hello 1', 'SET hallo 1', 'SET other 1');
  await node.run('SET', '', 'empty');
  await node.run('SET', Buffer.from([0, 255, 10]), 'binary');
  assert.equal(await node.sorted('KEYS h?llo'), ['hallo', 'hello']);
  assert.equal(await node.sorted('KEYS', '\x00*'), ['\x00\xff\n']);
  assert.equal(await node.sorted('KEYS *'), ['', '\x00\xff\n', 'hallo', 'hello', 'other']);
});

test('an expired key is nowhere to be found', async () => {
  const node = new SingleNode();
  await node.runAll('SET a 1 PX 5', 'SET b 1');
  node.now += 6;
  assert.is(await node.run('EXISTS a'), 0);
  assert.is(await node.run('TYPE a'), 'none');
  assert.is(await node.run('TOUCH a'), 0);
  assert.equal(await node.sorted('KEYS *'), ['b']);
  assert.equal(await node.run('SCAN 0'), ['0', ['b']]);
  assert.is(await node.run('RANDOMKEY'), 'b');
  assert.is(await node.run('RENAME a c'), '-ERR no such key');
  assert.is(await node.run('RENAMENX b a'), 1);
  assert.is(await node.run('DEL b'), 0);
});

test('asking counts hits and misses, removing and renaming do not', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  const { statistics } = node.services;
  await node.runAll('EXISTS a nothing', 'TOUCH a nothing', 'TYPE a', 'TYPE nothing', 'OBJECT ENCODING nothing');
  assert.is(statistics.keyspaceHits, 3);
  assert.is(statistics.keyspaceMisses, 4);
  await node.runAll('DUMP a', 'DUMP nothing');
  assert.is(statistics.keyspaceHits, 4);
  assert.is(statistics.keyspaceMisses, 5);
  await node.runAll('RENAME a b', 'DEL b nothing', 'KEYS *', 'SCAN 0', 'RANDOMKEY');
  assert.is(statistics.keyspaceHits, 4);
  assert.is(statistics.keyspaceMisses, 5);
});

test('a RENAME leaves the node as one transaction', async () => {
  const node = new SingleNode();
  await node.run('SET a 1 EX 100');
  const before = node.engine.statistics.localTxns;
  await node.run('RENAME a b');
  assert.is(node.engine.statistics.localTxns, before + 1);
});

test('OBJECT ENCODING names what Redis would choose for a string', async () => {
  const node = new SingleNode();
  const encodings: [value: string, encoding: string][] = [
    ['9223372036854775807', 'int'],
    ['9223372036854775808', 'embstr'],
    ['012', 'embstr'],
    ['', 'embstr'],
    ['x'.repeat(44), 'embstr'],
    ['x'.repeat(45), 'raw'],
  ];
  for (const [value, encoding] of encodings) {
    await node.run('SET', 'a', value);
    assert.is(await node.run('OBJECT ENCODING a'), encoding, value);
  }
});

test('OBJECT ENCODING judges sets by the configured limits', async () => {
  const node = new SingleNode();
  const numbers = Array.from({ length: 513 }, (_, i) => String(i));
  node.addMembers('integers', numbers.slice(1));
  assert.is(await node.run('OBJECT ENCODING integers'), 'intset');
  node.addMembers('integers', numbers);
  assert.is(await node.run('OBJECT ENCODING integers'), 'hashtable');
  node.addMembers('words', ['a', '1']);
  assert.is(await node.run('OBJECT ENCODING words'), 'listpack');
  node.addMembers('words', ['x'.repeat(65)]);
  assert.is(await node.run('OBJECT ENCODING words'), 'hashtable');
  node.services.config.set([['set-max-listpack-value', '65']]);
  assert.is(await node.run('OBJECT ENCODING words'), 'listpack');
  node.services.config.set([['set-max-listpack-entries', '2']]);
  assert.is(await node.run('OBJECT ENCODING words'), 'hashtable');
});

test('OBJECT ENCODING judges hashes by the configured limits', async () => {
  const node = new SingleNode();
  node.setField('fields', 'f', 'v');
  assert.is(await node.run('OBJECT ENCODING fields'), 'listpack');
  node.setField('fields', 'brief', 'v', node.now + 1000);
  assert.is(await node.run('OBJECT ENCODING fields'), 'listpackex');
  node.setField('fields', 'g', 'x'.repeat(65));
  assert.is(await node.run('OBJECT ENCODING fields'), 'hashtable');
  node.setField('many', 'f', 'v');
  node.setField('many', 'g', 'v');
  node.services.config.set([['hash-max-listpack-entries', '1']]);
  assert.is(await node.run('OBJECT ENCODING many'), 'hashtable');
});

test('reads of a client in NO-TOUCH mode are no use, its TOUCH and its writes are', async () => {
  const node = new SingleNode();
  await node.runAll('SET a 1', 'SET b 1', 'SET c 1');
  node.now += 20_000;
  await node.runAll('CLIENT NO-TOUCH ON', 'GET a', 'STRLEN a', 'MULTI', 'GET a', 'EXEC', 'APPEND b 2', 'TOUCH c');
  assert.is(await node.run('OBJECT IDLETIME a'), 20);
  assert.is(await node.run('OBJECT IDLETIME b'), 0);
  assert.is(await node.run('OBJECT IDLETIME c'), 0);
  await node.runAll('CLIENT NO-TOUCH OFF', 'GET a');
  assert.is(await node.run('OBJECT IDLETIME a'), 0);
});

test('OBJECT IDLETIME counts seconds since the last use, and asking is no use', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  node.now += 20_000;
  await node.runAll('EXISTS a', 'TYPE a', 'TTL a', 'OBJECT IDLETIME a');
  assert.is(await node.run('OBJECT IDLETIME a'), 20);
  await node.run('TOUCH a');
  assert.is(await node.run('OBJECT IDLETIME a'), 0);
});

test('OBJECT answers nil for a missing key, and refuses frequencies and unknown sub-commands', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  for (const sub of ['ENCODING', 'FREQ', 'IDLETIME', 'REFCOUNT']) {
    assert.is(await node.run(`OBJECT ${sub} nothing`), null);
  }
  assert.is(await node.run('OBJECT REFCOUNT a'), 2147483647);
  await node.run('SET a word');
  assert.is(await node.run('OBJECT REFCOUNT a'), 1);
  assert.match(String(await node.run('OBJECT FREQ a')), /^-ERR An LFU maxmemory policy is not selected/);
  assert.is(await node.run('OBJECT COLOUR a'), "-ERR unknown subcommand 'COLOUR'. Try OBJECT HELP.");
  assert.ok(Array.isArray(await node.run('OBJECT HELP')));
});

differentialTest('the entries say what redis-server says of its commands', async () => {
  const both = await BothServers.open();
  try {
    for (const command of [...keyCommands, ...expiryCommands, ...databaseCommands]) {
      const [{ redis }] = await both.answers([['COMMAND', 'INFO', command.name]]);
      const reply = decodeReply(redis)?.value;
      if (!Array.isArray(reply) || !Array.isArray(reply[0])) throw new Error(`no entry: ${command.name}`);
      compareEntry(command, reply[0]);
    }
  } finally {
    both.close();
  }
});

function compareEntry(command: Command, shown: readonly ReplyValue[]): void {
  const [name, arity, flags, first, last, step, categories, , , subcommands] = shown;
  const keys = 'shown' in command.keys ? command.keys.shown : command.keys;
  assert.equal([command.name, command.arity, ...keys], [name, arity, first, last, step]);
  assert.equal([...command.flags].sort(), sortedStrings(flags), `flags of ${command.name}`);
  const implied = command.flags.flatMap((flag) => (flag === 'readonly' ? 'read' : flag === 'write' ? 'write' : []));
  const speed = command.flags.includes('fast') ? 'fast' : 'slow';
  const acl = [...command.acl, ...implied, speed].map((category) => `@${category}`);
  assert.equal(acl.sort(), sortedStrings(categories), `categories of ${command.name}`);
  const ours = command.subcommands ?? [];
  const theirs = Array.isArray(subcommands) ? subcommands : [];
  assert.is(ours.length, theirs.length);
  for (const sub of ours) {
    const same = theirs.find((each) => Array.isArray(each) && each[0] === sub.name);
    if (!Array.isArray(same)) throw new Error(`redis-server has no ${sub.name}`);
    compareEntry(sub, same);
  }
}

function sortedStrings(value: ReplyValue): string[] {
  return Array.isArray(value) ? value.map(String).sort() : [];
}

differentialTest('commands on keys answer as redis-server does', async () => {
  const both = await BothServers.open();
  try {
    await both.compareAfresh([
      'SET a 1',
      'SET b word',
      'RENAME x y',
      'RENAME a a',
      'RENAMENX a a',
      'RENAMENX x x',
      'RENAMENX a b',
      'MOVE a 16',
      'MOVE a x',
      'MOVE a 99999999999',
      'MOVE a 0',
      'MOVE a -1',
      'MOVE nothing 1',
      'COPY a a',
      'COPY a b',
      'COPY a b DB',
      'COPY a b DB 77',
      'COPY a b DB 99999999999',
      'COPY a b DB x',
      'COPY a b over',
      'COPY nothing b REPLACE',
      'COPY a a DB 2 REPLACE DB 0',
      'RANDOMKEY x',
      'OBJECT ENCODING a',
      'OBJECT ENCODING b',
      'OBJECT ENCODING nothing',
      'OBJECT FREQ a',
      'OBJECT FREQ nothing',
      'OBJECT REFCOUNT b',
      'OBJECT REFCOUNT a',
      'OBJECT IDLETIME b',
      'OBJECT IDLETIME',
      'OBJECT what a',
      'OBJECT',
      'OBJECT HELP x',
      'DEL',
      'KEYS',
      'TYPE',
      'TYPE a b',
    ]);
  } finally {
    both.close();
  }
});

differentialTest('any sequence of commands on keys leaves what redis-server has', async () => {
  const both = await BothServers.open();
  const key = fc.constantFrom('a', 'b', '{a}c', '', '\x00\xff');
  const database = fc.constantFrom('0', '1', '16', 'x');
  const pattern = fc.constantFrom('[a-b]?', '\\a', '[^a]', '{*', '[', '', '\x00*');
  const request = fc.oneof(
    fc.tuple(fc.constant('SET'), key, fc.constantFrom('1', 'x', 'y'.repeat(45), '9'.repeat(19), '')),
    fc.tuple(fc.constantFrom('RENAME', 'RENAMENX', 'COPY'), key, key),
    fc.tuple(fc.constant('COPY'), key, key, fc.constantFrom('REPLACE', 'replace')),
    fc.tuple(fc.constant('COPY'), key, key, fc.constant('DB'), database, fc.constant('REPLACE')),
    fc.tuple(fc.constant('MOVE'), key, database),
    fc.tuple(fc.constantFrom('DEL', 'UNLINK', 'EXISTS', 'TOUCH'), key, key, key),
    fc.tuple(fc.constantFrom('TYPE', 'GET', 'TTL', 'PERSIST', 'EXPIRETIME'), key),
    fc.tuple(fc.constantFrom('EXPIREAT'), key, fc.constantFrom('3000000000', '1')),
    fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key),
    fc.tuple(fc.constant('KEYS'), pattern),
    fc.constantFrom(['SELECT', '0'], ['SELECT', '1'], ['SWAPDB', '0', '1'], ['FLUSHDB'], ['DBSIZE']),
  );
  const property = fc.asyncProperty(
    fc.array(request, { minLength: 20, maxLength: 60, size: 'max' }),
    async (requests) => {
      await both.compareAfresh(['SELECT 0', ...requests]);
    },
  );
  try {
    await fc.assert(property, { numRuns: 150 });
  } finally {
    both.close();
  }
});

test.run();
