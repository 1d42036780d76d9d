/**
 * A network made for one test: each host is a network namespace, all of them on one switch in user space that can delay,
 * lose, double and reorder frames and cut hosts off from each other. Clients reach each host on a link of its own, which
 * stays up and perfect. Nothing outside can be reached from it. Needs root; it goes when this process ends, even by
 * SIGKILL, since the switch is a process of its own that clears up when its input ends.
 */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { clusterName, connected } from './cluster.ts';
import { killAll, type NodeOptions, NodeProcess } from './node-process.ts';

/** What happens to frames, by chance from 0 to 1 where not in milliseconds; the delay is in one direction. */
export interface Line {
  readonly delay_ms: number;
  readonly jitter_ms: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
}

export const PERFECT_LINE: Line = { delay_ms: 0, jitter_ms: 0, loss: 0, duplicate: 0, reorder: 0 };
export const BAD_LINE: Line = { delay_ms: 40, jitter_ms: 20, loss: 0.03, duplicate: 0.02, reorder: 0.02 };

/** Frames so far. */
export interface FrameCounts {
  readonly passed: number;
  readonly blocked: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

interface Host {
  readonly namespace: string;
  readonly card: string;
  /** Between the hosts. */
  readonly address: string;
  /** What its clients use, and our end of that link. */
  readonly clientAddress: string;
  readonly ourAddress: string;
  readonly ourLink: string;
}

const SWITCH = join(dirname(fileURLToPath(import.meta.url)), 'tap-switch.py');
const HOSTS_MAX = 16;
const MESH_PORT = 7000;

export class LabNetwork {
  readonly hosts: readonly Host[];
  private readonly hub: ChildProcessByStdio<Writable, Readable, null>;
  private readonly answers: AsyncIterator<string>;
  private readonly lines: Interface;
  private readonly gone: Promise<void>;

  private constructor(seed: number, hosts: readonly Host[]) {
    this.hosts = hosts;
    const words = [`${seed}`, ...hosts.map(({ card, namespace, ourLink }) => [card, namespace, ourLink].join())];
    // a group of its own: who kills this process's group leaves it to clear up
    this.hub = spawn('python3', [SWITCH, ...words], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.hub.stdout });
    this.answers = this.lines[Symbol.asyncIterator]();
    this.gone = new Promise((resolve) => this.hub.once('exit', () => resolve()));
  }

  static async make(hostCount: number, seed: number): Promise<LabNetwork> {
    const network = new LabNetwork(seed, hostsFor(hostCount));
    try {
      const { value } = await network.answers.next();
      if (value !== 'ready') throw new Error(`the switch says ${value}`);
      network.wire();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  /** What a node on that host is started with. */
  nodeOptions(index: number, cluster: string, flags: readonly string[] = []): NodeOptions {
    const { namespace, address, clientAddress } = this.hosts[index];
    const bootstrap = this.hosts.filter((_, other) => other !== index).map((host) => addressOf(host));
    return {
      host: clientAddress,
      prefix: ['ip', 'netns', 'exec', namespace],
      flags: [
        ...['--no-mdns', '--cluster', cluster, '--listen', `/ip4/${address}/tcp/${MESH_PORT}`],
        ...['--bootstrap', ...bootstrap, '--bind', clientAddress, '--protected-mode', 'no'],
        ...flags,
      ],
    };
  }

  /** One node on each host, all connected. */
  async startNodes(flags: readonly string[] = []): Promise<NodeProcess[]> {
    const cluster = clusterName();
    const nodes: NodeProcess[] = [];
    try {
      // one after the other: each has the machine for itself while it reads its modules
      for (const index of this.hosts.keys()) {
        nodes.push(await NodeProcess.start(this.nodeOptions(index, cluster, flags)));
      }
      await connected(nodes, 60_000);
      return nodes;
    } catch (error) {
      await killAll(nodes);
      throw error;
    }
  }

  /** From now on frames pass only between hosts of one group. */
  cut(...groups: readonly (readonly number[])[]): Promise<FrameCounts> {
    const groupOf = (host: number) => groups.findIndex((group) => group.includes(host));
    return this.block((from, to) => groupOf(from) !== groupOf(to));
  }

  /** One direction or both, as `isBlocked` says of each pair of hosts. */
  block(isBlocked: (from: number, to: number) => boolean): Promise<FrameCounts> {
    const all = this.hosts.map((_, index) => index);
    const pairs = all.flatMap((from) => all.map((to) => [from, to]));
    return this.order({ blocked: pairs.filter(([from, to]) => from !== to && isBlocked(from, to)) });
  }

  heal(): Promise<FrameCounts> {
    return this.order({ blocked: [] });
  }

  setLine(line: Line): Promise<FrameCounts> {
    return this.order({ line });
  }

  counts(): Promise<FrameCounts> {
    return this.order({});
  }

  async close(): Promise<void> {
    this.hub.stdin.end();
    await this.gone;
    this.lines.close();
  }

  private async order(changes: object): Promise<FrameCounts> {
    this.hub.stdin.write(`${JSON.stringify(changes)}\n`);
    const { value } = await this.answers.next();
    if (typeof value !== 'string') throw new Error('the switch has ended');
    return JSON.parse(value);
  }

  private wire(): void {
    for (const { namespace, card, address, clientAddress, ourAddress, ourLink } of this.hosts) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('link', 'set', card, 'netns', namespace, 'name', 'eth0');
      ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('link', 'add', ourLink, 'type', 'veth', 'peer', 'name', 'eth1', 'netns', namespace);
      ip('addr', 'add', `${ourAddress}/30`, 'dev', ourLink);
      ip('link', 'set', ourLink, 'up');
      ip('-n', namespace, 'addr', 'add', `${clientAddress}/30`, 'dev', 'eth1');
      ip('-n', namespace, 'link', 'set', 'eth1', 'up');
    }
  }
}

function addressOf({ address }: Host): string {
  return `/ip4/${address}/tcp/${MESH_PORT}`;
}

function hostsFor(count: number): Host[] {
  if (count > HOSTS_MAX) throw new RangeError(`${count} hosts are more than ${HOSTS_MAX}`);
  const { third, tag } = freeBlock();
  return Array.from({ length: count }, (_, index) => ({
    namespace: `${tag}n${index}`,
    card: `${tag}t${index}`,
    address: `10.78.0.${index + 1}`,
    ourAddress: `198.19.${third}.${4 * index + 1}`,
    clientAddress: `198.19.${third}.${4 * index + 2}`,
    ourLink: `${tag}c${index}`,
  }));
}

/** Addresses for measurements (RFC 2544), to which nobody routes, and of which no other test on this machine has any. */
function freeBlock(): { third: number; tag: string } {
  for (let tries = 0; tries < 256; tries++) {
    const third = Math.floor(Math.random() * 256);
    if (ip('-o', '-4', 'addr', 'show', 'to', `198.19.${third}.0/24`) === '') return { third, tag: `stl${third}` };
  }
  throw new Error('no addresses are left for clients');
}

function ip(...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
