/**
 * Changes to CBOR (RFC 8949) that keep it readable: an item is replaced, left out, doubled or put elsewhere, and the
 * lengths around it follow. What is put in is what readers trip over: other types, tags, indefinite lengths, deep
 * nesting, numbers at the edges, names that objects have anyway.
 */
import type { MutationContext } from './target.ts';

/** An item: its head, and either a payload or items. */
interface Item {
  readonly major: number;
  /** Of what has no length: the head itself. */
  readonly head: Buffer;
  payload: Buffer;
  readonly items: Item[];
}

const DEPTH_MAX = 32;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const NOTHING = Buffer.alloc(0);
/** Beyond the plain ones: bignums, dates, shared and packed references, records, typed arrays, sets, expressions. */
const TAGS = [0, 1, 2, 3, 4, 6, 24, 25, 27, 28, 29, 51, 64, 72, 86, 105, 258, 27064, 40009, 57337, 57342, 57343];
const NAMES = ['toString', 'valueOf', '__proto__', 'constructor', 'length', 'toJSON', 'v', 'n', ''];
const SIMPLE_HEADS = [
  'f4',
  'f5',
  'f6',
  'f7',
  'f0',
  'f8ff',
  '20',
  '3bffffffffffffffff',
  '1bffffffffffffffff',
  '1b0020000000000000',
];
const DOUBLES = [0, -1, 0.5, 1e308, Number.NaN, Infinity, 2 ** 53, 2 ** 53 - 1, 65536, 1 << 20];

/** Bytes that are no CBOR are changed as bytes. `leaf` changes the payload of byte strings. */
export function mutateCbor(bytes: Buffer, context: MutationContext, leaf = context.scramble): Buffer {
  const parsed = parse(bytes, 0, 0);
  if (parsed === null) return context.scramble(bytes);
  const { item } = parsed;
  for (let left = 1 + context.random.below(2); left > 0; left--) change(item, context, leaf);
  return write(item);
}

function change(root: Item, context: MutationContext, leaf: (bytes: Buffer) => Buffer): void {
  const { random } = context;
  const places = placesOf(root);
  if (places.length === 0) return;
  const { within, at } = random.pick(places);
  const item = within[at];
  switch (random.below(8)) {
    case 0:
      within[at] = odd(context);
      return;
    case 1:
      within[at] = number(context);
      return;
    case 2: {
      const other = random.pick(places);
      // a copy: an item that held itself would have no end
      within[at] = copyOf(other.within[other.at]);
      return;
    }
    case 3:
      within.splice(at, 1);
      return;
    case 4:
      within.splice(at, 0, ...Array.from({ length: random.pick([1, 1, 2, 40]) }, () => item));
      return;
    default:
      if (item.major === BYTES) item.payload = leaf(item.payload);
      else if (item.major === TEXT) item.payload = context.scramble(item.payload);
      else within[at] = number(context);
  }
}

function copyOf(item: Item): Item {
  return { ...item, items: item.items.map(copyOf) };
}

function placesOf(root: Item): { within: Item[]; at: number }[] {
  const places: { within: Item[]; at: number }[] = [];
  const walk = (item: Item) => {
    for (const [at, each] of item.items.entries()) {
      places.push({ within: item.items, at });
      walk(each);
    }
  };
  walk(root);
  return places;
}

function odd({ random, scramble }: MutationContext): Item {
  const child = simple(Buffer.from('01', 'hex'));
  switch (random.below(9)) {
    case 0:
      return { major: TAG, head: head(TAG, random.pick(TAGS)), payload: NOTHING, items: [child] };
    case 1: {
      const long = Buffer.alloc(random.pick([1, 9, 1000, 60_000, 250_000]), 0xa5);
      return {
        major: TAG,
        head: head(TAG, random.pick([2, 3, 64, 24])),
        payload: NOTHING,
        items: [string(BYTES, long)],
      };
    }
    case 2:
      return simple(Buffer.alloc(random.pick([3, 100, 5000, 200_000]), random.pick([0x81, 0x9f, 0xc1, 0xd9])));
    case 3: {
      const count = random.pick([2, 300, 60_000, 200_000]);
      return simple(
        Buffer.concat([head(ARRAY, count), Buffer.alloc(count, random.pick([0x80, 0xa0, 0x60, 0xf6, 0x01]))]),
      );
    }
    case 4: {
      const name = string(TEXT, Buffer.from(random.pick(NAMES)));
      return {
        major: MAP,
        head: NOTHING,
        payload: NOTHING,
        items: [name, child, string(TEXT, Buffer.from('valueOf')), child],
      };
    }
    case 5:
      return string(random.pick([BYTES, TEXT]), scramble(Buffer.from(random.pick(NAMES))));
    case 6:
      return simple(Buffer.from(random.pick(SIMPLE_HEADS), 'hex'));
    case 7:
      return simple(Buffer.from('9f01ff', 'hex'));
    default:
      return { major: ARRAY, head: NOTHING, payload: NOTHING, items: [child, child, child] };
  }
}

function number({ random }: MutationContext): Item {
  if (random.chance(0.4)) return simple(head(0, random.pick([0, 1, 2, 23, 24, 255, 65535, 65536, 2 ** 32 - 1])));
  const double = Buffer.alloc(9, 0xfb);
  double.writeDoubleBE(random.pick(DOUBLES), 1);
  return simple(double);
}

function simple(bytes: Buffer): Item {
  return { major: 7, head: bytes, payload: NOTHING, items: [] };
}

function string(major: number, payload: Buffer): Item {
  return { major, head: NOTHING, payload, items: [] };
}

function parse(bytes: Buffer, start: number, depth: number): { item: Item; end: number } | null {
  if (start >= bytes.length || depth > DEPTH_MAX) return null;
  const major = bytes[start] >> 5;
  const code = bytes[start] & 0x1f;
  if (code > 27) return null;
  const width = code < 24 ? 0 : 2 ** (code - 24);
  if (start + 1 + width > bytes.length) return null;
  let length = width === 0 ? code : 0;
  for (let i = 0; i < width; i++) length = length * 256 + bytes[start + 1 + i];
  let end = start + 1 + width;
  const item: Item = { major, head: bytes.subarray(start, end), payload: NOTHING, items: [] };
  if (major === BYTES || major === TEXT) {
    if (end + length > bytes.length) return null;
    item.payload = bytes.subarray(end, end + length);
    return { item, end: end + length };
  }
  const count = major === ARRAY ? length : major === MAP ? 2 * length : major === TAG ? 1 : 0;
  if (count > bytes.length) return null;
  for (let left = count; left > 0; left--) {
    const child = parse(bytes, end, depth + 1);
    if (child === null) return null;
    item.items.push(child.item);
    end = child.end;
  }
  return { item, end };
}

function write({ major, head: given, payload, items }: Item): Buffer {
  switch (major) {
    case BYTES:
    case TEXT:
      return Buffer.concat([head(major, payload.length), payload]);
    case ARRAY:
      return Buffer.concat([head(major, items.length), ...items.map(write)]);
    case MAP:
      return Buffer.concat([head(major, items.length >> 1), ...items.map(write)]);
    default:
      return Buffer.concat([given, ...items.map(write)]);
  }
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  if (length < 65536) return Buffer.from([(major << 5) | 25, length >> 8, length & 0xff]);
  const bytes = Buffer.alloc(5, (major << 5) | 26);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
