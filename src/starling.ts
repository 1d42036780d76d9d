/**
 * The composition root: opens the store, the core, the mesh and the listener, wires them, and takes them down in the
 * order that loses nothing. Nobody imports this file but the command line, tests, scripts and examples.
 */
import './compatibility.ts';
import { randomBytes } from 'node:crypto';
import { createCommandRegistry } from './commands/index.ts';
import type { Services } from './commands/services.ts';
import { SlowLog } from './commands/slow-log.ts';
import type { Configuration } from './config/configuration.ts';
import { createEngine, type Engine } from './core/index.ts';
import { createLogger, type Logger, pinoLevel } from './logging.ts';
import { createMesh, type Mesh } from './mesh/index.ts';
import { RespServer } from './resp/server.ts';
import { sealInTime } from './sealing.ts';
import { Statistics } from './server-statistics.ts';
import { openStore, type Store, type SyncPolicy } from './store/index.ts';
import { VERSION } from './version.ts';

const HOUSEKEEPING_MS = 100;
/** Keys looked at for expiry in one round: bounds the pause. */
const COLLECT_BUDGET = 2000;
/** A stopping node waits so long for a peer to confirm its last txns. */
const HANDOVER_MS = 1000;

export interface StarlingOptions {
  configuration: Configuration;
  log?: Logger;
  onFound?(peerId: string, address: string): void;
  onLost?(peerId: string, reason: string): void;
  /** SHUTDOWN was asked for by a client. */
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
  const log = options.log ?? createLogger(configuration.text('loglevel'), configuration.text('log-format'));
  const directory = configuration.dataDirectory;
  const store = await openStore({
    directory,
    appendfsync: configuration.text('appendfsync') as SyncPolicy,
    logBytesMax: configuration.number('log-max-bytes'),
    repair: configuration.flag('repair'),
    notice: (level, text) => (level === 'warning' ? log.warn(text) : log.info(text)),
  });
  const undo: (() => Promise<void> | void)[] = [() => store.close({ clean: false })];
  try {
    return await assemble(options, log, directory, store, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function assemble(
  options: StarlingOptions,
  log: Logger,
  directory: string,
  store: Store,
  undo: (() => Promise<void> | void)[],
): Promise<Starling> {
  const { configuration } = options;
  const engine = createEngine({ replica: store.replica, hashSeed: randomBytes(4).readUInt32LE() });
  engine.setNow(Date.now());
  await store.load(engine);
  store.attach(engine);
  const stopSealing = sealInTime(engine);
  const mesh = await createMesh({
    engine,
    directory,
    cluster: configuration.text('cluster'),
    listen: configuration.list('listen'),
    announce: configuration.list('announce'),
    bootstrap: configuration.list('bootstrap'),
    mdns: configuration.flag('mdns'),
    gossip: configuration.flag('gossip'),
    secretFile: configuration.text('secret-file') === '' ? null : configuration.text('secret-file'),
    region: configuration.text('region'),
    zone: configuration.text('zone'),
    log: log.child({}),
    storedLog: store,
    onReplicaClash: () => engine.rotateReplica(randomBytes(8).toString('hex')),
    onFound: options.onFound,
    onLost: options.onLost,
  });
  undo.push(() => mesh.stop());
  const statistics = new Statistics();
  const slowLog = new SlowLog();
  const registry = createCommandRegistry();
  const node = {
    version: VERSION,
    runId: randomBytes(20).toString('hex'),
    configFile: configuration.configFile,
    port: configuration.number('port'),
    region: configuration.text('region'),
    zone: configuration.text('zone'),
    shutdown: () => options.onShutdown?.(),
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
    random: Math.random,
    monotonicMicros: () => performance.now() * 1000,
  };
  const services = shared as Services & { clients: RespServer };
  const server = new RespServer({
    engine,
    registry,
    services,
    warn: (message, error) => log.warn({ err: error }, message),
  });
  services.clients = server;
  followSettings(configuration, store, slowLog, log);
  const port = await server.listen(configuration.number('port'), configuration.list('bind'));
  node.port = port;
  const timer = setInterval(() => housekeep(engine, statistics, configuration), HOUSEKEEPING_MS);
  let stopping: Promise<void> | null = null;
  const stop = async () => {
    clearInterval(timer);
    await server.close();
    stopSealing();
    await handOver(engine, mesh);
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

function housekeep(engine: Engine, statistics: Statistics, configuration: Configuration): void {
  engine.setNow(Date.now());
  if (configuration.flag('active-expire')) engine.collect(COLLECT_BUDGET);
  statistics.sample();
}

/** Settings that act at once when CONFIG SET changes them. */
function followSettings(configuration: Configuration, store: Store, slowLog: SlowLog, log: Logger): void {
  const follow = (name: string) => {
    if (name === 'appendfsync') store.setSyncPolicy(configuration.text(name) as SyncPolicy);
    if (name === 'log-max-bytes') store.setLogBytesMax(configuration.number(name));
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

/** Gives the last txns to a peer, if one is there, before this node goes. */
async function handOver(engine: Engine, mesh: Mesh): Promise<void> {
  const own = engine.vector().find((entry) => entry.replica === engine.replica);
  const anyUp = mesh.peers().some((peer) => peer.state === 'up');
  if (own === undefined || !anyUp || mesh.paused) return;
  await mesh.waitFor(own.number, 1, HANDOVER_MS);
}
