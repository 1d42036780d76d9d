/**
 * Geo commands. A position is the score of a member of a sorted set, so that all of their promises are those of sorted
 * sets: of positions that are written at the same time the later one shows.
 */
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { readZset } from '../zsets/access.ts';
import { addScores } from '../zsets/members.ts';
import { distanceText, positionArgument, unitArgument } from './arguments.ts';
import { distance, geohashOf, type Position, positionOf, scoreOf } from './cells.ts';
import { answerPosition, searchCommands } from './search.ts';

function runGeoadd(call: Call): void {
  const { args, argc, reply } = call;
  const options = { nx: false, xx: false, gt: false, lt: false, ch: false };
  let first = 2;
  for (; first < argc; first++) {
    if (args[first].isWord('nx')) options.nx = true;
    else if (args[first].isWord('xx')) options.xx = true;
    else if (args[first].isWord('ch')) options.ch = true;
    else break;
  }
  const left = argc - first;
  if (left === 0 || left % 3 !== 0 || (options.nx && options.xx)) {
    reply.error(Errors.syntax);
    return;
  }
  const scores: number[] = [];
  for (let i = first; i < argc; i += 3) {
    const position = positionArgument(call, i);
    if (position === undefined) return;
    scores.push(scoreOf(position));
  }
  addScores(call, options, scores, (place) => first + 3 * place + 2);
}

/** Null where it is no member. */
function positionAt({ args, db }: Call, index: number): Position | null {
  const score = db.zsets.score(args[1], args[index]);
  return Number.isNaN(score) ? null : positionOf(score);
}

function runGeodist(call: Call): void {
  const { argc, reply } = call;
  if (argc > 5) {
    reply.error(Errors.syntax);
    return;
  }
  const unit = argc === 5 ? unitArgument(call, 4) : 1;
  if (unit === undefined) return;
  const found = readZset(call);
  if (found === undefined) return;
  const one = found ? positionAt(call, 2) : null;
  const other = found ? positionAt(call, 3) : null;
  if (one === null || other === null) reply.nil();
  else reply.bulkText(distanceText(distance(one, other) / unit));
}

function runGeohash(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = readZset(call);
  if (found === undefined) return;
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    const score = found ? db.zsets.score(args[1], args[i]) : Number.NaN;
    if (Number.isNaN(score)) reply.nil();
    else reply.bulkText(geohashOf(score));
  }
}

function runGeopos(call: Call): void {
  const found = readZset(call);
  if (found === undefined) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) {
    const position = found ? positionAt(call, i) : null;
    if (position === null) call.reply.nilArray();
    else answerPosition(call.reply, position);
  }
}

export const geoCommands: readonly Command[] = [
  redisEntry('geoadd', runGeoadd),
  redisEntry('geodist', runGeodist),
  redisEntry('geohash', runGeohash),
  redisEntry('geopos', runGeopos),
  ...searchCommands,
];
