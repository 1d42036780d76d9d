/**
 * How long commands take as what they work on grows: one list, hash, set, sorted set and stream of 10^3 to 10^6 elements, each
 * of 16 bytes, and the commands whose cost Redis documents as constant or logarithmic (and what takes ten elements of them).
 * One call at a time on one connection; a time is that of the whole round trip, so PING's is beside them.
 */
import { RespClient } from '../../test/processes/resp-client.ts';
import { sendAll, words } from './filling.ts';
import { table } from './report.ts';
import { median, percentile } from './statistics.ts';
import { type Product, Subject } from './subject.ts';

const KINDS = ['list', 'hash', 'set', 'sorted set', 'stream'] as const;
type Kind = (typeof KINDS)[number];

const CALLS = 500;
const PER_COMMAND = 100;
/** Coprime with every power of ten: scores come in no order, each once. */
const STRIDE = 7919;

export interface GrowthTimes {
  readonly kind: Kind;
  readonly command: string;
  readonly elements: number;
  readonly product: Product;
  readonly medianMs: number;
  readonly p99Ms: number;
}

type Words = readonly (string | number)[];

/** A command by its name and what it is called with for the `call`-th time, on `size` elements. */
type Command = readonly [name: string, make: (call: number, size: number) => Words];

const element = (index: number) => `elm:${String(index).padStart(12, '0')}`;
/** Somewhere in the middle, elsewhere each time. */
const some = (call: number, size: number) => (call * STRIDE + Math.floor(size / 3)) % size;
const fresh = (call: number, size: number) => element(size + call);

const PING: Command = ['PING', () => ['PING']];

const COMMANDS: Record<Kind, readonly Command[]> = {
  list: [
    ['RPUSH', (call, size) => ['RPUSH', 'list', fresh(call, size)]],
    ['LPUSH', (call, size) => ['LPUSH', 'list', fresh(call, size)]],
    ['LPOP', () => ['LPOP', 'list']],
    ['RPOP', () => ['RPOP', 'list']],
    ['LRANGE, first ten', () => ['LRANGE', 'list', 0, 9]],
    ['LLEN', () => ['LLEN', 'list']],
    ['LINDEX', (call, size) => ['LINDEX', 'list', some(call, size)]],
  ],
  hash: [
    ['HSET, a new field', (call, size) => ['HSET', 'hash', fresh(call, size), 'v']],
    ['HSET', (call, size) => ['HSET', 'hash', element(some(call, size)), 'v']],
    ['HGET', (call, size) => ['HGET', 'hash', element(some(call, size))]],
    ['HINCRBY', (call) => ['HINCRBY', 'hash', `counter:${call % 10}`, 1]],
    ['HDEL', (call, size) => ['HDEL', 'hash', fresh(call, size)]],
    ['HSCAN', () => ['HSCAN', 'hash', 0]],
    ['HRANDFIELD', () => ['HRANDFIELD', 'hash']],
  ],
  set: [
    ['SADD', (call, size) => ['SADD', 'set', fresh(call, size)]],
    ['SISMEMBER', (call, size) => ['SISMEMBER', 'set', element(some(call, size))]],
    ['SREM', (call, size) => ['SREM', 'set', fresh(call, size)]],
    ['SRANDMEMBER', () => ['SRANDMEMBER', 'set']],
    ['SPOP', () => ['SPOP', 'set']],
    ['SSCAN', () => ['SSCAN', 'set', 0]],
  ],
  'sorted set': [
    ['ZRANK', (call, size) => ['ZRANK', 'zset', element(some(call, size))]],
    ['ZADD, a new member', (call, size) => ['ZADD', 'zset', some(call, size), fresh(call, size)]],
    ['ZADD, another score', (call, size) => ['ZADD', 'zset', some(call + 1, size), fresh(call, size)]],
    ['ZINCRBY', (call, size) => ['ZINCRBY', 'zset', 1, element(some(call, size))]],
    ['ZSCORE', (call, size) => ['ZSCORE', 'zset', element(some(call, size))]],
    ['ZRANGE, ten', (call, size) => ['ZRANGE', 'zset', some(call, size - 10), some(call, size - 10) + 9]],
    ['ZRANGEBYSCORE, ten', (call, size) => ['ZRANGEBYSCORE', 'zset', some(call, size), '+inf', 'LIMIT', 0, 10]],
    ['ZCOUNT', (call, size) => ['ZCOUNT', 'zset', some(call, size), '+inf']],
    ['ZREM', (call, size) => ['ZREM', 'zset', fresh(call, size)]],
    ['ZPOPMIN', () => ['ZPOPMIN', 'zset']],
  ],
  stream: [
    ['XADD', (call) => ['XADD', 'stream', '*', 'field', element(call)]],
    ['XRANGE, ten', (call, size) => ['XRANGE', 'stream', `1-${some(call, size)}`, '+', 'COUNT', 10]],
    ['XREVRANGE, ten', () => ['XREVRANGE', 'stream', '+', '-', 'COUNT', 10]],
    ['XREAD, ten', (call, size) => ['XREAD', 'COUNT', 10, 'STREAMS', 'stream', `1-${some(call, size)}`]],
    ['XREADGROUP, one', () => ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'stream', '>']],
    ['XACK', (call) => ['XACK', 'stream', 'group', `1-${call + 1}`]],
    ['XLEN', () => ['XLEN', 'stream']],
    ['XDEL', (call, size) => ['XDEL', 'stream', `1-${some(call, size) + 1}`]],
  ],
};

export async function measureGrowth(
  sizes: readonly number[],
  progress: (line: string) => void,
): Promise<GrowthTimes[]> {
  const measured: GrowthTimes[] = [];
  for (const kind of KINDS) {
    for (const product of ['redis', 'starling'] as const) {
      const subject = await Subject.start(product, 'alone');
      for (const elements of sizes) {
        progress(`a ${kind} of ${elements} in ${product}`);
        measured.push(...(await measure(subject, kind, elements)));
      }
      await subject.stop();
    }
  }
  return measured;
}

async function measure(subject: Subject, kind: Kind, elements: number): Promise<GrowthTimes[]> {
  const { product, entry } = subject;
  await entry.ask('FLUSHALL');
  await sendAll(entry.port, filling(kind, elements), kind === 'stream' ? 2 : 1);
  if (kind === 'stream') await entry.ask('XGROUP', 'CREATE', 'stream', 'group', '0');
  await subject.rest();
  const client = await RespClient.open(entry.port);
  const measured: GrowthTimes[] = [];
  for (const command of [PING, ...COMMANDS[kind]]) {
    measured.push({ kind, elements, product, ...(await timed(client, command, elements)) });
  }
  client.close();
  return measured;
}

async function timed(
  client: RespClient,
  [command, make]: Command,
  size: number,
): Promise<{ command: string; medianMs: number; p99Ms: number }> {
  const times: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const all = make(call, size);
    const begin = performance.now();
    await must(client, all);
    times.push(performance.now() - begin);
  }
  return { command, medianMs: median(times), p99Ms: percentile(times, 99) };
}

async function must(client: RespClient, all: Words): Promise<void> {
  const answer = await client.command(...all);
  if (answer !== null && typeof answer === 'object' && 'error' in answer) {
    throw new Error(`${all.join(' ')}: ${answer.error}`);
  }
}

/** Commands that make one of so many elements, encoded. */
function* filling(kind: Kind, elements: number): Generator<string> {
  for (let first = 0; first < elements; first += PER_COMMAND) {
    const indexes = Array.from({ length: Math.min(PER_COMMAND, elements - first) }, (_, at) => first + at);
    switch (kind) {
      case 'list':
        yield words(['RPUSH', 'list', ...indexes.map(element)]);
        break;
      case 'hash':
        yield words(['HSET', 'hash', ...indexes.flatMap((index) => [element(index), 'value of 16 byte'])]);
        break;
      case 'set':
        yield words(['SADD', 'set', ...indexes.map(element)]);
        break;
      case 'sorted set':
        yield words([
          'ZADD',
          'zset',
          ...indexes.flatMap((index) => [`${(index * STRIDE) % elements}`, element(index)]),
        ]);
        break;
      case 'stream':
        for (const index of indexes) yield words(['XADD', 'stream', `1-${index + 1}`, 'field', element(index)]);
        break;
    }
  }
}

/** A row a command, the sizes side by side: medians, and of the largest what 99 of 100 calls take at most. */
export function growthTable(measured: readonly GrowthTimes[]): string {
  const sizes = [...new Set(measured.map(({ elements }) => elements))];
  const largest = Math.max(...sizes);
  const rows = new Map<string, GrowthTimes[]>();
  for (const each of measured) {
    const name = `${each.kind}: ${each.command}`;
    rows.set(name, [...(rows.get(name) ?? []), each]);
  }
  const header = ['Redis', 'Starling'].flatMap((name) => [
    ...sizes.map((size) => `${name}, ${size.toLocaleString('en-US')}`),
    'p99 of the last',
  ]);
  return table(
    ['milliseconds a call (median)', ...header],
    [...rows].map(([name, times]) => [
      name,
      ...(['redis', 'starling'] as const).flatMap((product) => {
        const own = times.filter((each) => each.product === product);
        const last = own.find(({ elements }) => elements === largest);
        return [...own.map(({ medianMs }) => medianMs.toFixed(3)), last?.p99Ms.toFixed(3) ?? ''];
      }),
    ]),
  );
}

/** The sizes that `npm run bench` takes: the powers of ten from a thousand to `largest`. */
export function growthSizes(largest: number): number[] {
  const sizes: number[] = [];
  for (let size = 1000; size <= largest; size *= 10) sizes.push(size);
  return sizes;
}
