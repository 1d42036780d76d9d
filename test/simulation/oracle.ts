/**
 * The oracle: what a node must show, as a plain function of the txns that it has applied. Written from docs/semantics.md
 * and apart from the core: it keeps every effect for ever, knows no deletion, no tally and no table, and finds what is
 * left by asking of each effect whether another one that counts has observed it. Slow, and meant to be.
 *
 * It knows strings, counters, hashes and sets, without times to live.
 */

/** In the simulator: the database that nothing else writes to. */
export const SPECIFIED_DATABASE = 3;

/** A txn as its author ran it. */
export interface SpecifiedTxn {
  readonly replica: string;
  readonly number: number;
  readonly stamp: number;
  /** The author's vector just before it. */
  readonly context: ReadonlyMap<string, number>;
  /** Its commands, without MULTI and EXEC. */
  readonly commands: readonly (readonly string[])[];
}

export type Part = 'string' | 'hash' | 'set';

/** What is under a key. A string's one element is named ''. */
export interface Shown {
  readonly part: Part;
  readonly elements: ReadonlyMap<string, string>;
}

type Effect = { readonly txn: SpecifiedTxn; readonly index: number } & (
  | { readonly kind: 'assign'; readonly part: Part; readonly element: string; readonly value: string }
  | { readonly kind: 'add'; readonly part: Part; readonly element: string; readonly amount: number }
  /** Null: all parts, all elements. */
  | { readonly kind: 'clear'; readonly part: Part | null; readonly element: string | null }
);

type Visible = (txn: SpecifiedTxn) => boolean;

interface Element {
  readonly value: string;
  /** Of the latest write or increment that is left. */
  readonly latest: Effect;
}

export class Oracle {
  private readonly byKey = new Map<string, Effect[]>();

  /** The txns of its context must have been added before, as far as they are of this oracle's database. */
  add(txn: SpecifiedTxn): void {
    const visible: Visible = (other) => other === txn || covers(txn.context, other);
    for (const words of txn.commands) new Author(this, txn, visible).run(words);
  }

  /** By key, what a node shows that has applied exactly what the vector covers. */
  contents(vector: ReadonlyMap<string, number>): Map<string, Shown> {
    const contents = new Map<string, Shown>();
    for (const key of this.byKey.keys()) {
      const shown = this.shown(key, (txn) => covers(vector, txn));
      if (shown !== null) contents.set(key, shown);
    }
    return contents;
  }

  keys(): string[] {
    return [...this.byKey.keys()];
  }

  note(key: string, effect: Effect): void {
    const effects = this.byKey.get(key);
    if (effects === undefined) this.byKey.set(key, [effect]);
    else effects.push(effect);
  }

  countOf(key: string): number {
    return this.byKey.get(key)?.length ?? 0;
  }

  /** Of several types the one that was written last shows. */
  shown(key: string, visible: Visible): Shown | null {
    let best: { shown: Shown; latest: Effect } | null = null;
    for (const part of ['string', 'hash', 'set'] as const) {
      const elements = new Map<string, string>();
      let latest: Effect | null = null;
      for (const [name, element] of this.elementsOf(key, part, visible)) {
        elements.set(name, element.value);
        if (latest === null || isLater(element.latest, latest)) latest = element.latest;
      }
      if (latest !== null && (best === null || isLater(latest, best.latest))) {
        best = { shown: { part, elements }, latest };
      }
    }
    return best?.shown ?? null;
  }

  /** Something is left of that type, shown or not. */
  has(key: string, part: Part, visible: Visible): boolean {
    return this.elementsOf(key, part, visible).size > 0;
  }

  private elementsOf(key: string, part: Part, visible: Visible): Map<string, Element> {
    const effects = (this.byKey.get(key) ?? []).filter(({ txn }) => visible(txn));
    if (!effects.some((effect) => isOf(effect, part))) return new Map();
    const left = effects.filter((effect) => isOf(effect, part) && !effects.some((other) => erases(other, effect)));
    const names = new Set(left.flatMap((effect) => (effect.kind === 'clear' ? [] : [effect.element])));
    return new Map([...names].map((name) => [name, worthOf(left, name)]));
  }
}

function isOf(effect: Effect, part: Part): boolean {
  return effect.kind !== 'clear' && effect.part === part;
}

/** Rule 1: a write or a removal takes away what it has observed, and nothing else. Increments take away nothing. */
function erases(effect: Effect, other: Effect): boolean {
  if (effect.kind === 'add' || other.kind === 'clear' || !observes(effect, other)) return false;
  if (effect.kind === 'assign') return effect.part === other.part && effect.element === other.element;
  return (
    (effect.part === null || effect.part === other.part) &&
    (effect.element === null || effect.element === other.element)
  );
}

function observes(effect: Effect, other: Effect): boolean {
  return effect.txn === other.txn ? other.index < effect.index : covers(effect.txn.context, other.txn);
}

function covers(vector: ReadonlyMap<string, number>, { replica, number }: SpecifiedTxn): boolean {
  return (vector.get(replica) ?? 0) >= number;
}

function isLater(effect: Effect, other: Effect): boolean {
  const [a, b] = [effect.txn, other.txn];
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  return a.replica === b.replica ? effect.index > other.index : a.replica > b.replica;
}

/** Rules 2 and 3: of the values the later one, and the increments on top of it where it is a number. */
function worthOf(left: readonly Effect[], name: string): Element {
  let written: Effect | null = null;
  let latest: Effect | null = null;
  let base = '';
  let sum = 0;
  let added = false;
  for (const effect of left) {
    if (effect.kind === 'clear' || effect.element !== name) continue;
    if (latest === null || isLater(effect, latest)) latest = effect;
    if (effect.kind === 'add') {
      sum += effect.amount;
      added = true;
    } else if (written === null || isLater(effect, written)) {
      written = effect;
      base = effect.value;
    }
  }
  if (latest === null) throw new Error(`element ${name} has nothing left`);
  if (!added) return { value: base, latest };
  if (written === null) return { value: String(sum), latest };
  return { value: isNumber(base) ? String(Number(base) + sum) : base, latest };
}

export function isInteger(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text);
}

export function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}

/** One command of a txn: what its author saw, and the effects that follow. */
class Author {
  private readonly oracle: Oracle;
  private readonly txn: SpecifiedTxn;
  private readonly visible: Visible;

  constructor(oracle: Oracle, txn: SpecifiedTxn, visible: Visible) {
    this.oracle = oracle;
    this.txn = txn;
    this.visible = visible;
  }

  run([command, ...words]: readonly string[]): void {
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
        if (this.isFree(key, 'string')) this.write(key, this.text(key) + words[1]);
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
      case 'GETDEL':
        if (this.typeOf(key) === 'string') this.clear(key);
        return;
      case 'DEL':
      case 'UNLINK':
        for (const each of words) if (this.typeOf(each) !== null) this.clear(each);
        return;
      case 'HSET':
        if (!this.isFree(key, 'hash')) return;
        for (let i = 1; i < words.length; i += 2) this.assign(key, 'hash', words[i], words[i + 1]);
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
      case 'HGETALL':
      case 'SMEMBERS':
        return;
      default:
        throw new Error(`the oracle does not know ${command}`);
    }
  }

  // --- what the author saw

  private shown(key: string): Shown | null {
    return this.oracle.shown(key, this.visible);
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
    this.clearOthers(key, part);
    this.oracle.note(key, { ...this.place(), kind: 'assign', part, element, value });
  }

  /** Rule 2, between types: a write to the one that shows removes those that hide under the key. */
  private clearOthers(key: string, part: Part): void {
    for (const other of ['string', 'hash', 'set'] as const) {
      if (other !== part && this.oracle.has(key, other, this.visible)) this.clear(key, other);
    }
  }

  private clear(key: string, part: Part | null = null, element: string | null = null): void {
    this.oracle.note(key, { ...this.place(), kind: 'clear', part, element });
  }

  /** A whole string, over whatever is there. */
  private write(key: string, value: string): void {
    this.clear(key);
    this.assign(key, 'string', '', value);
  }

  private removeEach(key: string, part: Part, names: readonly string[]): void {
    const present = this.elements(key);
    for (const name of names) if (present.has(name)) this.clear(key, part, name);
  }

  // --- commands that are more than an effect

  private set(key: string, value: string, options: readonly string[]): void {
    const type = this.typeOf(key);
    if (options.includes('GET') && type !== null && type !== 'string') return;
    if (options.includes('NX') && type !== null) return;
    if (options.includes('XX') && type === null) return;
    this.write(key, value);
  }

  private setRange(key: string, offset: number, value: string): void {
    if (!this.isFree(key, 'string') || value === '') return;
    const old = this.text(key).padEnd(offset, '\0');
    this.write(key, old.slice(0, offset) + value + old.slice(offset + value.length));
  }

  private increment(key: string, part: Part, element: string, by: string, whole: boolean): void {
    if (!this.isFree(key, part)) return;
    const old = this.elements(key).get(element);
    if (old !== undefined && !(whole ? isInteger(old) : isNumber(old))) return;
    this.clearOthers(key, part);
    this.oracle.note(key, { ...this.place(), kind: 'add', part, element, amount: Number(by) });
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
    for (const [name, value] of shown.elements) this.assign(to, shown.part, name, value);
    if (removing) this.clear(from);
  }
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
