/** A server over an engine of its own, without disk and mesh: what the tests of resp/ talk to. */
import net from 'node:net';
import { openAccessControl } from '../../src/access-control.ts';
import { KeyChanges } from '../../src/commands/changes/key-changes.ts';
import { Eviction } from '../../src/commands/eviction/eviction.ts';
import { createCommandRegistry } from '../../src/commands/index.ts';
import { KeyWaits } from '../../src/commands/key-waits.ts';
import { LatencyMonitor } from '../../src/commands/latency-monitor.ts';
import { Monitors } from '../../src/commands/monitors.ts';
import type { Registry } from '../../src/commands/registry.ts';
import type { NodeService, Services, StoreService } from '../../src/commands/services.ts';
import { SlowLog } from '../../src/commands/slow-log.ts';
import { Configuration } from '../../src/config/configuration.ts';
import { createEngine, type Engine } from '../../src/core/index.ts';
import { RespServer } from '../../src/resp/server.ts';
import { Scripting } from '../../src/scripting/index.ts';
import { Statistics } from '../../src/server-statistics.ts';
import { pubsubAlone } from '../pubsub/alone.ts';

/** A store that tests make fail, or make slow. */
export class ScriptedStore implements StoreService {
  readonly directory = '';
  failure: string | null = null;
  holdsReplies = false;
  isDurable = false;
  readonly lastSaveMs = 0;
  readonly unsavedChanges = 0;
  /** Replies that wait for whenDurable(): call them to end the wait. */
  readonly waiting: ((failed: boolean) => void)[] = [];

  whenDurable(callback: (failed: boolean) => void): void {
    this.waiting.push(callback);
  }

  save(): Promise<void> {
    return Promise.resolve();
  }

  statistics(): Record<string, number> {
    return {};
  }
}

export interface Served {
  readonly engine: Engine;
  readonly server: RespServer;
  readonly services: Services;
  readonly store: ScriptedStore;
  readonly configuration: Configuration;
  /** What the server would have logged. */
  readonly warnings: string[];
}

const NODE: NodeService = {
  version: '0.0.0-test',
  runId: '0'.repeat(40),
  configFile: '',
  port: 0,
  shutdown() {},
  abortShutdown: () => false,
  log() {},
  region: '',
  zone: '',
};

export function serve(
  settings: readonly (readonly [string, string])[] = [],
  registry: Registry = createCommandRegistry(),
  replica = '00000000000000a1',
): Served {
  const engine = createEngine({ replica, hashSeed: 7 });
  const configuration = new Configuration(settings.map(([name, value]) => ({ name, value, from: 'test' })));
  const store = new ScriptedStore();
  const warnings: string[] = [];
  const services = {
    config: configuration,
    commands: registry,
    statistics: new Statistics(),
    mesh: absent<Services['mesh']>('mesh'),
    store,
    node: NODE,
    slowLog: new SlowLog(),
    pubsub: pubsubAlone(),
    monitors: new Monitors(),
    keyWaits: new KeyWaits(),
    changes: new KeyChanges(),
    eviction: new Eviction(),
    latency: new LatencyMonitor(),
    outbound: absent<Services['outbound']>('outbound'),
    scripting: new Scripting(),
    random: () => 0.5,
    monotonicMicros: () => performance.now() * 1000,
  } as Omit<Services, 'clients'> as Services & { clients: RespServer };
  const server = new RespServer({
    engine,
    registry,
    services,
    acl: openAccessControl(configuration, registry),
    // tests look at what was written as soon as a session has received
    defer: (work) => work(),
    warn: (message) => warnings.push(message),
  });
  services.clients = server;
  return { engine, server, services, store, configuration, warnings };
}

/** A service that no test here may come to need. */
function absent<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get(_, property) {
      throw new Error(`there is no ${name}.${String(property)} here`);
    },
  });
}

/** A raw connection: sends bytes, and collects what comes back. */
export class Wire {
  received = '';
  ended = false;
  readonly socket: net.Socket;
  private wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      this.wake();
    });
    const over = () => {
      this.ended = true;
      this.wake();
    };
    socket.on('error', over);
    socket.on('close', over);
  }

  static connect(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1' }, () => resolve(new Wire(socket)));
      socket.once('error', reject);
    });
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves as soon as what was received, or the end, satisfies; gives everything received and forgets it. */
  async until(satisfied: (received: string, ended: boolean) => boolean): Promise<string> {
    while (!satisfied(this.received, this.ended)) {
      if (this.ended) throw new Error(`the connection ended after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const { received } = this;
    this.received = '';
    return received;
  }

  /** Sends and waits for exactly so many bytes as `expected` has; for comparing. */
  exchange(bytes: string, expected: string): Promise<string> {
    this.send(bytes);
    return this.until((received, ended) => received.length >= expected.length || ended);
  }

  close(): void {
    this.socket.destroy();
  }
}
