/** SLOWLOG: the latest commands that took long, on this node. */
import { rangedArgument } from './arguments.ts';
import { answerHelp } from './help-reply.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import type { Call, Command } from './table.ts';

const SHOWN_DEFAULT = 10;
const HELP = [
  'GET [<count>]',
  '    The latest slow commands (10, or <count>, or all for -1): id, time, microseconds,',
  '    arguments, address and name of the client.',
  'LEN',
  '    How many are remembered.',
  'RESET',
  '    Forgets them.',
];

export const slowLogCommand: Command = redisContainer('slowlog', [
  redisEntry('slowlog|get', runGet),
  redisEntry('slowlog|help', ({ reply }) => answerHelp(reply, 'SLOWLOG', HELP)),
  redisEntry('slowlog|len', ({ reply, services }) => reply.integer(services.slowLog.entries.length)),
  redisEntry('slowlog|reset', ({ reply, services }) => {
    services.slowLog.reset();
    reply.ok();
  }),
]);

function runGet(call: Call): void {
  const { args, argc, reply, services } = call;
  if (argc > 3) {
    reply.error(`ERR unknown subcommand or wrong number of arguments for '${args[1].text()}'. Try SLOWLOG HELP.`);
    return;
  }
  const count =
    argc === 2
      ? SHOWN_DEFAULT
      : rangedArgument(call, 2, -1, Number.MAX_SAFE_INTEGER, 'ERR count should be greater than or equal to -1');
  if (count === undefined) return;
  const { entries } = services.slowLog;
  const shown = count === -1 ? entries : entries.slice(0, count);
  reply.array(shown.length);
  for (const { id, atSeconds, micros, args, address, clientName } of shown) {
    reply.array(6);
    reply.integer(id);
    reply.integer(atSeconds);
    reply.integer(micros);
    reply.array(args.length);
    for (const arg of args) reply.bulkBytes(Buffer.from(arg, 'latin1'));
    reply.bulkText(address);
    reply.bulkText(clientName);
  }
}
