/**
 * The one table of directives. Config file, flags, environment, CONFIG GET/SET/REWRITE, --help and the documentation
 * all come from it. Names and meaning are redis.conf's where there is one.
 */
export type DirectiveType =
  | { kind: 'integer'; min: number; max: number }
  | { kind: 'bytes'; min: number; max: number }
  | { kind: 'boolean' }
  | { kind: 'enum'; words: readonly string[] }
  | { kind: 'text' }
  /** Words separated by blanks; a flag given again adds to it. */
  | { kind: 'list' };

export interface Directive {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly type: DirectiveType;
  readonly default: string;
  /** CONFIG SET may change it. */
  readonly mutable: boolean;
  /** Never shown in logs or errors. */
  readonly secret?: boolean;
  /** A directive of redis.conf that has no meaning here: kept and answered, and warned of when a file or flag sets it. */
  readonly inert?: boolean;
  readonly summary: string;
}

const integer = (min: number, max: number): DirectiveType => ({ kind: 'integer', min, max });
const bytes = (min = 0): DirectiveType => ({ kind: 'bytes', min, max: Number.MAX_SAFE_INTEGER });
const boolean: DirectiveType = { kind: 'boolean' };
const text: DirectiveType = { kind: 'text' };
const list: DirectiveType = { kind: 'list' };
const words = (...all: string[]): DirectiveType => ({ kind: 'enum', words: all });
const COUNT = integer(0, 2147483647);

function inert(name: string, type: DirectiveType, value: string): Directive {
  return {
    name,
    type,
    default: value,
    mutable: true,
    inert: true,
    summary: 'Kept for clients that ask; without effect here',
  };
}

export const DIRECTIVES: readonly Directive[] = [
  { name: 'port', type: integer(0, 65535), default: '6379', mutable: false, summary: 'Port for Redis clients' },
  { name: 'bind', type: list, default: '127.0.0.1', mutable: false, summary: 'Addresses for Redis clients' },
  {
    name: 'dir',
    aliases: ['data'],
    type: text,
    default: '',
    mutable: false,
    summary: 'Data directory (default ./starling-data, or ./starling-data-PORT)',
  },
  {
    name: 'cluster',
    type: text,
    default: 'default',
    mutable: false,
    summary: 'Name of the cluster: nodes of one name find each other',
  },
  {
    name: 'listen',
    type: list,
    default: '/ip4/0.0.0.0/tcp/0',
    mutable: false,
    summary: 'Multiaddrs to listen on for peers',
  },
  {
    name: 'announce',
    type: list,
    default: '',
    mutable: false,
    summary: 'Multiaddrs to tell peers instead of the ones listened on',
  },
  { name: 'bootstrap', type: list, default: '', mutable: false, summary: 'Multiaddrs of peers to join' },
  { name: 'mdns', type: boolean, default: 'yes', mutable: false, summary: 'Find peers on the local network' },
  {
    name: 'gossip',
    type: boolean,
    default: 'yes',
    mutable: false,
    summary: 'Publish txns on the gossip topic as well as on direct streams',
  },
  {
    name: 'secret-file',
    type: text,
    default: '',
    mutable: false,
    summary: 'File with the cluster secret: only nodes that hold it may join',
  },
  { name: 'region', type: text, default: '', mutable: false, summary: 'Where this node is, for people and routing' },
  { name: 'zone', type: text, default: '', mutable: false, summary: 'Where in the region' },
  {
    name: 'requirepass',
    type: text,
    default: '',
    mutable: true,
    secret: true,
    summary: 'Password that clients must give',
  },
  {
    name: 'maxmemory',
    type: bytes(),
    default: '0',
    mutable: true,
    summary: 'Writes are refused above so many bytes of data; 0: no limit',
  },
  {
    name: 'maxmemory-policy',
    type: words('noeviction'),
    default: 'noeviction',
    mutable: true,
    summary: 'What happens at maxmemory',
  },
  {
    name: 'appendfsync',
    type: words('always', 'everysec', 'no'),
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
    name: 'loglevel',
    aliases: ['log-level'],
    type: words('debug', 'verbose', 'notice', 'warning', 'nothing'),
    default: 'notice',
    mutable: true,
    summary: 'How much is logged',
  },
  {
    name: 'log-format',
    type: words('auto', 'text', 'json'),
    default: 'auto',
    mutable: false,
    summary: 'Log lines for people or for machines; auto: text on a terminal',
  },
  {
    name: 'repair',
    type: boolean,
    default: 'no',
    mutable: false,
    summary: 'Move a damaged store aside and refill from the peers',
  },
  {
    name: 'enable-debug-command',
    type: words('no', 'yes', 'local'),
    default: 'no',
    mutable: false,
    summary: 'Allow DEBUG',
  },
  { name: 'maxclients', type: integer(1, 1000000), default: '10000', mutable: true, summary: 'Clients at one time' },
  {
    name: 'timeout',
    type: COUNT,
    default: '0',
    mutable: true,
    summary: 'Close a client after so many idle seconds; 0: never',
  },
  {
    name: 'databases',
    type: integer(1, 16),
    default: '16',
    mutable: false,
    summary: 'Databases that SELECT may choose',
  },
  {
    name: 'proto-max-bulk-len',
    type: bytes(1024 * 1024),
    default: '536870912',
    mutable: true,
    summary: 'Longest value',
  },
  {
    name: 'slowlog-log-slower-than',
    type: integer(-1, Number.MAX_SAFE_INTEGER),
    default: '10000',
    mutable: true,
    summary: 'Microseconds from which a command is slow; -1: none',
  },
  { name: 'slowlog-max-len', type: COUNT, default: '128', mutable: true, summary: 'Slow commands remembered' },
  {
    name: 'active-expire',
    type: boolean,
    default: 'yes',
    mutable: true,
    summary: 'Remove expired keys in the background',
  },
  {
    name: 'hash-max-listpack-entries',
    aliases: ['hash-max-ziplist-entries'],
    type: COUNT,
    default: '128',
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
  inert('save', text, ''),
  inert('appendonly', boolean, 'yes'),
  inert('appendfilename', text, 'appendonly.aof'),
  inert('dbfilename', text, 'dump.rdb'),
  inert('tcp-keepalive', COUNT, '300'),
  inert('tcp-backlog', COUNT, '511'),
  inert('hz', integer(1, 500), '10'),
  inert('dynamic-hz', boolean, 'yes'),
  inert('protected-mode', boolean, 'yes'),
  inert('daemonize', boolean, 'no'),
  inert('supervised', text, 'no'),
  inert('pidfile', text, ''),
  inert('logfile', text, ''),
  inert('enable-protected-configs', words('no', 'yes', 'local'), 'no'),
  inert('enable-module-command', words('no', 'yes', 'local'), 'no'),
  inert('maxmemory-samples', integer(1, 64), '5'),
  inert('maxmemory-clients', text, '0'),
  inert('client-query-buffer-limit', bytes(), '1073741824'),
  inert('client-output-buffer-limit', text, 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60'),
  inert('list-max-listpack-size', integer(-5, 2147483647), '-2'),
  inert('list-compress-depth', COUNT, '0'),
  inert('zset-max-listpack-entries', COUNT, '128'),
  inert('zset-max-listpack-value', COUNT, '64'),
  inert('stream-node-max-bytes', COUNT, '4096'),
  inert('stream-node-max-entries', COUNT, '100'),
  inert('hll-sparse-max-bytes', bytes(), '3000'),
  inert('activerehashing', boolean, 'yes'),
  inert('activedefrag', boolean, 'no'),
  inert('active-expire-effort', integer(1, 10), '1'),
  inert('lazyfree-lazy-eviction', boolean, 'no'),
  inert('lazyfree-lazy-expire', boolean, 'no'),
  inert('lazyfree-lazy-server-del', boolean, 'no'),
  inert('lazyfree-lazy-user-del', boolean, 'no'),
  inert('lazyfree-lazy-user-flush', boolean, 'no'),
  inert('latency-monitor-threshold', COUNT, '0'),
  inert('latency-tracking', boolean, 'yes'),
  inert('notify-keyspace-events', text, ''),
  inert('tracking-table-max-keys', COUNT, '1000000'),
  inert('lua-time-limit', COUNT, '5000'),
  inert('busy-reply-threshold', COUNT, '5000'),
  inert('acllog-max-len', COUNT, '128'),
  inert('aclfile', text, ''),
  inert('replica-read-only', boolean, 'yes'),
  inert('replica-serve-stale-data', boolean, 'yes'),
  inert('repl-backlog-size', bytes(), '1048576'),
  inert('repl-diskless-sync', boolean, 'yes'),
  inert('repl-timeout', COUNT, '60'),
  inert('min-replicas-to-write', COUNT, '0'),
  inert('rdbcompression', boolean, 'yes'),
  inert('rdbchecksum', boolean, 'yes'),
  inert('rdb-key-save-delay', integer(-2147483648, 2147483647), '0'),
  inert('key-load-delay', integer(-2147483648, 2147483647), '0'),
  inert('auto-aof-rewrite-percentage', COUNT, '100'),
  inert('auto-aof-rewrite-min-size', bytes(), '67108864'),
  inert('aof-use-rdb-preamble', boolean, 'yes'),
  inert('aof-load-truncated', boolean, 'yes'),
  inert('no-appendfsync-on-rewrite', boolean, 'no'),
  inert('stop-writes-on-bgsave-error', boolean, 'yes'),
  inert('cluster-enabled', boolean, 'no'),
  inert('io-threads', integer(1, 128), '1'),
  inert('oom-score-adj', text, 'no'),
  inert('jemalloc-bg-thread', boolean, 'yes'),
  inert('close-on-oom', boolean, 'no'),
  inert('crash-log-enabled', boolean, 'yes'),
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

/** The known name nearest to a mistyped one, if it is near enough to be meant. */
export function nearestDirective(name: string): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const known of byName.keys()) {
    const distance = editDistance(name.toLowerCase(), known);
    if (best === undefined || distance < best.distance) best = { name: known, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
