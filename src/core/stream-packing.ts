/**
 * What effects on streams carry, packed and checked when it is read: a delivery, which is several things at once, and the
 * names and values of elements.
 */
import type { Amount } from './amount.ts';
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import type { StreamEffect } from './contract-streams.ts';
import { Slice } from './slice.ts';
import { ID_BYTES } from './types/stream-id.ts';
import { ENTRY_BYTES, Item, NameReader } from './types/stream-names.ts';
import { boundedNumber, isValue } from './types/stream-values.ts';

export { ENTRY_BYTES, ID_BYTES };

/** Entries that a consumer of a group has got. */
export interface Delivery {
  readonly group: Slice;
  readonly consumer: Slice;
  readonly nowMs: number;
  /** They are to be acknowledged. */
  readonly isPending: boolean;
  readonly entriesRead: number | null;
  /** Id and author of each, in their order, one after another. */
  readonly entries: Buffer;
}

const PENDING = 1;
const packed = new ByteWriter(256);
const reader = new ByteReader();

/** Valid until the next one. */
export function packDelivery(
  { group, consumer, nowMs, isPending, entriesRead, entries }: Delivery,
  into: Slice,
): Slice {
  packed.reset().run(group.bytes, group.start, group.end);
  packed.run(consumer.bytes, consumer.start, consumer.end);
  packed.varint(nowMs);
  packed.u8(isPending ? PENDING : 0);
  packed.varint(entriesRead === null ? 0 : boundedNumber(entriesRead) + 1);
  packed.raw(entries, 0, entries.length);
  return into.set(packed.bytes, 0, packed.at);
}

/** Throws MalformedError. */
export function unpackDelivery({ bytes, start, end }: Slice): Delivery {
  reader.set(bytes, start, end);
  const group = new Slice(bytes, reader.run(), reader.at);
  const consumer = new Slice(bytes, reader.run(), reader.at);
  const nowMs = reader.varint();
  const flags = reader.u8();
  const read = reader.varint();
  if (flags > PENDING) throw new MalformedError(`a delivery with flags ${flags}`);
  if ((end - reader.at) % ENTRY_BYTES !== 0) throw new MalformedError(`a delivery of ${end - reader.at} bytes`);
  const entriesRead = read === 0 ? null : read - 1;
  return { group, consumer, nowMs, isPending: flags === PENDING, entriesRead, entries: bytes.subarray(reader.at, end) };
}

const names = new NameReader();

/** Throws MalformedError if a stream has no element of that name, or not with such a value. */
export function requireStreamValue(name: Slice, value: Slice): void {
  const item = requireStreamName(name);
  if (!isValue(item, value.bytes, value.start, value.end))
    throw new MalformedError(`value of item ${item} of a stream`);
}

/** Throws MalformedError. */
export function requireStreamName({ bytes, start, end }: Slice): Item {
  if (!names.read(bytes, start, end)) throw new MalformedError(`name of ${end - start} bytes in a stream`);
  return names.item;
}

/** Throws MalformedError if these are not so many bytes. */
export function requireLength({ start, end }: Slice, length: typeof ID_BYTES | typeof ENTRY_BYTES): void {
  if (end - start !== length) throw new MalformedError(`${end - start} bytes where a stream has ${length}`);
}

/** Whether an element tells who has got what. `isRepeated`: it was there before, so that no group or consumer has come about. */
export function isBookkeeping({ bytes, start, end }: Slice, isRepeated: boolean): boolean {
  if (!names.read(bytes, start, end)) return false;
  switch (names.item) {
    case Item.pending:
    case Item.mark:
    case Item.groupRead:
      return true;
    case Item.group:
    case Item.consumer:
      return isRepeated;
    default:
      return false;
  }
}

/** What the assignment or removal of an element does. */
export function streamEffectOf(name: Slice, isRemoval: boolean): StreamEffect {
  switch (requireStreamName(name)) {
    case Item.entry:
      return isRemoval ? 'entryRemove' : 'entryAssign';
    case Item.maxDeleted:
      return 'entryRemove';
    case Item.existence:
      return 'streamCreate';
    case Item.last:
    case Item.addedBase:
      return 'streamSetId';
    case Item.groupBase:
      return 'groupAssign';
    case Item.consumer:
      return isRemoval ? 'consumerRemove' : 'consumerAssign';
    case Item.pending:
      return isRemoval ? 'pendingRemove' : 'pendingAssign';
    case Item.added:
    case Item.group:
    case Item.groupRead:
    case Item.mark:
      return 'streamNote';
  }
}

/** So many entries were added. Throws MalformedError. */
export function requireCount(...counts: readonly Amount[]): void {
  if (!counts.every(Number.isSafeInteger)) throw new MalformedError(`${counts.join(' and ')} entries of a stream`);
}

/** Fields and values of an entry. Throws MalformedError. */
export function requireEntry({ bytes, start, end }: Slice): void {
  if (!isValue(Item.entry, bytes, start, end)) throw new MalformedError(`an entry of ${end - start} bytes`);
}
