/** CONFIG GET, SET, RESETSTAT, REWRITE, over the one table of directives. */
import { answerHelp } from './help-reply.ts';
import { Errors, wrongArity } from './reply.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  'GET <pattern> [<pattern> ...]',
  '    Settings that match the patterns.',
  'SET <directive> <value> [<directive> <value> ...]',
  '    Changes settings, all or none.',
  'RESETSTAT',
  '    Starts the statistics of INFO anew.',
  'REWRITE',
  '    Writes the settings to the config file.',
];

function runGet({ args, argc, reply, services }: Call): void {
  const names = new Set<string>();
  for (let i = 2; i < argc; i++) for (const name of services.config.match(args[i].latin1())) names.add(name);
  reply.map(names.size);
  for (const name of names) {
    reply.bulkText(name);
    reply.bulkText(services.config.get(name) ?? '');
  }
}

function runSet({ args, argc, reply, services }: Call): void {
  if (argc % 2 !== 0) {
    reply.error(wrongArity('config|set'));
    return;
  }
  const pairs: [string, string][] = [];
  for (let i = 2; i < argc; i += 2) pairs.push([args[i].latin1(), args[i + 1].text()]);
  const failure = services.config.set(pairs);
  if (failure === null) reply.ok();
  else reply.error(`ERR ${failure}`);
}

function sub(name: string, arity: number, summary: string, run: (call: Call) => void): Command {
  return {
    name: `config|${name}`,
    arity,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    keys: [0, 0, 0],
    acl: ['admin', 'dangerous'],
    since: '2.0.0',
    summary,
    group: 'server',
    run,
  };
}

export const configCommands: readonly Command[] = [
  {
    name: 'config',
    arity: -2,
    flags: [],
    keys: [0, 0, 0],
    acl: [],
    since: '2.0.0',
    group: 'server',
    summary: 'Settings of the server.',
    run({ reply }) {
      reply.error(Errors.syntax);
    },
    subcommands: [
      sub('get', -3, 'Settings that match patterns.', runGet),
      sub('set', -4, 'Changes settings while the server runs.', runSet),
      sub('resetstat', 2, 'Starts the statistics anew.', ({ reply, services }) => {
        services.statistics.reset();
        reply.ok();
      }),
      sub('rewrite', 2, 'Writes the settings to the config file.', ({ reply, services }) => {
        const failure = services.config.rewrite();
        if (failure === null) reply.ok();
        else reply.error(`ERR ${failure}`);
      }),
      {
        ...sub('help', 2, 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'CONFIG', HELP)),
        flags: ['loading', 'stale'],
        acl: [],
      },
    ],
  },
];
