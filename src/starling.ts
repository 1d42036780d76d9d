/**
 * The composition root: opens the store, the core, the mesh and the listener, wires them, and takes them down in the
 * order that loses nothing. Nobody imports this file but the command line, tests, scripts and examples.
 */
import './compatibility.ts';
import { randomBytes } from 'node:crypto';
import { openAccessControl } from './access-control.ts';
import { bindAddresses } from './bind-addresses.ts';
import type { AccessControl } from './commands/acl/access-control.ts';
import { KeyChanges } from './commands/changes/key-changes.ts';
import { Eviction } from './commands/eviction/eviction.ts';
import { createCommandRegistry } from './commands/index.ts';
import { KeyWaits } from './commands/key-waits.ts';
import { LatencyMonitor } from './commands/latency-monitor.ts';
import { Monitors } from './commands/monitors.ts';
import type { Registry } from './commands/registry.ts';
import type { Services } from './commands/services.ts';
import { SlowLog } from './commands/slow-log.ts';
import type { Configuration } from './config/configuration.ts';
import { createEngine, type Engine } from './core/index.ts';
import { createLogger, type Logger, pinoLevel } from './logging.ts';
import { Compression, type CompressionMode } from './mesh/compression.ts';
import { numberOf } from './mesh/frames.ts';
import { createMesh, type Mesh } from './mesh/index.ts';
import { clientsPossible, openFilesMax, peersPossible } from './open-files.ts';
import { outbound } from './outbound.ts';
import { PubSub } from './pubsub/index.ts';
import type { ListenOptions } from './resp/listeners.ts';
import { RespServer } from './resp/server.ts';
import { Scripting } from './scripting/index.ts';
import { sealInTime } from './sealing.ts';
import { Statistics } from './server-statistics.ts';
import { handOver, Shutdown } from './shutdown.ts';
import { openStore, type Store, type SyncPolicy } from './store/index.ts';
import { tlsOptions } from './tls-settings.ts';
import { VERSION } from './version.ts';

/** Of the log, so much is in memory as well: peers that are not far behind cost no reading. */
const MEMORY_LOG_BYTES_MAX = 64 * 1024 * 1024;
const HOUSEKEEPING_MS = 100;
/** Keys looked at for expiry in one round, times `active-expire-effort`: bounds the pause. */
const COLLECT_BUDGET = 2000;

export interface StarlingOptions {
  configuration: Configuration;
  log?: Logger;
  onFound?(peerId: string, address: string): void;
  onLost?(peerId: string, reason: string): void;
  /** A client's SHUTDOWN has got so far that the node may stop. */
  onShutdown?(): void;
}

export interface Starling {
  readonly engine: Engine;
  readonly services: Services;
  readonly store: Store;
  readonly mesh: Mesh;
  readonly server: RespServer;
  /** Where Redis clients find it. */
  readonly port: number;
  readonly secured: boolean;
  stop(): Promise<void>;
}

/** Starts a node. Rejects with a StoreError, a listening error or a mesh error; nothing is left running then. */
export async function startStarling(options: StarlingOptions): Promise<Starling> {
  const { configuration } = options;
  const log =
    options.log ??
    createLogger(configuration.text('loglevel'), configuration.text('log-format'), configuration.text('logfile'));
  const directory = configuration.dataDirectory;
  const filesMax = openFilesMax();
  if (configuration.limitClients(clientsPossible(filesMax))) {
    const { maxClients } = configuration.limits;
    log.warn(`With ${filesMax} open files (ulimit -n) ${maxClients} clients can be served, fewer than maxclients says`);
  }
  const registry = createCommandRegistry();
  const acl = openAccessControl(configuration, registry, (line) => log.info(line));
  const store = await openStore({
    directory,
    appendfsync: configuration.text('appendfsync') as SyncPolicy,
    logBytesMax: configuration.number('log-max-bytes'),
    logAgeMaxMs: configuration.number('log-max-age') * 1000,
    repair: configuration.flag('repair'),
    notice: (level, text) => (level === 'warning' ? log.warn(text) : log.info(text)),
  });
  const undo: (() => Promise<void> | void)[] = [];
  let loaded = false;
  try {
    const engine = createEngine({
      replica: store.replica,
      hashSeed: randomBytes(4).readUInt32LE(),
      logBytesMax: Math.min(MEMORY_LOG_BYTES_MAX, configuration.number('log-max-bytes')),
    });
    engine.setNow(Date.now());
    await store.load(engine);
    store.attach(engine);
    engine.clockSkewMaxMs = configuration.number('max-clock-skew');
    loaded = true;
    return await assemble(options, log, store, engine, registry, acl, peersPossible(filesMax), undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    // what was loaded, and whatever peers have added by now, is whole: the next start may go on under this replica id
    await store.close({ clean: loaded });
    throw error;
  }
}

async function assemble(
  options: StarlingOptions,
  log: Logger,
  store: Store,
  engine: Engine,
  registry: Registry,
  acl: AccessControl,
  peersMax: number,
  undo: (() => Promise<void> | void)[],
): Promise<Starling> {
  const { configuration } = options;
  const stopSealing = sealInTime(engine);
  undo.push(stopSealing);
  const latency = new LatencyMonitor();
  store.onSync = (ms) => latency.measured('aof-fsync-always', ms);
  const compression = new Compression(configuration.text('mesh-compression') as CompressionMode);
  const mesh = await createMesh({
    engine,
    directory: store.directory,
    cluster: configuration.text('cluster'),
    listen: configuration.list('listen'),
    announce: configuration.list('announce'),
    bootstrap: configuration.list('bootstrap'),
    mdns: configuration.flag('mdns'),
    gossip: configuration.flag('gossip'),
    compression,
    thread: configuration.flag('mesh-thread'),
    secretFile: configuration.text('secret-file') === '' ? null : configuration.text('secret-file'),
    peersMax,
    region: configuration.text('region'),
    zone: configuration.text('zone'),
    log: log.child({}),
    storedLog: store,
    takeNewReplica: () => engine.rotateReplica(randomBytes(8).toString('hex')),
    onFound: options.onFound,
    onLost: options.onLost,
    memoryLimit: () => ({ bytes: configuration.number('maxmemory'), policy: configuration.text('maxmemory-policy') }),
    onMerged: (ms) => latency.measured('state-merge', ms),
  }).catch((error: unknown) => {
    throw new Error(explainMesh(error, configuration), { cause: error });
  });
  undo.push(() => mesh.stop());
  const handOverMs = () => configuration.number('shutdown-timeout') * 1000;
  let peersConfirm = true;
  const shutdown = new Shutdown({
    engine,
    mesh,
    store,
    log,
    handOverMs,
    proceed: (confirm) => {
      peersConfirm = confirm;
      options.onShutdown?.();
    },
  });
  const statistics = new Statistics();
  const slowLog = new SlowLog();
  const node = {
    version: VERSION,
    runId: randomBytes(20).toString('hex'),
    configFile: configuration.configFile,
    port: configuration.number('port'),
    region: configuration.text('region'),
    zone: configuration.text('zone'),
    shutdown: shutdown.begin.bind(shutdown),
    abortShutdown: shutdown.abort.bind(shutdown),
    log: (message: string) => log.warn(message),
  };
  const shared: Omit<Services, 'clients'> = {
    config: configuration,
    commands: registry,
    statistics,
    mesh,
    store,
    node,
    slowLog,
    monitors: new Monitors(),
    keyWaits: new KeyWaits(),
    changes: new KeyChanges(),
    eviction: new Eviction(),
    latency,
    outbound,
    scripting: new Scripting(),
    pubsub: new PubSub({
      messenger: mesh.messenger,
      epoch: randomBytes(4).readUInt32BE(),
      writes: {
        latest: () => ({ replica: engine.replica, number: numberOf(engine.vector(), engine.replica) }),
        reached: ({ replica, number }) => number <= numberOf(engine.vector(), replica),
        onProgress: (listener) => engine.onEnvelope((_, local) => local || listener()),
      },
      warn: (details, message) => log.warn(details, message),
    }),
    random: Math.random,
    monotonicMicros: () => performance.now() * 1000,
  };
  const services = shared as Services & { clients: RespServer };
  const server = new RespServer({
    engine,
    registry,
    services,
    acl,
    warn: (message, error) => log.warn({ err: error }, message),
  });
  services.clients = server;
  followSettings(configuration, engine, store, compression, slowLog, log);
  followCertificates(configuration, server);
  const port = await server.listen(listenOptions(configuration));
  node.port = port;
  const timer = setInterval(() => housekeep(engine, services, statistics, configuration), HOUSEKEEPING_MS);
  let stopping: Promise<void> | null = null;
  const stop = async () => {
    clearInterval(timer);
    shared.scripting.stop();
    await server.close();
    stopSealing();
    if (peersConfirm) await handOver(engine, mesh, handOverMs());
    await mesh.stop();
    await store.close({ clean: true });
  };
  return {
    engine,
    services,
    store,
    mesh,
    server,
    port,
    secured: mesh.secured,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function housekeep(
  engine: Engine,
  { changes, eviction, latency }: Services,
  statistics: Statistics,
  configuration: Configuration,
): void {
  engine.setNow(Date.now());
  const started = performance.now();
  if (configuration.flag('active-expire'))
    changes.collect(engine, COLLECT_BUDGET * configuration.number('active-expire-effort'));
  const expiryMs = performance.now() - started;
  statistics.expireCycleMs += expiryMs;
  latency.measured('expire-cycle', expiryMs);
  eviction.relieve();
  statistics.sample();
}

/** Settings that act at once when CONFIG SET changes them. */
function followSettings(
  configuration: Configuration,
  engine: Engine,
  store: Store,
  compression: Compression,
  slowLog: SlowLog,
  log: Logger,
): void {
  const follow = (name: string) => {
    if (name === 'appendfsync') store.setSyncPolicy(configuration.text(name) as SyncPolicy);
    if (name === 'max-clock-skew') engine.clockSkewMaxMs = configuration.number(name);
    if (name === 'log-max-bytes') store.setLogBytesMax(configuration.number(name));
    if (name === 'log-max-age') store.setLogAgeMaxMs(configuration.number(name) * 1000);
    if (name === 'mesh-compression') compression.mode = configuration.text(name) as CompressionMode;
    if (name === 'loglevel') log.level = pinoLevel(configuration.text(name));
    if (name === 'slowlog-max-len') slowLog.lengthMax = configuration.number(name);
    if (name === 'slowlog-log-slower-than') {
      const micros = configuration.number(name);
      slowLog.thresholdMicros = micros < 0 ? Number.POSITIVE_INFINITY : micros;
    }
  };
  for (const name of ['slowlog-max-len', 'slowlog-log-slower-than']) follow(name);
  configuration.onChange(follow);
}

/** Redis's meaning of `port 0` is kept where there is another way in. */
function listenOptions(configuration: Configuration): ListenOptions {
  const port = configuration.number('port');
  const path = configuration.text('unixsocket');
  const securePort = configuration.number('tls-port');
  return {
    port: port === 0 && (path !== '' || securePort !== 0) ? null : port,
    addresses: bindAddresses(configuration.list('bind')),
    backlog: configuration.number('tcp-backlog'),
    tls: securePort === 0 ? null : { port: securePort, options: tlsOptions(configuration) },
    unix: path === '' ? null : { path, mode: Number.parseInt(configuration.text('unixsocketperm'), 8) },
  };
}

/** Certificates that CONFIG SET names anew hold from the next connection on; such as are no good are refused. */
function followCertificates(configuration: Configuration, server: RespServer): void {
  if (configuration.number('tls-port') === 0) return;
  configuration.check = (name) => {
    if (!name.startsWith('tls-')) return null;
    try {
      server.secureAnew(tlsOptions(configuration));
      return null;
    } catch (error) {
      return `Unable to update TLS configuration: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}

/** In one line what kept the mesh from starting; libp2p's own words come with a stack. */
function explainMesh(error: unknown, configuration: Configuration): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const file = configuration.text('secret-file');
  if (code !== undefined && file !== '') return `cannot read the cluster secret ${file}: ${message}`;
  const failed = /(\/\S+): Error: (listen .*)/.exec(message);
  return failed === null ? message.split('\n')[0] : `cannot listen for peers on ${failed[1]}: ${failed[2]}`;
}
