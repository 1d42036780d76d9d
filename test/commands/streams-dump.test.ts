/**
 * Streams by DUMP and RESTORE: with groups, consumers and what is pending they go over to a redis-server and back; the
 * forms of Redis 5 and 7.2 are read too, and nothing that is damaged is.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc64 } from '../../src/commands/dump/crc64.ts';
import { decodeReply, ReplyError } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { serve } from '../resp/served.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { compareStreams } from './stream-replies.ts';

const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
const FOOTER_BYTES = 10;

let both: BothServers | null = null;
test.before(() => console.log(`seed ${SEED}`));
test.after(() => both?.close());

function payloadOf(reply: Buffer): Buffer {
  const value = decodeReply(reply)?.value;
  if (typeof value !== 'string') throw new Error('no payload');
  return Buffer.from(value, 'latin1');
}

function sealed(version: number, body: Buffer): Buffer {
  const all = Buffer.concat([body, Buffer.from([version, 0])]);
  return Buffer.concat([all, crc64(all, 0, all.length)]);
}

const text = fc.oneof(
  fc.integer({ min: -130, max: 130 }).map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom('', '0', '-0', '007', '-4097', '4095', '32768', '-8388609', '2147483648', '1.5'),
  fc.string({ maxLength: 12 }).map((each) => Buffer.from(each).toString('latin1')),
  fc.nat(9000).map((length) => 'abcabcabd'.repeat(1000).slice(0, length)),
);
const fields = fc.oneof(
  fc.tuple(fc.constant('f'), text, fc.constant('g'), text),
  fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }).map((each) => each.flat()),
);
const firstId = fc.constantFrom(
  '0-1',
  '5-7',
  '1700000000000-12',
  '9007199254740991-3',
  '18446744073709551000-18446744073709551000',
);

/** Entries one behind the other, some of them removed again; groups that have got and acknowledged some. */
const stream: fc.Arbitrary<Request[]> = fc
  .record({
    firstId,
    steps: fc.array(fc.tuple(fc.constantFrom('seq', 'ms'), fields), { minLength: 1, maxLength: 130, size: 'max' }),
    removed: fc.array(fc.nat(129), { maxLength: 20 }),
    trimmed: fc.nat(3),
    delivered: fc.array(
      fc.tuple(fc.constantFrom('g', 'h'), fc.constantFrom('c', 'd', ''), fc.integer({ min: 1, max: 30 })),
      { maxLength: 8 },
    ),
    acknowledged: fc.array(fc.nat(129), { maxLength: 10 }),
    position: fc.boolean(),
  })
  .map((made): Request[] => {
    const [firstMs, firstSeq] = made.firstId.split('-').map(BigInt);
    let ms = firstMs;
    let seq = firstSeq;
    const ids = made.steps.map(([step]) => {
      if (step === 'seq') seq++;
      else [ms, seq] = [ms + 1n, 0n];
      return `${ms}-${seq}`;
    });
    const idAt = (at: number) => ids[at % ids.length];
    const requests: Request[] = ['DEL k', ...made.steps.map(([, each], at) => ['XADD', 'k', ids[at], ...each])];
    requests.push(
      'XGROUP CREATE k g 0',
      'XGROUP CREATE k h 0',
      'XGROUP CREATE k empty $',
      'XGROUP CREATECONSUMER k h idle',
    );
    // Redis 7.0 makes none for a reader that finds nothing
    for (const name of ['c', 'd', ''])
      requests.push(['XGROUP', 'CREATECONSUMER', 'k', 'g', name], ['XGROUP', 'CREATECONSUMER', 'k', 'h', name]);
    for (const [group, consumer, count] of made.delivered)
      requests.push(['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), 'STREAMS', 'k', '>']);
    for (const at of made.removed) requests.push(['XDEL', 'k', idAt(at)]);
    for (const at of made.acknowledged) requests.push(['XACK', 'k', 'g', idAt(at)]);
    if (made.trimmed > 0) requests.push(['XTRIM', 'k', 'MINID', idAt(made.trimmed)]);
    if (made.position) requests.push(['XSETID', 'k', ids[ids.length - 1], 'ENTRIESADDED', '1000']);
    return requests;
  });

const LOOK: Request[] = [
  'TYPE k',
  'XRANGE k - +',
  'XINFO STREAM k FULL COUNT 0',
  'XPENDING k g - + 1000',
  'XPENDING k h',
  'DEBUG OBJECT nothing',
];

differentialTest('a stream with groups goes over to redis-server and back', async () => {
  both ??= await BothServers.open();
  const servers = both;
  await fc.assert(
    fc.asyncProperty(stream, async (requests) => {
      await servers.answers(['FLUSHALL']);
      await compareStreams(servers, [...requests, ...LOOK]);
      const [dumped] = await servers.answers(['DUMP k']);
      for (const reply of [dumped.redis, dumped.starling]) {
        const restore: Request = ['RESTORE', 'k', '0', payloadOf(reply), 'REPLACE'];
        const [{ redis, starling }] = await servers.answers([restore]);
        assert.equal([redis, starling].map(String), ['+OK\r\n', '+OK\r\n']);
        await compareStreams(servers, LOOK);
      }
      // and they go on alike
      await compareStreams(servers, [
        'XREADGROUP GROUP h c COUNT 3 STREAMS k >',
        'XAUTOCLAIM k g d 0 - COUNT 5',
        ...LOOK,
      ]);
    }),
    { numRuns: 60, seed: SEED },
  );
});

/** A stream of one entry, which a consumer has got. Its numbers are small: each takes one byte. */
async function small(client: LocalClient, withGroup: boolean): Promise<Buffer> {
  await client.run('DEL', 's');
  await client.run('XADD', 's', '1-2', 'f', 'v');
  if (withGroup) {
    await client.run('XGROUP', 'CREATE', 's', 'g', '0');
    await client.run('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>');
  }
  const payload = Buffer.from(String(await client.run('DUMP', 's')), 'latin1');
  return payload.subarray(0, payload.length - FOOTER_BYTES);
}

test('the form of Redis 5, without counts', async () => {
  const client = new LocalClient(serve().server);
  const body = await small(client, false);
  // first id, greatest removed id and count stand before the number of groups
  const older = Buffer.concat([Buffer.from([15]), body.subarray(1, -6), body.subarray(-1)]);
  assert.is(await client.run('RESTORE', 'k', '0', sealed(9, older)), 'OK');
  assert.equal(await client.run('XRANGE', 'k', '-', '+'), [['1-2', ['f', 'v']]]);
  assert.is((await client.run('XADD', 'k', '1-2', 'f', 'v')) instanceof ReplyError, true);
});

test('the form of Redis 7.2, with when consumers have got something', async () => {
  const client = new LocalClient(serve().server);
  const body = await small(client, true);
  const activeMs = Buffer.alloc(8);
  activeMs.writeBigInt64LE(1_600_000_000_000n);
  // behind it there are the consumer's one pending entry, and how many it has
  const newer = Buffer.concat([Buffer.from([21]), body.subarray(1, -17), activeMs, body.subarray(-17)]);
  assert.is(await client.run('RESTORE', 'k', '0', sealed(11, newer)), 'OK');
  const info = (await client.run('XINFO', 'STREAM', 'k', 'FULL')) as unknown[];
  const [group] = info[info.indexOf('groups') + 1] as unknown[][];
  const [consumer] = group[group.indexOf('consumers') + 1] as unknown[][];
  assert.is(consumer[consumer.indexOf('active-time') + 1], 1_600_000_000_000);
  assert.equal(await client.run('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'k', '0'), [['k', [['1-2', ['f', 'v']]]]]);
});

test('whatever bytes stand under a good checksum: refused and nothing has changed, or a stream that can be read', async () => {
  const served = serve();
  const client = new LocalClient(served.server);
  const bodies = [await small(client, false), await small(client, true)];
  await client.run('XADD', 's', '1-9', 'f', 'w');
  await client.run('XADD', 's', '2-0', 'other', '12345', 'f', '-7');
  await client.run('XDEL', 's', '1-9');
  const payload = Buffer.from(String(await client.run('DUMP', 's')), 'latin1');
  bodies.push(payload.subarray(0, payload.length - FOOTER_BYTES));
  const damaged = fc
    .tuple(fc.constantFrom(...bodies), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
    .map(([seed, changes]) => {
      const body = Buffer.from(seed);
      for (const [at, byte] of changes) body[at % body.length] = byte;
      return body;
    });
  const cut = fc
    .tuple(fc.constantFrom(...bodies), fc.nat())
    .map(([seed, at]) => seed.subarray(0, 1 + (at % seed.length)));
  const made = fc
    .tuple(fc.constantFrom(15, 19, 21), fc.uint8Array({ maxLength: 60 }))
    .map(([type, rest]) => Buffer.from([type, ...rest]));
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 8, arbitrary: damaged }, cut, made), async (body) => {
      await client.run('SET', 'k', 'before');
      const answer = await client.run('RESTORE', 'k', '0', sealed(11, body), 'REPLACE');
      if (answer instanceof ReplyError) {
        assert.match(answer.message, 'ERR Bad data format');
        assert.is(await client.run('GET', 'k'), 'before');
      } else if ((await client.run('TYPE', 'k')) === 'stream') {
        assert.type(await client.run('DUMP', 'k'), 'string');
        assert.instance(await client.run('XINFO', 'STREAM', 'k', 'FULL'), Array);
      }
    }),
    { numRuns: 3000, seed: SEED },
  );
  assert.equal(served.warnings, []);
});

test.run();
