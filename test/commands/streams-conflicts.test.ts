/** Stream commands on what two nodes have written without knowing of each other. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeReply, type ReplyValue } from '../../src/resp/decode.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { beside } from './beside.ts';

function pair() {
  const served = serve();
  const { say } = talker(served).open();
  const other = beside(served);
  const heard = (text: string): ReplyValue => decodeReply(Buffer.from(text, 'latin1'))?.value ?? null;
  return {
    a: (line: string) => heard(say(line)),
    b: (line: string) => heard(other.say(line)),
    async exchange() {
      await other.here();
      await other.there();
    },
  };
}

test('two entries of one id are read, counted and removed together', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 1-1 f a');
  b('XADD s 1-1 f b');
  await exchange();
  const both = [
    ['1-1', ['f', 'a']],
    ['1-1', ['f', 'b']],
  ];
  for (const say of [a, b]) {
    assert.is(say('XLEN s'), 2);
    assert.equal(say('XRANGE s - +'), both);
    assert.equal(say('XREAD COUNT 1 STREAMS s 0'), [['s', both.slice(0, 1)]]);
  }
  assert.is(b('XDEL s 1-1'), 2);
  await exchange();
  assert.is(a('XLEN s'), 0);
});

test('a group gets both, and they are acknowledged together', async () => {
  const { a, b, exchange } = pair();
  a('XGROUP CREATE s g 0 MKSTREAM');
  await exchange();
  a('XADD s 1-1 f a');
  b('XADD s 1-1 f b');
  await exchange();
  assert.equal(b('XREADGROUP GROUP g c STREAMS s >'), [
    [
      's',
      [
        ['1-1', ['f', 'a']],
        ['1-1', ['f', 'b']],
      ],
    ],
  ]);
  assert.equal(b('XPENDING s g'), [2, '1-1', '1-1', [['c', '2']]]);
  assert.equal(b('XCLAIM s g d 0 1-1'), [
    ['1-1', ['f', 'a']],
    ['1-1', ['f', 'b']],
  ]);
  assert.is(b('XACK s g 1-1'), 2);
});

test('XAUTOCLAIM drops what was removed, and not what has the same id', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 1-1 f a');
  a('XGROUP CREATE s g 0');
  a('XREADGROUP GROUP g c STREAMS s >');
  a('XDEL s 1-1');
  b('XADD s 1-1 f b');
  await exchange();
  assert.equal(a('XREADGROUP GROUP g c STREAMS s >'), [['s', [['1-1', ['f', 'b']]]]]);
  assert.equal(a('XAUTOCLAIM s g d 0 -'), ['0-0', [['1-1', ['f', 'b']]], []]);
  a('XACK s g 1-1');
  assert.equal(a('XPENDING s g'), [0, null, null, null]);
});

test('an entry that arrives late is not given up for done: XDELEX ACKED keeps it', async () => {
  const { a, b, exchange } = pair();
  a('XGROUP CREATE s g 0 MKSTREAM');
  await exchange();
  b('XADD s 5-1 f late');
  a('XADD s 9-1 f early');
  a('XREADGROUP GROUP g c STREAMS s >');
  a('XACK s g 9-1');
  await exchange();
  assert.equal(a('XDELEX s ACKED IDS 2 5-1 9-1'), [2, 1]);
  assert.is(a('XTRIM s MAXLEN 0 ACKED'), 0);
  assert.equal(a('XREADGROUP GROUP g c STREAMS s >'), [['s', [['5-1', ['f', 'late']]]]]);
});

test('a stream with one id twice is dumped as it is, and not restored: nothing of it is lost unnoticed', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 1-1 f a');
  b('XADD s 1-1 f b');
  await exchange();
  const payload = [...Buffer.from(String(a('DUMP s')), 'latin1')].map(
    (byte) => `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  assert.match(String(a(`RESTORE copy 0 "${payload.join('')}"`)), /Bad data format/);
  assert.is(a('COPY s copy'), 1);
  assert.is(a('XLEN copy'), 2);
});

test('a worker that claims, and one that acknowledges elsewhere: the claim stays', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 1-1 f v');
  a('XGROUP CREATE s g 0');
  a('XREADGROUP GROUP g c STREAMS s >');
  await exchange();
  a('XACK s g 1-1');
  b('XAUTOCLAIM s g d 0 - JUSTID');
  await exchange();
  for (const say of [a, b]) assert.equal(say('XPENDING s g'), [1, '1-1', '1-1', [['d', '1']]]);
});

test.run();
