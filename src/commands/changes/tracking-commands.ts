/** CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: how a client wants to hear of changes of what it has in its cache. */
import { integerArgument } from '../arguments.ts';
import type { Client } from '../client.ts';
import { Errors } from '../reply.ts';
import type { Call } from '../table.ts';
import type { ClientTracking } from './tracking.ts';

type Options = Omit<ClientTracking, 'prefixes' | 'caching' | 'brokenRedirect'>;

const SWITCH_FIRST = 'before disabling tracking for this client, and then re-enabling it with a different mode.';
const NO_OVERLAP = 'Prefixes for a single client must not overlap.';
const NOT_TRACKED =
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';

export function runTracking(call: Call): void {
  const { args, client, reply, services } = call;
  const { tracking } = services.changes;
  const asked = parseOptions(call);
  if (asked === undefined) return;
  if (args[2].isWord('on')) {
    const refusal = refusalOf(client.tracking, asked);
    if (refusal !== null) {
      reply.error(`ERR ${refusal}`);
      return;
    }
    const state = tracking.enable(client, asked.options);
    if (asked.options.broadcast) {
      for (const prefix of asked.prefixes.length > 0 ? asked.prefixes : ['']) tracking.addPrefix(client, state, prefix);
    }
  } else if (args[2].isWord('off')) tracking.disable(client);
  else {
    reply.error(Errors.syntax);
    return;
  }
  reply.ok();
}

/** Undefined after an error. */
function parseOptions(call: Call): { options: Options; prefixes: string[] } | undefined {
  const { args, argc, reply, services } = call;
  const options: Options = { redirect: 0, broadcast: false, optIn: false, optOut: false, noLoop: false };
  const prefixes: string[] = [];
  for (let i = 3; i < argc; i++) {
    const more = i + 1 < argc;
    if (args[i].isWord('redirect') && more) {
      i++;
      if (options.redirect !== 0) {
        reply.error('ERR A client can only redirect to a single other client');
        return undefined;
      }
      const id = integerArgument(call, i);
      if (id === undefined) return undefined;
      options.redirect = Number(id);
      if (services.clients.find(options.redirect) === undefined) {
        reply.error('ERR The client ID you want redirect to does not exist');
        return undefined;
      }
    } else if (args[i].isWord('prefix') && more) prefixes.push(args[++i].latin1());
    else if (args[i].isWord('bcast')) options.broadcast = true;
    else if (args[i].isWord('optin')) options.optIn = true;
    else if (args[i].isWord('optout')) options.optOut = true;
    else if (args[i].isWord('noloop')) options.noLoop = true;
    else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return { options, prefixes };
}

function refusalOf(
  current: ClientTracking | null,
  { options, prefixes }: { options: Options; prefixes: readonly string[] },
): string | null {
  const { broadcast, optIn, optOut } = options;
  if (!broadcast && prefixes.length > 0) return 'PREFIX option requires BCAST mode to be enabled';
  if (current !== null && current.broadcast !== broadcast) return `You can't switch BCAST mode on/off ${SWITCH_FIRST}`;
  if (broadcast && (optIn || optOut)) return 'OPTIN and OPTOUT are not compatible with BCAST';
  if (optIn && optOut) return "You can't specify both OPTIN mode and OPTOUT mode";
  if ((optIn && current?.optOut === true) || (optOut && current?.optIn === true))
    return `You can't switch OPTIN/OPTOUT mode ${SWITCH_FIRST}`;
  return broadcast ? overlapOf(current?.prefixes ?? [], prefixes) : null;
}

/** Of a key under two prefixes a client would hear twice. */
function overlapOf(known: Iterable<string>, asked: readonly string[]): string | null {
  for (const [at, prefix] of asked.entries()) {
    for (const each of known) {
      if (overlap(prefix, each)) return `Prefix '${prefix}' overlaps with an existing prefix '${each}'. ${NO_OVERLAP}`;
    }
    for (const each of asked.slice(at + 1)) {
      if (overlap(prefix, each))
        return `Prefix '${prefix}' overlaps with another provided prefix '${each}'. ${NO_OVERLAP}`;
    }
  }
  return null;
}

function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

export function runCaching({ args, client, reply }: Call): void {
  const { tracking } = client;
  const yes = args[2].isWord('yes');
  if (tracking === null) reply.error(NOT_TRACKED);
  else if (!yes && !args[2].isWord('no')) reply.error(Errors.syntax);
  else if (yes && !tracking.optIn)
    reply.error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.');
  else if (!yes && !tracking.optOut)
    reply.error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.');
  else {
    tracking.caching = true;
    reply.ok();
  }
}

export function runTrackingInfo({ client, reply }: Call): void {
  const { tracking } = client;
  const flags = tracking === null ? ['off'] : flagsOf(tracking);
  const prefixes = [...(tracking?.prefixes ?? [])].sort();
  reply.map(3);
  reply.bulkText('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('redirect');
  reply.integer(redirectOf(client));
  reply.bulkText('prefixes');
  reply.array(prefixes.length);
  for (const prefix of prefixes) reply.bulkBytes(Buffer.from(prefix, 'latin1'));
}

function flagsOf({ broadcast, optIn, optOut, caching, noLoop, brokenRedirect }: ClientTracking): string[] {
  const flags = ['on'];
  if (broadcast) flags.push('bcast');
  if (optIn) flags.push('optin');
  if (optIn && caching) flags.push('caching-yes');
  if (optOut) flags.push('optout');
  if (optOut && caching) flags.push('caching-no');
  if (noLoop) flags.push('noloop');
  if (brokenRedirect) flags.push('broken_redirect');
  return flags;
}

/** The id of the client that is told instead, 0: none; −1 for who is not tracked. */
export function redirectOf({ tracking }: Client): number {
  return tracking === null ? -1 : tracking.redirect;
}
