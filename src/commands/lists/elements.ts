/** Commands on the elements of lists, by index or by value. */
import { INT64_MIN } from '../../core/integer.ts';
import { Slice } from '../../core/slice.ts';
import { integerArgument, numberArgument, rangedArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { fromHead, listAt, readList } from './access.ts';

const value = new Slice();

function runLlen(call: Call): void {
  const found = readList(call);
  if (found !== undefined) call.reply.integer(found ? call.db.lists.size(call.args[1]) : 0);
}

function runLindex(call: Call): void {
  const { args, db, reply } = call;
  const found = readList(call);
  if (found === undefined) return;
  const index = found ? numberArgument(call, 2) : -1;
  if (index === undefined) return;
  if (found && db.lists.at(args[1], fromHead(index, db.lists.size(args[1])), value)) reply.bulk(value);
  else reply.nil();
}

function runLrange(call: Call): void {
  const { args, db, reply } = call;
  const start = numberArgument(call, 2);
  const end = start === undefined ? undefined : numberArgument(call, 3);
  if (start === undefined || end === undefined) return;
  const found = readList(call);
  if (found === undefined) return;
  const size = found ? db.lists.size(args[1]) : 0;
  const first = Math.max(0, fromHead(start, size));
  const count = Math.max(0, Math.min(fromHead(end, size), size - 1) - first + 1);
  reply.array(count);
  if (count === 0) return;
  db.lists.range(args[1], first, count, 1, (element) => {
    reply.bulk(element);
  });
}

function runLset(call: Call): void {
  const { args, db, reply } = call;
  const found = listAt(call);
  if (found === undefined) return;
  if (!found) {
    reply.error(Errors.noSuchKey);
    return;
  }
  const index = numberArgument(call, 2);
  if (index === undefined) return;
  if (db.lists.assign(args[1], fromHead(index, db.lists.size(args[1])), args[3])) reply.ok();
  else reply.error(Errors.outOfRange);
}

function runLinsert(call: Call): void {
  const { args, db, reply } = call;
  const isAfter = args[2].isWord('after');
  if (!isAfter && !args[2].isWord('before')) {
    reply.error(Errors.syntax);
    return;
  }
  const found = listAt(call);
  if (found === undefined) return;
  if (!found) {
    reply.integer(0);
    return;
  }
  const [pivot] = placesOf(call, args[3], { step: 1, rank: 1, count: 1, lengthMax: Number.POSITIVE_INFINITY });
  if (pivot === undefined) {
    reply.integer(-1);
    return;
  }
  db.lists.insert(args[1], pivot, isAfter ? 'after' : 'before', args[4]);
  reply.integer(db.lists.size(args[1]));
}

function runLrem(call: Call): void {
  const { args, db, reply } = call;
  const count = signedArgument(call, 2);
  if (count === undefined) return;
  const found = listAt(call);
  if (found === undefined) return;
  const wanted = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const places = found
    ? placesOf(call, args[3], { step: count < 0 ? -1 : 1, rank: 1, count: wanted, lengthMax: Number.POSITIVE_INFINITY })
    : [];
  // from the last one on, so that indexes stay what they are
  if (count >= 0) places.reverse();
  for (const place of places) db.lists.removeRange(args[1], place, 1);
  reply.integer(places.length);
}

function runLtrim(call: Call): void {
  const { args, db, reply } = call;
  const start = numberArgument(call, 2);
  const end = start === undefined ? undefined : numberArgument(call, 3);
  if (start === undefined || end === undefined) return;
  const found = listAt(call);
  if (found === undefined) return;
  if (found) {
    const size = db.lists.size(args[1]);
    const first = Math.max(0, fromHead(start, size));
    const kept = Math.max(0, Math.min(fromHead(end, size), size - 1) - first + 1);
    if (kept === 0) db.lists.removeRange(args[1], 0, size);
    else {
      db.lists.removeRange(args[1], first + kept, size);
      db.lists.removeRange(args[1], 0, first);
    }
  }
  reply.ok();
}

interface Search {
  /** From the head, or −1: from the tail. */
  readonly step: 1 | -1;
  /** How many-th match is the first that counts. */
  readonly rank: number;
  readonly count: number;
  /** How many elements are looked at. */
  readonly lengthMax: number;
}

/** Indexes of the elements of args[1], a list that is there, that are these bytes. */
function placesOf({ args, db }: Call, bytes: Slice, { step, rank, count, lengthMax }: Search): number[] {
  const places: number[] = [];
  const size = db.lists.size(args[1]);
  let index = step === 1 ? 0 : size - 1;
  let matches = 0;
  db.lists.range(args[1], index, lengthMax, step, (element) => {
    if (element.equals(bytes) && ++matches >= rank) places.push(index);
    index += step;
    return places.length < count;
  });
  return places;
}

interface PositionOptions {
  rank: number;
  /** Undefined: the first match alone, not in an array. 0: all. */
  count: number | undefined;
  lengthMax: number;
}

function runLpos(call: Call): void {
  const { args, reply } = call;
  const options = positionOptions(call);
  if (options === undefined) return;
  const found = readList(call);
  if (found === undefined) return;
  const { rank, count, lengthMax } = options;
  const places = found
    ? placesOf(call, args[2], {
        step: rank < 0 ? -1 : 1,
        rank: Math.abs(rank),
        count: count === 0 ? Number.POSITIVE_INFINITY : (count ?? 1),
        lengthMax: lengthMax === 0 ? Number.POSITIVE_INFINITY : lengthMax,
      })
    : [];
  if (count !== undefined) {
    reply.array(places.length);
    for (const place of places) reply.integer(place);
  } else if (places.length > 0) reply.integer(places[0]);
  else reply.nil();
}

function positionOptions(call: Call): PositionOptions | undefined {
  const { args, argc, reply } = call;
  const options: PositionOptions = { rank: 1, count: undefined, lengthMax: 0 };
  for (let i = 3; i < argc; i += 2) {
    if (i + 1 >= argc || !['rank', 'count', 'maxlen'].some((word) => args[i].isWord(word))) {
      reply.error(Errors.syntax);
      return undefined;
    }
    if (args[i].isWord('rank')) {
      const rank = signedArgument(call, i + 1);
      if (rank === undefined) return undefined;
      if (rank === 0) {
        reply.error(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
            'or use negative to start from the end of the list',
        );
        return undefined;
      }
      options.rank = rank;
      continue;
    }
    const isCount = args[i].isWord('count');
    const error = `ERR ${isCount ? 'COUNT' : 'MAXLEN'} can't be negative`;
    const given = rangedArgument(call, i + 1, 0, Number.POSITIVE_INFINITY, error);
    if (given === undefined) return undefined;
    if (isCount) options.count = given;
    else options.lengthMax = given;
  }
  return options;
}

/** A number whose opposite is one too. */
function signedArgument(call: Call, index: number): number | undefined {
  const given = integerArgument(call, index);
  if (given !== INT64_MIN) return given === undefined ? undefined : Number(given);
  call.reply.error('ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807');
  return undefined;
}

export const elementCommands: readonly Command[] = [
  redisEntry('lindex', runLindex),
  redisEntry('linsert', runLinsert),
  redisEntry('llen', runLlen),
  redisEntry('lpos', runLpos),
  redisEntry('lrange', runLrange),
  redisEntry('lrem', runLrem),
  redisEntry('lset', runLset),
  redisEntry('ltrim', runLtrim),
];
