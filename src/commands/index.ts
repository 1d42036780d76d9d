/** commands/: every command of Starling, one file a group, one entry a command. Here they come together. */
import { bitCommands } from './bits.ts';
import { configCommands } from './configuration.ts';
import { connectionCommands } from './connection.ts';
import { databaseCommands } from './databases.ts';
import { expiryCommands } from './expiry.ts';
import { hashExpiryCommands } from './hash-expiry.ts';
import { hashCommands } from './hashes.ts';
import { keyCommands } from './keys.ts';
import { Registry } from './registry.ts';
import { setCommands } from './sets.ts';
import { stringCommands } from './strings.ts';
import { transactionCommands } from './transactions.ts';

export function createCommandRegistry(): Registry {
  return new Registry([
    bitCommands, configCommands, connectionCommands, databaseCommands, expiryCommands, hashCommands, hashExpiryCommands, keyCommands, setCommands, stringCommands, transactionCommands,
  ]);
}
