/** commands/: every command of Starling, one file a group, one entry a command. Here they come together. */
import { bitCommands } from './bits.ts';
import { commandCommands } from './command.ts';
import { configCommands } from './configuration.ts';
import { connectionCommands } from './connection.ts';
import { crdtCommands } from './crdt.ts';
import { databaseCommands } from './databases.ts';
import { debugCommands } from './debug.ts';
import { dumpCommands } from './dump/index.ts';
import { expiryCommands } from './expiry.ts';
import { geoCommands } from './geo/index.ts';
import { hashExpiryCommands } from './hash-expiry.ts';
import { hashFieldCommands } from './hash-fields.ts';
import { hashCommands } from './hashes.ts';
import { hyperloglogCommands } from './hyperloglog/index.ts';
import { informationCommands } from './information.ts';
import { keyCommands } from './keys.ts';
import { listCommands } from './lists/index.ts';
import { meshCommands } from './mesh.ts';
import { migrateCommand } from './migration/migrate.ts';
import { pubsubCommands } from './pubsub.ts';
import { Registry } from './registry.ts';
import { scriptingCommands } from './scripting/index.ts';
import { serverCommands } from './server.ts';
import { setCommands } from './sets.ts';
import { sortCommands } from './sorting.ts';
import { streamCommands } from './streams/index.ts';
import { stringCommands } from './strings.ts';
import { transactionCommands } from './transactions.ts';
import { zsetCommands } from './zsets/index.ts';

export function createCommandRegistry(): Registry {
  return new Registry([
    bitCommands,
    commandCommands,
    configCommands,
    crdtCommands,
    debugCommands,
    dumpCommands,
    informationCommands,
    meshCommands,
    [migrateCommand],
    pubsubCommands,
    scriptingCommands,
    serverCommands,
    connectionCommands,
    databaseCommands,
    expiryCommands,
    geoCommands,
    hashCommands,
    hashExpiryCommands,
    hashFieldCommands,
    hyperloglogCommands,
    keyCommands,
    listCommands,
    setCommands,
    sortCommands,
    streamCommands,
    stringCommands,
    transactionCommands,
    zsetCommands,
  ]);
}
