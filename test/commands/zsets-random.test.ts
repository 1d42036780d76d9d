/**
 * Random sequences of sorted set commands against a real redis-server: each reply the same, but for the order of what
 * has none, and in the end the same members and counts of hits and misses. Scores are such that sums are exact and spelled
 * alike by all versions of Redis. PROPERTY_COMMANDS sets how many, PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';
import { compareUnordered } from './unordered.ts';

const LENGTH_MAX = 60;

type Args = (string | Buffer)[];

const KEYS = ['a', 'b', 'c', 'one', 'string', 'set', ''];
const OTHER_TYPES: Request[] = ['SADD set x y 1', 'SET string value', 'SET text value'];

const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'set', '', 'nothing') },
);
const keys = fc.array(fc.oneof({ weight: 4, arbitrary: key }, { weight: 1, arbitrary: fc.constant('set') }), {
  minLength: 1,
  maxLength: 4,
});
const member = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('x', 'y', 'z', 'xx', 'X', '', '1', '01', 'x'.repeat(70)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((each) => Buffer.from(each)) },
);
const score = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -4, max: 4 }).map(String) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('0.5', '-2.25', 'inf', '-inf', '+Inf', '1e3', '0x10', '.5', '+1', '1048576'),
  },
  { weight: 1, arbitrary: fc.constantFrom('x', '', 'nan', '1e999', ' 1', '1 ', '1.5.5', '(1', '--1', 'infinit') },
);
/** Not below 0, nor 0: a score of −0 is 0 here, and in Redis where the sorted set is small. */
const weight = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('1', '2', '0.5', '3', 'inf') },
  { weight: 1, arbitrary: fc.constantFrom('x', '', 'nan') },
);
const pairs = fc.array(fc.tuple(score, member), { minLength: 1, maxLength: 4 }).map((each) => each.flat());
const addOption = fc.constantFrom('NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'nx', 'gt', 'ch', 'incr');
const scoreBound = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom('', '('), fc.integer({ min: -5, max: 5 })).map((each) => each.join('')),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('-inf', '+inf', '(inf', '(-inf', '1.5', '(0.5', '1e1', ' 1', '1e999', '0x3'),
  },
  { weight: 1, arbitrary: fc.constantFrom('x', '', '(', 'nan', '[1', '1 ', '-', '+', '((1') },
);
const lexBound = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('-', '+', '[x', '(x', '[y', '(xx', '[', '(', '[X', '(z') },
  { weight: 1, arbitrary: fc.constantFrom('x', '', '+x', '--', '1', '[x'.padEnd(80, 'x')) },
);
const rank = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -6, max: 6 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('x', '', '1.5', '9223372036854775807', '-9223372036854775808', '(1') },
);
const limit = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('LIMIT', 'limit'), rank, rank) },
  { weight: 1, arbitrary: fc.constantFrom<Args>(['LIMIT'], ['LIMIT', '0'], ['FOO']) },
);
const withScores = fc.constantFrom<Args>(['WITHSCORES'], ['withscores'], []);
const none = fc.constant<Args>([]);
const maybeLimit = fc.oneof({ weight: 2, arbitrary: none }, { weight: 1, arbitrary: limit });
const rangeOption = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Args>(['REV'], ['rev'], ['WITHSCORES'], ['BYSCORE'], ['BYLEX']) },
  limit,
);
const count = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 4 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('-1', 'x', '', '9223372036854775807', '1.5', '9223372036854775808') },
);
const numberOfKeys = fc.constantFrom('0', '-1', 'x', '', '5', '9223372036854775807', '01');

function command(name: string, ...rest: fc.Arbitrary<string | Buffer | Args>[]): fc.Arbitrary<Args> {
  return fc.tuple(...rest).map((args) => [name, ...args.flat()]);
}

/** Options of unions and intersections over so many keys. */
function algebraOptions(size: number): fc.Arbitrary<Args> {
  const weights = fc.array(weight, { minLength: size, maxLength: size }).map((each) => ['WEIGHTS', ...each]);
  const aggregate = fc.tuple(fc.constantFrom('AGGREGATE', 'aggregate'), fc.constantFrom('SUM', 'min', 'MAX', 'x'));
  return fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: weights as fc.Arbitrary<Args> },
        { weight: 3, arbitrary: aggregate as fc.Arbitrary<Args> },
        { weight: 2, arbitrary: fc.constant<Args>(['WITHSCORES']) },
        { weight: 1, arbitrary: fc.constantFrom<Args>(['WEIGHTS', '1'], ['AGGREGATE'], ['FOO'], ['LIMIT', '1']) },
      ),
      { maxLength: 3 },
    )
    .map((options) => options.flat());
}

const algebra = keys.chain((of) =>
  fc
    .tuple(algebraOptions(of.length), key, fc.constantFrom('ZUNION', 'ZINTER', 'zdiff'), fc.boolean())
    .map(([options, to, name, stores]): Args => {
      const rest = [String(of.length), ...of, ...(name === 'zdiff' ? options.slice(0, 1) : options)];
      return stores ? [`${name}store`, to, ...rest] : [name, ...rest];
    }),
);

const anyCommand: fc.Arbitrary<Args> = fc.oneof(
  { weight: 12, arbitrary: command('ZADD', key, pairs) },
  { weight: 8, arbitrary: command('ZADD', key, fc.array(addOption, { maxLength: 2 }), pairs) },
  { weight: 3, arbitrary: command('ZADD', key, fc.constant('INCR'), addOption, score, member) },
  command('ZADD', key, pairs, score),
  { weight: 6, arbitrary: command('ZINCRBY', key, score, member) },
  { weight: 4, arbitrary: command('ZREM', key, fc.array(member, { minLength: 1, maxLength: 3 })) },
  command('ZCARD', key),
  command('ZSCORE', key, member),
  command('ZMSCORE', key, member, member),
  { weight: 2, arbitrary: command('ZRANK', key, member) },
  { weight: 2, arbitrary: command('ZREVRANK', key, member) },
  { weight: 2, arbitrary: command('ZCOUNT', key, scoreBound, scoreBound) },
  {
    weight: 6,
    arbitrary: command(
      'ZRANGE',
      key,
      rank,
      rank,
      fc.array(rangeOption, { maxLength: 2 }).map((each) => each.flat()),
    ),
  },
  {
    weight: 4,
    arbitrary: command(
      'ZRANGE',
      key,
      scoreBound,
      scoreBound,
      fc.constantFrom<Args>(['BYSCORE'], ['byscore', 'REV']),
      maybeLimit,
      withScores,
    ),
  },
  { weight: 3, arbitrary: command('ZRANGEBYSCORE', key, scoreBound, scoreBound, maybeLimit, withScores) },
  { weight: 3, arbitrary: command('ZREVRANGEBYSCORE', key, scoreBound, scoreBound, withScores, maybeLimit) },
  { weight: 2, arbitrary: command('ZREVRANGE', key, rank, rank, withScores, maybeLimit) },
  // a range by bytes says something where all have one score
  command('ZADD', fc.constantFrom('lex', 'lex', 'a'), fc.constant('0'), member),
  { weight: 2, arbitrary: command('ZRANGEBYLEX', fc.constant('lex'), lexBound, lexBound, maybeLimit) },
  { weight: 2, arbitrary: command('ZREVRANGEBYLEX', fc.constant('lex'), lexBound, lexBound, maybeLimit) },
  {
    weight: 2,
    arbitrary: command(
      'ZRANGE',
      fc.constant('lex'),
      lexBound,
      lexBound,
      fc.constantFrom<Args>(['BYLEX'], ['BYLEX', 'REV']),
      maybeLimit,
    ),
  },
  { weight: 2, arbitrary: command('ZLEXCOUNT', fc.constantFrom('lex', 'lex', 'text', 'none'), lexBound, lexBound) },
  command('ZREMRANGEBYLEX', fc.constantFrom('lex', 'none'), lexBound, lexBound),
  { weight: 2, arbitrary: command('ZREMRANGEBYSCORE', key, scoreBound, scoreBound) },
  { weight: 2, arbitrary: command('ZREMRANGEBYRANK', key, rank, rank) },
  {
    weight: 3,
    arbitrary: command('ZRANGESTORE', key, key, rank, rank, fc.constantFrom<Args>([], ['REV'], ['WITHSCORES'])),
  },
  {
    weight: 2,
    arbitrary: command('ZRANGESTORE', key, key, scoreBound, scoreBound, fc.constant<Args>(['BYSCORE']), maybeLimit),
  },
  { weight: 3, arbitrary: command('ZPOPMIN', key, fc.oneof(none, count)) },
  { weight: 3, arbitrary: command('ZPOPMAX', key, fc.oneof(none, count)) },
  command('ZPOPMIN', key, count, fc.constant('more')),
  {
    weight: 3,
    arbitrary: keys.chain((of) =>
      command(
        'ZMPOP',
        fc.constant([String(of.length), ...of]),
        fc.constantFrom('MIN', 'max', 'x'),
        fc.oneof(none, fc.tuple(fc.constantFrom('COUNT', 'x'), count)),
      ),
    ),
  },
  command('ZMPOP', numberOfKeys, key, fc.constant('MIN')),
  { weight: 8, arbitrary: algebra },
  command('ZUNIONSTORE', key, numberOfKeys, key),
  command('ZINTER', numberOfKeys, key, key),
  {
    weight: 2,
    arbitrary: keys.chain((of) =>
      command(
        'ZINTERCARD',
        fc.constant([String(of.length), ...of]),
        fc.oneof(none, fc.tuple(fc.constant('LIMIT'), count)),
      ),
    ),
  },
  // all that there are, or a draw whose outcome is known
  command(
    'ZRANDMEMBER',
    key,
    fc.constantFrom('0', '1000', 'x', '', '1.5'),
    fc.constantFrom<Args>([], ['WITHSCORES'], ['x']),
  ),
  command(
    'ZRANDMEMBER',
    fc.constantFrom('one', 'absent', 'text'),
    fc.constantFrom<Args>([], ['-2'], ['-2', 'WITHSCORES'], ['1']),
  ),
  command('ZADD', fc.constant('one'), score, fc.constant('only')),
  command(
    'ZSCAN',
    key,
    fc.constantFrom('0', 'x'),
    fc.constantFrom<Args>([], ['MATCH', 'x*'], ['COUNT', '0'], ['TYPE', 'zset']),
    fc.constant(['COUNT', '1000']),
  ),
  { weight: 2, arbitrary: command('DEL', key) },
  command('SET', fc.constant('string'), fc.constant('value')),
  command('RENAME', fc.constant('a'), fc.constant('b')),
  command('COPY', fc.constant('b'), fc.constant('c'), fc.constant('REPLACE')),
  command('PEXPIREAT', key, fc.constant(String(Date.UTC(2040, 0, 1)))),
  command('OBJECT', fc.constant('ENCODING'), fc.constant('one')),
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['ZCARD', name],
  ['ZRANGE', name, '0', '-1', 'WITHSCORES'],
  ['PEXPIRETIME', name],
]);

testRandomGroup({
  groups: ['sorted-set'],
  before: OTHER_TYPES,
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  compare: compareUnordered,
  countsHits: true,
});

test.run();
