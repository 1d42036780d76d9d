/**
 * Random sequences of HyperLogLog commands against a real redis-server. What PFCOUNT has counted Redis keeps in the value
 * and Starling does not, so what it keeps there is left out when
 * values are compared.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup, words } from './random-commands.ts';

const LENGTH_MAX = 200;
const KEYS = ['a', 'b', 'c'];

const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom('string', 'set', 'short', 'none', '') },
);
const keys = fc.array(key, { maxLength: 3 });
const elements = fc.oneof(
  { weight: 60, arbitrary: fc.array(fc.integer({ min: 0, max: 400 }).map(String), { maxLength: 5 }) },
  // beyond what the sparse form holds
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 9 })
      .map((from) => Array.from({ length: 900 }, (_, at) => `e${from * 500 + at}`)),
  },
);

const anyCommand = fc.oneof(
  { weight: 12, arbitrary: words('PFADD', key, elements) },
  { weight: 5, arbitrary: words('PFCOUNT', key, keys) },
  { weight: 2, arbitrary: words('PFMERGE', key, keys) },
  words('PFCOUNT', keys),
  words('PFDEBUG', fc.constantFrom('ENCODING', 'encoding', 'TODENSE', 'DECODE', 'other'), key),
  words('PFDEBUG', fc.constantFrom([], ['ENCODING'], ['DECODE', 'a', 'b'])),
  words('DEL', key),
  words('COPY', 'a', 'b', 'REPLACE'),
);
const LAST: Request[] = [
  ...KEYS.flatMap((name) => [
    ['TYPE', name],
    ['PFDEBUG', 'ENCODING', name],
    ['PFCOUNT', name],
  ]),
  // a cardinality that was kept is none any more
  ...KEYS.flatMap((name) => [
    ['PFADD', name, 'last'],
    ['GETRANGE', name, '0', '6'],
    ['GETRANGE', name, '16', '-1'],
  ]),
];

testRandomGroup({
  groups: ['hyperloglog'],
  // each goes over 16,384 registers, several times for what is merged
  share: 0.5,
  before: ['SET string value', 'SET short HYLL', 'SADD set x'],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
  countsHits: true,
});

test.run();
