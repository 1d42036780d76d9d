/**
 * Two nodes whose network can be cut in one of two ways. `connection`: both ends are told that their connection is
 * gone, and every new one is refused (a relay on loopback). `packets`: every packet is lost in silence, and nobody is
 * told anything (each node in a network namespace on one bridge that goes down; needs root).
 */
import { spawnSync } from 'node:child_process';
import { clusterName, connected } from '../../test/processes/cluster.ts';
import { freePort, killAll, NodeProcess } from '../../test/processes/node-process.ts';
import { Relay } from '../bench/relay.ts';

export interface Pair {
  readonly kind: 'connection' | 'packets';
  readonly nodes: readonly NodeProcess[];
  cut(): Promise<void>;
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Each node is known to the other by the address of a relay only. */
export async function connectionPair(): Promise<Pair> {
  const ports = [await freePort(), await freePort()];
  const relays = await Promise.all(ports.map((port) => Relay.open(port)));
  const name = clusterName();
  const nodes = await startAll(ports, async (index) => {
    const doors = relays.map(({ port }) => `/ip4/127.0.0.1/tcp/${port}`);
    const flags = ['--no-mdns', '--cluster', name, '--announce', doors[index], '--bootstrap', doors[1 - index]];
    return NodeProcess.start({ meshPort: ports[index], flags });
  });
  return {
    kind: 'connection',
    nodes,
    cut: async () => void (await Promise.all(relays.map((relay) => relay.cut()))),
    heal: async () => void (await Promise.all(relays.map((relay) => relay.restore()))),
    close: async () => {
      await killAll(nodes);
      await Promise.all(relays.map((relay) => relay.cut()));
    },
  };
}

/** Benchmark addresses (RFC 2544): nobody routes to them. */
const NETWORK = '198.18';
const MESH_PORT = 7000;

/** Null where there is no right to make network namespaces. */
export async function packetsPair(): Promise<Pair | null> {
  const tag = `soak${process.pid % 100_000}`;
  const hub = `${tag}hub`;
  const hosts = [1, 2].map((index) => ({
    name: `${tag}n${index}`,
    // the link between the nodes, and the one that their clients use, which stays
    address: `${NETWORK}.0.${index}`,
    clientAddress: `${NETWORK}.${index}.2`,
    ourAddress: `${NETWORK}.${index}.1`,
    ourLink: `${tag}c${index}`,
  }));
  const clear = () => {
    for (const name of [...hosts.map((host) => host.name), hub]) spawnSync('ip', ['netns', 'delete', name]);
  };
  process.once('exit', clear);
  try {
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', hub, 'link', 'set', 'br0', 'up');
    for (const { name, address, clientAddress, ourAddress, ourLink } of hosts) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', name, 'netns', hub);
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', hub, 'link', 'set', name, 'master', 'br0', 'up');
      ip('link', 'add', ourLink, 'type', 'veth', 'peer', 'name', 'eth1', 'netns', name);
      ip('addr', 'add', `${ourAddress}/30`, 'dev', ourLink);
      ip('link', 'set', ourLink, 'up');
      ip('-n', name, 'addr', 'add', `${clientAddress}/30`, 'dev', 'eth1');
      ip('-n', name, 'link', 'set', 'eth1', 'up');
    }
  } catch (error) {
    clear();
    console.log(`no network namespaces here: ${error instanceof Error ? error.message : error}`);
    return null;
  }
  const name = clusterName();
  const nodes = await startAll(hosts, (index, { address, clientAddress, name: space }) => {
    const flags = ['--no-mdns', '--cluster', name, '--listen', `/ip4/${address}/tcp/${MESH_PORT}`];
    flags.push(
      '--bind',
      clientAddress,
      '--protected-mode',
      'no',
      '--bootstrap',
      `/ip4/${hosts[1 - index].address}/tcp/${MESH_PORT}`,
    );
    return NodeProcess.start({ flags, host: clientAddress, prefix: ['ip', 'netns', 'exec', space] });
  });
  return {
    kind: 'packets',
    nodes,
    cut: async () => ip('-n', hub, 'link', 'set', 'br0', 'down'),
    heal: async () => ip('-n', hub, 'link', 'set', 'br0', 'up'),
    close: async () => {
      await killAll(nodes);
      clear();
    },
  };
}

/** Starts one node after the other and waits until they are connected. */
async function startAll<T>(
  items: readonly T[],
  start: (index: number, item: T) => Promise<NodeProcess>,
): Promise<NodeProcess[]> {
  const nodes: NodeProcess[] = [];
  for (const [index, item] of items.entries()) nodes.push(await start(index, item));
  await connected(nodes);
  return nodes;
}

function ip(...words: string[]): void {
  const { status, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
