/**
 * Random sequences of string, counter and bitmap commands against a real redis-server: each reply the same bytes, and
 * in the end the same values, deadlines and counts of hits and misses. PROPERTY_COMMANDS sets how many,
 * PROPERTY_SEED which; a failure is shrunk to the shortest sequence that shows it.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';

/** Commands a sequence at most. */
const LENGTH_MAX = 60;
/** Small, so that the limits on lengths are reached. */
const VALUE_BYTES_MAX = 1 << 20;

const KEYS = ['a', 'b', 'c', 'd'];
const OTHER_TYPES: Request[] = ['SADD set member', 'HSET hash field value'];

const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom('set', 'hash', '') },
);
const bytes = fc.uint8Array({ maxLength: 12 }).map((each) => Buffer.from(each));
const sparseBytes = fc.array(fc.constantFrom(0, 255, 128, 1, 85), { maxLength: 20 }).map((each) => Buffer.from(each));
const smallNumber = fc.integer({ min: -30, max: 30 }).map(String);
const wildNumber = fc.constantFrom(
  ...['9223372036854775807', '-9223372036854775808', '9223372036854775808', '9007199254740993', '-0', '+1', '01', ' 1'],
  ...['1 ', '', '1.5', 'abc', '999999999999999', '1000000000000000', '-9007199254740993', '4294967296', '0x10'],
);
const number = fc.oneof({ weight: 9, arbitrary: smallNumber }, { weight: 1, arbitrary: wildNumber });
const anyNumber = fc.oneof(smallNumber, wildNumber);
/** Binary fractions: what an 80-bit float holds exactly, as Starling does. */
const fraction = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -4096, max: 4096 }).map((n) => String(n / 64)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('1e3', '-2.5E2', '.5', '5.', '+1', '1e', 'abc', '', ' 1', '1 ', '--1', 'e1'),
  },
);
const text = fc.constantFrom('ABCBDAB', 'BDCABA', 'ohmytext', 'mynewtext', '', 'aaaa', 'abababab', 'xyz');
const value = fc.oneof(bytes, sparseBytes, anyNumber, fraction, text);
const offset = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 90 }).map(String) },
  { weight: 1, arbitrary: wildNumber },
);
/** Later deadlines than the year 142,000 are that one to Starling. */
const refusedTime = fc.constantFrom('0', '-1', 'x', '9223372036854775807', '9223372036854775808');
const goodBit = fc.constantFrom('0', '1');
const bit = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('0', '1') },
  { weight: 1, arbitrary: fc.constantFrom('2', '-1', 'x', '01') },
);

const FAR = String(Date.UTC(2040, 0, 1));
const FAR_SECONDS = String(Date.UTC(2041, 0, 1) / 1000);
const setOption = fc.oneof(
  ...['NX', 'xx', 'GET', 'KEEPTTL', 'PERSIST', 'EX', 'FOO'].map((word) => fc.constant([word])),
  ...[
    ['PXAT', FAR],
    ['exat', FAR_SECONDS],
    ['EXAT', '1'],
    ['PXAT', '1'],
  ].map((words) => fc.constant(words)),
  fc.tuple(fc.constantFrom('EX', 'PX', 'EXAT'), refusedTime),
);
const setOptions = fc.array(setOption, { maxLength: 3 }).map((each) => each.flat());

const fieldType = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom('i', 'u'), fc.integer({ min: 1, max: 63 }))
      .map(([kind, bits]) => `${kind}${bits}`),
  },
  { weight: 2, arbitrary: fc.constantFrom('i64', 'u63', 'u8', 'i8', 'i1', 'u1') },
  { weight: 1, arbitrary: fc.constantFrom('u64', 'i65', 'i0', 'u08', 'I8', 'x8', 'i', '', 'i-1') },
);
const fieldOffset = fc.oneof(
  offset,
  fc.integer({ min: 0, max: 9 }).map((n) => `#${n}`),
  fc.constantFrom('#', '#-1', '#x'),
);
/** Without the least number: Redis's check for overflow overflows itself there, and SAT then picks the wrong end. */
const operand = anyNumber.filter((text) => text !== '-9223372036854775808');
const fieldOperation = fc.oneof(
  fc.tuple(fc.constantFrom('GET', 'get'), fieldType, fieldOffset),
  fc.tuple(fc.constantFrom('SET', 'INCRBY'), fieldType, fieldOffset, operand),
  fc.tuple(fc.constant('OVERFLOW'), fc.constantFrom('WRAP', 'sat', 'FAIL', 'other')),
  fc.constantFrom(['FOO'], ['SET', 'u8', '1']),
);
const field = fc.tuple(
  fc.constantFrom('BITFIELD', 'BITFIELD', 'BITFIELD_RO'),
  key,
  fc.array(fieldOperation, { maxLength: 4 }),
);

const keys = (min: number) => fc.array(key, { minLength: min, maxLength: 3 });
const pairs = fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 });
const lcsOption = fc.oneof(
  fc.constantFrom(['LEN'], ['IDX'], ['WITHMATCHLEN'], ['FOO'], ['MINMATCHLEN']),
  fc.tuple(fc.constant('MINMATCHLEN'), number),
);

function command(name: string, ...rest: fc.Arbitrary<string | Buffer>[]): fc.Arbitrary<(string | Buffer)[]> {
  return fc.tuple(...rest).map((args) => [name, ...args]);
}

const anyCommand: fc.Arbitrary<(string | Buffer)[]> = fc.oneof(
  command('GET', key),
  { weight: 3, arbitrary: command('SET', key, value) },
  {
    weight: 2,
    arbitrary: fc.tuple(key, value, setOptions).map(([name, written, options]) => ['SET', name, written, ...options]),
  },
  command('SETNX', key, value),
  fc.tuple(fc.constantFrom('SETEX', 'PSETEX'), key, refusedTime, value).map((words) => [...words]),
  command('GETSET', key, value),
  command('GETDEL', key),
  fc.tuple(key, setOptions).map(([name, options]) => ['GETEX', name, ...options]),
  keys(1).map((names) => ['MGET', ...names]),
  pairs.map((each) => ['MSET', ...each.flat()]),
  pairs.map((each) => ['MSETNX', ...each.flat()]),
  fc.tuple(fc.constantFrom('MSET', 'MSETNX'), pairs).map(([name, each]) => [name, ...each.flat(), 'odd']),
  command('APPEND', key, value),
  command('STRLEN', key),
  command('GETRANGE', key, number, number),
  command('SUBSTR', key, number, number),
  command('SETRANGE', key, offset, value),
  command('INCR', key),
  command('DECR', key),
  { weight: 2, arbitrary: command('INCRBY', key, anyNumber) },
  command('DECRBY', key, anyNumber),
  // sums stay small: far from zero Redis's 80-bit floats round, and Starling's do not
  { weight: 2, arbitrary: command('INCRBYFLOAT', fc.constant('sum'), fraction) },
  command('SET', fc.constant('sum'), fraction),
  command('INCRBY', fc.constant('sum'), smallNumber),
  fc.tuple(key, key, fc.array(lcsOption, { maxLength: 3 })).map(([a, b, options]) => ['LCS', a, b, ...options.flat()]),
  { weight: 2, arbitrary: command('SETBIT', key, offset, bit) },
  command('GETBIT', key, offset),
  command('BITCOUNT', key),
  { weight: 2, arbitrary: command('BITCOUNT', fc.constantFrom('a', 'b'), smallNumber, smallNumber) },
  { weight: 2, arbitrary: command('BITCOUNT', key, smallNumber, smallNumber, fc.constantFrom('BIT', 'byte')) },
  command('BITPOS', key, goodBit),
  { weight: 2, arbitrary: command('BITPOS', key, goodBit, smallNumber) },
  { weight: 2, arbitrary: command('BITPOS', key, goodBit, smallNumber, smallNumber) },
  { weight: 2, arbitrary: command('BITPOS', key, goodBit, smallNumber, smallNumber, fc.constantFrom('BIT', 'byte')) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('AND', 'or', 'XOR', 'NOT', 'FOO'), key, keys(1))
      .map(([name, to, from]) => ['BITOP', name, to, ...from]),
  },
  { weight: 5, arbitrary: field.map(([name, to, operations]) => [name, to, ...operations.flat()]) },
  command('DEL', key),
  command('PERSIST', key),
  fc.tuple(key).map(([name]) => ['PEXPIREAT', name, FAR]),
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = [...KEYS, 'sum', 'set', 'hash', ''].flatMap((name) => [
  ['TYPE', name],
  ['GET', name],
  ['PEXPIRETIME', name],
]);

testRandomGroup({
  groups: ['string', 'bitmap'],
  directives: { 'proto-max-bulk-len': String(VALUE_BYTES_MAX) },
  before: OTHER_TYPES,
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  countsHits: true,
});

test.run();
