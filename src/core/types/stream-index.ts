/**
 * What a stream's table holds, found by what is asked for: entries by author and id, what is pending by group and id, and by
 * consumer. Only references; names and values are read where they lie. Entries of one author are added in the order of
 * their ids, so that a new one goes to the end of its sequence, and each group knows of each author how far it has come;
 * all entries in their order are those sequences merged.
 *
 * Derived state: stream-order.ts builds it from the table and tells it of what changes.
 */
import type { ByteTable } from '../byte-table.ts';
import { Slice } from '../slice.ts';
import { Sequence, type SequenceCursor } from './sequence.ts';
import { AUTHOR_BYTES, Item, NameReader } from './stream-names.ts';

/** Sequences hold references; an object about this. */
const OBJECT_BYTES = 150;

export interface AuthorIndex {
  readonly author: Buffer;
  readonly entries: Sequence;
}

export interface ConsumerIndex {
  readonly name: Buffer;
  /** 0: only something that is pending names it. */
  reference: number;
  readonly pending: Sequence;
}

export class GroupIndex {
  readonly name: Buffer;
  /** Its elements; 0: there is none. */
  existence = 0;
  base = 0;
  read = 0;
  /** By author, one character a byte. */
  readonly marks = new Map<string, number>();
  readonly consumers = new Map<string, ConsumerIndex>();
  readonly pending: Sequence;
  private readonly table: ByteTable;

  constructor(name: Buffer, table: ByteTable) {
    this.name = name;
    this.table = table;
    this.pending = new Sequence(table);
  }

  get isEmpty(): boolean {
    const { existence, base, read, marks, consumers, pending } = this;
    return existence + base + read + marks.size + consumers.size + pending.size === 0;
  }

  /** By name. Who has something pending exists, though nothing else may tell of it: that may have expired alone. */
  existingConsumers(): ConsumerIndex[] {
    return [...this.consumers.values()].sort((one, other) => one.name.compare(other.name));
  }

  ensureConsumer(name: Buffer): ConsumerIndex {
    const key = name.toString('latin1');
    const known = this.consumers.get(key);
    if (known !== undefined) return known;
    const consumer = { name, reference: 0, pending: new Sequence(this.table) };
    this.consumers.set(key, consumer);
    return consumer;
  }

  forgetConsumer({ name, reference, pending }: ConsumerIndex): void {
    if (reference === 0 && pending.size === 0) this.consumers.delete(name.toString('latin1'));
  }
}

/** Goes through the entries of all authors in their order. */
export class EntryCursor {
  /** 0 behind the last one. */
  reference = 0;
  private readonly cursors: SequenceCursor[];
  private readonly order: Sequence | undefined;
  private readonly step: 1 | -1;
  private current = -1;

  constructor(cursors: SequenceCursor[], order: Sequence | undefined, step: 1 | -1) {
    this.cursors = cursors;
    this.order = order;
    this.step = step;
    this.choose();
  }

  advance(): void {
    if (this.current < 0) return;
    this.cursors[this.current].advance();
    this.choose();
  }

  private choose(): void {
    const { cursors, order, step } = this;
    let best = 0;
    this.current = -1;
    for (let i = 0; i < cursors.length; i++) {
      const { reference } = cursors[i];
      if (reference === 0) continue;
      if (best !== 0 && order !== undefined && order.compare(reference, best) * step > 0) continue;
      best = reference;
      this.current = i;
    }
    this.reference = best;
  }
}

export class StreamIndex {
  readonly authors: AuthorIndex[] = [];
  readonly groups = new Map<string, GroupIndex>();
  /** Elements that speak of entries-added, and of the last id. */
  readonly counts: number[] = [];
  readonly lasts: number[] = [];
  maxDeleted = 0;
  /** Groups that exist. */
  groupCount = 0;
  private readonly table: ByteTable;
  private readonly name = new Slice();
  private readonly names = new NameReader();

  constructor(table: ByteTable) {
    this.table = table;
  }

  get length(): number {
    let length = 0;
    for (const { entries } of this.authors) length += entries.size;
    return length;
  }

  /** The entries of all authors, from those of `bound` on (a name). */
  entries({ bytes, start, end }: Slice, step: 1 | -1): EntryCursor {
    const cursors = this.authors.map(({ entries }) => entries.cursor(bytes, start, end, step));
    return new EntryCursor(cursors, this.authors[0]?.entries, step);
  }

  /** All at once, in place of what is in it. `consumerOf`: for whom something is pending. */
  fill(references: Iterable<number>, consumerOf: (reference: number) => Buffer): void {
    const batches = new Map<Sequence, number[]>();
    const batch = (sequence: Sequence, reference: number) => {
      const list = batches.get(sequence);
      if (list === undefined) batches.set(sequence, [reference]);
      else list.push(reference);
    };
    for (const reference of references) this.add(reference, consumerOf, batch);
    for (const [sequence, list] of batches) sequence.fill(Uint32Array.from(list));
  }

  putIn(reference: number, consumerOf: (reference: number) => Buffer): void {
    this.add(reference, consumerOf, (sequence) => sequence.insert(reference));
  }

  private add(
    reference: number,
    consumerOf: (reference: number) => Buffer,
    into: (sequence: Sequence, reference: number) => void,
  ): void {
    const { names } = this;
    const { bytes, start, end } = this.table.fillKey(reference, this.name);
    if (!names.read(bytes, start, end)) return;
    switch (names.item) {
      case Item.entry:
        into(this.ensureAuthor(bytes, end - AUTHOR_BYTES).entries, reference);
        return;
      case Item.added:
      case Item.addedBase:
        this.counts.push(reference);
        return;
      case Item.last:
        this.lasts.push(reference);
        return;
      case Item.maxDeleted:
        this.maxDeleted = reference;
        return;
      case Item.existence:
        return;
    }
    const group = this.ensureGroup(bytes, names.groupStart, names.groupEnd);
    switch (names.item) {
      case Item.group:
        group.existence = reference;
        this.groupCount++;
        return;
      case Item.groupBase:
        group.base = reference;
        return;
      case Item.groupRead:
        group.read = reference;
        return;
      case Item.mark:
        group.marks.set(bytes.toString('latin1', names.rest, end), reference);
        return;
      case Item.consumer:
        group.ensureConsumer(Buffer.from(bytes.subarray(names.rest, end))).reference = reference;
        return;
      case Item.pending:
        into(group.pending, reference);
        into(group.ensureConsumer(consumerOf(reference)).pending, reference);
    }
  }

  /** False if it is not there: the index is wrong. */
  takeOut(reference: number, consumerOf: (reference: number) => Buffer): boolean {
    const { names } = this;
    const { bytes, start, end } = this.table.fillKey(reference, this.name);
    if (!names.read(bytes, start, end)) return false;
    switch (names.item) {
      case Item.entry:
        return this.findAuthor(bytes, end - AUTHOR_BYTES)?.entries.remove(reference) === true;
      case Item.added:
      case Item.addedBase:
        return removeFrom(this.counts, reference);
      case Item.last:
        return removeFrom(this.lasts, reference);
      case Item.maxDeleted:
        this.maxDeleted = 0;
        return true;
      case Item.existence:
        return true;
    }
    const { item, groupStart, groupEnd, rest } = names;
    const key = bytes.toString('latin1', groupStart, groupEnd);
    const group = this.groups.get(key);
    if (group === undefined) return false;
    if (item === Item.group) this.groupCount--;
    const isOut = takeOutOfGroup(group, item, reference, bytes, rest, end, consumerOf);
    if (group.isEmpty) this.groups.delete(key);
    return isOut;
  }

  memoryBytes(): number {
    let bytes = OBJECT_BYTES;
    for (const { entries } of this.authors) bytes += OBJECT_BYTES + entries.memoryBytes();
    for (const { consumers, pending, marks } of this.groups.values()) {
      bytes += OBJECT_BYTES * (1 + marks.size + consumers.size) + pending.memoryBytes();
      for (const consumer of consumers.values()) bytes += consumer.pending.memoryBytes();
    }
    return bytes;
  }

  private findAuthor(bytes: Buffer, at: number): AuthorIndex | undefined {
    for (const each of this.authors) {
      let i = 0;
      while (i < AUTHOR_BYTES && each.author[i] === bytes[at + i]) i++;
      if (i === AUTHOR_BYTES) return each;
    }
    return undefined;
  }

  private ensureAuthor(bytes: Buffer, at: number): AuthorIndex {
    const known = this.findAuthor(bytes, at);
    if (known !== undefined) return known;
    const author = Buffer.from(bytes.subarray(at, at + AUTHOR_BYTES));
    const added = { author, entries: new Sequence(this.table) };
    this.authors.push(added);
    return added;
  }

  private ensureGroup(bytes: Buffer, start: number, end: number): GroupIndex {
    const key = bytes.toString('latin1', start, end);
    const known = this.groups.get(key);
    if (known !== undefined) return known;
    const group = new GroupIndex(Buffer.from(bytes.subarray(start, end)), this.table);
    this.groups.set(key, group);
    return group;
  }
}

function takeOutOfGroup(
  group: GroupIndex,
  item: Item,
  reference: number,
  bytes: Buffer,
  rest: number,
  end: number,
  consumerOf: (reference: number) => Buffer,
): boolean {
  switch (item) {
    case Item.group:
      group.existence = 0;
      return true;
    case Item.groupBase:
      group.base = 0;
      return true;
    case Item.groupRead:
      group.read = 0;
      return true;
    case Item.mark:
      return group.marks.delete(bytes.toString('latin1', rest, end));
    case Item.consumer: {
      const consumer = group.consumers.get(bytes.toString('latin1', rest, end));
      if (consumer === undefined) return false;
      consumer.reference = 0;
      group.forgetConsumer(consumer);
      return true;
    }
    default: {
      const consumer = group.consumers.get(consumerOf(reference).toString('latin1'));
      const isOut = group.pending.remove(reference) && consumer?.pending.remove(reference) === true;
      if (consumer !== undefined) group.forgetConsumer(consumer);
      return isOut;
    }
  }
}

function removeFrom(list: number[], reference: number): boolean {
  const at = list.indexOf(reference);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}
