/**
 * Random transactions against a real redis-server: several effects on the same keys within one txn, which they share a
 * stamp with. Each reply must be the same bytes.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { BothServers, differentialTest } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';

const TRANSACTIONS_MAX = 8;
const COMMANDS_MAX = 6;
const FAR_MS = Date.UTC(2040, 0, 1);

const key = fc.constantFrom('k', 'l');
const hash = fc.constantFrom('h', 'i');
const set = fc.constantFrom('s', 't');
const element = fc.constantFrom('1', '2', '3');
const number = fc.integer({ min: -9, max: 50 }).map(String);

function line(...words: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  const parts = words.map((word) => (typeof word === 'string' ? fc.constant(word) : word));
  return fc.tuple(...parts).map((all) => all.join(' '));
}

const command = fc.oneof(
  line('INCR', key),
  line('INCRBY', key, number),
  line('INCRBYFLOAT', key, fc.constantFrom('1.5', '-0.25')),
  line('SET', key, number),
  line('GETSET', key, number),
  line('APPEND', key, element),
  line('DEL', key),
  line('GET', key),
  line('PEXPIREAT', key, String(FAR_MS)),
  line('PERSIST', key),
  line('PEXPIRETIME', key),
  line('RENAME', key, key),
  line('COPY', key, key, 'REPLACE'),
  line('HSET', hash, element, number),
  line('HINCRBY', hash, element, number),
  line('HDEL', hash, element),
  line('HGET', hash, element),
  line('HLEN', hash),
  line('DEL', hash),
  line('SET', hash, number),
  line('TYPE', hash),
  line('SADD', set, element, element),
  line('SREM', set, element),
  line('SISMEMBER', set, element),
  line('SCARD', set),
  line('SMOVE', set, set, element),
  line('SINTERSTORE', set, set, set),
  line('RENAME', set, hash),
  line('FLUSHDB'),
);
/** A watched key that the same client has changed meanwhile, or has not. */
const watched = fc.constantFrom(
  ['WATCH k'],
  ['WATCH k h', 'SET k 7'],
  ['WATCH k', 'SET k 7', 'UNWATCH'],
  ['WATCH h', 'GET h'],
);
const wrong = fc.constantFrom('GET', 'nosuch', 'MULTI', 'WATCH k', 'INCR s', 'SUBSCRIBE', 'EXEC x');
const transaction = fc
  .array(command, { minLength: 1, maxLength: COMMANDS_MAX })
  .chain((lines) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(['MULTI', ...lines, 'EXEC']) },
      { weight: 2, arbitrary: watched.map((before) => [...before, 'MULTI', ...lines, 'EXEC']) },
      { weight: 1, arbitrary: fc.constant(['MULTI', ...lines, 'DISCARD']) },
      { weight: 1, arbitrary: wrong.map((each) => ['MULTI', ...lines, each, 'EXEC']) },
      { weight: 1, arbitrary: fc.constantFrom(['EXEC'], ['DISCARD'], ['UNWATCH'], ['EXEC x'], ['WATCH']) },
    ),
  );
const END = [
  'MGET k l h i',
  'TYPE h',
  'TYPE i',
  'PEXPIRETIME k',
  'PEXPIRETIME l',
  'HMGET h 1 2 3',
  'HMGET i 1 2 3',
  'SMISMEMBER s 1 2 3',
  'SMISMEMBER t 1 2 3',
  'DBSIZE',
];

testRandomGroup({
  groups: ['transactions'],
  // two of them, and the commands between
  share: 0.4,
  before: [],
  sequences: fc.array(transaction, { maxLength: TRANSACTIONS_MAX }).map((all) => all.flat()),
  last: END,
});

differentialTest('increments of one counter within one transaction add up', async () => {
  const both = await BothServers.open();
  try {
    const counted = [
      'INCR n',
      'INCRBY n 4',
      'GET n',
      'INCRBYFLOAT n 0.5',
      'GET n',
      'HINCRBY h f 2',
      'HINCRBY h f 3',
      'HGET h f',
    ];
    await both.compareAfresh(['MULTI', ...counted, 'EXEC', 'GET n', 'HGET h f']);
  } finally {
    both.close();
  }
});

test.run();
