/** Members of sorted sets in no order: ZRANDMEMBER and ZSCAN. */
import { Slice } from '../../core/slice.ts';
import { formatDouble } from '../double.ts';
import { drawCount, drawn, PAIRS_DRAWN_MAX } from '../hashes.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import { emptyScan, passes, scanCursor, scanOptions } from '../scan.ts';
import type { Call, Command } from '../table.ts';
import { openMembers, readZset, type Scored, writeMember } from './access.ts';

const member = new Slice();

function runZrandmember(call: Call): void {
  const { args, argc, db, reply, services } = call;
  const single = argc === 2;
  const count = single ? 1 : drawCount(call, 2);
  if (count === undefined) return;
  const withScores = argc === 4;
  if (argc > 4 || (withScores && !args[3].isWord('withscores'))) {
    reply.error(Errors.syntax);
    return;
  }
  if (withScores && (count > PAIRS_DRAWN_MAX || count < -PAIRS_DRAWN_MAX)) {
    reply.error('ERR value is out of range');
    return;
  }
  const found = readZset(call);
  if (found === undefined) return;
  if (single) {
    if (found && !Number.isNaN(db.zsets.random(args[1], services.random, member))) reply.bulk(member);
    else reply.nil();
    return;
  }
  if (found && count < 0) {
    // one by one: there may be more than fit anywhere
    openMembers(reply, -Number(count), withScores);
    for (let left = -Number(count); left > 0; left--) {
      const score = db.zsets.random(args[1], services.random, member);
      writeMember(reply, member, score, withScores);
    }
    return;
  }
  const picked = found ? pick(call, Number(count)) : [];
  openMembers(reply, picked.length, withScores);
  for (const { member: bytes, score } of picked)
    writeMember(reply, member.set(bytes, 0, bytes.length), score, withScores);
}

/** `count` different members. */
function pick({ args, db, services }: Call, count: number): Scored[] {
  const picked: Scored[] = [];
  if (count > 0) db.zsets.forEach(args[1], (each, score) => picked.push({ member: each.copy(), score }));
  return drawn(picked, count, services.random);
}

function runZscan(call: Call): void {
  const { args, db, reply } = call;
  const cursor = scanCursor(call, 2);
  if (cursor === undefined) return;
  const found = readZset(call);
  if (found === undefined) return;
  if (!found) {
    emptyScan(reply);
    return;
  }
  const options = scanOptions(call, 3, 'elements');
  if (options === undefined) return;
  const page: Scored[] = [];
  const next = db.zsets.scan(args[1], cursor, options.count, (each, score) => {
    if (passes(options.pattern, each)) page.push({ member: each.copy(), score });
  });
  reply.array(2);
  reply.bulkText(String(next));
  reply.array(page.length * 2);
  for (const { member: bytes, score } of page) {
    reply.bulkBytes(bytes);
    reply.bulkText(formatDouble(score));
  }
}

export const drawCommands: readonly Command[] = [
  redisEntry('zrandmember', runZrandmember),
  redisEntry('zscan', runZscan),
];
