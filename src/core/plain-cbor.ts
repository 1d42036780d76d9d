/**
 * CBOR from outside: maps of plain things (numbers, texts, bytes, lists, maps, true, false, null), and nothing else.
 * cbor-x reads far more: tags that make bignums of any size (in quadratic time), dates, expressions, shared references,
 * records for which it compiles code; lists of nothing that take forty times their bytes. So the bytes are walked
 * through first, and what is not plain, or would take much more memory than it has bytes, never gets there.
 */
import { Decoder } from 'cbor-x';
import { MalformedError } from './bytes.ts';

/** The deepest that we write is a number in a vector's entry in a member's vector in a list of members: six. */
const DEPTH_MAX = 16;
/** What decoding may take: so many bytes a byte, and these. */
const MEMORY_PER_BYTE_MAX = 8;
const MEMORY_EXTRA_MAX = 64 * 1024;
/** What items take in V8 besides their own bytes, about. */
const NUMBER_MEMORY = 16;
const TEXT_MEMORY = 32;
const BYTES_MEMORY = 120;
const LIST_MEMORY = 56;
const MAP_MEMORY = 64;
const REFERENCE_MEMORY = 8;

/** Whole numbers in 64 bits as any other number: what is too large for a double to hold is refused where it is looked at. */
const READING = { useRecords: false, mapsAsObjects: true, int64AsNumber: true };
const decoder = new Decoder(READING);

/** Byte strings in it point into `bytes`. Throws MalformedError. */
export function decodePlainMap(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length === 0 || bytes[0] >> 5 !== MAP) throw new MalformedError('not a map');
  new PlainCheck(bytes).run();
  let decoded: unknown;
  try {
    decoded = decoder.decode(bytes);
  } catch (error) {
    throw new MalformedError(`not CBOR: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof decoded !== 'object' || decoded === null) throw new MalformedError('not a map');
  return decoded as Record<string, unknown>;
}

/** A value from outside, for an error. */
export function shownValue(value: unknown): string {
  return typeof value === 'number' ? String(value) : `of type ${typeof value}`;
}

const BYTES = 2;
const TEXT = 3;
const LIST = 4;
const MAP = 5;
const TAG = 6;
const OTHER = 7;
/** Codes of majors 0 to 6 up to this are the value themselves; then come widths of 1, 2, 4 and 8 bytes. */
const VALUE_MAX = 23;
const WIDTH_MAX = 27;
const FALSE = 20;
const UNDEFINED = 23;
const HALF = 25;

class PlainCheck {
  private readonly bytes: Uint8Array;
  private at = 0;
  private memoryLeft: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.memoryLeft = MEMORY_PER_BYTE_MAX * bytes.length + MEMORY_EXTRA_MAX;
  }

  run(): void {
    this.item(0);
    if (this.at !== this.bytes.length) throw refusal(`${this.bytes.length - this.at} bytes after it`);
  }

  private item(depth: number): void {
    if (depth > DEPTH_MAX) throw refusal(`nested more than ${DEPTH_MAX} deep`);
    const head = this.byte();
    const major = head >> 5;
    const code = head & 0x1f;
    if (major === TAG) throw refusal(`a tag at ${this.at - 1}`);
    if (code > WIDTH_MAX) throw refusal(`no length at ${this.at - 1}`);
    if (major === OTHER) {
      if (code < FALSE || (code > UNDEFINED && code < HALF)) throw refusal(`value ${code}`);
      if (code >= HALF) this.skip(2 ** (code - 24));
      this.take(NUMBER_MEMORY);
      return;
    }
    const value = this.value(code);
    switch (major) {
      case BYTES:
        this.take(BYTES_MEMORY);
        this.skip(value);
        return;
      case TEXT:
        this.take(TEXT_MEMORY + value);
        this.skip(value);
        return;
      case LIST:
        this.take(LIST_MEMORY + REFERENCE_MEMORY * value);
        for (let left = value; left > 0; left--) this.item(depth + 1);
        return;
      case MAP:
        this.take(MAP_MEMORY + REFERENCE_MEMORY * value);
        for (let left = value; left > 0; left--) this.entry(depth + 1);
        return;
      default:
        this.take(NUMBER_MEMORY);
    }
  }

  private entry(depth: number): void {
    if (this.at < this.bytes.length && this.bytes[this.at] >> 5 !== TEXT)
      throw refusal(`a key that is no text at ${this.at}`);
    this.item(depth);
    this.item(depth);
  }

  private value(code: number): number {
    if (code <= VALUE_MAX) return code;
    let value = 0;
    for (let left = 2 ** (code - 24); left > 0; left--) value = value * 256 + this.byte();
    return value;
  }

  private byte(): number {
    if (this.at >= this.bytes.length) throw refusal('cut short');
    return this.bytes[this.at++];
  }

  private skip(length: number): void {
    if (length > this.bytes.length - this.at) throw refusal('cut short');
    this.at += length;
  }

  private take(memory: number): void {
    this.memoryLeft -= memory;
    if (this.memoryLeft < 0) throw refusal('it would take far more memory than it has bytes');
  }
}

function refusal(what: string): MalformedError {
  return new MalformedError(`not plain CBOR: ${what}`);
}
