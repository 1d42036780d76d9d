/**
 * Random sequences of stream commands against a real redis-server: each reply the same, and in the end the same streams,
 * groups and pending entries. Ids are given, since those that are generated differ; consumers are made with their group,
 * since Redis 7.0, unlike 7.2, makes none for a reader that finds nothing. PROPERTY_COMMANDS sets how many,
 * PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';
import { compareStreams } from './stream-replies.ts';

const LENGTH_MAX = 60;

type Args = (string | Buffer)[];

const KEYS = ['a', 'b', 'string', 'none'];
const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'a', 'b') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'none') },
);
const group = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('g', 'g', 'h') },
  { weight: 1, arbitrary: fc.constant('nobody') },
);
const consumer = fc.constantFrom('c', 'd', 'é', '');
const soundId = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 2 })).map((each) => each.join('-')),
  },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 14 }).map(String) },
);
const oddId = fc.constantFrom(
  ...['', '-', '+', '*', '$', '>', 'x', '1-', '-1', '1-x', '1--1', ' 1-1', '+3-1', '007-01', '1-1-1', '1 -1'],
  ...['18446744073709551615-18446744073709551615', '18446744073709551616-1', '9007199254740993-9007199254740993'],
  ...['18446744073709551615', '(1-1', '1-1 ', '0-0', '0', '1.5-1', '\0'],
);
const id = fc.oneof({ weight: 12, arbitrary: soundId }, { weight: 1, arbitrary: oddId });
const newId = fc.oneof(
  { weight: 6, arbitrary: soundId },
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 14 }).map((ms) => `${ms}-*`) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      oddId.filter((each) => each !== '*'),
      fc.constantFrom('x-*', '-*', '1-**', '18446744073709551615-*'),
    ),
  },
);
const bound = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('-', '+') },
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom('', '', '('), soundId).map((each) => each.join('')) },
  {
    weight: 1,
    arbitrary: fc.oneof(oddId, fc.constantFrom('(', '(-', '(+', '(0-0', '(18446744073709551615-18446744073709551615')),
  },
);
const count = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 4 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('-1', 'x', '', '1.5', '9223372036854775808', '01') },
);
const none = fc.constant<Args>([]);
const text = fc.constantFrom('', 'f', 'g', '1', 'é', 'long'.repeat(20));
const fields = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }).map((each) => each.flat()) },
  { weight: 1, arbitrary: fc.constantFrom<Args>([], ['f'], ['f', 'v', 'g']) },
);
const trimming = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('MAXLEN', 'maxlen'), count) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('MINID'), id) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('MAXLEN', 'MINID'), fc.constantFrom('=', '~', '!'), count) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('MAXLEN', 'MINID'), fc.constant('~'), count, fc.constant('LIMIT'), count),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Args>(
      ['LIMIT', '1'],
      ['MAXLEN'],
      ['MAXLEN', '~'],
      ['MINID', '=', '1', 'MAXLEN', '1'],
      ['LIMIT', '0', 'MAXLEN', '1'],
      ['x', '1'],
    ),
  },
);
const addOptions = fc.oneof(
  { weight: 8, arbitrary: none },
  { weight: 2, arbitrary: trimming as fc.Arbitrary<Args> },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Args>(['NOMKSTREAM'], ['nomkstream', 'MAXLEN', '2'], ['MAXLEN', '2', 'NOMKSTREAM']),
  },
);
const countOption = fc.oneof(
  { weight: 3, arbitrary: none },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('COUNT', 'count'), count) as fc.Arbitrary<Args> },
);
const idle = fc.constantFrom('0', '0', '0', '-1', '100000', 'x');
const entriesRead = fc.oneof(
  { weight: 4, arbitrary: none },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('ENTRIESREAD'),
      fc.constantFrom('-1', '0', '1', '5', '-2', 'x'),
    ) as fc.Arbitrary<Args>,
  },
);

function command(name: string, ...rest: fc.Arbitrary<string | Buffer | Args>[]): fc.Arbitrary<Args[]> {
  return fc.tuple(...rest).map((args) => [[name, ...args.flat()]]);
}

function consumersOf(of: string, name: string): Args[] {
  return ['c', 'd', 'é', ''].map((each) => ['XGROUP', 'CREATECONSUMER', of, name, each]);
}

const create = fc
  .tuple(
    key,
    group,
    fc.oneof({ weight: 3, arbitrary: fc.constantFrom('0', '$') }, { weight: 1, arbitrary: id }),
    entriesRead,
    fc.boolean(),
  )
  .map(([of, name, from, read, makes]): Args[] => [
    ['XGROUP', 'CREATE', of, name, from, ...(makes ? ['MKSTREAM'] : []), ...read],
    ...consumersOf(of, name),
  ]);
const leave = fc
  .tuple(key, group, consumer)
  .map(([of, name, who]): Args[] => [['XGROUP', 'DELCONSUMER', of, name, who], ...consumersOf(of, name)]);

const readKeys = fc.oneof(
  { weight: 5, arbitrary: key.map((each) => [each]) },
  { weight: 2, arbitrary: fc.tuple(key, key) as fc.Arbitrary<string[]> },
);
const read = readKeys.chain((keys) =>
  command(
    'XREAD',
    countOption,
    fc.constantFrom('STREAMS', 'streams'),
    fc.constant(keys),
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: id.filter((each) => each !== '+') },
        { weight: 1, arbitrary: fc.constantFrom('$', '>') },
      ),
      { minLength: keys.length, maxLength: keys.length },
    ),
  ),
);
const readGroup = readKeys.chain((keys) =>
  command(
    'XREADGROUP',
    fc.constant('GROUP'),
    group,
    consumer,
    countOption,
    fc.oneof({ weight: 4, arbitrary: none }, { weight: 1, arbitrary: fc.constant<Args>(['NOACK']) }),
    fc.constant('STREAMS'),
    fc.constant(keys),
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constant('>') },
        { weight: 3, arbitrary: fc.constant('0') },
        { weight: 1, arbitrary: id.filter((each) => each !== '+') },
      ),
      { minLength: keys.length, maxLength: keys.length },
    ),
  ),
);
const claimOption = fc.constantFrom<Args>(
  ...([['FORCE'], ['JUSTID'], ['IDLE', '200000'], ['TIME', '1000'], ['RETRYCOUNT', '7'], ['LASTID', '5-0']] as Args[]),
  ...([
    ['LASTID', '9-1'],
    ['IDLE', 'x'],
    ['RETRYCOUNT', 'x'],
    ['TIME'],
    ['x'],
    ['LASTID', 'x'],
    ['TIME', '-5'],
  ] as Args[]),
);

const anyCommand: fc.Arbitrary<Args[]> = fc.oneof(
  { weight: 24, arbitrary: command('XADD', key, addOptions, newId, fields) },
  { weight: 6, arbitrary: create },
  { weight: 2, arbitrary: leave },
  { weight: 14, arbitrary: readGroup },
  { weight: 6, arbitrary: read },
  { weight: 3, arbitrary: command('XRANGE', key, bound, bound, countOption) },
  { weight: 3, arbitrary: command('XREVRANGE', key, bound, bound, countOption) },
  { weight: 4, arbitrary: command('XDEL', key, fc.array(id, { minLength: 1, maxLength: 3 })) },
  { weight: 3, arbitrary: command('XTRIM', key, trimming as fc.Arbitrary<Args>) },
  command('XLEN', key),
  { weight: 8, arbitrary: command('XACK', key, group, fc.array(id, { minLength: 1, maxLength: 3 })) },
  { weight: 2, arbitrary: command('XPENDING', key, group) },
  { weight: 3, arbitrary: command('XPENDING', key, group, bound, bound, count) },
  command(
    'XPENDING',
    key,
    group,
    fc.tuple(fc.constant('IDLE'), idle) as fc.Arbitrary<Args>,
    bound,
    bound,
    count,
    consumer,
  ),
  command('XPENDING', key, group, bound, bound, count, consumer),
  command(
    'XPENDING',
    key,
    group,
    fc.constantFrom<Args>(['-'], ['IDLE', '0', '-', '+'], ['IDLE', 'x', '-', '+', '1'], ['-', '+', '1', 'c', 'd']),
  ),
  {
    weight: 6,
    arbitrary: command(
      'XCLAIM',
      key,
      group,
      consumer,
      idle,
      fc.array(id, { minLength: 1, maxLength: 3 }),
      fc.array(claimOption, { maxLength: 2 }).map((each) => each.flat()),
    ),
  },
  {
    weight: 5,
    arbitrary: command(
      'XAUTOCLAIM',
      key,
      group,
      consumer,
      idle,
      bound,
      fc.oneof(
        { weight: 3, arbitrary: countOption },
        { weight: 1, arbitrary: fc.constantFrom<Args>(['JUSTID'], ['COUNT', '1', 'JUSTID'], ['x']) },
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: command(
      'XGROUP',
      fc.constant('SETID'),
      key,
      group,
      fc.oneof(id, fc.constantFrom('$', '-', '+')),
      entriesRead,
    ),
  },
  command('XGROUP', fc.constant('DESTROY'), key, group),
  command(
    'XGROUP',
    fc.constantFrom<Args>(
      ['CREATE', 'a', 'g'],
      ['x', 'a', 'g'],
      ['CREATE', 'a', 'g', '0', 'x'],
      ['SETID', 'a', 'g', '0', 'MKSTREAM'],
      ['DESTROY', 'a'],
    ),
  ),
  command(
    'XINFO',
    fc.constant('STREAM'),
    key,
    fc.constantFrom<Args>(
      [],
      ['FULL'],
      ['FULL', 'COUNT', '1'],
      ['FULL', 'COUNT', '0'],
      ['FULL', 'COUNT', 'x'],
      ['x'],
      ['FULL', 'x', '1'],
    ),
  ),
  command('XINFO', fc.constant('GROUPS'), key),
  command('XINFO', fc.constant('CONSUMERS'), key, group),
  {
    weight: 2,
    arbitrary: command(
      'XSETID',
      key,
      id,
      fc.constantFrom<Args>(
        [],
        ['ENTRIESADDED', '20'],
        ['ENTRIESADDED', '1'],
        ['ENTRIESADDED', '-1'],
        ['MAXDELETEDID', '2-0'],
        ['MAXDELETEDID', '0-0'],
        ['ENTRIESADDED', '9', 'MAXDELETEDID', '4'],
        ['x'],
      ),
    ),
  },
  command('DEL', key),
  command('RENAME', fc.constant('a'), fc.constant('b')),
  command('COPY', fc.constant('a'), fc.constant('b'), fc.constant('REPLACE')),
  command('SET', fc.constant('string'), fc.constant('v')),
  command('OBJECT', fc.constant('ENCODING'), fc.constantFrom('a', 'b')),
);

/** What must be the same in the end, whatever the replies were. */
const LAST: Request[] = KEYS.flatMap((name) => [
  ['TYPE', name],
  ['XRANGE', name, '-', '+'],
  ['XREVRANGE', name, '+', '-'],
  ['XINFO', 'STREAM', name, 'FULL', 'COUNT', '0'],
  ['XPENDING', name, 'g'],
  ['XPENDING', name, 'h', '-', '+', '100'],
]);

testRandomGroup({
  groups: ['stream'],
  before: ['SET string value'],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }).map((each) => each.flat()),
  last: LAST,
  compare: compareStreams,
});

test.run();
