/**
 * The packed forms in which Redis saves small collections: intset, ziplist, listpack, zipmap. Each reader gives the
 * elements as byte strings, numbers in decimal, and throws PayloadError for whatever does not fit together exactly.
 */

export class PayloadError extends Error {
  override name = 'PayloadError';
}

function bad(what: string): never {
  throw new PayloadError(what);
}

const decimal = (value: number | bigint) => Buffer.from(String(value));

/** Of 1 to 8 bytes, little-endian. */
function integerAt(bytes: Buffer, at: number, width: number): Buffer {
  const run = slice(bytes, at, width);
  return decimal(width === 8 ? run.readBigInt64LE(0) : run.readIntLE(0, width));
}

/** u32 width, u32 count, then numbers, all little-endian. */
export function intsetElements(bytes: Buffer): Buffer[] {
  if (bytes.length < 8) bad('intset cut short');
  const width = bytes.readUInt32LE(0);
  const count = bytes.readUInt32LE(4);
  if ((width !== 2 && width !== 4 && width !== 8) || bytes.length !== 8 + width * count) bad('intset of another size');
  const elements: Buffer[] = [];
  for (let at = 8; at < bytes.length; at += width) {
    elements.push(integerAt(bytes, at, width));
  }
  return elements;
}

/** Listpack: u32 size, u16 count, entries (encoding, data, length backwards), 0xff. */
export function listpackElements(bytes: Buffer): Buffer[] {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== bytes.length) bad('listpack of another size');
  const count = bytes.readUInt16LE(4);
  const elements: Buffer[] = [];
  let at = 6;
  while (at < bytes.length - 1) {
    const { value, size } = listpackEntry(bytes, at);
    elements.push(value);
    const back = size < 128 ? 1 : size < 16384 ? 2 : size < 2097152 ? 3 : size < 268435456 ? 4 : 5;
    if (backLength(bytes, at + size, back) !== size) bad('listpack: a length that does not lead back');
    at += size + back;
  }
  if (at !== bytes.length - 1 || bytes[at] !== 0xff) bad('listpack without its end');
  if (count !== 0xffff && count !== elements.length) bad('listpack of another count');
  return elements;
}

function listpackEntry(bytes: Buffer, at: number): { value: Buffer; size: number } {
  const first = bytes[at];
  const run = (start: number, length: number) => ({ value: slice(bytes, start, length), size: start + length - at });
  const whole = (width: number) => ({ value: integerAt(bytes, at + 1, width), size: 1 + width });
  if (first < 0x80) return { value: decimal(first), size: 1 };
  if (first < 0xc0) return run(at + 1, first & 0x3f);
  if (first < 0xe0) {
    const value = ((first & 0x1f) << 8) | slice(bytes, at + 1, 1)[0];
    return { value: decimal(value >= 4096 ? value - 8192 : value), size: 2 };
  }
  if (first < 0xf0) return run(at + 2, ((first & 0x0f) << 8) | slice(bytes, at + 1, 1)[0]);
  switch (first) {
    case 0xf0:
      return run(at + 5, slice(bytes, at + 1, 4).readUInt32LE(0));
    case 0xf1:
      return whole(2);
    case 0xf2:
      return whole(3);
    case 0xf3:
      return whole(4);
    case 0xf4:
      return whole(8);
    default:
      return bad(`listpack: encoding ${first}`);
  }
}

/** 7 bits a byte, the highest first; all but the first marked. */
function backLength(bytes: Buffer, at: number, width: number): number {
  let length = 0;
  for (const byte of slice(bytes, at, width)) length = length * 128 + (byte & 0x7f);
  return length;
}

const ZIPLIST_HEAD = 10;

/** Ziplist: u32 size, u32 tail, u16 count, entries (length of the one before, encoding, data), 0xff. */
export function ziplistElements(bytes: Buffer): Buffer[] {
  if (bytes.length < ZIPLIST_HEAD + 1 || bytes.readUInt32LE(0) !== bytes.length) bad('ziplist of another size');
  const count = bytes.readUInt16LE(8);
  const elements: Buffer[] = [];
  let at = ZIPLIST_HEAD;
  let before = 0;
  let last = at;
  while (at < bytes.length - 1) {
    const wide = bytes[at] === 254;
    const told = wide ? slice(bytes, at + 1, 4).readUInt32LE(0) : bytes[at];
    if (told !== before || bytes[at] === 255) bad('ziplist: a length that does not lead back');
    const head = at + (wide ? 5 : 1);
    const { value, size } = ziplistEntry(bytes, head);
    elements.push(value);
    last = at;
    before = head + size - at;
    at = head + size;
  }
  if (at !== bytes.length - 1 || bytes[at] !== 0xff) bad('ziplist without its end');
  if (bytes.readUInt32LE(4) !== last) bad('ziplist: a tail elsewhere');
  if (count !== 0xffff && count !== elements.length) bad('ziplist of another count');
  return elements;
}

function ziplistEntry(bytes: Buffer, at: number): { value: Buffer; size: number } {
  const first = slice(bytes, at, 1)[0];
  const run = (head: number, length: number) => ({ value: slice(bytes, at + head, length), size: head + length });
  const whole = (width: number) => ({ value: integerAt(bytes, at + 1, width), size: 1 + width });
  switch (first >> 6) {
    case 0:
      return run(1, first);
    case 1:
      return run(2, ((first & 0x3f) << 8) | slice(bytes, at + 1, 1)[0]);
    case 2:
      return run(5, slice(bytes, at + 1, 4).readUInt32BE(0));
    default:
  }
  switch (first) {
    case 0xc0:
      return whole(2);
    case 0xd0:
      return whole(4);
    case 0xe0:
      return whole(8);
    case 0xf0:
      return whole(3);
    case 0xfe:
      return whole(1);
    default:
      if (first < 0xf1 || first > 0xfd) bad(`ziplist: encoding ${first}`);
      return { value: decimal(first - 0xf1), size: 1 };
  }
}

/** Zipmap: count, then names and values by turns; a value may have free bytes behind it; 0xff. */
export function zipmapElements(bytes: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  let at = 1;
  while (slice(bytes, at, 1)[0] !== 0xff) {
    const isValue = elements.length % 2 === 1;
    let length = bytes[at++];
    if (length === 254) {
      length = slice(bytes, at, 4).readUInt32LE(0);
      at += 4;
    }
    const free = isValue ? slice(bytes, at++, 1)[0] : 0;
    elements.push(slice(bytes, at, length));
    at += length + free;
  }
  if (at !== bytes.length - 1) bad('zipmap with something behind its end');
  if (elements.length % 2 === 1) bad('zipmap: a name without a value');
  return elements;
}

function slice(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) bad('cut short');
  return bytes.subarray(at, at + length);
}

/** LZF: literal runs, and copies of what was written before. Gives exactly `length` bytes. */
export function lzfDecompress(bytes: Buffer, length: number): Buffer {
  // no byte of it makes more than 264/3: a length beyond is a lie
  if (length > bytes.length * 88 + 264) bad('LZF of another length');
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  let written = 0;
  while (at < bytes.length) {
    const control = bytes[at++];
    if (control < 32) {
      const run = slice(bytes, at, control + 1);
      if (written + run.length > length) bad('LZF of another length');
      written += run.copy(out, written);
      at += run.length;
      continue;
    }
    let count = control >> 5;
    if (count === 7) count += slice(bytes, at++, 1)[0];
    let from = written - (((control & 0x1f) << 8) | slice(bytes, at++, 1)[0]) - 1;
    if (from < 0 || written + count + 2 > length) bad('LZF: a copy from elsewhere');
    // may overlap with what it writes
    for (let left = count + 2; left > 0; left--) out[written++] = out[from++];
  }
  if (written !== length) bad('LZF of another length');
  return out;
}
