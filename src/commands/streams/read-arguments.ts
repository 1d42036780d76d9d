/** What XREAD and XREADGROUP are asked for: options, then STREAMS, the keys, and an id for each of them. */
import type { StreamId } from '../../core/contract.ts';
import { compareStreamIds, STREAM_ID_MAX, STREAM_ID_MIN, streamIdBefore } from '../../core/index.ts';
import { INT64_MAX } from '../../core/integer.ts';
import { integerArgument, numberArgument } from '../arguments.ts';
import { Errors } from '../reply.ts';
import type { Call } from '../table.ts';
import { readStream, shownName } from './access.ts';
import { idArgument } from './ids.ts';

export interface ReadRequest {
  /** Argument of the first key; then come so many keys, and as many ids. */
  readonly firstKey: number;
  readonly keys: number;
  /** Null: as many as there are. */
  readonly count: number | null;
  /** Null: who finds nothing does not wait. Infinity: for ever. */
  readonly timeoutMs: number | null;
  /** The argument that names the group, before that of the consumer; 0: none. */
  readonly group: number;
  readonly noAck: boolean;
}

/** From where on a key is read. */
export type From =
  | { readonly kind: 'behind'; readonly id: StreamId }
  /** `>`: what the group has not got. */
  | { readonly kind: 'new' };

/** Undefined after an error. */
export function readRequest(call: Call): ReadRequest | undefined {
  const { args, argc, client, command, reply } = call;
  const isGroupCommand = command.name === 'xreadgroup';
  let count: number | null = null;
  let timeoutMs: number | null = null;
  let group = 0;
  let noAck = false;
  let firstKey = 0;
  for (let at = 1; at < argc && firstKey === 0; at++) {
    const word = args[at];
    const more = argc - at - 1;
    if (more > 0 && word.isWord('block')) {
      if (client.isScript)
        return fail(call, `ERR ${args[0].latin1()} command is not allowed with BLOCK option from scripts`);
      const given = timeoutArgument(call, ++at);
      if (given === undefined) return undefined;
      timeoutMs = given;
    } else if (more > 0 && word.isWord('count')) {
      const given = numberArgument(call, ++at);
      if (given === undefined) return undefined;
      count = given > 0 ? given : null;
    } else if (more > 0 && word.isWord('streams')) {
      if (more % 2 === 1) {
        return fail(call, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
      }
      firstKey = at + 1;
    } else if (more >= 2 && word.isWord('group')) {
      if (!isGroupCommand) return fail(call, onlyForGroups('GROUP'));
      group = at + 1;
      at += 2;
    } else if (word.isWord('noack')) {
      if (!isGroupCommand) return fail(call, onlyForGroups('NOACK'));
      noAck = true;
    } else return fail(call, Errors.syntax);
  }
  if (firstKey === 0) {
    reply.error(Errors.syntax);
    return undefined;
  }
  if (isGroupCommand && group === 0) return fail(call, 'ERR Missing GROUP option for XREADGROUP');
  return { firstKey, keys: (argc - firstKey) / 2, count, timeoutMs, group, noAck };
}

function fail({ reply }: Call, error: string): undefined {
  reply.error(error);
  return undefined;
}

function onlyForGroups(option: string): string {
  return `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`;
}

/** Milliseconds; Infinity for 0, which is none. */
function timeoutArgument(call: Call, index: number): number | undefined {
  const timeout = integerArgument(call, index, 'ERR timeout is not an integer or out of range');
  if (timeout === undefined) return undefined;
  if (timeout < 0) return fail(call, 'ERR timeout is negative');
  if (timeout > INT64_MAX - BigInt(call.engine.now)) return fail(call, 'ERR timeout is out of range');
  return timeout === 0 ? Number.POSITIVE_INFINITY : Number(timeout);
}

/** From where on each key is to be read; undefined after an error. */
export function readFrom(call: Call, { firstKey, keys, group }: ReadRequest): From[] | undefined {
  const from: From[] = [];
  for (let key = firstKey; key < firstKey + keys; key++) {
    const found = readStream(call, key);
    if (found === undefined) return undefined;
    const start = group === 0 ? startOf(call, key, key + keys, found) : groupStartOf(call, key, key + keys, group);
    if (start === undefined) return undefined;
    from.push(start);
  }
  return from;
}

function startOf(call: Call, key: number, id: number, found: boolean): From | undefined {
  const { args, db } = call;
  switch (args[id].latin1()) {
    case '$':
      return { kind: 'behind', id: db.streams.lastId(args[key]) };
    case '+':
      return { kind: 'behind', id: found ? beforeLastEntry(call, key) : STREAM_ID_MIN };
    case '>':
      return fail(
        call,
        'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
      );
    default: {
      const given = idArgument(call, id);
      return given === undefined ? undefined : { kind: 'behind', id: given };
    }
  }
}

/** Behind that there is the last entry only; without entries as `$`. */
function beforeLastEntry({ args, db }: Call, key: number): StreamId {
  let before: StreamId | null = null;
  db.streams.range(args[key], STREAM_ID_MIN, STREAM_ID_MAX, -1, ({ id }) => {
    before = streamIdBefore(id);
    return false;
  });
  return before ?? db.streams.lastId(args[key]);
}

function groupStartOf(call: Call, key: number, id: number, group: number): From | undefined {
  const { args, db } = call;
  if (!db.streams.hasGroup(args[key], args[group])) {
    const [shownKey, shownGroup] = [shownName(args[key]), shownName(args[group])];
    return fail(
      call,
      `NOGROUP No such key '${shownKey}' or consumer group '${shownGroup}' in XREADGROUP with GROUP option`,
    );
  }
  const text = args[id].latin1();
  if (text === '>') return { kind: 'new' };
  if (text === '$' || text === '+') return fail(call, meaningless(text));
  const given = idArgument(call, id);
  if (given === undefined) return undefined;
  // nothing can be behind it: Redis keeps it for `>`
  return compareStreamIds(given, STREAM_ID_MAX) === 0 ? { kind: 'new' } : { kind: 'behind', id: given };
}

function meaningless(id: string): string {
  return (
    `ERR The ${id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by ` +
    `specifying a proper ID, or use the > ID to get new messages. The ${id} ID would just return an empty result set.`
  );
}
