/**
 * Random sequences of list commands against a real redis-server: each reply the same, and in the end the same elements
 * and counts of hits and misses. PROPERTY_COMMANDS sets how many, PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';

const LENGTH_MAX = 60;

type Args = (string | Buffer)[];

const KEYS = ['a', 'b', 'c', 'string', 'set', ''];
const OTHER_TYPES: Request[] = ['SADD set x y 1', 'SET string value', 'SET text value'];

const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'set', '', 'nothing') },
);
const keys = fc.array(key, { minLength: 1, maxLength: 4 });
const value = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('x', 'y', 'z', 'xx', 'X', '', '1', '01', 'x'.repeat(70)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((each) => Buffer.from(each)) },
);
const values = fc.array(value, { minLength: 1, maxLength: 5 });
const index = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: -7, max: 7 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('x', '', '1.5', '9223372036854775807', '-9223372036854775808', '9223372036854775808'),
  },
);
/** Not the lowest number: Redis 7.0 takes its opposite, which is none. */
const signed = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: -7, max: 7 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('x', '', '1.5', '9223372036854775807', '-9223372036854775807') },
);
const count = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 4 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('-1', 'x', '', '9223372036854775807', '1.5', '9223372036854775808') },
);
const numberOfKeys = fc.constantFrom('0', '-1', 'x', '', '5', '9223372036854775807', '01');
const none = fc.constant<Args>([]);
const end = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('LEFT', 'RIGHT', 'left', 'Right') },
  { weight: 1, arbitrary: fc.constantFrom('MIDDLE', '') },
);
const positionOption = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('RANK', 'rank'), signed) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('COUNT', 'count'), count) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('MAXLEN', 'maxlen'), count) },
  { weight: 1, arbitrary: fc.constantFrom<Args>(['RANK'], ['COUNT'], ['FOO'], ['FOO', '1']) },
);

function command(name: string, ...rest: fc.Arbitrary<string | Buffer | Args>[]): fc.Arbitrary<Args> {
  return fc.tuple(...rest).map((args) => [name, ...args.flat()]);
}

const maybeCount = fc.oneof(
  none,
  fc.tuple(fc.constantFrom('COUNT', 'count', 'x'), count),
  fc.constant<Args>(['COUNT']),
);
const pop = (name: string) =>
  keys.chain((of) => command(name, fc.constant([String(of.length), ...of]), end, maybeCount));
/** Within a transaction: nobody waits. */
const blocking: fc.Arbitrary<Args> = fc.oneof(
  command('BLPOP', keys, fc.constantFrom('0', '0.1', 'x', '-1')),
  command('BRPOP', keys, fc.constantFrom('0', '0.1', 'x', '-1')),
  command('BLMOVE', key, key, end, end, fc.constantFrom('0', '0.1', 'x', '-1')),
  command('BRPOPLPUSH', key, key, fc.constantFrom('0', '0.1', 'x', '-1')),
  keys.chain((of) =>
    command('BLMPOP', fc.constantFrom('0', 'x'), fc.constant([String(of.length), ...of]), end, maybeCount),
  ),
);

const anyCommand: fc.Arbitrary<Args> = fc.oneof(
  { weight: 10, arbitrary: command('RPUSH', key, values) },
  { weight: 10, arbitrary: command('LPUSH', key, values) },
  { weight: 2, arbitrary: command('RPUSHX', key, values) },
  { weight: 2, arbitrary: command('LPUSHX', key, values) },
  { weight: 4, arbitrary: command('LPOP', key, fc.oneof(none, count)) },
  { weight: 4, arbitrary: command('RPOP', key, fc.oneof(none, count)) },
  command('LPOP', key, count, fc.constant('more')),
  { weight: 2, arbitrary: command('LLEN', key) },
  { weight: 4, arbitrary: command('LINDEX', key, index) },
  { weight: 5, arbitrary: command('LSET', key, index, value) },
  {
    weight: 10,
    arbitrary: command('LINSERT', key, fc.constantFrom('BEFORE', 'after', 'AFTER', 'before'), value, value),
  },
  command('LINSERT', key, fc.constantFrom('beside', ''), value, value),
  { weight: 6, arbitrary: command('LRANGE', key, index, index) },
  { weight: 4, arbitrary: command('LREM', key, signed, value) },
  { weight: 2, arbitrary: command('LTRIM', key, index, index) },
  {
    weight: 5,
    arbitrary: command(
      'LPOS',
      key,
      value,
      fc.array(positionOption, { maxLength: 3 }).map((each) => each.flat()),
    ),
  },
  { weight: 5, arbitrary: command('LMOVE', key, key, end, end) },
  { weight: 2, arbitrary: command('RPOPLPUSH', key, key) },
  { weight: 3, arbitrary: pop('LMPOP') },
  command('LMPOP', numberOfKeys, key, fc.constant('LEFT')),
  { weight: 2, arbitrary: command('DEL', key) },
  command('SET', fc.constant('string'), fc.constant('value')),
  command('RENAME', fc.constant('a'), fc.constant('b')),
  command('COPY', fc.constant('b'), fc.constant('c'), fc.constant('REPLACE')),
  command('PEXPIREAT', key, fc.constant(String(Date.UTC(2040, 0, 1)))),
  command('SADD', fc.constant('a'), value),
  { weight: 2, arbitrary: command('TYPE', key) },
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['LLEN', name],
  ['LRANGE', name, '0', '-1'],
  ['LINDEX', name, '-2'],
  ['PEXPIRETIME', name],
]);

const sequence = fc.array(
  fc.oneof(
    { weight: 15, arbitrary: anyCommand.map((each): Args[] => [each]) },
    { weight: 1, arbitrary: fc.array(fc.oneof(anyCommand, blocking), { maxLength: 5 }).map(inTransaction) },
  ),
  { minLength: 1, maxLength: LENGTH_MAX, size: 'max' },
);

function inTransaction(commands: Args[]): Args[] {
  return [['MULTI'], ...commands, ['EXEC']];
}

testRandomGroup({
  groups: ['list'],
  before: OTHER_TYPES,
  sequences: sequence.map((each) => each.flat()),
  last: LAST,
  countsHits: true,
});

test.run();
