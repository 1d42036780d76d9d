/**
 * Starling and redis-server side by side on this machine, both as safe as each other: everything on disk, forced
 * there every second. Prints Markdown on stdout, progress on stderr.
 *
 *   npm run bench                                       everything, at most twenty minutes
 *   npm run bench -- --quick                            throughput, latency and catching up with less of each, in two minutes:
 *                                                       figures are rough
 *   npm run bench -- --only alone --tests set,get --depths 1,16 --rounds 1 --seconds 0.5
 *   --only    some of: alone, peer, latency, wire, replies, memory, pauses, catching-up, growth; or hot-path, transfer,
 *             compression, scale, real-nodes or mesh-thread, which are not part of everything
 *   --tests (also ping), --depths, --rounds, --seconds (of a cell), --requests (of a cell, instead of --seconds)
 *   --value-bytes N, -d N   size of a value (default 3, as redis-benchmark's)
 *   --offered N,M           writes a second for latency; for wire the first (default 100,20000)
 *   --pace-seconds N        how long they are offered (default 8)
 *   --keys N                for memory, catching-up, transfer, compression, and growth at most (default 1,000,000); for pauses
 *                           five times as many
 *   --nodes N,M             sizes of clusters for scale (default 3,10,30,100) and real-nodes (default 10)
 *   --plots FOLDER          the ratios of throughput (throughput.svg) and the curve of state transfers (state-transfer.svg)
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
 * Beside it stands the processor time of the servers, of both of a pair: where node, peer and redis-benchmark share two cores, the
 * rate is bounded by the sum of all three.
 *
 * What the others measure, and how, stands in scripts/bench: latency.ts, wire.ts, replies.ts, memory.ts, catching-up.ts,
 * growth.ts, hot-path.ts, transfer.ts, compression.ts and mesh-thread.ts; what a mesh costs as it grows, in scale.ts and real-nodes.ts.
 *
 * The run fails when a server ends, an error reply is seen, or a pair is not equal three minutes after the last write.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureCatchingUp } from './bench/catching-up.ts';
import { compressionTable, measureCompression } from './bench/compression.ts';
import { growthSizes, growthTable, measureGrowth } from './bench/growth.ts';
import { hotPathTable, measureHotPath } from './bench/hot-path.ts';
import { type Latency, measureLatency } from './bench/latency.ts';
import { measureMemory } from './bench/memory.ts';
import { measureMeshThread, meshThreadTable } from './bench/mesh-thread.ts';
import { measureRealNodes, type RealNodes, realNodesTable } from './bench/real-nodes.ts';
import { TESTS } from './bench/redis-benchmark.ts';
import { measureAtHalf, measurePauses } from './bench/replies.ts';
import {
  catchingUpTable,
  latencyTable,
  loadAverage,
  machineLine,
  memoryTable,
  processorTable,
  replyTable,
  restLine,
  throughputTable,
  wireTable,
} from './bench/report.ts';
import { measureScale, scaleTable } from './bench/scale.ts';
import { type Setting, Subject } from './bench/subject.ts';
import { type Cell, measureThroughput } from './bench/throughput.ts';
import { throughputPlot } from './bench/throughput-plot.ts';
import { differences, measureTransfers, transferPlot, transferTable } from './bench/transfer.ts';
import { measureWire, type Wire } from './bench/wire.ts';

const AGAINST_REDIS = [
  'alone',
  'peer',
  'latency',
  'wire',
  'replies',
  'memory',
  'pauses',
  'catching-up',
  'growth',
] as const;
const QUICK_SECTIONS = ['alone', 'peer', 'latency', 'catching-up'] as const;
const ASIDE = ['hot-path', 'transfer', 'compression', 'scale', 'real-nodes', 'mesh-thread'] as const;
const SECTIONS = [...AGAINST_REDIS, ...ASIDE] as const;
const PRODUCTS = ['redis', 'starling'] as const;
/** For bytes on the wire at full speed: enough that what is sent by the clock does not count. */
const WIRE_REQUESTS = 200_000;
/** Of a mesh, over all of its nodes. */
const MESH_WRITES_PER_SECOND = 300;
/** Pauses are measured with so many times the keys. */
const PAUSE_KEYS = 5;
/** Measured if asked for: it tells what a request takes in which nothing is done. */
const ASKED_FOR: readonly string[] = ['ping'];
const FULL = { depths: '1,16,100', rounds: '3', seconds: '0.35', 'pace-seconds': '8', keys: '1000000' } as const;
const QUICK = { depths: '16', rounds: '1', seconds: '0.2', 'pace-seconds': '2', keys: '100000' } as const;

/** In pipelines, for each cell: with the whole, what compiles itself is compiled before the first round. */
const WARM_UP_REQUESTS = { full: 150_000, quick: 100_000 };

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    tests: { type: 'string', default: TESTS.filter((test) => !ASKED_FOR.includes(test)).join() },
    depths: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    requests: { type: 'string' },
    'value-bytes': { type: 'string', short: 'd', default: '3' },
    offered: { type: 'string', default: '100,20000' },
    'pace-seconds': { type: 'string' },
    keys: { type: 'string' },
    nodes: { type: 'string' },
    plots: { type: 'string' },
    json: { type: 'string' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const sections = chosen(flags.only ?? (flags.quick ? QUICK_SECTIONS : AGAINST_REDIS).join(), SECTIONS);
const plan = {
  tests: chosen(flags.tests, TESTS),
  depths: text('depths')
    .split(',')
    .map((depth) => positive('depths', depth)),
  rounds: positive('rounds', text('rounds')),
  seconds: positive('seconds', text('seconds')),
  requests: flags.requests === undefined ? null : positive('requests', flags.requests),
  valueBytes: positive('value-bytes', flags['value-bytes']),
  warmUpRequests: flags.quick ? WARM_UP_REQUESTS.quick : WARM_UP_REQUESTS.full,
};
const offered = flags.offered.split(',').map((rate) => positive('offered', rate));
const paceSeconds = positive('pace-seconds', text('pace-seconds'));
const keys = positive('keys', text('keys'));

const machine = machineLine(loadAverage());
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
console.log(`${machine}\n\n\`${command}\``);
const samples: Record<string, unknown> = { machine, command };

const settings = sections.filter((section) => section === 'alone' || section === 'peer');
if (settings.length > 0) {
  const cells = await throughput(settings);
  show('cells', cells, throughputTable(cells));
  console.log(`\n${processorTable(cells)}`);
  plot('throughput', throughputPlot(cells));
  if (settings.includes('peer')) console.log(`\n${restLine(cells)}`);
}
if (sections.includes('latency')) {
  const latencies = await latency();
  show('latencies', latencies, latencyTable(latencies));
}
if (sections.includes('wire')) {
  const wires = await wire();
  show('wires', wires, wireTable(wires, plan.valueBytes));
}
if (sections.includes('replies')) {
  const times = await measureAtHalf(progress);
  show('replies', times, replyTable('replies at half of what Redis does at most', times));
}
if (sections.includes('memory')) {
  const memory = await measureMemory(keys, progress);
  show('memory', memory, memoryTable(memory));
}
if (sections.includes('pauses')) {
  const times = await measurePauses(keys * PAUSE_KEYS, progress);
  show('pauses', times, replyTable(`replies with ${(keys * PAUSE_KEYS).toLocaleString('en-US')} keys`, times));
}
if (sections.includes('catching-up')) {
  const measured = await measureCatchingUp(keys, plan.rounds, progress);
  show('catchingUp', measured, catchingUpTable(measured));
}
if (sections.includes('growth')) {
  const measured = await measureGrowth(growthSizes(keys), progress);
  show('growth', measured, growthTable(measured));
}
if (sections.includes('hot-path')) {
  const measured = await measureHotPath(progress);
  show('hotPath', measured, hotPathTable(measured));
}
if (sections.includes('scale')) {
  const scales = await measureScale(sizes('3,10,30,100'), progress);
  show('scales', scales, scaleTable(scales));
}
if (sections.includes('mesh-thread')) {
  const measured = await measureMeshThread(plan.depths, plan.rounds, progress);
  show('meshThread', measured, meshThreadTable(measured));
}
if (sections.includes('real-nodes')) {
  const meshes = await realNodes();
  show('realNodes', meshes, realNodesTable(meshes));
}
if (sections.includes('transfer')) {
  const transfers = await measureTransfers({ keys, differing: differences(keys) }, progress);
  show('transfers', transfers, transferTable(keys, transfers));
  plot('state-transfer', transferPlot(keys, transfers));
}
if (sections.includes('compression')) {
  const costs = await measureCompression(keys, plan.rounds, progress);
  show('compression', costs, compressionTable(costs));
}
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(samples)}\n`);

/** As soon as it is there: a later section that fails takes nothing away. */
function show(name: string, figures: unknown, table: string): void {
  samples[name] = figures;
  console.log(`\n${table}`);
}

function plot(name: string, svg: string): void {
  if (flags.plots !== undefined) writeFileSync(join(flags.plots, `${name}.svg`), svg);
}

async function throughput(settings: readonly Setting[]): Promise<Cell[]> {
  const subjects: Subject[] = [];
  for (const setting of settings) {
    for (const product of PRODUCTS) subjects.push(await Subject.start(product, setting));
  }
  const measured = await measureThroughput(subjects, plan, progress);
  await Promise.all(subjects.map((subject) => subject.stop()));
  return measured;
}

async function latency(): Promise<Latency[]> {
  const measured: Latency[] = [];
  for (const perSecond of offered) {
    for (const product of PRODUCTS) {
      progress(`latency of ${product} at ${perSecond} writes a second`);
      const subject = await Subject.start(product, 'peer');
      const { entry, peer } = subject;
      if (peer === null) throw new Error('a pair without a peer');
      await subject.rest();
      measured.push(await measureLatency(product, entry.port, peer.port, { perSecond, seconds: paceSeconds }));
      await subject.rest();
      await subject.stop();
    }
  }
  return measured;
}

async function wire(): Promise<Wire[]> {
  const measured: Wire[] = [];
  for (const product of PRODUCTS) {
    progress(`bytes on the wire of ${product}`);
    const paced = { perSecond: offered[0], seconds: paceSeconds, valueBytes: plan.valueBytes };
    measured.push(...(await measureWire(product, { ...paced, requests: WIRE_REQUESTS })));
  }
  return measured;
}

async function realNodes(): Promise<RealNodes[]> {
  const measured: RealNodes[] = [];
  for (const nodes of sizes('10')) {
    const plan = { nodes, writesPerSecond: MESH_WRITES_PER_SECOND, seconds: paceSeconds };
    measured.push(await measureRealNodes(plan, progress));
  }
  return measured;
}

function sizes(usual: string): number[] {
  return (flags.nodes ?? usual).split(',').map((size) => positive('nodes', size));
}

function progress(line: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0)} s  ${line}\n`);
}

function text(name: keyof typeof FULL): string {
  return flags[name] ?? (flags.quick ? QUICK : FULL)[name];
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
