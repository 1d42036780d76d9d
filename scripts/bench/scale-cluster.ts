/** The process of one size of scale.ts: a cluster on virtual time, with what its nodes cost. */
import { SimulatedClient } from '../../test/simulation/client.ts';
import { addressOf, Machine, providePeerIds, type Settings } from '../../test/simulation/machine.ts';
import { Network } from '../../test/simulation/network.ts';
import { type Process, START_MS, World } from '../../test/simulation/world.ts';
import type { Cost, Healing, Scale } from './scale.ts';

const DELAY_MS = 1;
const BYTES_PER_MS = 100_000;
const GOSSIP_DEGREE = 6;
const WRITES_PER_SECOND = 300;
/** In clusters of more nodes a virtual second takes minutes, so they get fewer, and are not cut in two. */
const LONG_NODES_MAX = 100;
const LONG = { writingMs: 5000, restingMs: 10_000 };
const SHORT = { writingMs: 3500, restingMs: 3000 };
/** Long enough that links are given up and dialled anew. */
const CUT_MS = 20_000;
const WRITING_APART_MS = 1000;
const MEETING_MS_MAX = 300_000;
const CONVERGING_MS_MAX = 60_000;
const SETTINGS: Settings = {
  ...{ appendfsync: 'everysec', logBytesMax: 2 ** 26, logAgeMaxMs: 0, memoryLogBytesMax: 2 ** 26 },
  ...{ checkpointIntervalMs: 60_000, mdns: true, gossip: true, activeExpire: true, pageBytes: 200 * 1024 },
  compression: 'auto',
  utilization: 0.1,
};

/** Every node keeps copies of the same envelopes, by the thousand: a block for each few of them would cost more than they do. */
Buffer.poolSize = 256 * 1024;

process.once('message', (nodes: number) => {
  void new Cluster(nodes).measure().then((scale) => process.send?.(scale));
});

class Cluster {
  private readonly world = new World(1);
  private readonly network: Network;
  private readonly machines: Machine[] = [];
  private readonly count: number;
  /** By author and number of the txn: when it was committed. */
  private readonly committedMs = new Map<string, number>();
  private readonly authors = new Map<string, Process>();
  private sightsMs: number[] = [];
  private lastCommitMs = 0;
  private lastSightMs = 0;
  private written = 0;

  constructor(count: number) {
    this.count = count;
    this.network = new Network(this.world, this.world.random.fork(), () => ({
      ...{ cut: false, delayMs: DELAY_MS, tail: 0, gossipLoss: 0, gossipDuplicates: 0, bytesPerMs: BYTES_PER_MS },
    }));
    this.network.gossipDegree = GOSSIP_DEGREE;
  }

  async measure(): Promise<Scale> {
    const { world, count } = this;
    await providePeerIds(count);
    world.install();
    try {
      for (let i = 0; i < count; i++) this.add(i);
      this.remember();
      for (const machine of this.machines) machine.start();
      const meetingMs = await this.until(MEETING_MS_MAX, () => this.isLinked(), 'met');
      this.progress(`all linked after ${meetingMs.toFixed(0)} ms`);
      const { writingMs, restingMs } = count > LONG_NODES_MAX ? SHORT : LONG;
      const writing = await this.costOf(writingMs, () => this.write(writingMs));
      await this.until(CONVERGING_MS_MAX, () => this.isConverged(), 'converged');
      const convergingMs = this.lastSightMs - this.lastCommitMs;
      const sightsMs = this.sightsMs.sort((one, other) => one - other);
      this.progress(`${writing.processorMs.toFixed(1)} ms/s while there were writes`);
      await this.go(restingMs / 2);
      const resting = await this.costOf(restingMs, () => {});
      this.progress(`${resting.processorMs.toFixed(1)} ms/s at rest`);
      const scale = {
        ...{ nodes: count, writesPerSecond: WRITES_PER_SECOND, meetingMs, writing, resting, convergingMs },
        ...{ sightMsMedian: sightsMs[sightsMs.length >> 1], sightMsMax: sightsMs.at(-1) ?? 0 },
      };
      return { ...scale, healing: count > LONG_NODES_MAX ? null : await this.heal() };
    } finally {
      world.uninstall();
    }
  }

  /** As after a power cut: all know all, and start at once. */
  private remember(): void {
    const members = this.machines.map((machine) => ({
      ...{
        peerId: machine.peerId,
        replica: machine.index.toString(16).padStart(16, '0'),
        vector: [],
        region: '',
        zone: '',
      },
      ...{ addresses: [`${addressOf(machine)}/p2p/${machine.peerId}`], lastSeenMs: START_MS, heardMs: START_MS },
    }));
    for (const { medium } of this.machines) medium.members = JSON.stringify({ members, forgotten: [] });
  }

  private add(index: number): void {
    const { world, network, machines } = this;
    const witness = {
      committed: () => {},
      sealed: (_: Machine, replica: string, first: number, last: number) => this.noteSight(replica, first, last),
      warned: (machine: Machine, message: string) => world.faults.push(new Error(`${machine.name}: ${message}`)),
    };
    const machine = new Machine(index, world, network, SETTINGS, witness, world.random.fork());
    machines.push(machine);
  }

  /** An envelope was sealed by its author, or applied by another. */
  private noteSight(replica: string, first: number, last: number): void {
    const { nowMs, current } = this.world;
    // its author has it in any case
    if (current === this.authors.get(replica)) return;
    for (let number = first; number <= last; number++) {
      const committedMs = this.committedMs.get(`${replica}:${number}`);
      if (committedMs === undefined) continue;
      this.sightsMs.push(nowMs - committedMs);
      this.lastSightMs = nowMs;
    }
  }

  private isLinked(): boolean {
    return this.machines.every(({ node }) => node?.mesh.statistics().links === this.count - 1);
  }

  /** The half of the nodes does not reach the other one for a while, and both write. */
  private async heal(): Promise<Healing> {
    const { network, world, count } = this;
    this.cut(true);
    this.write(WRITING_APART_MS);
    await this.go(CUT_MS);
    const before = network.traffic.streamBytes + network.traffic.gossipBytes;
    const sinceMs = world.nowMs;
    this.cut(false);
    await this.until(CONVERGING_MS_MAX, () => this.isConverged(), 'converged');
    const ms = world.nowMs - sinceMs;
    const bytes = (network.traffic.streamBytes + network.traffic.gossipBytes - before) / count;
    this.progress(`equal ${ms.toFixed(0)} ms after the halves were joined`);
    return { ms, bytes };
  }

  private cut(isCut: boolean): void {
    const { network, count } = this;
    const half = count >> 1;
    for (let one = 0; one < half; one++) {
      for (let other = half; other < count; other++) {
        network.path(one, other).cut = isCut;
        network.path(other, one).cut = isCut;
      }
    }
    // what waits goes on
    network.setCut(0, count - 1, isCut);
  }

  /** Writes come to the nodes in turns, at even distances. */
  private write(ms: number): void {
    const { world, machines } = this;
    const total = (WRITES_PER_SECOND * ms) / 1000;
    for (let i = 0; i < total; i++) {
      const machine = machines[i % machines.length];
      world.schedule((i * 1000) / WRITES_PER_SECOND, null, () => {
        const { node, process } = machine;
        if (node === null || process === null) throw new Error(`${machine.name} does not run`);
        world.as(process, () => {
          const { engine } = node;
          const key = `key:${String(this.written++).padStart(12, '0')}`;
          new SimulatedClient(node.server).ask([['SET', key, 'sixteen bytes ok']], () => {});
          const number = engine.vector().find(({ replica }) => replica === engine.replica)?.number ?? 0;
          this.authors.set(engine.replica, process);
          this.lastCommitMs = world.nowMs;
          this.committedMs.set(`${engine.replica}:${number}`, world.nowMs);
        });
      });
    }
  }

  private isConverged(): boolean {
    const [first, ...others] = this.machines.map(({ node }) => node?.engine);
    const vector = JSON.stringify(first?.vector());
    // from the other half on, which is the one that lacks something
    return others.reverse().every((engine) => JSON.stringify(engine?.vector()) === vector);
  }

  private async costOf(ms: number, begin: () => void): Promise<Cost> {
    const { network } = this;
    const before = { ...network.traffic, streamMessages: network.messages };
    const processor = process.cpuUsage();
    begin();
    await this.go(ms);
    const { user, system } = process.cpuUsage(processor);
    const each = (total: number) => total / this.count / (ms / 1000);
    return {
      gossipMessages: each(network.traffic.gossipMessages - before.gossipMessages),
      gossipBytes: each(network.traffic.gossipBytes - before.gossipBytes),
      streamMessages: each(network.messages - before.streamMessages),
      streamBytes: each(network.traffic.streamBytes - before.streamBytes),
      processorMs: each((user + system) / 1000),
    };
  }

  private progress(line: string): void {
    process.stderr.write(`${process.uptime().toFixed(0)} s  ${this.count} nodes: ${line}\n`);
  }

  private async go(ms: number): Promise<void> {
    const { world } = this;
    await world.run(world.nowMs + ms, () => world.faults.length > 0);
    if (world.faults.length > 0) throw world.faults[0];
  }

  /** How long it took. */
  private async until(msMax: number, done: () => boolean, otherwise: string): Promise<number> {
    const sinceMs = this.world.nowMs;
    while (!done()) {
      if (this.world.nowMs - sinceMs > msMax)
        throw new Error(`${this.count} nodes have not ${otherwise} in ${msMax} ms`);
      await this.go(10);
    }
    return this.world.nowMs - sinceMs;
  }
}
