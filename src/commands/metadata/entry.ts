/** Entries of commands that are as Redis has them in all but what they do. */
import type { Call, Command, CommandFlag } from '../table.ts';
import { metadataOfRedis } from './index.ts';

/** Flags that the dispatcher and COMMAND know; Redis has a few more for its own use. */
const KNOWN_FLAGS: ReadonlySet<string> = new Set<CommandFlag>([
  'write',
  'readonly',
  'denyoom',
  'admin',
  'pubsub',
  'noscript',
  'loading',
  'stale',
  'fast',
  'no_auth',
  'blocking',
  'movablekeys',
  'skip_monitor',
  'skip_slowlog',
  'no_multi',
  'allow_busy',
  'protected',
]);

/** The entry of one of Redis 7.0's commands, with what Redis says of it: arity, flags, keys, categories, texts. */
export function redisEntry(name: string, run: (call: Call) => void): Command {
  const metadata = metadataOfRedis(name);
  if (metadata === undefined) throw new Error(`Redis 7.0 has no command ${name}`);
  const { arity, flags, keys, categories, docs } = metadata;
  const [first, last, step] = keys;
  return {
    name,
    arity,
    flags: flags.filter((flag): flag is CommandFlag => KNOWN_FLAGS.has(flag)),
    keys: [first, last, step],
    acl: categories.map((category) => category.slice(1)),
    since: docs.since,
    summary: docs.summary,
    complexity: docs.complexity,
    group: docs.group as Command['group'],
    run,
  };
}

/** A container of sub-commands; without one of them it is too short, so it never runs itself. */
export function redisContainer(name: string, subcommands: readonly Command[]): Command {
  return { ...redisEntry(name, neverRuns), subcommands };
}

function neverRuns({ command }: Call): void {
  throw new Error(`${command.name} was run without a sub-command`);
}
