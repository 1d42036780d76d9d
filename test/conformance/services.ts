/** What command handlers may ask of the node around them, as far as conformance cases need it. */
import { KeyChanges } from '../../src/commands/changes/key-changes.ts';
import { Eviction } from '../../src/commands/eviction/eviction.ts';
import { createCommandRegistry } from '../../src/commands/index.ts';
import { KeyWaits } from '../../src/commands/key-waits.ts';
import { LatencyMonitor } from '../../src/commands/latency-monitor.ts';
import { Monitors } from '../../src/commands/monitors.ts';
import type { ClientRegistry, Services, StoreService } from '../../src/commands/services.ts';
import { SlowLog } from '../../src/commands/slow-log.ts';
import { Configuration } from '../../src/config/configuration.ts';
import { Scripting } from '../../src/scripting/index.ts';
import { Statistics } from '../../src/server-statistics.ts';
import { pubsubAlone } from '../pubsub/alone.ts';

export const commandRegistry = createCommandRegistry();

/** A service that no case may come to need: whoever touches it learns its name. */
function absent<T extends object>(name: string, present: Partial<T> = {}): T {
  return new Proxy(present as T, {
    get(target, property) {
      if (property in target) return target[property as keyof T];
      throw new Error(`the conformance cases have no ${name}.${String(property)}`);
    },
  });
}

export function servicesOf(): Services & { config: Configuration } {
  return {
    config: new Configuration([]),
    clients: absent<ClientRegistry>('clients'),
    commands: commandRegistry,
    statistics: new Statistics(),
    mesh: absent<Services['mesh']>('mesh'),
    store: memoryOnly(),
    node: absent<Services['node']>('node', { abortShutdown: () => false, log: () => {} }),
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
    monotonicMicros: () => Number(process.hrtime.bigint() / 1000n),
  };
}

function memoryOnly(): StoreService {
  return {
    directory: '',
    failure: null,
    holdsReplies: false,
    whenDurable: (callback) => callback(false),
    isDurable: true,
    lastSaveMs: 0,
    unsavedChanges: 0,
    save: () => Promise.resolve(),
    statistics: () => ({}),
  };
}
