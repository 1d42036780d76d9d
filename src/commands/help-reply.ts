/** The reply of a container's HELP sub-command, in Redis's form. */
import type { Reply } from './reply.ts';

/** `lines` alternates a form and its explanation; HELP itself is added. */
export function answerHelp(reply: Reply, container: string, lines: readonly string[]): void {
  reply.array(lines.length + 3);
  reply.status(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const line of lines) reply.status(line);
  reply.status('HELP');
  reply.status('    Prints this help.');
}
