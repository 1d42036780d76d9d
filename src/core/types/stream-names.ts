/**
 * The elements of a stream. All that there is to it stands in one table, each item under a name that says what it is:
 *
 *   0                            the stream exists, whatever is in it
 *   1                            entries-added, as XSETID or a copy has set it
 *   2 author                     how many entries that replica has added: a counter
 *   3                            the last id, as XSETID or a copy has set it
 *   3 author                     the last id that this replica has added
 *   4                            the greatest id that XDEL has removed
 *   5 group 0                    the group exists
 *   5 group 1                    where it began: the id behind which it reads
 *   5 group 2                    entries-read
 *   5 group 3 author             the greatest id that was delivered of the entries of that author
 *   5 group 4 consumer           a consumer: when it was seen, and active
 *   5 group 5 id author          an entry that is pending: for whom, since when, how many times
 *   6 id author                  an entry: its fields and values
 *
 * The author of an entry is the replica that has added it, with its eight bytes; a copy keeps it. The names of entries, and
 * those of what is pending in a group, are in the order of ids as bytes are. What a value means stands in stream-values.ts.
 */
import { ByteReader, ByteWriter, MalformedError } from '../bytes.ts';
import type { StreamId } from '../contract-streams.ts';
import { Slice } from '../slice.ts';
import { ID_BYTES, readStreamId, writeStreamId } from './stream-id.ts';

const GROUP = 5;
/** Parts of a group, as one number with the others. */
const PART = 16;

export const Item = {
  existence: 0,
  addedBase: 1,
  added: 2,
  last: 3,
  maxDeleted: 4,
  entry: 6,
  group: 16,
  groupBase: 17,
  groupRead: 18,
  mark: 19,
  consumer: 20,
  pending: 21,
} as const;
export type Item = (typeof Item)[keyof typeof Item];

export const AUTHOR_BYTES = 8;
/** Id and author: what tells an entry from others. */
export const ENTRY_BYTES = ID_BYTES + AUTHOR_BYTES;

const FIRST_AUTHOR = Buffer.alloc(AUTHOR_BYTES);
const LAST_AUTHOR = Buffer.alloc(AUTHOR_BYTES, 0xff);

/** Spells names. What it gives is valid until it spells the next one. */
export class NameWriter {
  private readonly writer = new ByteWriter(128);
  private readonly name = new Slice();

  /** One that stands for itself. */
  only(item: Item): Slice {
    this.begin(item);
    return this.done();
  }

  ofAuthor(item: Item, author: Uint8Array): Slice {
    this.begin(item).raw(author, 0, AUTHOR_BYTES);
    return this.done();
  }

  ofGroup(item: Item, { bytes, start, end }: Slice): Slice {
    this.begin(item, bytes, start, end);
    return this.done();
  }

  mark(group: Slice, author: Uint8Array): Slice {
    this.begin(Item.mark, group.bytes, group.start, group.end).raw(author, 0, AUTHOR_BYTES);
    return this.done();
  }

  consumer(group: Slice, consumer: Slice): Slice {
    const writer = this.begin(Item.consumer, group.bytes, group.start, group.end);
    writer.raw(consumer.bytes, consumer.start, consumer.end);
    return this.done();
  }

  /** `entry`: id and author, from `at` on. */
  pending(group: Slice, entry: Uint8Array, at: number): Slice {
    this.begin(Item.pending, group.bytes, group.start, group.end).raw(entry, at, at + ENTRY_BYTES);
    return this.done();
  }

  entry(entry: Uint8Array, at: number): Slice {
    this.begin(Item.entry).raw(entry, at, at + ENTRY_BYTES);
    return this.done();
  }

  /** Before all entries of that id, or behind them; with a group: before or behind what is pending there. */
  bound(id: StreamId, side: 'before' | 'behind', group: Slice | null = null): Slice {
    const writer =
      group === null ? this.begin(Item.entry) : this.begin(Item.pending, group.bytes, group.start, group.end);
    writer.reserve(ENTRY_BYTES);
    writeStreamId(writer.bytes, writer.at, id);
    writer.at += ID_BYTES;
    writer.raw(side === 'before' ? FIRST_AUTHOR : LAST_AUTHOR, 0, AUTHOR_BYTES);
    return this.done();
  }

  private begin(item: Item, group?: Uint8Array, start = 0, end = 0): ByteWriter {
    const writer = this.writer.reset();
    if (group === undefined) writer.u8(item);
    else {
      writer.u8(GROUP);
      writer.run(group, start, end);
      writer.u8(item - PART);
    }
    return writer;
  }

  private done(): Slice {
    return this.name.set(this.writer.bytes, 0, this.writer.at);
  }
}

/** Reads names. */
export class NameReader {
  item: Item = Item.existence;
  /** Of parts of groups: the group's own name. */
  groupStart = 0;
  groupEnd = 0;
  /** What follows: author, consumer, or id and author. */
  rest = 0;
  private readonly reader = new ByteReader();

  /** False if it is none. */
  read(bytes: Buffer, start: number, end: number): boolean {
    try {
      return this.parse(this.reader.set(bytes, start, end));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return false;
    }
  }

  private parse(reader: ByteReader): boolean {
    let code = reader.u8();
    if (code === GROUP) {
      this.groupStart = reader.run();
      this.groupEnd = reader.at;
      code = PART + reader.u8();
    } else if (code >= PART) return false;
    const length = reader.end - reader.at;
    this.rest = reader.at;
    this.item = code as Item;
    switch (code) {
      case Item.existence:
      case Item.addedBase:
      case Item.maxDeleted:
      case Item.group:
      case Item.groupBase:
      case Item.groupRead:
        return length === 0;
      case Item.added:
      case Item.mark:
        return length === AUTHOR_BYTES;
      case Item.last:
        return length === 0 || length === AUTHOR_BYTES;
      case Item.consumer:
        return true;
      case Item.pending:
      case Item.entry:
        return length === ENTRY_BYTES;
      default:
        return false;
    }
  }
}

const names = new NameReader();

/** For CRDT INSPECT: a name that can be read. */
export function showName(name: Buffer): Buffer {
  if (!names.read(name, 0, name.length)) return name;
  const { item, groupStart, groupEnd, rest } = names;
  const author = () => name.toString('hex', name.length - AUTHOR_BYTES);
  const words: (string | Buffer)[] = [WORDS[item]];
  if (item >= PART) words.push(' ', name.subarray(groupStart, groupEnd));
  if (item === Item.consumer) words.push(' ', name.subarray(rest));
  else if (item === Item.entry || item === Item.pending) {
    const { ms, seq } = readStreamId(name, rest);
    words.push(` ${ms}-${seq} of ${author()}`);
  } else if (rest < name.length) words.push(` of ${author()}`);
  return Buffer.concat(words.map((word) => Buffer.from(word)));
}

const WORDS: Readonly<Record<Item, string>> = {
  [Item.existence]: 'stream',
  [Item.addedBase]: 'entries-added',
  [Item.added]: 'entries-added',
  [Item.last]: 'last-id',
  [Item.maxDeleted]: 'max-deleted-id',
  [Item.entry]: 'entry',
  [Item.group]: 'group',
  [Item.groupBase]: 'start of group',
  [Item.groupRead]: 'entries-read of group',
  [Item.mark]: 'delivered to group',
  [Item.consumer]: 'consumer of group',
  [Item.pending]: 'pending in group',
};
