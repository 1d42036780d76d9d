/**
 * SORT and SORT_RO: the elements of a list, set or sorted set in an order of the caller's, which may come from other keys
 * (BY), as may what is answered (GET). A pattern names a key by the element in place of its `*`, and with `->` a field there.
 */
import { type Database, KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { mayReadAllKeys } from './acl/permission.ts';
import { numberArgument, parseDouble } from './arguments.ts';
import { redisEntry } from './metadata/entry.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const NOT_A_SCORE = "ERR One or more scores can't be converted into double";
const STAR = 0x2a;
const HASH_SIGN = 0x23;
const ARROW = Buffer.from('->');
const NOTHING = Buffer.alloc(0);

interface SortOptions {
  alphabetic: boolean;
  descending: boolean;
  from: number;
  /** Negative: all. */
  count: number;
  /** Null: by the element itself. */
  by: Buffer | null;
  /** BY with a pattern that names no element: as they stand. */
  unsorted: boolean;
  readonly get: Buffer[];
  /** The argument with the key for the result; 0: none. */
  store: number;
}

/** An element, with what it is sorted by. */
interface Weighed {
  readonly element: Buffer;
  readonly score: number;
  readonly text: Buffer | null;
}

function runSort(call: Call): void {
  const { args, db, reply } = call;
  const options = parseOptions(call);
  if (options === undefined) return;
  const type = db.typeOf(args[1]);
  countLookup(call, type !== KeyType.none);
  const elements = elementsOf(db, args[1], type);
  if (elements === undefined) {
    reply.error(Errors.wrongType);
    return;
  }
  // a set has no order of its own: neither what is stored nor what a script does must depend on that
  const lasts = options.store > 0 || call.client.caller !== null;
  const settled = options.unsorted && type === KeyType.set && lasts;
  const ordered = inOrder(call, elements, settled ? { ...options, alphabetic: true, unsorted: false } : options);
  if (ordered === undefined) return;
  const results = resultsOf(call, page(ordered, options), options.get);
  if (options.store > 0) store(call, options.store, results);
  else {
    reply.array(results.length);
    for (const result of results) {
      if (result === null) reply.nil();
      else reply.bulkBytes(result);
    }
  }
}

/** What can be sorted; undefined for what cannot. */
function elementsOf(db: Database, key: Slice, type: KeyType): Buffer[] | undefined {
  const elements: Buffer[] = [];
  const take = (element: Slice) => elements.push(element.copy());
  if (type === KeyType.list)
    db.lists.range(key, 0, db.lists.size(key), 1, (element) => {
      take(element);
    });
  else if (type === KeyType.set) db.sets.forEach(key, take);
  else if (type === KeyType.zset) db.zsets.range(key, 0, db.zsets.size(key), 1, take);
  else if (type !== KeyType.none) return undefined;
  return elements;
}

/** Undefined after an error. */
function parseOptions(call: Call): SortOptions | undefined {
  const { args, argc, client, command, reply } = call;
  const options: SortOptions = {
    ...{ alphabetic: false, descending: false, from: 0, count: -1, by: null, unsorted: false, store: 0 },
    get: [],
  };
  const mayFollow = (word: string) => {
    if (client.user.unrestricted || mayReadAllKeys(client.user, command, args, argc)) return true;
    reply.error(`ERR ${word} option of SORT denied due to insufficient ACL permissions.`);
    return false;
  };
  for (let i = 2; i < argc; i++) {
    const more = argc - 1 - i;
    if (args[i].isWord('asc')) options.descending = false;
    else if (args[i].isWord('desc')) options.descending = true;
    else if (args[i].isWord('alpha')) options.alphabetic = true;
    else if (args[i].isWord('limit') && more >= 2) {
      const from = numberArgument(call, i + 1);
      const count = from === undefined ? undefined : numberArgument(call, i + 2);
      if (from === undefined || count === undefined) return undefined;
      options.from = Math.max(0, from);
      options.count = count;
      i += 2;
    } else if (command.name === 'sort' && args[i].isWord('store') && more >= 1) options.store = ++i;
    else if (args[i].isWord('by') && more >= 1) {
      options.by = args[++i].copy();
      if (!options.by.includes(STAR)) options.unsorted = true;
      else if (!mayFollow('BY')) return undefined;
    } else if (args[i].isWord('get') && more >= 1) {
      if (!mayFollow('GET')) return undefined;
      options.get.push(args[++i].copy());
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return options;
}

/** Undefined after an error. */
function inOrder(call: Call, elements: Buffer[], options: SortOptions): Buffer[] | undefined {
  const { alphabetic, descending, unsorted } = options;
  // a set has no order to turn round
  if (unsorted) return descending && call.db.typeOf(call.args[1]) !== KeyType.set ? elements.reverse() : elements;
  const by = options.by?.includes(STAR) ? options.by : null;
  const weighed: Weighed[] = [];
  let wrong = false;
  for (const element of elements) {
    const text = by === null ? element : follow(call, by, element);
    const score = alphabetic || text === null ? 0 : scoreOf(text);
    wrong ||= score === undefined;
    weighed.push({ element, text, score: score ?? 0 });
  }
  if (wrong) {
    call.reply.error(NOT_A_SCORE);
    return undefined;
  }
  const sign = descending ? -1 : 1;
  // of equals the element decides, so that all nodes have one order
  weighed.sort(
    (a, b) => sign * ((alphabetic ? compareTexts(a, b) : compareScores(a, b)) || a.element.compare(b.element)),
  );
  return weighed.map(({ element }) => element);
}

/** As strtod() reads it: an empty text is 0, blanks may stand ahead. */
function scoreOf(text: Buffer): number | undefined {
  const trimmed = text.toString('latin1').replace(/^[ \t\n\v\f\r]+/, '');
  if (trimmed === '') return text.length === 0 ? 0 : undefined;
  return parseDouble(new Slice(Buffer.from(trimmed, 'latin1')));
}

/** Infinities are equal to themselves, which a difference would not tell. */
function compareScores({ score: a }: Weighed, { score: b }: Weighed): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** What is not there comes first. */
function compareTexts({ text: a }: Weighed, { text: b }: Weighed): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return a.compare(b);
}

function page(ordered: Buffer[], { from, count }: SortOptions): Buffer[] {
  return count < 0 ? ordered.slice(from) : ordered.slice(from, from + count);
}

function resultsOf(call: Call, elements: Buffer[], patterns: readonly Buffer[]): (Buffer | null)[] {
  if (patterns.length === 0) return elements;
  return elements.flatMap((element) => patterns.map((pattern) => follow(call, pattern, element)));
}

/** What stands under the key, or in the field, that a pattern names for an element; null: nothing does. */
function follow(call: Call, pattern: Buffer, element: Buffer): Buffer | null {
  if (pattern.length === 1 && pattern[0] === HASH_SIGN) return element;
  const star = pattern.indexOf(STAR);
  if (star < 0) return null;
  const arrow = pattern.indexOf(ARROW, star + 1);
  const hasField = arrow >= 0 && arrow + ARROW.length < pattern.length;
  const end = hasField ? arrow : pattern.length;
  const key = new Slice(Buffer.concat([pattern.subarray(0, star), element, pattern.subarray(star + 1, end)]));
  const found = new Slice();
  const { db } = call;
  const type = db.typeOf(key);
  countLookup(call, type !== KeyType.none);
  if (hasField) {
    const field = new Slice(pattern, arrow + ARROW.length, pattern.length);
    return type === KeyType.hash && db.hashes.get(key, field, found) ? found.copy() : null;
  }
  return type === KeyType.string && db.strings.read(key, found) === KeyType.string ? found.copy() : null;
}

function countLookup({ services: { statistics } }: Call, found: boolean): void {
  if (found) statistics.keyspaceHits++;
  else statistics.keyspaceMisses++;
}

/** The result, as a list, takes the place of what is under the key; without one nothing is there afterwards. */
function store({ args, db, reply }: Call, index: number, results: readonly (Buffer | null)[]): void {
  const key = args[index];
  db.remove(key);
  const value = new Slice();
  for (const result of results) {
    const bytes = result ?? NOTHING;
    db.lists.push(key, 'tail', value.set(bytes, 0, bytes.length));
  }
  reply.integer(results.length);
}

/** Where STORE is among the options: the last one counts. */
function storeKey(args: readonly Slice[], argc: number): number {
  let found = 0;
  for (let i = 2; i < argc; i++) {
    if (args[i].isWord('limit')) i += 2;
    else if (args[i].isWord('get') || args[i].isWord('by')) i++;
    else if (args[i].isWord('store') && i + 1 < argc) found = ++i;
  }
  return found;
}

export const sortCommands: readonly Command[] = [
  {
    ...redisEntry('sort', runSort),
    keys: {
      shown: [1, 1, 1],
      find(args, argc, into) {
        into.push(1);
        const position = storeKey(args, argc);
        if (position > 0) into.push(position);
      },
      flagsOf: (position) => (position === 1 ? ['RO', 'access'] : ['OW', 'update']),
    },
  },
  {
    ...redisEntry('sort_ro', runSort),
    keys: { shown: [1, 1, 1], find: (_args, _argc, into) => into.push(1), flagsOf: () => ['RO', 'access'] },
  },
];
