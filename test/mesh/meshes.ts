/**
 * Nodes of a mesh in this process: an engine and a mesh each, over real TCP on loopback, without mDNS, store or RESP,
 * so that tests can look into both ends. Whatever was started is stopped by stopAll(); every test ends with it.
 */
import '../../src/compatibility.ts';
import { randomBytes } from 'node:crypto';
import { createEngine, type Database, type Engine, type Envelope, Slice } from '../../src/core/index.ts';
import { Compression } from '../../src/mesh/compression.ts';
import { createMesh, type Mesh, type MeshOptions } from '../../src/mesh/index.ts';
import { sealInTime } from '../../src/sealing.ts';
import { eventually, freePort } from '../processes/node-process.ts';
import { TcpProxy } from './proxy.ts';

const CLOCK_MS = 20;
/** `MESH_THREAD=yes npm test -- mesh/` runs all of these tests with libp2p on threads of its own. */
const THREAD_VARIABLE = 'MESH_THREAD';
/** Nobody lives there. */
export const NOWHERE = '/ip4/127.0.0.1/tcp/9';

export interface TestNodeOptions extends Partial<Omit<MeshOptions, 'engine' | 'log'>> {
  replica?: string;
  /** Of the log in memory. */
  logBytesMax?: number;
  /** Goes on with this engine; default: a new one. */
  engine?: Engine;
}

export interface LogLine {
  level: 'info' | 'warn' | 'debug';
  message: string;
  details: Record<string, unknown>;
}

export class TestNode {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly lines: LogLine[];
  private readonly end: () => void;

  private constructor(engine: Engine, mesh: Mesh, lines: LogLine[], end: () => void) {
    this.engine = engine;
    this.mesh = mesh;
    this.lines = lines;
    this.end = end;
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const engine =
      options.engine ??
      createEngine({
        replica: options.replica ?? newReplica(),
        hashSeed: randomBytes(4).readUInt32LE(),
        logBytesMax: options.logBytesMax,
      });
    engine.setNow(Date.now());
    const lines: LogLine[] = [];
    const log = (level: LogLine['level']) => (details: object, message: string) => {
      lines.push({ level, message, details: { ...details } });
    };
    const clock = setInterval(() => engine.setNow(Date.now()), CLOCK_MS);
    const stopSealing = sealInTime(engine);
    const end = () => {
      stopSealing();
      clearInterval(clock);
    };
    try {
      const mesh = await createMesh({
        directory: null,
        cluster: 'a cluster',
        listen: ['/ip4/127.0.0.1/tcp/0'],
        announce: [],
        bootstrap: [],
        mdns: false,
        gossip: true,
        // on a busy machine round trips on loopback are long, too, and what is on the way is to be the same each time
        compression: new Compression('no'),
        secretFile: null,
        thread: process.env[THREAD_VARIABLE] === 'yes',
        region: '',
        zone: '',
        storedLog: { read: async (): Promise<Envelope[]> => [], whenDurable: (callback) => callback(false) },
        takeNewReplica: () => engine.rotateReplica(newReplica()),
        ...options,
        engine,
        log: { info: log('info'), warn: log('warn'), debug: log('debug') },
      });
      const node = new TestNode(engine, mesh, lines, end);
      running.add(node);
      return node;
    } catch (error) {
      end();
      throw error;
    }
  }

  get db(): Database {
    return this.engine.databases[0];
  }

  get address(): string {
    return this.mesh.addresses()[0];
  }

  /** One txn. */
  txn(work: (db: Database) => void): void {
    this.engine.setNow(Date.now());
    this.engine.begin();
    work(this.db);
    this.engine.commit();
  }

  set(key: string, value: string | Buffer): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.txn((db) => db.strings.write(Slice.of(key), new Slice(bytes, 0, bytes.length), -1));
  }

  get(key: string): string | null {
    const out = new Slice();
    return this.db.strings.read(Slice.of(key), out) === 1 ? out.latin1() : null;
  }

  increment(key: string, delta = 1): void {
    this.txn((db) => db.strings.addInteger(Slice.of(key), delta));
  }

  remove(key: string): void {
    this.txn((db) => db.remove(Slice.of(key)));
  }

  /** Peers with a sync stream. */
  get up(): number {
    return this.mesh.peers().filter((peer) => peer.state === 'up').length;
  }

  counter(name: string): number {
    return this.mesh.statistics()[name] ?? 0;
  }

  /** Messages of this level. */
  said(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => `${line.message} ${detail(line)}`);
  }

  /** What stands for its state: equal on two nodes that have converged. */
  get state(): string {
    this.engine.seal();
    const vector = this.engine.vector().map(({ replica, number }) => `${replica}:${number}`);
    return `${vector.join(' ')} ${this.engine.digest()}`;
  }

  async stop(): Promise<void> {
    running.delete(this);
    this.end();
    await this.mesh.stop();
  }
}

const running = new Set<TestNode>();

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()));
}

export function newReplica(): string {
  return randomBytes(8).toString('hex');
}

function detail({ details }: LogLine): string {
  const { reason, err } = details;
  return String(reason ?? (err instanceof Error ? err.message : ''));
}

/** `count` nodes, each knowing the one before it, and all of them connected to each other. */
export async function startNodes(
  count: number,
  options: (index: number) => TestNodeOptions = () => ({}),
): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let index = 0; index < count; index++) {
    const bootstrap = nodes.slice(-1).map((node) => node.address);
    nodes.push(await TestNode.start({ bootstrap, ...options(index) }));
  }
  await connected(nodes);
  return nodes;
}

/** A node that tells everybody a wrong address: only who is given the right one can reach it. */
export async function startHidden(options: TestNodeOptions = {}): Promise<{ node: TestNode; address: string }> {
  const address = `/ip4/127.0.0.1/tcp/${await freePort()}`;
  const node = await TestNode.start({ announce: [NOWHERE], listen: [address], ...options });
  return { node, address };
}

/** Two nodes whose only way to each other leads through a proxy. */
export async function startApart(
  options: TestNodeOptions = {},
): Promise<{ a: TestNode; b: TestNode; proxy: TcpProxy }> {
  const { node: a, address } = await startHidden(options);
  const proxy = await TcpProxy.start(Number(/\d+$/.exec(address)?.[0]));
  const b = await TestNode.start({ ...options, announce: [NOWHERE], bootstrap: [proxy.address] });
  await until('both connected', () => a.up === 1 && b.up === 1);
  return { a, b, proxy };
}

export async function connected(nodes: readonly TestNode[], timeoutMs = 15_000): Promise<void> {
  await until('connected', () => nodes.every((node) => node.up >= nodes.length - 1), timeoutMs);
}

export async function converged(nodes: readonly TestNode[], timeoutMs = 20_000): Promise<void> {
  await eventually(
    'equal vectors and digests',
    async () => nodes.map((node) => node.state),
    (states) => new Set(states).size === 1,
    timeoutMs,
  );
}

export async function until(what: string, good: () => boolean, timeoutMs = 15_000): Promise<void> {
  await eventually(what, async () => good(), Boolean, timeoutMs);
}

/** Writes to every node until told to stop; gives the function that ends it and tells how much was written. */
export function writing(nodes: readonly TestNode[], everyMs = 5): () => number {
  let rounds = 0;
  const timer = setInterval(() => {
    rounds++;
    for (const [index, node] of nodes.entries()) {
      node.increment('writing:counter');
      node.set(`writing:${index}:${rounds % 50}`, `${rounds}`);
    }
  }, everyMs);
  return () => {
    clearInterval(timer);
    return rounds;
  };
}
