/**
 * A real cut of the network: three nodes, each in a network namespace with its own address on one bridge, found by
 * mDNS. One link goes down for 20 s, longer than libp2p keeps a silent connection, and comes back. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName } from './cluster.ts';
import { eventually, killAll, NodeProcess, sleep } from './node-process.ts';

const CUT_MS = 20_000;
const PORT = 6400;
const tag = `st${process.pid % 10_000}`;
const hosts = [1, 2, 3].map((index) => ({
  name: `${tag}h${index}`,
  port: `${tag}p${index}`,
  address: `10.77.0.${index}`,
}));
const hub = `${tag}sw`;

function ip(...words: string[]): void {
  const { status, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr}`);
}

/** One bridge in a namespace of its own, so that nothing outside can be reached or disturbed. Null, or why it cannot be. */
function build(): string | null {
  try {
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', hub, 'link', 'set', 'br0', 'up');
    // the test itself talks to the nodes from the bridge's namespace
    ip('-n', hub, 'addr', 'add', '10.77.0.250/24', 'dev', 'br0');
    for (const { name, port, address } of hosts) {
      ip('netns', 'add', name);
      ip('link', 'add', `${port}v`, 'netns', name, 'type', 'veth', 'peer', 'name', port, 'netns', hub);
      ip('-n', name, 'link', 'set', `${port}v`, 'name', 'eth0');
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'route', 'add', '224.0.0.0/4', 'dev', 'eth0');
      ip('-n', hub, 'link', 'set', port, 'master', 'br0', 'up');
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function clear(): void {
  for (const name of [...hosts.map((host) => host.name), hub]) spawnSync('ip', ['netns', 'delete', name]);
}

process.on('exit', clear);
const obstacle = build();
if (obstacle !== null) console.log(`SKIPPED network cut: no network namespaces here (${obstacle})`);

/** A command from inside the node's own namespace, which works while its link is down as well. */
function inside(index: number, ...words: string[]): string {
  const { stdout, stderr, status } = spawnSync(
    'ip',
    ['netns', 'exec', hosts[index].name, 'redis-cli', '-p', `${PORT}`, ...words],
    { encoding: 'utf8', timeout: 10_000 },
  );
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return stdout.trim();
}

const cutTest = obstacle === null ? test : test.skip;

cutTest('after 20 s without a network a node finds its peers again, and all writes are everywhere', async () => {
  const flags = [
    '--cluster',
    clusterName(),
    '--listen',
    '/ip4/0.0.0.0/tcp/0',
    '--bind',
    '0.0.0.0',
    '--protected-mode',
    'no',
  ];
  const nodes = await Promise.all(
    hosts.map(({ name }) => NodeProcess.launch({ port: PORT, flags, prefix: ['ip', 'netns', 'exec', name] })),
  );
  const ask = async (index: number, ...words: string[]): Promise<string> => inside(index, ...words);
  const agree = (timeoutMs: number): Promise<unknown> =>
    eventually(
      'one digest and vector',
      () =>
        Promise.all(
          hosts.map(async (_, index) => `${await ask(index, 'CRDT', 'VECTOR')} ${await ask(index, 'CRDT', 'DIGEST')}`),
        ),
      (states) => new Set(states).size === 1,
      timeoutMs,
    );
  const others = (count: number): Promise<unknown> =>
    eventually(
      `every node with ${count} peers`,
      () =>
        Promise.all(
          hosts.map(async (_, index) =>
            Number(/^crdt_peers_up:(\d+)/m.exec(await ask(index, 'INFO', 'everything'))?.[1] ?? -1),
          ),
        ),
      (counts) => counts.every((each) => each === count),
      30_000,
    );
  try {
    await eventually(
      'PING',
      async () => hosts.map((_, index) => inside(index, 'PING')),
      (all) => all.every((each) => each === 'PONG'),
    );
    await others(2);
    inside(0, 'INCRBY', 'counter', '1');
    await agree(10_000);

    ip('-n', hub, 'link', 'set', hosts[2].port, 'down');
    for (let index = 0; index < hosts.length; index++) {
      inside(index, 'INCRBY', 'counter', `${10 ** (index + 1)}`);
      inside(index, 'SADD', 'members', `${index}`);
    }
    await sleep(CUT_MS);
    assert.is(inside(2, 'GET', 'counter'), '1001');
    inside(2, 'SET', 'late', 'x');
    ip('-n', hub, 'link', 'set', hosts[2].port, 'up');

    await agree(20_000);
    for (let index = 0; index < hosts.length; index++) {
      assert.is(inside(index, 'GET', 'counter'), '1111');
      assert.is(inside(index, 'GET', 'late'), 'x');
      assert.is(inside(index, 'SCARD', 'members'), '3');
    }
  } finally {
    await killAll(nodes);
  }
});

test.run();
