/** What the commands on sorted sets share: the check of the key's type, and replies of members with scores. */
import { KeyType } from '../../core/contract.ts';
import type { Slice } from '../../core/slice.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call } from '../table.ts';

/** True if the key is a sorted set, false if it is absent; undefined after WRONGTYPE. */
export function zsetAt(call: Call, index = 1): boolean | undefined {
  const type = call.db.typeOf(call.args[index]);
  if (type === KeyType.zset) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For reads: as zsetAt(), and counts the hit or miss. */
export function readZset(call: Call, index = 1): boolean | undefined {
  const found = zsetAt(call, index);
  if (found === false) call.services.statistics.keyspaceMisses++;
  else call.services.statistics.keyspaceHits++;
  return found;
}

/** Opens an array of members, with their scores or without: in RESP3 pairs are arrays of two, in RESP2 they are flat. */
export function openMembers(reply: Reply, count: number, withScores: boolean): void {
  reply.array(withScores && reply.protocol === 2 ? count * 2 : count);
}

export function writeMember(reply: Reply, member: Slice, score: number, withScores: boolean): void {
  if (withScores && reply.protocol === 3) reply.array(2);
  reply.bulk(member);
  if (withScores) reply.double(score);
}

/** A member taken out of the database, with its score. */
export interface Scored {
  readonly member: Buffer;
  readonly score: number;
}

/** By score, and by bytes among members of one score. */
export function inOrder(one: Scored, other: Scored): number {
  if (one.score !== other.score) return one.score < other.score ? -1 : 1;
  return one.member.compare(other.member);
}

/** Replaces what is under args[index] by these members; nothing is there afterwards if there are none. */
export function storeMembers(call: Call, index: number, members: readonly Scored[], slice: Slice): void {
  const { args, db } = call;
  if (db.typeOf(args[index]) !== KeyType.none) db.remove(args[index]);
  for (const { member, score } of members) db.zsets.assign(args[index], slice.set(member, 0, member.length), score);
}
