/** What the commands on lists share: the check of the key's type, ends by their words, and taking from an end. */
import { KeyType, type ListEnd } from '../../core/contract.ts';
import type { Slice } from '../../core/slice.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call } from '../table.ts';

/** True if the key is a list, false if it is absent; undefined after WRONGTYPE. */
export function listAt(call: Call, index = 1): boolean | undefined {
  const type = call.db.typeOf(call.args[index]);
  if (type === KeyType.list) return true;
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** For reads: as listAt(), and counts the hit or miss. */
export function readList(call: Call, index = 1): boolean | undefined {
  const found = listAt(call, index);
  if (found === false) call.services.statistics.keyspaceMisses++;
  else call.services.statistics.keyspaceHits++;
  return found;
}

/** LEFT or RIGHT; undefined without an answer. */
export function endOf(word: Slice): ListEnd | undefined {
  if (word.isWord('left')) return 'head';
  return word.isWord('right') ? 'tail' : undefined;
}

/** Where an index from the end, which is negative, is from the head; it may be out of range. */
export function fromHead(index: number, size: number): number {
  return index < 0 ? size + index : index;
}

/** Answers with up to `count` elements from one end of a list that is there, the first of that end first, and removes them. */
export function popAll({ db, reply }: { db: Call['db']; reply: Reply }, key: Slice, end: ListEnd, count: number): void {
  const size = db.lists.size(key);
  const taken = Math.min(count, size);
  reply.array(taken);
  db.lists.range(key, end === 'head' ? 0 : size - 1, taken, end === 'head' ? 1 : -1, (value) => {
    reply.bulk(value);
  });
  db.lists.removeRange(key, end === 'head' ? 0 : size - taken, taken);
}
