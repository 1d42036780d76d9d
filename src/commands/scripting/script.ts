/** SCRIPT: the cache of scripts, and the end of one that runs. */
import { answerHelp } from '../help-reply.ts';
import { redisContainer, redisEntry } from '../metadata/entry.ts';
import type { Call, Command } from '../table.ts';

const HELP = [
  'DEBUG (YES|SYNC|NO)',
  '    The debugger of scripts; there is none here.',
  'EXISTS <sha1> [<sha1> ...]',
  '    Which of these scripts this node keeps.',
  'FLUSH [ASYNC|SYNC]',
  '    Forgets all scripts; both ways are the same here.',
  'KILL',
  '    Ends the script that runs, if it has not written yet.',
  'LOAD <script>',
  '    Keeps a script without running it.',
];

export const scriptCommand: Command = redisContainer('script', [
  redisEntry('script|debug', runDebug),
  redisEntry('script|exists', runExists),
  redisEntry('script|flush', runFlush),
  redisEntry('script|help', ({ reply }) => answerHelp(reply, 'SCRIPT', HELP)),
  redisEntry('script|kill', ({ reply, services }) => {
    const error = services.scripting.kill('script');
    if (error === null) reply.ok();
    else reply.error(error);
  }),
  redisEntry('script|load', runLoad),
]);

function runDebug({ args, reply }: Call): void {
  if (args[2].isWord('no')) reply.ok();
  else if (args[2].isWord('yes') || args[2].isWord('sync')) reply.error('ERR there is no debugger of scripts here');
  else reply.error('ERR Use SCRIPT DEBUG YES/SYNC/NO');
}

function runExists({ args, argc, reply, services }: Call): void {
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) reply.flag(services.scripting.isCached(args[i].latin1()));
}

function runFlush({ args, argc, reply, services }: Call): void {
  if (argc > 3 || (argc === 3 && !args[2].isWord('async') && !args[2].isWord('sync'))) {
    reply.error('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
    return;
  }
  services.scripting.flush();
  reply.ok();
}

function runLoad({ args, reply, services }: Call): void {
  const loaded = services.scripting.load(args[2].view());
  if ('error' in loaded) reply.error(loaded.error);
  else reply.bulkText(loaded.sha);
}
