/**
 * Random sequences of set commands against a real redis-server: each reply the same but for the order of members, and
 * in the end the same members and counts of hits and misses. Of draws at random, those are compared whose outcome is
 * known. PROPERTY_COMMANDS sets how many, PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';
import { compareUnordered } from './unordered.ts';

const LENGTH_MAX = 60;

const KEYS = ['a', 'b', 'c', 'one', 'string', 'hash', ''];
const OTHER_TYPES: Request[] = ['HSET hash field value', 'SET string value', 'SET text value'];

const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'hash', '', 'nothing') },
);
/** Some look like integers, so that Redis keeps them as such; one is past its compact encodings. */
const member = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '2', '3', '-1', '9223372036854775807') },
  { weight: 4, arbitrary: fc.constantFrom('x', 'y', '01', '+1', '-0', ' 1', '', 'X', 'x'.repeat(70)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((each) => Buffer.from(each)) },
);
const members = fc.array(member, { minLength: 1, maxLength: 5 });
const keys = fc.array(key, { minLength: 1, maxLength: 4 });
/** Draws whose outcome is known: none, or as many as there can be. */
const wholeCount = fc.constantFrom('0', '1000', '9223372036854775807');
const refusedCount = fc.constantFrom('x', '', '1.5', '9223372036854775808', '-9223372036854775808', '01', ' 1');
const negativeCount = fc.constantFrom('-1', '-9223372036854775807');
const scanOption = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(['COUNT', '1000'], ['count', '9223372036854775807']) },
  fc.tuple(fc.constantFrom('MATCH', 'match'), fc.constantFrom('*', '1', '?', '[xy]', '', '*1', '\\x', 'x*', '[^x]')),
  fc.tuple(fc.constant('COUNT'), fc.constantFrom('0', '-1', 'x', '', '9223372036854775808')),
  fc.constantFrom(['FOO'], ['MATCH'], ['COUNT'], ['TYPE', 'set']),
);
const cursor = fc.oneof(
  { weight: 5, arbitrary: fc.constant('0') },
  { weight: 1, arbitrary: fc.constantFrom('x', '-', '', '1.5', '18446744073709551616', ' 0', '0 ', '+0', '00') },
);
const limit = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map(String),
  fc.constantFrom('-1', 'x', '9223372036854775807', '9223372036854775808', ''),
);
const numberOfKeys = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('0', '-1', 'x', '', '9223372036854775807', '9223372036854775808', '01') },
);
const limits = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('LIMIT', 'limit'), limit) },
  { weight: 1, arbitrary: fc.constantFrom<string[]>(['LIMIT'], ['FOO', '1'], ['LIMIT', '1', 'LIMIT', '2']) },
);

function command(name: string, ...rest: fc.Arbitrary<string | Buffer>[]): fc.Arbitrary<(string | Buffer)[]> {
  return fc.tuple(...rest).map((args) => [name, ...args]);
}

const anyCommand: fc.Arbitrary<(string | Buffer)[]> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom('SADD', 'sadd'), key, members).map(([name, to, each]) => [name, to, ...each]),
  },
  { weight: 4, arbitrary: fc.tuple(key, members).map(([from, each]) => ['SREM', from, ...each]) },
  command('SMEMBERS', key),
  command('SISMEMBER', key, member),
  fc.tuple(key, members).map(([from, each]) => ['SMISMEMBER', from, ...each]),
  command('SCARD', key),
  { weight: 3, arbitrary: command('SMOVE', key, key, member) },
  command('SPOP', key, fc.oneof(wholeCount, refusedCount, negativeCount)),
  command('SPOP', key, wholeCount, fc.constant('more')),
  command('SPOP', fc.constantFrom('absent', 'text')),
  // a set of one member at most: every draw is known
  command('SADD', fc.constant('one'), fc.constant('only')),
  command('SPOP', fc.constant('one')),
  command('SRANDMEMBER', fc.constantFrom('one', 'text', 'absent')),
  command('SRANDMEMBER', fc.constant('one'), fc.constantFrom('-3', '-1', '1')),
  command('SRANDMEMBER', fc.constant('absent'), fc.constantFrom('-3', '-9223372036854775807', '9223372036854775807')),
  { weight: 2, arbitrary: command('SRANDMEMBER', key, fc.oneof(wholeCount, refusedCount)) },
  command('SRANDMEMBER', key, wholeCount, fc.constant('more')),
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('SINTER', 'SUNION', 'sdiff'), keys).map(([name, of]) => [name, ...of]),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom('SINTERSTORE', 'sunionstore', 'SDIFFSTORE'), key, keys)
      .map(([name, to, of]) => [name, to, ...of]),
  },
  { weight: 2, arbitrary: fc.tuple(numberOfKeys, keys).map(([count, of]) => ['SINTERCARD', count, ...of]) },
  {
    weight: 2,
    arbitrary: fc.tuple(keys, limits).map(([of, bound]) => ['SINTERCARD', String(of.length), ...of, ...bound]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, cursor, fc.array(scanOption, { maxLength: 3 }))
      .map(([from, at, options]) => ['SSCAN', from, at, ...options.flat(), 'COUNT', '1000']),
  },
  command('SSCAN', key, cursor, fc.constantFrom('MATCH', 'COUNT', 'FOO', 'TYPE')),
  { weight: 2, arbitrary: command('DEL', key) },
  command('SET', fc.constant('string'), fc.constant('value')),
  command('TYPE', key),
  command('EXISTS', key),
  command('RENAME', fc.constant('a'), fc.constant('b')),
  command('COPY', fc.constant('b'), fc.constant('c'), fc.constant('REPLACE')),
  command('PEXPIREAT', key, fc.constant(String(Date.UTC(2040, 0, 1)))),
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['SCARD', name],
  ['SMEMBERS', name],
  ['PEXPIRETIME', name],
]);

testRandomGroup({
  groups: ['set'],
  before: OTHER_TYPES,
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  compare: compareUnordered,
  countsHits: true,
});

test.run();
