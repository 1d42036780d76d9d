/**
 * Streams in Redis's RDB encoding: nodes, each a listpack of entries that are told as differences from its first one; what
 * is known of the whole stream; groups with what is pending and their consumers. Written as Redis 7.0 does.
 */
import type { Integer, StreamId } from '../../core/contract.ts';
import { compareStreamIds, distanceTo, STREAM_ID_MIN, STREAM_NUMBER_MAX } from '../../core/index.ts';
import { narrow } from '../../core/integer.ts';
import { encodeLength, encodeRun, type Reader } from './encoding.ts';
import { ListpackWriter } from './listpack.ts';
import { listpackElements, PayloadError } from './packed.ts';

export interface EntryValue {
  readonly id: StreamId;
  /** Fields and values by turns. */
  readonly fields: readonly Buffer[];
}

export interface ConsumerValue {
  readonly name: Buffer;
  readonly seenMs: number;
  /** −1: never. */
  readonly activeMs: number;
}

export interface PendingValue {
  readonly id: StreamId;
  readonly consumer: Buffer;
  readonly deliveredMs: number;
  readonly deliveries: number;
}

export interface GroupValue {
  readonly name: Buffer;
  readonly lastDeliveredId: StreamId;
  /** Null: not known. */
  readonly entriesRead: number | null;
  readonly consumers: readonly ConsumerValue[];
  readonly pending: readonly PendingValue[];
}

export interface StreamValue {
  readonly entries: readonly EntryValue[];
  readonly lastId: StreamId;
  readonly maxDeletedId: StreamId;
  readonly entriesAdded: number;
  readonly groups: readonly GroupValue[];
}

/** The form of Redis 5; since 7.0 with what was added, read and removed; since 7.2 with when consumers got something. */
export const StreamVersion = { first: 1, counts: 2, activity: 3 } as const;
type StreamVersion = (typeof StreamVersion)[keyof typeof StreamVersion];

/** Of a node, as Redis's directives have it when nobody has set them. */
const NODE_ENTRIES_MAX = 100;
const NODE_BYTES_MAX = 4096;
const ID_BYTES = 16;
/** Flags of an entry. */
const REMOVED = 1;
const SAME_FIELDS = 2;
/** What stands for a count that is not known. */
const UNKNOWN = 2n ** 64n - 1n;

// --- writing

export function encodeStream(stream: StreamValue): Buffer[] {
  const { entries, lastId, maxDeletedId, entriesAdded, groups } = stream;
  const nodes = nodesOf(entries);
  return [
    encodeLength(nodes.length),
    ...nodes.flatMap((node) => [...encodeRun(rawId(node[0].id)), ...encodeRun(encodeNode(node))]),
    encodeLength(entries.length),
    ...[lastId, entries[0]?.id ?? STREAM_ID_MIN, maxDeletedId].flatMap(encodeId),
    encodeLength(entriesAdded),
    encodeLength(groups.length),
    ...groups.flatMap(encodeGroup),
  ];
}

/** Runs of entries; a node begins with an id that none before it has. */
function nodesOf(entries: readonly EntryValue[]): EntryValue[][] {
  const nodes: EntryValue[][] = [];
  let node: EntryValue[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.fields.reduce((sum, each) => sum + each.length, 0);
    const isFull = node.length >= NODE_ENTRIES_MAX || bytes + size > NODE_BYTES_MAX;
    if (node.length === 0 || (isFull && compareStreamIds(node[node.length - 1].id, entry.id) !== 0)) {
      node = [];
      bytes = 0;
      nodes.push(node);
    }
    node.push(entry);
    bytes += size;
  }
  return nodes;
}

function encodeNode(node: readonly EntryValue[]): Buffer {
  const [first] = node;
  const names = first.fields.filter((_, at) => at % 2 === 0);
  const listpack = new ListpackWriter();
  for (const number of [node.length, 0, names.length]) listpack.integer(number);
  for (const name of names) listpack.run(name);
  listpack.integer(0);
  for (const { id, fields } of node) {
    const isAlike = fields.length === first.fields.length && names.every((name, at) => name.equals(fields[2 * at]));
    listpack.integer(isAlike ? SAME_FIELDS : 0);
    listpack.integer(difference(id.ms, first.id.ms));
    listpack.integer(difference(id.seq, first.id.seq));
    if (!isAlike) listpack.integer(fields.length / 2);
    for (const [at, each] of fields.entries()) if (!isAlike || at % 2 === 1) listpack.run(each);
    // how many elements it takes, for who comes from the other end
    listpack.integer(3 + (isAlike ? fields.length / 2 : fields.length + 1));
  }
  return listpack.finish();
}

/** Modulo 2^64, as a number with a sign. */
function difference(half: Integer, from: Integer): Integer {
  if (typeof half === 'number' && typeof from === 'number') return half - from;
  return narrow(BigInt.asIntN(64, BigInt(half) - BigInt(from)));
}

function encodeGroup({ name, lastDeliveredId, entriesRead, consumers, pending }: GroupValue): Buffer[] {
  return [
    ...encodeRun(name),
    ...encodeId(lastDeliveredId),
    encodeLength(entriesRead ?? UNKNOWN),
    encodeLength(pending.length),
    ...pending.flatMap((each) => [rawId(each.id), moment(each.deliveredMs), encodeLength(each.deliveries)]),
    encodeLength(consumers.length),
    ...consumers.flatMap((consumer) => {
      const own = pending.filter((each) => each.consumer.equals(consumer.name));
      const ids = own.map(({ id }) => rawId(id));
      return [...encodeRun(consumer.name), moment(consumer.seenMs), encodeLength(own.length), ...ids];
    }),
  ];
}

function encodeId({ ms, seq }: StreamId): Buffer[] {
  return [encodeLength(ms), encodeLength(seq)];
}

function rawId({ ms, seq }: StreamId): Buffer {
  const bytes = Buffer.allocUnsafe(ID_BYTES);
  bytes.writeBigUInt64BE(BigInt(ms), 0);
  bytes.writeBigUInt64BE(BigInt(seq), 8);
  return bytes;
}

function moment(ms: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(BigInt(ms));
  return bytes;
}

// --- reading

export function readStreamValue(reader: Reader, version: StreamVersion): StreamValue {
  const entries: EntryValue[] = [];
  for (let left = reader.length(); left > 0; left--) {
    const start = reader.run();
    for (const entry of nodeEntries(readRawId(start), listpackElements(reader.run()))) entries.push(entry);
  }
  if (reader.length() !== entries.length) throw new PayloadError('a stream of another length');
  const lastId = readId(reader);
  refuseDisorder(entries, lastId);
  let maxDeletedId = STREAM_ID_MIN;
  let entriesAdded = entries.length;
  if (version >= StreamVersion.counts) {
    // the first id follows from the entries
    readId(reader);
    maxDeletedId = readId(reader);
    entriesAdded = safe(reader.integer());
  }
  const groups: GroupValue[] = [];
  for (let left = reader.length(); left > 0; left--) {
    const group = readGroup(reader, version);
    const isCounted = version >= StreamVersion.counts;
    groups.push(isCounted ? group : { ...group, entriesRead: entriesUpTo(group.lastDeliveredId, entries, lastId) });
  }
  refuseTwice(groups.map(({ name }) => name));
  return { entries, lastId, maxDeletedId, entriesAdded, groups };
}

/** In a stream from which nothing was removed. */
function entriesUpTo(id: StreamId, entries: readonly EntryValue[], lastId: StreamId): number | null {
  const { length } = entries;
  const firstId = entries[0]?.id ?? STREAM_ID_MIN;
  const whole = { length, firstId, lastId, maxDeletedId: STREAM_ID_MIN, entriesAdded: length, groups: 0 };
  return distanceTo(whole, id);
}

function refuseDisorder(entries: readonly EntryValue[], lastId: StreamId): void {
  let before = STREAM_ID_MIN;
  for (const { id } of entries) {
    if (compareStreamIds(id, before) <= 0) throw new PayloadError('entries that are not in their order');
    before = id;
  }
  if (compareStreamIds(before, lastId) > 0) throw new PayloadError('a last id that is not the greatest');
}

function refuseTwice(names: readonly Buffer[]): void {
  if (new Set(names.map((name) => name.toString('latin1'))).size < names.length) {
    throw new PayloadError('one name stands twice');
  }
}

/** The elements of a node one by one; its entries are there by turns with those that were removed. */
class NodeElements {
  private readonly elements: readonly Buffer[];
  private at = 0;

  constructor(elements: readonly Buffer[]) {
    this.elements = elements;
  }

  get isAtEnd(): boolean {
    return this.at === this.elements.length;
  }

  run(): Buffer {
    if (this.isAtEnd) throw new PayloadError('a node cut short');
    return this.elements[this.at++];
  }

  whole(): bigint {
    const text = this.run().toString('latin1');
    if (!/^-?\d{1,20}$/.test(text)) throw new PayloadError('no number where one must be');
    return BigInt(text);
  }

  /** How many elements of something follow. */
  count(): number {
    const count = this.whole();
    if (count < 0 || count > this.elements.length - this.at) throw new PayloadError('a count that cannot be');
    return Number(count);
  }
}

function nodeEntries(start: StreamId, elements: readonly Buffer[]): EntryValue[] {
  const node = new NodeElements(elements);
  const [valid, removed, nameCount] = [node.count(), node.count(), node.count()];
  const names: Buffer[] = [];
  for (let i = 0; i < nameCount; i++) names.push(node.run());
  if (node.whole() !== 0n) throw new PayloadError('a node whose head does not end');
  const entries: EntryValue[] = [];
  for (let left = valid + removed; left > 0; left--) {
    const flags = Number(node.whole());
    const id = { ms: sum(start.ms, node.whole()), seq: sum(start.seq, node.whole()) };
    const isAlike = (flags & SAME_FIELDS) !== 0;
    const fieldCount = isAlike ? names.length : node.count();
    const fields: Buffer[] = [];
    for (let i = 0; i < fieldCount; i++) fields.push(isAlike ? names[i] : node.run(), node.run());
    if (node.whole() !== BigInt(3 + (isAlike ? fieldCount : 2 * fieldCount + 1))) {
      throw new PayloadError('an entry of another size');
    }
    if ((flags & REMOVED) === 0) entries.push({ id, fields });
  }
  if (!node.isAtEnd || entries.length !== valid) throw new PayloadError('a node of another size');
  return entries;
}

function sum(half: Integer, step: bigint): Integer {
  return narrow(BigInt.asUintN(64, BigInt(half) + step));
}

function readGroup(reader: Reader, version: StreamVersion): GroupValue {
  const name = reader.run();
  const lastDeliveredId = readId(reader);
  const read = version >= StreamVersion.counts ? reader.integer() : UNKNOWN;
  const delivered = new Map<string, Omit<PendingValue, 'consumer'>>();
  const pendingCount = reader.length();
  for (let i = 0; i < pendingCount; i++) {
    const raw = reader.take(ID_BYTES);
    const deliveredMs = readMoment(reader);
    delivered.set(raw.toString('latin1'), { id: readRawId(raw), deliveredMs, deliveries: safe(reader.integer()) });
  }
  const { consumers, pending } = readConsumers(reader, version, delivered);
  if (delivered.size !== pendingCount || pending.length !== pendingCount) {
    throw new PayloadError('something pending for nobody, or for several');
  }
  return { name, lastDeliveredId, entriesRead: read === UNKNOWN ? null : safe(read), consumers, pending };
}

function readConsumers(
  reader: Reader,
  version: StreamVersion,
  delivered: ReadonlyMap<string, Omit<PendingValue, 'consumer'>>,
): { readonly consumers: ConsumerValue[]; readonly pending: PendingValue[] } {
  const consumers: ConsumerValue[] = [];
  const owners = new Map<string, Buffer>();
  for (let left = reader.length(); left > 0; left--) {
    const name = reader.run();
    const seenMs = readMoment(reader);
    consumers.push({ name, seenMs, activeMs: version >= StreamVersion.activity ? readMoment(reader) : seenMs });
    for (let own = reader.length(); own > 0; own--) {
      const id = reader.take(ID_BYTES).toString('latin1');
      if (owners.has(id)) throw new PayloadError('something pending for nobody, or for several');
      owners.set(id, name);
    }
  }
  refuseTwice(consumers.map(({ name }) => name));
  const pending: PendingValue[] = [];
  for (const [id, consumer] of owners) {
    const each = delivered.get(id);
    if (each === undefined) throw new PayloadError('something pending for nobody, or for several');
    pending.push({ ...each, consumer });
  }
  return { consumers, pending };
}

function readId(reader: Reader): StreamId {
  return { ms: reader.integer(), seq: reader.integer() };
}

function readRawId(raw: Buffer): StreamId {
  if (raw.length !== ID_BYTES) throw new PayloadError('an id of another size');
  return { ms: narrow(raw.readBigUInt64BE(0)), seq: narrow(raw.readBigUInt64BE(8)) };
}

function readMoment(reader: Reader): number {
  const ms = Number(reader.take(8).readBigInt64LE(0));
  if (ms < -1 || ms > STREAM_NUMBER_MAX) throw new PayloadError('a time that is none');
  return ms;
}

function safe(count: Integer): number {
  if (typeof count === 'bigint' || count > STREAM_NUMBER_MAX) throw new PayloadError('a count that cannot be');
  return count;
}
