/** Bitmap commands, case by case against a real redis-server; their entries against Redis's COMMAND INFO and DOCS. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bitCommands } from '../../src/commands/bits.ts';
import { stringCommands } from '../../src/commands/strings.ts';
import type { Command } from '../../src/commands/table.ts';
import { decodeReply, type ReplyValue } from '../../src/resp/decode.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';

let both: BothServers;

test.after(() => both?.close());

/** A test that runs these commands, in RESP2 and in RESP3, on a clean database. */
function sameAsRedis(name: string, requests: readonly Request[]): void {
  differentialTest(name, async () => {
    both ??= await BothServers.open();
    for (const protocol of [2, 3] as const) {
      await both.speak(protocol);
      await both.compareAfresh(requests);
    }
  });
}

const FAR = Date.UTC(2040, 0, 1);

sameAsRedis('SETBIT and GETBIT count from the highest bit of the first byte', [
  ...[
    'GETBIT key 0',
    'SETBIT key 0 0',
    'EXISTS key',
    'GET key',
    'SETBIT key 7 1',
    'GET key',
    'SETBIT key 7 1',
    'SETBIT key 17 1',
  ],
  ...[
    'GET key',
    'GETBIT key 17',
    'GETBIT key 16',
    'GETBIT key 4294967295',
    'SETBIT key 17 0',
    'GET key',
    'SET n 5',
    'SETBIT n 6 1',
  ],
  ...['GET n', `PEXPIREAT n ${FAR}`, 'SETBIT n 0 1', 'PEXPIRETIME n', 'SADD set a', 'SETBIT set 0 1', 'GETBIT set 0'],
]);

const BAD_OFFSETS = ['-1', 'x', '', '1.5', '4294967296', '9223372036854775807', '9223372036854775808', '01'];

sameAsRedis('bits and offsets that cannot be are refused', [
  ...BAD_OFFSETS.flatMap((offset) => [
    ['SETBIT', 'key', offset, '1'],
    ['GETBIT', 'key', offset],
    ['BITFIELD', 'key', 'GET', 'u8', offset],
  ]),
  ...['2', '-1', 'x', ''].map((bit) => ['SETBIT', 'key', '0', bit]),
  ...['SETBIT key x 2', 'SETBIT key 0', 'GETBIT key', 'EXISTS key'],
]);

const ENDS = [
  '0',
  '1',
  '2',
  '3',
  '9',
  '23',
  '24',
  '-1',
  '-2',
  '-3',
  '-4',
  '-24',
  '-25',
  '9223372036854775807',
  '-9223372036854775808',
];
const RANGES = ENDS.flatMap((start) => ENDS.map((end) => [start, end]));

sameAsRedis('BITCOUNT counts within a range of bytes or bits', [
  'SET key "\\xff\\x0f\\xa1"',
  'SET empty ""',
  ...[
    'BITCOUNT key',
    'BITCOUNT empty',
    'BITCOUNT absent',
    'BITCOUNT absent 0 -1',
    'BITCOUNT key 0',
    'BITCOUNT key 0 1 x',
  ],
  ...[
    'BITCOUNT key 0 1 BIT 2',
    'BITCOUNT key x 1',
    'BITCOUNT key 1 x',
    'SADD set a',
    'BITCOUNT set',
    'BITCOUNT set 0 1',
    'BITCOUNT',
  ],
  ...RANGES.map((range) => ['BITCOUNT', 'key', ...range]),
  ...RANGES.map((range) => ['BITCOUNT', 'key', ...range, 'BYTE']),
  ...RANGES.map((range) => ['BITCOUNT', 'key', ...range, 'bit']),
  ...RANGES.map((range) => ['BITCOUNT', 'empty', ...range, 'bit']),
]);

sameAsRedis('BITPOS finds the first bit of a kind within a range of bytes or bits', [
  ...[
    'SET ones "\\xff\\xff\\xff"',
    'SET zeros "\\x00\\x00\\x00"',
    'SET mixed "\\xf0\\x00\\x0f"',
    'SET empty ""',
    'SADD set a',
  ],
  ...['ones', 'zeros', 'mixed', 'empty', 'absent'].flatMap((key) =>
    ['0', '1'].flatMap((bit) => [
      ['BITPOS', key, bit],
      ...ENDS.map((start) => ['BITPOS', key, bit, start]),
      ...RANGES.map((range) => ['BITPOS', key, bit, ...range]),
      ...RANGES.map((range) => ['BITPOS', key, bit, ...range, 'BYTE']),
      ...RANGES.map((range) => ['BITPOS', key, bit, ...range, 'BIT']),
    ]),
  ),
  ...[
    'BITPOS ones 2',
    'BITPOS ones -1',
    'BITPOS ones x',
    'BITPOS ones 1 x',
    'BITPOS ones 1 0 x',
    'BITPOS ones 1 0 1 x',
  ],
  ...[
    'BITPOS ones 1 0 1 BIT x',
    'BITPOS ones 1 0 x BIT',
    'BITPOS set 1',
    'BITPOS set 1 0 1',
    'BITPOS ones',
    'BITPOS ones 1 0 BIT',
  ],
]);

sameAsRedis('BITOP combines values as if zeros followed', [
  ...['SET a "\\xff\\x0f\\xa1"', 'SET b "\\x55"', 'SET c ""', 'SADD set x'],
  ...['AND', 'OR', 'XOR'].flatMap((operation) =>
    [
      ['a'],
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b', 'a'],
      ['a', 'absent'],
      ['c', 'b'],
      ['c', 'absent'],
      ['a', 'set'],
    ].flatMap((from) => [
      ['BITOP', operation, 'to', ...from],
      ['GET', 'to'],
    ]),
  ),
  ...[
    'BITOP NOT to a',
    'GET to',
    'BITOP not a a',
    'GET a',
    'BITOP NOT to a b',
    'BITOP NOT to absent',
    'EXISTS to',
    'BITOP FOO to a',
  ],
  ...[
    'BITOP NOT to',
    `SET to 1 PXAT ${FAR}`,
    'BITOP OR to b',
    'PEXPIRETIME to',
    'BITOP OR set a b',
    'TYPE set',
    'BITOP AND a b b a',
    'GET a',
  ],
]);

sameAsRedis('BITFIELD reads and writes integers of any width', [
  ...[
    'BITFIELD key',
    'EXISTS key',
    'BITFIELD key GET u8 0 GET i5 100',
    'EXISTS key',
    'BITFIELD key SET i8 0 -1 GET u8 0',
    'GET key',
  ],
  ...[
    'BITFIELD key SET u63 5 9223372036854775807 GET u63 5 GET i64 4',
    'GET key',
    'BITFIELD key INCRBY i64 #0 1',
    'GET key',
  ],
  ...[
    'BITFIELD key SET u4 #3 9 GET u4 #3 GET u4 12',
    'BITFIELD key set i1 0 1 get i1 0 get u1 0',
    'GET key',
    'STRLEN key',
  ],
  ...[
    `PEXPIREAT key ${FAR}`,
    'BITFIELD key SET u8 200 1',
    'PEXPIRETIME key',
    'BITFIELD_RO key GET u8 200 GET i64 #1',
    'BITFIELD_RO key',
  ],
  ...[
    'BITFIELD_RO absent GET u8 0',
    'EXISTS absent',
    'SADD set a',
    'BITFIELD set GET u8 0',
    'BITFIELD set SET u8 0 1',
    'BITFIELD_RO set',
  ],
]);

const FIELDS = ['i1', 'u1', 'i8', 'u8', 'i63', 'u63', 'i64'];
const AMOUNTS = [
  '0',
  '1',
  '-1',
  '127',
  '128',
  '-128',
  '-129',
  '255',
  '256',
  '9223372036854775807',
  '-9223372036854775807',
];

sameAsRedis('BITFIELD wraps, saturates or refuses what does not fit', [
  ...FIELDS.flatMap((field) =>
    ['WRAP', 'SAT', 'FAIL'].flatMap((way) =>
      AMOUNTS.map((amount) => [
        'BITFIELD',
        'key',
        'OVERFLOW',
        way,
        'SET',
        field,
        '3',
        amount,
        'INCRBY',
        field,
        '3',
        amount,
        'INCRBY',
        field,
        '3',
        '1',
      ]),
    ),
  ),
  'BITFIELD fresh OVERFLOW FAIL SET u4 100 99',
  'STRLEN fresh',
  'BITFIELD key OVERFLOW SAT SET u2 0 9 OVERFLOW FAIL SET u2 0 9 OVERFLOW WRAP SET u2 0 9 GET u2 0',
]);

sameAsRedis('BITFIELD does nothing if any part of it is wrong', [
  ...['u0', 'u64', 'i65', 'i0', 'I8', 'U8', 'x8', 'u', '8', '', 'u08', 'i-1', 'u+8', 'u8 '].map((field) => [
    'BITFIELD',
    'key',
    'SET',
    'u8',
    '0',
    '1',
    'GET',
    field,
    '0',
  ]),
  ...['#', '#-1', '#x', '##1', '-1', '#536870912', '#9223372036854775807'].map((offset) => [
    'BITFIELD',
    'key',
    'SET',
    'u8',
    offset,
    '1',
  ]),
  ...[
    'BITFIELD key FOO',
    'BITFIELD key GET u8',
    'BITFIELD key SET u8 0',
    'BITFIELD key SET u8 0 x',
    'BITFIELD key OVERFLOW',
  ],
  ...['BITFIELD key OVERFLOW x', 'BITFIELD key SET u8 0 1 OVERFLOW', 'BITFIELD key INCRBY u8 0 1.5', 'EXISTS key'],
  ...[
    'BITFIELD_RO key SET u8 0 1',
    'BITFIELD_RO key GET u8 0 INCRBY u8 0 1',
    'BITFIELD_RO key SET u64 0 1',
    'BITFIELD_RO key OVERFLOW SAT GET u8 0',
  ],
]);

test('BITFIELD saturates downward also from the least 64-bit number', async () => {
  const node = new SingleNode();
  assert.equal(await node.run('BITFIELD key OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0'), [0, -128]);
});

test('a bit beyond the value that is cleared makes the value longer, a bit that is so already changes nothing', async () => {
  const node = new SingleNode();
  await node.runAll('SETBIT key 100 0');
  assert.is(await node.run('STRLEN key'), 13);
  const before = node.engine.statistics.localTxns;
  await node.runAll('SETBIT key 100 0', 'SETBIT key 0 0');
  assert.is(node.engine.statistics.localTxns, before);
});

test('BITOP of Redis 8.2 tells the first source from the others, and bits that are set once', async () => {
  const node = new SingleNode();
  const bits = async (key: string) => Buffer.from(String(await node.run(`GET ${key}`)), 'latin1').toString('hex');
  await node.run('SET', 'x', '\x0f\x55\x71');
  await node.run('SET', 'y', '\x01\x54');
  await node.run('SET', 'z', '\x02\x41');
  for (const [operation, expected] of [
    ['DIFF', '0c0071'],
    ['DIFF1', '000000'],
    ['ANDOR', '035500'],
    ['ONE', '0c0071'],
  ]) {
    assert.is(await node.run(`BITOP ${operation} to x y z`), 3, operation);
    assert.is(await bits('to'), expected, operation);
  }
  await node.run('BITOP DIFF1 to y x z absent');
  assert.is(await bits('to'), '0e0171');
  await node.run('BITOP one x x');
  assert.is(await bits('x'), '0f5571');
  for (const operation of ['DIFF', 'DIFF1', 'ANDOR'])
    assert.is(
      await node.run(`BITOP ${operation} to x`),
      `-ERR BITOP ${operation} must be called with at least two source keys.`,
    );
});

test('BITOP may write over one of its sources', async () => {
  const node = new SingleNode();
  await node.run('SET', 'a', 'x'.repeat(5000));
  await node.run('SET', 'b', 'y'.repeat(70_000));
  await node.run('BITOP XOR a a b');
  await node.run('BITOP XOR a a b');
  assert.is(await node.run('GET a'), 'x'.repeat(5000) + '\0'.repeat(65_000));
});

/** The categories that flags imply; the entry names the rest. */
function categoriesOf({ flags, acl }: Command): string[] {
  const implied = [flags.includes('write') ? 'write' : 'read', flags.includes('fast') ? 'fast' : 'slow'];
  return [...implied, ...acl].map((name) => `@${name}`).sort();
}

function asArray(value: ReplyValue | undefined): ReplyValue[] {
  if (!Array.isArray(value)) throw new Error(`no array: ${String(value)}`);
  return value;
}

differentialTest('entries have the arity, flags, keys, categories, group and age of Redis', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  for (const command of [...stringCommands, ...bitCommands]) {
    const { name, arity, flags, keys, group, since } = command;
    const replies = await both.answersOfRedis([
      ['COMMAND', 'INFO', name],
      ['COMMAND', 'DOCS', name],
    ]);
    const [info, docs] = replies.map((reply) => decodeReply(reply)?.value);
    const facts = asArray(asArray(info)[0]);
    assert.equal(facts.slice(0, 2), [name, arity]);
    assert.equal(asArray(facts[2]).sort(), [...flags].sort(), `flags of ${name}`);
    assert.equal(facts.slice(3, 6), keys, `keys of ${name}`);
    assert.equal(asArray(facts[6]).sort(), categoriesOf(command), `categories of ${name}`);
    const pairs = asArray(asArray(docs)[1]);
    assert.is(pairs[pairs.indexOf('since') + 1], since, `since of ${name}`);
    assert.is(pairs[pairs.indexOf('group') + 1], group, `group of ${name}`);
  }
});

test.run();
