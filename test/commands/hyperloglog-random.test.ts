/**
 * Random sequences of HyperLogLog commands against a real redis-server. What PFCOUNT has counted Redis keeps in the value
 * and Starling does not, so registers are compared, not values.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup, words } from './random-commands.ts';

const LENGTH_MAX = 60;
const KEYS = ['a', 'b', 'c'];

const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom('string', 'set', 'short', 'none', '') },
);
const keys = fc.array(key, { maxLength: 3 });
const elements = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 400 }).map(String), { maxLength: 5 }),
  // beyond what the sparse form holds
  fc.integer({ min: 0, max: 9 }).map((from) => Array.from({ length: 900 }, (_, at) => `e${from * 500 + at}`)),
);

const anyCommand = fc.oneof(
  { weight: 12, arbitrary: words('PFADD', key, elements) },
  { weight: 5, arbitrary: words('PFCOUNT', key, keys) },
  { weight: 4, arbitrary: words('PFMERGE', key, keys) },
  words('PFCOUNT', keys),
  words('PFDEBUG', fc.constantFrom('ENCODING', 'encoding', 'TODENSE', 'DECODE', 'other'), key),
  words('PFDEBUG', fc.constantFrom([], ['ENCODING'], ['DECODE', 'a', 'b'])),
  words('DEL', key),
  words('COPY', 'a', 'b', 'REPLACE'),
  words('STRLEN', fc.constant('set')),
);
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['PFCOUNT', name],
  ['PFDEBUG', 'GETREG', name],
]);

testRandomGroup({
  groups: ['hyperloglog'],
  before: ['SET string value', 'SET short HYLL', 'SADD set x'],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  countsHits: true,
});

test.run();
