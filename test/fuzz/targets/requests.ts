/** What clients send: requests and inline requests, whole and in pieces, before and after their password. */
import assert from 'node:assert/strict';
import { InputBuffer } from '../../../src/resp/input-buffer.ts';
import { Parsed, RequestParser } from '../../../src/resp/parser.ts';
import type { Target } from '../target.ts';

const SEEDS = [
  '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
  'PING\r\n*1\r\n$4\r\nPING\r\nSET k "a\\x41\\n\\"b" \'it\\\'s\'\n',
  '*0\r\n*-1\r\n*1\r\n$0\r\n\r\n',
  '\r\n\n  set\tk  v \r\n',
  `*2\r\n$3\r\nGET\r\n$200\r\n${'x'.repeat(200)}\r\n`,
  `*12\r\n${'$1\r\na\r\n'.repeat(12)}`,
  '*1\r\n$20000\r\nab',
];

interface Read {
  /** Requests, their arguments with their lengths, one after the other. */
  readonly requests: Buffer;
  readonly error: string;
}

export const target: Target = {
  name: 'requests',
  guidedBy: ['/src/resp/parser.ts', '/src/resp/inline.ts', '/src/resp/input-buffer.ts', '/src/core/integer.ts'],
  bytesMax: 64 * 1024,
  words: ['\r\n', '*', '$', '*3\r\n', '$3\r\n', '"', "'", '\\x', '\\', ' ', '*-1\r\n', '$-1\r\n', '*2147483648\r\n'],
  seeds: () => SEEDS.map((text) => Buffer.from(text, 'latin1')),
  run(bytes) {
    parseAll(bytes, true, () => {});
  },
  check(bytes) {
    for (const trusted of [true, false]) {
      const whole = read(bytes, trusted);
      for (const piece of [1, 7, 1000]) {
        if (bytes.length / piece > 1024) continue;
        const cut = readInPieces(bytes, trusted, piece);
        assert.ok(cut.requests.equals(whole.requests), `in pieces of ${piece} bytes these are other requests`);
        assert.equal(cut.error, whole.error);
      }
    }
  },
};

function parserFor(trusted: boolean): RequestParser {
  const parser = new RequestParser();
  parser.trusted = trusted;
  return parser;
}

function parseAll(bytes: Buffer, trusted: boolean, take: (parser: RequestParser) => void): RequestParser {
  const parser = parserFor(trusted);
  while (parser.parse(bytes, bytes.length) === Parsed.request) {
    take(parser);
  }
  return parser;
}

class Spelled {
  private readonly pieces: Buffer[] = [];

  add({ args, argc }: RequestParser): void {
    this.pieces.push(Buffer.from(`\n${argc}`));
    for (let i = 0; i < argc; i++) this.pieces.push(Buffer.from(` ${args[i].length}:`), args[i].copy());
  }

  bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

function read(bytes: Buffer, trusted: boolean): Read {
  const spelled = new Spelled();
  const { error } = parseAll(bytes, trusted, (parser) => spelled.add(parser));
  return { requests: spelled.bytes(), error };
}

/** As a session keeps what is not used up yet. */
function readInPieces(bytes: Buffer, trusted: boolean, piece: number): Read {
  const parser = parserFor(trusted);
  const input = new InputBuffer();
  const spelled = new Spelled();
  for (let from = 0; from < bytes.length; from += piece) {
    const wanted = parser.wantsUpTo - input.start;
    parser.shift(input.append(bytes, from, Math.min(from + piece, bytes.length), wanted));
    let parsed = parser.parse(input.bytes, input.end);
    for (; parsed === Parsed.request; parsed = parser.parse(input.bytes, input.end)) spelled.add(parser);
    if (parsed === Parsed.error) return { requests: spelled.bytes(), error: parser.error };
    const { keepFrom } = parser;
    input.dropTo(keepFrom);
    if (input.length === 0) parser.shift(keepFrom);
  }
  return { requests: spelled.bytes(), error: '' };
}
