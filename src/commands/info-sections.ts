/** The sections of INFO, each a list of fields: the names that redis-cli, redis_exporter and RedisInsight read, with true values. */
import { freemem, totalmem } from 'node:os';
import type { Call } from './table.ts';
import { REDIS_VERSION } from './version.ts';

type Fields = [name: string, value: string | number][];

export type SectionName = 'server' | 'clients' | 'memory' | 'persistence' | 'stats' | 'replication' | 'cpu' | 'modules' | 'commandstats' | 'errorstats' | 'cluster' | 'keyspace' | 'crdt';

let peakBytes = 0;

function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = ['K', 'M', 'G', 'T'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${units[unit]}`;
}

function server({ services, engine }: Call): Fields {
  const { node, statistics, config } = services;
  const uptime = Math.floor((Date.now() - statistics.startedAtMs) / 1000);
  return [
    ['redis_version', REDIS_VERSION], ['redis_git_sha1', '00000000'], ['redis_git_dirty', 0], ['redis_build_id', node.version], ['redis_mode', 'standalone'],
    ['starling_version', node.version], ['os', `${process.platform} ${process.arch}`], ['arch_bits', 64], ['monotonic_clock', 'node'],
    ['multiplexing_api', 'libuv'], ['gcc_version', '0.0.0'], ['node_version', process.versions.node], ['process_id', process.pid], ['process_supervised', 'no'],
    ['run_id', node.runId], ['tcp_port', node.port], ['server_time_usec', engine.now * 1000], ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86400)], ['hz', config.get('hz') ?? '10'], ['configured_hz', config.get('hz') ?? '10'],
    ['lru_clock', Math.floor(engine.now / 1000) & 0xffffff], ['executable', process.execPath], ['config_file', node.configFile], ['io_threads_active', 0],
  ];
}

function clients({ services }: Call): Fields {
  let blocked = 0;
  let watching = 0;
  let input = 0;
  let output = 0;
  services.clients.forEach((client) => {
    if (client.blocked) blocked++;
    if (client.watches.length > 0) watching++;
    input = Math.max(input, client.queryBytes);
    output = Math.max(output, client.outputBytes);
  });
  return [
    ['connected_clients', services.clients.count], ['cluster_connections', 0], ['maxclients', services.config.limits.maxClients],
    ['client_recent_max_input_buffer', input], ['client_recent_max_output_buffer', output], ['blocked_clients', blocked], ['tracking_clients', 0],
    ['pubsub_clients', 0], ['watching_clients', watching], ['clients_in_timeout_table', 0], ['total_blocking_keys', 0],
  ];
}

function memory({ services, engine }: Call): Fields {
  const usage = process.memoryUsage();
  const { arenaBytes, arenaUsedBytes, logBytes } = engine.statistics;
  const used = arenaUsedBytes + usage.heapUsed;
  peakBytes = Math.max(peakBytes, used);
  const limit = services.config.limits.maxMemoryBytes;
  return [
    ['used_memory', used], ['used_memory_human', human(used)], ['used_memory_rss', usage.rss], ['used_memory_rss_human', human(usage.rss)],
    ['used_memory_peak', peakBytes], ['used_memory_peak_human', human(peakBytes)], ['used_memory_overhead', usage.heapUsed],
    ['used_memory_startup', 0], ['used_memory_dataset', arenaUsedBytes], ['allocator_allocated', arenaUsedBytes], ['allocator_active', arenaBytes],
    ['allocator_resident', usage.rss], ['total_system_memory', totalmem()], ['total_system_memory_human', human(totalmem())], ['free_system_memory', freemem()],
    ['used_memory_lua', 0], ['used_memory_vm_total', 0], ['used_memory_scripts', 0], ['number_of_cached_scripts', 0], ['number_of_functions', 0],
    ['maxmemory', limit], ['maxmemory_human', human(limit)], ['maxmemory_policy', services.config.get('maxmemory-policy') ?? 'noeviction'],
    ['mem_fragmentation_ratio', (usage.rss / Math.max(1, used)).toFixed(2)], ['mem_replication_backlog', logBytes], ['mem_clients_normal', 0],
    ['mem_allocator', 'v8+arena'], ['active_defrag_running', 0], ['lazyfree_pending_objects', 0],
  ];
}

function persistence({ services }: Call): Fields {
  const { store } = services;
  const status = store.failure === null ? 'ok' : 'err';
  return [
    ['loading', 0], ['async_loading', 0], ['rdb_changes_since_last_save', store.unsavedChanges], ['rdb_bgsave_in_progress', store.statistics().checkpoint_in_progress ?? 0],
    ['rdb_last_save_time', Math.floor((store.lastSaveMs || services.statistics.startedAtMs) / 1000)], ['rdb_last_bgsave_status', status], ['rdb_last_bgsave_time_sec', -1],
    ['rdb_saves', store.statistics().checkpoints ?? 0], ['aof_enabled', 1], ['aof_rewrite_in_progress', 0], ['aof_rewrite_scheduled', 0],
    ['aof_last_bgrewrite_status', 'ok'], ['aof_last_write_status', status], ['aof_current_size', store.statistics().log_bytes ?? 0],
    ...Object.entries(store.statistics()).map(([name, value]): [string, number] => [`store_${name}`, value]),
  ];
}

function stats({ services, engine }: Call): Fields {
  const { statistics: s } = services;
  return [
    ['total_connections_received', s.connectionsReceived], ['total_commands_processed', s.commandsProcessed], ['instantaneous_ops_per_sec', s.instantaneousOpsPerSecond],
    ['total_net_input_bytes', s.inputBytes], ['total_net_output_bytes', s.outputBytes], ['total_net_repl_input_bytes', 0], ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', s.instantaneousInputKbps.toFixed(2)], ['instantaneous_output_kbps', s.instantaneousOutputKbps.toFixed(2)],
    ['rejected_connections', s.connectionsRejected], ['sync_full', 0], ['sync_partial_ok', 0], ['sync_partial_err', 0], ['expired_keys', engine.statistics.expiredKeys],
    ['expired_stale_perc', '0.00'], ['expired_time_cap_reached_count', 0], ['evicted_keys', 0], ['evicted_clients', 0], ['keyspace_hits', s.keyspaceHits],
    ['keyspace_misses', s.keyspaceMisses], ['pubsub_channels', 0], ['pubsub_patterns', 0], ['latest_fork_usec', 0], ['total_forks', 0], ['tracking_total_keys', 0],
    ['unexpected_error_replies', s.unexpectedErrorReplies], ['total_error_replies', s.errorReplies], ['total_reads_processed', s.commandsProcessed],
    ['total_writes_processed', engine.statistics.changes], ['acl_access_denied_auth', 0], ['acl_access_denied_cmd', 0], ['acl_access_denied_key', 0], ['acl_access_denied_channel', 0],
  ];
}

function replication({ services, engine }: Call): Fields {
  const offset = engine.vector().reduce((sum, entry) => sum + entry.number, 0);
  return [
    ['role', 'master'], ['connected_slaves', 0], ['master_failover_state', 'no-failover'], ['master_replid', services.node.runId],
    ['master_replid2', '0'.repeat(40)], ['master_repl_offset', offset], ['second_repl_offset', -1], ['repl_backlog_active', 1],
    ['repl_backlog_size', 64 * 1024 * 1024], ['repl_backlog_first_byte_offset', 0], ['repl_backlog_histlen', engine.statistics.logBytes],
  ];
}

function cpu(): Fields {
  const { user, system } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)], ['used_cpu_user', (user / 1e6).toFixed(6)], ['used_cpu_sys_children', '0.000000'], ['used_cpu_user_children', '0.000000'],
  ];
}

function commandstats({ services }: Call): Fields {
  return [...services.statistics.commandCalls]
    .filter(([, each]) => each.calls + each.rejected > 0)
    .map(([name, { calls, micros, rejected, failed }]) => [
      `cmdstat_${name}`,
      `calls=${calls},usec=${Math.round(micros)},usec_per_call=${(calls === 0 ? 0 : micros / calls).toFixed(2)},rejected_calls=${rejected},failed_calls=${failed}`,
    ]);
}

function errorstats({ services }: Call): Fields {
  return [...services.statistics.errors].map(([prefix, count]) => [`errorstat_${prefix}`, `count=${count}`]);
}

function keyspace({ engine }: Call): Fields {
  return engine.databases
    .filter((db) => db.size > 0)
    .map((db) => [`db${db.index}`, `keys=${db.size},expires=${db.volatileSize},avg_ttl=${db.averageTtlMs()}`]);
}

/** Redis Software's names where they fit. */
function crdt({ services, engine }: Call): Fields {
  const { mesh } = services;
  const s = engine.statistics;
  const own = engine.vector().find((entry) => entry.replica === engine.replica);
  const peers = mesh.peers();
  return [
    ['crdt_replid', engine.replica], ['crdt_clock', own?.number ?? 0], ['crdt_peers', peers.length], ['crdt_peers_up', peers.filter((peer) => peer.state === 'up').length],
    ['crdt_cluster', mesh.cluster], ['crdt_peer_id', mesh.peerId], ['crdt_digest', engine.digest()], ['crdt_effect_reqs', s.remoteEffects],
    ['crdt_merge_reqs', mesh.statistics().transfers_received ?? 0], ['crdt_sync_full', mesh.statistics().transfers_sent ?? 0], ['crdt_sync_partial_ok', mesh.statistics().pulls ?? 0],
    ['crdt_gc_pending', s.pendingCollection], ['crdt_local_txns', s.localTxns], ['crdt_remote_txns', s.remoteTxns], ['crdt_conflicts', s.conflicts],
    ['crdt_waiting_envelopes', s.waitingEnvelopes], ['crdt_waiting_bytes', s.waitingBytes], ['crdt_log_bytes', s.logBytes], ['crdt_replication_paused', mesh.paused ? 1 : 0],
    ...Object.entries(mesh.statistics()).map(([name, value]): [string, number] => [`mesh_${name}`, value]),
    ...peers.map((peer, index): [string, string] => [
      `peer${index}`,
      `id=${peer.peerId},replica=${peer.replica},state=${peer.state},region=${peer.region},rtt_ms=${peer.rttMs.toFixed(2)},behind=${peer.behind},ahead=${peer.ahead},` +
        `last_seen_ms_ago=${Math.max(0, Date.now() - peer.lastSeenMs)},bytes_in=${peer.bytesIn},bytes_out=${peer.bytesOut}`,
    ]),
  ];
}

/** In the order in which Redis shows them. */
export const SECTIONS: Record<SectionName, (call: Call) => Fields> = {
  server, clients, memory, persistence, stats, replication, cpu, modules: () => [], commandstats, errorstats,
  cluster: () => [['cluster_enabled', 0]], keyspace, crdt,
};
