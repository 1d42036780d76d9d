/** What becomes of the clients of a user that is taken away, or that may not listen any more to what they listen to. */
import type { Client } from '../client.ts';
import type { ClientRegistry } from '../services.ts';
import type { Selector } from './selector.ts';
import { User } from './user.ts';

/** Disconnects all clients of a user that is no more; who asks for it gets its reply yet, and may do nothing further. */
export function disconnectUser(user: User, clients: ClientRegistry): void {
  user.takeOver(new User(user.name, false));
  disconnect(clients, (client) => client.user === user);
}

/**
 * Disconnects the clients of a user that listen to something which it will not allow any more. Call it before the draft
 * is in force. Nobody is looked at where all that was allowed still is.
 */
export function disconnectListeners(user: User, draft: User, clients: ClientRegistry): void {
  const coming = draft.allSelectors();
  if (coming.some(({ allChannels }) => allChannels)) return;
  if (user.allSelectors().every((selector) => selector.hasChannelsWithin(coming))) return;
  disconnect(clients, (client) => client.user === user && listensBeyond(client, coming));
}

function listensBeyond({ subscriptions }: Client, selectors: readonly Selector[]): boolean {
  const isDenied = (name: string, isPattern: boolean) => {
    const bytes = Buffer.from(name, 'latin1');
    return !selectors.some((selector) => selector.allowsChannel(bytes, isPattern));
  };
  const { channel, pattern, shard } = subscriptions;
  return (
    [...pattern].some((name) => isDenied(name, true)) || [...channel, ...shard].some((name) => isDenied(name, false))
  );
}

function disconnect(clients: ClientRegistry, isDoomed: (client: Client) => boolean): void {
  const doomed: Client[] = [];
  clients.forEach((client) => {
    if (isDoomed(client)) doomed.push(client);
  });
  for (const client of doomed) {
    client.authenticated = false;
    client.kill();
  }
}
