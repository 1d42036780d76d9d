/**
 * Starling nodes as real processes for tests: start on free ports and a directory of their own, talk RESP to them,
 * stop or kill them. Everything that was started is killed when the test process ends, however it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer } from '../conformance/cases.ts';
import { programWords } from './program.ts';
import { RespClient } from './resp-client.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 30_000;

export interface NodeOptions {
  /** Default: a new one under the system's temporary folder. */
  readonly directory?: string;
  readonly port?: number;
  readonly meshPort?: number;
  /** More of the command line, such as ['--appendfsync', 'always']. */
  readonly flags?: readonly string[];
  /** What to put before `node`, such as ['ip', 'netns', 'exec', 'n1']. */
  readonly prefix?: readonly string[];
  /** Address to reach it by; with a network namespace of its own, null: its port is not waited for. */
  readonly host?: string;
}

const live = new Set<ChildProcess>();
const folders: string[] = [];
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder that goes when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'starling-test-'));
  folders.push(folder);
  return folder;
}

/** Below those that Linux gives to connections that go out: one of them may take a port between its finding and its use. */
const PORTS = { from: 10_240, to: 32_767 };
const PORT_TRIES = 100;

/** A port that nobody uses at this moment, and that no connection takes by chance. */
export async function freePort(): Promise<number> {
  for (let left = PORT_TRIES; left > 0; left--) {
    const port = randomInt(PORTS.from, PORTS.to + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${PORT_TRIES} from ${PORTS.from} to ${PORTS.to}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Asks until the answer satisfies, or throws with the last answer and `what` was waited for. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  good: (answer: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let last: string;
    try {
      const answer = await ask();
      if (good(answer)) return answer;
      last = JSON.stringify(answer);
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s, last: ${last}`);
    await sleep(50);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export class NodeProcess {
  readonly port: number;
  readonly meshPort: number;
  readonly directory: string;
  readonly host: string;
  output = '';
  private readonly child: ChildProcess;
  private readonly exited: Promise<number | null>;
  private connection: Promise<RespClient> | null = null;

  private constructor(options: Required<Pick<NodeOptions, 'directory' | 'port' | 'meshPort' | 'host'>> & NodeOptions) {
    const { directory, port, meshPort, flags = [], prefix = [], host } = options;
    this.directory = directory;
    this.port = port;
    this.meshPort = meshPort;
    this.host = host;
    const [program, ...words] = [
      ...prefix,
      process.execPath,
      ...programWords(),
      ...['--port', `${port}`, '--dir', directory, '--enable-debug-command', 'yes'],
      ...(flags.includes('--listen') ? [] : ['--listen', `/ip4/127.0.0.1/tcp/${meshPort}`]),
      ...flags,
    ];
    this.child = spawn(program, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    live.add(this.child);
    const keep = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.output += error.message;
        resolve(null);
      });
      this.child.once('exit', (code) => {
        live.delete(this.child);
        resolve(code);
      });
    });
  }

  /** Starts one without waiting for it; for those that are expected to refuse. */
  static async launch(options: NodeOptions = {}): Promise<NodeProcess> {
    return new NodeProcess({
      ...options,
      directory: options.directory ?? temporaryFolder(),
      port: options.port ?? (await freePort()),
      meshPort: options.meshPort ?? (await freePort()),
      host: options.host ?? '127.0.0.1',
    });
  }

  /** Starts one and waits until it answers PING. */
  static async start(options: NodeOptions = {}): Promise<NodeProcess> {
    const node = await NodeProcess.launch(options);
    try {
      await node.ready();
    } catch (error) {
      await node.kill();
      throw error;
    }
    return node;
  }

  async ready(): Promise<void> {
    let over = false;
    void this.exited.then(() => {
      over = true;
    });
    try {
      await eventually(
        'PING',
        async () => {
          if (over) return { error: 'the process has ended' };
          return this.command('PING');
        },
        (answer) => over || answer === 'PONG',
        START_MS_MAX,
      );
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.output}`);
    }
    if (over) throw new Error(`the node ended while starting:\n${this.output}`);
  }

  /** On one connection that is kept, so SELECT and MULTI hold; an error reply is an answer. */
  async command(...words: (string | number)[]): Promise<Answer> {
    this.connection ??= this.connect();
    let client: RespClient;
    try {
      client = await this.connection;
      return await client.command(...words);
    } catch (error) {
      this.connection = null;
      throw error;
    }
  }

  /** As command(), but an error reply throws. */
  async must(...words: (string | number)[]): Promise<Answer> {
    const answer = await this.command(...words);
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${words.join(' ')} -> ${answer.error}`);
    }
    return answer;
  }

  /** A connection of its own. */
  connect(): Promise<RespClient> {
    return RespClient.open(this.port, this.host);
  }

  /** One field of INFO. */
  async info(field: string): Promise<string | undefined> {
    const text = await this.must('INFO', 'everything');
    return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(String(text))?.[1];
  }

  get multiaddr(): string {
    return `/ip4/${this.host}/tcp/${this.meshPort}`;
  }

  /** Exit code, when the process ends by itself. */
  async ended(timeoutMs = STOP_MS_MAX): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`still running after ${timeoutMs / 1000} s:\n${this.output}`)),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** As a service manager does, or Ctrl-C. Gives the exit code. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    await this.hangUp();
    this.child.kill(signal);
    return this.ended();
  }

  async kill(): Promise<void> {
    await this.hangUp();
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private async hangUp(): Promise<void> {
    const connection = this.connection;
    this.connection = null;
    if (connection === null) return;
    await connection.then(
      (client) => client.close(),
      () => undefined,
    );
  }
}

/** Kills all of them, at the end of a test. */
export async function killAll(nodes: readonly NodeProcess[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()));
}

/** Waits until all nodes have the same vector and digest. */
export async function converged(nodes: readonly NodeProcess[], timeoutMs = 20_000): Promise<void> {
  await eventually(
    `${nodes.length} nodes with one vector and digest`,
    () =>
      Promise.all(
        nodes.map(async (node) =>
          JSON.stringify([await node.must('CRDT', 'VECTOR'), await node.must('CRDT', 'DIGEST')]),
        ),
      ),
    (states) => new Set(states).size === 1,
    timeoutMs,
  );
}
