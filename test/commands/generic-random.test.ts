/**
 * Random sequences of the commands for keys of any type against a real redis-server. Deadlines are points in time far
 * ahead or gone by, since both servers read the clock a moment apart; pages of SCAN are whole databases, of all types:
 * Redis counts each key that it asks for its type as a hit.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup, words } from './random-commands.ts';
import { compareUnordered } from './unordered.ts';

const LENGTH_MAX = 60;
const FAR = 2_208_988_800;
const KEYS = ['a', 'b', 'list', 'set', 'zset', 'hash', 'stream'];

const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom('none', '', 'long'.repeat(30)) },
);
const keys = fc.array(key, { minLength: 1, maxLength: 3 });
const many = fc.array(key, { maxLength: 3 });
const odd = fc.constantFrom('x', '', '1.5', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '-1');
const database = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('0', '1', '2') },
  { weight: 1, arbitrary: fc.constantFrom('16', '-1', 'x', '') },
);
const condition = fc.array(fc.constantFrom('NX', 'XX', 'GT', 'LT', 'nx', 'FOO'), { maxLength: 2 });
const seconds = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(FAR, FAR + 1, FAR - 1000, 1, 0).map(String) },
  { weight: 1, arbitrary: odd },
);
/** Not the greatest number: 140,000 years from now is never here. */
const milliseconds = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(FAR * 1000, FAR * 1000 + 7, 1).map(String) },
  { weight: 1, arbitrary: odd.filter((each) => each !== '9223372036854775807') },
);
const glob = fc.constantFrom('*', 'a', '?', '[ab]', '*t', 's*', 'x*', '', '[^a]*', 'l\\ist', '[a-h]*', '[');
const scanOption = fc.oneof(
  words('MATCH', glob),
  words('COUNT', fc.constantFrom('1000', '1000', '0', '-1', 'x')),
  words(fc.constantFrom('FOO', 'COUNT', 'MATCH')),
);
/**
 * Nothing is sorted BY anything: which of equals comes first is nobody's promise, nor is the order of a set that is not
 * sorted. See sorting.test.ts.
 */
const sortOption = fc.oneof(
  fc.constantFrom(['ASC'], ['DESC'], ['ALPHA'], ['FOO'], ['GET'], ['LIMIT', '0']),
  words('LIMIT', fc.integer({ min: -2, max: 4 }).map(String), fc.integer({ min: -2, max: 4 }).map(String)),
  words('GET', fc.constantFrom('w_*', 'hash->*', 'nosort', '#', 'x')),
);

const anyCommand = fc.oneof(
  { weight: 2, arbitrary: words('DEL', keys) },
  words('UNLINK', keys),
  words('EXISTS', keys),
  words('TOUCH', keys),
  words('TYPE', key),
  { weight: 3, arbitrary: words('RENAME', key, key) },
  { weight: 2, arbitrary: words('RENAMENX', key, key) },
  {
    weight: 4,
    arbitrary: words(
      'COPY',
      key,
      key,
      fc.oneof(
        fc.constantFrom([], ['REPLACE'], ['DB'], ['FOO'], ['replace', 'REPLACE']),
        words('DB', database, fc.constantFrom([], ['REPLACE'])),
      ),
    ),
  },
  { weight: 2, arbitrary: words('MOVE', key, database) },
  words('SELECT', database),
  { weight: 4, arbitrary: words('EXPIREAT', key, seconds, condition) },
  { weight: 3, arbitrary: words('PEXPIREAT', key, milliseconds, condition) },
  words('EXPIRE', key, fc.oneof(odd, fc.constant('0')), condition),
  words('PEXPIRE', key, fc.oneof(odd, fc.constant('-7')), condition),
  { weight: 2, arbitrary: words('PERSIST', key) },
  { weight: 2, arbitrary: words(fc.constantFrom('EXPIRETIME', 'PEXPIRETIME'), key) },
  words(fc.constantFrom('TTL', 'PTTL'), fc.constantFrom('absent', 'missing')),
  words('KEYS', glob),
  words(
    'SCAN',
    fc.constantFrom('0', '0', '0', 'x', ''),
    fc.array(scanOption, { maxLength: 2 }).map((all) => all.flat()),
    ...['COUNT', '1000'],
  ),
  words('RANDOMKEY', keys),
  words(
    'OBJECT',
    fc.constantFrom('REFCOUNT', 'FREQ', 'ENCODING', 'foo', 'IDLETIME'),
    fc.constantFrom('absent', 'missing'),
  ),
  words('OBJECT', 'FREQ', key),
  words('OBJECT', fc.constantFrom([], ['ENCODING'], ['REFCOUNT', 'a', 'b'])),
  {
    weight: 2,
    arbitrary: words(
      fc.constantFrom('SORT', 'SORT_RO'),
      fc.constantFrom('list', 'zset', 'a', 'hash', 'none'),
      fc.array(sortOption, { maxLength: 3 }).map((all) => all.flat()),
    ),
  },
  words('SORT', 'list', fc.constantFrom([], ['DESC'], ['ALPHA']), 'STORE', key),
  words('RESTORE', key, fc.oneof(odd, fc.constant('0')), fc.constantFrom('', 'garbage', '\0\x01v\n\0')),
  words(
    'RESTORE',
    key,
    '0',
    'x',
    fc.constantFrom(['REPLACE'], ['IDLETIME', 'x'], ['FREQ', '256'], ['FOO'], ['IDLETIME']),
  ),
  words('WAIT', fc.constantFrom('x', ''), '0'),
  words('WAIT', '0', fc.constantFrom('-1', 'x')),
  words('DUMP', fc.constantFrom('absent', 'missing')),
  words(fc.constantFrom('DEL', 'TYPE', 'RENAME', 'COPY', 'MOVE', 'EXPIREAT', 'KEYS', 'SORT', 'WAIT'), many),
  // something to speak of
  { weight: 2, arbitrary: words('SET', fc.constantFrom('a', 'b'), fc.constantFrom('1', 'x')) },
  {
    weight: 2,
    arbitrary: words('RPUSH', 'list', fc.array(fc.constantFrom('3', '1', '2', '10'), { minLength: 1, maxLength: 3 })),
  },
  words('ZADD', 'zset', '1', fc.constantFrom('5', '6')),
  words('SADD', 'set', fc.constantFrom('5', '6')),
  words('HSET', 'hash', 'f', '1'),
  words('XADD', 'stream', 'NOMKSTREAM', '9-*', 'f', 'v'),
);

const LAST: Request[] = [
  'SELECT 0',
  'KEYS *',
  'SELECT 1',
  'KEYS *',
  'SELECT 2',
  'KEYS *',
  ...['0', '1'].flatMap((index) => [
    ['SELECT', index],
    ...[...KEYS, ''].flatMap((name) => [
      ['TYPE', name],
      ['PEXPIRETIME', name],
    ]),
    ['MGET', 'a', 'b'],
    ['LRANGE', 'list', '0', '-1'],
    ['ZRANGE', 'zset', '0', '-1', 'WITHSCORES'],
  ]),
];

testRandomGroup({
  groups: ['generic'],
  before: [
    ...['SET a 1', 'SET b x', 'RPUSH list 3 1 2', 'SADD set 1 x', 'ZADD zset 1 1 2 2', 'HSET hash f v'],
    ...['XADD stream 1-1 f v', 'SET w_1 3', 'SET w_2 1', 'SET w_3 2'],
  ],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  compare: compareUnordered,
  countsHits: true,
});

test.run();
