/** INFO: sections, their order, and the fields that monitoring reads. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PEER, WholeNode } from './whole-node.ts';

function titles(text: string): string[] {
  return [...text.matchAll(/^# (\w+)\r$/gm)].map(([, title]) => title);
}

async function field(node: WholeNode, section: string, name: string): Promise<string | undefined> {
  const text = String(await node.run(`INFO ${section}`));
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(text)?.[1];
}

const DEFAULT = [
  'Server',
  'Clients',
  'Memory',
  'Persistence',
  'Stats',
  'Replication',
  'CPU',
  'Modules',
  'Errorstats',
  'Cluster',
  'Keyspace',
  'Crdt',
];

test('INFO shows the default sections in the order of Redis, and Crdt', async () => {
  assert.equal(titles(String(await new WholeNode().run('INFO'))), DEFAULT);
});

test('INFO all and everything add statistics by command and latency', async () => {
  const node = new WholeNode();
  const all = titles(String(await node.run('INFO all')));
  assert.equal(
    all.filter((title) => !DEFAULT.includes(title)),
    ['Commandstats', 'Latencystats'],
  );
  assert.equal(titles(String(await node.run('INFO everything'))), all);
});

test('INFO latencystats tells percentiles of the calls of each command, as far as they are kept', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  await node.run('CONFIG', 'SET', 'latency-tracking-info-percentiles', '50 99.9');
  const line = /latency_percentiles_usec_set:p50=(\d+\.\d{3}),p99\.9=(\d+\.\d{3})\r\n/;
  assert.match(String(await node.run('INFO latencystats')), line);
  await node.run('CONFIG', 'SET', 'latency-tracking-info-percentiles', '');
  assert.match(String(await node.run('INFO latencystats')), 'latency_percentiles_usec_set:\r\n');
  await node.run('CONFIG SET latency-tracking no');
  await node.run('CONFIG RESETSTAT');
  await node.run('SET k v');
  assert.is(await node.run('INFO latencystats'), '# Latencystats\r\n');
  assert.equal(await node.run('LATENCY HISTOGRAM'), []);
});

test('INFO shows the sections that are named, each once, whatever the case and order of the names', async () => {
  const node = new WholeNode();
  assert.equal(titles(String(await node.run('INFO KEYSPACE server Keyspace'))), ['Server', 'Keyspace']);
});

test('INFO default with a section shows that as well', async () => {
  const shown = titles(String(await new WholeNode().run('INFO default commandstats')));
  assert.ok(shown.includes('Commandstats') && shown.includes('Server'));
});

test('INFO of a section that nobody knows is empty', async () => {
  assert.is(await new WholeNode().run('INFO nosuch'), '');
});

test('sections are kept apart by an empty line, and none follows the last', async () => {
  const text = String(await new WholeNode().run('INFO cluster modules'));
  assert.is(text, '# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n');
});

test('INFO is verbatim text in RESP3', async () => {
  const node = new WholeNode();
  await node.run('HELLO 3');
  assert.ok((await node.raw('INFO', 'cluster')).toString().startsWith('=34\r\ntxt:# Cluster\r\n'));
});

test('every field that redis_exporter and redis-cli read is there', async () => {
  const text = String(await new WholeNode().run('INFO everything'));
  const expected =
    'redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds uptime_in_days config_file ' +
    'connected_clients blocked_clients maxclients tracking_clients pubsub_clients watching_clients ' +
    'used_memory used_memory_human used_memory_rss used_memory_peak used_memory_lua used_memory_overhead used_memory_dataset ' +
    'used_memory_startup used_memory_scripts number_of_cached_scripts maxmemory maxmemory_policy mem_fragmentation_ratio total_system_memory ' +
    'loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status ' +
    'aof_enabled aof_last_write_status total_connections_received total_commands_processed instantaneous_ops_per_sec ' +
    'instantaneous_input_kbps instantaneous_output_kbps total_net_input_bytes total_net_output_bytes rejected_connections ' +
    'expired_keys evicted_keys keyspace_hits keyspace_misses pubsub_channels pubsub_patterns total_error_replies ' +
    'acl_access_denied_auth acl_access_denied_cmd acl_access_denied_key acl_access_denied_channel role connected_slaves ' +
    'master_repl_offset repl_backlog_active repl_backlog_size repl_backlog_histlen used_cpu_sys used_cpu_user cluster_enabled';
  const missing = expected.split(' ').filter((name) => !new RegExp(`^${name}:`, 'm').test(text));
  assert.equal(missing, []);
});

test('the role is always master', async () => {
  const node = new WholeNode();
  node.mesh.peerList = [PEER];
  assert.is(await field(node, 'replication', 'role'), 'master');
  assert.is(await field(node, 'replication', 'connected_slaves'), '0');
});

test('both versions are told: the one that clients choose features by, and our own', async () => {
  const node = new WholeNode();
  assert.is(await field(node, 'server', 'redis_version'), '7.4.2');
  assert.is(await field(node, 'server', 'starling_version'), '9.9.9');
});

test('the offset grows with every write', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  const before = Number(await field(node, 'replication', 'master_repl_offset'));
  await node.run('SET k w');
  assert.is(Number(await field(node, 'replication', 'master_repl_offset')), before + 1);
});

test('the keyspace counts keys and times to live by database, and leaves out empty databases', async () => {
  const node = new WholeNode();
  await node.run('SET a 1');
  await node.run('SET b 1 EX 1000');
  await node.run('SELECT 3');
  await node.run('SET c 1');
  const text = String(await node.run('INFO keyspace'));
  assert.match(text, /^# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=\d+\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n$/);
});

test('statistics by command count calls, refusals and failures', async () => {
  const node = new WholeNode();
  await node.run('SET k v');
  await node.run('SET k');
  await node.run('INCR k');
  assert.match(
    String(await field(node, 'commandstats', 'cmdstat_set')),
    /^calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0$/,
  );
  assert.match(String(await field(node, 'commandstats', 'cmdstat_incr')), /^calls=1,.*failed_calls=1$/);
  assert.is(await field(node, 'errorstats', 'errorstat_ERR'), 'count=2');
});

test('an error within a transaction is a failure of the command that gave it, not of EXEC', async () => {
  const node = new WholeNode();
  for (const line of ['SET k v', 'MULTI', 'INCR k', 'GET k', 'EXEC']) await node.run(line);
  assert.match(String(await field(node, 'commandstats', 'cmdstat_incr')), /^calls=1,.*failed_calls=1$/);
  assert.match(String(await field(node, 'commandstats', 'cmdstat_exec')), /^calls=1,.*failed_calls=0$/);
  await node.run('MULTI');
  await node.run('EVAL', "return redis.pcall('incr', 'k')", '0');
  await node.run('EXEC');
  await node.run('EXEC');
  assert.match(String(await field(node, 'commandstats', 'cmdstat_incr')), /^calls=2,.*failed_calls=2$/);
  assert.match(String(await field(node, 'commandstats', 'cmdstat_exec')), /^calls=3,.*failed_calls=1$/);
});

test('how long the commands of scripts take is told as of any others', async () => {
  const node = new WholeNode();
  await node.run('EVAL', "return redis.call('get', 'k')", '0');
  assert.match(String(await field(node, 'latencystats', 'latency_percentiles_usec_get')), /^p50=\d/);
});

test('CONFIG RESETSTAT empties the statistics by command and error', async () => {
  const node = new WholeNode();
  await node.run('SET k');
  await node.run('CONFIG RESETSTAT');
  assert.is(await field(node, 'errorstats', 'errorstat_ERR'), undefined);
  assert.is(await field(node, 'commandstats', 'cmdstat_set'), undefined);
});

test('a write that the disk refuses shows as err', async () => {
  const node = new WholeNode();
  assert.is(await field(node, 'persistence', 'rdb_last_bgsave_status'), 'ok');
  node.store.failure = 'disk full';
  assert.is(await field(node, 'persistence', 'rdb_last_bgsave_status'), 'err');
  assert.is(await field(node, 'persistence', 'aof_last_write_status'), 'err');
});

test('persistence tells what the store tells', async () => {
  const node = new WholeNode();
  assert.is(await field(node, 'persistence', 'rdb_changes_since_last_save'), '12');
  assert.is(await field(node, 'persistence', 'rdb_last_save_time'), '1700000000');
  assert.is(await field(node, 'persistence', 'aof_current_size'), '2048');
});

test('the data set that maxmemory limits grows with the data', async () => {
  const node = new WholeNode();
  const before = Number(await field(node, 'memory', 'used_memory_dataset'));
  await node.run('SET', 'k', 'x'.repeat(100_000));
  assert.ok(Number(await field(node, 'memory', 'used_memory_dataset')) >= before + 100_000);
});

test('the peak stays when data goes', async () => {
  const node = new WholeNode();
  await node.run('SET', 'k', 'x'.repeat(100_000));
  const peak = Number(await field(node, 'memory', 'used_memory_peak'));
  await node.run('DEL k');
  assert.is(Number(await field(node, 'memory', 'used_memory_peak')) >= peak, true);
});

test('watching clients and the keys that they watch are counted', async () => {
  const node = new WholeNode();
  await node.connect().run('WATCH', 'a', 'b');
  assert.is(await field(node, 'clients', 'watching_clients'), '1');
  assert.is(await field(node, 'clients', 'total_watched_keys'), '2');
});

test('Crdt tells ids, the vector, and a line per peer', async () => {
  const node = new WholeNode();
  node.mesh.peerList = [
    { ...PEER, lastSeenMs: node.engine.now },
    { ...PEER, state: 'down' },
  ];
  await node.run('SET k v');
  assert.is(await field(node, 'crdt', 'crdt_replid'), '00000000000000a1');
  assert.is(await field(node, 'crdt', 'crdt_clock'), '1');
  assert.is(await field(node, 'crdt', 'crdt_ovc'), '00000000000000a1=1');
  assert.is(await field(node, 'crdt', 'crdt_peers'), '2');
  assert.is(await field(node, 'crdt', 'crdt_peers_up'), '1');
  assert.is(await field(node, 'crdt', 'crdt_sync_full'), '5');
  assert.is(await field(node, 'crdt', 'crdt_digest'), node.engine.digest());
  assert.match(
    String(await field(node, 'crdt', 'peer0')),
    /^id=12D3KooWpeer,replica=00000000000000b2,state=up,address=\/ip4\/\S+,region=eu,zone=a,rtt_ms=1\.25,behind=3,ahead=4,seen_ms_ago=\d+,bytes_in=100,bytes_out=200$/,
  );
});

test('the digest, which may take a while, is told to who asks for this section by name', async () => {
  const node = new WholeNode();
  for (const [section, isTold] of [
    ['CRDT', true],
    ['default', false],
    ['all', false],
    ['everything', false],
  ] as const) {
    assert.is((await field(node, section, 'crdt_digest')) !== undefined, isTold, section);
    assert.is(await field(node, section, 'crdt_replid'), '00000000000000a1');
  }
});

test('a pause of replication shows', async () => {
  const node = new WholeNode();
  assert.is(await field(node, 'crdt', 'crdt_replication'), 'running');
  node.mesh.setPaused(true);
  assert.is(await field(node, 'crdt', 'crdt_replication'), 'paused');
});

test.run();
