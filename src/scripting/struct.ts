/** The library `struct`: C structures in strings, as Roberto Ierusalimschy's struct 0.2 has it. */
import { bytesArgument, integerArgument, numberArgument } from './arguments.ts';
import { ByteBuilder } from './byte-builder.ts';
import type { Library } from './environment.ts';
import type { LuaMachine, Thread } from './machine.ts';

const INTEGER_BYTES_MAX = 32;
/** Of a machine of 64 bits. */
const ALIGNMENT = 8;
const INT_MAX = 2 ** 31 - 1;
const INTEGERS = 'bBhHlLTiI';

/** The options of a format one after the other, each with its size and what it is to be aligned by. */
class Format {
  isLittle = true;
  option = '';
  size = 0;
  private readonly text: string;
  private at = 0;
  private alignment = 1;
  private readonly machine: LuaMachine;
  private readonly thread: Thread;
  private readonly name: string;

  constructor(machine: LuaMachine, thread: Thread, name: string) {
    this.machine = machine;
    this.thread = thread;
    this.name = name;
    const text = bytesArgument(machine, thread, 1, name).toString('latin1');
    const end = text.indexOf('\0');
    this.text = end < 0 ? text : text.slice(0, end);
  }

  /** False at the end. */
  next(): boolean {
    if (this.at >= this.text.length) return false;
    this.option = this.text[this.at++];
    this.size = this.sizeOf(this.option);
    return true;
  }

  /** Bytes to leave out at this position, so that the option is aligned. */
  padding(position: number): number {
    if (this.size === 0 || this.option === 'c') return 0;
    const size = Math.min(this.size, this.alignment);
    return (size - (position & (size - 1))) & (size - 1);
  }

  /** An option that stands for no value. */
  control(): void {
    switch (this.option) {
      case ' ':
        return;
      case '>':
      case '<':
        this.isLittle = this.option === '<';
        return;
      case '!': {
        const alignment = this.number(ALIGNMENT);
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0)
          this.machine.fail(this.thread, `alignment ${alignment} is not a power of 2`);
        this.alignment = alignment;
        return;
      }
      default:
        this.machine.failArgument(this.thread, 1, this.name, `invalid format option '${this.option}'`);
    }
  }

  private sizeOf(option: string): number {
    switch (option) {
      case 'b':
      case 'B':
      case 'x':
        return 1;
      case 'h':
      case 'H':
        return 2;
      case 'f':
        return 4;
      case 'l':
      case 'L':
      case 'T':
      case 'd':
        return 8;
      case 'c':
        return this.number(1);
      case 'i':
      case 'I': {
        const size = this.number(4);
        if (size > INTEGER_BYTES_MAX)
          this.machine.fail(this.thread, `integral size ${size} is larger than limit of ${INTEGER_BYTES_MAX}`);
        return size;
      }
      default:
        return 0;
    }
  }

  private number(byDefault: number): number {
    const digits = /^\d+/.exec(this.text.slice(this.at))?.[0];
    if (digits === undefined) return byDefault;
    this.at += digits.length;
    const value = Number(digits);
    if (value > INT_MAX) this.machine.fail(this.thread, 'integral size overflow');
    return value;
  }
}

export function structLibrary(machine: LuaMachine): Library {
  return {
    pack: (thread) => pack(machine, thread),
    unpack: (thread) => unpack(machine, thread),
    size: (thread) => size(machine, thread),
  };
}

function pack(machine: LuaMachine, thread: Thread): number {
  const format = new Format(machine, thread, 'pack');
  const into = new ByteBuilder();
  let argument = 2;
  let length = 0;
  while (format.next()) {
    let { size } = format;
    const { option } = format;
    const padding = format.padding(length);
    length += padding;
    for (let i = 0; i < padding; i++) into.byte(0);
    if (INTEGERS.includes(option)) {
      const value = numberArgument(machine, thread, argument++, 'pack');
      into.raw(integerBytes(value, size, format.isLittle));
    } else if (option === 'x') into.byte(0);
    else if (option === 'f' || option === 'd') {
      into.raw(floatBytes(numberArgument(machine, thread, argument++, 'pack'), size, format.isLittle));
    } else if (option === 'c' || option === 's') {
      const bytes = bytesArgument(machine, thread, argument++, 'pack');
      if (size === 0) size = bytes.length;
      if (bytes.length < size) machine.failArgument(thread, argument, 'pack', 'string too short');
      into.raw(bytes.subarray(0, size));
      if (option === 's') {
        into.byte(0);
        size++;
      }
    } else format.control();
    length += size;
  }
  machine.pushBytes(thread, into.filled());
  return 1;
}

function unpack(machine: LuaMachine, thread: Thread): number {
  const { api } = machine;
  const format = new Format(machine, thread, 'unpack');
  const bytes = bytesArgument(machine, thread, 2, 'unpack');
  let at = integerArgument(machine, thread, 3, 'unpack', 1);
  if (at <= 0) machine.failArgument(thread, 3, 'unpack', 'offset must be 1 or greater');
  at--;
  const require = (size: number) => {
    if (size > bytes.length || at > bytes.length - size)
      machine.failArgument(thread, 2, 'unpack', 'data string too short');
  };
  let results = 0;
  while (format.next()) {
    let { size } = format;
    const { option } = format;
    at += format.padding(at);
    require(size);
    if (api.lua_checkstack(thread, 2) === 0) machine.fail(thread, 'stack overflow (too many results)');
    if (INTEGERS.includes(option)) {
      const isSigned = option === option.toLowerCase();
      api.lua_pushnumber(thread, integerOf(bytes.subarray(at, at + size), format.isLittle, isSigned));
      results++;
    } else if (option === 'f' || option === 'd') {
      api.lua_pushnumber(thread, floatOf(bytes.subarray(at, at + size), format.isLittle));
      results++;
    } else if (option === 'c') {
      if (size === 0) {
        if (results === 0 || api.lua_isnumber(thread, -1) === 0)
          machine.fail(thread, "format 'c0' needs a previous size");
        size = lengthOf(api.lua_tonumber(thread, -1));
        machine.pop(thread);
        results--;
        require(size);
      }
      machine.pushBytes(thread, bytes.subarray(at, at + size));
      results++;
    } else if (option === 's') {
      const end = bytes.indexOf(0, at);
      if (end < 0) machine.fail(thread, 'unfinished string in data');
      machine.pushBytes(thread, bytes.subarray(at, end));
      size = end - at + 1;
      results++;
    } else if (option !== 'x') format.control();
    at += size;
  }
  api.lua_pushnumber(thread, at + 1);
  return results + 1;
}

function size(machine: LuaMachine, thread: Thread): number {
  const format = new Format(machine, thread, 'size');
  let length = 0;
  while (format.next()) {
    const { option, size } = format;
    length += format.padding(length);
    if (option === 's') machine.failArgument(thread, 1, 'size', "option 's' has no fixed size");
    if (option === 'c' && size === 0) machine.failArgument(thread, 1, 'size', "option 'c0' has no fixed size");
    if (!/[0-9a-zA-Z]/.test(option)) format.control();
    length += size;
  }
  machine.api.lua_pushnumber(thread, length);
  return 1;
}

/** As C casts a double to a size on most machines: what is far too big for one becomes none, below it nothing fits. */
function lengthOf(value: number): number {
  if (value >= 2 ** 64) return 0;
  return value > -1 ? Math.trunc(value) : Number.POSITIVE_INFINITY;
}

/** As C casts a double to 64 bits; more bytes than these are zeros. */
function integerBytes(value: number, size: number, isLittle: boolean): Buffer {
  const inRange = value > -(2 ** 63) && value < 2 ** 64;
  let rest = BigInt.asUintN(64, inRange ? BigInt(Math.trunc(value)) : value < 0 ? -(2n ** 63n) : 0n);
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[isLittle ? i : size - 1 - i] = Number(rest & 0xffn);
  return bytes;
}

function integerOf(bytes: Buffer, isLittle: boolean, isSigned: boolean): number {
  let value = 0n;
  const { length } = bytes;
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(bytes[isLittle ? length - 1 - i : i]);
  const bits = Math.min(length * 8, 64);
  return Number(isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(64, value));
}

function floatBytes(value: number, size: number, isLittle: boolean): Buffer {
  const bytes = Buffer.alloc(size);
  if (size === 4) bytes.writeFloatLE(value, 0);
  else bytes.writeDoubleLE(value, 0);
  return isLittle ? bytes : bytes.reverse();
}

function floatOf(bytes: Buffer, isLittle: boolean): number {
  const little = isLittle ? bytes : Buffer.from(bytes).reverse();
  return little.length === 4 ? little.readFloatLE(0) : little.readDoubleLE(0);
}
