/** ACL LOG: shows what was refused lately, or forgets it. */
import type { Slice } from '../../core/slice.ts';
import { numberArgument } from '../arguments.ts';
import type { Reply } from '../reply.ts';
import type { Call } from '../table.ts';
import type { AclLogEntry } from './log.ts';

const SHOWN_DEFAULT = 10;

export function runLog(call: Call): void {
  const { acl, args, argc, engine, reply } = call;
  if (argc > 3) {
    reply.error(wrongSubcommand(args[1]));
    return;
  }
  if (argc === 3 && args[2].isWord('reset')) {
    acl.log.reset();
    reply.ok();
    return;
  }
  const count = argc === 3 ? numberArgument(call, 2) : SHOWN_DEFAULT;
  if (count === undefined) return;
  const shown = acl.log.entries.slice(0, Math.max(0, count));
  reply.array(shown.length);
  for (const entry of shown) writeEntry(reply, entry, engine.now);
}

/** What Redis says where a sub-command that may have one argument has more. */
export function wrongSubcommand(word: Slice): string {
  return `ERR unknown subcommand or wrong number of arguments for '${word.text()}'. Try ACL HELP.`;
}

function writeEntry(reply: Reply, entry: AclLogEntry, nowMs: number): void {
  const number = (name: string, value: number) => {
    reply.bulkText(name);
    reply.integer(value);
  };
  const latin1 = (name: string, value: string) => {
    reply.bulkText(name);
    reply.bulkBytes(Buffer.from(value, 'latin1'));
  };
  reply.map(10);
  number('count', entry.count);
  latin1('reason', entry.reason);
  latin1('context', entry.context);
  latin1('object', entry.subject);
  latin1('username', entry.userName);
  reply.bulkText('age-seconds');
  reply.double((nowMs - entry.updatedAtMs) / 1000);
  reply.bulkText('client-info');
  reply.bulkText(entry.client);
  number('entry-id', entry.id);
  number('timestamp-created', entry.createdAtMs);
  number('timestamp-last-updated', entry.updatedAtMs);
}
