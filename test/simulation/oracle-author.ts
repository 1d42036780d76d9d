/**
 * What the author of a txn saw, command by command, and the effects that follow from it, for the oracle (oracle.ts).
 * Times to live are effects of their own: what a command does to one stands with the command.
 */
import { isNumber, type Oracle, PARTS, type Part, type Shown, type SpecifiedTxn, type View } from './oracle.ts';
import type { Place } from './oracle-lists.ts';
import { sketched, sketchOf } from './oracle-sketches.ts';
import { StreamAuthor } from './oracle-stream-author.ts';

/** What the words of commands mean, in milliseconds. */
const MOMENTS: Record<string, { ms: number; fromNow: boolean }> = {
  EX: { ms: 1000, fromNow: true },
  PX: { ms: 1, fromNow: true },
  PXAT: { ms: 1, fromNow: false },
};
const UNITS: Record<string, string> = {
  EXPIRE: 'EX',
  PEXPIRE: 'PX',
  PEXPIREAT: 'PXAT',
  HPEXPIRE: 'PX',
  HPEXPIREAT: 'PXAT',
};
/** What these do and leave does not depend on what is there. */
const ABSOLUTE = new Set([
  'DEL',
  'UNLINK',
  'MSET',
  'SETEX',
  'PSETEX',
  'FLUSHDB',
  'GET',
  'HGETALL',
  'SMEMBERS',
  'LRANGE',
  'ZRANGE',
  'XLEN',
  'XRANGE',
]);

const CONDITIONS = new Set(['NX', 'XX', 'GET', 'KEEPTTL']);

/** Where the key stands that is written to, if it is not the first word. */
const TARGETS: Readonly<Record<string, number>> = { SMOVE: 1, RENAME: 1, RENAMENX: 1, COPY: 1, LMOVE: 1, RPOPLPUSH: 1 };

/** One command of a txn: what its author saw, and the effects that follow. */
export class Author {
  private readonly oracle: Oracle;
  private readonly txn: SpecifiedTxn;
  private readonly view: View;
  /** By key, what its author saw after so many effects. */
  private readonly seen = new Map<string, { effects: number; shown: Shown | null }>();

  constructor(oracle: Oracle, txn: SpecifiedTxn, view: View) {
    this.oracle = oracle;
    this.txn = txn;
    this.view = view;
  }

  run([command, ...words]: readonly string[]): void {
    const doubtful = this.oracle.keys().filter((each) => words.includes(each) && this.isDoubtful(each));
    this.perform(command, words);
    const absolute = ABSOLUTE.has(command) || (command === 'SET' && !words.some((word) => CONDITIONS.has(word)));
    if (doubtful.length > 0 && !absolute) for (const each of this.keysAmong(command, words)) this.doubt(each);
  }

  /** Where nothing shows there may be something as well: what was written in doubt. */
  private isDoubtful(key: string): boolean {
    return this.shown(key)?.doubtful === true || this.oracle.left(key, this.view).some(({ kind }) => kind === 'doubt');
  }

  private perform(command: string, words: readonly string[]): void {
    const [key] = words;
    switch (command) {
      case 'SET':
        this.set(key, words[1], words.slice(2));
        return;
      case 'GETSET':
        if (this.isFree(key, 'string')) this.write(key, words[1]);
        return;
      case 'MSET':
        for (let i = 0; i < words.length; i += 2) this.write(words[i], words[i + 1]);
        return;
      case 'APPEND':
        if (this.isFree(key, 'string')) this.write(key, this.text(key) + words[1], this.endOf(key));
        return;
      case 'SETRANGE':
        this.setRange(key, Number(words[1]), words[2]);
        return;
      case 'INCRBY':
      case 'INCRBYFLOAT':
        this.increment(key, 'string', '', words[1], command === 'INCRBY');
        return;
      case 'DECRBY':
        this.increment(key, 'string', '', String(-Number(words[1])), true);
        return;
      case 'PFADD':
        this.addToSketch(key, words.slice(1));
        return;
      case 'PFMERGE':
        this.mergeSketches(key, words);
        return;
      case 'GETDEL':
        if (this.typeOf(key) === 'string') this.clear(key);
        return;
      case 'DEL':
      case 'UNLINK':
        for (const each of words) this.clear(each);
        return;
      case 'SETEX':
      case 'PSETEX':
        this.write(key, words[2], this.momentOf(command === 'SETEX' ? 'EX' : 'PX', words[1]));
        return;
      case 'GETEX':
        if (this.typeOf(key) === 'string') this.setEnd(key, words[1], words[2]);
        return;
      case 'EXPIRE':
      case 'PEXPIRE':
      case 'PEXPIREAT':
        this.expire(key, this.momentOf(UNITS[command], words[1]), words.slice(2));
        return;
      case 'PERSIST':
        this.startAfresh(key);
        this.setEnd(key, 'PERSIST', '');
        return;
      case 'HSET':
        if (!this.isFree(key, 'hash')) return;
        for (let i = 1; i < words.length; i += 2) this.assign(key, 'hash', words[i], words[i + 1]);
        return;
      case 'HPEXPIRE':
      case 'HPEXPIREAT':
        this.expireFields(key, this.momentOf(UNITS[command], words[1]), words.slice(2));
        return;
      case 'HPERSIST':
        for (const field of words.slice(3)) this.persistField(key, field);
        return;
      case 'HSETNX':
        if (this.isFree(key, 'hash') && !this.elements(key).has(words[1])) this.assign(key, 'hash', words[1], words[2]);
        return;
      case 'HINCRBY':
      case 'HINCRBYFLOAT':
        this.increment(key, 'hash', words[1], words[2], command === 'HINCRBY');
        return;
      case 'HDEL':
        if (this.typeOf(key) === 'hash') this.removeEach(key, 'hash', words.slice(1));
        return;
      case 'SADD':
        if (!this.isFree(key, 'set')) return;
        for (const member of words.slice(1)) this.assign(key, 'set', member, '');
        return;
      case 'SREM':
        if (this.typeOf(key) === 'set') this.removeEach(key, 'set', words.slice(1));
        return;
      case 'SMOVE':
        this.moveMember(key, words[1], words[2]);
        return;
      case 'SUNIONSTORE':
      case 'SINTERSTORE':
      case 'SDIFFSTORE':
        this.storeSet(command, key, words.slice(1));
        return;
      case 'LPUSH':
      case 'RPUSH':
        if (!this.isFree(key, 'list')) return;
        for (const value of words.slice(1)) this.push(key, command === 'LPUSH' ? 'head' : 'tail', value);
        return;
      case 'LPOP':
      case 'RPOP':
        if (this.typeOf(key) === 'list')
          this.removeFrom(key, [this.endmost(key, command === 'LPOP' ? 'LEFT' : 'RIGHT')]);
        return;
      case 'LSET':
        this.setElement(key, Number(words[1]), words[2]);
        return;
      case 'LINSERT':
        if (this.typeOf(key) === 'list') this.insert(key, words[1] === 'AFTER', words[2], words[3]);
        return;
      case 'LREM':
        if (this.typeOf(key) === 'list')
          this.removeFrom(key, this.named(key, words[2]).slice(...chosen(Number(words[1]))));
        return;
      case 'LTRIM': {
        if (this.typeOf(key) !== 'list') return;
        const names = [...this.elements(key).keys()];
        const end = Number(words[2]);
        const kept = new Set(names.slice(Number(words[1]), end === -1 ? names.length : end + 1));
        this.removeFrom(
          key,
          names.filter((name) => !kept.has(name)),
        );
        return;
      }
      case 'LMOVE':
        this.moveElement(key, words[1], words[2], words[3]);
        return;
      case 'RPOPLPUSH':
        this.moveElement(key, words[1], 'RIGHT', 'LEFT');
        return;
      case 'ZADD':
        if (!this.isFree(key, 'zset')) return;
        for (let i = 1; i < words.length; i += 2) this.assign(key, 'zset', words[i + 1], String(Number(words[i])));
        return;
      case 'ZINCRBY':
        this.increment(key, 'zset', words[2], words[1], false);
        return;
      case 'ZREM':
        if (this.typeOf(key) === 'zset') this.removeEach(key, 'zset', words.slice(1));
        return;
      case 'ZPOPMIN':
        if (this.typeOf(key) === 'zset') this.clear(key, 'zset', lowest(this.elements(key)));
        return;
      case 'XADD':
      case 'XDEL':
      case 'XTRIM':
      case 'XSETID':
      case 'XACK':
      case 'XCLAIM':
      case 'XLEN':
      case 'XRANGE':
        this.onStream(key, command, words.slice(1));
        return;
      case 'XGROUP':
        this.onStream(words[1], command, [key, ...words.slice(2)]);
        return;
      case 'XREADGROUP':
        this.onStream(words[words.length - 2], command, words);
        return;
      case 'RENAME':
        if (key !== words[1]) this.copy(key, words[1], true);
        return;
      case 'COPY':
        if (key !== words[1]) this.copy(key, words[1], false);
        return;
      case 'FLUSHDB':
        for (const each of this.oracle.keys()) if (this.oracle.countOf(each) > 0) this.clear(each);
        return;
      case 'GET':
      case 'PFCOUNT':
      case 'PTTL':
      case 'HPTTL':
      case 'HGETALL':
      case 'SMEMBERS':
      case 'LRANGE':
      case 'ZRANGE':
        return;
      default:
        throw new Error(`the oracle does not know ${command}`);
    }
  }

  // --- what the author saw

  private shown(key: string): Shown | null {
    const effects = this.oracle.countOf(key);
    const seen = this.seen.get(key);
    if (seen?.effects === effects) return seen.shown;
    const shown = this.oracle.shown(key, this.view);
    this.seen.set(key, { effects, shown });
    return shown;
  }

  private typeOf(key: string): Part | null {
    return this.shown(key)?.part ?? null;
  }

  private elements(key: string): ReadonlyMap<string, string> {
    return this.shown(key)?.elements ?? new Map();
  }

  private text(key: string): string {
    return this.elements(key).get('') ?? '';
  }

  private isFree(key: string, part: Part): boolean {
    const type = this.typeOf(key);
    return type === null || type === part;
  }

  // --- effects

  private place(): { txn: SpecifiedTxn; index: number } {
    return { txn: this.txn, index: indexes.next(this.txn) };
  }

  private assign(key: string, part: Part, element: string, value: string): void {
    this.changePart(key, part, () => {
      if (part === 'hash') this.startFieldAfresh(key, element);
      const repeats = part === 'set' ? this.oracle.memberSince(key, element, this.view) : undefined;
      this.oracle.note(key, { ...this.place(), kind: 'assign', part, element, value, repeats });
    });
  }

  /** What changes a part of a key gives what it adds the time to live of the rest, by setting that anew. */
  private changePart(key: string, part: Part, change: () => void): void {
    this.startAfresh(key);
    this.clearOthers(key, part);
    this.startAfresh(key);
    const endMs = this.endOf(key);
    change();
    if (Number.isFinite(endMs)) this.oracle.note(key, { ...this.place(), kind: 'end', field: null, ms: endMs });
  }

  /** A write to a key that has expired here removes what is left of it. */
  private startAfresh(key: string): void {
    if (this.typeOf(key) === null) this.clear(key);
  }

  /** As for keys: what is left of a field that has ended goes before a write. */
  private startFieldAfresh(key: string, field: string): void {
    if (!this.elements(key).has(field) && this.oracle.hasField(key, field, this.view)) this.clear(key, 'hash', field);
  }

  private endOf(key: string): number {
    return this.shown(key)?.endMs ?? Number.POSITIVE_INFINITY;
  }

  /** Rule 2, between types: a write to the one that shows removes those that hide under the key. */
  private clearOthers(key: string, part: Part): void {
    for (const other of PARTS) {
      if (other !== part && this.oracle.has(key, other, this.view)) this.clear(key, other);
    }
  }

  private clear(key: string, part: Part | null = null, element: string | null = null): void {
    this.oracle.note(key, { ...this.place(), kind: 'clear', part, element });
  }

  /** A whole string, over whatever is there. */
  private write(key: string, value: string, endMs = Number.POSITIVE_INFINITY): void {
    this.clear(key);
    this.oracle.note(key, { ...this.place(), kind: 'assign', part: 'string', element: '', value });
    if (Number.isFinite(endMs)) this.endAt(key, endMs);
  }

  /** A moment that has passed removes the key. */
  private endAt(key: string, ms: number): void {
    if (ms <= this.view.nowMs) this.clear(key);
    else this.oracle.note(key, { ...this.place(), kind: 'end', field: null, ms });
  }

  private endFieldAt(key: string, field: string, ms: number): void {
    if (ms <= this.view.nowMs) this.clear(key, 'hash', field);
    else this.oracle.note(key, { ...this.place(), kind: 'end', field, ms });
  }

  private doubt(key: string): void {
    this.oracle.note(key, { ...this.place(), kind: 'doubt' });
  }

  /** Those that are there, and the one that is written to. */
  private keysAmong(command: string, words: readonly string[]): string[] {
    const known = this.oracle.keys();
    const target = words[TARGETS[command] ?? 0];
    return [...new Set([...words.filter((word) => known.includes(word)), target])];
  }

  /** All of them, even if the first ones gone would let another type show. */
  private removeEach(key: string, part: Part, names: readonly string[]): void {
    const present = this.elements(key);
    for (const name of new Set(names)) {
      // of a field that has ended the removal is an effect all the same
      if (present.has(name) || (part === 'hash' && this.oracle.hasField(key, name, this.view)))
        this.clear(key, part, name);
    }
  }

  // --- commands that are more than an effect

  private set(key: string, value: string, options: readonly string[]): void {
    const type = this.typeOf(key);
    if (options.includes('GET') && type !== null && type !== 'string') return;
    if (options.includes('NX') && type !== null) return;
    if (options.includes('XX') && type === null) return;
    let endMs = Number.POSITIVE_INFINITY;
    const unit = options.findIndex((option) => option in MOMENTS);
    if (unit >= 0) endMs = this.momentOf(options[unit], options[unit + 1]);
    else if (options.includes('KEEPTTL')) endMs = this.endOf(key);
    this.write(key, value, endMs);
  }

  private momentOf(unit: string, amount: string): number {
    const moment = MOMENTS[unit];
    return Number(amount) * moment.ms + (moment.fromNow ? this.txn.nowMs : 0);
  }

  private expire(key: string, ms: number, conditions: readonly string[]): void {
    const shown = this.shown(key);
    if (shown === null) return;
    if (conditions.every((condition) => isMet(condition, shown.endMs, ms))) this.endAt(key, ms);
  }

  private expireFields(key: string, ms: number, words: readonly string[]): void {
    const [condition] = words[0] === 'FIELDS' ? [''] : words;
    for (const field of words.slice(condition === '' ? 2 : 3)) {
      const shown = this.shown(key);
      if (shown?.part !== 'hash' || !shown.elements.has(field)) continue;
      const before = shown.fieldEnds.get(field) ?? Number.POSITIVE_INFINITY;
      if (isMet(condition, before, ms)) this.endFieldAt(key, field, ms);
    }
  }

  private persistField(key: string, field: string): void {
    const shown = this.shown(key);
    if (shown?.part === 'hash' && shown.fieldEnds.has(field)) this.endFieldAt(key, field, Number.POSITIVE_INFINITY);
  }

  /** As GETEX says it. PERSIST is a time to live of its own, where there was one. */
  private setEnd(key: string, unit: string | undefined, amount: string): void {
    if (unit === undefined) return;
    if (unit !== 'PERSIST') this.endAt(key, this.momentOf(unit, amount));
    else if (Number.isFinite(this.endOf(key)))
      this.oracle.note(key, { ...this.place(), kind: 'end', field: null, ms: Number.POSITIVE_INFINITY });
  }

  private setRange(key: string, offset: number, value: string): void {
    if (!this.isFree(key, 'string') || value === '') return;
    const old = this.text(key).padEnd(offset, '\0');
    this.write(key, old.slice(0, offset) + value + old.slice(offset + value.length), this.endOf(key));
  }

  private increment(key: string, part: Part, element: string, by: string, whole: boolean): void {
    if (!this.isFree(key, part)) return;
    const old = this.elements(key).get(element);
    if (old !== undefined && !(whole ? isInteger(old) : isNumber(old))) return;
    this.changePart(key, part, () => {
      if (part === 'hash') this.startFieldAfresh(key, element);
      const endMs = part === 'hash' ? this.shown(key)?.fieldEnds.get(element) : undefined;
      this.oracle.note(key, { ...this.place(), kind: 'add', part, element, amount: Number(by) });
      if (endMs !== undefined) this.endFieldAt(key, element, endMs);
    });
  }

  private onStream(key: string, command: string, words: readonly string[]): void {
    if (!this.isFree(key, 'stream')) return;
    new StreamAuthor({
      txn: this.txn,
      elements: () => this.elements(key),
      exists: () => this.typeOf(key) === 'stream',
      change: (work) => this.changePart(key, 'stream', work),
      assign: (element, value) => {
        this.oracle.note(key, { ...this.place(), kind: 'assign', part: 'stream', element, value });
      },
      count: () => {
        this.oracle.note(key, { ...this.place(), kind: 'add', part: 'stream', element: 'added', amount: 1 });
      },
      clear: (element) => this.clear(key, 'stream', element),
    }).run(command, words);
  }

  // --- sketches

  /** What is in the sketch under a key, nothing if there is none; undefined: something else is there. */
  private sketchAt(key: string): string[] | undefined {
    const type = this.typeOf(key);
    if (type === null) return [];
    return type === 'string' ? (sketched(this.text(key)) ?? undefined) : undefined;
  }

  /** Written anew only if that changes it, or makes one value of several. */
  private addToSketch(key: string, elements: readonly string[]): void {
    const old = this.sketchAt(key);
    if (old === undefined) return;
    const isSame = this.typeOf(key) !== null && elements.every((each) => old.includes(each));
    if (isSame && !this.oracle.isSketchedTwice(key, this.view)) return;
    this.write(key, sketchOf([...old, ...elements]), this.endOf(key));
  }

  private mergeSketches(key: string, from: readonly string[]): void {
    const sketches = from.map((each) => this.sketchAt(each));
    if (sketches.some((each) => each === undefined)) return;
    this.write(key, sketchOf(sketches.flatMap((each) => each ?? [])), this.endOf(key));
  }

  // --- lists

  private push(key: string, end: 'head' | 'tail', value: string): void {
    this.changePart(key, 'list', () => this.make(key, value, { end }));
  }

  private make(key: string, value: string, place: Place): void {
    const { txn, index } = this.place();
    const element = `${txn.replica} ${txn.number} ${index}`;
    this.oracle.note(key, { txn, index, kind: 'assign', part: 'list', element, value, place });
  }

  private insert(key: string, isAfter: boolean, pivotValue: string, value: string): void {
    const [pivot] = this.named(key, pivotValue);
    if (pivot === undefined) return;
    this.changePart(key, 'list', () => {
      const names = [...this.elements(key).keys()];
      const at = names.indexOf(pivot);
      // only what hid under the key had kept the list from its end
      if (at < 0) return;
      const [before, after] = isAfter ? [pivot, names[at + 1] ?? null] : [names[at - 1] ?? null, pivot];
      this.make(key, value, { pivot, before, after });
    });
  }

  private setElement(key: string, index: number, value: string): void {
    if (this.typeOf(key) !== 'list' || this.elements(key).size <= index) return;
    this.changePart(key, 'list', () => {
      const element = [...this.elements(key).keys()].at(index);
      // as for an insert
      if (element === undefined) return;
      this.oracle.note(key, { ...this.place(), kind: 'assign', part: 'list', element, value });
    });
  }

  /** Elements of that value. */
  private named(key: string, value: string): string[] {
    return [...this.elements(key)].filter(([, each]) => each === value).map(([name]) => name);
  }

  private endmost(key: string, end: string): string {
    const names = [...this.elements(key).keys()];
    return end === 'LEFT' ? names[0] : names[names.length - 1];
  }

  private removeFrom(key: string, names: readonly string[]): void {
    for (const name of names) this.clear(key, 'list', name);
  }

  private moveElement(from: string, to: string, taken: string, put: string): void {
    if (this.typeOf(from) !== 'list' || !this.isFree(to, 'list')) return;
    const name = this.endmost(from, taken);
    this.push(to, put === 'LEFT' ? 'head' : 'tail', this.elements(from).get(name) ?? '');
    this.clear(from, 'list', name);
  }

  private moveMember(from: string, to: string, member: string): void {
    if (this.typeOf(from) !== 'set' || !this.isFree(to, 'set')) return;
    if (from === to || !this.elements(from).has(member)) return;
    this.clear(from, 'set', member);
    this.assign(to, 'set', member, '');
  }

  private storeSet(command: string, key: string, from: readonly string[]): void {
    if (!from.every((each) => this.isFree(each, 'set'))) return;
    const [first, ...others] = from.map((each) => new Set(this.elements(each).keys()));
    let result = [...first];
    if (command === 'SUNIONSTORE') result = [...new Set([...result, ...others.flatMap((each) => [...each])])];
    else {
      const wanted = command === 'SINTERSTORE';
      result = result.filter((member) => others.every((each) => each.has(member) === wanted));
    }
    if (result.length === 0 && this.typeOf(key) === null) return;
    this.clear(key);
    for (const member of result) this.assign(key, 'set', member, '');
  }

  private copy(from: string, to: string, removing: boolean): void {
    const shown = this.shown(from);
    if (shown === null) return;
    this.clear(to);
    for (const [name, value] of shown.elements) {
      this.assign(to, shown.part, name, value);
      const endMs = shown.fieldEnds.get(name);
      if (endMs !== undefined) this.endFieldAt(to, name, endMs);
    }
    // a copy of a stream says how many were ever added, were it none
    if (shown.part === 'stream' && !shown.elements.has('added')) this.assign(to, 'stream', 'added', '0');
    if (Number.isFinite(shown.endMs)) this.endAt(to, shown.endMs);
    if (removing) this.clear(from);
  }
}

/** Which of the matches an LREM with that count means, as arguments of slice(). */
function chosen(count: number): [from: number, to?: number] {
  return count < 0 ? [count] : count === 0 ? [0] : [0, count];
}

/** Of members by their scores; among those of one score the bytes decide. */
function lowest(scores: ReadonlyMap<string, string>): string {
  const [[member]] = [...scores].sort(([one, oneScore], [other, otherScore]) => {
    const difference = Number(oneScore) - Number(otherScore);
    return difference !== 0 ? difference : one < other ? -1 : 1;
  });
  return member;
}

/** Effects of one txn are told apart by their order. */
class Indexes {
  private readonly last = new WeakMap<SpecifiedTxn, number>();

  next(txn: SpecifiedTxn): number {
    const index = (this.last.get(txn) ?? 0) + 1;
    this.last.set(txn, index);
    return index;
  }
}

const indexes = new Indexes();

/** Of EXPIRE and its kin; without a time to live `before` is Infinity. */
function isMet(condition: string, before: number, ms: number): boolean {
  switch (condition) {
    case 'NX':
      return !Number.isFinite(before);
    case 'XX':
      return Number.isFinite(before);
    case 'GT':
      return ms > before;
    case 'LT':
      return ms < before;
    default:
      return true;
  }
}

function isInteger(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text);
}
