/** Reading JSON as lua-cjson does: what it takes beyond JSON (hexadecimal numbers, NaN), and its errors word for word. */
import { ByteBuilder } from './byte-builder.ts';
import type { JsonOptions } from './cjson.ts';
import type { LuaMachine, Thread } from './machine.ts';

/** As deep as data may be nested whatever a script has set: each level takes native stack. */
const DEPTH_MAX = 2000;

type TokenType =
  | 'T_OBJ_BEGIN'
  | 'T_OBJ_END'
  | 'T_ARR_BEGIN'
  | 'T_ARR_END'
  | 'T_STRING'
  | 'T_NUMBER'
  | 'T_BOOLEAN'
  | 'T_NULL'
  | 'T_COLON'
  | 'T_COMMA'
  | 'T_END'
  | 'T_ERROR';

const PUNCTUATION: Readonly<Record<number, TokenType>> = {
  123: 'T_OBJ_BEGIN',
  125: 'T_OBJ_END',
  91: 'T_ARR_BEGIN',
  93: 'T_ARR_END',
  58: 'T_COLON',
  44: 'T_COMMA',
};
const ESCAPES: Readonly<Record<number, number>> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 8,
  102: 12,
  110: 10,
  114: 13,
  116: 9,
};
/** What C's strtod takes. */
const NUMBER =
  /^[+-]?(?:0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan(?:\(\w*\))?)/i;
const NUMBER_BYTES_MAX = 512;

class JsonError extends Error {}

export class JsonReader {
  private readonly machine: LuaMachine;
  private readonly thread: Thread;
  private readonly text: Buffer;
  private readonly options: JsonOptions;
  private at = 0;
  private depth = 0;
  // the token that was read last
  private type: TokenType = 'T_END';
  private index = 0;
  private problem = '';
  private number = 0;
  private truth = false;
  private string = new ByteBuilder();

  constructor(machine: LuaMachine, thread: Thread, text: Buffer, options: JsonOptions) {
    this.machine = machine;
    this.thread = thread;
    this.text = text;
    this.options = options;
  }

  /** Puts the value on the stack and gives null; or the error's text. */
  read(): string | null {
    try {
      this.next();
      this.value();
      this.next();
      if (this.type !== 'T_END') this.expected('the end');
      return null;
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      return error.message;
    }
  }

  private value(): void {
    const { machine, thread } = this;
    const { api } = machine;
    switch (this.type) {
      case 'T_STRING':
        machine.pushBytes(thread, this.string.filled());
        return;
      case 'T_NUMBER':
        api.lua_pushnumber(thread, this.number);
        return;
      case 'T_BOOLEAN':
        api.lua_pushboolean(thread, this.truth ? 1 : 0);
        return;
      case 'T_OBJ_BEGIN':
        this.object();
        return;
      case 'T_ARR_BEGIN':
        this.array();
        return;
      case 'T_NULL':
        api.lua_pushlightuserdata(thread, 0);
        return;
      default:
        this.expected('value');
    }
  }

  private object(): void {
    const { machine, thread } = this;
    this.descend();
    machine.api.lua_createtable(thread, 0, 0);
    this.next();
    while (this.type !== 'T_OBJ_END') {
      if (!this.is('T_STRING')) this.expected('object key string');
      machine.pushBytes(thread, this.string.filled());
      this.next();
      if (!this.is('T_COLON')) this.expected('colon');
      this.next();
      this.value();
      machine.api.lua_rawset(thread, -3);
      this.next();
      if (this.is('T_OBJ_END')) break;
      if (!this.is('T_COMMA')) this.expected('comma or object end');
      this.next();
      // a comma promises one more
      if (this.is('T_OBJ_END')) this.expected('object key string');
    }
    this.depth--;
  }

  private array(): void {
    const { machine, thread } = this;
    this.descend();
    machine.api.lua_createtable(thread, 0, 0);
    this.next();
    for (let i = 1; this.type !== 'T_ARR_END'; i++) {
      this.value();
      machine.api.lua_rawseti(thread, -2, i);
      this.next();
      if (this.is('T_ARR_END')) break;
      if (!this.is('T_COMMA')) this.expected('comma or array end');
      this.next();
      if (this.is('T_ARR_END')) this.expected('value');
    }
    this.depth--;
  }

  /** Asked of a token that was read since the last question. */
  private is(type: TokenType): boolean {
    return this.type === type;
  }

  private descend(): void {
    this.depth++;
    const { depth, machine, options, thread } = this;
    if (depth > options.decodeDepthMax || depth > DEPTH_MAX || machine.api.lua_checkstack(thread, 6) === 0)
      throw new JsonError(`Found too many nested data structures (${depth}) at character ${this.at}`);
  }

  private expected(what: string): never {
    const found = this.type === 'T_ERROR' ? this.problem : this.type;
    throw new JsonError(`Expected ${what} but found ${found} at character ${this.index + 1}`);
  }

  // --- tokens

  private next(): void {
    const { text } = this;
    let byte = text[this.at];
    while (byte === 0x20 || byte === 9 || byte === 10 || byte === 13) byte = text[++this.at];
    this.index = this.at;
    // a NUL is an end, as at the end of every string of C
    if (byte === undefined || byte === 0) {
      this.type = 'T_END';
      return;
    }
    const punctuation = PUNCTUATION[byte];
    if (punctuation !== undefined) {
      this.type = punctuation;
      this.at++;
    } else if (byte === 0x22) this.readString();
    else if (byte === 0x2d || isDigit(byte)) {
      if (!this.options.decodeInvalid && this.isInvalidNumber()) this.failToken('invalid number');
      else this.readNumber();
    } else if (this.isWord('true') || this.isWord('false')) {
      this.type = 'T_BOOLEAN';
      this.truth = byte === 0x74;
      this.at += this.truth ? 4 : 5;
    } else if (this.isWord('null')) {
      this.type = 'T_NULL';
      this.at += 4;
    } else if (this.options.decodeInvalid && (byte === 0x2b || /[iIn]/i.test(String.fromCharCode(byte)))) {
      if (this.isInvalidNumber()) this.readNumber();
      else this.failToken('invalid token');
    } else this.failToken('invalid token');
  }

  private failToken(problem: string): void {
    this.type = 'T_ERROR';
    this.problem = problem;
    this.index = this.at;
  }

  private isWord(word: string): boolean {
    return this.text.toString('latin1', this.at, this.at + word.length) === word;
  }

  /** Such as C reads and JSON does not have. */
  private isInvalidNumber(): boolean {
    const text = this.text.toString('latin1', this.at, this.at + 5);
    return /^(?:\+|-?0(?:x|\d)|-?inf|-?nan)/i.test(text);
  }

  private readNumber(): void {
    const text = this.text.toString('latin1', this.at, this.at + NUMBER_BYTES_MAX);
    const found = NUMBER.exec(text)?.[0];
    if (found === undefined) {
      this.failToken('invalid number');
      return;
    }
    this.type = 'T_NUMBER';
    this.number = numberFrom(found.toLowerCase());
    this.at += found.length;
  }

  private readString(): void {
    const { text } = this;
    const string = new ByteBuilder();
    this.at++;
    for (;;) {
      let byte = text[this.at];
      if (byte === 0x22) break;
      if (byte === undefined || byte === 0) {
        this.failToken('unexpected end of string');
        return;
      }
      if (byte === 0x5c) {
        if (text[this.at + 1] === 0x75) {
          if (this.readUnicode(string)) continue;
          this.failToken('invalid unicode escape code');
          return;
        }
        byte = ESCAPES[text[this.at + 1]];
        if (byte === undefined) {
          this.failToken('invalid escape code');
          return;
        }
        this.at++;
      }
      string.byte(byte);
      this.at++;
    }
    this.at++;
    this.type = 'T_STRING';
    this.string = string;
  }

  /** \uXXXX, or two of them for what lies beyond 16 bits. */
  private readUnicode(string: ByteBuilder): boolean {
    let code = this.hexAt(this.at + 2);
    if (code === null) return false;
    let length = 6;
    if ((code & 0xf800) === 0xd800) {
      if ((code & 0x400) !== 0 || this.text[this.at + 6] !== 0x5c || this.text[this.at + 7] !== 0x75) return false;
      const low = this.hexAt(this.at + 8);
      if (low === null || (low & 0xfc00) !== 0xdc00) return false;
      code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x10000;
      length = 12;
    }
    string.raw(Buffer.from(String.fromCodePoint(code)));
    this.at += length;
    return true;
  }

  private hexAt(at: number): number | null {
    const digits = this.text.toString('latin1', at, at + 4);
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : null;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function numberFrom(text: string): number {
  const isNegative = text.startsWith('-');
  const plain = text.replace(/^[+-]/, '');
  const value = magnitudeOf(plain);
  return isNegative ? -value : value;
}

function magnitudeOf(text: string): number {
  if (text.startsWith('inf')) return Number.POSITIVE_INFINITY;
  if (text.startsWith('nan')) return Number.NaN;
  if (!text.startsWith('0x')) return Number(text);
  const [digits, power] = text.slice(2).split('p');
  const [whole, fraction = ''] = digits.split('.');
  const value = Number.parseInt(`${whole}${fraction}` || '0', 16);
  return value * 2 ** (Number(power ?? 0) - 4 * fraction.length);
}
