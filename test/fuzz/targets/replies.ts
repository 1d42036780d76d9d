/** Replies, as the in-process client reads them. */
import assert from 'node:assert/strict';
import { decodeReply, ReplyFormatError } from '../../../src/resp/decode.ts';
import { ReplyWriter } from '../../../src/resp/reply-writer.ts';
import { accepted, type Target } from '../target.ts';

export const target: Target = {
  name: 'replies',
  guidedBy: ['/src/resp/decode.ts'],
  bytesMax: 64 * 1024,
  words: [
    '\r\n',
    '*',
    '$',
    ':',
    '%1\r\n',
    '|1\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '=15\r\ntxt:',
    ',inf\r\n',
    '(',
    '_\r\n',
    '#t\r\n',
  ],
  seeds: () => [
    written(2),
    written(3),
    Buffer.from('|1\r\n+ttl\r\n:3600\r\n*2\r\n(123456789012345678901\r\n!5\r\nERR x\r\n'),
  ],
  run(bytes) {
    accepted(() => decodeReply(bytes), ReplyFormatError);
  },
  check(bytes) {
    // cut anywhere it is either not complete, or the same
    accepted(() => {
      const whole = decodeReply(bytes);
      if (whole === null) return;
      assert.ok(whole.next <= bytes.length);
      assert.deepEqual(decodeReply(bytes.subarray(0, whole.next)), whole);
      assert.equal(decodeReply(bytes.subarray(0, whole.next - 1)), null);
    }, ReplyFormatError);
  },
};

function written(protocol: 2 | 3): Buffer {
  const out = new ReplyWriter();
  out.protocol = protocol;
  out.array(8);
  out.integer(-5);
  out.nil();
  out.double(1.5);
  out.bulkText('two\r\nlines');
  out.error('ERR no');
  out.map(1);
  out.status('k');
  out.boolean(true);
  out.verbatim('as it is');
  out.set(0);
  return Buffer.from(out.filled());
}
