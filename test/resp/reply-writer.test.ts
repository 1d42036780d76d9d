/** Replies as bytes, in both protocols. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatDouble } from '../../src/commands/double.ts';
import type { Reply } from '../../src/commands/reply.ts';
import { Slice } from '../../src/core/index.ts';
import { decodeReply } from '../../src/resp/decode.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';

function bytesOf(protocol: 2 | 3, write: (reply: Reply) => void): string {
  const writer = new ReplyWriter();
  writer.protocol = protocol;
  write(writer);
  const text = writer.filled().toString('latin1');
  writer.release();
  return text;
}

const FORMS: readonly (readonly [name: string, write: (reply: Reply) => void, resp2: string, resp3: string])[] = [
  ['ok', (reply) => reply.ok(), '+OK\r\n', '+OK\r\n'],
  ['a status', (reply) => reply.status('PONG'), '+PONG\r\n', '+PONG\r\n'],
  ['an integer', (reply) => reply.integer(-42), ':-42\r\n', ':-42\r\n'],
  [
    'a big integer',
    (reply) => reply.integer(-9223372036854775808n),
    ':-9223372036854775808\r\n',
    ':-9223372036854775808\r\n',
  ],
  ['a flag', (reply) => reply.flag(true), ':1\r\n', ':1\r\n'],
  ['a bulk', (reply) => reply.bulk(Slice.of('a\r\nb')), '$4\r\na\r\nb\r\n', '$4\r\na\r\nb\r\n'],
  ['an empty bulk', (reply) => reply.bulk(Slice.of('')), '$0\r\n\r\n', '$0\r\n\r\n'],
  ['bytes', (reply) => reply.bulkBytes(Uint8Array.of(0, 255)), '$2\r\n\0\xff\r\n', '$2\r\n\0\xff\r\n'],
  ['text as UTF-8', (reply) => reply.bulkText('é'), '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
  ['nil', (reply) => reply.nil(), '$-1\r\n', '_\r\n'],
  ['a nil array', (reply) => reply.nilArray(), '*-1\r\n', '_\r\n'],
  ['an array', (reply) => reply.array(2), '*2\r\n', '*2\r\n'],
  ['a map', (reply) => reply.map(2), '*4\r\n', '%2\r\n'],
  ['a set', (reply) => reply.set(2), '*2\r\n', '~2\r\n'],
  ['a push', (reply) => reply.push(2), '*2\r\n', '>2\r\n'],
  ['a double', (reply) => reply.double(1.5), '$3\r\n1.5\r\n', ',1.5\r\n'],
  [
    'a double with all its digits',
    (reply) => reply.exactDouble(0.1),
    '$19\r\n0.10000000000000001\r\n',
    ',0.10000000000000001\r\n',
  ],
  ['a whole double with all its digits', (reply) => reply.exactDouble(-100), '$4\r\n-100\r\n', ',-100\r\n'],
  ['a boolean', (reply) => reply.boolean(false), ':0\r\n', '#f\r\n'],
  ['a verbatim text', (reply) => reply.verbatim('hé'), '$3\r\nh\xc3\xa9\r\n', '=7\r\ntxt:h\xc3\xa9\r\n'],
  ['a big number', (reply) => reply.bigNumber('123'), '$3\r\n123\r\n', '(123\r\n'],
  ['an error', (reply) => reply.error('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
];
for (const [name, write, resp2, resp3] of FORMS) {
  test(`${name} is ${JSON.stringify(resp2)}, in RESP3 ${JSON.stringify(resp3)}`, () => {
    assert.is(bytesOf(2, write), resp2);
    assert.is(bytesOf(3, write), resp3);
  });
}

test('every integer is written in full', () => {
  const integers = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer({ min: -1000, max: 1000 }),
    fc.constantFrom(2 ** 31, 2 ** 31 - 1, 2 ** 53 - 1, -(2 ** 53) + 1, 9, 10, 99, 100),
  );
  fc.assert(
    fc.property(integers, (value) => {
      assert.is(
        bytesOf(2, (reply) => reply.integer(value)),
        `:${value === 0 ? 0 : value}\r\n`,
      );
    }),
  );
});

test('whatever is written comes back, also past the size of a pooled buffer', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 12 }), (values) => {
      const writer = new ReplyWriter();
      writer.array(values.length);
      for (const value of values) writer.bulk(new Slice(Buffer.from(value)));
      const decoded = decodeReply(Buffer.from(writer.filled()));
      assert.equal(
        decoded?.value,
        values.map((value) => Buffer.from(value).toString('latin1')),
      );
      assert.is(decoded?.next, writer.at);
      writer.release();
    }),
  );
});

test('texts of any length and alphabet are UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const clean = text.replace(/[\r\n]/g, '');
      assert.is(
        bytesOf(2, (reply) => reply.status(clean)),
        `+${Buffer.from(clean).toString('latin1')}\r\n`,
      );
    }),
  );
});

test('a reply can be withdrawn', () => {
  const writer = new ReplyWriter();
  writer.ok();
  const mark = writer.mark();
  writer.array(2);
  writer.rewind(mark);
  writer.integer(1);
  assert.is(writer.filled().toString(), '+OK\r\n:1\r\n');
});

test('two writers never share a buffer', () => {
  const [one, two] = [new ReplyWriter(), new ReplyWriter()];
  one.ok();
  two.integer(7);
  assert.is(one.filled().toString(), '+OK\r\n');
  one.release();
  const three = new ReplyWriter();
  three.integer(8);
  assert.is(two.filled().toString(), ':7\r\n');
  const kept = three.filled();
  three.detach();
  three.integer(9);
  assert.is(kept.toString(), ':8\r\n');
});

const DOUBLES: readonly (readonly [value: number, text: string])[] = [
  [0, '0'],
  [-0, '-0'],
  [3, '3'],
  [-17, '-17'],
  [3.1, '3.1'],
  [0.1 + 0.2, '0.30000000000000004'],
  [1e15, '1000000000000000'],
  [2 ** 53 + 2, '9007199254740994'],
  [1e20, '1e+20'],
  [1.5e300, '1.5e+300'],
  [-1.5e-7, '-1.5e-7'],
  [0.00001, '0.00001'],
  [1e-7, '1e-7'],
  [123456.789, '123456.789'],
  [5e-324, '5e-324'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
  [Number.NaN, 'nan'],
];
for (const [value, text] of DOUBLES) {
  test(`the double ${value} is written ${text}`, () => {
    assert.is(formatDouble(value), text);
  });
}

test('a double reads back as itself', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.ok(Object.is(Number(formatDouble(value)), value), formatDouble(value));
    }),
  );
});

test.run();
