/** CLIENT and its sub-commands: who is connected, what they are called, and how to be rid of them. */
import type { Slice } from '../core/slice.ts';
import { integerArgument, numberArgument } from './arguments.ts';
import { redirectOf, runCaching, runTracking, runTrackingInfo } from './changes/tracking-commands.ts';
import type { Client } from './client.ts';
import { describeClient } from './client-description.ts';
import { parseKillFilter, parseListFilter } from './client-filter.ts';
import { answerHelp } from './help-reply.ts';
import { Errors } from './reply.ts';
import type { Call, Command, CommandFlag } from './table.ts';

const BAD_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** A client's or library's name: printable ASCII without blanks. */
export function isPrintable(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

/** Takes over a name given by CLIENT SETNAME or HELLO; false after an error. */
export function checkClientName(call: Call, name: string): boolean {
  const printable = isPrintable(name);
  if (!printable) call.reply.error(BAD_NAME);
  return printable;
}

function runSetName(call: Call): void {
  const name = call.args[2].latin1();
  if (!checkClientName(call, name)) return;
  call.client.name = name;
  call.reply.ok();
}

function runSetInfo({ args, client, reply }: Call): void {
  const value = args[3].latin1();
  const isName = args[2].isWord('lib-name');
  if (!isName && !args[2].isWord('lib-ver')) {
    reply.error(`ERR Unrecognized option '${args[2].text()}'`);
    return;
  }
  if (!isPrintable(value)) {
    const option = isName ? 'lib-name' : 'lib-ver';
    reply.error(`ERR ${option} cannot contain spaces, newlines or special characters.`);
    return;
  }
  if (isName) client.libraryName = value;
  else client.libraryVersion = value;
  reply.ok();
}

function runList(call: Call): void {
  const isWanted = parseListFilter(call);
  if (isWanted === undefined) return;
  let text = '';
  call.services.clients.forEach((client) => {
    if (isWanted(client)) text += `${describeClient(client, call.engine.now, call.services.monitors.has(client))}\n`;
  });
  call.reply.verbatim(text);
}

function runKill(call: Call): void {
  const { args, argc, reply, services } = call;
  const byAddress = argc === 3;
  const address = args[2].latin1();
  const isDoomed = byAddress ? (client: Client) => client.address === address : parseKillFilter(call);
  if (isDoomed === undefined) return;
  const doomed: Client[] = [];
  services.clients.forEach((client) => {
    if (isDoomed(client)) doomed.push(client);
  });
  if (!byAddress) reply.integer(doomed.length);
  else if (doomed.length > 0) reply.ok();
  else reply.error('ERR No such client');
  for (const client of doomed) client.kill();
}

function runPause(call: Call): void {
  const { args, argc, engine, reply, services } = call;
  if (argc > 4) {
    reply.error(misused(args[1]));
    return;
  }
  const writesOnly = argc === 4 && args[3].isWord('write');
  if (argc === 4 && !writesOnly && !args[3].isWord('all')) {
    reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    return;
  }
  const timeoutMs = numberArgument(call, 2, 'ERR timeout is not an integer or out of range');
  if (timeoutMs === undefined) return;
  if (timeoutMs < 0) {
    reply.error('ERR timeout is negative');
    return;
  }
  services.clients.pauseUntil(engine.now + timeoutMs, writesOnly);
  reply.ok();
}

function runUnblock(call: Call): void {
  const { args, argc, reply, services } = call;
  if (argc > 4) {
    reply.error(misused(args[1]));
    return;
  }
  const withError = argc === 4 && args[3].isWord('error');
  if (argc === 4 && !withError && !args[3].isWord('timeout')) {
    reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    return;
  }
  const id = integerArgument(call, 2);
  if (id === undefined) return;
  reply.flag(services.clients.find(Number(id))?.unblock(withError) === true);
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

function runSwitch({ args, client, reply }: Call, turn: (client: Client, on: boolean) => void): void {
  const on = args[2].isWord('on');
  if (!on && !args[2].isWord('off')) {
    reply.error(Errors.syntax);
    return;
  }
  turn(client, on);
  reply.ok();
}

function misused(word: Slice): string {
  return `ERR unknown subcommand or wrong number of arguments for '${word.text()}'. Try CLIENT HELP.`;
}

function sub(
  name: string,
  arity: number,
  since: string,
  summary: string,
  run: (call: Call) => void,
  flags: readonly CommandFlag[] = [],
): Command {
  return {
    name: `client|${name}`,
    arity,
    flags: ['noscript', 'loading', 'stale', ...flags],
    keys: [0, 0, 0],
    acl: ['connection'],
    since,
    group: 'connection',
    summary,
    complexity: name === 'list' || name === 'kill' ? 'O(N) where N is the number of client connections' : 'O(1)',
    run,
  };
}

// biome-ignore format: a form and its explanation belong on one line
const HELP = [
  'CACHING (YES|NO)', '    Whether the keys of the next command are tracked (OPTIN, OPTOUT).',
  'GETNAME', '    The name of this connection.',
  'GETREDIR', '    The connection to which invalidations go.',
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
  'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]',
  '    Invalidations for a client-side cache.',
  'TRACKINGINFO', '    How this connection is tracked.',
  'UNBLOCK <id> [TIMEOUT|ERROR]', '    Ends the wait of a blocked connection.',
  'UNPAUSE', '    Ends a pause.',
];

export const clientCommand: Command = {
  name: 'client',
  arity: -2,
  flags: [],
  keys: [0, 0, 0],
  acl: [],
  since: '2.4.0',
  group: 'connection',
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
    sub('setname', 3, '2.6.9', 'Names this connection.', runSetName),
    sub('setinfo', 4, '7.2.0', 'Tells the name and version of the client library.', runSetInfo),
    sub('info', 2, '6.2.0', 'What is known of this connection.', ({ client, engine, reply, services }) =>
      reply.verbatim(`${describeClient(client, engine.now, services.monitors.has(client))}\n`),
    ),
    sub('list', -2, '2.4.0', 'What is known of all connections.', runList, ['admin']),
    sub('kill', -3, '2.4.0', 'Closes connections.', runKill, ['admin']),
    sub('pause', -3, '3.0.0', 'Lets all clients wait.', runPause, ['admin']),
    sub('unpause', 2, '6.2.0', 'Ends a pause.', runUnpause, ['admin']),
    sub('reply', 3, '3.2.0', 'Which replies this connection gets.', runReply),
    sub('unblock', -3, '5.0.0', 'Ends the wait of a blocked client.', runUnblock, ['admin']),
    sub('no-evict', 3, '7.0.0', 'Keeps this connection from eviction.', runNoEvict, ['admin']),
    sub('no-touch', 3, '7.2.0', 'Keeps its reads from counting as use.', runNoTouch),
    sub('getredir', 2, '6.0.0', 'Where invalidations go.', ({ client, reply }) => reply.integer(redirectOf(client))),
    sub('trackinginfo', 2, '6.2.0', 'How this connection is tracked.', runTrackingInfo),
    sub('tracking', -3, '6.0.0', 'Invalidations for a client-side cache.', runTracking),
    sub('caching', 3, '6.0.0', 'Which keys are tracked.', runCaching),
  ],
};

function runUnpause({ reply, services }: Call): void {
  services.clients.unpause();
  reply.ok();
}

function runNoEvict(call: Call): void {
  runSwitch(call, (client, on) => {
    client.noEvict = on;
  });
}

function runNoTouch(call: Call): void {
  runSwitch(call, (client, on) => {
    client.noTouch = on;
  });
}
