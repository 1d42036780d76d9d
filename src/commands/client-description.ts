/** What CLIENT LIST and CLIENT INFO tell of a client: Redis's fields, in their order. */
import { shownText } from './acl/user.ts';
import { redirectOf } from './changes/tracking-commands.ts';
import type { Client } from './client.ts';
import { memoryOfClient } from './client-memory.ts';

/** One line, without its end. */
export function describeClient(client: Client, nowMs: number, monitoring: boolean): string {
  const { multi } = client;
  const memory = memoryOfClient(client);
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    // Node.js does not tell
    ['fd', -1],
    ['name', client.name],
    ['age', secondsBetween(client.createdAtMs, nowMs)],
    ['idle', secondsBetween(client.lastCommandAtMs, nowMs)],
    ['flags', flagsOf(client, monitoring)],
    ['db', client.database],
    ['sub', client.subscriptions.channel.size],
    ['psub', client.subscriptions.pattern.size],
    ['ssub', client.subscriptions.shard.size],
    ['multi', multi === null ? -1 : multi.queue.length],
    ['watch', client.watches.length],
    ['qbuf', client.queryBytes],
    ['qbuf-free', client.queryFreeBytes],
    ['argv-mem', client.argumentBytes],
    ['multi-mem', memory.multi],
    // reply buffers are shared: a client that is not being answered holds none
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', client.outputBytes === 0 ? 0 : 1],
    ['omem', client.outputBytes],
    ['tot-mem', memory.total],
    ['events', client.outputBytes === 0 ? 'r' : 'rw'],
    ['cmd', client.lastCommand],
    ['user', shownText(client.user.name)],
    ['redir', redirectOf(client)],
    ['resp', client.protocol],
    ['lib-name', client.libraryName],
    ['lib-ver', client.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

function flagsOf(client: Client, monitoring: boolean): string {
  let flags = monitoring ? 'O' : '';
  if (client.subscribed > 0) flags += 'P';
  if (client.multi !== null) flags += 'x';
  if (client.blocked) flags += 'b';
  if (client.tracking !== null) flags += 't';
  if (client.tracking?.brokenRedirect === true) flags += 'R';
  if (client.tracking?.broadcast === true) flags += 'B';
  if (client.watches.some(({ watch }) => watch.changed)) flags += 'd';
  if (client.closeAfterReply) flags += 'c';
  if (client.noEvict) flags += 'e';
  if (client.noTouch) flags += 'T';
  return flags === '' ? 'N' : flags;
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, Math.floor((toMs - fromMs) / 1000));
}
