/** CLIENT and its sub-commands: who is connected, what they are called, and how to be rid of them. */
import type { Client } from './client.ts';
import { integerArgument, numberArgument } from './arguments.ts';
import { isPrintable } from './connection.ts';
import { answerHelp } from './help-reply.ts';
import { Errors } from './reply.ts';
import type { Call, Command, CommandFlag } from './table.ts';

function flagsOf(client: Client): string {
  let flags = '';
  if (client.multi !== null) flags += 'x';
  if (client.multi?.dirty === true || client.watches.some(({ watch }) => watch.changed)) flags += 'd';
  if (client.noEvict) flags += 'e';
  if (client.noTouch) flags += 'T';
  if (client.closeAfterReply) flags += 'c';
  return flags === '' ? 'N' : flags;
}

/** One line of CLIENT LIST, Redis's fields in their order. */
function describe(client: Client, nowMs: number): string {
  const fields: [string, string | number][] = [
    ['id', client.id], ['addr', client.address], ['laddr', client.localAddress], ['fd', client.id + 7], ['name', client.name],
    ['age', Math.max(0, Math.floor((nowMs - client.createdAtMs) / 1000))],
    ['idle', Math.max(0, Math.floor((nowMs - client.lastCommandAtMs) / 1000))],
    ['flags', flagsOf(client)], ['db', client.database], ['sub', 0], ['psub', 0], ['ssub', 0],
    ['multi', client.multi === null ? -1 : client.multi.queue.length], ['watch', client.watches.length],
    ['qbuf', client.queryBytes], ['qbuf-free', 0], ['argv-mem', 0], ['multi-mem', 0], ['rbs', 16384], ['rbp', 0],
    ['obl', client.outputBytes], ['oll', 0], ['omem', 0], ['tot-mem', 16384 + client.queryBytes + client.outputBytes],
    ['events', 'r'], ['cmd', client.lastCommand], ['user', client.user], ['redir', -1], ['resp', client.protocol],
    ['lib-name', client.libraryName], ['lib-ver', client.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

const CLIENT_TYPES = ['normal', 'master', 'replica', 'slave', 'pubsub'];

function runList(call: Call): void {
  const { args, argc, reply, services, engine } = call;
  let wanted: (client: Client) => boolean = () => true;
  if (argc === 4 && args[2].isWord('type')) {
    const type = args[3].latin1().toLowerCase();
    if (!CLIENT_TYPES.includes(type)) {
      reply.error(`ERR Unknown client type '${args[3].latin1()}'`);
      return;
    }
    wanted = () => type === 'normal';
  } else if (argc >= 4 && args[2].isWord('id')) {
    const ids = new Set<number>();
    for (let i = 3; i < argc; i++) {
      const id = numberArgument(call, i, 'ERR Invalid client ID');
      if (id === undefined) return;
      ids.add(id);
    }
    wanted = (client) => ids.has(client.id);
  } else if (argc !== 2) {
    reply.error(Errors.syntax);
    return;
  }
  let text = '';
  services.clients.forEach((client) => {
    if (wanted(client)) text += `${describe(client, engine.now)}\n`;
  });
  reply.verbatim(text);
}

interface KillFilter {
  test(client: Client): boolean;
}

function parseKillFilters(call: Call): { filters: KillFilter[]; skipMe: boolean } | undefined {
  const { args, argc, reply } = call;
  const filters: KillFilter[] = [];
  let skipMe = true;
  const fail = (error: string) => {
    reply.error(error);
    return undefined;
  };
  for (let i = 2; i < argc; i += 2) {
    if (i + 1 >= argc) return fail(Errors.syntax);
    const value = args[i + 1].latin1();
    if (args[i].isWord('id')) {
      const id = integerArgument(call, i + 1, 'ERR client-id should be greater than 0');
      if (id === undefined) return undefined;
      if (id < 1) return fail('ERR client-id should be greater than 0');
      filters.push({ test: (client) => client.id === id });
    } else if (args[i].isWord('addr')) filters.push({ test: (client) => client.address === value });
    else if (args[i].isWord('laddr')) filters.push({ test: (client) => client.localAddress === value });
    else if (args[i].isWord('user')) {
      if (value !== 'default') return fail(`ERR No such user '${value}'`);
      filters.push({ test: (client) => client.user === value });
    } else if (args[i].isWord('type')) {
      const type = value.toLowerCase();
      if (!CLIENT_TYPES.includes(type)) return fail(`ERR Unknown client type '${value}'`);
      filters.push({ test: () => type === 'normal' });
    } else if (args[i].isWord('maxage')) {
      const age = numberArgument(call, i + 1, 'ERR maxage is not an integer or out of range');
      if (age === undefined) return undefined;
      filters.push({ test: (client) => call.engine.now - client.createdAtMs >= age * 1000 });
    } else if (args[i].isWord('skipme')) {
      if (!/^(yes|no)$/i.test(value)) return fail(Errors.syntax);
      skipMe = value.toLowerCase() === 'yes';
    } else return fail(Errors.syntax);
  }
  return { filters, skipMe };
}

function runKill(call: Call): void {
  const { args, argc, client: me, reply, services } = call;
  if (argc === 3) {
    const address = args[2].latin1();
    let found: Client | undefined;
    services.clients.forEach((client) => {
      if (client.address === address) found = client;
    });
    if (found === undefined) {
      reply.error('ERR No such client');
      return;
    }
    reply.ok();
    found.kill();
    return;
  }
  const parsed = parseKillFilters(call);
  if (parsed === undefined) return;
  const doomed: Client[] = [];
  services.clients.forEach((client) => {
    if (client === me && parsed.skipMe) return;
    if (parsed.filters.every((filter) => filter.test(client))) doomed.push(client);
  });
  reply.integer(doomed.length);
  for (const client of doomed) client.kill();
}

function runPause(call: Call): void {
  const { args, argc, engine, reply, services } = call;
  const timeout = numberArgument(call, 2, 'ERR timeout is not an integer or out of range');
  if (timeout === undefined) return;
  if (timeout < 0) {
    reply.error('ERR timeout is negative');
    return;
  }
  if (argc > 4 || (argc === 4 && !args[3].isWord('write') && !args[3].isWord('all'))) {
    reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    return;
  }
  reply.ok();
  services.clients.pauseUntil(engine.now + timeout, argc === 4 && args[3].isWord('write'));
}

function runSetInfo({ args, client, reply }: Call): void {
  const value = args[3].latin1();
  if (!isPrintable(value)) {
    reply.error(`ERR ${args[2].latin1()} cannot contain spaces, newlines or special characters.`);
    return;
  }
  if (args[2].isWord('lib-name')) client.libraryName = value;
  else if (args[2].isWord('lib-ver')) client.libraryVersion = value;
  else {
    reply.error(`ERR Unrecognized option '${args[2].latin1()}'`);
    return;
  }
  reply.ok();
}

function runReply({ args, client, reply }: Call): void {
  if (args[2].isWord('on')) {
    client.replyMode = 'on';
    reply.ok();
  } else if (args[2].isWord('off')) client.replyMode = 'off';
  else if (args[2].isWord('skip')) {
    if (client.replyMode !== 'off') client.replyMode = 'skip-next';
  } else reply.error(Errors.syntax);
}

function runOnOff(call: Call, take: (client: Client, on: boolean) => void): void {
  const { args, client, reply } = call;
  const on = args[2].isWord('on');
  if (!on && !args[2].isWord('off')) {
    reply.error(Errors.syntax);
    return;
  }
  take(client, on);
  reply.ok();
}

const NO_TRACKING = 'ERR CLIENT TRACKING is not supported by this version of Starling';

function sub(name: string, arity: number, since: string, summary: string, run: (call: Call) => void, flags: readonly CommandFlag[] = []): Command {
  return {
    name: `client|${name}`, arity, flags: ['noscript', 'loading', 'stale', ...flags], keys: [0, 0, 0], acl: ['connection'], since, summary, group: 'connection', run,
  };
}

const HELP = [
  'GETNAME', '    The name of this connection.',
  'ID', '    The id of this connection.',
  'INFO', '    What is known of this connection.',
  'KILL <ip:port> | <option> <value> [...]', '    Closes connections: ID, TYPE, USER, ADDR, LADDR, MAXAGE, SKIPME.',
  'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> ...]', '    What is known of all connections.',
  'NO-EVICT (ON|OFF)', '    Keeps this connection from eviction.',
  'NO-TOUCH (ON|OFF)', '    Keeps its reads from counting as use.',
  'PAUSE <timeout> [WRITE|ALL]', '    Lets all clients wait, in milliseconds.',
  'REPLY (ON|OFF|SKIP)', '    Which replies this connection gets.',
  'SETINFO <option> <value>', '    Tells the name and version of the client library.',
  'SETNAME <name>', '    Names this connection.',
  'UNPAUSE', '    Ends a pause.',
];

export const clientCommand: Command = {
  name: 'client', arity: -2, flags: [], keys: [0, 0, 0], acl: ['connection'], since: '2.4.0', group: 'connection',
  summary: 'Connections of clients.',
  run({ reply }) {
    reply.error(Errors.syntax);
  },
  subcommands: [
    sub('help', 2, '5.0.0', 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'CLIENT', HELP)),
    sub('id', 2, '5.0.0', 'The id of this connection.', ({ client, reply }) => reply.integer(client.id)),
    sub('getname', 2, '2.6.9', 'The name of this connection.', ({ client, reply }) => {
      if (client.name === '') reply.nil();
      else reply.bulkText(client.name);
    }),
    sub('setname', 3, '2.6.9', 'Names this connection.', ({ args, client, reply }) => {
      const name = args[2].latin1();
      if (!isPrintable(name)) {
        reply.error('ERR Client names cannot contain spaces, newlines or special characters.');
        return;
      }
      client.name = name;
      reply.ok();
    }),
    sub('setinfo', 4, '7.2.0', 'Tells the name and version of the client library.', runSetInfo),
    sub('info', 2, '6.2.0', 'What is known of this connection.', ({ client, engine, reply }) => reply.verbatim(`${describe(client, engine.now)}\n`)),
    sub('list', -2, '2.4.0', 'What is known of all connections.', runList, ['admin']),
    sub('kill', -3, '2.4.0', 'Closes connections.', runKill, ['admin']),
    sub('pause', -3, '3.0.0', 'Lets all clients wait.', runPause, ['admin']),
    sub('unpause', 2, '6.2.0', 'Ends a pause.', ({ reply, services }) => {
      services.clients.unpause();
      reply.ok();
    }, ['admin']),
    sub('reply', 3, '3.2.0', 'Which replies this connection gets.', runReply),
    sub('no-evict', 3, '7.0.0', 'Keeps this connection from eviction.', (call) => runOnOff(call, (client, on) => {
      client.noEvict = on;
    }), ['admin']),
    sub('no-touch', 3, '7.2.0', 'Keeps reads of this connection from counting as use.', (call) => runOnOff(call, (client, on) => {
      client.noTouch = on;
    })),
    sub('unblock', -3, '5.0.0', 'Wakes a blocked client.', (call) => {
      const id = integerArgument(call, 2);
      if (id !== undefined) call.reply.integer(0);
    }, ['admin']),
    sub('getredir', 2, '6.0.0', 'Where invalidations go.', ({ reply }) => reply.integer(-1)),
    sub('trackinginfo', 2, '6.2.0', 'How this connection is tracked.', ({ reply }) => {
      reply.map(3);
      reply.bulkText('flags');
      reply.set(1);
      reply.bulkText('off');
      reply.bulkText('redirect');
      reply.integer(-1);
      reply.bulkText('prefixes');
      reply.array(0);
    }),
    sub('tracking', -3, '6.0.0', 'Invalidations for a client-side cache.', (call) => {
      if (call.args[2].isWord('off')) call.reply.ok();
      else call.reply.error(NO_TRACKING);
    }),
    sub('caching', 3, '6.0.0', 'Which keys are tracked.', ({ reply }) => reply.error(NO_TRACKING)),
  ],
};
