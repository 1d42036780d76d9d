/**
 * The directives of redis.conf that mean nothing to Starling: a redis.conf is accepted as it is, with a warning for
 * each, and clients that ask or set them are answered as Redis would. Those whose silence would mislead (a master) are
 * refused at the start with the reason; renamed commands and modules are unknown.
 */
import { boolean, bytes, COUNT, type Directive, type DirectiveType, integer, oneOf, text } from './directive.ts';

const FLAGGED = { frozen: { mutable: false, frozen: true }, hidden: { hidden: true }, secret: { secret: true } };
const PORT = integer(0, 65535);
const PERCENT_OF_CPU = integer(1, 99);
const COUNT_64 = integer(0, Number.MAX_SAFE_INTEGER);
const ANY_32 = integer(-2147483648, 2147483647);
const ALLOWED = oneOf('no', 'yes', 'local');

function inert(
  names: string | readonly [name: string, alias: string],
  type: DirectiveType,
  value: string,
  flag?: keyof typeof FLAGGED,
): Directive {
  const [name, ...aliases] = typeof names === 'string' ? [names] : names;
  return {
    name,
    ...(aliases.length === 0 ? {} : { aliases }),
    type,
    default: value,
    mutable: true,
    ...(flag === undefined ? {} : FLAGGED[flag]),
    inert: true,
    summary: 'Kept for clients that ask; without effect here',
  };
}

/** Only the default will do. */
function fixed(names: string | readonly [name: string, alias: string], value: string, reason: string): Directive {
  return inert(names, { kind: 'fixed', value, reason }, value, 'frozen');
}

export const REDIS_DIRECTIVES: readonly Directive[] = [
  // process
  inert('daemonize', boolean, 'no', 'frozen'),
  inert('supervised', oneOf('upstart', 'systemd', 'auto', 'no'), 'no', 'frozen'),
  inert('syslog-enabled', boolean, 'no', 'frozen'),
  inert('syslog-ident', text, 'redis', 'frozen'),
  inert('syslog-facility', text, 'local0', 'frozen'),
  inert('always-show-logo', boolean, 'no', 'frozen'),
  inert('set-proc-title', boolean, 'yes', 'frozen'),
  inert('proc-title-template', text, '{title} {listen-addr} {server-mode}'),
  inert('crash-log-enabled', boolean, 'yes'),
  inert('crash-memcheck-enabled', boolean, 'yes'),
  inert('use-exit-on-panic', boolean, 'no', 'hidden'),
  inert('watchdog-period', COUNT, '0', 'hidden'),
  inert('close-on-oom', boolean, 'no'),
  inert('oom-score-adj', oneOf('no', 'yes', 'relative', 'absolute'), 'no'),
  inert('oom-score-adj-values', text, '0 200 800'),
  inert('disable-thp', boolean, 'yes', 'frozen'),
  inert('jemalloc-bg-thread', boolean, 'yes'),
  inert('ignore-warnings', text, ''),
  inert('hide-user-data-from-log', boolean, 'no'),
  inert('locale-collate', text, ''),
  inert('server_cpulist', text, '', 'frozen'),
  inert('bio_cpulist', text, '', 'frozen'),
  inert('aof_rewrite_cpulist', text, '', 'frozen'),
  inert('bgsave_cpulist', text, '', 'frozen'),
  inert('shutdown-on-sigint', text, 'default'),
  inert('shutdown-on-sigterm', text, 'default'),
  inert('enable-protected-configs', ALLOWED, 'no', 'frozen'),
  inert('enable-module-command', ALLOWED, 'no', 'frozen'),
  // network and clients
  inert('bind-source-addr', text, ''),
  inert('socket-mark-id', integer(0, 4294967295), '0', 'frozen'),
  inert('io-threads', integer(1, 128), '1', 'frozen'),
  inert('io-threads-do-reads', boolean, 'no', 'frozen'),
  inert('max-new-connections-per-cycle', integer(1, 1000), '10'),
  inert('max-new-tls-connections-per-cycle', integer(1, 1000), '1'),
  inert('tls-replication', boolean, 'no'),
  inert('tls-cluster', boolean, 'no'),
  inert('tls-client-cert-file', text, ''),
  inert('tls-client-key-file', text, ''),
  inert('tls-client-key-file-pass', text, '', 'secret'),
  inert('tls-session-cache-size', COUNT, '20480'),
  inert('hz', COUNT, '10'),
  inert('dynamic-hz', boolean, 'yes'),
  // memory and encodings
  inert('list-compress-depth', COUNT, '0'),
  inert('stream-node-max-bytes', bytes(), '4096'),
  inert('activerehashing', boolean, 'yes'),
  inert('activedefrag', boolean, 'no'),
  inert('active-defrag-ignore-bytes', bytes(1), '104857600'),
  inert('active-defrag-threshold-lower', integer(0, 1000), '10'),
  inert('active-defrag-threshold-upper', integer(0, 1000), '100'),
  inert('active-defrag-cycle-min', PERCENT_OF_CPU, '1'),
  inert('active-defrag-cycle-max', PERCENT_OF_CPU, '25'),
  inert('active-defrag-max-scan-fields', integer(1, Number.MAX_SAFE_INTEGER), '1000'),
  inert('lazyfree-lazy-eviction', boolean, 'no'),
  inert('lazyfree-lazy-expire', boolean, 'no'),
  inert('lazyfree-lazy-server-del', boolean, 'no'),
  inert('lazyfree-lazy-user-del', boolean, 'no'),
  inert('lazyfree-lazy-user-flush', boolean, 'no'),
  // persistence
  inert('save', { kind: 'save' }, ''),
  inert('dbfilename', text, 'dump.rdb'),
  inert('rdbcompression', boolean, 'yes'),
  inert('rdbchecksum', boolean, 'yes', 'frozen'),
  inert('rdb-del-sync-files', boolean, 'no'),
  inert('rdb-save-incremental-fsync', boolean, 'yes'),
  inert('rdb-key-save-delay', ANY_32, '0', 'hidden'),
  inert('key-load-delay', ANY_32, '0', 'hidden'),
  inert('loading-process-events-interval-bytes', integer(1024, 2147483647), '2097152', 'hidden'),
  inert('stop-writes-on-bgsave-error', boolean, 'yes'),
  inert('sanitize-dump-payload', oneOf('no', 'yes', 'clients'), 'no'),
  inert('appendonly', boolean, 'yes'),
  inert('appendfilename', text, 'appendonly.aof', 'frozen'),
  inert('appenddirname', text, 'appendonlydir', 'frozen'),
  inert('no-appendfsync-on-rewrite', boolean, 'no'),
  inert('auto-aof-rewrite-percentage', COUNT, '100'),
  inert('auto-aof-rewrite-min-size', bytes(), '67108864'),
  inert('aof-load-truncated', boolean, 'yes'),
  inert('aof-use-rdb-preamble', boolean, 'yes'),
  inert('aof-timestamp-enabled', boolean, 'no'),
  inert('aof-disable-auto-gc', boolean, 'no'),
  inert('aof-rewrite-incremental-fsync', boolean, 'yes'),
  // master and replica, cluster
  inert('masterauth', text, '', 'secret'),
  inert('masteruser', text, '', 'secret'),
  inert(['replica-serve-stale-data', 'slave-serve-stale-data'], boolean, 'yes'),
  inert(['replica-read-only', 'slave-read-only'], boolean, 'yes'),
  inert(['replica-ignore-maxmemory', 'slave-ignore-maxmemory'], boolean, 'yes'),
  inert(['replica-lazy-flush', 'slave-lazy-flush'], boolean, 'no'),
  inert(['replica-priority', 'slave-priority'], COUNT, '100'),
  inert(['replica-announce-ip', 'slave-announce-ip'], text, ''),
  inert(['replica-announce-port', 'slave-announce-port'], PORT, '0'),
  inert('replica-announced', boolean, 'yes'),
  inert('replica-ignore-disk-write-errors', boolean, 'no'),
  inert('propagation-error-behavior', oneOf('ignore', 'panic', 'panic-on-replicas'), 'ignore'),
  inert(['repl-ping-replica-period', 'repl-ping-slave-period'], integer(1, 2147483647), '10'),
  inert('repl-timeout', integer(1, 2147483647), '60'),
  inert('repl-disable-tcp-nodelay', boolean, 'no'),
  inert('repl-backlog-size', bytes(1), '1048576'),
  inert('repl-backlog-ttl', COUNT_64, '3600'),
  inert('repl-diskless-sync', boolean, 'yes'),
  inert('repl-diskless-sync-delay', COUNT, '5'),
  inert('repl-diskless-sync-max-replicas', COUNT, '0'),
  inert('repl-diskless-load', oneOf('disabled', 'on-empty-db', 'swapdb'), 'disabled'),
  inert(['min-replicas-to-write', 'min-slaves-to-write'], COUNT, '0'),
  inert(['min-replicas-max-lag', 'min-slaves-max-lag'], COUNT, '10'),
  fixed(
    ['replicaof', 'slaveof'],
    '',
    'Starling has no master to follow: every node takes writes; name peers with bootstrap',
  ),
  fixed(
    'cluster-enabled',
    'no',
    'Starling is no Redis Cluster: every node has all keys; name the cluster with cluster',
  ),
  inert('cluster-config-file', text, 'nodes.conf', 'frozen'),
  inert('cluster-port', PORT, '0', 'frozen'),
  inert('cluster-node-timeout', COUNT_64, '15000'),
  inert('cluster-migration-barrier', COUNT, '1'),
  inert('cluster-require-full-coverage', boolean, 'yes'),
  inert('cluster-allow-reads-when-down', boolean, 'no'),
  inert('cluster-allow-pubsubshard-when-down', boolean, 'yes'),
  inert('cluster-allow-replica-migration', boolean, 'yes'),
  inert(['cluster-replica-no-failover', 'cluster-slave-no-failover'], boolean, 'no'),
  inert(['cluster-replica-validity-factor', 'cluster-slave-validity-factor'], COUNT, '10'),
  inert('cluster-link-sendbuf-limit', bytes(), '0'),
  inert('cluster-announce-ip', text, ''),
  inert('cluster-announce-hostname', text, ''),
  inert('cluster-announce-human-nodename', text, ''),
  inert('cluster-announce-port', PORT, '0'),
  inert('cluster-announce-tls-port', PORT, '0'),
  inert('cluster-announce-bus-port', PORT, '0'),
  inert('cluster-preferred-endpoint-type', oneOf('ip', 'hostname', 'unknown-endpoint'), 'ip'),
];
