/**
 * Random sequences of what a client says about its connection, against a real redis-server. Left out is what ends the
 * connection or silences it, and what tells the version: HELLO, RESET, QUIT and CLIENT REPLY have their own tests.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { testRandomGroup, words } from './random-commands.ts';

const LENGTH_MAX = 60;

const text = fc.constantFrom('x', '', 'é', 'with space', 'line\nbreak', 'y'.repeat(300), '\0');
const id = fc.constantFrom('0', '-1', 'x', '', '999999999', '9223372036854775808');
const onOff = fc.constantFrom('ON', 'OFF', 'on', 'x', '');
const trackingOption = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(['BCAST'], ['OPTIN'], ['OPTOUT'], ['NOLOOP'], ['noloop']) },
  { weight: 2, arbitrary: words('PREFIX', fc.constantFrom('a', 'ab', 'b', '')) },
  fc.constantFrom(['FOO'], ['PREFIX'], ['REDIRECT'], ['REDIRECT', 'x'], ['REDIRECT', '999999999'], ['REDIRECT', '0']),
);
const type = fc.constantFrom('replica', 'slave', 'master', 'pubsub', 'x', '');
const killFilter = fc.oneof(
  words('ID', id),
  words('TYPE', type),
  words('ADDR', fc.constantFrom('1.2.3.4:5', '', 'x')),
  words('LADDR', fc.constantFrom('1.2.3.4:5', 'x')),
  words('USER', fc.constantFrom('nobody', '')),
  words('SKIPME', fc.constantFrom('yes', 'YES', 'x')),
  fc.constantFrom(['FOO', 'x'], ['ID'], ['USER']),
);

const anyCommand = fc.oneof(
  { weight: 2, arbitrary: words('PING', fc.array(text, { maxLength: 2 })) },
  words('ECHO', text),
  words('ECHO', fc.array(text, { maxLength: 2 })),
  words('SELECT', fc.constantFrom('0', '1', '15', '16', '-1', 'x', '', '1.0')),
  words('AUTH', fc.array(fc.constantFrom('default', 'nobody', 'x', ''), { maxLength: 3 })),
  words('HELLO', fc.constantFrom(['1'], ['4'], ['x'], [''], ['3', 'FOO'], ['3', 'AUTH', 'x'], ['2', 'AUTH', 'x', 'y'])),
  words('HELLO', fc.constantFrom('2', '3'), 'SETNAME', fc.constantFrom('with space', 'line\nbreak')),
  { weight: 2, arbitrary: words('CLIENT', fc.constantFrom('SETNAME', 'setname'), text) },
  words('CLIENT', 'GETNAME'),
  words('CLIENT', 'GETREDIR'),
  { weight: 2, arbitrary: words('CLIENT', 'TRACKINGINFO') },
  {
    weight: 6,
    arbitrary: words(
      'CLIENT',
      'TRACKING',
      onOff,
      fc.array(trackingOption, { maxLength: 3 }).map((all) => all.flat()),
    ),
  },
  { weight: 2, arbitrary: words('CLIENT', 'TRACKING', 'OFF') },
  { weight: 3, arbitrary: words('CLIENT', 'CACHING', fc.constantFrom('YES', 'no', 'x', '')) },
  words('CLIENT', 'NO-EVICT', onOff),
  words('CLIENT', 'REPLY', fc.constantFrom('ON', 'x', '')),
  words(
    'CLIENT',
    'KILL',
    fc.array(killFilter, { minLength: 1, maxLength: 3 }).map((all) => all.flat()),
  ),
  words('CLIENT', 'KILL', fc.constantFrom('1.2.3.4:5', 'x', '')),
  words('CLIENT', 'UNBLOCK', id, fc.constantFrom([], ['TIMEOUT'], ['error'], ['x'])),
  words('CLIENT', 'LIST', fc.oneof(words('TYPE', type), words('ID', id, id), fc.constantFrom(['x'], ['TYPE'], ['ID']))),
  words('CLIENT', 'PAUSE', fc.constantFrom('0', '-1', 'x', ''), fc.constantFrom([], ['WRITE'], ['x'], ['all'])),
  words('CLIENT', 'UNPAUSE'),
  words('CLIENT', fc.constantFrom([], ['x'], ['ID', 'x'], ['INFO', 'x'], ['GETNAME', 'x'], ['PAUSE'], ['CACHING'])),
);

testRandomGroup({
  groups: ['connection'],
  before: ['CLIENT TRACKING OFF', ['CLIENT', 'SETNAME', '']],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: ['CLIENT GETNAME', 'CLIENT TRACKINGINFO', 'CLIENT TRACKING OFF', 'SELECT 0', 'PING'],
});

test.run();
