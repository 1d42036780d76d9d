/**
 * What the elements of a stream hold (stream-names.ts says which there are), and how several values that were written at
 * the same time make one:
 *
 *   existence of the stream, of a group    nothing
 *   entries-added, start of a group        a number; an id. The later one counts
 *   entries-read                           a number plus 1, 0: not known. Of several it is not known
 *   last id, max deleted id, delivered     an id. The greatest counts
 *   consumer                               seen, active plus 1 (0: never), in ms. The greatest count
 *   pending                                consumer, delivered at, how many times. The later one counts
 *   entry                                  how many pairs, fields and values. The later one counts
 *
 * What is read here may be damaged in memory: it then says something harmless.
 */
import { ByteReader, ByteWriter, MalformedError } from '../bytes.ts';
import type { StreamEntry, StreamId } from '../contract-streams.ts';
import { Slice } from '../slice.ts';
import { ID_BYTES, readStreamId, STREAM_ID_MIN, writeStreamId } from './stream-id.ts';
import { Item, NameReader } from './stream-names.ts';

/** Counts and moments are kept between 0 and this: some are written plus 1, and peers read no larger number. */
export const STREAM_NUMBER_MAX = Number.MAX_SAFE_INTEGER - 1;

export function boundedNumber(number: number): number {
  return Math.min(Math.max(number, 0), STREAM_NUMBER_MAX);
}

const reader = new ByteReader();
const NOTHING = Buffer.alloc(0);
const BLANK = Buffer.from(' ');
const names = new NameReader();

/** Spells values. What it gives is valid until it spells the next one. */
export class ValueWriter {
  private readonly writer = new ByteWriter(256);
  private readonly value = new Slice();

  id(id: StreamId): Slice {
    const writer = this.writer.reset();
    writer.reserve(ID_BYTES);
    writeStreamId(writer.bytes, 0, id);
    writer.at = ID_BYTES;
    return this.done();
  }

  number(number: number): Slice {
    this.writer.reset().varint(boundedNumber(number));
    return this.done();
  }

  read(entriesRead: number | null): Slice {
    this.writer.reset().varint(entriesRead === null ? 0 : boundedNumber(entriesRead) + 1);
    return this.done();
  }

  /** −1: never active. */
  consumer(seenMs: number, activeMs: number): Slice {
    const writer = this.writer.reset();
    writer.varint(boundedNumber(seenMs));
    writer.varint(activeMs < 0 ? 0 : boundedNumber(activeMs) + 1);
    return this.done();
  }

  pending(consumer: Slice, deliveredMs: number, deliveries: number): Slice {
    const writer = this.writer.reset();
    writer.run(consumer.bytes, consumer.start, consumer.end);
    writer.varint(boundedNumber(deliveredMs));
    writer.varint(boundedNumber(deliveries));
    return this.done();
  }

  /** fields[from] … fields[to − 1]: fields and values in turn. */
  entry(fields: readonly Slice[], from: number, to: number): Slice {
    const writer = this.writer.reset();
    writer.varint((to - from) / 2);
    for (let i = from; i < to; i++) writer.run(fields[i].bytes, fields[i].start, fields[i].end);
    return this.done();
  }

  private done(): Slice {
    return this.value.set(this.writer.bytes, 0, this.writer.at);
  }
}

/** Whether these bytes can be the value of such an element. */
export function isValue(item: Item, bytes: Buffer, start: number, end: number): boolean {
  reader.set(bytes, start, end);
  try {
    skipValue(item, reader);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return false;
  }
  return reader.at === end;
}

function skipValue(item: Item, from: ByteReader): void {
  switch (item) {
    case Item.existence:
    case Item.group:
      return;
    case Item.addedBase:
    case Item.groupRead:
      from.varint();
      return;
    case Item.last:
    case Item.maxDeleted:
    case Item.groupBase:
    case Item.mark:
      if (from.end - from.at !== ID_BYTES) throw new MalformedError(`an id of ${from.end - from.at} bytes`);
      from.at = from.end;
      return;
    case Item.consumer:
      from.varint();
      from.varint();
      return;
    case Item.pending:
      from.run();
      from.varint();
      from.varint();
      return;
    case Item.entry:
      for (let left = 2 * from.count(2); left > 0; left--) from.run();
      return;
    case Item.added:
      throw new MalformedError('a value that should be a counter');
  }
}

export function idIn(bytes: Buffer, start: number, end: number): StreamId {
  return end - start === ID_BYTES ? readStreamId(bytes, start) : STREAM_ID_MIN;
}

export function numberIn(bytes: Buffer, start: number, end: number): number {
  return guarded(bytes, start, end, () => reader.varint()) ?? 0;
}

export function consumerIn(bytes: Buffer, start: number, end: number): { seenMs: number; activeMs: number } {
  const read = () => ({ seenMs: reader.varint(), activeMs: reader.varint() - 1 });
  return guarded(bytes, start, end, read) ?? { seenMs: 0, activeMs: -1 };
}

export interface PendingValue {
  consumer: Buffer;
  deliveredMs: number;
  deliveries: number;
}

export function pendingIn(bytes: Buffer, start: number, end: number): PendingValue {
  const read = () => ({ consumer: reader.runCopy(), deliveredMs: reader.varint(), deliveries: reader.varint() });
  return guarded(bytes, start, end, read) ?? { consumer: NOTHING, deliveredMs: 0, deliveries: 0 };
}

/** For CRDT INSPECT: the value of the element of that name, so that it can be read. */
export function showValue(name: Buffer, value: Buffer): Buffer {
  if (!names.read(name, 0, name.length) || !isValue(names.item, value, 0, value.length)) return value;
  const { item } = names;
  reader.set(value, 0, value.length);
  const words: (string | number | Buffer)[] = [];
  if (item === Item.addedBase) words.push(reader.varint());
  else if (item === Item.groupRead) words.push(value[0] === 0 ? 'not known' : reader.varint() - 1);
  else if (item === Item.consumer) words.push('seen', reader.varint(), 'active', reader.varint() - 1);
  else if (item === Item.pending) words.push(reader.runCopy(), 'since', reader.varint(), 'times', reader.varint());
  else if (item === Item.entry) for (let left = 2 * reader.varint(); left > 0; left--) words.push(reader.runCopy());
  else if (value.length === ID_BYTES) {
    const { ms, seq } = readStreamId(value, 0);
    words.push(`${ms}-${seq}`);
  }
  const bytes = words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word))));
  return Buffer.concat(bytes.flatMap((word, i) => (i === 0 ? [word] : [BLANK, word])));
}

function guarded<T>(bytes: Buffer, start: number, end: number, read: () => T): T | undefined {
  reader.set(bytes, start, end);
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return undefined;
  }
}

/** One entry as visitors see it, on bytes that belong to somebody else. */
export class EntryView implements StreamEntry {
  id: StreamId = STREAM_ID_MIN;
  fieldCount = 0;
  private readonly reader = new ByteReader();
  private readonly field = new Slice();
  private readonly value = new Slice();
  private start = 0;

  set(id: StreamId, { bytes, start, end }: Slice): this {
    this.id = id;
    this.fieldCount = 0;
    if (!isValue(Item.entry, bytes, start, end)) return this;
    this.reader.set(bytes, start, end);
    this.fieldCount = this.reader.varint();
    this.start = this.reader.at;
    return this;
  }

  forEachField(visit: (field: Slice, value: Slice) => void): void {
    const { reader: from, field, value } = this;
    from.at = this.start;
    for (let left = this.fieldCount; left > 0; left--) {
      const fieldStart = from.run();
      field.set(from.bytes, fieldStart, from.at);
      const valueStart = from.run();
      visit(field, value.set(from.bytes, valueStart, from.at));
    }
  }
}
