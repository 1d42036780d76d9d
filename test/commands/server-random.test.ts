/**
 * Random sequences of commands about the server, and those of clusters, against a real redis-server that is none. Left out
 * is what each server tells of itself alone: versions, times, sizes.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { testRandomGroup, words } from './random-commands.ts';

const LENGTH_MAX = 60;

const odd = fc.constantFrom('x', '', '-1', '1.5', '9223372036854775808', '0x10');
const SETTINGS = {
  'maxmemory-policy': ['noeviction', 'allkeys-lru', 'VOLATILE-LFU', 'x'],
  'slowlog-max-len': ['0', '128', 'x'],
  'slowlog-log-slower-than': ['-1', '1000000', 'x'],
  'latency-monitor-threshold': ['0', '1000', 'x'],
  'notify-keyspace-events': ['', 'KEA', 'Kg$', 'x', 'KElm', 'AKE'],
  'lua-time-limit': ['5000', '6000', 'x'],
  'lfu-decay-time': ['1', '0', 'x'],
  'tcp-keepalive': ['300', '0', '-1'],
  timeout: ['0', '1000', '-1', 'x'],
  'client-output-buffer-limit': ['normal 0 0 0', 'pubsub 32mb 8mb 60', 'x 1 1 1', 'normal 1', 'replica 1k 1kb 9'],
  'hash-max-listpack-entries': ['128', '64', 'x'],
  'set-max-intset-entries': ['512', '1', 'x'],
  'list-max-listpack-size': ['-2', '8', 'x'],
  'maxmemory-samples': ['5', '0', '10'],
  'tracking-table-max-keys': ['1000000', '1', 'x'],
};
const directive = fc.constantFrom(...Object.keys(SETTINGS));
const setting = fc
  .constantFrom(...Object.entries(SETTINGS))
  .chain(([name, values]) => fc.constantFrom(...values).map((value) => [name, value]));
const commandLine = fc.constantFrom(
  ...[
    ['GET', 'a'],
    ['SET', 'a', 'b'],
    ['SET', 'a', 'b', 'GET'],
    ['MSET', 'a', 'b', 'c', 'd'],
    ['GET'],
    ['PING'],
    ['x', 'a'],
  ],
  ...[
    ['EVAL', 'x', '2', 'a', 'b', 'c'],
    ['EVAL', 'x', '9', 'a'],
    ['SORT', 'a', 'STORE', 'b'],
    ['LMOVE', 'a', 'b', 'c', 'd'],
  ],
  ...[
    ['ZUNIONSTORE', 'd', '2', 'a', 'b'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', 'y', '1', '2'],
    ['BITFIELD', 'a'],
  ],
  ...[
    ['XREAD', 'STREAMS', 'a', '0'],
    ['GEORADIUS', 'a', '1', '1', '1', 'm', 'STORE', 'b'],
    ['OBJECT', 'ENCODING', 'a'],
  ],
);
const commandName = fc.constantFrom(
  ...[
    'get',
    'SET',
    'client|list',
    'config|get',
    'lmpop',
    'zadd',
    'xadd',
    'eval',
    'subscribe',
    'x',
    'get|x',
    'object|freq',
  ],
  ...['geosearch', 'sort', 'migrate', 'blmpop', 'function|load', 'xgroup|create', 'pfadd', 'copy', 'bitop'],
);
const filter = fc.oneof(
  words('FILTERBY', 'PATTERN', fc.constantFrom('getd*', 'x', 'ZMP?P', '[s]etnx')),
  fc.constantFrom(['FILTERBY', 'MODULE', 'x'], ['FILTERBY', 'FOO', 'x'], ['FILTERBY'], ['x']),
  words('FILTERBY', 'ACLCAT', fc.constantFrom('x', '')),
);
const user = fc.constantFrom('nobody', 'alice');
const rule = fc.constantFrom(
  'on',
  'off',
  'nopass',
  '>p',
  '~a*',
  '&c',
  '+get',
  '-@all',
  '+@x',
  'x',
  '#12',
  '<none',
  '(+get',
  '%X~a',
);

const anyCommand = fc.oneof(
  {
    weight: 6,
    arbitrary: words(
      'CONFIG',
      'SET',
      fc.array(setting, { minLength: 1, maxLength: 2 }).map((all) => all.flat()),
    ),
  },
  { weight: 3, arbitrary: words('CONFIG', 'GET', directive) },
  words(
    'CONFIG',
    fc.constantFrom([], ['GET'], ['SET', 'x'], ['SET', 'x', 'y'], ['x'], ['RESETSTAT'], ['GET', 'nothing*']),
  ),
  words('CONFIG', 'SET', directive),
  words('DBSIZE'),
  words('SET', fc.constantFrom('a', 'b'), 'x'),
  words(fc.constantFrom('FLUSHALL', 'FLUSHDB'), fc.constantFrom([], ['ASYNC'], ['sync'], ['x'], ['SYNC', 'ASYNC'])),
  words('SWAPDB', fc.constantFrom('0', '1', '16', 'x'), fc.constantFrom('0', '1', '-1', '')),
  { weight: 3, arbitrary: words('COMMAND', fc.constantFrom('GETKEYS', 'GETKEYSANDFLAGS'), commandLine) },
  { weight: 2, arbitrary: words('COMMAND', 'INFO', fc.array(commandName, { minLength: 1, maxLength: 2 })) },
  words('COMMAND', 'DOCS', fc.constantFrom('get', 'SET', 'x', 'zadd', 'copy')),
  words('COMMAND', 'LIST', filter),
  words('COMMAND', fc.constantFrom(['x'], ['COUNT', 'x'], ['GETKEYS'], ['GETKEYSANDFLAGS'])),
  { weight: 2, arbitrary: words('ACL', 'SETUSER', user, fc.array(rule, { maxLength: 3 })) },
  words(
    'ACL',
    fc.constantFrom(
      ['WHOAMI'],
      ['CAT', 'x'],
      ['CAT', 'x', 'y'],
      ['LOG'],
      ['LOG', 'RESET'],
      ['LOG', 'x'],
      ['LOG', '-1'],
    ),
  ),
  words(
    'ACL',
    fc.constantFrom([], ['x'], ['SAVE'], ['LOAD'], ['DELUSER'], ['DELUSER', 'default'], ['USERS', 'x'], ['LIST', 'x']),
  ),
  words('ACL', 'DELUSER', user),
  words('ACL', 'GETUSER', fc.constantFrom('nothing', '')),
  words('ACL', 'GENPASS', fc.constantFrom('0', '4097', 'x', '-5')),
  words('ACL', 'DRYRUN', fc.constantFrom('default', 'nothing'), fc.oneof(commandLine, fc.constant([]))),
  words(
    'SLOWLOG',
    fc.constantFrom(['LEN'], ['RESET'], ['GET', '0'], ['GET', '-2'], ['GET', 'x'], ['x'], [], ['LEN', 'x']),
  ),
  words(
    'LATENCY',
    fc.constantFrom(['LATEST'], ['RESET'], ['RESET', 'x'], ['HISTORY', 'x'], ['GRAPH', 'x'], ['x'], ['HISTORY']),
  ),
  words('LATENCY', 'HISTOGRAM', fc.constantFrom('x', '')),
  words(
    'MEMORY',
    'USAGE',
    fc.constantFrom('none', ''),
    fc.constantFrom([], ['SAMPLES', '0'], ['SAMPLES', 'x'], ['x'], ['SAMPLES']),
  ),
  words('MEMORY', fc.constantFrom([], ['x'], ['STATS', 'x'], ['USAGE'], ['DOCTOR', 'x'], ['PURGE'], ['PURGE', 'x'])),
  words('MODULE', fc.constantFrom(['LIST'], ['LIST', 'x'], ['x'], [])),
  words('REPLICAOF', fc.constantFrom(['NO', 'ONE'], ['x'], ['no', 'one'])),
  words('SLAVEOF', fc.constantFrom(['NO', 'ONE'], [])),
  words('SHUTDOWN', fc.constantFrom(['x'], ['SAVE', 'NOSAVE'], ['ABORT'], ['NOW', 'x'])),
  words('INFO', fc.constantFrom('nothing', 'modules')),
  words('LASTSAVE', odd),
  words('TIME', odd),
  words('ROLE', odd),
  words('BGSAVE', odd),
  words(fc.constantFrom('DBSIZE', 'FLUSHALL', 'SWAPDB', 'SAVE', 'MONITOR', 'BGREWRITEAOF'), odd, odd),
  {
    weight: 40,
    arbitrary: words(
      'CLUSTER',
      fc.constantFrom(
        ['INFO'],
        ['NODES'],
        ['SLOTS'],
        ['SHARDS'],
        ['MYID'],
        ['KEYSLOT', 'a'],
        ['x'],
        ['RESET'],
        ['info', 'x'],
      ),
    ),
  },
  { weight: 10, arbitrary: words(fc.constantFrom('ASKING', 'READONLY', 'READWRITE'), fc.constantFrom([], [], ['x'])) },
  { weight: 2, arbitrary: words('CLUSTER') },
);

testRandomGroup({
  groups: ['server', 'cluster'],
  before: [
    ...Object.entries(SETTINGS).map(([name, [value]]) => ['CONFIG', 'SET', name, value]),
    ...['ACL DELUSER alice nobody', 'ACL LOG RESET', 'SLOWLOG RESET'],
  ],
  sequences: fc.array(anyCommand, { minLength: 1, maxLength: LENGTH_MAX, size: 'max' }),
  last: [...Object.keys(SETTINGS).map((name) => ['CONFIG', 'GET', name]), 'DBSIZE', 'ACL USERS'],
});

test.run();
