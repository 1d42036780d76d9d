/**
 * What a mesh of real nodes costs on one machine: N processes on loopback, without mDNS, each but the first told of the
 * first. All are linked to all by what they tell each other. Writes come to all nodes evenly, so many a second in all, by
 * a client for each that waits for no answer.
 *
 * Processor time is that of the processes by the system's count, all threads; bytes are those of frames on the sync streams
 * as nodes count them (`MESH PEERS`), without encryption, pings of libp2p and gossip. Both are measured without anybody
 * who watches. Sight is measured after that: each node has a client that tracks keys by their prefix (`CLIENT TRACKING` with
 * BCAST), each write has a key of its own, and it counts from when the write was due until the client of another node is
 * told of its key. Clients share the cores with the nodes, so with more nodes than cores figures tell of the machine, too.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/processes/node-process.ts';
import { connected, encoded, OpenLoop } from './open-loop.ts';
import { table } from './report.ts';
import { clusterName, Server } from './servers.ts';
import { median, percentile } from './statistics.ts';

export interface RealNodesPlan {
  readonly nodes: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
}

/** Of one node in a second. */
interface Spent {
  readonly processorMs: number;
  readonly streamBytes: number;
}

export interface RealNodes extends RealNodesPlan {
  /** From when the last node served until all were linked to all; the others were started before it. */
  readonly linkedMs: number;
  readonly resting: Spent;
  readonly writing: Spent;
  /** Of each write on each other node; those of the first second are left out. */
  readonly sightMs: number[];
  /** From the last answer until all had the same digest, which is asked for again and again. */
  readonly equalMs: number;
  readonly residentBytes: number[];
}

const LINKED_MS_MAX = 120_000;
const EQUAL_MS_MAX = 60_000;
const SIGHT_MS_MAX = 30_000;
/** For code to be compiled, and for what is due after a start. */
const SETTLING_MS = 10_000;
const PREFIX = 'seen:';

export async function measureRealNodes(plan: RealNodesPlan, progress: (line: string) => void): Promise<RealNodes> {
  progress(`real nodes: ${plan.nodes} start`);
  const cluster = clusterName();
  const first = await Server.startStarling(cluster);
  const bootstrap = first.meshPort === null ? [] : [first.meshPort];
  const servers = [first];
  // one after the other: all at once would wait for the cores longer than a start may take
  while (servers.length < plan.nodes) servers.push(await Server.startStarling(cluster, bootstrap));
  const linkedMs = await until(() => areLinked(servers), LINKED_MS_MAX, 'linked');
  await sleep(SETTLING_MS);
  progress('real nodes: at rest');
  const resting = await spent(servers, () => sleep(plan.seconds * 1000));
  progress('real nodes: under writes');
  const writing = await spent(servers, () => write(servers, plan, 'key:'));
  progress('real nodes: sight');
  const sightMs = await sights(servers, plan);
  await write(servers, plan, 'last:');
  const equalMs = await until(() => areEqual(servers), EQUAL_MS_MAX, 'equal');
  const residentBytes = servers.map((server) => server.residentBytes());
  await Promise.all(servers.map((server) => server.stop()));
  return { ...plan, linkedMs, resting, writing, sightMs, equalMs, residentBytes };
}

async function areLinked(servers: readonly Server[]): Promise<boolean> {
  const infos = await Promise.all(servers.map((server) => server.info()));
  return infos.every((info) => Number(info.get('crdt_peers_up')) === servers.length - 1);
}

async function areEqual(servers: readonly Server[]): Promise<boolean> {
  const digests = await Promise.all(servers.map((server) => server.ask('CRDT', 'DIGEST')));
  return digests.every((digest) => digest === digests[0]);
}

async function until(holds: () => Promise<boolean>, msMax: number, otherwise: string): Promise<number> {
  const since = performance.now();
  await eventually(otherwise, holds, (does) => does, msMax);
  return performance.now() - since;
}

async function spent(servers: readonly Server[], work: () => Promise<unknown>): Promise<Spent> {
  const each = async () => ({
    atMs: performance.now(),
    processorMs: sum(servers.map((server) => server.processorMs())),
    streamBytes: sum(await Promise.all(servers.map(bytesOut))),
  });
  const before = await each();
  await work();
  const after = await each();
  const seconds = (after.atMs - before.atMs) / 1000;
  return {
    processorMs: (after.processorMs - before.processorMs) / servers.length / seconds,
    streamBytes: (after.streamBytes - before.streamBytes) / servers.length / seconds,
  };
}

/** To all peers, since they were linked. */
async function bytesOut(server: Server): Promise<number> {
  const peers = (await server.ask('MESH', 'PEERS')) as (string | number)[][];
  return sum(peers.map((fields) => Number(fields[fields.indexOf('bytes-out') + 1])));
}

/** All of them, in turns at even distances. Gives the schedule of each node's. */
async function write(servers: readonly Server[], plan: RealNodesPlan, prefix: string): Promise<OpenLoop[]> {
  const { writesPerSecond, seconds, nodes } = plan;
  const total = Math.ceil((writesPerSecond * seconds) / nodes);
  const loops = await Promise.all(
    servers.map((server, node) =>
      OpenLoop.open(server.port, writesPerSecond / nodes, total, (index) =>
        encoded('SET', keyOf(prefix, node, index), 'sixteen bytes ok'),
      ),
    ),
  );
  await Promise.all(
    loops.map(async (loop, node) => {
      await sleep((node * 1000) / writesPerSecond);
      await loop.run();
    }),
  );
  return loops;
}

function keyOf(prefix: string, node: number, index: number): string {
  return `${prefix}${node}:${index}`;
}

async function sights(servers: readonly Server[], plan: RealNodesPlan): Promise<number[]> {
  const watchers = await Promise.all(servers.map((server) => Watcher.open(server.port)));
  const loops = await write(servers, plan, PREFIX);
  const total = Math.ceil((plan.writesPerSecond * plan.seconds) / plan.nodes);
  const all = async () => watchers.every((watcher) => watcher.toldMs.size === total * servers.length);
  await until(all, SIGHT_MS_MAX, 'all writes seen on all nodes');
  const sightMs: number[] = [];
  for (const [node, loop] of loops.entries()) {
    for (let index = Math.ceil(plan.writesPerSecond / plan.nodes); index < total; index++) {
      for (const [other, { toldMs }] of watchers.entries()) {
        const atMs = toldMs.get(keyOf(PREFIX, node, index));
        if (other !== node && atMs !== undefined) sightMs.push(atMs - loop.dueMs(index));
      }
    }
  }
  for (const watcher of watchers) watcher.close();
  return sightMs;
}

/** A client that is told of each key under the prefix, and when it was. */
class Watcher {
  readonly toldMs = new Map<string, number>();
  private readonly socket: Socket;
  private partial = '';
  private tracks = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.take(chunk.toString('latin1')));
  }

  static async open(port: number): Promise<Watcher> {
    const socket = await connected(port);
    const watcher = new Watcher(socket);
    socket.write(encoded('HELLO', '3') + encoded('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', PREFIX), 'latin1');
    await eventually(
      'keys are tracked',
      async () => watcher.tracks,
      (tracks) => tracks,
      SIGHT_MS_MAX,
    );
    return watcher;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: string): void {
    const text = this.partial + chunk;
    const end = text.lastIndexOf('\r\n') + 2;
    this.partial = text.slice(end);
    const now = performance.now();
    for (const line of text.slice(0, end).split('\r\n')) {
      if (line.startsWith(PREFIX)) this.toldMs.set(line, now);
      // the answer to CLIENT TRACKING; that to HELLO is none
      else if (line === '+OK') this.tracks = true;
    }
  }
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, each) => total + each, 0);
}

/** One row a size. */
export function realNodesTable(measured: readonly RealNodes[]): string {
  const rows = measured.map(({ nodes, linkedMs, resting, writing, sightMs, equalMs, residentBytes }) => [
    String(nodes),
    `${(linkedMs / 1000).toFixed(1)} s`,
    ...[resting, writing].flatMap(({ processorMs, streamBytes }) => [
      processorMs.toFixed(1),
      (streamBytes / 1000).toFixed(1),
    ]),
    ...[50, 99].map((percent) => `${percentile(sightMs, percent).toFixed(1)} ms`),
    `${equalMs.toFixed(0)} ms`,
    `${(median(residentBytes) / 1e6).toFixed(0)} MB`,
  ]);
  const spending = ['processor ms/s at rest', 'KB/s at rest', 'processor ms/s', 'KB/s'];
  return table(
    ['real nodes', 'all linked after', ...spending, 'sight p50', 'sight p99', 'equal after', 'memory a node'],
    rows,
  );
}
