/**
 * What was written to a cluster and what of it was acknowledged, kept outside of its nodes; and what the nodes must
 * therefore show once they have healed. Every value is written once in the whole run, and what adds it and what removes
 * it are noted apart, so that for each the answer is one of: must be there, must not be there, may be either (its fate
 * was never told). Beside these, counters that all writers share, and registers that all of them overwrite.
 */
import type { Random } from '../simulation/random.ts';
import type { NodeProcess } from './node-process.ts';

/** One write. */
export interface Entry {
  state: 'sent' | 'acknowledged' | 'in doubt';
  readonly words: readonly string[];
  /** When the answer came. */
  atMs: number;
}

/** A string, a member of a set or a field of a hash. */
interface Item {
  readonly kind: 'string' | 'member' | 'field';
  readonly key: string;
  /** Of the set, of the hash; '' for a string. */
  readonly name: string;
  readonly value: string;
  readonly added: Entry;
  removed: Entry | null;
}

export interface Findings {
  /** Acknowledged, and not there; or acknowledged as removed, and there. */
  readonly lost: string[];
  /** There, and never written; a counter too high; a register that holds none of its values. */
  readonly unwritten: string[];
}

export type Words = readonly [string, ...string[]];

const SETS = 8;
const HASHES = 8;
const COUNTERS = 4;
const REGISTERS = 40;
/** Keys asked for in one command. */
const CHUNK = 1000;

export class Ledger {
  private readonly random: Random;
  private readonly items: Item[] = [];
  /** Those that a removal may pick. */
  private readonly removable: Item[] = [];
  private readonly increments = new Map<string, Entry[]>();
  private readonly registers = new Map<string, Entry[]>();
  private serial = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Draws the next write of the writer of that name. The entry's state is for its sender to settle. */
  draw(writer: string): Draft {
    const kind = this.random.weighted(KINDS);
    const value = `${writer}-${this.serial++}`;
    switch (kind) {
      case 'increment':
        return this.shared(this.increments, ['INCR', `counter:${this.random.below(COUNTERS)}`]);
      case 'register':
        return this.shared(this.registers, ['SET', `register:${this.random.below(REGISTERS)}`, value]);
      case 'removal':
        return this.removal() ?? this.addition('string', value);
      default:
        return this.addition(kind, value);
    }
  }

  /** A value of its own, which nobody else may write; `value` must be new. */
  addition(kind: Item['kind'], value: string): Draft {
    const { key, name, words } = this.placeFor(kind, value);
    const added = sent(words);
    const item: Item = { kind, key, name, value, added, removed: null };
    this.items.push(item);
    return {
      entry: added,
      settle: (answer) => {
        settle(added, answer);
        if (added.state === 'acknowledged') this.removable.push(item);
      },
    };
  }

  /** Writes that were acknowledged. */
  get acknowledged(): number {
    let count = 0;
    for (const entry of this.entries()) if (entry.state === 'acknowledged') count++;
    return count;
  }

  get inDoubt(): number {
    let count = 0;
    for (const entry of this.entries()) if (entry.state === 'in doubt') count++;
    return count;
  }

  /** Takes back the promise of what was acknowledged after `sinceMs`. Gives what it was taken back from. */
  doubtSince(sinceMs: number): Entry[] {
    const doubted = [...this.entries()].filter(({ state, atMs }) => state === 'acknowledged' && atMs > sinceMs);
    for (const entry of doubted) entry.state = 'in doubt';
    return doubted;
  }

  /** Compares everything with what a node shows. */
  async examine(node: NodeProcess): Promise<Findings> {
    const findings: Findings = { lost: [], unwritten: [] };
    const shown = await Shown.read(node);
    for (const item of this.items) judge(item, shown.take(item), findings);
    for (const [key, entries] of this.increments) judgeCounter(key, entries, shown.takeString(key), findings);
    for (const [key, entries] of this.registers) judgeRegister(key, entries, shown.takeString(key), findings);
    findings.unwritten.push(...shown.rest());
    return findings;
  }

  /** Of additions whose promise was taken back, those that a node does not show. */
  async missing(node: NodeProcess, entries: readonly Entry[]): Promise<Entry[]> {
    const asked = new Set(entries);
    const shown = await Shown.read(node);
    const additions = this.items.filter(({ added, removed }) => asked.has(added) && removed === null);
    return additions.filter((item) => shown.take(item) === null).map(({ added }) => added);
  }

  private *entries(): Generator<Entry> {
    for (const { added, removed } of this.items) {
      yield added;
      if (removed !== null) yield removed;
    }
    for (const shared of [this.increments, this.registers]) for (const entries of shared.values()) yield* entries;
  }

  private placeFor(kind: Item['kind'], value: string): { key: string; name: string; words: Words } {
    const [set, hash] = [`set:${this.random.below(SETS)}`, `hash:${this.random.below(HASHES)}`];
    switch (kind) {
      case 'string':
        return { key: `string:${value}`, name: '', words: ['SET', `string:${value}`, value] };
      case 'member':
        return { key: set, name: value, words: ['SADD', set, value] };
      case 'field':
        return { key: hash, name: value, words: ['HSET', hash, value, value] };
    }
  }

  /** Of something that anybody has written. Null if nothing can be removed. */
  private removal(): Draft | null {
    if (this.removable.length === 0) return null;
    const at = this.random.below(this.removable.length);
    const item = this.removable[at];
    const last = this.removable.pop();
    if (last !== undefined && last !== item) this.removable[at] = last;
    const { kind, key, name } = item;
    const removed = sent(kind === 'string' ? ['DEL', key] : [kind === 'member' ? 'SREM' : 'HDEL', key, name]);
    item.removed = removed;
    return {
      entry: removed,
      settle: (answer) => {
        settle(removed, answer);
        if (removed.state !== 'acknowledged' || answer !== 0) return;
        // its node has not heard of it yet, so it removes nothing: that is no promise
        item.removed = null;
        this.removable.push(item);
      },
    };
  }

  private shared(entries: Map<string, Entry[]>, words: Words): Draft {
    const entry = sent(words);
    const list = entries.get(words[1]);
    if (list === undefined) entries.set(words[1], [entry]);
    else list.push(entry);
    return { entry, settle: (answer) => settle(entry, answer) };
  }
}

/** A write to send, and what its sender calls with the answer; with null if none will come. */
export interface Draft {
  readonly entry: Entry;
  settle(answer: unknown): void;
}

const KINDS = [
  ['string', 30],
  ['member', 15],
  ['field', 15],
  ['increment', 15],
  ['register', 10],
  ['removal', 15],
] as const;

function sent(words: Words): Entry {
  return { state: 'sent', words, atMs: Number.POSITIVE_INFINITY };
}

/** An error may mean that the write is in memory and not on the disk: it is in doubt, as one without an answer. */
function settle(entry: Entry, answer: unknown): void {
  entry.atMs = performance.now();
  entry.state = answer === null || errorOf(answer) !== null ? 'in doubt' : 'acknowledged';
}

/** The text of an error reply; null of any other. */
export function errorOf(answer: unknown): string | null {
  const isError = typeof answer === 'object' && answer !== null && 'error' in answer;
  return isError ? String(answer.error) : null;
}

function judge({ key, name, value, added, removed }: Item, shown: string | null, { lost, unwritten }: Findings): void {
  const what = `${key} ${name}`.trimEnd();
  if (shown !== null && shown !== value) unwritten.push(`${what} is ${shown}, written was ${value}`);
  if (shown === null && added.state === 'acknowledged' && removed === null) lost.push(`${what} is missing`);
  if (shown !== null && removed?.state === 'acknowledged') lost.push(`${what} was removed, and is there`);
}

function judgeCounter(key: string, entries: readonly Entry[], shown: string | null, findings: Findings): void {
  const atLeast = entries.filter(({ state }) => state === 'acknowledged').length;
  const counted = Number(shown ?? 0);
  for (let count = counted; count < atLeast; count++) findings.lost.push(`${key} is ${counted}, not ${atLeast}`);
  if (!(counted <= entries.length)) findings.unwritten.push(`${key} is ${counted} after ${entries.length} increments`);
}

function judgeRegister(key: string, entries: readonly Entry[], shown: string | null, findings: Findings): void {
  if (shown === null) {
    if (entries.some(({ state }) => state === 'acknowledged')) findings.lost.push(`${key} is missing`);
  } else if (!entries.some(({ words }) => words[2] === shown)) findings.unwritten.push(`${key} is ${shown}`);
}

/** Everything that a node shows; what was asked for is taken out, and the rest is what nobody can have written. */
class Shown {
  private readonly strings = new Map<string, string>();
  private readonly collections = new Map<string, Map<string, string>>();

  static async read(node: NodeProcess): Promise<Shown> {
    const shown = new Shown();
    const keys = list(await node.must('KEYS', '*'));
    const strings = keys.filter((key) => !/^(set|hash):/.test(key));
    for (let at = 0; at < strings.length; at += CHUNK) {
      const chunk = strings.slice(at, at + CHUNK);
      const values = list(await node.must('MGET', ...chunk));
      for (const [index, key] of chunk.entries()) shown.strings.set(key, values[index]);
    }
    for (const key of keys) {
      if (key.startsWith('set:')) {
        const members = list(await node.must('SMEMBERS', key));
        shown.collections.set(key, new Map(members.map((member) => [member, member])));
      } else if (key.startsWith('hash:')) {
        const flat = list(await node.must('HGETALL', key));
        const fields = new Map<string, string>();
        for (let at = 0; at < flat.length; at += 2) fields.set(flat[at], flat[at + 1]);
        shown.collections.set(key, fields);
      }
    }
    return shown;
  }

  take({ kind, key, name }: Item): string | null {
    if (kind === 'string') return this.takeString(key);
    const collection = this.collections.get(key);
    const value = collection?.get(name) ?? null;
    collection?.delete(name);
    return value;
  }

  takeString(key: string): string | null {
    const value = this.strings.get(key) ?? null;
    this.strings.delete(key);
    return value;
  }

  rest(): string[] {
    const inside = [...this.collections].flatMap(([key, names]) => [...names.keys()].map((name) => `${key} ${name}`));
    return [...this.strings.keys(), ...inside].map((what) => `${what} was never written`);
  }
}

function list(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new Error(`no list: ${JSON.stringify(answer)}`);
  return answer.map(String);
}
