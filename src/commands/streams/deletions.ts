/** XDELEX and XACKDEL (Redis 8.2): entries are removed with what groups have of them, and each id has its own answer. */
import type { StreamId } from '../../core/contract.ts';
import { integerArgument } from '../arguments.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { hasEntry, streamAt } from './access.ts';
import { idArguments } from './ids.ts';
import { groupsOf, isPending, type ReferencePolicy, referencePolicy, removeEntry } from './references.ts';

/** What is answered for an id. */
const Outcome = { unknown: -1, removed: 1, kept: 2 } as const;
type Outcome = (typeof Outcome)[keyof typeof Outcome];

interface Deletion {
  readonly policy: ReferencePolicy;
  readonly ids: readonly StreamId[];
}

/** From argument `first` on: options, and IDS with a count and so many ids. Undefined after an error. */
function deletion(call: Call, first: number): Deletion | undefined {
  const { args, argc, reply } = call;
  let policy: ReferencePolicy | undefined;
  let idsAt = 0;
  let lastId = 0;
  for (let at = first; at < argc; at++) {
    const named = policy === undefined ? referencePolicy(args[at]) : undefined;
    if (named !== undefined) policy = named;
    else if (args[at].isWord('ids') && at + 1 < argc) {
      const count = idCount(call, at + 1);
      if (count === undefined) return undefined;
      idsAt = at + 2;
      lastId = at + 1 + count;
      at = lastId;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  if (idsAt === 0) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const ids = idArguments(call, idsAt, lastId);
  return ids === undefined ? undefined : { policy: policy ?? 'keep', ids };
}

function idCount(call: Call, index: number): number | undefined {
  const error = 'ERR Number of IDs must be a positive integer';
  const count = integerArgument(call, index, error);
  if (count === undefined) return undefined;
  if (count > 0 && count <= call.argc - index - 1) return Number(count);
  call.reply.error(count > 0 ? 'ERR The `numids` parameter must match the number of arguments' : error);
  return undefined;
}

function answerEach({ reply }: Call, ids: readonly StreamId[], outcomeOf: (id: StreamId) => Outcome): void {
  reply.array(ids.length);
  for (const id of ids) reply.integer(outcomeOf(id));
}

function runXdelex(call: Call): void {
  const { args, db } = call;
  const asked = deletion(call, 2);
  const found = asked === undefined ? undefined : streamAt(call);
  if (asked === undefined || found === undefined) return;
  const groups = groupsOf(db, args[1]);
  answerEach(call, asked.ids, (id) => {
    if (!found || !hasEntry(db, args[1], id)) return Outcome.unknown;
    return removeEntry(db, args[1], id, asked.policy, groups) ? Outcome.removed : Outcome.kept;
  });
}

function runXackdel(call: Call): void {
  const { args, db } = call;
  const asked = deletion(call, 3);
  const found = asked === undefined ? undefined : streamAt(call);
  if (asked === undefined || found === undefined) return;
  const groups = groupsOf(db, args[1]);
  answerEach(call, asked.ids, (id) => {
    if (!found || !isPending(db, args[1], args[2], id)) return Outcome.unknown;
    db.streams.acknowledge(args[1], args[2], id);
    return removeEntry(db, args[1], id, asked.policy, groups) ? Outcome.removed : Outcome.kept;
  });
}

const DELETION = {
  keys: [1, 1, 1],
  acl: ['stream'],
  flags: ['write', 'fast'],
  group: 'stream',
  since: '8.2.0',
  complexity: 'O(1) for each id, whatever the size of the stream',
} as const;

export const deletionCommands: readonly Command[] = [
  {
    ...DELETION,
    name: 'xackdel',
    arity: -6,
    summary: 'Acknowledges entries of a group, and removes them from the stream.',
    run: runXackdel,
  },
  {
    ...DELETION,
    name: 'xdelex',
    arity: -5,
    summary: 'Removes entries, with what groups have of them.',
    run: runXdelex,
  },
];
