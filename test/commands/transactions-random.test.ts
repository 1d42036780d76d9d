/**
 * Random transactions against a real redis-server: several effects on the same keys within one txn, which they share a
 * stamp with. Each reply must be the same bytes. PROPERTY_RUNS sets how many sequences, PROPERTY_SEED which.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { BothServers, differentialTest } from './differential.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
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
const transaction = fc
  .array(command, { minLength: 1, maxLength: COMMANDS_MAX })
  .map((lines) => ['MULTI', ...lines, 'EXEC']);
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

differentialTest('what several commands of one transaction do to the same keys is what Redis does', async () => {
  console.log(`PROPERTY_SEED=${SEED}`);
  const both = await BothServers.open();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { maxLength: TRANSACTIONS_MAX }), async (transactions) => {
        await both.compareAfresh([...transactions.flat(), ...END]);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  } finally {
    both.close();
  }
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
