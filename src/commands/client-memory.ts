/** What a client costs in memory, about: what CLIENT LIST tells of it, and what `maxmemory-clients` limits. */
import type { Client } from './client.ts';

/** A name and what leads to it: a watched key, a channel, a prefix. */
const NAME_BYTES = 128;

export interface ClientMemory {
  /** Of commands that wait for EXEC. */
  readonly multi: number;
  /** Watched keys, subscriptions and tracked prefixes. */
  readonly names: number;
  readonly total: number;
}

export function memoryOfClient(client: Client): ClientMemory {
  const multi = client.multi === null ? 0 : client.multi.bytes;
  const names = (client.watches.length + client.subscribed + (client.tracking?.prefixes.size ?? 0)) * NAME_BYTES;
  const query = client.queryBytes + client.argumentBytes + client.queryFreeBytes;
  return { multi, names, total: query + client.outputBytes + multi + names };
}
