/** What MULTI and WATCH leave on a client, and how it is taken away again. */
import type { Engine } from '../core/contract.ts';
import type { Client } from './client.ts';

/** Ends all watches of a client: EXEC, DISCARD, UNWATCH, RESET, disconnection. */
export function unwatchAll(client: Client, engine: Engine): void {
  for (const { watch } of client.watches) engine.unwatch(watch);
  client.watches.length = 0;
}

/** Ends MULTI without running its queue, and the watches with it. */
export function discardMulti(client: Client, engine: Engine): void {
  client.multi = null;
  unwatchAll(client, engine);
}
