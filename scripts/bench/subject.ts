/**
 * What is put under load: a server alone, or with a peer that gets all its writes; and when it has come to rest, so
 * that the next measurement starts from silence. Coming to rest is also the check: a pair must be equal by then.
 */
import { eventually, sleep } from '../../test/processes/node-process.ts';
import {
  BENCHMARK_LIST,
  BENCHMARK_SET,
  BENCHMARK_STREAM,
  BENCHMARK_ZSET,
  type Load,
  runLoad,
  type Test,
} from './redis-benchmark.ts';
import { clusterName, Server } from './servers.ts';

export type Product = 'redis' | 'starling';
export type Setting = 'alone' | 'peer';

/**
 * A pair that is not equal so long after the last write has lost something. A checkpoint behind millions of new elements
 * leaves the command thread alone for nine tenths of the time, and takes most of a minute.
 */
const REST_MS_MAX = 180_000;
/** What ZRANGE asks for some of. */
const SHOWN_MEMBERS = 100_000;
/** What these tests write to, and would find longer each time. */
const GROWING: Partial<Record<Test, string>> = {
  'sadd-new': BENCHMARK_SET,
  ...{ lpush: BENCHMARK_LIST, rpush: BENCHMARK_LIST, lpop: BENCHMARK_LIST, rpop: BENCHMARK_LIST },
  ...{ zadd: BENCHMARK_ZSET, zrange: BENCHMARK_ZSET, xadd: BENCHMARK_STREAM },
};
const ENDING_MS = 500;
/** Fields of INFO that tell of work under way, in redis-server, in Starling or in both. */
const WORK_FIELDS = [
  'aof_rewrite_in_progress',
  'aof_rewrite_scheduled',
  'aof_pending_bio_fsync',
  'rdb_bgsave_in_progress',
  'store_backlog_bytes',
] as const;

/** Gives the port to dial instead of `port`: where the traffic between two servers is watched. */
export type Detour = (port: number) => Promise<number>;

export class Subject {
  readonly product: Product;
  readonly setting: Setting;
  /** The one that takes the load. */
  readonly entry: Server;
  readonly peer: Server | null;
  private readonly cluster: string;
  private readonly errorsAtStart: readonly number[];

  private constructor(
    product: Product,
    cluster: string,
    entry: Server,
    peer: Server | null,
    errorsAtStart: readonly number[],
  ) {
    this.product = product;
    this.cluster = cluster;
    this.setting = peer === null ? 'alone' : 'peer';
    this.entry = entry;
    this.peer = peer;
    this.errorsAtStart = errorsAtStart;
  }

  static async start(product: Product, setting: Setting, detour?: Detour): Promise<Subject> {
    const cluster = clusterName();
    const entry = product === 'redis' ? await Server.startRedis() : await Server.startStarling(cluster);
    const alone = new Subject(product, cluster, entry, null, [await errorReplies(entry)]);
    return setting === 'alone' ? alone : alone.withPeer(detour);
  }

  /** A pair of nodes that are told `more` on their command lines. */
  static async startNodes(more: readonly string[]): Promise<Subject> {
    const cluster = clusterName();
    const entry = await Server.startStarling(cluster, [], more);
    const alone = new Subject('starling', cluster, entry, null, [await errorReplies(entry)]);
    return alone.withPeer(undefined, more);
  }

  /** The same server, and an empty one that has just been connected to it. */
  async withPeer(detour: Detour = async (port) => port, more: readonly string[] = []): Promise<Subject> {
    const { product, cluster, entry } = this;
    const door = await detour(entry.meshPort ?? entry.port);
    const peer =
      product === 'redis' ? await Server.startRedis(door) : await Server.startStarling(cluster, [door], more);
    await eventually(
      `${product} and its peer connected`,
      async () => Promise.all([entry, peer].map((server) => server.info())),
      ([first, second]) =>
        product === 'redis'
          ? second.get('master_link_status') === 'up'
          : [first, second].every((info) => Number(info.get('crdt_peers_up')) === 1),
      REST_MS_MAX,
    );
    return new Subject(product, cluster, entry, peer, [...this.errorsAtStart, await errorReplies(peer)]);
  }

  /** Requests a second under `load`, and what its servers spend on each. Throws as soon as one of them ends. */
  async load(load: Load): Promise<{ rate: number; processorMicros: number }> {
    await this.prepare(load);
    const before = this.processorMs();
    const rate = await this.run(load);
    return { rate, processorMicros: ((this.processorMs() - before) * 1000) / load.requests };
  }

  private processorMs(): number {
    return this.servers().reduce((sum, server) => sum + server.processorMs(), 0);
  }

  /** What grows begins empty, and there is enough to pop, or to show. */
  private async prepare(load: Load): Promise<void> {
    const { test } = load;
    const growing = GROWING[test];
    if (growing === undefined) return;
    await this.entry.ask('DEL', growing);
    if (test === 'lpop' || test === 'rpop') await this.run({ ...load, test: 'rpush', depth: 100 });
    if (test === 'zrange') await this.run({ ...load, test: 'zadd', depth: 100, requests: SHOWN_MEMBERS });
    await this.rest();
  }

  private async run(load: Load): Promise<number> {
    try {
      return await runLoad(this.entry.port, load, AbortSignal.any(this.servers().map(({ gone }) => gone)));
    } catch (error) {
      // a lost connection is news before the end of the process is, which tells more
      await sleep(ENDING_MS);
      for (const server of this.servers()) server.assertLive();
      throw error;
    }
  }

  /** Waits until nothing is under way and the peer is equal; gives the milliseconds that it took. */
  async rest(): Promise<number> {
    const since = performance.now();
    await eventually(
      `${this.product} (${this.setting}) at rest and equal`,
      () => this.unrest(),
      (reasons) => reasons.length === 0,
      REST_MS_MAX,
    );
    const took = performance.now() - since;
    await this.assertNoErrors();
    return took;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers().map((server) => server.stop()));
  }

  private servers(): Server[] {
    return this.peer === null ? [this.entry] : [this.entry, this.peer];
  }

  private async unrest(): Promise<string[]> {
    const reasons: string[] = [];
    for (const server of this.servers()) {
      const info = await server.info();
      reasons.push(...WORK_FIELDS.filter((field) => Number(info.get(field) ?? 0) > 0));
    }
    if (this.peer !== null) {
      const [here, there] = [await this.position(this.entry), await this.position(this.peer)];
      if (here !== there) reasons.push(`${here} here, ${there} there`);
    }
    return reasons;
  }

  /** Equal on two servers exactly if both have all writes; for Starling, only if their data is equal, too. */
  private async position(server: Server): Promise<string> {
    if (this.product === 'redis') return (await server.info()).get('master_repl_offset') ?? '';
    return JSON.stringify([await server.ask('CRDT', 'DIGEST'), await server.ask('CRDT', 'VECTOR')]);
  }

  private async assertNoErrors(): Promise<void> {
    for (const [index, server] of this.servers().entries()) {
      const errors = (await errorReplies(server)) - this.errorsAtStart[index];
      if (errors > 0) throw new Error(`${this.product} (${this.setting}) gave ${errors} error replies`);
    }
  }
}

async function errorReplies(server: Server): Promise<number> {
  return Number((await server.info()).get('total_error_replies'));
}
