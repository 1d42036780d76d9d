/**
 * Three hashes over bytes. tableHash places keys in byte tables and is seeded a process, so that nobody can craft
 * colliding keys; digests are the same on every node, two 32-bit lanes wide; keySlot is Redis Cluster's CRC16
 * slot with hash tags (Redis Cluster specification), by which digests are grouped.
 */

/** 32 bits, mixed like MurmurHash3's finaliser over 4-byte steps. */
export function tableHash(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let h = seed ^ (end - start);
  let at = start;
  for (const stop = end - 3; at < stop; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    k = Math.imul(k, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= bytes[at] << shift;
  h ^= Math.imul(rest, 0xcc9e2d51);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

/** Two independent lanes that absorb words and bytes; the running digest of one item. */
export class Lanes {
  a = 0;
  b = 0;

  from(a: number, b: number): this {
    this.a = a;
    this.b = b;
    return this;
  }

  word(value: number): this {
    this.a = Math.imul((this.a ^ value) | 0, 0x9e3779b1);
    this.a ^= this.a >>> 15;
    this.b = Math.imul((this.b + value) | 0, 0x85ebca77);
    this.b ^= this.b >>> 13;
    return this;
  }

  /** A double's value: high and low part, exact for every HLC stamp and deadline. */
  number(value: number): this {
    const high = Math.floor(value / 4294967296);
    return this.word(high | 0).word((value - high * 4294967296) | 0);
  }

  bytes(bytes: Uint8Array, start: number, end: number): this {
    let a = this.a ^ (end - start);
    let b = (this.b + (end - start)) | 0;
    let at = start;
    for (const stop = end - 3; at < stop; at += 4) {
      const k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      a = Math.imul(a ^ k, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul((b + k) | 0, 0x85ebca77);
      b ^= b >>> 13;
    }
    for (; at < end; at++) {
      a = Math.imul(a ^ (bytes[at] + 0x100), 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul((b + bytes[at] + 0x200) | 0, 0x85ebca77);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    return this;
  }

  text(text: string): this {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i));
    return this.word(text.length);
  }

  /** Final mixing; the lanes may be read after it. */
  finish(): this {
    this.a ^= this.a >>> 16;
    this.a = Math.imul(this.a, 0x7feb352d);
    this.a ^= this.a >>> 15;
    this.b ^= this.b >>> 16;
    this.b = Math.imul(this.b, 0x846ca68b);
    this.b ^= this.b >>> 15;
    return this;
  }
}

export const SLOTS = 16384;

const CRC16 = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  CRC16[byte] = crc;
}

/** The cluster slot of a key, 0..16383: CRC16 (XMODEM) of the key, or of its {hash tag}. */
export function keySlot(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 123) return taggedSlot(bytes, start, end, at);
    crc = ((crc << 8) ^ CRC16[((crc >>> 8) ^ byte) & 0xff]) & 0xffff;
  }
  return crc & (SLOTS - 1);
}

/** The first '{' is at `open`: what stands between it and the next '}' counts alone, unless that is nothing. */
function taggedSlot(bytes: Uint8Array, start: number, end: number, open: number): number {
  let close = open + 1;
  while (close < end && bytes[close] !== 125) close++;
  const tagged = close < end && close > open + 1;
  const from = tagged ? open + 1 : start;
  const to = tagged ? close : end;
  let crc = 0;
  for (let at = from; at < to; at++) crc = ((crc << 8) ^ CRC16[((crc >>> 8) ^ bytes[at]) & 0xff]) & 0xffff;
  return crc & (SLOTS - 1);
}
