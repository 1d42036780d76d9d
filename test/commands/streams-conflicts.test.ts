/** Stream commands on what two nodes have written without knowing of each other. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeReply, type ReplyValue } from '../../src/resp/decode.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { Random } from '../simulation/random.ts';
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

// --- XREAD: what arrives late. Ids as nodes make them, with a tag at their end: 7 of a, 8 of b.

const idsOf = (reply: ReplyValue): string[] => {
  const [[, entries]] = reply as unknown as [[string, [string, unknown][]]];
  return entries.map(([id]) => id);
};

test('a connection that goes on with XREAD gets what arrived late, once, and before what is new', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 1-7 f a');
  assert.equal(idsOf(a('XREAD STREAMS s 0')), ['1-7']);
  b('XADD s 2-8 f b');
  a('XADD s 5-7 f a');
  assert.equal(idsOf(a('XREAD STREAMS s 1-7')), ['5-7']);
  await exchange();
  assert.equal(idsOf(a('XREAD STREAMS s 5-7')), ['2-8']);
  // and goes on behind that, without what it has had
  assert.is(a('XREAD STREAMS s 2-8'), null);
  a('XADD s 6-7 f a');
  b('XADD s 5-1000008 f b');
  await exchange();
  assert.equal(idsOf(a('XREAD STREAMS s 2-8')), ['5-1000008', '6-7']);
  assert.is(a('XREAD STREAMS s 6-7'), null);
});

test('a late entry is not given to who asks from somewhere else: ids are greater than the one that was asked for', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 5-7 f a');
  a('XREAD STREAMS s 0');
  b('XADD s 2-8 f b');
  await exchange();
  assert.is(a('XREAD STREAMS s 9-0'), null);
  assert.is(a('XREAD STREAMS s 5-7'), null, 'the connection has gone elsewhere meanwhile');
  assert.equal(idsOf(a('XREAD STREAMS s 1-0')), ['2-8', '5-7']);
});

test('a reader that takes few at a time gets all that is new, then what arrived late meanwhile', async () => {
  const { a, b, exchange } = pair();
  for (let n = 1; n <= 5; n++) a(`XADD s ${10 * n}-7 f a`);
  assert.equal(idsOf(a('XREAD COUNT 2 STREAMS s 0')), ['10-7', '20-7']);
  for (let n = 1; n <= 3; n++) b(`XADD s ${10 * n}-8 f b`);
  await exchange();
  const got: string[] = [];
  for (let from = '20-7'; ; from = got[got.length - 1]) {
    const reply = a(`XREAD COUNT 2 STREAMS s ${from}`);
    if (reply === null) break;
    got.push(...idsOf(reply));
  }
  assert.equal(got.sort(), ['10-8', '20-8', '30-7', '30-8', '40-7', '50-7']);
});

test('removals and what others have trimmed bring nothing twice', async () => {
  const { a, b, exchange } = pair();
  for (let n = 1; n <= 4; n++) a(`XADD s ${n}-7 f a`);
  assert.equal(idsOf(a('XREAD STREAMS s 0')).length, 4);
  await exchange();
  b('XADD s 5-8 f b');
  b('XDEL s 5-8');
  a('XDEL s 4-7');
  await exchange();
  assert.is(a('XREAD STREAMS s 4-7'), null);
  b('XTRIM s MAXLEN 1');
  a('XSETID s 9-7 ENTRIESADDED 100 MAXDELETEDID 5-8');
  await exchange();
  assert.is(a('XREAD STREAMS s 4-7'), null);
  b('XADD s 10-8 f b');
  await exchange();
  assert.equal(idsOf(a('XREAD STREAMS s 4-7')), ['10-8']);
  a('DEL s');
  a('XADD s 11-7 f a');
  assert.equal(idsOf(a('XREAD STREAMS s 10-8')), ['11-7']);
});

const SEED = Number(process.env.PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));

test('whatever two nodes add and however it is read, a connection that goes on gets every entry once', async () => {
  console.log(`seed ${SEED}`);
  const random = new Random(SEED);
  for (let run = 0; run < 40; run++) {
    const { a, b, exchange } = pair();
    let from = '0';
    const got: string[] = [];
    const read = () => {
      const reply = a(`XREAD ${random.below(2) === 0 ? '' : `COUNT ${1 + random.below(4)} `}STREAMS s ${from}`);
      if (reply === null) return false;
      const ids = idsOf(reply);
      got.push(...ids);
      from = ids[ids.length - 1];
      return true;
    };
    for (let step = 0; step < 60; step++) {
      switch (random.below(4)) {
        case 0:
          a('XADD s * f a');
          break;
        case 1:
          b('XADD s * f b');
          break;
        case 2:
          await exchange();
          break;
        default:
          read();
      }
    }
    await exchange();
    while (read());
    const [all] = [a('XRANGE s - +')] as unknown as [[string, unknown][]];
    assert.equal(got.sort(), all.map(([id]) => id).sort(), `run ${run}`);
  }
});

test('each of several streams is gone on with where it was', async () => {
  const { a, b, exchange } = pair();
  for (const key of ['s', 't']) {
    a(`XADD ${key} 5-7 f a`);
    b(`XADD ${key} 2-8 f b`);
  }
  a('XREAD STREAMS s t 0 0');
  await exchange();
  const late = a('XREAD STREAMS s t 5-7 5-7') as unknown as [string, [string, unknown][]][];
  assert.equal(
    late.map(([key, entries]) => [key, entries.map(([id]) => id)]),
    [
      ['s', ['2-8']],
      ['t', ['2-8']],
    ],
  );
});

test('scripts read by ids alone', async () => {
  const { a, b, exchange } = pair();
  a('XADD s 5-7 f a');
  const read = (from: string) => a(`EVAL "return redis.call('xread', 'streams', KEYS[1], ARGV[1])" 1 s ${from}`);
  assert.equal(idsOf(read('0')), ['5-7']);
  b('XADD s 2-8 f b');
  await exchange();
  assert.is(read('5-7'), null);
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
