/** DUMP and RESTORE: what redis-server dumps is restored here and the other way round, and nothing that is damaged is. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc64 } from '../../src/commands/dump/crc64.ts';
import { decodeReply, ReplyError } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { serve } from '../resp/served.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';

let both: BothServers | null = null;
test.after(() => both?.close());

function payloadOf(reply: Buffer): Buffer {
  const value = decodeReply(reply)?.value;
  if (typeof value !== 'string') throw new Error('no payload');
  return Buffer.from(value, 'latin1');
}

/** Integers of every width, short and long texts, runs that pack well. */
const text = fc.oneof(
  fc.integer({ min: -3, max: 14 }).map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom(
    '',
    '0',
    '-0',
    '007',
    '127',
    '128',
    '-128',
    '-4097',
    '4095',
    '32768',
    '-8388609',
    '2147483648',
    '1.5',
  ),
  fc.string({ maxLength: 12 }).map((each) => Buffer.from(each).toString('latin1')),
  fc.nat(5000).map((length) => 'abcabcabd'.repeat(600).slice(0, length)),
  fc.nat(20_000).map((length) => String.fromCharCode(97 + (length % 26)).repeat(length)),
);
const distinct = fc.uniqueArray(text, { minLength: 1, maxLength: 40 });
const write: fc.Arbitrary<string[]> = fc.oneof(
  text.map((value) => ['SET', 'k', value]),
  distinct.map((members) => ['SADD', 'k', ...members]),
  fc.array(text, { minLength: 1, maxLength: 60 }).map((elements) => ['RPUSH', 'k', ...elements]),
  fc
    .uniqueArray(fc.integer({ min: -70_000, max: 70_000 }), { minLength: 1, maxLength: 700 })
    .map((members) => ['SADD', 'k', ...members.map(String)]),
  fc
    .tuple(distinct, fc.infiniteStream(fc.oneof(fc.integer(), fc.double({ noNaN: true }))))
    .map(([members, scores]) => ['ZADD', 'k', ...members.flatMap((each) => [scoreText(scores), each])]),
  fc.tuple(distinct, text).map(([names, value]) => ['HSET', 'k', ...names.flatMap((name) => [name, value])]),
);

/** Of what is kept and told alike by both. */
function scoreText(scores: fc.Stream<number>): string {
  const score = Number(scores.next().value);
  return String(Number.isFinite(score) ? Math.trunc(score % 1e12) / 8 + 0 : score).replace('Infinity', 'inf');
}

function readBack(type: string): Request {
  if (type === 'RPUSH') return ['LRANGE', 'k', '0', '-1'];
  if (type === 'ZADD') return ['ZRANGE', 'k', '0', '-1', 'WITHSCORES'];
  return type === 'SET' ? ['GET', 'k'] : type === 'SADD' ? ['SMEMBERS', 'k'] : ['HGETALL', 'k'];
}

/** Elements without their order where that is each server's own. */
function contentsOf(reply: Buffer, type: string): unknown {
  const value = decodeReply(reply)?.value;
  if (!Array.isArray(value) || type === 'RPUSH') return value;
  if (type === 'SADD') return [...value].sort();
  return Array.from({ length: value.length / 2 }, (_, i) => `${value[2 * i]} ${value[2 * i + 1]}`).sort();
}

differentialTest('a value goes over to redis-server and back by DUMP and RESTORE', async () => {
  both ??= await BothServers.open();
  const servers = both;
  await fc.assert(
    fc.asyncProperty(write, async (command) => {
      const [type] = command;
      const [, written, dumped] = await servers.answers(['FLUSHALL', command, ['DUMP', 'k']]);
      assert.equal(written.redis, written.starling);
      const [fromRedis, fromStarling] = [payloadOf(dumped.redis), payloadOf(dumped.starling)];
      for (const payload of [fromRedis, fromStarling]) {
        const answers = await servers.answers([
          ['RESTORE', 'k', '0', payload, 'REPLACE'],
          readBack(type),
          ['PTTL', 'k'],
        ]);
        for (const { redis, starling } of answers.slice(0, 1))
          assert.equal([redis, starling].map(String), ['+OK\r\n', '+OK\r\n']);
        assert.equal(contentsOf(answers[1].starling, type), contentsOf(answers[1].redis, type));
        assert.equal(String(answers[2].starling), ':-1\r\n');
      }
    }),
    { numRuns: 300 },
  );
});

differentialTest('options and refusals are those of Redis', async () => {
  both ??= await BothServers.open();
  const [{ redis }] = await both
    .answers([['DUMP', 'nothing']])
    .then(async () => both?.answers(['FLUSHALL', 'SET k v', 'DUMP k']).then((all) => all.slice(2)) ?? []);
  const payload = payloadOf(redis);
  const broken = Buffer.from(payload);
  broken[1] ^= 1;
  const unsealed = Buffer.from(payload).fill(0, payload.length - 8);
  const restore = (...words: (string | Buffer)[]) => ['RESTORE', ...words];
  await both.compareAfresh([
    'DUMP nothing',
    restore('k', '0', payload),
    restore('k', '0', payload),
    restore('k', '0', 'xxx'),
    restore('k', 'x', payload, 'REPLACE'),
    restore('k', '-1', payload, 'REPLACE'),
    restore('k', '0', broken, 'REPLACE'),
    restore('k', '0', unsealed, 'REPLACE'),
    restore('k', '0', '', 'REPLACE'),
    restore('k', '0', payload, 'REPLACE', 'IDLETIME'),
    restore('k', '0', payload, 'REPLACE', 'IDLETIME', '-1'),
    restore('k', '0', payload, 'REPLACE', 'FREQ', '256'),
    restore('k', '0', payload, 'REPLACE', 'FREQ', 'x'),
    restore('k', '0', payload, 'REPLACE', 'IDLETIME', '10'),
    restore('k', '0', payload, 'NOPE'),
    'GET k',
    restore('k', '4000000000000', payload, 'ABSTTL', 'REPLACE'),
    'PEXPIRETIME k',
    restore('k', '5', payload, 'ABSTTL', 'REPLACE'),
    'EXISTS k',
    'RESTORE k 0',
    'DUMP',
  ]);
});

/** Payloads of types and encodings that this redis-server does not write any more, or not yet; made by their layout. */
function sealed(version: number, ...pieces: (number[] | string)[]): Buffer {
  const body = Buffer.concat([
    ...pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : Buffer.from(piece))),
    Buffer.from([version, 0]),
  ]);
  return Buffer.concat([body, crc64(body, 0, body.length)]);
}

test('old and new forms: zipmap, ziplist, listpack, fields with times', async () => {
  const served = serve();
  const client = new LocalClient(served.server);
  const endMs = Date.now() + 1_000_000;
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(BigInt(endMs));
  const ziplist = [0, 1, 97, 3, 0xf3, 2, 1, 98, 3, 0xc0, 0x2c, 0x01, 0xff];
  const zipHead = [10 + ziplist.length, 0, 0, 0, 10 + 8, 0, 0, 0, 4, 0];
  const listpack = [0x81, 97, 2, 7, 1, 0x81, 98, 2, 0xf1, 0x2c, 0x01, 3, 0xff];
  const packHead = [6 + listpack.length, 0, 0, 0, 4, 0];
  const cases: [string, Buffer, string[], unknown][] = [
    [
      'zipmap',
      sealed(6, [9, 12], [2, 1], 'a', [1, 0], '2', [1], 'b', [1, 0], '3', [255]),
      ['HGETALL', 'k'],
      ['a', '2', 'b', '3'],
    ],
    [
      'ziplist',
      sealed(9, [13, zipHead.length + ziplist.length], zipHead, ziplist),
      ['HGETALL', 'k'],
      ['a', '2', 'b', '300'],
    ],
    [
      'listpack',
      sealed(10, [16, packHead.length + listpack.length], packHead, listpack),
      ['HGETALL', 'k'],
      ['a', '7', 'b', '300'],
    ],
    ['set as listpack', sealed(11, [20, packHead.length + listpack.length], packHead, listpack), ['SCARD', 'k'], 4],
    [
      'times',
      sealed(12, [24], [...word], [2], [1], [1], 'a', [1], 'x', [0], [1], 'b', [1], 'y'),
      ['HPEXPIRETIME', 'k', 'FIELDS', '2', 'a', 'b'],
      [endMs, -1],
    ],
  ];
  for (const [name, payload, ask, expected] of cases) {
    assert.is(await client.run('RESTORE', 'k', '0', payload, 'REPLACE'), 'OK', name);
    const found = await client.run(...ask);
    assert.equal(
      Array.isArray(found) && name !== 'times' ? [...found].sort() : found,
      Array.isArray(expected) && name !== 'times' ? [...expected].sort() : expected,
      name,
    );
  }
});

test('times to live of fields survive DUMP and RESTORE', async () => {
  const client = new LocalClient(serve().server);
  const endMs = Date.now() + 500_000;
  await client.run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3');
  await client.run('HPEXPIREAT', 'h', String(endMs), 'FIELDS', '1', 'a');
  await client.run('HPEXPIREAT', 'h', String(endMs + 70_000), 'FIELDS', '1', 'c');
  const payload = Buffer.from(String(await client.run('DUMP', 'h')), 'latin1');
  await client.run('RESTORE', 'i', '0', payload);
  assert.equal(await client.run('HPEXPIRETIME', 'i', 'FIELDS', '3', 'a', 'b', 'c'), [endMs, -1, endMs + 70_000]);
  assert.equal(await client.run('HMGET', 'i', 'a', 'b', 'c'), ['1', '2', '3']);
});

test('whatever bytes stand under a good checksum: refused and nothing has changed, or a value that can be read', async () => {
  const served = serve();
  const client = new LocalClient(served.server);
  const seeds: Buffer[] = [];
  for (const command of [
    ['SET', 'x', 'v'.repeat(70)],
    ['SADD', 'x', '1', 'two', 'three'],
    ['HSET', 'x', 'f', 'v', 'g', '12'],
  ]) {
    await client.run('DEL', 'x');
    await client.run(...command);
    seeds.push(Buffer.from(String(await client.run('DUMP', 'x')), 'latin1'));
  }
  const bodies = fc.oneof(
    fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(255)).map(([seed, at, byte]) => {
      const body = Buffer.from(seed.subarray(0, -10));
      body[at % body.length] = byte;
      return body;
    }),
    fc
      .tuple(fc.constantFrom(0, 2, 4, 9, 11, 13, 16, 20, 24, 25), fc.uint8Array({ maxLength: 60 }))
      .map(([type, rest]) => Buffer.from([type, ...rest])),
  );
  await client.run('SET', 'k', 'before');
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      await client.run('SET', 'k', 'before');
      const answer = await client.run('RESTORE', 'k', '0', sealed(12, [...body]), 'REPLACE');
      if (answer instanceof ReplyError) {
        assert.match(answer.message, 'ERR Bad data format');
        assert.is(await client.run('GET', 'k'), 'before');
      } else if ((await client.run('TYPE', 'k')) !== 'none') assert.type(await client.run('DUMP', 'k'), 'string');
    }),
    { numRuns: 3000 },
  );
  assert.equal(served.warnings, []);
});

test.run();
