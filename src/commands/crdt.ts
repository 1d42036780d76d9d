/** CRDT: what the replicated data is made of. Maps in RESP3, lists of names and values in RESP2, readable in redis-cli. */
import { type Conflict, type Inspection, KEY_TYPE_NAMES } from '../core/contract.ts';
import { rangedArgument } from './arguments.ts';
import { answerHelp } from './help-reply.ts';
import { Errors, type Reply } from './reply.ts';
import type { MeshVerification } from './services.ts';
import type { Call, Command } from './table.ts';

const CONFLICTS_SHOWN = 10;
const HELP = [
  'CONFLICTS [<count>]',
  '    The latest concurrent writes that met here (10, or <count>), and which of them shows.',
  'DIGEST',
  '    One hash over all data, hidden parts too: equal on two nodes exactly if their data is.',
  'INSPECT <key>',
  '    Everything under a key: values with the replica and stamp that wrote them, concurrent',
  '    ones too, increments by replica, times to live.',
  'VECTOR',
  '    For each replica: how many of its txns are applied here, and the stamp of the last.',
  'VERIFY [NOREPAIR]',
  '    Checks all data in memory, compares it with that of every connected node, names the keys',
  '    that are damaged or differ, and puts them right, unless told not to.',
];

export const crdtCommands: readonly Command[] = [
  {
    name: 'crdt',
    arity: -2,
    flags: [],
    keys: [0, 0, 0],
    acl: [],
    since: '7.4.0',
    group: 'server',
    summary: 'Shows what the replicated data is made of (Starling).',
    complexity: 'Depends on the sub-command',
    run: neverRuns,
    subcommands: [
      {
        // values of any key, whatever keys a user may read
        ...sub(
          'conflicts',
          -2,
          'Shows the latest concurrent writes that met on this node.',
          'O(N), N being the number of conflicts shown',
          runConflicts,
        ),
        acl: ['admin', 'dangerous'],
      },
      sub('digest', 2, 'Shows a hash over all data.', 'O(1)', ({ engine, reply }) => reply.bulkText(engine.digest())),
      sub('help', 2, 'Explains the sub-commands.', 'O(1)', ({ reply }) => answerHelp(reply, 'CRDT', HELP)),
      {
        ...sub(
          'inspect',
          3,
          'Shows everything under a key, with the writes that it comes from.',
          'O(N), N being the number of elements',
          runInspect,
        ),
        flags: ['readonly'],
        keys: [2, 2, 1],
      },
      sub(
        'vector',
        2,
        'Shows how many txns of each replica are applied here.',
        'O(N), N being the number of replicas',
        runVector,
      ),
      {
        ...sub(
          'verify',
          -2,
          'Checks all data, compares it with every connected node, and repairs what differs.',
          'O(N), N being the number of keys and elements',
          runVerify,
        ),
        flags: ['admin', 'blocking', 'loading', 'stale'],
      },
    ],
  },
];

function sub(name: string, arity: number, summary: string, complexity: string, run: (call: Call) => void): Command {
  return {
    name: `crdt|${name}`,
    arity,
    flags: ['loading', 'stale'],
    keys: [0, 0, 0],
    acl: [],
    since: '7.4.0',
    group: 'server',
    summary,
    complexity,
    run,
  };
}

function neverRuns(): void {
  throw new Error('CRDT was run without a sub-command');
}

function runVector({ engine, reply }: Call): void {
  const vector = engine.shorten(engine.vector());
  reply.array(vector.length);
  for (const { replica, number, stamp } of vector) {
    reply.array(3);
    reply.bulkText(replica);
    reply.integer(number);
    reply.integer(stamp);
  }
}

/** Answers when everything has been looked at and every peer has answered, or could not for now. */
function runVerify({ args, argc, client, reply, services }: Call): void {
  if (argc > 3 || (argc === 3 && !args[2].isWord('norepair'))) {
    reply.error(Errors.syntax);
    return;
  }
  if (!client.mayBlock) {
    reply.error('ERR CRDT VERIFY cannot wait for other nodes inside a transaction');
    return;
  }
  const blocked = client.block();
  services.mesh.verify(argc === 2).then(
    (verification) => blocked.resume((later) => writeVerification(later, verification)),
    (error: unknown) =>
      blocked.resume((later) => later.error(`ERR ${error instanceof Error ? error.message : String(error)}`)),
  );
}

function writeVerification(reply: Reply, { slots, damaged, mended, peers, keys }: MeshVerification): void {
  reply.map(5);
  writeField(reply, 'slots', slots);
  writeField(reply, 'damaged', damaged);
  writeField(reply, 'mended', mended);
  writeAll(reply, 'peers', peers, (_, { peerId, outcome }) => {
    reply.map(2);
    writeField(reply, 'peer', peerId);
    writeField(reply, 'data', outcome);
  });
  writeAll(reply, 'keys', keys, (_, { database, key }) => {
    reply.map(2);
    writeField(reply, 'db', database);
    writeField(reply, 'key', key);
  });
}

function runInspect({ args, client, engine, reply }: Call): void {
  const inspection = engine.inspect(client.database, args[2]);
  if (inspection === null) {
    reply.nil();
    return;
  }
  reply.map(3);
  writeField(reply, 'type', KEY_TYPE_NAMES[inspection.type]);
  writeDeadlines(reply, inspection.deadlines);
  writeAll(reply, 'parts', inspection.parts, writePart);
}

function writePart(reply: Reply, { type, elements }: Inspection['parts'][number]): void {
  reply.map(2);
  writeField(reply, 'type', KEY_TYPE_NAMES[type]);
  writeAll(reply, 'elements', elements, writeElement);
}

function writeElement(
  reply: Reply,
  { name, values, counters, deadlines }: Inspection['parts'][number]['elements'][number],
): void {
  reply.map(name === null ? 3 : 4);
  if (name !== null) writeField(reply, 'name', name);
  writeAll(reply, 'values', values, writeValue);
  writeAll(reply, 'counters', counters, (_, { replica, stamp, sum, cancelled }) => {
    reply.map(4);
    writeField(reply, 'replica', replica);
    writeField(reply, 'stamp', stamp);
    writeField(reply, 'sum', sum);
    writeField(reply, 'cancelled', cancelled);
  });
  writeDeadlines(reply, deadlines);
}

function writeDeadlines(reply: Reply, deadlines: Inspection['deadlines']): void {
  writeAll(reply, 'deadlines', deadlines, (_, { replica, stamp, deadline }) => {
    reply.map(3);
    writeField(reply, 'replica', replica);
    writeField(reply, 'stamp', stamp);
    writeField(reply, 'deadline', deadline);
  });
}

function runConflicts(call: Call): void {
  const { argc, engine, reply } = call;
  if (argc > 3) {
    reply.error(Errors.syntax);
    return;
  }
  const count = argc === 2 ? CONFLICTS_SHOWN : rangedArgument(call, 2, 1, Number.MAX_SAFE_INTEGER, Errors.notPositive);
  if (count === undefined) return;
  const conflicts = engine.conflicts(count);
  reply.array(conflicts.length);
  for (const conflict of conflicts) writeConflict(reply, conflict);
}

function writeConflict(reply: Reply, { atMs, database, key, field, kind, winner, losers }: Conflict): void {
  reply.map(7);
  writeField(reply, 'time', atMs);
  writeField(reply, 'db', database);
  writeField(reply, 'key', key);
  reply.bulkText('field');
  if (field === null) reply.nil();
  else reply.bulkBytes(field);
  writeField(reply, 'kind', kind);
  reply.bulkText('winner');
  writeValue(reply, winner);
  writeAll(reply, 'losers', losers, writeValue);
}

function writeValue(reply: Reply, { replica, stamp, value }: Conflict['winner']): void {
  reply.map(3);
  writeField(reply, 'replica', replica);
  writeField(reply, 'stamp', stamp);
  writeField(reply, 'value', value);
}

function writeField(reply: Reply, name: string, value: string | number | Buffer): void {
  reply.bulkText(name);
  if (typeof value === 'number') reply.integer(value);
  else if (typeof value === 'string') reply.bulkText(value);
  else reply.bulkBytes(value);
}

function writeAll<T>(reply: Reply, name: string, all: readonly T[], write: (reply: Reply, each: T) => void): void {
  reply.bulkText(name);
  reply.array(all.length);
  for (const each of all) write(reply, each);
}
