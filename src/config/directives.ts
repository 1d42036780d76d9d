/**
 * The one table of directives. Config file, flags, environment, CONFIG GET/SET/REWRITE, --help and the documentation
 * all come from it. Names and meaning are redis.conf's where there is one.
 */

import { POLICIES } from '../commands/eviction/policy.ts';
import {
  boolean,
  bytes,
  COUNT,
  type Directive,
  type DirectiveGroup,
  integer,
  multiaddrList,
  oneOf,
  text,
  wordList,
} from './directive.ts';
import { REDIS_DIRECTIVES } from './redis-directives.ts';

/** Those that mean something here, as --help and the documentation show them. */
export const DIRECTIVE_GROUPS: readonly DirectiveGroup[] = [
  {
    title: 'Redis clients',
    directives: [
      { name: 'port', type: integer(0, 65535), default: '6379', mutable: false, summary: 'Port for Redis clients' },
      { name: 'bind', type: wordList, default: '127.0.0.1', mutable: false, summary: 'Addresses for Redis clients' },
      {
        name: 'unixsocket',
        type: text,
        default: '',
        mutable: false,
        summary: 'Path of a UNIX socket for Redis clients; with it, `port 0` is for none by TCP',
      },
      {
        name: 'unixsocketperm',
        type: { kind: 'octal' },
        default: '0',
        mutable: false,
        summary: 'Permissions of that socket, octal; 0: as the umask has it',
      },
      {
        name: 'tls-port',
        type: integer(0, 65535),
        default: '0',
        mutable: false,
        summary: 'Port for Redis clients with TLS; 0: none. With it, `port 0` is for no others by TCP',
      },
      { name: 'tls-cert-file', type: text, default: '', mutable: true, summary: 'Certificate of this node, PEM' },
      { name: 'tls-key-file', type: text, default: '', mutable: true, summary: 'Its private key, PEM' },
      {
        name: 'tls-key-file-pass',
        type: text,
        default: '',
        mutable: true,
        secret: true,
        summary: 'What the key is encrypted with',
      },
      {
        name: 'tls-ca-cert-file',
        type: text,
        default: '',
        mutable: true,
        summary: 'Who may have signed certificates of clients',
      },
      {
        name: 'tls-ca-cert-dir',
        type: text,
        default: '',
        mutable: true,
        summary: 'The same, a directory of such files',
      },
      {
        name: 'tls-auth-clients',
        type: oneOf('no', 'yes', 'optional'),
        default: 'yes',
        mutable: true,
        summary: 'Whether clients must have a certificate',
      },
      {
        name: 'tls-protocols',
        type: text,
        default: '',
        mutable: true,
        summary: 'TLSv1.1, TLSv1.2, TLSv1.3; default: 1.2 and 1.3',
      },
      {
        name: 'tls-ciphers',
        type: text,
        default: '',
        mutable: true,
        summary: 'Ciphers up to TLS 1.2, as OpenSSL names them',
      },
      { name: 'tls-ciphersuites', type: text, default: '', mutable: true, summary: 'Ciphers of TLS 1.3' },
      {
        name: 'tls-prefer-server-ciphers',
        type: boolean,
        default: 'no',
        mutable: true,
        summary: 'Choose ciphers by this node’s order',
      },
      {
        name: 'tls-dh-params-file',
        type: text,
        default: '',
        mutable: true,
        summary: 'Diffie-Hellman parameters for ciphers up to TLS 1.2, PEM; default: none',
      },
      {
        name: 'tls-session-caching',
        type: boolean,
        default: 'yes',
        mutable: true,
        summary: 'Let clients take up an earlier session without a whole handshake',
      },
      {
        name: 'tls-session-cache-timeout',
        type: COUNT,
        default: '300',
        mutable: true,
        summary: 'For how many seconds they may',
      },
      {
        name: 'requirepass',
        type: text,
        default: '',
        mutable: true,
        secret: true,
        summary: 'Password that clients must give: that of the user `default`',
      },
      {
        name: 'user',
        type: { kind: 'users' },
        default: '',
        mutable: false,
        secret: true,
        summary: 'A user and what it may do, in the words of ACL SETUSER; once for each',
      },
      {
        name: 'aclfile',
        type: text,
        default: '',
        mutable: false,
        frozen: true,
        summary: 'File of such users, for ACL LOAD and SAVE; a relative path begins at the data directory',
      },
      {
        name: 'acllog-max-len',
        type: integer(0, Number.MAX_SAFE_INTEGER),
        default: '128',
        mutable: true,
        summary: 'Refusals that ACL LOG remembers',
      },
      {
        name: 'acl-pubsub-default',
        type: oneOf('allchannels', 'resetchannels'),
        default: 'resetchannels',
        mutable: true,
        summary: 'Channels that a new user has: none, or all',
      },
      {
        name: 'protected-mode',
        type: boolean,
        default: 'yes',
        mutable: true,
        summary: 'While the user `default` needs no password, refuse clients from other hosts',
      },
      {
        name: 'maxclients',
        type: integer(1, 1000000),
        default: '10000',
        mutable: true,
        summary: 'Clients at one time',
      },
      {
        name: 'timeout',
        type: COUNT,
        default: '0',
        mutable: true,
        summary: 'Close a client after so many idle seconds; 0: never',
      },
      {
        name: 'tcp-keepalive',
        type: COUNT,
        default: '300',
        mutable: true,
        summary: 'Seconds of silence after which a connection is asked whether it is still there; 0: never',
      },
      {
        name: 'tcp-backlog',
        type: COUNT,
        default: '511',
        mutable: false,
        frozen: true,
        summary: 'Connections that may wait to be accepted',
      },
      {
        name: 'databases',
        type: integer(1, 16),
        default: '16',
        mutable: false,
        frozen: true,
        summary: 'Databases that SELECT may choose',
      },
      {
        name: 'busy-reply-threshold',
        aliases: ['lua-time-limit'],
        type: integer(0, Number.MAX_SAFE_INTEGER),
        default: '5000',
        mutable: true,
        summary: 'Milliseconds after which a script lets others be told BUSY, and can be killed; 0: never',
      },
      {
        name: 'proto-max-bulk-len',
        type: bytes(1024 * 1024),
        default: '536870912',
        mutable: true,
        summary: 'Longest value',
      },
      {
        name: 'client-output-buffer-limit',
        type: { kind: 'bufferLimits' },
        default: 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
        mutable: true,
        summary: 'A client with more unread bytes than the hard limit of its class is disconnected',
      },
      {
        name: 'client-query-buffer-limit',
        type: bytes(1024 * 1024),
        default: '1073741824',
        mutable: true,
        summary: 'A client that sends more without coming to the end of a request is disconnected',
      },
      {
        name: 'maxmemory-clients',
        type: { kind: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER, percent: true },
        default: '0',
        mutable: true,
        summary: 'What requests and replies of all clients may take, bytes or a percentage of maxmemory; 0: no limit',
      },
      {
        name: 'notify-keyspace-events',
        type: { kind: 'keyspaceEvents' },
        default: '',
        mutable: true,
        summary: 'Which changes of keys are told on channels, in the letters of Redis; empty: none',
      },
      {
        name: 'tracking-table-max-keys',
        type: integer(0, Number.MAX_SAFE_INTEGER),
        default: '1000000',
        mutable: true,
        summary: 'Keys remembered for client-side caches; 0: as many as there are',
      },
    ],
  },
  {
    title: 'Peers',
    directives: [
      {
        name: 'cluster',
        type: text,
        default: 'default',
        mutable: false,
        summary: 'Name of the cluster: nodes of one name find each other',
      },
      {
        name: 'listen',
        type: multiaddrList,
        default: '/ip4/0.0.0.0/tcp/0',
        mutable: false,
        summary: 'Multiaddrs to listen on for peers',
      },
      {
        name: 'announce',
        type: multiaddrList,
        default: '',
        mutable: false,
        summary: 'Multiaddrs to tell peers instead of the ones listened on',
      },
      { name: 'bootstrap', type: multiaddrList, default: '', mutable: false, summary: 'Multiaddrs of peers to join' },
      { name: 'mdns', type: boolean, default: 'yes', mutable: false, summary: 'Find peers on the local network' },
      {
        name: 'gossip',
        type: boolean,
        default: 'yes',
        mutable: false,
        summary: 'Publish txns on the gossip topic as well as on direct streams',
      },
      {
        name: 'mesh-compression',
        type: oneOf('auto', 'yes', 'no'),
        default: 'auto',
        mutable: true,
        summary: 'Compress what peers are sent, from 1 KiB on; auto: where a round trip takes 5 ms or longer',
      },
      {
        name: 'mesh-thread',
        type: boolean,
        default: 'no',
        mutable: false,
        summary: 'Encryption and exchange with peers on a thread beside that of commands; it wants a core of its own',
      },
      {
        name: 'max-clock-skew',
        type: COUNT,
        default: '30000',
        mutable: true,
        summary: 'Milliseconds that a peer’s txns may be ahead of the clock here; others wait for their time',
      },
      {
        name: 'secret-file',
        type: text,
        default: '',
        mutable: false,
        summary: 'File with the cluster secret: only nodes that hold it may join',
      },
      {
        name: 'region',
        type: text,
        default: '',
        mutable: false,
        summary: 'Where this node is, for people and routing',
      },
      { name: 'zone', type: text, default: '', mutable: false, summary: 'Where in the region' },
    ],
  },
  {
    title: 'Data',
    directives: [
      {
        name: 'dir',
        aliases: ['data'],
        type: text,
        default: '',
        mutable: false,
        summary: 'Data directory (default ./starling-data, or ./starling-data-PORT)',
      },
      {
        name: 'appendfsync',
        type: oneOf('always', 'everysec', 'no'),
        default: 'everysec',
        mutable: true,
        summary: 'When a write is forced to disk',
      },
      {
        name: 'log-max-bytes',
        type: bytes(1024 * 1024),
        default: '268435456',
        mutable: true,
        summary: 'Size of the txn log on disk; who lacks more gets a state transfer',
      },
      {
        name: 'log-max-age',
        type: COUNT,
        default: '604800',
        mutable: true,
        summary: 'Seconds after which txns leave that log although there is room; 0: never',
      },
      {
        name: 'repair',
        type: boolean,
        default: 'no',
        mutable: false,
        summary: 'Move a damaged store aside and refill from the peers',
      },
      {
        name: 'shutdown-timeout',
        type: COUNT,
        default: '1',
        mutable: true,
        summary: 'Seconds that a stopping node gives a peer to confirm its last writes',
      },
      {
        name: 'maxmemory',
        type: bytes(),
        default: '0',
        mutable: true,
        summary: 'Above so many bytes of data keys are evicted, as the policy says, or writes refused; 0: no limit',
      },
      {
        name: 'maxmemory-policy',
        type: oneOf(...POLICIES),
        default: 'noeviction',
        mutable: true,
        summary: 'Which keys are evicted at maxmemory, from all nodes; noeviction: none, writes are refused',
      },
      {
        name: 'maxmemory-samples',
        type: integer(1, 2147483647),
        default: '5',
        mutable: true,
        summary: 'Keys looked at to find one to evict: more find better ones, and take longer',
      },
      {
        name: 'maxmemory-eviction-tenacity',
        type: integer(0, 100),
        default: '10',
        mutable: true,
        summary: 'How long eviction may hold up commands at a time: 10 for 0.5 ms, 100 without limit',
      },
      {
        name: 'lfu-log-factor',
        type: COUNT,
        default: '10',
        mutable: true,
        summary: 'How much slower the count of a key’s uses grows the larger it is',
      },
      {
        name: 'lfu-decay-time',
        type: COUNT,
        default: '1',
        mutable: true,
        summary: 'Minutes that take one off that count; 0: never',
      },
      {
        name: 'active-expire',
        type: boolean,
        default: 'yes',
        mutable: true,
        summary: 'Remove expired keys in the background',
      },
      {
        name: 'active-expire-effort',
        type: integer(1, 10),
        default: '1',
        mutable: true,
        summary: 'How many keys, times 2,000, are looked at for that ten times a second',
      },
    ],
  },
  {
    title: 'Log and observation',
    directives: [
      {
        name: 'loglevel',
        aliases: ['log-level'],
        type: oneOf('debug', 'verbose', 'notice', 'warning', 'nothing'),
        default: 'notice',
        mutable: true,
        summary: 'How much is logged',
      },
      {
        name: 'logfile',
        type: text,
        default: '',
        mutable: false,
        frozen: true,
        summary: 'File to which the log is appended; default: stdout',
      },
      {
        name: 'pidfile',
        type: text,
        default: '',
        mutable: false,
        frozen: true,
        summary: 'File in which the process id stands while the node runs',
      },
      {
        name: 'log-format',
        type: oneOf('auto', 'text', 'json'),
        default: 'auto',
        mutable: false,
        summary: 'Log lines for people or for machines; auto: text on a terminal',
      },
      {
        name: 'slowlog-log-slower-than',
        type: integer(-1, Number.MAX_SAFE_INTEGER),
        default: '10000',
        mutable: true,
        summary: 'Microseconds from which a command is slow; -1: none',
      },
      {
        name: 'latency-monitor-threshold',
        type: integer(0, Number.MAX_SAFE_INTEGER),
        default: '0',
        mutable: true,
        summary: 'Milliseconds from which something is a latency event, see LATENCY; 0: nothing is',
      },
      {
        name: 'latency-tracking',
        type: boolean,
        default: 'yes',
        mutable: true,
        summary: 'Keep how long calls of each command take, for LATENCY HISTOGRAM and INFO latencystats',
      },
      {
        name: 'latency-tracking-info-percentiles',
        type: { kind: 'percentiles' },
        default: '50 99 99.9',
        mutable: true,
        summary: 'What of it INFO latencystats tells',
      },
      { name: 'slowlog-max-len', type: COUNT, default: '128', mutable: true, summary: 'Slow commands remembered' },
      {
        name: 'enable-debug-command',
        type: oneOf('no', 'yes', 'local'),
        default: 'no',
        mutable: false,
        frozen: true,
        summary: 'Allow DEBUG',
      },
    ],
  },
  {
    title: 'Encodings',
    directives: [
      {
        name: 'hash-max-listpack-entries',
        aliases: ['hash-max-ziplist-entries'],
        type: COUNT,
        default: '512',
        mutable: true,
        summary: 'Up to so many fields OBJECT ENCODING says listpack',
      },
      {
        name: 'hash-max-listpack-value',
        aliases: ['hash-max-ziplist-value'],
        type: COUNT,
        default: '64',
        mutable: true,
        summary: 'And up to values of so many bytes',
      },
      {
        name: 'list-max-listpack-size',
        aliases: ['list-max-ziplist-size'],
        type: integer(-2147483648, 2147483647),
        default: '-2',
        mutable: true,
        summary: 'Up to so many elements of a list, or (-1 to -5) 4 to 64 KiB, OBJECT ENCODING says listpack',
      },
      {
        name: 'set-max-intset-entries',
        type: COUNT,
        default: '512',
        mutable: true,
        summary: 'Up to so many whole numbers OBJECT ENCODING says intset',
      },
      {
        name: 'set-max-listpack-entries',
        type: COUNT,
        default: '128',
        mutable: true,
        summary: 'Up to so many members OBJECT ENCODING says listpack',
      },
      {
        name: 'set-max-listpack-value',
        type: COUNT,
        default: '64',
        mutable: true,
        summary: 'And up to members of so many bytes',
      },
      {
        name: 'zset-max-listpack-entries',
        aliases: ['zset-max-ziplist-entries'],
        type: COUNT,
        default: '128',
        mutable: true,
        summary: 'Up to so many members of a sorted set OBJECT ENCODING says listpack',
      },
      {
        name: 'zset-max-listpack-value',
        aliases: ['zset-max-ziplist-value'],
        type: COUNT,
        default: '64',
        mutable: true,
        summary: 'And up to members of so many bytes',
      },
      {
        name: 'stream-node-max-entries',
        type: integer(0, Number.MAX_SAFE_INTEGER),
        default: '100',
        mutable: true,
        summary: 'XADD and XTRIM with ~ remove so many entries of a stream at once; 0: all or none',
      },
      {
        name: 'hll-sparse-max-bytes',
        type: bytes(),
        default: '3000',
        mutable: true,
        summary: 'A HyperLogLog up to so many bytes stays sparse',
      },
    ],
  },
];

export const DIRECTIVES: readonly Directive[] = [
  ...DIRECTIVE_GROUPS.flatMap(({ directives }) => directives),
  ...REDIS_DIRECTIVES,
];

const byName = new Map<string, Directive>();
for (const directive of DIRECTIVES) {
  byName.set(directive.name, directive);
  for (const alias of directive.aliases ?? []) byName.set(alias, directive);
}

export function findDirective(name: string): Directive | undefined {
  return byName.get(name.toLowerCase());
}

export function directiveNames(): string[] {
  return [...byName.keys()];
}

/** What is longer is no misspelling of ours; and to compare it would take its length times all our names. */
const NEAR_LENGTH_MAX = 64;

/** The known name nearest to a mistyped one, if it is near enough to be meant. */
export function nearestDirective(name: string): string | undefined {
  if (name.length > NEAR_LENGTH_MAX) return undefined;
  const wanted = name.toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const known of byName.keys()) {
    const distance = editDistance(wanted, known);
    if (best === undefined || distance < best.distance) best = { name: known, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.name : undefined;
}

/** Two rows, each used again: a file of unknown names must not take memory for every letter of them. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  let next = row.slice();
  for (let i = 1; i <= a.length; i++) {
    next[0] = i;
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    [row, next] = [next, row];
  }
  return row[b.length];
}
