/**
 * Streams, as the oracle specifies them (docs/semantics.md). All that there is to a stream are elements with plain names:
 *
 *   entry ID AUTHOR              its fields, as they were given
 *   added                        how many: a number that XSETID writes and every XADD adds 1 to
 *   last, deleted                the greatest id; the greatest one that XDEL has removed
 *   stream                       it exists
 *   group G                      it exists; whatever is written into it says so again
 *   start G, mark G AUTHOR       behind which id it reads; up to which id it has got the entries of that author
 *   consumer G C                 when it was last given something
 *   pending G ID AUTHOR          consumer, since when, how many times
 */
import { type Effect, isLater } from './oracle.ts';

export interface StreamId {
  readonly ms: number;
  readonly seq: number;
}

export function parseId(text: string, seq = 0): StreamId {
  const [ms, number] = text.split('-').map(Number);
  return { ms, seq: number ?? seq };
}

export function compareIds(one: string, other: string): number {
  const [a, b] = [parseId(one), parseId(other)];
  return a.ms - b.ms || a.seq - b.seq;
}

const NONE = '0-0';

/** Of what was written at the same time the greatest counts, not the latest. */
export function isGreatest(element: string): boolean {
  return ['last', 'deleted', 'mark', 'consumer'].includes(element.split(' ')[0]);
}

export function greater(element: string, one: string, other: string): string {
  if (element.startsWith('consumer ')) return Number(one) > Number(other) ? one : other;
  return compareIds(one, other) > 0 ? one : other;
}

/** Whether the key exists by these: a removal of entries brings nothing back. */
export function isThere(elements: ReadonlyMap<string, unknown>): boolean {
  return [...elements.keys()].some((name) => name !== 'deleted');
}

export interface Entry {
  readonly element: string;
  readonly id: string;
  readonly author: string;
  readonly fields: string;
}

/** A stream as its elements tell. */
export class StreamView {
  readonly elements: ReadonlyMap<string, string>;
  private inOrder: readonly Entry[] | null = null;

  constructor(elements: ReadonlyMap<string, string>) {
    this.elements = elements;
  }

  get entries(): readonly Entry[] {
    this.inOrder ??= this.named('entry').map(({ element, words: [id, author], value }) => {
      return { element, id, author, fields: value };
    });
    return this.inOrder;
  }

  get lastId(): string {
    return this.elements.get('last') ?? NONE;
  }

  /** Those with a name of that kind, in the order of ids and authors where they have such. */
  named(kind: string, group?: string): { element: string; words: string[]; value: string }[] {
    const prefix = group === undefined ? `${kind} ` : `${kind} ${group} `;
    const found = [...this.elements]
      .filter(([element]) => element.startsWith(prefix))
      .map(([element, value]) => ({ element, words: element.slice(prefix.length).split(' '), value }));
    return found.sort(({ words: one }, { words: other }) => {
      const byId = one[0].includes('-') ? compareIds(one[0], other[0]) : 0;
      return byId || (one.join(' ') < other.join(' ') ? -1 : 1);
    });
  }

  hasGroup(group: string): boolean {
    return this.elements.has(`group ${group}`);
  }

  /** A group that was removed while it was used has none: then it is where it is. */
  private startOf(group: string): string {
    return this.elements.get(`start ${group}`) ?? this.greatestMark(group);
  }

  private greatestMark(group: string): string {
    return this.named('mark', group).reduce((greatest, { value }) => greater('mark', value, greatest), NONE);
  }

  lastDelivered(group: string): string {
    return greater('mark', this.startOf(group), this.greatestMark(group));
  }

  newFor(group: string): Entry[] {
    const start = this.startOf(group);
    return this.entries.filter(({ id, author }) => {
      const mark = this.elements.get(`mark ${group} ${author}`) ?? NONE;
      return compareIds(id, greater('mark', mark, start)) > 0;
    });
  }

  pending(group: string): { element: string; id: string; author: string; value: PendingValue }[] {
    return this.named('pending', group).map(({ element, words: [id, author], value }) => ({
      element,
      id,
      author,
      value: parsePending(value),
    }));
  }

  /** When each was last given something. Who has something pending is there, whatever else has expired. */
  private consumers(group: string): Map<string, string> {
    const consumers = new Map<string, string>();
    for (const { words, value } of this.named('consumer', group)) consumers.set(words.join(' '), value);
    const latest = new Map<string, number>();
    for (const { value } of this.pending(group)) {
      if (!consumers.has(value.consumer))
        latest.set(value.consumer, Math.max(latest.get(value.consumer) ?? 0, value.ms));
    }
    for (const [consumer, ms] of latest) consumers.set(consumer, String(ms));
    return consumers;
  }

  /** All of it that shows, in lines that checkers.ts makes of what a node shows too. */
  lines(): string[] {
    const lines = this.entries.map(({ id, fields }, index) => `entry ${index} ${id} ${fields}`);
    lines.push(`last ${this.lastId}`, `added ${this.elements.get('added') ?? '0'}`);
    for (const { words } of this.named('group')) {
      const group = words.join(' ');
      const isBehind = this.newFor(group).length > 0;
      lines.push(`group ${group} ${this.lastDelivered(group)} ${isBehind}`);
      this.pending(group).forEach(({ id, value: { consumer, ms, count } }, index) => {
        lines.push(`pending ${group} ${index} ${id} ${consumer} ${ms} ${count}`);
      });
      for (const [consumer, ms] of this.consumers(group)) lines.push(`consumer ${group} ${consumer} ${ms}`);
    }
    return lines;
  }
}

export interface PendingValue {
  readonly consumer: string;
  readonly ms: number;
  readonly count: number;
}

function parsePending(value: string): PendingValue {
  const [consumer, ms, count] = value.split(' ');
  return { consumer, ms: Number(ms), count: Number(count) };
}

/** The greatest of what is left of such an element, and the latest effect on it. */
export function greatestOf(left: readonly Effect[], element: string): { value: string; latest: Effect } {
  let found: { value: string; latest: Effect } | null = null;
  for (const effect of left) {
    if (effect.kind !== 'assign' || effect.part !== 'stream' || effect.element !== element) continue;
    if (found === null) found = { value: effect.value, latest: effect };
    else {
      const latest: Effect = isLater(effect, found.latest) ? effect : found.latest;
      found = { value: greater(element, effect.value, found.value), latest };
    }
  }
  if (found === null) throw new Error(`element ${element} has nothing left`);
  return found;
}
