/**
 * Random scripts and functions against a real redis-server: what they answer, what they leave behind, and what is said of
 * those that are wrong. Scripts are made of statements, each of which collects what a command has answered.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup, words } from './random-commands.ts';

const LENGTH_MAX = 160;

const key = fc.constantFrom("'s'", "'l'", "'h'", "'z'", "'none'", 'KEYS[1] or "k"');
const word = fc.constantFrom("'1'", "'x'", "''", '2', '1.5', "ARGV[1] or 'a'", 'nil', 'false', '{}');
const called = fc.oneof(
  fc.tuple(fc.constantFrom('get', 'incr', 'type', 'lrange', 'hgetall', 'del', 'ttl', 'llen', 'nosuch', ''), key),
  fc.tuple(fc.constantFrom('set', 'append', 'rpush', 'hget', 'sadd', 'zscore', 'incrby', 'lindex', 'multi'), key, word),
  fc.tuple(fc.constantFrom('zadd', 'lrange', 'zrange', 'set', 'getrange'), key, word, word),
  // one field: Redis promises no order of several, and they have another here
  fc.tuple(fc.constant('hset'), key, fc.constantFrom("'f'", 'nil', '{}'), word),
);
const statement = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('redis.pcall', 'redis.pcall', 'redis.call'), called)
      .map(([how, [name, ...args]]) => `r[#r+1] = ${how}(${[`'${name}'`, ...args].join(', ')})`),
  },
  { weight: 2, arbitrary: word.map((each) => `r[#r+1] = ${each}`) },
  fc.constantFrom(
    "r[#r+1] = redis.status_reply('FINE')",
    "r[#r+1] = redis.error_reply('MY fault')",
    "r[#r+1] = redis.sha1hex('x')",
    'r[#r+1] = #KEYS + #ARGV',
    'redis.setresp(3)',
    'redis.setresp(2)',
    "r[#r+1] = {map = {a = 'b'}}",
    'r[#r+1] = {double = 1.5}',
    'r[#r+1] = {set = {x = true}}',
    "r[#r+1] = cjson.encode({1, 'x', false})",
    "r[#r+1] = redis.acl_check_cmd('get', 'x')",
    'r[#r+1] = {1, {2, {3}}, nil, 4}',
    "error('wrong')",
    "error({err = 'MY own'})",
    'local x = nil + 1',
    'x = 1',
    'return r',
  ),
);
const body = fc
  .array(statement, { maxLength: 4 })
  .map((all) => ['local r = {}', ...all.map(complete), 'return r'].join('\n'));
const head = fc.oneof(
  { weight: 5, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('#!lua\n', '#!lua flags=no-writes\n', '#!lua flags=allow-oom,allow-stale\n'),
  },
  { weight: 1, arbitrary: fc.constantFrom('#!lua flags=x\n', '#!js\n', '#!lua name=x\n', '#!lua') },
);
const script = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(head, body).map((both) => both.join('')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('return', 'return 1', 'not lua', 'return {1, 2, nil, 3}', 'return nil', 'return true'),
  },
);
const keysAndArguments = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(['0'], ['1', 's'], ['2', 's', 'l', 'x'], ['0', 'x', 'y']) },
  { weight: 1, arbitrary: fc.constantFrom(['x'], ['-1'], ['3', 's'], ['']) },
);
const hash = fc.constantFrom(
  'e0e1f9fabfc9d4800c877a703b823ac0578ff8db',
  'E0E1F9FABFC9D4800C877A703B823AC0578FF8DB',
  'x',
  '0'.repeat(40),
);
const library = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('one', 'two'), fc.constantFrom('f', 'g', 'h'), body)
      .map(
        ([name, each, text]) =>
          `#!lua name=${name}\nredis.register_function('${each}', function(KEYS, ARGV) ${text} end)`,
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('no-writes', 'x', 'allow-oom')
      .map(
        (flag) =>
          `#!lua name=one\nredis.register_function{function_name='f', callback=function() return redis.call('get', 's') end, flags={'${flag}'}}`,
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      'x',
      '#!lua',
      '#!lua name=one',
      '#!lua name=one\nreturn 1',
      '#!lua name=a b',
      '#!js name=x\n',
    ),
  },
);
const anyCommand = fc.oneof(
  { weight: 10, arbitrary: words('EVAL', script, keysAndArguments) },
  { weight: 3, arbitrary: words('EVAL_RO', script, keysAndArguments) },
  { weight: 2, arbitrary: words(fc.constantFrom('EVALSHA', 'EVALSHA_RO'), hash, keysAndArguments) },
  words('SCRIPT', 'LOAD', script),
  { weight: 2, arbitrary: words('SCRIPT', 'EXISTS', fc.array(hash, { maxLength: 2 })) },
  words('SCRIPT', 'FLUSH', fc.constantFrom([], ['ASYNC'], ['sync'], ['x'], ['SYNC', 'x'])),
  words('SCRIPT', fc.constantFrom([], ['x'], ['KILL'], ['DEBUG'], ['LOAD'])),
  { weight: 4, arbitrary: words('FUNCTION', 'LOAD', fc.constantFrom([], ['REPLACE'], ['replace'], ['x']), library) },
  {
    weight: 5,
    arbitrary: words(
      fc.constantFrom('FCALL', 'FCALL', 'FCALL_RO'),
      fc.constantFrom('f', 'g', 'h', 'none'),
      keysAndArguments,
    ),
  },
  words('FUNCTION', 'DELETE', fc.constantFrom('one', 'two', 'none')),
  words(
    'FUNCTION',
    'LIST',
    'LIBRARYNAME',
    fc.constantFrom('one', 'two', 'x*'),
    fc.constantFrom([], ['WITHCODE'], ['x']),
  ),
  words(
    'FUNCTION',
    fc.constantFrom(['STATS'], ['KILL'], ['FLUSH', 'x'], ['FLUSH'], ['RESTORE', 'x'], ['LIST', 'x'], ['x'], []),
  ),
  words(fc.constantFrom('EVAL', 'EVALSHA', 'FCALL', 'FCALL_RO'), fc.constantFrom([], ['x'])),
  words('DEL', fc.constantFrom('s', 'l', 'h', 'z')),
);

/** A RETURN must be a block's last statement. */
function complete(text: string): string {
  return text.startsWith('return') || text.startsWith('error') ? `do ${text} end` : text;
}

const LAST: Request[] = [
  'FUNCTION LIST LIBRARYNAME one WITHCODE',
  'FUNCTION LIST LIBRARYNAME two WITHCODE',
  ...['GET s', 'LRANGE l 0 -1', 'HLEN h', 'ZRANGE z 0 -1 WITHSCORES', 'TYPE none', 'TYPE k', 'DBSIZE'],
];

testRandomGroup({
  groups: ['scripting'],
  before: ['FUNCTION FLUSH', 'SCRIPT FLUSH', 'SET s 5', 'RPUSH l a b', 'HSET h f v', 'ZADD z 1.5 m'],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
});

test.run();
