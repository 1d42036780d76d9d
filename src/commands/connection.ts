/** Connection commands: greeting, authentication, the chosen database and protocol. CLIENT is in client-commands.ts. */
import { parseInteger } from '../core/integer.ts';
import { authenticate, becomeDefault, isUnknown } from './acl/authentication.ts';
import { integerArgument } from './arguments.ts';
import type { Client } from './client.ts';
import { checkClientName, clientCommand } from './client-commands.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import { redisCommandNames } from './metadata/index.ts';
import { unsubscribeAll } from './pubsub.ts';
import { Errors, wrongArity } from './reply.ts';
import type { Call, Command, CommandFlag } from './table.ts';
import { unwatchAll } from './transaction-state.ts';
import { REDIS_VERSION } from './version.ts';

const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?';
const HELLO_UNAUTHENTICATED =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
  'option can be used to authenticate the client and select the RESP protocol version at the same time';
const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

function runAuth(call: Call): void {
  const { acl, args, argc, reply } = call;
  if (argc > 3) reply.error(Errors.syntax);
  else if (argc === 2 && acl.users.default.noPassword) reply.error(NO_PASSWORD);
  else if (authenticate(call, argc === 2 ? null : args[1], args[argc - 1])) reply.ok();
}

/** What HELLO was asked for; undefined after an error. */
function parseHello(call: Call): { protocol: 2 | 3; name: string | null; auth: number } | undefined {
  const { args, argc, client, reply } = call;
  let { protocol } = client;
  let name: string | null = null;
  let auth = 0;
  if (argc > 1) {
    const version = parseInteger(args[1].bytes, args[1].start, args[1].end);
    if (version === undefined) {
      reply.error('ERR Protocol version is not an integer or out of range');
      return undefined;
    }
    if (version !== 2 && version !== 3) {
      reply.error('NOPROTO unsupported protocol version');
      return undefined;
    }
    protocol = version;
  }
  for (let i = 2; i < argc; i++) {
    if (args[i].isWord('auth') && i + 2 < argc) {
      auth = i;
      i += 2;
    } else if (args[i].isWord('setname') && i + 1 < argc) {
      name = args[++i].latin1();
      if (!checkClientName(call, name)) return undefined;
    } else {
      reply.error(`ERR Syntax error in HELLO option '${args[i].text()}'`);
      return undefined;
    }
  }
  return { protocol, name, auth };
}

function runHello(call: Call): void {
  const { acl, args, client, reply } = call;
  const asked = parseHello(call);
  if (asked === undefined) return;
  const { protocol, name, auth } = asked;
  if (auth > 0 && !authenticate(call, args[auth + 1], args[auth + 2])) return;
  if (isUnknown(client, acl.users)) {
    reply.error(HELLO_UNAUTHENTICATED);
    return;
  }
  if (name !== null) client.name = name;
  client.protocol = protocol;
  reply.map(7);
  reply.bulkText('server');
  reply.bulkText('redis');
  reply.bulkText('version');
  reply.bulkText(REDIS_VERSION);
  reply.bulkText('proto');
  reply.integer(protocol);
  reply.bulkText('id');
  reply.integer(client.id);
  reply.bulkText('mode');
  reply.bulkText('standalone');
  reply.bulkText('role');
  reply.bulkText('master');
  reply.bulkText('modules');
  reply.array(0);
}

function runReset({ acl, client, engine, reply, services }: Call): void {
  resetClient(client);
  unwatchAll(client, engine);
  unsubscribeAll(client, services.pubsub);
  services.monitors.remove(client);
  services.changes.tracking.disable(client);
  becomeDefault(client, acl.users);
  reply.status('RESET');
}

function resetClient(client: Client): void {
  client.multi = null;
  client.database = 0;
  client.protocol = 2;
  client.name = '';
  client.replyMode = 'on';
  client.noEvict = false;
  client.noTouch = false;
}

function runPing({ args, argc, client, reply }: Call): void {
  if (argc > 2) reply.error(wrongArity('ping'));
  else if (client.subscribed > 0 && client.protocol === 2) {
    reply.array(2);
    reply.bulkText('pong');
    if (argc === 2) reply.bulk(args[1]);
    else reply.bulkText('');
  } else if (argc === 2) reply.bulk(args[1]);
  else reply.status('PONG');
}

function runSelect(call: Call): void {
  const index = integerArgument(call, 1);
  if (index === undefined) return;
  if (index < -2147483648 || index > 2147483647) {
    call.reply.error('ERR value is out of range, value must between -2147483648 and 2147483647');
  } else if (index < 0 || index >= call.services.config.limits.databases) {
    call.reply.error(Errors.databaseIndex);
  } else {
    call.client.database = Number(index);
    call.reply.ok();
  }
}

function runQuit({ client, reply }: Call): void {
  reply.ok();
  client.closeAfterReply = true;
}

function connectionCommand(
  name: string,
  arity: number,
  since: string,
  flags: readonly CommandFlag[],
  summary: string,
  run: (call: Call) => void,
): Command {
  const common = { keys: [0, 0, 0], acl: ['connection'], group: 'connection', complexity: 'O(1)' } as const;
  return { name, arity, since, flags: [...flags, 'fast'], summary, run, ...common };
}

/** What a client says only to a node of a Redis Cluster. */
function clusterCommand(name: string, arity: number, summary: string): Command {
  const answer = ({ reply }: Call) => reply.error(CLUSTER_DISABLED);
  return { ...connectionCommand(name, arity, '3.0.0', ['loading', 'stale'], summary, answer), group: 'cluster' };
}

const BEFORE_AUTH: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'no_auth', 'allow_busy'];

export const connectionCommands: readonly Command[] = [
  clientCommand,
  connectionCommand('auth', -2, '1.0.0', BEFORE_AUTH, 'Gives the password.', runAuth),
  connectionCommand('hello', -1, '6.0.0', BEFORE_AUTH, 'Chooses the protocol, and tells about the server.', runHello),
  connectionCommand('ping', -1, '1.0.0', [], 'Answers PONG, or the argument.', runPing),
  connectionCommand('echo', 2, '1.0.0', ['loading', 'stale'], 'Answers its argument.', ({ args, reply }) =>
    reply.bulk(args[1]),
  ),
  connectionCommand('select', 2, '1.0.0', ['loading', 'stale'], 'Chooses the database.', runSelect),
  connectionCommand('quit', -1, '1.0.0', BEFORE_AUTH, 'Closes the connection.', runQuit),
  connectionCommand('reset', 1, '6.2.0', BEFORE_AUTH, 'Brings the connection back to how it began.', runReset),
  clusterCommand('asking', 1, 'A cluster client was sent here once.'),
  clusterCommand('readonly', 1, 'A cluster client accepts stale reads.'),
  clusterCommand('readwrite', 1, 'A cluster client wants fresh reads.'),
  redisContainer('cluster', [
    ...redisCommandNames()
      .filter((name) => name.startsWith('cluster|'))
      .map((name) => redisEntry(name, ({ reply }) => reply.error(CLUSTER_DISABLED))),
    { ...clusterCommand('cluster|myshardid', 2, 'The shard of this node.'), since: '7.2.0' },
    { ...clusterCommand('cluster|slot-stats', -4, 'How slots are used.'), since: '8.2.0' },
  ]),
];
