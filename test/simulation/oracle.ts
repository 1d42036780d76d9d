/**
 * The oracle: what a node must show, as a plain function of the txns that it has applied. Written from docs/semantics.md
 * and apart from the core: it keeps every effect for ever, knows no deletion, no tally and no table, and finds what is
 * left by asking of each effect whether another one that counts has observed it. Slow, and meant to be.
 *
 * It knows strings, counters, HyperLogLogs (oracle-sketches.ts), hashes, sets, lists (oracle-lists.ts), sorted sets and
 * streams (oracle-streams.ts), and the times to live of keys and of hash fields (oracle-times.ts).
 */
import { Author } from './oracle-author.ts';
import { inListOrder, type Made, type Place } from './oracle-lists.ts';
import { joined, sketched } from './oracle-sketches.ts';
import { greatestOf, isGreatest, isThere } from './oracle-streams.ts';
import { fieldEnd, isDoubtful, keyEnd } from './oracle-times.ts';

/** In the simulator: the database that nothing else writes to. */
export const SPECIFIED_DATABASE = 3;

/** A txn as its author ran it. */
export interface SpecifiedTxn {
  readonly replica: string;
  readonly number: number;
  readonly stamp: number;
  /** The author's wall clock. */
  readonly nowMs: number;
  /** The author's vector just before it. */
  readonly context: ReadonlyMap<string, number>;
  /** Its commands, without MULTI and EXEC. */
  readonly commands: readonly (readonly string[])[];
  /** All that its author had seen was written on its own machine: it may have taken itself to be alone. */
  readonly solitary?: boolean;
}

export type Part = 'string' | 'hash' | 'set' | 'list' | 'zset' | 'stream';

export const PARTS: readonly Part[] = ['string', 'hash', 'set', 'list', 'zset', 'stream'];

/**
 * What is under a key. A string's one element is named ''; those of a list have made up names, and stand in its order; those
 * of a stream are told in oracle-streams.ts.
 */
export interface Shown {
  readonly part: Part;
  readonly elements: ReadonlyMap<string, string>;
  /** When the key ends; Infinity: never. */
  readonly endMs: number;
  /** When hash fields end that do. */
  readonly fieldEnds: ReadonlyMap<string, number>;
  /** What shows depends on how far the removal of expired values has come. */
  readonly doubtful: boolean;
}

export type Effect = { readonly txn: SpecifiedTxn; readonly index: number } & (
  | {
      readonly kind: 'assign';
      readonly part: Part;
      readonly element: string;
      readonly value: string;
      /** A member was there already, by that effect. The author writes nothing if nobody else can have seen that one. */
      readonly repeats?: Effect;
      /** Of an element that is new in a list. */
      readonly place?: Place;
    }
  | { readonly kind: 'add'; readonly part: Part; readonly element: string; readonly amount: number }
  /** A time to live for all that is under the key, or for a hash field. Infinity: PERSIST. */
  | { readonly kind: 'end'; readonly field: string | null; readonly ms: number }
  /** Its author saw what depends on how far the removal of expired values had come. */
  | { readonly kind: 'doubt' }
  /** Null: all parts, all elements. */
  | { readonly kind: 'clear'; readonly part: Part | null; readonly element: string | null }
);

/** What somebody has seen, and when it is for him. */
export interface View {
  readonly visible: (txn: SpecifiedTxn) => boolean;
  readonly nowMs: number;
}

interface Element {
  readonly value: string;
  /** Of the latest write or increment that is left. */
  readonly latest: Effect;
}

export class Oracle {
  private readonly byKey = new Map<string, Effect[]>();
  /** By their elements, the effects that have made any list's. */
  private readonly made = new Map<string, Made>();
  /** Those that erase an effect. They all come after it: what somebody has observed was there before. */
  private readonly erasers = new Map<Effect, Effect[]>();

  /** The txns of its context must have been added before, as far as they are of this oracle's database. */
  add(txn: SpecifiedTxn): void {
    const visible = (other: SpecifiedTxn) => other === txn || covers(txn.context, other);
    for (const words of txn.commands) new Author(this, txn, { visible, nowMs: txn.nowMs }).run(words);
  }

  /** By key, what a node shows at that moment that has applied exactly what the vector covers. */
  contents(vector: ReadonlyMap<string, number>, nowMs: number): Map<string, Shown> {
    const contents = new Map<string, Shown>();
    for (const key of this.byKey.keys()) {
      const shown = this.shown(key, { visible: (txn) => covers(vector, txn), nowMs });
      if (shown !== null) contents.set(key, shown);
    }
    return contents;
  }

  /** Something is left whose author saw what depends on how far removals had come: what shows, or not, is in doubt. */
  isDoubted(key: string, vector: ReadonlyMap<string, number>): boolean {
    const view: View = { visible: (txn) => covers(vector, txn), nowMs: 0 };
    const left = this.left(key, view);
    return left.some(({ kind }) => kind === 'doubt') || this.isRepetitionDoubted(key, left, view);
  }

  /**
   * What is left of a member is the repetition of an add, and who removed that had seen it, and not the repetition. A node
   * that was alone has not written the repetition: then the member is gone.
   */
  private isRepetitionDoubted(key: string, left: readonly Effect[], { visible }: View): boolean {
    const removals = (this.byKey.get(key) ?? []).filter(({ kind, txn }) => kind === 'clear' && visible(txn));
    return left.some((effect) => {
      const origin = originOf(effect);
      return origin !== effect && effect.txn.solitary === true && removals.some((removal) => erases(removal, origin));
    });
  }

  keys(): string[] {
    return [...this.byKey.keys()];
  }

  note(key: string, effect: Effect): void {
    const effects = this.byKey.get(key) ?? [];
    for (const other of effects) if (erases(effect, other)) this.erasers.get(other)?.push(effect);
    this.erasers.set(effect, []);
    if (isMaking(effect)) this.made.set(effect.element, effect);
    effects.push(effect);
    this.byKey.set(key, effects);
  }

  countOf(key: string): number {
    return this.byKey.get(key)?.length ?? 0;
  }

  /** Of several types the one that was written last shows; nothing does once all values of all types have ended. */
  shown(key: string, view: View): Shown | null {
    const left = this.left(key, view);
    const endMs = keyEnd(left);
    if (endMs <= view.nowMs) return null;
    const parts = PARTS.map((part) => ({ part, all: elementsOf(left, part) })).filter(
      ({ part, all }) => all.size > 0 && (part !== 'stream' || isThere(all)),
    );
    const [shown] = parts.sort((a, b) => (isLater(latestOf(a.all), latestOf(b.all)) ? -1 : 1));
    if (shown === undefined) return null;
    const isSure = parts.every(({ all }) => all === shown.all || isLater(firstOf(shown.all), latestOf(all)));
    const fieldEnds = new Map<string, number>();
    if (shown.part === 'hash') for (const name of shown.all.keys()) fieldEnds.set(name, fieldEnd(left, name));
    const { names, isCertain } = this.inOrder(shown.part, [...shown.all.keys()], view);
    const inOrder = names.map((name): [string, Element | undefined] => [name, shown.all.get(name)]);
    const present = inOrder.filter(([name]) => (fieldEnds.get(name) ?? Number.POSITIVE_INFINITY) > view.nowMs);
    // fields that have ended are hidden; the key is, if there is nothing else
    if (present.length === 0 && parts.length === 1) return null;
    return {
      part: shown.part,
      elements: new Map(present.map(([name, element]) => [name, element?.value ?? ''])),
      endMs,
      fieldEnds: new Map([...fieldEnds].filter(([, ms]) => ms > view.nowMs && Number.isFinite(ms))),
      doubtful:
        !isSure ||
        !isCertain ||
        isDoubtful(left, view.nowMs, parts.length) ||
        this.isRepetitionDoubted(key, left, view),
    };
  }

  private inOrder(part: Part, names: string[], { visible }: View): { names: string[]; isCertain: boolean } {
    if (part !== 'list') return { names, isCertain: true };
    return inListOrder(names, new Map([...this.made].filter(([, { txn }]) => visible(txn))));
  }

  /** Something is left of that type, shown or not. */
  has(key: string, part: Part, view: View): boolean {
    return elementsOf(this.left(key, view), part).size > 0;
  }

  /** Sketches were written there by authors who did not see each other. */
  isSketchedTwice(key: string, view: View): boolean {
    const isSketch = (effect: Effect) =>
      effect.kind === 'assign' && effect.part === 'string' && sketched(effect.value) !== null;
    return this.left(key, view).filter(isSketch).length > 1;
  }

  /** A field is left there, ended or not. */
  hasField(key: string, field: string, view: View): boolean {
    return elementsOf(this.left(key, view), 'hash').has(field);
  }

  /** By what a member is in the set; undefined: it is not. Of repetitions the first. */
  memberSince(key: string, member: string, view: View): Effect | undefined {
    const latest = elementsOf(this.left(key, view), 'set').get(member)?.latest;
    return latest && originOf(latest);
  }

  /** What nothing has taken away, of what is seen. */
  left(key: string, { visible }: View): Effect[] {
    const effects = (this.byKey.get(key) ?? []).filter(({ txn }) => visible(txn));
    return effects.filter((effect) => !this.erasers.get(effect)?.some(({ txn }) => visible(txn)));
  }
}

function isMaking(effect: Effect): effect is Made {
  return effect.kind === 'assign' && effect.place !== undefined;
}

function latestOf(elements: ReadonlyMap<string, Element>): Effect {
  return [...elements.values()].map(({ latest }) => latest).reduce((a, b) => (isLater(b, a) ? b : a));
}

/** Of a repetition what it repeats. */
function originOf(effect: Effect): Effect {
  return (effect.kind === 'assign' && effect.repeats) || effect;
}

/** The same if no repetition has been written. */
function firstOf(elements: ReadonlyMap<string, Element>): Effect {
  return [...elements.values()].map(({ latest }) => originOf(latest)).reduce((a, b) => (isLater(b, a) ? b : a));
}

function elementsOf(left: readonly Effect[], part: Part): Map<string, Element> {
  const names = new Set<string>();
  const values = left.filter((effect) => {
    if ((effect.kind !== 'assign' && effect.kind !== 'add') || effect.part !== part) return false;
    names.add(effect.element);
    return true;
  });
  const isJoined = (name: string) => part === 'stream' && isGreatest(name);
  return new Map([...names].map((name) => [name, isJoined(name) ? greatestOf(values, name) : worthOf(values, name)]));
}

/** Rule 1: a write or a removal takes away what it has observed, and nothing else. Increments take away nothing. */
function erases(effect: Effect, other: Effect): boolean {
  if (effect.kind === 'add' || effect.kind === 'doubt' || other.kind === 'clear' || !observes(effect, other))
    return false;
  // a later time to live replaces those it observed
  if (effect.kind === 'end') return other.kind === 'end' && other.field === effect.field;
  if (other.kind === 'end' || other.kind === 'doubt') return effect.kind === 'clear' && effect.part === null;
  if (effect.kind === 'assign') return effect.part === other.part && effect.element === other.element;
  return (
    (effect.part === null || effect.part === other.part) &&
    (effect.element === null || effect.element === other.element)
  );
}

export function observes(effect: Effect, other: Effect): boolean {
  return effect.txn === other.txn ? other.index < effect.index : covers(effect.txn.context, other.txn);
}

function covers(vector: ReadonlyMap<string, number>, { replica, number }: SpecifiedTxn): boolean {
  return (vector.get(replica) ?? 0) >= number;
}

export function isLater(effect: Effect, other: Effect): boolean {
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
  const values: string[] = [];
  for (const effect of left) {
    if ((effect.kind !== 'assign' && effect.kind !== 'add') || effect.element !== name) continue;
    if (latest === null || isLater(effect, latest)) latest = effect;
    if (effect.kind === 'add') {
      sum += effect.amount;
      added = true;
      continue;
    }
    values.push(effect.value);
    if (written === null || isLater(effect, written)) {
      written = effect;
      base = effect.value;
    }
  }
  if (latest === null) throw new Error(`element ${name} has nothing left`);
  if (!added) return { value: joined(base, values), latest };
  if (written === null) return { value: String(sum), latest };
  return { value: isNumber(base) ? plus(base, sum) : base, latest };
}

/** Exactly, in decimal digits: APPEND makes numbers that no double is. */
function plus(base: string, sum: number): string {
  const addends = [base, String(sum)].map((text) => text.split('.'));
  const scale = Math.max(...addends.map(([, fraction = '']) => fraction.length));
  const total = addends.reduce((so, [whole, fraction = '']) => so + BigInt(whole + fraction.padEnd(scale, '0')), 0n);
  const digits = String(total < 0n ? -total : total).padStart(scale + 1, '0');
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  const whole = digits.slice(0, digits.length - scale);
  return `${total < 0n ? '-' : ''}${whole}${scale > 0 && fraction !== '' ? `.${fraction}` : ''}`;
}

export function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}
