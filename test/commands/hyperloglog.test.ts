/**
 * HyperLogLog against a real redis-server: after the same commands the values are the same bytes, sparse or dense; and what
 * two nodes have added at the same time counts on both. PROPERTY_RUNS sets how many random sequences, PROPERTY_SEED which.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { assertHolds, assertSameHits, resetHits } from './random-commands.ts';
import { SingleNode } from './single-node.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);

let both: BothServers | null = null;
test.after(() => both?.close());

/** `PFADD key` with elements `prefix`from … `prefix`to. */
function adding(key: string, prefix: string, from: number, to: number): string[] {
  return ['PFADD', key, ...Array.from({ length: to - from }, (_, i) => `${prefix}${from + i}`)];
}

differentialTest(
  'values are the same bytes from the first element to the dense form, and estimates the same',
  async () => {
    both ??= await BothServers.open();
    const requests: Request[] = [
      'PFADD h',
      'GET h',
      'PFADD h',
      'PFADD h a',
      'GET h',
      'PFADD h a',
      'PFADD h ""',
      'GET h',
    ];
    requests.push(
      'PFADD h a b c d e f g h i j k l m n o p q r s t u v w x y z',
      'GET h',
      'STRLEN h',
      'PFDEBUG DECODE h',
    );
    for (let from = 0; from < 6000; from += 97)
      requests.push(adding('h', 'e', from, from + 97), 'GET h', 'PFDEBUG ENCODING h');
    // behind it the cardinality stands in the value of Redis, which Starling does not write
    requests.push('PFCOUNT h');
    await both.compareAfresh(requests);
  },
);

differentialTest('elements of every length are hashed alike', async () => {
  both ??= await BothServers.open();
  const elements = Array.from({ length: 70 }, (_, length) =>
    Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length * 11 + 200) & 255)),
  );
  await both.compareAfresh([...elements.map((each) => ['PFADD', 'h', each]), 'GET h', 'PFCOUNT h']);
});

differentialTest('PFCOUNT and PFMERGE of several keys, absent ones and wrong ones', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = [
    adding('a', 'x', 0, 500),
    adding('b', 'x', 300, 900),
    adding('big', 'y', 0, 4000),
    'SADD set m',
    'SET string v',
    'SET short HYLL',
    'SET number 12345678901234567890',
    'PFCOUNT a b',
    'PFCOUNT a b big none',
    'PFCOUNT none',
    'PFCOUNT none other',
    ...['set', 'string', 'short', 'number'].flatMap((key) => [
      ...[`PFADD ${key} x`, `PFCOUNT ${key}`, `PFCOUNT a ${key}`, `PFMERGE d ${key}`, `PFMERGE ${key} a`],
      `PFDEBUG ENCODING ${key}`,
    ]),
    'PFMERGE d',
    'GET d',
    'PFMERGE d a b',
    'GET d',
    'PFMERGE d big none',
    'GET d',
    'PFMERGE none2 none',
    'GET none2',
    'EXPIREAT a 4102444800',
    'PFMERGE a b',
    'EXPIRETIME a',
    'PFADD a fresh',
    'EXPIRETIME a',
    'GET a',
    'PFADD',
    'PFADD a',
    'PFCOUNT',
    'PFMERGE',
    'PFSELFTEST',
    'COMMAND INFO PFADD PFCOUNT PFMERGE PFDEBUG PFSELFTEST',
    'COMMAND GETKEYS PFMERGE a b c',
  ];
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.answers(['FLUSHALL']);
    await resetHits(both);
    await both.compare(requests);
    await assertSameHits(both);
  }
});

differentialTest('PFDEBUG', async () => {
  both ??= await BothServers.open();
  await both.compareAfresh([
    'PFADD h a b c',
    'PFDEBUG DECODE h',
    'PFDEBUG ENCODING h',
    'PFDEBUG NONSENSE h',
    'PFDEBUG ENCODING h x',
    'PFDEBUG ENCODING none',
    'PFDEBUG DECODE',
    'PFDEBUG TODENSE h',
    'PFDEBUG TODENSE h',
    'PFDEBUG DECODE h',
    'PFDEBUG ENCODING h',
    'GET h',
    'PFDEBUG GETREG h',
    'PFADD sparse a b c',
    'PFDEBUG GETREG sparse',
    'PFDEBUG ENCODING sparse',
    'GET sparse',
    'PFCOUNT sparse',
  ]);
});

differentialTest('values that somebody has damaged are refused', async () => {
  both ??= await BothServers.open();
  const damages = [
    'SETRANGE h 0 X',
    'SETRANGE h 4 "\\x02"',
    'SETRANGE h 4 "\\x00"',
    'APPEND h hello',
    'SETRANGE h 16 "\\x7f\\xff"',
    'SETRANGE h 18 "\\xff\\xff\\xff\\xff"',
    'SETRANGE h 16 "\\x00"',
  ];
  const requests = damages.flatMap((damage) => [
    'DEL h',
    'PFADD h a b c',
    damage,
    'PFADD h x',
    'PFCOUNT h',
    'PFCOUNT h h',
    'PFMERGE d h',
    'PFDEBUG TODENSE h',
  ]);
  await both.compareAfresh(requests);
});

differentialTest('a cardinality that stands in the value is taken from there', async () => {
  both ??= await BothServers.open();
  await both.compareAfresh([
    'PFADD h a b c',
    'SETRANGE h 8 "\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00"',
    'PFCOUNT h',
    'PFCOUNT h h',
    'PFADD h a',
    'PFCOUNT h',
    'PFADD h d',
    'PFCOUNT h',
  ]);
});

differentialTest(`random sequences (seed ${SEED})`, async () => {
  console.log(`PROPERTY_SEED=${SEED}`);
  both ??= await BothServers.open();
  const servers = both;
  const key = fc.constantFrom('h', 'i', 'j');
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(key, fc.nat(3000), fc.nat(400))
        .map(([k, from, more]) => [adding(k, 'r', from, from + more), ['GET', k]]),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(key, key, key).map(([to, a, b]) => [
        ['PFMERGE', to, a, b],
        ['GET', to],
      ]),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('0', '64', '300', '3000', '15000')
        .map((size) => [['CONFIG', 'SET', 'hll-sparse-max-bytes', size]]),
    },
    { weight: 1, arbitrary: key.map((k) => [['PFCOUNT', k, 'none']]) },
  );
  await assertHolds(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => servers.compareAfresh(steps.flat())),
    RUNS,
    SEED,
  );
  await both.answers(['CONFIG SET hll-sparse-max-bytes 3000']);
});

/** Nodes that have heard nothing of each other until exchange(). Of writes at one moment that of the later node counts as later. */
function threeNodes() {
  const nodes = ['00000000000000a1', '00000000000000b2', '00000000000000c3'].map((replica) => {
    const { open, served } = talker(serve([], undefined, replica));
    return { say: open().say, engine: served.engine };
  });
  const exchange = () => {
    for (const [from, envelope] of nodes.map(({ engine }) => engine.seal()).entries()) {
      for (const [to, { engine }] of nodes.entries()) {
        if (envelope !== null && to !== from) engine.receive(envelope.bytes);
      }
    }
  };
  const [a, b, c] = nodes;
  return { a, b, c, exchange };
}

test('what two nodes add at the same time counts on both, and shows in GET and in further sketches', () => {
  const { a, b, exchange } = threeNodes();
  a.say('PFADD h x y');
  b.say('PFADD h y z');
  exchange();
  for (const { say } of [a, b]) {
    assert.is(say('PFCOUNT h'), ':3\r\n');
    assert.is(say('PFCOUNT h none'), ':3\r\n');
  }
  assert.is(a.say('GET h'), b.say('GET h'));
  a.say('PFADD all x y z');
  // of what PFADD has just made nobody knows the cardinality: neither of what stands together
  assert.is(a.say('GET h'), a.say('GET all'));
  assert.is(a.say('STRLEN h'), a.say('STRLEN all'));
  assert.is(a.say('MGET h'), `*1\r\n${a.say('GET h')}`);
});

test('a PFADD makes one value of them, though it adds nothing', () => {
  const { a, b, exchange } = threeNodes();
  a.say('PFADD h x');
  b.say('PFADD h y');
  exchange();
  const values = () => a.engine.inspect(0, Slice.of('h'))?.parts[0].elements[0].values.length;
  assert.is(values(), 2);
  assert.is(a.say('PFADD h x'), ':0\r\n');
  assert.is(values(), 1);
  exchange();
  assert.is(b.say('PFCOUNT h'), ':2\r\n');
  assert.is(b.engine.digest(), a.engine.digest());
});

test('a copy, a new name and a dump are of all that stands there', () => {
  const { a, b, exchange } = threeNodes();
  a.say('PFADD h x');
  b.say('PFADD h y', 'EXPIRE h 1000');
  exchange();
  const whole = a.say('GET h');
  a.say('COPY h copied', 'RENAME h named', 'MOVE named 1', 'SELECT 1');
  assert.is(a.say('GET named'), whole);
  a.say('SELECT 0');
  assert.is(a.say('GET copied'), whole);
  assert.is(a.say('PFCOUNT copied'), ':2\r\n');
  const dumped = b.say('DUMP h');
  exchange();
  assert.is(a.say('DUMP copied'), dumped);
});

test('a DEL takes what it has seen, and leaves what was added meanwhile', () => {
  const { a, b, exchange } = threeNodes();
  a.say('PFADD h x');
  exchange();
  a.say('DEL h');
  b.say('PFADD h y');
  exchange();
  for (const { say } of [a, b]) assert.is(say('PFCOUNT h'), ':2\r\n', 'the write of y held x too');
});

test('beside another string a sketch is one value among others: the later one shows', () => {
  const { a, b, exchange } = threeNodes();
  a.say('PFADD h x');
  b.say('SET h plain');
  exchange();
  for (const { say } of [a, b]) assert.is(say('GET h'), '$5\r\nplain\r\n');
});

test('of several sketches beside another string all count, if one of them is the latest', () => {
  const { a, b, c, exchange } = threeNodes();
  a.say('SET h plain');
  b.say('PFADD h x');
  c.say('PFADD h y');
  exchange();
  for (const { say } of [a, b, c]) assert.is(say('PFCOUNT h'), ':2\r\n');
  b.say('PFMERGE h h');
  exchange();
  for (const { say } of [a, b, c]) assert.is(say('PFCOUNT h'), ':2\r\n');
});

test('PFSELFTEST finds nothing', async () => {
  assert.is(await new SingleNode().run('PFSELFTEST'), 'OK');
});

test.run();
