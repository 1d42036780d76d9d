/** Connection commands: greeting, authentication, the chosen database and protocol. CLIENT is in client-commands.ts. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { clientCommand } from './client-commands.ts';
import type { Client } from './client.ts';
import { rangedArgument } from './arguments.ts';
import { Errors, wrongArity } from './reply.ts';
import type { Call, Command } from './table.ts';
import { unwatchAll } from './transaction-state.ts';
import { REDIS_VERSION } from './version.ts';

const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

/** Compares without telling by its time where they differ. */
function isPassword(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'latin1').digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Checks and takes over the name and password; the error to answer, or null. */
function authenticate(call: Call, user: string, password: string): string | null {
  const wanted = call.services.config.limits.requirePassword;
  if (user !== 'default' || (wanted !== '' && !isPassword(password, Buffer.from(wanted).toString('latin1')))) return WRONG_PASSWORD;
  call.client.authenticated = true;
  call.client.user = user;
  return null;
}

function runAuth(call: Call): void {
  const { args, argc, reply, services } = call;
  if (argc > 3) {
    reply.error(Errors.syntax);
    return;
  }
  if (argc === 2 && services.config.limits.requirePassword === '') {
    reply.error('ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?');
    return;
  }
  const failure = argc === 2 ? authenticate(call, 'default', args[1].latin1()) : authenticate(call, args[1].latin1(), args[2].latin1());
  if (failure === null) reply.ok();
  else reply.error(failure);
}

/** A client's or library's name: printable, no blanks; the error of Redis otherwise. */
export function isPrintable(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function runHello(call: Call): void {
  const { args, argc, client, reply, services } = call;
  let protocol: 2 | 3 = client.protocol;
  let name: string | null = null;
  if (argc > 1) {
    const text = args[1].latin1();
    if (!/^-?\d+$/.test(text)) {
      reply.error('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (text !== '2' && text !== '3') {
      reply.error('NOPROTO unsupported protocol version');
      return;
    }
    protocol = text === '3' ? 3 : 2;
  }
  for (let i = 2; i < argc; i++) {
    if (args[i].isWord('auth') && i + 2 < argc) {
      const failure = authenticate(call, args[i + 1].latin1(), args[i + 2].latin1());
      if (failure !== null) {
        reply.error(failure);
        return;
      }
      i += 2;
    } else if (args[i].isWord('setname') && i + 1 < argc) {
      name = args[++i].latin1();
      if (!isPrintable(name)) {
        reply.error('ERR Client names cannot contain spaces, newlines or special characters.');
        return;
      }
    } else {
      reply.error(`ERR Syntax error in HELLO option '${args[i].latin1()}'`);
      return;
    }
  }
  if (!client.authenticated) {
    reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
    return;
  }
  if (name !== null) client.name = name;
  client.protocol = protocol;
  reply.map(8);
  const pairs: [string, string | number][] = [
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['starling_version', services.node.version],
    ['proto', protocol],
    ['id', client.id],
    ['mode', 'standalone'],
    ['role', 'master'],
  ];
  for (const [key, value] of pairs) {
    reply.bulkText(key);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
  reply.bulkText('modules');
  reply.array(0);
}

function runReset(call: Call): void {
  const { client, engine, reply, services } = call;
  resetClient(client);
  unwatchAll(client, engine);
  client.authenticated = services.config.limits.requirePassword === '';
  reply.status('RESET');
}

function resetClient(client: Client): void {
  client.multi = null;
  client.database = 0;
  client.protocol = 2;
  client.name = '';
  client.user = 'default';
  client.replyMode = 'on';
  client.noEvict = false;
  client.noTouch = false;
}

const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

function disabledInCluster(name: string, arity: number, summary: string): Command {
  return {
    name, arity, flags: ['fast', 'loading', 'stale'], keys: [0, 0, 0], acl: ['connection'], since: '3.0.0', group: 'cluster', summary,
    run({ reply }) {
      reply.error(CLUSTER_DISABLED);
    },
  };
}

export const connectionCommands: readonly Command[] = [
  clientCommand,
  {
    name: 'auth', arity: -2, flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy', 'skip_monitor'], keys: [0, 0, 0], acl: ['connection'],
    since: '1.0.0', group: 'connection', summary: 'Gives the password.', complexity: 'O(N), N passwords of the user',
    run: runAuth,
  },
  {
    name: 'hello', arity: -1, flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'], keys: [0, 0, 0], acl: ['connection'],
    since: '6.0.0', group: 'connection', summary: 'Chooses the protocol and tells about the server.', complexity: 'O(1)',
    run: runHello,
  },
  {
    name: 'ping', arity: -1, flags: ['fast'], keys: [0, 0, 0], acl: ['connection'],
    since: '1.0.0', group: 'connection', summary: 'Answers PONG, or the argument.', complexity: 'O(1)',
    run({ args, argc, reply }) {
      if (argc > 2) reply.error(wrongArity('ping'));
      else if (argc === 2) reply.bulk(args[1]);
      else reply.status('PONG');
    },
  },
  {
    name: 'echo', arity: 2, flags: ['loading', 'stale', 'fast'], keys: [0, 0, 0], acl: ['connection'],
    since: '1.0.0', group: 'connection', summary: 'Answers its argument.', complexity: 'O(1)',
    run({ args, reply }) {
      reply.bulk(args[1]);
    },
  },
  {
    name: 'select', arity: 2, flags: ['loading', 'stale', 'fast'], keys: [0, 0, 0], acl: ['connection'],
    since: '1.0.0', group: 'connection', summary: 'Chooses the database.', complexity: 'O(1)',
    run(call) {
      const index = rangedArgument(call, 1, -2147483648, 2147483647, 'ERR value is not an integer or out of range');
      if (index === undefined) return;
      if (index < 0 || index >= call.services.config.limits.databases) {
        call.reply.error(Errors.databaseIndex);
        return;
      }
      call.client.database = index;
      call.reply.ok();
    },
  },
  {
    name: 'quit', arity: -1, flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'], keys: [0, 0, 0], acl: ['connection'],
    since: '1.0.0', group: 'connection', summary: 'Closes the connection.', complexity: 'O(1)',
    run({ client, reply }) {
      reply.ok();
      client.closeAfterReply = true;
    },
  },
  {
    name: 'reset', arity: 1, flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'], keys: [0, 0, 0], acl: ['connection'],
    since: '6.2.0', group: 'connection', summary: 'Brings the connection back to how it began.', complexity: 'O(1)',
    run: runReset,
  },
  disabledInCluster('asking', 1, 'A cluster client was sent here once.'),
  disabledInCluster('readonly', 1, 'A cluster client accepts stale reads.'),
  disabledInCluster('readwrite', 1, 'A cluster client wants fresh reads.'),
  disabledInCluster('cluster', -2, 'Commands of a Redis Cluster.'),
];
