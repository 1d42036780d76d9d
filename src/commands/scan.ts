/**
 * SCAN, and what it shares with HSCAN and SSCAN: the cursor, the options, and the filter by pattern. The core gives
 * the guarantee itself: an element that is there from the first call to the last is returned.
 */
import { KEY_TYPE_NAMES } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';
import { numberArgument } from './arguments.ts';
import { matchGlob } from './glob.ts';
import { Errors, type Reply } from './reply.ts';
import type { Call } from './table.ts';

/** As in Redis: how much one call looks at, when the client does not say. */
const COUNT_DEFAULT = 10;
const CURSOR_MAX = 2n ** 64n - 1n;
const ASTERISK = 0x2a;

/** What is scanned decides which options there are: TYPE for the keyspace, NOVALUES for hashes. */
export type Scanned = 'keys' | 'hash' | 'elements';

export interface ScanOptions {
  count: number;
  /** Null where everything matches. */
  pattern: Slice | null;
  type: Slice | null;
  noValues: boolean;
}

/**
 * The cursor that a client sends back; undefined with the error written. Cursors that nobody gave out end the scan.
 * What strtoul takes is taken: signs, leading zeros, nothing at all.
 */
export function scanCursor(call: Call, index: number): number | undefined {
  const text = call.args[index].latin1();
  if (text === '') return 0;
  const match = /^([+-]?)0*(\d{1,20})$/.exec(text);
  const size = match === null ? CURSOR_MAX + 1n : BigInt(match[2]);
  if (size <= CURSOR_MAX) return Number(match?.[1] === '-' ? BigInt.asUintN(64, -size) : size);
  call.reply.error('ERR invalid cursor');
  return undefined;
}

/** The options from argument `first` to the end; undefined with the error written. */
export function scanOptions(call: Call, first: number, scanned: Scanned): ScanOptions | undefined {
  const { args, argc, reply } = call;
  const options: ScanOptions = { count: COUNT_DEFAULT, pattern: null, type: null, noValues: false };
  for (let i = first; i < argc; i++) {
    const option = args[i];
    const hasValue = i + 1 < argc;
    if (option.isWord('count') && hasValue) {
      const count = numberArgument(call, ++i);
      if (count === undefined) return undefined;
      if (count < 1) return refuse(call, Errors.syntax);
      options.count = count;
    } else if (option.isWord('match') && hasValue) {
      const pattern = args[++i];
      options.pattern = matchesAll(pattern) ? null : pattern;
    } else if (option.isWord('type') && hasValue && scanned === 'keys') {
      options.type = args[++i];
    } else if (option.isWord('novalues')) {
      if (scanned !== 'hash') return refuse(call, 'ERR NOVALUES option can only be used in HSCAN');
      options.noValues = true;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return options;
}

function refuse(call: Call, error: string): undefined {
  call.reply.error(error);
  return undefined;
}

/** HSCAN or SSCAN of a key that is not there: Redis answers before it looks at the options. */
export function emptyScan(reply: Reply): void {
  reply.array(2);
  reply.bulkText('0');
  reply.array(0);
}

/** True for the one pattern that Redis treats as no pattern at all, so that it matches the empty name too. */
export function matchesAll(pattern: Slice): boolean {
  return pattern.length === 1 && pattern.bytes[pattern.start] === ASTERISK;
}

/** Whether a scanned name passes MATCH. */
export function passes(pattern: Slice | null, name: Slice): boolean {
  if (pattern === null) return true;
  return matchGlob(pattern.bytes, pattern.start, pattern.end, name.bytes, name.start, name.end, false);
}

/** SCAN. A TYPE that no key has, known or not, returns no keys. */
export function scanKeys(call: Call): void {
  const cursor = scanCursor(call, 1);
  if (cursor === undefined) return;
  const options = scanOptions(call, 2, 'keys');
  if (options === undefined) return;
  const { db, reply } = call;
  const found: Buffer[] = [];
  const next = db.scan(cursor, options.count, (key, type) => {
    if (options.type !== null && !options.type.isWord(KEY_TYPE_NAMES[type])) return;
    if (passes(options.pattern, key)) found.push(key.copy());
  });
  reply.array(2);
  reply.bulkText(String(next));
  reply.array(found.length);
  for (const key of found) reply.bulkBytes(key);
}
