/** The figures of `npm run bench`: what redis-benchmark printed, medians, percentiles, ratios, and bytes that pass. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compressionTable } from '../../scripts/bench/compression.ts';
import { ELEMENTS, fill, SHAPES } from '../../scripts/bench/filling.ts';
import { growthSizes, growthTable, measureGrowth } from '../../scripts/bench/growth.ts';
import { parseNumber } from '../../scripts/bench/latency.ts';
import { encoded, OpenLoop } from '../../scripts/bench/open-loop.ts';
import { parseRates } from '../../scripts/bench/redis-benchmark.ts';
import { Relay } from '../../scripts/bench/relay.ts';
import {
  catchingUpTable,
  memoryTable,
  processorTable,
  replyTable,
  throughputTable,
} from '../../scripts/bench/report.ts';
import { median, pairedRatio, percentile } from '../../scripts/bench/statistics.ts';
import type { Cell } from '../../scripts/bench/throughput.ts';
import { throughputPlot } from '../../scripts/bench/throughput-plot.ts';
import { differences, measureTransfers, transferPlot, transferTable } from '../../scripts/bench/transfer.ts';
import { eventually } from '../processes/node-process.ts';
import { RespClient } from '../processes/resp-client.ts';
import { serve } from '../resp/served.ts';

const CSV = [
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"',
  '"SET","909090.94","0.631","0.120","0.663","0.967","1.343","2.279"',
  '"HSET","1428571.38","0.489","0.240","0.431","0.687","1.543","1.751"',
  '',
].join('\n');

test('rates are read from the CSV of redis-benchmark by test', () => {
  assert.equal(
    [...parseRates(CSV)],
    [
      ['set', 909090.94],
      ['hset', 1428571.38],
    ],
  );
});

test('output without a result holds no rates', () => {
  assert.is(parseRates(CSV.split('\n')[0]).size, 0);
});

test('the median is the middle, or the mean of the two in the middle', () => {
  assert.is(median([9, 1, 5]), 5);
  assert.is(median([4, 1, 9, 2]), 3);
  assert.throws(() => median([]));
});

test('a percentile is the smallest sample that so many do not exceed', () => {
  const samples = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  assert.is(percentile(samples, 50), 500);
  assert.is(percentile(samples, 99), 990);
  assert.is(percentile(samples, 99.9), 999);
  assert.is(percentile(samples, 100), 1000);
  assert.is(percentile([7], 1), 7);
  assert.throws(() => percentile(samples, 0));
});

test('a percentile is one of the samples, has enough of them at or below it, and too few below it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.integer({ min: 1, max: 100 }), (samples, percent) => {
      const found = percentile(samples, percent);
      const wanted = (samples.length * percent) / 100;
      assert.ok(samples.includes(found));
      assert.ok(samples.filter((each) => each <= found).length >= wanted);
      assert.ok(samples.filter((each) => each < found).length < wanted);
    }),
  );
});

test('ratios are taken round by round before their median', () => {
  // medians alone would say 20 / 20
  assert.equal(pairedRatio([10, 20, 60], [20, 10, 30]), { median: 2, min: 0.5, max: 2 });
  assert.throws(() => pairedRatio([1], [1, 2]));
});

test('the table has a row for each test and depth, with both settings in it', () => {
  const cell = (setting: 'alone' | 'peer', starling: number): Cell => ({
    setting,
    test: 'set',
    depth: 16,
    rates: { redis: [1000], starling: [starling] },
    processorMicros: { redis: [1, 3], starling: [starling / 1000] },
    restMsMax: { redis: 0, starling: 0 },
  });
  const cells = [cell('alone', 1500), cell('peer', 500)];
  assert.is(processorTable(cells).split('\n')[2], '| SET | 16 | 2.00 | 1.50 | 2.00 | 0.50 |');
  const [, , row, ...more] = throughputTable(cells).split('\n');
  assert.is(row, '| SET | 16 | 1,000 | 1,500 | **1.50** (1.50–1.50) | 1,000 | 500 | **0.50** (0.50–0.50) |');
  assert.equal(more, []);
});

test('a polled number is read when it is complete, and nothing there is 0', () => {
  assert.is(parseNumber('$-1\r\n'), 0);
  assert.is(parseNumber('$2\r\n42\r\n'), 42);
  for (const partial of ['', '$', '$2\r\n', '$2\r\n4', '$2\r\n42', '$-1\r']) assert.is(parseNumber(partial), undefined);
  assert.throws(() => parseNumber('-ERR no\r\n'));
});

test('a schedule counts each write from when it was due, and an answer that is no OK fails it', async () => {
  let received = '';
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      received += chunk.toString();
      // answers in pieces that do not keep to the replies
      socket.write('+O');
      socket.write('K\r\n-ERR');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const loop = await OpenLoop.open(address.port, 500, 2, (index) => encoded('SET', 'k', `${index}`));
  try {
    await loop.run();
    assert.unreachable('an error was taken for OK');
  } catch (error) {
    assert.match(String(error), /instead of OK: -ERR/);
  }
  assert.is(loop.answered, 1);
  assert.is(loop.dueMs(1) - loop.dueMs(0), 2);
  assert.ok(received.startsWith(encoded('SET', 'k', '0')));
  server.close();
});

test('a relay counts what passes, cuts both ends off, and lets through again', async () => {
  const target = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write('four'));
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
  const address = target.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const relay = await Relay.open(address.port);
  const exchange = async () => {
    const socket = connect(relay.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('seven..');
    await once(socket, 'data');
    return socket;
  };
  const first = await exchange();
  assert.is(relay.bytesToTarget, 7);
  assert.is(relay.bytesFromTarget, 4);
  assert.is(relay.connections, 1);
  const closed = new Promise((resolve) => first.once('close', resolve));
  await relay.cut();
  await closed;
  await assertRefused(relay.port);
  await relay.restore();
  const second = await exchange();
  assert.is(relay.bytes, 22);
  await relay.cut();
  second.destroy();
  target.close();
});

test('over a long way all arrives in order, and no earlier than the way takes', async () => {
  const received: Buffer[] = [];
  const target = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => received.push(chunk));
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
  const address = target.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const relay = await Relay.open(address.port, { delayMs: 30, bytesPerMs: 20_000 });
  const sent = randomBytes(2_000_000);
  const socket = connect(relay.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const sinceMs = performance.now();
  socket.write(sent);
  const length = async () => received.reduce((sum, chunk) => sum + chunk.length, 0);
  await eventually('all of it', length, (bytes) => bytes === sent.length);
  assert.ok(performance.now() - sinceMs >= 30 + 2_000_000 / 20_000 - 1);
  assert.ok(Buffer.concat(received).equals(sent));
  await relay.cut();
  target.close();
});

test('the table of compression has a row for each kind of values and mode, with medians', () => {
  const rounds = [5, 1, 3].map((figure) => ({ bytes: figure * 1000, seconds: figure, processorSeconds: figure / 2 }));
  const costs = (['no', 'auto'] as const).map(
    (mode) => ({ kind: 'JSON documents', keys: 2000, mode, rounds }) as const,
  );
  const [, , without] = compressionTable(costs).split('\n');
  assert.is(without, '| 2,000 JSON documents | `no` | 3,000 | 3.0 s | 1.5 s |');
});

test('data of each shape is written whole, and resolves when all of it is answered', async () => {
  const counts = { strings: 'STRLEN', hashes: 'HLEN', sets: 'SCARD', zsets: 'ZCARD', lists: 'LLEN' } as const;
  for (const shape of SHAPES) {
    const { server } = serve();
    const port = await server.listen({ port: 0, addresses: ['127.0.0.1'] });
    await fill(port, shape, 3000);
    const client = await RespClient.open(port);
    assert.is(await client.command('DBSIZE'), 3000);
    const size = shape === 'strings' ? 16 : ELEMENTS[shape];
    for (const key of ['key:000000000000', 'key:000000002999'])
      assert.is(await client.command(counts[shape], key), size);
    client.close();
    await server.close();
  }
});

test('writing data over another type fails instead of measuring nothing', async () => {
  const { server } = serve();
  const port = await server.listen({ port: 0, addresses: ['127.0.0.1'] });
  await fill(port, 'sets', 1, 7);
  let refusal = '';
  await fill(port, 'hashes', 20).catch((error: unknown) => {
    refusal = String(error);
  });
  assert.match(refusal, /an error reply: -WRONGTYPE/);
  await server.close();
});

test('tables of memory, replies and catching up give a ratio to Redis', () => {
  const both = (redis: number, starling: number) => ({ redis, starling });
  const memory = memoryTable([{ shape: 'sets', keys: 100_000, bytesPerKey: both(4000, 3000) }]);
  assert.is(memory.split('\n').at(-1), '| sets of 100 members | 100,000 | 4000 | 3000 | **0.75** |');
  const times = { perSecond: 20_000, p50Ms: both(1, 1), p99Ms: both(2, 3), longestMs: both(10, 5) };
  assert.is(replyTable('replies', times).split('\n').at(-1), '| ratio | **1.00** | **1.50** | **0.50** |');
  const series = (redis: number[], starling: number[]) => ({ redis, starling });
  const rows = catchingUpTable({
    keys: 1_000_000,
    restartMs: series([1000, 2000, 3000], [2000, 2000, 2000]),
    fillMs: series([1000], [4000]),
    appliedPerSecond: series([100], [250]),
  }).split('\n');
  assert.is(rows[2], '| restart until it serves | 2.00 s | 2.00 s | **1.00** (0.67–2.00) |');
  assert.is(rows[4], '| writes applied a second, after a stop | 100/s | 250/s | **2.50** (2.50–2.50) |');
});

test('state transfers are measured from no difference by powers of ten to all keys', () => {
  assert.equal(differences(1000), [0, 1, 10, 100, 1000]);
  assert.equal(differences(1500), [0, 1, 10, 100, 1000, 1500]);
});

test('a state transfer is measured between two nodes, and costs more where more differs, and a full copy most', async () => {
  const costs = await measureTransfers({ keys: 20_000, differing: [0, 2000] }, () => {});
  assert.equal(
    costs.map(({ differing }) => differing),
    [null, 0, 2000],
  );
  const [whole, nothing, some] = costs.map(({ bytes }) => bytes);
  assert.ok(nothing < some && some < whole, `${nothing}, ${some}, ${whole}`);
  // each key has 32 bytes of name and value
  assert.ok(whole > 20_000 * 32);
});

test('the table of state transfers gives shares of a full copy, the plot a point for each number but 0', () => {
  const cost = (differing: number | null, bytes: number) => ({ differing, bytes, seconds: 1, pauseMs: 2 });
  const costs = [cost(null, 10_000), cost(0, 5), cost(10, 250), cost(100, 12_000)];
  const [, , , nothing, ten] = transferTable(100, costs).split('\n');
  assert.is(nothing, '| 0 | 5 | 0.050 % | 1.0 s | 2 ms |');
  assert.is(ten, '| 10 | 250 | 2.5 % | 1.0 s | 2 ms |');
  assert.is(transferPlot(100, costs).match(/<circle/g)?.length, 2);
});

test('the plot of throughput has a bar for each cell, as long as its ratio', () => {
  const cell = (setting: 'alone' | 'peer', starling: number): Cell => ({
    ...{ setting, test: 'set', depth: 16, restMsMax: { redis: 0, starling: 0 } },
    rates: { redis: [1000], starling: [starling] },
    processorMicros: { redis: [1], starling: [1] },
  });
  const widths = (svg: string) =>
    [...svg.matchAll(/<rect x="130.0" y="[\d.]+" width="([\d.]+)"/g)].map(([, width]) => +width);
  const [half, whole] = widths(throughputPlot([cell('alone', 500), cell('peer', 1000)])).slice(1);
  assert.ok(Math.abs(whole - 2 * half) < 0.2, `${half}, ${whole}`);
});

test('growth is measured for each kind of collection, and told beside what Redis takes', async () => {
  const times = await measureGrowth([200], () => {});
  const kinds = new Set(times.map(({ kind }) => kind));
  assert.equal([...kinds], ['list', 'hash', 'set', 'sorted set', 'stream']);
  assert.ok(times.every(({ medianMs, p99Ms }) => medianMs > 0 && medianMs <= p99Ms));
  const commands = times
    .filter(({ product }) => product === 'starling')
    .map(({ kind, command }) => `${kind}: ${command}`);
  const [, , ...rows] = growthTable(times).split('\n');
  assert.equal(
    rows.map((row) => row.split(' | ')[0].slice(2)),
    commands,
  );
  assert.equal(growthSizes(1_000_000), [1000, 10_000, 100_000, 1_000_000]);
});

async function assertRefused(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.is(error.code, 'ECONNREFUSED');
}

test.run();
