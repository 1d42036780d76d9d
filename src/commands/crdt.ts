/** CRDT: what the data is made of. VECTOR, DIGEST, INSPECT, CONFLICTS. */
import { type Inspection, KEY_TYPE_NAMES } from '../core/contract.ts';
import { numberArgument } from './arguments.ts';
import { answerHelp } from './help-reply.ts';
import { Errors, type Reply } from './reply.ts';
import type { Call, Command } from './table.ts';

const CONFLICTS_DEFAULT = 10;

const HELP = [
  'VECTOR', '    How many txns of each replica this node has applied, and the stamp of the last.',
  'DIGEST', '    One hash over all data; equal on two nodes exactly if their data is.',
  'INSPECT <key>', '    Everything under a key: values with their dots, concurrent ones too, counters, deadlines.',
  'CONFLICTS [<count>]', '    The latest concurrent writes that met here, and which of them shows.',
];

function field(reply: Reply, name: string, value: string | number | Buffer): void {
  reply.bulkText(name);
  if (typeof value === 'number') reply.integer(value);
  else if (typeof value === 'string') reply.bulkText(value);
  else reply.bulkBytes(value);
}

function runInspect({ args, client, engine, reply }: Call): void {
  const inspection = engine.inspect(client.database, args[2]);
  if (inspection === null) {
    reply.nil();
    return;
  }
  reply.map(3);
  field(reply, 'type', KEY_TYPE_NAMES[inspection.type]);
  reply.bulkText('deadlines');
  writeDeadlines(reply, inspection.deadlines);
  reply.bulkText('parts');
  reply.array(inspection.parts.length);
  for (const part of inspection.parts) {
    reply.map(2);
    field(reply, 'type', KEY_TYPE_NAMES[part.type]);
    reply.bulkText('elements');
    reply.array(part.elements.length);
    for (const element of part.elements) writeElement(reply, element);
  }
}

function writeElement(reply: Reply, element: Inspection['parts'][number]['elements'][number]): void {
  reply.map(element.name === null ? 3 : 4);
  if (element.name !== null) field(reply, 'name', element.name);
  reply.bulkText('values');
  reply.array(element.values.length);
  for (const { replica, stamp, value } of element.values) {
    reply.map(3);
    field(reply, 'replica', replica);
    field(reply, 'stamp', stamp);
    field(reply, 'value', value);
  }
  reply.bulkText('counters');
  reply.array(element.counters.length);
  for (const { replica, stamp, sum, cancelled } of element.counters) {
    reply.map(4);
    field(reply, 'replica', replica);
    field(reply, 'stamp', stamp);
    field(reply, 'sum', sum);
    field(reply, 'cancelled', cancelled);
  }
  reply.bulkText('deadlines');
  writeDeadlines(reply, element.deadlines);
}

function writeDeadlines(reply: Reply, deadlines: Inspection['deadlines']): void {
  reply.array(deadlines.length);
  for (const { replica, stamp, deadline } of deadlines) {
    reply.map(3);
    field(reply, 'replica', replica);
    field(reply, 'stamp', stamp);
    field(reply, 'deadline', deadline);
  }
}

function runConflicts(call: Call): void {
  const { argc, engine, reply } = call;
  const count = argc === 3 ? numberArgument(call, 2) : CONFLICTS_DEFAULT;
  if (count === undefined) return;
  if (count < 1) {
    reply.error(Errors.notPositive);
    return;
  }
  const conflicts = engine.conflicts(count);
  reply.array(conflicts.length);
  for (const conflict of conflicts) {
    reply.map(7);
    field(reply, 'time', conflict.atMs);
    field(reply, 'db', conflict.database);
    field(reply, 'key', conflict.key);
    reply.bulkText('field');
    if (conflict.field === null) reply.nil();
    else reply.bulkBytes(conflict.field);
    field(reply, 'kind', conflict.kind);
    reply.bulkText('winner');
    writeSide(reply, conflict.winner);
    reply.bulkText('losers');
    reply.array(conflict.losers.length);
    for (const loser of conflict.losers) writeSide(reply, loser);
  }
}

function writeSide(reply: Reply, { replica, stamp, value }: { replica: string; stamp: number; value: Buffer }): void {
  reply.map(3);
  field(reply, 'replica', replica);
  field(reply, 'stamp', stamp);
  field(reply, 'value', value);
}

function sub(name: string, arity: number, summary: string, run: (call: Call) => void): Command {
  const keyed = name === 'inspect';
  return {
    name: `crdt|${name}`, arity, flags: keyed ? ['readonly'] : ['loading', 'stale'], keys: keyed ? [2, 2, 1] : [0, 0, 0], acl: [], since: '7.4.0', summary, group: 'server', run,
  };
}

export const crdtCommands: readonly Command[] = [
  {
    name: 'crdt', arity: -2, flags: [], keys: [0, 0, 0], acl: [], since: '7.4.0', summary: 'What the replicated data is made of (Starling).', group: 'server',
    run({ reply }) {
      reply.error(Errors.syntax);
    },
    subcommands: [
      sub('vector', 2, 'Txns applied here, by replica.', ({ engine, reply }) => {
        const vector = engine.vector();
        reply.array(vector.length);
        for (const { replica, number, stamp } of vector) {
          reply.array(3);
          reply.bulkText(replica);
          reply.integer(number);
          reply.integer(stamp);
        }
      }),
      sub('digest', 2, 'One hash over all data.', ({ engine, reply }) => reply.bulkText(engine.digest())),
      sub('inspect', 3, 'Everything under a key.', runInspect),
      sub('conflicts', -2, 'The latest concurrent writes.', runConflicts),
      sub('help', 2, 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'CRDT', HELP)),
    ],
  },
];
