/**
 * Random sequences of geo commands against a real redis-server: each reply the same, the order of what no option sorts
 * included. PROPERTY_COMMANDS sets how many, PROPERTY_SEED which; a failure is shrunk.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import type { Request } from './differential.ts';
import { testRandomGroup } from './random-commands.ts';

const LENGTH_MAX = 60;

type Args = string[];

const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 1, arbitrary: fc.constantFrom('string', 'nothing') },
);
const member = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('x', 'y', 'z') },
  { weight: 4, arbitrary: fc.nat(40).map((each) => `m${each}`) },
);
const degrees = (max: number) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: -max, max, noNaN: true }).map((each) => (each * 0.99999).toFixed(6)) },
    // close to each other, around one of a few centres
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom(-0.97, -0.5, 0, 0.1, 0.8, 0.99), fc.integer({ min: -2000, max: 2000 }))
        .map(([centre, offset]) => (centre * max + offset / 100_000).toFixed(5)),
    },
    // not the last edge of the grid itself, around which Redis does not look into the cells on its other side
    { weight: 1, arbitrary: fc.constantFrom('0', String(max - 0.0001), String(-max), '0.000001') },
  );
const wrong = fc.constantFrom('x', '', '181', '-1000', 'inf', 'nan', '86');
const longitude = fc.oneof({ weight: 30, arbitrary: degrees(180) }, { weight: 1, arbitrary: wrong });
const latitude = fc.oneof({ weight: 30, arbitrary: degrees(85) }, { weight: 1, arbitrary: wrong });
const position = fc.tuple(longitude, latitude);
/** None twice: of what is equally far, COUNT keeps some. */
const place = fc
  .tuple(longitude, latitude, fc.noShrink(fc.nat(999_999)))
  .map(([x, y, offset]) => [(Number(x) * 0.99 + offset / 1e6).toFixed(6), y]);
const places = fc.array(fc.tuple(place, member), { minLength: 1, maxLength: 6 }).map((each) => each.flat(2));
const unit = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom('m', 'km', 'ft', 'mi', 'KM') },
  { weight: 1, arbitrary: fc.constantFrom('x', '') },
);
const length = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('0', '1', '50', '500', '2000', '8000', '25000', '100000', '1e6', '3e7') },
  { weight: 2, arbitrary: fc.nat(20_000).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('-1', 'x', '') },
);
const option = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Args>(['WITHDIST'], ['withcoord'], ['WITHHASH'], ['ASC'], ['desc']) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }).map((each) => ['COUNT', String(each), 'ANY']) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }).map((each) => ['COUNT', String(each)]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Args>(['ANY'], ['COUNT'], ['COUNT', '0'], ['COUNT', 'x'], ['STOREDIST'], ['FOO']),
  },
);
const options = fc.array(option, { maxLength: 3 }).map((each) => each.flat());
const from = fc.oneof(
  { weight: 4, arbitrary: position.map((each) => ['FROMLONLAT', ...each]) },
  { weight: 4, arbitrary: member.map((each) => ['FROMMEMBER', each]) },
  { weight: 1, arbitrary: fc.constantFrom<Args>([], ['FROMMEMBER'], ['FROMLONLAT', '1']) },
);
const by = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(length, unit).map((each) => ['BYRADIUS', ...each]) },
  { weight: 4, arbitrary: fc.tuple(length, length, unit).map((each) => ['BYBOX', ...each]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Args>([], ['BYRADIUS', '1'], ['BYBOX', '1', '2', 'km', 'BYRADIUS', '1', 'm']),
  },
);
const storing = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Args>([]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('STORE', 'storedist'), key).map((each) => [...each]) },
);

function command(name: string, ...rest: fc.Arbitrary<string | Args>[]): fc.Arbitrary<Args> {
  return fc.tuple(...rest).map((args) => [name, ...args.flat()]);
}

const anyCommand: fc.Arbitrary<Args> = fc.oneof(
  { weight: 10, arbitrary: command('GEOADD', key, places) },
  {
    weight: 2,
    arbitrary: command(
      'GEOADD',
      key,
      fc.constantFrom<Args>(['NX'], ['xx'], ['CH'], ['NX', 'XX'], ['CH', 'xx']),
      places,
    ),
  },
  command('GEOADD', key, places, longitude),
  { weight: 2, arbitrary: command('GEOPOS', key, member, member) },
  { weight: 2, arbitrary: command('GEOHASH', key, member, member) },
  { weight: 2, arbitrary: command('GEODIST', key, member, member, fc.oneof(fc.constant<Args>([]), unit)) },
  { weight: 10, arbitrary: command('GEOSEARCH', key, from, by, options) },
  { weight: 3, arbitrary: command('GEOSEARCHSTORE', key, key, from, by, options) },
  { weight: 4, arbitrary: command('GEORADIUS', key, longitude, latitude, length, unit, options, storing) },
  { weight: 3, arbitrary: command('GEORADIUSBYMEMBER', key, member, length, unit, options, storing) },
  command('GEORADIUS_RO', key, longitude, latitude, length, unit, options, storing),
  command('GEORADIUSBYMEMBER_RO', key, member, length, unit, options),
  command('ZREM', key, member),
  // any score is a position
  command(
    'ZADD',
    key,
    fc.constantFrom<Args>(['0', 'p'], ['1000', 'q'], ['4503599627370495', 'r'], ['1234567890123456', 's']),
  ),
);

const LAST: Request[] = ['a', 'b', 'nothing'].flatMap((name) => [
  ['ZCARD', name],
  ['ZRANGE', name, '0', '-1'],
]);

testRandomGroup({
  groups: ['geo'],
  before: ['SET string value'],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: LAST,
});

test.run();
