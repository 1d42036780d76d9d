/** What command handlers may ask of the node around them, as far as conformance cases need it. */
import { connectionCommands } from '../../src/commands/connection.ts';
import { databaseCommands } from '../../src/commands/databases.ts';
import { expiryCommands } from '../../src/commands/expiry.ts';
import { keyCommands } from '../../src/commands/keys.ts';
import { Registry } from '../../src/commands/registry.ts';
import type { ClientRegistry, ServerStatistics, Services, StoreService } from '../../src/commands/services.ts';
import { SlowLog } from '../../src/commands/slow-log.ts';
import { stringCommands } from '../../src/commands/strings.ts';
import { transactionCommands } from '../../src/commands/transactions.ts';
import { Configuration } from '../../src/config/configuration.ts';

export const commandRegistry = new Registry([
  connectionCommands,
  databaseCommands,
  expiryCommands,
  keyCommands,
  stringCommands,
  transactionCommands,
]);

/** A service that no case may come to need: whoever touches it learns its name. */
function absent<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get(_, property) {
      throw new Error(`the conformance cases have no ${name}.${String(property)}`);
    },
  });
}

export function servicesOf(): Services {
  return {
    config: new Configuration([]),
    clients: absent<ClientRegistry>('clients'),
    commands: commandRegistry,
    statistics: statistics(),
    mesh: absent<Services['mesh']>('mesh'),
    store: memoryOnly(),
    node: absent<Services['node']>('node'),
    slowLog: new SlowLog(),
    random: () => 0.5,
    monotonicMicros: () => Number(process.hrtime.bigint() / 1000n),
  };
}

function statistics(): ServerStatistics {
  return {
    startedAtMs: 0,
    connectionsReceived: 0,
    connectionsRejected: 0,
    commandsProcessed: 0,
    keyspaceHits: 0,
    keyspaceMisses: 0,
    inputBytes: 0,
    outputBytes: 0,
    errorReplies: 0,
    unexpectedErrorReplies: 0,
    instantaneousOpsPerSecond: 0,
    instantaneousInputKbps: 0,
    instantaneousOutputKbps: 0,
    errors: new Map(),
    commandCalls: new Map(),
    reset: () => undefined,
  };
}

function memoryOnly(): StoreService {
  return {
    directory: '',
    failure: null,
    holdsReplies: false,
    whenDurable: (callback) => callback(false),
    lastSaveMs: 0,
    unsavedChanges: 0,
    save: () => Promise.resolve(),
    statistics: () => ({}),
  };
}
