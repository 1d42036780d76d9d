/**
 * One node's way from request to reply in this process, without sockets, disk and peers: pipelines of 16 go into a session,
 * envelopes are sealed and dropped. Prints microseconds of processor time a command, by command, as JSON: the least of
 * several rounds, and their median.
 */
import { createEngine } from '../../src/core/index.ts';
import { encodeRequest } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import type { Session } from '../../src/resp/session.ts';
import { commandRegistry, servicesOf } from '../../test/conformance/services.ts';
import { HOT_PATH_COMMANDS, type HotPathCommand, type HotPathTimes } from './hot-path.ts';

const DEPTH = 16;
const KEYS = 100_000;
const CHUNKS = 4096;
const WARM_UP_CHUNKS = 30_000;
const ROUND_CHUNKS = 20_000;
const ROUNDS = 7;
/** As many as a turn of the event loop brings from 50 clients, about. */
const CHUNKS_A_TURN = 20;
/** Between what the store would take at a time. */
const CHUNKS_A_DRAIN = 1000;

const requests: Record<HotPathCommand, () => string[]> = {
  GET: () => ['GET', random('key')],
  SET: () => ['SET', random('key'), 'xxx'],
  INCR: () => ['INCR', random('counter')],
  HSET: () => ['HSET', 'myhash', random('field'), 'xxx'],
  SADD: () => ['SADD', 'myset', random('member')],
  LPUSH: () => ['LPUSH', 'mylist', 'xxx'],
  ZADD: () => ['ZADD', 'myzset', '0', random('member')],
};

function random(prefix: string): string {
  return `${prefix}:${String(Math.floor(Math.random() * KEYS)).padStart(12, '0')}`;
}

const engine = createEngine({ replica: '00000000000000a1', hashSeed: 1 });
engine.setNow(Date.now());
engine.setStability('alone', 0);
const warn = (message: string) => {
  throw new Error(message);
};
const session: Session = new RespServer({ engine, registry: commandRegistry, services: servicesOf(), warn }).open({
  ...{ address: '', localAddress: '', pendingBytes: 0 },
  ...{ write: () => true, pauseReading() {}, resumeReading() {} },
  ...{ end: () => warn('the session ended'), destroy: () => warn('the session was cut off') },
});

const times: Partial<HotPathTimes> = {};
for (const command of HOT_PATH_COMMANDS) times[command] = await measure(command);
console.log(JSON.stringify(times));
process.exit(0);

async function measure(command: HotPathCommand): Promise<{ least: number; median: number }> {
  const chunks = Array.from({ length: CHUNKS }, () =>
    Buffer.concat(Array.from({ length: DEPTH }, () => encodeRequest(requests[command]()))),
  );
  await run(chunks, WARM_UP_CHUNKS);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await run(chunks, ROUND_CHUNKS);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / (ROUND_CHUNKS * DEPTH));
  }
  rounds.sort((a, b) => a - b);
  return { least: rounds[0], median: rounds[ROUNDS >> 1] };
}

async function run(chunks: readonly Buffer[], count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    session.receive(chunks[i % CHUNKS]);
    if (i % CHUNKS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % CHUNKS_A_DRAIN !== 0) continue;
    engine.seal();
    engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
  }
}
