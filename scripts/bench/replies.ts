/**
 * How long replies take while a server has a steady load: SETs on a schedule that does not wait for answers, over many
 * connections, each counted from when it was due. Of a server that stalls all that were due meanwhile are late.
 */

import { fill } from './filling.ts';
import { connected, encoded } from './open-loop.ts';
import { CLIENTS, runLoad } from './redis-benchmark.ts';
import { percentile } from './statistics.ts';
import { type Product, Subject } from './subject.ts';

const PRODUCTS = ['redis', 'starling'] as const;
/** Left out: connections, compiled code and caches are not there yet. */
const WARM_UP_MS = 2000;
const MEASURED_MS = 10_000;
const MOST_REQUESTS = 300_000;
const PAUSE_WRITES_PER_SECOND = 20_000;
const LATE_MS_MAX = 60_000;
const OK_BYTES = 5;

export interface ReplyTimes {
  readonly perSecond: number;
  readonly p50Ms: Record<Product, number>;
  readonly p99Ms: Record<Product, number>;
  readonly longestMs: Record<Product, number>;
}

/** At half of what redis-server does at most, with 50 connections, one request at a time each. */
export async function measureAtHalf(progress: (line: string) => void): Promise<ReplyTimes> {
  const redis = await Subject.start('redis', 'alone');
  const most = await runLoad(
    redis.entry.port,
    { test: 'set', depth: 1, requests: MOST_REQUESTS, valueBytes: 16 },
    redis.entry.gone,
  );
  await redis.stop();
  const perSecond = Math.round(most / 2);
  return measure(perSecond, 0, progress);
}

/** With so many keys of 16 bytes there, under 20,000 writes a second: the longest is the longest pause of the server. */
export function measurePauses(keys: number, progress: (line: string) => void): Promise<ReplyTimes> {
  return measure(PAUSE_WRITES_PER_SECOND, keys, progress);
}

async function measure(perSecond: number, keys: number, progress: (line: string) => void): Promise<ReplyTimes> {
  const times: ReplyTimes = {
    perSecond,
    p50Ms: { redis: 0, starling: 0 },
    p99Ms: { redis: 0, starling: 0 },
    longestMs: { redis: 0, starling: 0 },
  };
  for (const product of PRODUCTS) {
    progress(`replies of ${product} at ${perSecond} writes a second, ${keys} keys`);
    const subject = await Subject.start(product, 'alone');
    await fill(subject.entry.port, 'strings', keys);
    await subject.rest();
    const samples = await replyTimes(subject.entry.port, perSecond, Math.max(keys, 100_000));
    await subject.rest();
    await subject.stop();
    times.p50Ms[product] = percentile(samples, 50);
    times.p99Ms[product] = percentile(samples, 99);
    times.longestMs[product] = percentile(samples, 100);
  }
  return times;
}

/** Milliseconds from when each write was due until its reply. */
async function replyTimes(port: number, perSecond: number, keys: number): Promise<number[]> {
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => connected(port)));
  const total = Math.ceil((perSecond * (WARM_UP_MS + MEASURED_MS)) / 1000);
  const samples: number[] = [];
  const due: number[][] = sockets.map(() => []);
  const received = sockets.map(() => 0);
  let failure: Error | null = null;
  const startMs = performance.now();
  for (const [index, socket] of sockets.entries()) {
    socket.setNoDelay(true);
    socket.on('error', (error) => (failure ??= error));
    socket.on('close', () => (failure ??= new Error('connection closed')));
    socket.on('data', (chunk) => {
      const now = performance.now();
      if (chunk.includes('-')) failure ??= new Error(`an error reply: ${chunk.toString('latin1')}`);
      received[index] += chunk.length;
      for (; received[index] >= OK_BYTES; received[index] -= OK_BYTES) samples.push(now - (due[index].shift() ?? now));
    });
  }
  for (let sent = 0; samples.length < total; ) {
    if (failure !== null) throw failure;
    const now = performance.now();
    if (now - startMs > WARM_UP_MS + MEASURED_MS + LATE_MS_MAX)
      throw new Error(`${total - samples.length} replies never came`);
    const wanted = Math.min(total, Math.floor(((now - startMs) * perSecond) / 1000));
    for (; sent < wanted; sent++) {
      const index = sent % sockets.length;
      due[index].push(startMs + (sent * 1000) / perSecond);
      sockets[index].write(randomSet(keys), 'latin1');
    }
    // not a timer, whose millisecond would be in every figure
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const socket of sockets) socket.destroy();
  return samples.slice(Math.floor((perSecond * WARM_UP_MS) / 1000));
}

function randomSet(keys: number): string {
  const key = `key:${`${Math.floor(Math.random() * keys)}`.padStart(12, '0')}`;
  return encoded('SET', key, key);
}
