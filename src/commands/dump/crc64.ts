/**
 * CRC-64 as Redis has it: polynomial ad93d23594c935a9 (Jones), bits reflected, from 0. Two 32-bit halves, since there are
 * no fast 64-bit numbers here.
 */
const LOW = new Uint32Array(256);
const HIGH = new Uint32Array(256);

const REFLECTED_HIGH = 0x95ac9329;
const REFLECTED_LOW = 0xac4bc9b5;

for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte];
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (carry === 1) {
      high = (high ^ REFLECTED_HIGH) >>> 0;
      low = (low ^ REFLECTED_LOW) >>> 0;
    }
  }
  HIGH[byte] = high;
  LOW[byte] = low;
}

/** Of bytes[start..end), as 8 bytes, little-endian. */
export function crc64(bytes: Uint8Array, start: number, end: number): Buffer {
  let high = 0;
  let low = 0;
  for (let at = start; at < end; at++) {
    const index = (low ^ bytes[at]) & 0xff;
    low = (((low >>> 8) | (high << 24)) ^ LOW[index]) >>> 0;
    high = ((high >>> 8) ^ HIGH[index]) >>> 0;
  }
  const crc = Buffer.allocUnsafe(8);
  crc.writeUInt32LE(low, 0);
  crc.writeUInt32LE(high, 4);
  return crc;
}
