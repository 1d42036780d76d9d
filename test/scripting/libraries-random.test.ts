/**
 * Random scripts against redis-server: JSON that is nearly right, formats of struct with bytes of any kind, MessagePack, and
 * operations on bits with numbers from the edges. An error must have the same words, but for the name of the function:
 * within pcall Lua's C functions do not know theirs.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from '../commands/differential.ts';
import { Random } from '../simulation/random.ts';

const SCRIPTS = 2000;

const NUMBERS = [
  '0',
  '1',
  '-1',
  '1.5',
  '-0',
  '0.1',
  '1e5',
  '1E-3',
  '123456789012345678',
  '1e308',
  '2.2250738585072014e-308',
  '0x1F',
  '1.',
  '01',
  '-',
  '+1',
  '.5',
  'NaN',
  'Infinity',
  '-inf',
  '1e',
  '3.14159265358979',
  '100',
  '4294967296',
  '9007199254740993',
];
const CHARACTERS = [
  'a',
  'b',
  '\\n',
  '\\u0041',
  '\\u00e9',
  '\\ud83d\\ude00',
  '\\ud800',
  '\\x',
  '\\/',
  '/',
  '\t',
  'é',
  '\\"',
  '\x7f',
  '\\u0000',
  '\\u',
];
const OPTIONS = [
  'b',
  'B',
  'h',
  'H',
  'l',
  'L',
  'T',
  'i',
  'I',
  'i3',
  'I5',
  'i8',
  'c3',
  'c0',
  's',
  'f',
  'd',
  'x',
  '<',
  '>',
  '!',
  '!4',
  '!2',
  ' ',
  'i16',
  'c',
  'z',
  '!3',
  'i40',
];
const LUA_NUMBERS = [
  '0',
  '1',
  '-1',
  '255',
  '256',
  '65535',
  '-32768',
  '2^31',
  '2^32',
  '-2^31',
  '2^53',
  '1.5',
  '-1.5',
  '1e10',
  '-1e10',
  '2^63',
  '1e20',
  '0.1',
];
const MARKS = [
  0x90, 0x91, 0x92, 0x80, 0x81, 0xa1, 0xa3, 0xc0, 0xc2, 0xc3, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2,
  0xd3, 0xd9, 0xda, 0xdc, 0xde, 0x01, 0x7f, 0xe0, 0xff, 0x41, 0x00, 0xc1, 0xc4, 0xd4,
];

/** One script with its arguments. */
type Made = readonly [script: string, ...args: string[]];

class Scripts {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  decoding(): Made {
    return [
      "local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return {'E', v} end return cjson.encode({v})",
      this.json(0),
    ];
  }

  packing(): Made {
    const values = [
      this.number(),
      this.pick([this.number(), "'abcd'"]),
      this.pick([this.number(), "'xyz'"]),
      this.number(),
    ];
    return [`local ok, v = pcall(struct.pack, ARGV[1], ${values.join(', ')}) return {tostring(ok), v}`, this.format()];
  }

  unpacking(): Made {
    const script = `local r = {pcall(struct.unpack, ARGV[1], ARGV[2], ${this.pick(['1', '1', '2', '5', '0'])})}
      for i = 1, #r do r[i] = tostring(r[i]) end
      local s = {pcall(struct.size, ARGV[1])} return {r, tostring(s[1]), s[2]}`;
    return [script, this.format(), this.some(20, () => String.fromCharCode(this.random.below(256)))];
  }

  messagePack(): Made {
    const script = `local r = {pcall(cmsgpack.unpack, ARGV[1])}
      for i = 1, #r do
        if type(r[i]) == 'table' then local _, j = pcall(cjson.encode, r[i]) r[i] = j else r[i] = tostring(r[i]) end
      end return r`;
    return [script, this.some(12, () => String.fromCharCode(this.pick(MARKS)))];
  }

  bits(): Made {
    const n = () => this.number();
    return [
      `local r = {} for _, f in ipairs({'band', 'bor', 'bxor', 'lshift', 'rshift', 'arshift', 'rol', 'ror'}) do
        r[#r + 1] = bit[f](${n()}, ${n()}) end
      r[#r + 1] = bit.tohex(${n()}, ${this.pick(['1', '4', '8', '-3', '-8', '0'])})
      r[#r + 1] = bit.bswap(${n()})
      r[#r + 1] = cmsgpack.pack(${n()}, {${n()}, a = ${n()}})
      r[#r + 1] = tostring(${n()}) .. string.format('%.14g %d %5.1f', ${n()}, ${this.pick(['1', '-5', '3.7'])}, ${n()})
      return r`,
    ];
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)];
  }

  private some(max: number, make: () => string, separator = ''): string {
    return Array.from({ length: this.random.below(max) }, make).join(separator);
  }

  private number(): string {
    return this.pick(LUA_NUMBERS);
  }

  private format(): string {
    return this.pick(OPTIONS) + this.some(4, () => this.pick(OPTIONS));
  }

  private text(): string {
    return `"${this.some(5, () => this.pick(CHARACTERS))}"`;
  }

  private json(depth: number): string {
    const kind = depth > 3 ? 0 : this.random.below(10);
    if (kind < 3) return this.pick(NUMBERS);
    if (kind < 5) return this.text();
    if (kind < 6) return this.pick(['true', 'false', 'null', 'nul', 'tru', '']);
    const separator = this.pick([',', ',', ',', ' , ', '']);
    if (kind < 8) return `[${this.some(4, () => this.json(depth + 1), separator)}${this.pick([']', ']', ']', ''])}`;
    const member = () =>
      `${this.pick([this.text(), '"a"', '"1"', '1'])}${this.pick([':', ':', ' : ', ''])}${this.json(depth + 1)}`;
    return `{${this.some(4, member, separator)}${this.pick(['}', '}', '}', ''])}`;
  }
}

differentialTest('random scripts on the libraries answer as in redis-server', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const scripts = new Scripts(seed);
  const both = await BothServers.open();
  try {
    for (let i = 0; i < SCRIPTS; i += 5) {
      const made = [scripts.decoding(), scripts.packing(), scripts.unpacking(), scripts.messagePack(), scripts.bits()];
      const requests = made.map(([script, ...args]) => ['EVAL', script, '0', ...args]);
      for (const { request, redis, starling } of await both.answers(requests))
        assert.is(shown(starling), shown(redis), JSON.stringify(request));
    }
  } finally {
    both.close();
  }
});

/** Without lengths and names of functions. */
function shown(reply: Buffer): string {
  const text = reply.toString('latin1').replace(/argument #(\d+) to '[^']*'/g, 'argument $1');
  return text.replace(/\$\d+\r\n/g, '');
}

test.run();
