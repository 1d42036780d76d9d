/**
 * Random sequences of hash commands against a real redis-server: each reply the same but for the order of fields, and
 * in the end the same fields, values and counts of hits and misses. PROPERTY_COMMANDS sets how many,
 * PROPERTY_SEED which; a failure is shrunk to the shortest sequence that shows it.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';
import { compareUnordered } from './unordered.ts';

const LENGTH_MAX = 60;

const KEYS = ['a', 'b', 'string', 'set', ''];
const OTHER_TYPES: Request[] = ['SADD set member', 'SET string value', 'SET text value'];

const key = fc.oneof(
  { weight: 16, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'set', '', 'nothing') },
);
const bytes = fc.uint8Array({ maxLength: 12 }).map((each) => Buffer.from(each));
/** Short and long ones, one past Redis's compact encoding of 64 bytes; some look like numbers. */
const field = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom<string | Buffer>(
      'f',
      'g',
      '1',
      '-1',
      '01',
      '',
      ...[Buffer.from([0]), 'F', 'x'.repeat(70)],
    ),
  },
  { weight: 1, arbitrary: bytes },
);
const smallNumber = fc.integer({ min: -30, max: 30 }).map(String);
const wildNumber = fc.constantFrom(
  ...['9223372036854775807', '-9223372036854775808', '9223372036854775808', '9007199254740993', '-0', '+1', '01', ' 1'],
  ...['1 ', '', '1.5', 'abc', '-9007199254740993', '-4611686018427387905', '4611686018427387904', '0x10'],
);
const anyNumber = fc.oneof({ weight: 3, arbitrary: smallNumber }, { weight: 1, arbitrary: wildNumber });
const fraction = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -4096, max: 4096 }).map((n) => String(n / 64)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['1e3', '-2.5E2', '.5', '5.', '+1', '1e', 'abc', '', ' 1', '1 ', '--1', 'inf', '-inf', 'nan', 'infinity'],
    ),
  },
);
const value = fc.oneof(bytes, anyNumber, fraction, fc.constantFrom('', 'long '.repeat(30)));
/** Draws whose outcome is known: none, or as many as there can be. */
const wholeCount = fc.constantFrom('0', '1000', '-0', '4611686018427387903', '9223372036854775807');
const refusedCount = fc.constantFrom('x', '', '1.5', '9223372036854775808', '-9223372036854775808', '01');
const scanOption = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(['COUNT', '1000'], ['count', '9223372036854775807']) },
  fc.tuple(fc.constantFrom('MATCH', 'match'), fc.constantFrom('*', 'f', '?', '[fg]', '', '*1', '\\f', 'x*')),
  fc.tuple(fc.constant('COUNT'), fc.constantFrom('0', '-1', 'x', '', '9223372036854775808')),
  fc.constantFrom(['FOO'], ['MATCH'], ['COUNT'], ['TYPE', 'hash']),
);
const cursor = fc.oneof(
  { weight: 5, arbitrary: fc.constant('0') },
  { weight: 1, arbitrary: fc.constantFrom('x', '-', '', '1.5', '18446744073709551616', ' 0', '0 ', '+0', '00') },
);

function command(name: string, ...rest: fc.Arbitrary<string | Buffer>[]): fc.Arbitrary<(string | Buffer)[]> {
  return fc.tuple(...rest).map((args) => [name, ...args]);
}

const fields = fc.array(field, { minLength: 1, maxLength: 4 });
const pairs = fc.array(fc.tuple(field, value), { minLength: 1, maxLength: 4 });

const anyCommand: fc.Arbitrary<(string | Buffer)[]> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom('HSET', 'hset', 'HMSET'), key, pairs)
      .map(([name, to, each]) => [name, to, ...each.flat()]),
  },
  fc
    .tuple(fc.constantFrom('HSET', 'HMSET'), key, pairs, field)
    .map(([name, to, each, odd]) => [name, to, ...each.flat(), odd]),
  { weight: 2, arbitrary: command('HSETNX', key, field, value) },
  { weight: 2, arbitrary: command('HGET', key, field) },
  { weight: 2, arbitrary: fc.tuple(key, fields).map(([from, names]) => ['HMGET', from, ...names]) },
  command('HGETALL', key),
  command('HKEYS', key),
  command('HVALS', key),
  command('HLEN', key),
  command('HSTRLEN', key, field),
  command('HEXISTS', key, field),
  { weight: 3, arbitrary: fc.tuple(key, fields).map(([from, names]) => ['HDEL', from, ...names]) },
  { weight: 3, arbitrary: command('HINCRBY', key, field, anyNumber) },
  // sums stay small: far from zero Redis's 80-bit floats round, and Starling's do not
  { weight: 2, arbitrary: command('HINCRBYFLOAT', fc.constant('b'), fc.constant('sum'), fraction) },
  command('HSET', fc.constant('b'), fc.constant('sum'), fraction),
  command('HINCRBYFLOAT', key, fc.constantFrom('word', 'f'), fc.constantFrom('abc', 'inf', '-Infinity', 'nan', '')),
  command('HRANDFIELD', fc.constantFrom('absent', 'text')),
  { weight: 2, arbitrary: command('HRANDFIELD', key, fc.oneof(wholeCount, refusedCount)) },
  {
    weight: 2,
    arbitrary: command(
      'HRANDFIELD',
      key,
      fc.oneof(wholeCount, refusedCount, fc.constantFrom('4611686018427387904', '-4611686018427387904')),
      fc.constantFrom('WITHVALUES', 'withvalues', 'FOO', ''),
    ),
  },
  command('HRANDFIELD', key, wholeCount, fc.constant('WITHVALUES'), fc.constant('more')),
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, cursor, fc.array(scanOption, { maxLength: 3 }))
      .map(([from, at, options]) => ['HSCAN', from, at, ...options.flat(), 'COUNT', '1000']),
  },
  command('HSCAN', fc.constantFrom('absent', 'text'), fc.constantFrom('-1', '-18446744073709551615', '7', '+7')),
  command('HSCAN', key, cursor, fc.constantFrom('MATCH', 'COUNT', 'FOO', 'TYPE')),
  { weight: 2, arbitrary: command('DEL', key) },
  command('TYPE', key),
  command('EXISTS', key),
  command('RENAME', fc.constant('a'), fc.constant('b')),
  command('COPY', fc.constant('b'), fc.constant('a'), fc.constant('REPLACE')),
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['HLEN', name],
  ['HGETALL', name],
]);

testRandomGroup({
  groups: ['hash'],
  before: OTHER_TYPES,
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  compare: compareUnordered,
  countsHits: true,
});

test.run();
