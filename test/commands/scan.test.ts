import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

async function scanOnce(node: SingleNode, cursor: string, ...options: string[]): Promise<[string, string[]]> {
  const reply = await node.run('SCAN', cursor, ...options);
  if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new Error(`no scan reply: ${String(reply)}`);
  return [String(reply[0]), reply[1].map(String)];
}

async function scanAll(node: SingleNode, ...options: string[]): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, names] = await scanOnce(node, cursor, ...options);
    for (const name of names) found.add(name);
    cursor = next;
  } while (cursor !== '0');
  return [...found].sort();
}

async function filled(count: number): Promise<SingleNode> {
  const node = new SingleNode();
  for (let i = 0; i < count; i++) await node.run(`SET key:${i} ${i}`);
  return node;
}

test('a scan returns every key, in steps of about COUNT', async () => {
  const node = await filled(300);
  assert.is((await scanAll(node)).length, 300);
  assert.is((await scanAll(node, 'COUNT', '7')).length, 300);
  const [next, names] = await scanOnce(node, '0', 'COUNT', '10');
  assert.is.not(next, '0');
  assert.ok(names.length >= 1 && names.length <= 40, `${names.length} at once`);
  const [end, all] = await scanOnce(node, '0', 'COUNT', '9223372036854775807');
  assert.is(end, '0');
  assert.is(all.length, 300);
});

test('a key that stays is returned, whatever comes and goes meanwhile', async () => {
  const change = fc.record({
    remove: fc.boolean(),
    key: fc.integer({ min: 0, max: 400 }),
  });
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: 60 }),
    fc.array(fc.array(change, { maxLength: 60, size: 'max' }), { maxLength: 12, size: 'max' }),
    fc.integer({ min: 1, max: 20 }),
    async (stayers, changes, count) => {
      const node = new SingleNode();
      for (let i = 0; i < stayers; i++) await node.run(`SET stay:${i} 1`);
      for (let i = 0; i < 100; i += 2) await node.run(`SET volatile:${i} 1`);
      const found = new Set<string>();
      let cursor = '0';
      for (let step = 0; step === 0 || cursor !== '0'; step++) {
        const [next, names] = await scanOnce(node, cursor, 'COUNT', String(count));
        for (const name of names) found.add(name);
        cursor = next;
        for (const { remove, key } of changes[step] ?? []) {
          await node.run(remove ? `DEL volatile:${key}` : `SET volatile:${key} 1`);
        }
      }
      for (let i = 0; i < stayers; i++) assert.ok(found.has(`stay:${i}`), `stay:${i} is missing`);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('MATCH and TYPE filter what is returned', async () => {
  const node = await filled(30);
  node.addMembers('members', ['a']);
  node.setField('fields', 'f', 'v');
  assert.equal(
    await scanAll(node, 'MATCH', 'key:1?'),
    [10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((i) => `key:${i}`),
  );
  assert.equal(await scanAll(node, 'TYPE', 'SET'), ['members']);
  assert.equal(await scanAll(node, 'type', 'hash', 'match', 'f*', 'count', '100'), ['fields']);
  assert.equal(await scanAll(node, 'TYPE', 'zset'), []);
  assert.equal(await scanAll(node, 'TYPE', 'unheard-of'), []);
  assert.is((await scanAll(node, 'MATCH', '*')).length, 32);
});

test('the last of repeated options counts', async () => {
  const node = await filled(12);
  assert.equal(await scanAll(node, 'MATCH', 'nothing', 'MATCH', 'key:11'), ['key:11']);
});

test('an empty database is scanned in one call', async () => {
  assert.equal(await scanOnce(new SingleNode(), '0'), ['0', []]);
});

test('a cursor that nobody gave out ends the scan', async () => {
  const node = await filled(3);
  assert.equal(await scanOnce(node, '18446744073709551615'), ['0', []]);
});

test('what is no cursor is refused', async () => {
  const node = new SingleNode();
  for (const cursor of ['-', 'x', '1x', ' 1', '1.5', '18446744073709551616']) {
    assert.is(await node.run('SCAN', cursor), '-ERR invalid cursor', cursor);
  }
});

test('what the C library reads as a number is a cursor: a sign, leading zeros, nothing at all', async () => {
  for (const cursor of ['', '+0', '-0', '000']) {
    assert.equal(await scanOnce(new SingleNode(), cursor), ['0', []], cursor);
  }
});

test('what is no option is refused', async () => {
  const node = new SingleNode();
  for (const options of ['COUNT', 'MATCH', 'TYPE', 'COUNT 0', 'COUNT -1', 'LIMIT 3']) {
    assert.is(await node.run(`SCAN 0 ${options}`), '-ERR syntax error', options);
  }
  assert.is(await node.run('SCAN 0 COUNT x'), '-ERR value is not an integer or out of range');
  assert.is(await node.run('SCAN 0 NOVALUES'), '-ERR NOVALUES option can only be used in HSCAN');
});

differentialTest('SCAN answers as redis-server does where the reply has one order', async () => {
  const both = await BothServers.open();
  try {
    await both.compareAfresh([
      'SCAN 0',
      'SET only 1',
      'SCAN 0',
      'SCAN 00',
      'SCAN +0',
      'SCAN 0 COUNT 9223372036854775807',
      'SCAN 0 COUNT 9223372036854775808',
      'SCAN 0 COUNT',
      'SCAN 0 COUNT 0',
      'SCAN 0 COUNT -5',
      'SCAN 0 COUNT abc',
      'SCAN abc',
      'SCAN 99999999999999999999',
      'SCAN 1.5',
      'SCAN',
      'SCAN 0 MATCH',
      'SCAN 0 MATCH o*y',
      'SCAN 0 MATCH x',
      'SCAN 0 match x MATCH *',
      'SCAN 0 TYPE string',
      'SCAN 0 TYPE STRING',
      'SCAN 0 TYPE hash',
      'SCAN 0 TYPE none',
      'SCAN 0 TYPE',
      'SCAN 0 what',
    ]);
  } finally {
    both.close();
  }
});

test.run();
