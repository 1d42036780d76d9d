/** The two servers that the suite runs against: a fresh Starling node and a real redis-server, each in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;
const RETRY_MS = 100;

export interface Server {
  readonly port: number;
  /** What it wrote to stdout and stderr. */
  output(): string;
  stop(): Promise<void>;
}

export function startStarling(): Promise<Server> {
  return start((port, directory) => [
    process.execPath,
    [
      '--import',
      'tsx',
      'src/cli.ts',
      '--port',
      `${port}`,
      '--dir',
      directory,
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--no-mdns',
      '--enable-debug-command',
      'yes',
      '--cluster',
      `suite-${port}`,
    ],
  ]);
}

export function startRedis(): Promise<Server> {
  return start((port, directory) => [
    'redis-server',
    [
      '--port',
      `${port}`,
      '--dir',
      directory,
      '--save',
      '',
      '--enable-debug-command',
      'yes',
      '--enable-protected-configs',
      'yes',
    ],
  ]);
}

async function start(command: (port: number, directory: string) => [program: string, args: string[]]): Promise<Server> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'redis-suite-'));
  const [program, args] = command(port, directory);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const stop = async () => {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await untilItAnswers(child, port);
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start: ${String(error)}\n${output}`);
  }
  return { port, output: () => output, stop };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function untilItAnswers(child: ChildProcess, port: number): Promise<void> {
  const limit = Date.now() + START_MS_MAX;
  while (Date.now() < limit) {
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`);
    if (await answersPing(port)) return;
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
  throw new Error('no answer to PING');
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const finish = (answered: boolean) => {
      socket.destroy();
      done(answered);
    };
    socket.once('data', (reply) => finish(reply.toString().startsWith('+PONG')));
    socket.once('error', () => finish(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await gone;
  clearTimeout(limit);
}
