/** The request parser: what it takes, what it refuses and in which words, and that no cut of the input matters. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InputBuffer } from '../../src/resp/input-buffer.ts';
import { encodeRequest } from '../../src/resp/local-client.ts';
import { Parsed, RequestParser } from '../../src/resp/parser.ts';

interface Taken {
  requests: string[][];
  error: string | null;
  parser: RequestParser;
}

/** Feeds chunks as a session does: unfinished requests are kept in an InputBuffer. */
function take(chunks: readonly Buffer[], parser = new RequestParser()): Taken {
  const input = new InputBuffer();
  const requests: string[][] = [];
  for (const chunk of chunks) {
    parser.shift(input.append(chunk, 0, chunk.length, parser.wantsUpTo - input.start));
    for (;;) {
      const parsed = parser.parse(input.bytes, input.end);
      if (parsed === Parsed.error) return { requests, error: parser.error, parser };
      if (parsed === Parsed.more) break;
      requests.push(parser.args.slice(0, parser.argc).map((arg) => arg.latin1()));
    }
    const from = parser.keepFrom;
    input.dropTo(from);
    if (input.length === 0) parser.shift(from);
  }
  return { requests, error: null, parser };
}

function requestsIn(text: string): string[][] {
  const { requests, error } = take([Buffer.from(text, 'latin1')]);
  assert.is(error, null);
  return requests;
}

function errorOf(text: string, parser = new RequestParser()): string | null {
  return take([Buffer.from(text, 'latin1')], parser).error;
}

const words = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });

test('requests are the same however the input is cut', () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (requests, cuts) => {
      const bytes = Buffer.concat(requests.map((args) => encodeRequest(args.map((arg) => Buffer.from(arg)))));
      const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      const chunks = [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
      const expected = requests.map((args) => args.map((arg) => Buffer.from(arg).toString('latin1')));
      assert.equal(take(chunks).requests, expected);
    }),
  );
});

test('inline requests are the same however the input is cut', () => {
  const bytes = Buffer.from('PING\r\nECHO "a b"\n\r\n  SET k \'v\'  \r\n*1\r\n$4\r\nPING\r\nGET k\r\n');
  const whole = take([bytes]).requests;
  assert.equal(whole, [['PING'], ['ECHO', 'a b'], ['SET', 'k', 'v'], ['PING'], ['GET', 'k']]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(take([bytes.subarray(0, cut), bytes.subarray(cut)]).requests, whole);
  }
  assert.equal(take([...bytes].map((byte) => Buffer.from([byte]))).requests, whole);
});

test('any bytes at all are taken without a crash', () => {
  const soup = fc.array(
    fc.oneof(
      fc.constantFrom('*', '$', '\r\n', '\n', '1', '2', '-1', '3', 'PING', '"', "'", '\\', ' ', '*1\r\n$4\r\nPING\r\n'),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(soup, (parts) => {
      const { requests, error } = take(parts.map((part) => Buffer.from(part, 'latin1')));
      assert.ok(requests.every((args) => args.length > 0));
      assert.ok(error === null || error.length > 0);
    }),
  );
});

test('empty requests are passed over, any number of them', () => {
  assert.equal(requestsIn(`${'*0\r\n'.repeat(100_000)}*-1\r\n\r\n\n*1\r\n$4\r\nPING\r\n`), [['PING']]);
});

test('an argument may be empty or hold any byte', () => {
  assert.equal(requestsIn('*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\n\r\n\0\xff*\r\n'), [['SET', '', '\r\n\0\xff*']]);
});

test('a request that was taken back is found again', () => {
  const parser = new RequestParser();
  const bytes = Buffer.from('*1\r\n$4\r\nPING\r\nECHO a\r\n');
  const next = () => {
    assert.is(parser.parse(bytes, bytes.length), Parsed.request);
    return parser.args[0].latin1();
  };
  assert.is(next(), 'PING');
  parser.unread();
  assert.is(next(), 'PING');
  assert.is(next(), 'ECHO');
  parser.unread();
  assert.is(next(), 'ECHO');
});

const INVALID_COUNTS = [
  '*\r\n',
  '*x\r\n',
  '*01\r\n',
  '*+1\r\n',
  '* 1\r\n',
  '*1 \r\n',
  '*-0\r\n',
  '*2147483648\r\n',
  '*99999999999999999999\r\n',
];
for (const input of INVALID_COUNTS) {
  test(`${JSON.stringify(input)} is an invalid multibulk length`, () => {
    assert.is(errorOf(input), 'invalid multibulk length');
  });
}

const INVALID_LENGTHS = [
  '$\r\n',
  '$x\r\n',
  '$-1\r\n',
  '$04\r\n',
  '$4 \r\n',
  '$-0\r\n',
  '$536870913\r\n',
  '$999999999999999999999999\r\n',
];
for (const input of INVALID_LENGTHS) {
  test(`${JSON.stringify(input)} is an invalid bulk length`, () => {
    assert.is(errorOf(`*1\r\n${input}`), 'invalid bulk length');
  });
}

test('an argument must begin with a dollar sign', () => {
  assert.is(errorOf('*1\r\n:4\r\n'), "expected '$', got ':'");
  assert.is(errorOf('*1\r\nPING\r\n'), "expected '$', got 'P'");
  assert.is(errorOf('*2\r\n$4\r\nPING\r\n*1\r\n'), "expected '$', got '*'");
});

test('what is wrong with an argument is told when its line is complete, not before', () => {
  assert.is(errorOf('*1\r\nabc'), null);
  assert.is(errorOf('*1\r\nabc\r'), null);
  assert.is(errorOf('*1\r\nabc\r\n'), "expected '$', got 'a'");
});

test('lines that do not end are refused past 64 KiB', () => {
  const long = '1'.repeat(65_537);
  assert.is(errorOf(`*${long}`), 'too big mbulk count string');
  assert.is(errorOf(`*1\r\n$${long}`), 'too big bulk count string');
  assert.is(errorOf(`*1\r\n${long}`), 'too big bulk count string');
  assert.is(errorOf(long), 'too big inline request');
  assert.is(errorOf('x'.repeat(60_000)), null);
});

test('before AUTH a request has ten arguments at most, of 16 KiB at most', () => {
  const untrusting = () => Object.assign(new RequestParser(), { trusted: false });
  assert.is(errorOf('*11\r\n', untrusting()), 'unauthenticated multibulk length');
  assert.is(errorOf('*10\r\n', untrusting()), null);
  assert.is(errorOf('*1\r\n$16385\r\n', untrusting()), 'unauthenticated bulk length');
  assert.is(errorOf('*1\r\n$16384\r\n', untrusting()), null);
});

test('proto-max-bulk-len bounds an argument', () => {
  const strict = () => Object.assign(new RequestParser(), { bulkLengthMax: 10 });
  assert.is(errorOf('*1\r\n$11\r\n', strict()), 'invalid bulk length');
  assert.is(errorOf('*1\r\n$10\r\n', strict()), null);
});

test('a claim costs nothing: memory is taken as bytes arrive', () => {
  const parser = new RequestParser();
  const input = new InputBuffer();
  for (const text of ['*2147483647\r\n', '$536870912\r\n', 'abc']) {
    const chunk = Buffer.from(text);
    parser.shift(input.append(chunk, 0, chunk.length, parser.wantsUpTo - input.start));
    assert.is(parser.parse(input.bytes, input.end), Parsed.more);
    input.dropTo(parser.keepFrom);
  }
  assert.is(parser.args.length, 0);
  assert.ok(input.bytes.length <= 4096);
});

test('a big argument is copied a constant number of times', () => {
  const size = 8 << 20;
  const chunk = Buffer.alloc(1 << 14, 120);
  const parser = new RequestParser();
  const input = new InputBuffer();
  let capacity = 0;
  let copied = 0;
  const feed = (bytes: Buffer) => {
    parser.shift(input.append(bytes, 0, bytes.length, parser.wantsUpTo - input.start));
    if (input.bytes.length !== capacity) copied += input.length;
    capacity = input.bytes.length;
    const parsed = parser.parse(input.bytes, input.end);
    input.dropTo(parser.keepFrom);
    return parsed;
  };
  feed(Buffer.from(`*1\r\n$${size}\r\n`));
  for (let sent = 0; sent < size; sent += chunk.length) assert.is(feed(chunk), Parsed.more);
  assert.is(feed(Buffer.from('\r\n')), Parsed.request);
  assert.is(parser.args[0].length, size);
  assert.ok(copied <= 2.5 * size, `${copied} bytes copied`);
});

const INLINE: readonly (readonly [line: string, words: string[]])[] = [
  ['  PING \t x ', ['PING', 'x']],
  ['"PING"', ['PING']],
  ['ECHO "a\\nb\\r\\t\\b\\a\\\\\\"\\q"', ['ECHO', 'a\nb\r\t\b\x07\\"q']],
  ["ECHO 'a\\'b\\n'", ['ECHO', "a'b\\n"]],
  ['ECHO "\\x41\\xfF\\xzz\\x4"', ['ECHO', 'A\xffxzzx4']],
  ['ECHO ""', ['ECHO', '']],
  ['ECHO a"b"', ['ECHO', 'ab']],
  ['ECHO a\\nb', ['ECHO', 'a\\nb']],
  ['ECHO a\vb', ['ECHO', 'a\vb']],
  ['ECHO a\0b', ['ECHO', 'a']],
];
for (const [line, expected] of INLINE) {
  test(`the line ${JSON.stringify(line)} is ${JSON.stringify(expected)}`, () => {
    assert.equal(requestsIn(`${line}\r\n`), [expected]);
  });
}

for (const line of ['ECHO "a', "ECHO 'a", 'ECHO "a"b', "ECHO 'a'b", 'ECHO "a\\', 'ECHO a"b"c', "'PI''NG'"]) {
  test(`the line ${JSON.stringify(line)} has unbalanced quotes`, () => {
    assert.is(errorOf(`${line}\r\n`), 'unbalanced quotes in request');
  });
}

test('a line of more words than anybody types is refused: each would cost its argument', () => {
  const parser = new RequestParser();
  const words = 'a '.repeat(8 * 1024);
  const bytes = Buffer.from(`${words}\r\n${words}a\r\n`);
  assert.is(parser.parse(bytes, bytes.length), Parsed.request);
  assert.is(parser.argc, 8 * 1024);
  assert.is(parser.args[8 * 1024 - 1].latin1(), 'a');
  assert.is(parser.parse(bytes, bytes.length), Parsed.error);
  assert.is(parser.error, 'too big inline request');
});

test.run();
