/** What changes from six nodes on: signs of life on the topic, and no telling of members to who has streams to all. Virtual time. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Machine, type Settings } from '../simulation/machine.ts';
import { Network } from '../simulation/network.ts';
import { World } from '../simulation/world.ts';

const SETTINGS: Settings = {
  ...{ appendfsync: 'everysec', logBytesMax: 2 ** 20, logAgeMaxMs: 0, memoryLogBytesMax: 2 ** 20 },
  ...{ checkpointIntervalMs: 60_000, mdns: true, gossip: true, activeExpire: true, pageBytes: 200 * 1024 },
  ...{ utilization: 0.1, compression: 'no' },
};
/** Longer than it takes to find a stream dead, or deaf. */
const LONG_MS = 60_000;

class Cluster {
  readonly network: Network;
  readonly machines: Machine[];
  private readonly world: World;

  constructor(world: World, count: number, gossip: boolean) {
    this.world = world;
    this.network = new Network(world, world.random.fork(), () => ({
      ...{ cut: false, delayMs: 1, tail: 0, gossipLoss: 0, gossipDuplicates: 0, bytesPerMs: 100_000 },
    }));
    const witness = { committed() {}, sealed() {}, warned() {} };
    this.machines = Array.from(
      { length: count },
      (_, index) => new Machine(index, world, this.network, { ...SETTINGS, gossip }, witness, world.random.fork()),
    );
    for (const machine of this.machines) machine.start();
  }

  async go(ms: number): Promise<void> {
    await this.world.run(this.world.nowMs + ms, () => this.world.faults.length > 0);
    assert.equal(this.world.faults, []);
  }

  statistics(index: number): Record<string, number> {
    return this.machines[index].node?.mesh.statistics() ?? {};
  }

  /** How old the news is that one has of another. */
  ageMs(one: number, other: number): number {
    const { node, peerId } = { node: this.machines[one].node, peerId: this.machines[other].peerId };
    const member = node?.mesh.members().find((each) => each.peerId === peerId);
    return this.world.wallMs() - (member?.lastSeenMs ?? 0);
  }
}

async function withCluster(count: number, work: (cluster: Cluster) => Promise<void>, gossip = true): Promise<void> {
  const world = new World(1);
  world.install();
  try {
    const cluster = new Cluster(world, count, gossip);
    await cluster.go(LONG_MS);
    await work(cluster);
  } finally {
    world.uninstall();
  }
}

test('signs of life take the place of vectors on the topic, go no further than to peers, and nobody seems deaf', () =>
  withCluster(6, async (cluster) => {
    const { traffic } = cluster.network;
    const before = { ...traffic };
    await cluster.go(LONG_MS);
    const messages = traffic.gossipMessages - before.gossipMessages;
    assert.ok(messages > 0);
    assert.ok((traffic.gossipBytes - before.gossipBytes) / messages < 100);
    const sent = cluster.machines.reduce((sum, _, index) => sum + cluster.statistics(index).gossip_sent, 0);
    const received = cluster.machines.reduce((sum, _, index) => sum + cluster.statistics(index).gossip_received, 0);
    // but for what came before all were linked
    assert.ok(received <= 6 * sent);
    for (const index of cluster.machines.keys()) {
      assert.is(cluster.statistics(index).links, 5);
      assert.is(cluster.statistics(index).links_deaf, 0);
    }
  }));

test('a member that is down changes nothing of it for long', () =>
  withCluster(7, async (cluster) => {
    cluster.machines[6].crash(true);
    await cluster.go(2 * LONG_MS);
    const { traffic } = cluster.network;
    const before = { ...traffic };
    await cluster.go(LONG_MS);
    assert.ok((traffic.gossipBytes - before.gossipBytes) / (traffic.gossipMessages - before.gossipMessages) < 100);
  }));

test('in a small mesh vectors stay on the topic', () =>
  withCluster(5, async (cluster) => {
    const { traffic } = cluster.network;
    const before = { ...traffic };
    await cluster.go(LONG_MS);
    assert.ok((traffic.gossipBytes - before.gossipBytes) / (traffic.gossipMessages - before.gossipMessages) > 100);
  }));

test('who has lost its stream to a member hears of it by others, be it without gossip', () =>
  withCluster(
    6,
    async (cluster) => {
      cluster.network.setCut(0, 5, true);
      cluster.network.setCut(5, 0, true);
      await cluster.go(LONG_MS);
      assert.is(cluster.statistics(0).links, 4);
      assert.ok(cluster.ageMs(5, 0) < LONG_MS / 2);
      assert.ok(cluster.ageMs(0, 5) < LONG_MS / 2);
    },
    false,
  ));

test.run();
