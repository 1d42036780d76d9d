/**
 * What can be known of the Docker example without a Docker engine: the words of the files, and its build step, entry
 * point and health check, run in a copy of the project. Not: pulling the base image, users, volumes, networks.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName } from '../processes/cluster.ts';
import { eventually, freePort, temporaryFolder } from '../processes/node-process.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const DOCKERFILE = readFileSync(join(ROOT, 'examples/docker/Dockerfile'), 'utf8');
const COMPOSE = readFileSync(join(ROOT, 'examples/docker/compose.yaml'), 'utf8');
const INSTRUCTIONS = 'FROM WORKDIR COPY RUN USER VOLUME EXPOSE HEALTHCHECK CMD ENTRYPOINT'.split(' ');
const execute = promisify(execFile);

/** The JSON list of words behind an instruction of the Dockerfile. */
function wordsOf(instruction: string): string[] {
  const line = new RegExp(`^\\s*${instruction} (\\[.*\\])$`, 'm').exec(DOCKERFILE);
  assert.ok(line !== null, `no ${instruction} in the form of a list`);
  return JSON.parse(line[1]) as string[];
}

function composeCommand(name: string): string[] {
  const line = new RegExp(`^  ${name}:\\n    <<: \\*node\\n    command: (.*)$`, 'm').exec(COMPOSE);
  assert.ok(line !== null, `no service ${name}`);
  return JSON.parse(line[1]) as string[];
}

test('every line of the Dockerfile is a comment, a known instruction, or goes on with the one before', () => {
  let continued = false;
  for (const line of DOCKERFILE.split('\n')) {
    if (line !== '' && !line.startsWith('#') && !continued) {
      assert.ok(INSTRUCTIONS.includes(line.split(' ')[0]), line);
    }
    continued = line.endsWith('\\');
  }
});

test('compose.yaml tells each node of the two others, and gives it a volume', () => {
  for (const name of ['one', 'two', 'three']) {
    const told = composeCommand(name)
      .filter((word) => word.startsWith('/dns4/'))
      .map((word) => word.split('/')[2]);
    assert.equal([...told, name].sort(), ['one', 'three', 'two']);
    assert.match(COMPOSE, `["${name}:/data"]`);
  }
});

test('the port that peers dial is exposed, and the one that the entry point listens on', () => {
  const ports = [...COMPOSE.matchAll(/tcp\/(\d+)/g), ...DOCKERFILE.matchAll(/tcp\/(\d+)/g)];
  assert.is(ports.length, 7);
  for (const [, port] of ports) assert.match(DOCKERFILE, new RegExp(`EXPOSE .*\\b${port}\\b`));
});

test('what the image takes from the project is there', () => {
  for (const [, names] of DOCKERFILE.matchAll(/^COPY (?:--from=build )?(.*) \S+$/gm)) {
    for (const name of names.split(' ').map((each) => each.replace('/starling/', ''))) {
      assert.ok(name === 'dist' || existsSync(join(ROOT, name)), name);
    }
  }
});

/** The project as the build stage has it after `npm ci` and `COPY . .`, the packages being those of this checkout. */
function copyOfProject(): string {
  const copy = temporaryFolder();
  for (const name of ['bin', 'src', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

test('the build runs, its entry point starts with the words of compose.yaml, and the health check tells', async () => {
  assert.match(DOCKERFILE, 'RUN npm run build ');
  const copy = copyOfProject();
  await execute('npm', ['run', 'build'], { cwd: copy, timeout: 60_000 });
  // Without the sources: what runs is the build.
  rmSync(join(copy, 'src'), { recursive: true });
  const port = await freePort();
  const [program, ...words] = [...wordsOf('ENTRYPOINT'), ...composeCommand('one')].map((word) =>
    word
      .replace('0.0.0.0', '127.0.0.1')
      .replace(/^\/data$/, join(copy, 'data'))
      .replace(/^\/starling\//, join(copy, '/'))
      .replace(/^(\/ip4\/.*)7100$/, '$10')
      .replace(/^\/dns4\/\w+\//, '/dns4/localhost/'),
  );
  const health = wordsOf('CMD').map((word) => word.replace('6379', String(port)));
  const check = () => execute(health[0], health.slice(1), { timeout: 5000 });
  assert.ok(await check().then(...failure), 'healthy before it runs');
  const node = spawn(program, [...words, '--port', String(port), '--cluster', clusterName()], { cwd: copy });
  try {
    await eventually('the health check', check, () => true);
  } finally {
    await ended(node);
  }
});

/** For then(): whether it failed. */
const failure = [() => false, () => true] as const;

async function ended(node: ChildProcess): Promise<void> {
  if (node.exitCode !== null) return;
  const over = once(node, 'exit');
  node.kill('SIGTERM');
  await over;
}

test.run();
