/** Changes to bytes, drawn by seed: those that any format may trip over, without knowing one. */
import type { Random } from '../simulation/random.ts';

const BYTES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x27, 0x2a, 0x3f, 0x40, 0x5b, 0x5c, 0x7f, 0x80, 0xfb, 0xff];
/** Edges of the widths in which formats keep numbers. */
const NUMBERS = [
  0, 1, 2, 3, 7, 16, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 32767, 32768, 65535, 65536, 262144, 262160,
  2147483647, 2147483648, 4294967295, 4294967296, 9007199254740991, 9007199254740992,
];
const DOUBLES = [0, -0, 1, -1, 0.5, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e308, 5e-324, Infinity, -Infinity, Number.NaN];
const SPELLED = [
  '-1',
  '-0',
  '00',
  '1e400',
  '0x10',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
];
const STACKED_MAX = 4;
const RUN_MAX = 24;
/** One in so many inputs is blown up: by a run that is repeated up to the longest input. */
const BLOW_UP_EVERY = 400;

export class Mutator {
  private readonly random: Random;
  private readonly words: readonly Buffer[];

  constructor(random: Random, words: readonly string[] = []) {
    this.random = random;
    this.words = words.map((word) => Buffer.from(word, 'latin1'));
  }

  /** A changed copy; never longer than `bytesMax`. */
  mutate(bytes: Buffer, other: Buffer, bytesMax: number): Buffer {
    const { random } = this;
    let changed: Buffer = Buffer.from(bytes);
    for (let left = 1 + random.below(STACKED_MAX); left > 0; left--) changed = this.once(changed, other);
    if (random.below(BLOW_UP_EVERY) === 0) changed = this.blowUp(changed, bytesMax);
    return changed.length > bytesMax ? changed.subarray(0, bytesMax) : changed;
  }

  private once(bytes: Buffer, other: Buffer): Buffer {
    const { random } = this;
    if (bytes.length === 0) return this.run();
    const at = random.below(bytes.length);
    switch (random.below(16)) {
      case 0:
        bytes[at] ^= 1 << random.below(8);
        return bytes;
      case 1:
        bytes[at] = random.chance(0.7) ? random.pick(BYTES) : random.below(256);
        return bytes;
      case 2:
        bytes[at] += random.pick([1, 255, 2, 254, 128]);
        return bytes;
      case 3:
        return this.writeNumber(bytes, at);
      case 4:
        return splice(bytes, at, at + 1 + random.below(RUN_MAX), NOTHING);
      case 5:
        return splice(bytes, at, at, this.run());
      case 6:
        return this.repeat(bytes, at);
      case 7:
        return splice(bytes, at, at, this.pieceOf(bytes));
      case 8:
        return splice(bytes, at, at, this.pieceOf(other));
      case 9:
        return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
      case 10:
        return splice(bytes, at, at + 1 + random.below(RUN_MAX), this.pieceOf(other));
      case 11:
        return this.respell(bytes, at);
      case 12:
        return this.resizeRun(bytes, at);
      case 13:
        return splice(bytes, at, at + random.below(3), this.word());
      case 14:
        return splice(bytes, at, at + 1 + random.below(3), varint(this.number()));
      default:
        return bytes.subarray(0, at);
    }
  }

  private run(): Buffer {
    const { random } = this;
    const run = Buffer.alloc(1 + random.below(RUN_MAX), random.pick(BYTES));
    if (random.chance(0.5)) for (let i = 0; i < run.length; i++) run[i] = random.below(256);
    return run;
  }

  private number(): number {
    return this.random.chance(0.8) ? this.random.pick(NUMBERS) : this.random.below(2 ** 20);
  }

  private word(): Buffer {
    return this.words.length === 0 ? this.run() : this.random.pick(this.words);
  }

  private pieceOf(bytes: Buffer): Buffer {
    const start = this.random.below(bytes.length + 1);
    return bytes.subarray(start, start + 1 + this.random.below(2 * RUN_MAX));
  }

  /** A number in some width and byte order, over what is there. */
  private writeNumber(bytes: Buffer, at: number): Buffer {
    const { random } = this;
    const width = random.pick([1, 2, 4, 8]);
    if (at + width > bytes.length) return bytes;
    const number = this.number();
    if (width === 8 && random.chance(0.6)) {
      const double = random.chance(0.7) ? random.pick(DOUBLES) : number;
      if (random.chance(0.7)) bytes.writeDoubleLE(double, at);
      else bytes.writeDoubleBE(double, at);
      return bytes;
    }
    const little = random.chance(0.5);
    for (let i = 0; i < width; i++) {
      bytes[at + (little ? i : width - 1 - i)] = Math.floor(number / 2 ** (8 * i)) % 256;
    }
    return bytes;
  }

  /** The same run several times over. */
  private repeat(bytes: Buffer, at: number): Buffer {
    const piece = bytes.subarray(at, at + 1 + this.random.below(RUN_MAX));
    const times = this.random.pick([1, 2, 3, 7, 15, 64]);
    return splice(bytes, at, at, Buffer.concat(Array.from({ length: times }, () => piece)));
  }

  private blowUp(bytes: Buffer, bytesMax: number): Buffer {
    if (bytes.length === 0) return bytes;
    const at = this.random.below(bytes.length);
    const piece = bytes.subarray(at, at + 1 + this.random.below(6));
    const room = Math.max(0, bytesMax - bytes.length);
    return splice(bytes, at, at, Buffer.alloc(this.random.chance(0.5) ? room : this.random.below(room + 1), piece));
  }

  /** A decimal number in the text becomes another one. */
  private respell(bytes: Buffer, at: number): Buffer {
    let start = at;
    while (start < bytes.length && !isDigit(bytes[start])) start++;
    let end = start;
    while (end < bytes.length && isDigit(bytes[end])) end++;
    const text = this.random.chance(0.5) ? String(this.number()) : this.random.pick(SPELLED);
    return splice(bytes, start, end, Buffer.from(text));
  }

  /** Where a byte could be the length of what follows: both change together, so that the rest stays readable. */
  private resizeRun(bytes: Buffer, at: number): Buffer {
    for (let place = at; place < bytes.length; place++) {
      const length = bytes[place];
      if (length > 0x7f || place + 1 + length > bytes.length) continue;
      const content = bytes.subarray(place + 1, place + 1 + length);
      const changed = this.random.chance(0.5)
        ? Buffer.concat([content, this.run()]).subarray(0, 0x7f)
        : content.subarray(0, this.random.below(length + 1));
      return splice(bytes, place, place + 1 + length, Buffer.concat([Buffer.from([changed.length]), changed]));
    }
    return bytes;
  }
}

const NOTHING = Buffer.alloc(0);

function splice(bytes: Buffer, start: number, end: number, piece: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(end)]);
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** As ByteWriter writes it, of numbers too large for it as well. */
function varint(number: number): Buffer {
  const bytes: number[] = [];
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}
