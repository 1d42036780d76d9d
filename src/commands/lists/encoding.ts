/**
 * How Redis would keep a list: as one listpack while that is small enough, else as a quicklist of several (t_list.c,
 * quicklist.c of Redis 7.4). The limit counts elements where it is positive; else it is one of five sizes in bytes.
 */
import type { Database } from '../../core/contract.ts';
import { parseInteger } from '../../core/integer.ts';
import type { Slice } from '../../core/slice.ts';

const BYTES_MAX = [4096, 8192, 16384, 32768, 65536];
/** Of a limit in elements. */
const LISTPACK_BYTES_MAX = 8192;
/** Header and end. */
const LISTPACK_FRAME_BYTES = 7;

export function listEncoding(db: Database, key: Slice, limit: number): 'listpack' | 'quicklist' {
  if (limit >= 0 && db.lists.size(key) > limit) return 'quicklist';
  const bytesMax = limit >= 0 ? LISTPACK_BYTES_MAX : BYTES_MAX[Math.min(-limit, BYTES_MAX.length) - 1];
  let bytes = LISTPACK_FRAME_BYTES;
  db.lists.range(key, 0, Number.POSITIVE_INFINITY, 1, (value) => {
    bytes += entryBytes(value);
    return bytes <= bytesMax;
  });
  return bytes <= bytesMax ? 'listpack' : 'quicklist';
}

/** Of a listpack: numbers in two's complement, or the bytes behind their length; and the way back over both. */
function entryBytes(value: Slice): number {
  const number = value.length <= 20 ? parseInteger(value.bytes, value.start, value.end) : undefined;
  const bytes = number === undefined ? textBytes(value.length) : integerBytes(number);
  return bytes + (bytes < 128 ? 1 : bytes < 16384 ? 2 : bytes < 2097152 ? 3 : bytes < 268435456 ? 4 : 5);
}

function textBytes(length: number): number {
  return length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
}

function integerBytes(number: number | bigint): number {
  if (number >= 0 && number < 128) return 1;
  if (number >= -4096 && number < 4096) return 2;
  if (number >= -(2 ** 15) && number < 2 ** 15) return 3;
  if (number >= -(2 ** 23) && number < 2 ** 23) return 4;
  return number >= -(2 ** 31) && number < 2 ** 31 ? 5 : 9;
}
