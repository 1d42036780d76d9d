/**
 * The sections of INFO: names that redis-cli, redis_exporter and RedisInsight read, in Redis's order. Only what is
 * known is told: where Starling has no such thing a field says 0 or is left out, never a guess.
 */
import { arch, freemem, release, totalmem, type } from 'node:os';
import { crdtFields } from './info-crdt.ts';
import { memoryUsage } from './memory-usage.ts';
import { lastSaveSeconds, replicationOffset } from './server.ts';
import type { Call } from './table.ts';
import { REDIS_VERSION } from './version.ts';

export type InfoFields = readonly (readonly [name: string, value: string | number])[];

export interface InfoSection {
  readonly title: string;
  /** Shown by INFO without arguments. */
  readonly byDefault: boolean;
  fields(call: Call): InfoFields;
}

export const SECTIONS: readonly InfoSection[] = [
  { title: 'Server', byDefault: true, fields: serverFields },
  { title: 'Clients', byDefault: true, fields: clientFields },
  { title: 'Memory', byDefault: true, fields: memoryFields },
  { title: 'Persistence', byDefault: true, fields: persistenceFields },
  { title: 'Stats', byDefault: true, fields: statisticsFields },
  { title: 'Replication', byDefault: true, fields: replicationFields },
  { title: 'CPU', byDefault: true, fields: processorFields },
  { title: 'Modules', byDefault: true, fields: () => [] },
  { title: 'Commandstats', byDefault: false, fields: commandFields },
  { title: 'Errorstats', byDefault: true, fields: errorFields },
  { title: 'Latencystats', byDefault: false, fields: latencyFields },
  { title: 'Cluster', byDefault: true, fields: () => [['cluster_enabled', 0]] },
  { title: 'Keyspace', byDefault: true, fields: keyspaceFields },
  { title: 'Crdt', byDefault: true, fields: crdtFields },
];

/** Redis's master_replid has 40 digits; a replica id has 16. */
const REPLICATION_ID_DIGITS = 40;
const UNITS = ['K', 'M', 'G', 'T'];

function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value.toFixed(2)}${UNITS[unit]}`;
}

function setting({ services }: Call, name: string): string {
  const value = services.config.get(name);
  if (value === undefined) throw new Error(`directive ${name} is missing`);
  return value;
}

function serverFields(call: Call): InfoFields {
  const { engine, services } = call;
  const { node, statistics } = services;
  const uptime = Math.max(0, Math.floor((engine.now - statistics.startedAtMs) / 1000));
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'standalone'],
    ['starling_version', node.version],
    ['os', `${type()} ${release()} ${arch()}`],
    ['arch_bits', 64],
    ['monotonic_clock', 'performance.now'],
    ['multiplexing_api', 'libuv'],
    ['node_version', process.versions.node],
    ['process_id', process.pid],
    ['process_supervised', 'no'],
    ['run_id', node.runId],
    ['tcp_port', node.port],
    ['server_time_usec', engine.now * 1000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86400)],
    ['hz', setting(call, 'hz')],
    ['configured_hz', setting(call, 'hz')],
    ['lru_clock', Math.floor(engine.now / 1000) & 0xffffff],
    ['executable', process.execPath],
    ['config_file', node.configFile],
    ['io_threads_active', 0],
    ...listenerFields(call),
  ];
}

/** One a way in, as Redis words them. */
function listenerFields(call: Call): InfoFields {
  const binds = setting(call, 'bind')
    .split(' ')
    .filter((address) => address !== '')
    .map((address) => `bind=${address}`);
  const { port } = call.services.node;
  const securePort = setting(call, 'tls-port');
  const path = setting(call, 'unixsocket');
  const listeners = [
    ...(port === 0 ? [] : [['name=tcp', ...binds, `port=${port}`]]),
    ...(path === '' ? [] : [['name=unix', `bind=${path}`]]),
    ...(securePort === '0' ? [] : [['name=tls', ...binds, `port=${securePort}`]]),
  ];
  return listeners.map((fields, index) => [`listener${index}`, fields.join(',')] as const);
}

function clientFields({ services }: Call): InfoFields {
  let blocked = 0;
  let listening = 0;
  let watching = 0;
  let watchedKeys = 0;
  let longestInput = 0;
  let longestOutput = 0;
  services.clients.forEach((client) => {
    if (client.blocked) blocked++;
    if (client.subscribed > 0) listening++;
    if (client.watches.length > 0) watching++;
    watchedKeys += client.watches.length;
    longestInput = Math.max(longestInput, client.queryBytes);
    longestOutput = Math.max(longestOutput, client.outputBytes);
  });
  return [
    ['connected_clients', services.clients.count],
    ['cluster_connections', 0],
    ['maxclients', services.config.limits.maxClients],
    ['client_recent_max_input_buffer', longestInput],
    ['client_recent_max_output_buffer', longestOutput],
    ['blocked_clients', blocked],
    ['tracking_clients', services.changes.tracking.clientCount],
    ['pubsub_clients', listening],
    ['watching_clients', watching],
    ['clients_in_timeout_table', 0],
    ['total_watched_keys', watchedKeys],
    ['total_blocking_keys', services.keyWaits.keyCount],
    ['total_blocking_keys_on_nokey', 0],
  ];
}

/** What `maxmemory` limits is `used_memory_dataset`. */
function memoryFields(call: Call): InfoFields {
  const usage = memoryUsage(call);
  const { limits } = call.services.config;
  const overhead = usage.used - usage.dataset;
  return [
    ['used_memory', usage.used],
    ['used_memory_human', human(usage.used)],
    ['used_memory_rss', usage.resident],
    ['used_memory_rss_human', human(usage.resident)],
    ['used_memory_peak', usage.peak],
    ['used_memory_peak_human', human(usage.peak)],
    ['used_memory_peak_perc', `${((usage.used / usage.peak) * 100).toFixed(2)}%`],
    ['used_memory_overhead', overhead],
    ['used_memory_startup', 0],
    ['used_memory_dataset', usage.dataset],
    ['used_memory_dataset_perc', `${((usage.dataset / usage.used) * 100).toFixed(2)}%`],
    ['allocator_allocated', usage.arenaUsed],
    ['allocator_active', usage.arena],
    ['allocator_resident', usage.arena],
    ['allocator_frag_ratio', (usage.arena / Math.max(1, usage.arenaUsed)).toFixed(2)],
    ['allocator_frag_bytes', usage.arena - usage.arenaUsed],
    ['starling_heap_used', usage.heap],
    ['total_system_memory', totalmem()],
    ['total_system_memory_human', human(totalmem())],
    ['free_system_memory', freemem()],
    ...scriptingFields(call),
    ['maxmemory', limits.maxMemoryBytes],
    ['maxmemory_human', human(limits.maxMemoryBytes)],
    ['maxmemory_policy', setting(call, 'maxmemory-policy')],
    ['mem_fragmentation_ratio', (usage.resident / usage.accounted).toFixed(2)],
    ['mem_fragmentation_bytes', usage.resident - usage.accounted],
    ['mem_not_counted_for_evict', overhead],
    ['mem_replication_backlog', usage.log],
    ['mem_total_replication_buffers', usage.log],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', usage.clients],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', call.services.store.statistics().backlog_bytes ?? 0],
    ['mem_allocator', 'arena'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', 0],
    ['lazyfreed_objects', 0],
  ];
}

/** The state on disk stands for Redis's RDB file, the log of txns for its AOF. */
/** Lua's memory is that of WebAssembly, beside the heap. */
function scriptingFields({ services }: Call): InfoFields {
  const { evalInterpreterBytes, functionInterpreterBytes, scriptBytes, functionBytes, ...counts } =
    services.scripting.statistics();
  const interpreters = evalInterpreterBytes + functionInterpreterBytes;
  const kept = scriptBytes + functionBytes;
  return [
    ['used_memory_lua', evalInterpreterBytes],
    ['used_memory_vm_eval', evalInterpreterBytes],
    ['used_memory_lua_human', human(evalInterpreterBytes)],
    ['used_memory_scripts_eval', scriptBytes],
    ['number_of_cached_scripts', counts.cachedScripts],
    ['number_of_functions', counts.functions],
    ['number_of_libraries', counts.libraries],
    ['used_memory_vm_functions', functionInterpreterBytes],
    ['used_memory_vm_total', interpreters],
    ['used_memory_vm_total_human', human(interpreters)],
    ['used_memory_functions', functionBytes],
    ['used_memory_scripts', kept],
    ['used_memory_scripts_human', human(kept)],
  ];
}

function persistenceFields({ services }: Call): InfoFields {
  const { store } = services;
  const { log_bytes, checkpoints, checkpoint_in_progress, last_checkpoint_ms, ...others } = store.statistics();
  const status = store.failure === null ? 'ok' : 'err';
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', store.unsavedChanges],
    ['rdb_bgsave_in_progress', checkpoint_in_progress ?? 0],
    ['rdb_last_save_time', lastSaveSeconds(services)],
    ['rdb_last_bgsave_status', status],
    ['rdb_last_bgsave_time_sec', (checkpoints ?? 0) === 0 ? -1 : Math.round((last_checkpoint_ms ?? 0) / 1000)],
    ['rdb_saves', checkpoints ?? 0],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_bgrewrite_status', status],
    ['aof_last_write_status', status],
    ['aof_current_size', log_bytes ?? 0],
    ...Object.entries(others).map(([name, value]) => [`store_${name}`, value] as const),
  ];
}

function statisticsFields({ acl, services, engine }: Call): InfoFields {
  const { statistics } = services;
  const { denied } = acl.log;
  const { exceeded } = services.eviction;
  return [
    ['total_connections_received', statistics.connectionsReceived],
    ['total_commands_processed', statistics.commandsProcessed],
    ['instantaneous_ops_per_sec', statistics.instantaneousOpsPerSecond],
    ['total_net_input_bytes', statistics.inputBytes],
    ['total_net_output_bytes', statistics.outputBytes],
    ['instantaneous_input_kbps', statistics.instantaneousInputKbps.toFixed(2)],
    ['instantaneous_output_kbps', statistics.instantaneousOutputKbps.toFixed(2)],
    ['rejected_connections', statistics.connectionsRejected],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
    ['expired_keys', engine.statistics.expiredKeys],
    ['expire_cycle_cpu_milliseconds', Math.floor(statistics.expireCycleMs)],
    ['evicted_keys', statistics.evictedKeys],
    ['evicted_clients', statistics.evictedClients],
    ['total_eviction_exceeded_time', Math.floor(exceeded.total / 1000)],
    ['current_eviction_exceeded_time', Math.floor(exceeded.current / 1000)],
    ['keyspace_hits', statistics.keyspaceHits],
    ['keyspace_misses', statistics.keyspaceMisses],
    ['pubsub_channels', services.pubsub.names('channel').length],
    ['pubsub_patterns', services.pubsub.names('pattern').length],
    ['pubsubshard_channels', services.pubsub.names('shard').length],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['tracking_total_keys', services.changes.tracking.keyCount],
    ['tracking_total_items', services.changes.tracking.itemCount],
    ['tracking_total_prefixes', services.changes.tracking.prefixCount],
    ['total_reads_processed', statistics.reads],
    ['total_writes_processed', statistics.writes],
    ['client_query_buffer_limit_disconnections', statistics.queryLimitDisconnections],
    ['client_output_buffer_limit_disconnections', statistics.outputLimitDisconnections],
    ['unexpected_error_replies', statistics.unexpectedErrorReplies],
    ['total_error_replies', statistics.errorReplies],
    ['acl_access_denied_auth', denied.auth],
    ['acl_access_denied_cmd', denied.command],
    ['acl_access_denied_key', denied.key],
    ['acl_access_denied_channel', denied.channel],
  ];
}

/** Every node is a master; its peers are no replicas of it and stand in the section Crdt. */
function replicationFields(call: Call): InfoFields {
  const { engine, services } = call;
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', engine.replica.padEnd(REPLICATION_ID_DIGITS, '0')],
    ['master_replid2', '0'.repeat(REPLICATION_ID_DIGITS)],
    ['master_repl_offset', replicationOffset(call)],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 1],
    ['repl_backlog_size', setting(call, 'log-max-bytes')],
    ['repl_backlog_histlen', services.store.statistics().log_bytes ?? engine.statistics.logBytes],
  ];
}

function processorFields(): InfoFields {
  const { user, system } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
  ];
}

function commandFields({ services }: Call): InfoFields {
  return [...services.statistics.commandCalls]
    .filter(([, { calls, rejected }]) => calls + rejected > 0)
    .map(([name, { calls, micros, rejected, failed }]) => {
      const perCall = (calls === 0 ? 0 : micros / calls).toFixed(2);
      const usec = Math.round(micros);
      return [
        `cmdstat_${name}`,
        `calls=${calls},usec=${usec},usec_per_call=${perCall},rejected_calls=${rejected},failed_calls=${failed}`,
      ];
    });
}

/** Upper bounds of classes that double; quick commands count with their share of the chunk that they came in. */
function latencyFields(call: Call): InfoFields {
  if (setting(call, 'latency-tracking') !== 'yes') return [];
  const percentiles = setting(call, 'latency-tracking-info-percentiles')
    .split(' ')
    .filter((each) => each !== '');
  return [...call.services.statistics.commandCalls]
    .filter(([, { latencies }]) => !latencies.isEmpty)
    .map(([name, { latencies }]) => {
      const values = percentiles.map((each) => `p${each}=${latencies.quantile(Number(each) / 100).toFixed(3)}`);
      return [`latency_percentiles_usec_${name}`, values.join(',')];
    });
}

function errorFields({ services }: Call): InfoFields {
  return [...services.statistics.errors].map(([prefix, count]) => [`errorstat_${prefix}`, `count=${count}`]);
}

function keyspaceFields({ engine }: Call): InfoFields {
  return engine.databases
    .filter(({ size }) => size > 0)
    .map((db) => [`db${db.index}`, `keys=${db.size},expires=${db.volatileSize},avg_ttl=${db.averageTtlMs()}`]);
}
