/**
 * What a client may not run now: refused, with Redis's words and in Redis's order, or kept waiting by CLIENT PAUSE. On the
 * path of every command: what nearly all pass is asked without a look at anything that has to be found first.
 */
import { isUnknown } from './acl/authentication.ts';
import { refusalByUser } from './acl/permission.ts';
import type { QueuedCommand } from './client.ts';
import type { CommandCall } from './dispatch.ts';
import { type Entry, Trait } from './registry.ts';
import { Errors } from './reply.ts';
import type { Services } from './services.ts';

/** They wait in a pause of writes as in Redis, where they may write: a message, or what PFCOUNT has counted. */
const PAUSED_WITH_WRITES = new Set(['publish', 'spublish', 'pfcount']);

/** Why this client may not run this command now, or null. */
export function refusalOf(call: CommandCall, entry: Entry): string | null {
  const { client, services } = call;
  const { traits } = entry;
  if (!client.authenticated && (traits & Trait.noAuth) === 0 && isUnknown(client, call.acl.users)) {
    return 'NOAUTH Authentication required.';
  }
  const { multi } = client;
  const { busy } = services.scripting;
  if (busy !== null && (traits & Trait.allowBusy) === 0) return busy;
  if (multi !== null && (traits & Trait.noMulti) !== 0) return 'ERR Command not allowed inside a transaction';
  if (!client.user.unrestricted) {
    const refusal = refusalByUser(call, entry.command);
    if (refusal !== null) return refusal;
  }
  if (multi !== null) return refusalInMulti(services, entry, multi.queue);
  if ((traits & Trait.denyOutOfMemory) !== 0 && services.eviction.isFull) return Errors.oom;
  if ((traits & Trait.write) !== 0 && services.store.failure !== null) return misconf(services.store.failure);
  if (services.monitors.count > 0 && services.monitors.has(client) && reachesKeys(entry)) {
    return "ERR Replica can't interact with the keyspace";
  }
  if (client.subscribed > 0 && client.protocol === 2 && (traits & Trait.subscribed) === 0) return listening(entry);
  return null;
}

/** A queue takes memory too, and EXEC is as much a write as what it runs. */
function refusalInMulti(
  { eviction, store }: Services,
  { command, traits }: Entry,
  queue: readonly QueuedCommand[],
): string | null {
  const { failure } = store;
  const runs = command.name === 'exec' ? queue : [];
  const queuesDenied = runs.some((each) => each.command.flags.includes('denyoom'));
  const writes = (traits & Trait.write) !== 0 || runs.some((each) => each.command.flags.includes('write'));
  if (((traits & Trait.transaction) === 0 || queuesDenied) && eviction.isFull) return Errors.oom;
  return writes && failure !== null ? misconf(failure) : null;
}

/** True if CLIENT PAUSE, of everything or of writes, keeps it waiting. */
export function mustPause(call: CommandCall, { command, traits }: Entry, paused: 'writes' | 'all'): boolean {
  const { args, client, services } = call;
  if (paused === 'all' || (traits & Trait.write) !== 0) return true;
  if (PAUSED_WITH_WRITES.has(command.name)) return true;
  if (command.name !== 'exec') return services.scripting.mayWrite(command, args, call);
  const queue = client.multi?.queue ?? [];
  return queue.some(
    (each) =>
      each.command.flags.includes('write') ||
      PAUSED_WITH_WRITES.has(each.command.name) ||
      services.scripting.mayWrite(each.command, each.args, call),
  );
}

/** A client that has said MONITOR counts as a replica, as in Redis. */
function reachesKeys({ command: { flags } }: Entry): boolean {
  return flags.includes('write') || flags.includes('readonly');
}

function listening({ command }: Entry): string {
  return (
    `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in ` +
    'this context'
  );
}

function misconf(reason: string): string {
  return (
    `MISCONF Starling is configured to persist data, but it is currently unable to: ${reason}. ` +
    'Commands that may modify the data set are disabled; reads and the exchange with other nodes go on.'
  );
}
