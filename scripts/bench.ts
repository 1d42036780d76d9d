/**
 * Starling and redis-server side by side on this machine, both as safe as each other: everything on disk, forced
 * there every second. Prints Markdown on stdout, progress on stderr.
 *
 *   npm run bench                                       everything, about ten minutes
 *   npm run bench -- --only alone --tests set,get --depths 1,16 --rounds 1 --seconds 0.5
 *   --only    some of: alone, peer, latency, wire; or transfer, which is not part of everything
 *   --tests, --depths, --rounds, --seconds (of a cell), --requests (of a cell, instead of --seconds)
 *   --value-bytes N, -d N   size of a value (default 3, as redis-benchmark's)
 *   --offered N             writes a second for latency and wire (default 1,000)
 *   --pace-seconds N        how long they are offered (default 20)
 *   --keys N                of a state transfer (default 1,000,000)
 *   --plot FILE             the curve of state transfers, as SVG
 *   --json FILE             all samples
 *
 * Throughput: redis-benchmark with 50 clients over 100,000 random keys (for HSET and SADD: fields and members of one
 * hash and one set). `alone` is one node without mDNS against one redis-server; `peer` is a node with one peer that
 * gets every write against a redis-server with one replica. One server is under load at a time, the others are idle;
 * they take turns, and a round is one turn of all. Rates are medians over the rounds; a ratio is taken within each
 * round (above 1: Starling is faster), then their median, with the least and the greatest. redis-benchmark runs on the
 * same cores as the servers. A repeated SADD changes nothing in Redis, which then neither logs nor replicates it; in
 * Starling it is a write like any other, since it must win against a concurrent SREM. `sadd-new` adds members to an empty
 * set that are new, nearly all, which is a write in both. Pushes start with an empty list; pops find as many elements as
 * they take.
 *
 * Latency, bytes on the wire and state transfers: see scripts/bench/latency.ts, wire.ts and transfer.ts.
 *
 * The run fails when a server ends, an error reply is seen, or a pair is not equal 60 s after the last write.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Latency, measureLatency } from './bench/latency.ts';
import { TESTS } from './bench/redis-benchmark.ts';
import { latencyTable, loadAverage, machineLine, restLine, throughputTable, wireTable } from './bench/report.ts';
import { type Product, type Setting, Subject } from './bench/subject.ts';
import { type Cell, measureThroughput } from './bench/throughput.ts';
import { differences, measureTransfers, transferPlot, transferTable } from './bench/transfer.ts';
import { measureWire, type Wire } from './bench/wire.ts';

const AGAINST_REDIS = ['alone', 'peer', 'latency', 'wire'] as const;
const SECTIONS = [...AGAINST_REDIS, 'transfer'] as const;
const PRODUCTS = ['redis', 'starling'] as const;
/** For bytes on the wire at full speed: enough that what is sent by the clock does not count. */
const WIRE_REQUESTS = 200_000;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: AGAINST_REDIS.join() },
    tests: { type: 'string', default: TESTS.join() },
    depths: { type: 'string', default: '1,16,100' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    requests: { type: 'string' },
    'value-bytes': { type: 'string', short: 'd', default: '3' },
    offered: { type: 'string', default: '1000' },
    'pace-seconds': { type: 'string', default: '20' },
    keys: { type: 'string', default: '1000000' },
    plot: { type: 'string' },
    json: { type: 'string' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const sections = chosen(flags.only, SECTIONS);
const plan = {
  tests: chosen(flags.tests, TESTS),
  depths: flags.depths.split(',').map((depth) => positive('depths', depth)),
  rounds: positive('rounds', flags.rounds),
  seconds: positive('seconds', flags.seconds),
  requests: flags.requests === undefined ? null : positive('requests', flags.requests),
  valueBytes: positive('value-bytes', flags['value-bytes']),
};
const pace = {
  perSecond: positive('offered', flags.offered),
  seconds: positive('pace-seconds', flags['pace-seconds']),
};

const machine = machineLine(loadAverage());
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
console.log(`${machine}\n\n\`${command}\``);

const cells = await throughput(sections.filter((section) => section === 'alone' || section === 'peer'));
if (cells.length > 0) console.log(`\n${throughputTable(cells)}`);
if (cells.some(({ setting }) => setting === 'peer')) console.log(`\n${restLine(cells)}`);
const latencies = sections.includes('latency') ? await latency() : new Map<Product, Latency>();
if (latencies.size > 0) console.log(`\n${latencyTable(pace.perSecond, latencies)}`);
const wires = sections.includes('wire') ? await wire() : [];
if (wires.length > 0) console.log(`\n${wireTable(wires, plan.valueBytes)}`);
const keys = positive('keys', flags.keys);
const transfers = sections.includes('transfer')
  ? await measureTransfers({ keys, differing: differences(keys) }, progress)
  : [];
if (transfers.length > 0) console.log(`\n${transferTable(keys, transfers)}`);
if (transfers.length > 0 && flags.plot !== undefined) writeFileSync(flags.plot, transferPlot(keys, transfers));
if (flags.json !== undefined) {
  const samples = { machine, command, cells, latencies: Object.fromEntries(latencies), wires, transfers };
  writeFileSync(flags.json, `${JSON.stringify(samples)}\n`);
}

async function throughput(settings: readonly Setting[]): Promise<Cell[]> {
  const subjects: Subject[] = [];
  for (const setting of settings) {
    for (const product of PRODUCTS) subjects.push(await Subject.start(product, setting));
  }
  const measured = subjects.length === 0 ? [] : await measureThroughput(subjects, plan, progress);
  await Promise.all(subjects.map((subject) => subject.stop()));
  return measured;
}

async function latency(): Promise<Map<Product, Latency>> {
  const measured = new Map<Product, Latency>();
  for (const product of PRODUCTS) {
    progress(`latency of ${product}`);
    const subject = await Subject.start(product, 'peer');
    if (subject.peer === null) throw new Error('a pair without a peer');
    await subject.rest();
    measured.set(product, await measureLatency(subject.entry.port, subject.peer.port, pace));
    await subject.rest();
    await subject.stop();
  }
  return measured;
}

async function wire(): Promise<Wire[]> {
  const measured: Wire[] = [];
  for (const product of PRODUCTS) {
    progress(`bytes on the wire of ${product}`);
    measured.push(
      ...(await measureWire(product, { ...pace, ...plan, seconds: pace.seconds, requests: WIRE_REQUESTS })),
    );
  }
  return measured;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function chosen<T extends string>(list: string, known: readonly T[]): T[] {
  return list.split(',').map((word) => {
    const found = known.find((each) => each === word.trim().toLowerCase());
    if (found === undefined) throw new Error(`${word} is none of ${known.join(', ')}`);
    return found;
  });
}

function positive(name: string, word: string): number {
  const number = Number(word);
  if (!(number > 0)) throw new Error(`--${name} takes numbers above 0, not ${word}`);
  return number;
}
