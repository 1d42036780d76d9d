/**
 * How long a write takes from one server to the sight of a client at its peer. A client writes a counting number to
 * one key of A at a fixed rate, whether answers come or not; another asks B for that key, each time as soon as the last
 * answer is there. A write counts from the moment it was due until the first answer from B with its number or a later
 * one. So a figure is never too small, and too great by at most one round trip to B, which is reported beside
 * (`pollMs`). Since one question is under way at a time, the asking client and B together keep one core busy: with less
 * than two cores to spare, the figures tell of the machine.
 */
import type { Socket } from 'node:net';
import { connected, encoded, OpenLoop } from './open-loop.ts';
import type { Product } from './subject.ts';

export interface Latency {
  readonly product: Product;
  readonly perSecond: number;
  /** Per write; those of the first second, while code is still being compiled, are left out. */
  readonly sightMs: number[];
  /** Round trips of the asking client, between which nothing can be told. */
  readonly pollMs: number[];
}

export interface LatencyPlan {
  readonly perSecond: number;
  readonly seconds: number;
}

const KEY = 'probe';
const LOST_MS_MAX = 30_000;
/** For the time when B does not answer: the schedule must go on. */
const TICK_MS = 1;

export async function measureLatency(
  product: Product,
  port: number,
  peerPort: number,
  plan: LatencyPlan,
): Promise<Latency> {
  const total = Math.ceil(plan.perSecond * (plan.seconds + 1));
  // from 1: nothing there reads as 0
  const writer = await OpenLoop.open(port, plan.perSecond, total, (index) => encoded('SET', KEY, `${index + 1}`));
  const reader = await connected(peerPort);
  const seenMs: number[] = [];
  const pollMs: number[] = [];
  try {
    await follow(reader, writer, total, seenMs, pollMs);
    await writer.finish();
  } finally {
    reader.destroy();
  }
  const sightMs = seenMs.map((at, index) => at - writer.dueMs(index)).slice(plan.perSecond);
  return { product, perSecond: plan.perSecond, sightMs, pollMs };
}

/** Resolves when number `total` was seen; until then fills in when each number was. */
function follow(reader: Socket, writer: OpenLoop, total: number, seenMs: number[], pollMs: number[]): Promise<void> {
  const question = encoded('GET', KEY);
  let partial = '';
  let askedMs = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      writer.sendDue();
      const lostMs = performance.now() - writer.dueMs(total - 1);
      if (lostMs > LOST_MS_MAX) fail(new Error(`${total - seenMs.length} writes not seen after ${lostMs} ms`));
    }, TICK_MS);
    const fail = (error: Error) => {
      clearInterval(timer);
      reject(error);
    };
    reader.on('error', fail);
    reader.on('close', () => fail(new Error('connection closed')));
    reader.on('data', (chunk) => {
      partial += chunk.toString('latin1');
      const number = parseNumber(partial);
      if (number === undefined) return;
      partial = '';
      const now = performance.now();
      pollMs.push(now - askedMs);
      while (seenMs.length < number) seenMs.push(now);
      if (seenMs.length >= total) {
        clearInterval(timer);
        resolve();
        return;
      }
      try {
        writer.assertHealthy();
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      writer.sendDue();
      askedMs = performance.now();
      reader.write(question, 'latin1');
    });
    writer.start();
    askedMs = performance.now();
    reader.write(question, 'latin1');
  });
}

/** The number in a bulk string, 0 for none; undefined while the reply is not complete. */
export function parseNumber(reply: string): number | undefined {
  if (reply === '$-1\r\n') return 0;
  const [, digits] = /^\$\d+\r\n(\d+)\r\n$/.exec(reply) ?? [];
  if (digits !== undefined) return Number(digits);
  if (reply !== '' && !reply.startsWith('$')) throw new Error(`no bulk string: ${reply}`);
  return undefined;
}
