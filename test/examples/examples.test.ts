/** Every example does what its README says: run as a reader would run it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findDirective } from '../../src/config/directives.ts';
import { startCluster } from '../processes/cluster.ts';
import { freePort, killAll, type NodeProcess } from '../processes/node-process.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, timeout: 60_000 });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, errors }));
  });
}

/** First of three free ports in a row, whose neighbours 1000 above are free, too: as likely as makes no difference. */
async function firstPort(): Promise<string> {
  return String(((await freePort()) % 20_000) + 20_000);
}

test('three nodes on a LAN find each other and hold the same', async () => {
  const { code, out, errors } = await run('examples/lan-of-three/run.sh', [], { PORT: await firstPort() });
  assert.is(code, 0, errors);
  const [found, ...nodes] = out.trim().split('\n');
  assert.is(found, 'three nodes have found each other');
  assert.is(nodes.length, 3);
  for (const line of nodes) {
    assert.match(line, /greeting=hello user:1=Ada,London tags=crdt,redis visits=30 digest=[0-9a-f]{16}$/);
  }
  assert.is(new Set(nodes.map((line) => line.split('digest=')[1])).size, 1);
});

test('two regions go on through a cut, and lose nothing', async () => {
  const { code, out, errors } = await run('examples/two-regions/run.sh', [], { PORT: await firstPort() });
  assert.is(code, 0, errors);
  const lines = out.trim().split('\n');
  assert.match(lines[0], /^paris is at \/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/);
  assert.is(lines[2], 'cut:    paris stock=70, tokyo stock=95');
  for (const line of lines.slice(3)) assert.match(line, / stock=65 orders=paris-1,paris-2,tokyo-1$/);
  assert.is(lines.length, 5);
});

async function withNodes(body: (nodes: NodeProcess[], addresses: string[]) => Promise<void>): Promise<void> {
  const nodes = await startCluster(2);
  try {
    await body(
      nodes,
      nodes.map(({ port }) => `127.0.0.1:${port}`),
    );
  } finally {
    await killAll(nodes);
  }
}

test('the ioredis app writes on both nodes and reads all of it on both', () =>
  withNodes(async (_, addresses) => {
    const { code, out, errors } = await run('node', ['examples/ioredis-app/app.js', ...addresses]);
    assert.is(code, 0, errors);
    const said = '/home was viewed 3 times, by ada and grace; ada read /home last';
    assert.is(out, addresses.map((address) => `${address}: ${said}\n`).join(''));
  }));

test('the node-redis app merges a cart that both sides changed', () =>
  withNodes(async (_, [one, other]) => {
    const { code, out, errors } = await run('node', ['examples/node-redis-app/app.js', one, other]);
    assert.is(code, 0, errors);
    assert.equal(out.trim().split('\n'), [
      `${other}: 3 apples, 2 pears`,
      `${one}: 5 apples, 1 plums`,
      `${other}: 5 apples, 1 plums`,
    ]);
  }));

test('an app says what is wrong when a node is away', () =>
  withNodes(async (nodes, addresses) => {
    await killAll([nodes[1]]);
    for (const app of ['ioredis-app', 'node-redis-app']) {
      const { code, errors } = await run('node', [`examples/${app}/app.js`, ...addresses]);
      assert.is(code, 1);
      assert.match(errors, addresses[1]);
    }
  }));

test('every flag in the Docker files, the scripts and the READMEs is one that Starling knows', () => {
  const files = [
    'README.md',
    'examples/nodes.sh',
    'examples/docker/Dockerfile',
    'examples/docker/compose.yaml',
    'examples/lan-of-three/run.sh',
    'examples/two-regions/run.sh',
    ...['docker', 'lan-of-three', 'two-regions', 'ioredis-app', 'node-redis-app'].map(
      (name) => `examples/${name}/README.md`,
    ),
  ];
  // of npm, docker and the like
  const foreign = new Set([
    'no-audit',
    'no-fund',
    'omit',
    'build',
    'from',
    'chown',
    'interval',
    'timeout',
    'start-period',
  ]);
  const seen = new Set<string>();
  for (const file of files.filter((each) => existsSync(join(ROOT, each)))) {
    for (const [, flag] of readFileSync(join(ROOT, file), 'utf8').matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)) {
      if (foreign.has(flag)) continue;
      seen.add(flag);
      const known = findDirective(flag) ?? findDirective(flag.replace(/^no-/, ''));
      assert.ok(
        known !== undefined || ['help', 'version', 'config', 'seeds', 'seconds', 'only', 'tests'].includes(flag),
        `${file}: --${flag}`,
      );
    }
  }
  assert.ok(seen.has('bootstrap') && seen.has('secret-file') && seen.has('listen'));
});

test.run();
