/**
 * The servers under measurement: Starling and redis-server, alone or in pairs, each in a temporary folder on a free
 * port of loopback. All of them are killed and their folders removed when this process ends, however it ends but by
 * SIGKILL. A server that ends before it is told to makes the next question to it throw.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer } from '../../test/conformance/cases.ts';
import { eventually, freePort } from '../../test/processes/node-process.ts';
import { RespClient } from '../../test/processes/resp-client.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
/** proc(5): utime and stime, counted from the field behind the name; a hundredth of a second on every Linux. */
const USER_TICKS_AT = 11;
const SYSTEM_TICKS_AT = 12;
const TICK_MS = 10;

/** What `npm start` gives to node: measured is what users run. */
export function startWords(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const [program, ...words] = scripts.start.split(' ');
  if (program !== 'node') throw new Error(`npm start runs ${program}, not node`);
  return words;
}

const live = new Set<Server>();
process.on('exit', () => {
  for (const server of live) server.destroy();
});

export class Server {
  readonly port: number;
  /** Where peers reach it; null for redis-server, whose replicas use `port`. */
  readonly meshPort: number | null;
  private readonly command: readonly string[];
  private readonly directory: string;
  private ending = new AbortController();
  private child: ChildProcess;
  private output = '';
  private ended: string | null = null;
  private connection: RespClient | null = null;

  private constructor(port: number, meshPort: number | null, command: readonly string[]) {
    this.port = port;
    this.meshPort = meshPort;
    this.directory = mkdtempSync(join(tmpdir(), 'starling-bench-'));
    this.command = [...command, '--port', `${port}`, '--dir', this.directory];
    live.add(this);
    this.child = this.spawn();
  }

  private spawn(): ChildProcess {
    const [program, ...words] = this.command;
    const child = spawn(program, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      // the last lines are enough to tell why one died
      stream?.on('data', (chunk: Buffer) => (this.output = (this.output + chunk.toString()).slice(-4000)));
    }
    child.once('error', (error) => this.end(error.message));
    child.once('exit', (code, signal) => this.end(`exit code ${code ?? signal}`));
    return child;
  }

  /** A node without mDNS, with `more` of the command line; it joins nobody but `bootstrap`, ports of loopback. */
  static async startStarling(
    cluster: string,
    bootstrap: readonly number[] = [],
    more: readonly string[] = [],
  ): Promise<Server> {
    const meshPort = await freePort();
    const command = [process.execPath, ...startWords()];
    command.push('--no-mdns', '--cluster', cluster, '--appendfsync', 'everysec');
    command.push('--listen', multiaddr(meshPort));
    if (bootstrap.length > 0) command.push('--bootstrap', ...bootstrap.map(multiaddr));
    command.push(...more);
    return Server.ready(new Server(await freePort(), meshPort, command));
  }

  /** A redis-server as safe as a Starling node: append-only file, forced to disk every second. */
  static async startRedis(masterPort: number | null = null): Promise<Server> {
    const command = ['redis-server', '--bind', '127.0.0.1', '--save', ''];
    command.push('--appendonly', 'yes', '--appendfsync', 'everysec');
    if (masterPort !== null) command.push('--replicaof', '127.0.0.1', `${masterPort}`);
    return Server.ready(new Server(await freePort(), null, command));
  }

  private static async ready(server: Server): Promise<Server> {
    try {
      await server.answers();
      return server;
    } catch (error) {
      const { output } = server;
      await server.stop();
      throw new Error(`${error instanceof Error ? error.message : error}\n${output}`);
    }
  }

  /** Resolves when it serves: while it still loads its data, PING gets an error. */
  private async answers(): Promise<void> {
    const answer = async (): Promise<Answer> => (this.ended === null ? this.ask('PING') : null);
    await eventually('PING', answer, (each) => each === 'PONG' || this.ended !== null, START_MS_MAX);
    this.assertLive();
  }

  /** Memory that it holds of the machine, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Processor time that it has taken since its start, all threads and the system's part included. Linux counts in 10 ms. */
  processorMs(): number {
    return processorMsOf(`/proc/${this.child.pid}/stat`);
  }

  /** The same of the thread alone that runs commands. */
  commandThreadMs(): number {
    return processorMsOf(`/proc/${this.child.pid}/task/${this.child.pid}/stat`);
  }

  /** It does nothing until resume(). */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends it in good order and starts it on what it left. Gives the milliseconds from its start until it served. */
  async restart(): Promise<number> {
    await this.terminate();
    this.ended = null;
    this.ending = new AbortController();
    const since = performance.now();
    this.child = this.spawn();
    await this.answers();
    return performance.now() - since;
  }

  /** On one connection that is kept; an error reply throws. */
  async ask(...words: (string | number)[]): Promise<Answer> {
    this.assertLive();
    this.connection ??= await RespClient.open(this.port);
    const answer = await this.connection.command(...words);
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${words.join(' ')} -> ${answer.error}`);
    }
    return answer;
  }

  /** All fields of INFO by name. */
  async info(): Promise<Map<string, string>> {
    const text = String(await this.ask('INFO', 'everything'));
    return new Map(Array.from(text.matchAll(/^([^#:\r\n]+):(.*?)\r?$/gm), ([, name, value]) => [name, value]));
  }

  /** Aborts when the process ends. */
  get gone(): AbortSignal {
    return this.ending.signal;
  }

  assertLive(): void {
    if (this.ended !== null) throw this.ending.signal.reason;
  }

  async stop(): Promise<void> {
    await this.terminate();
    this.destroy();
  }

  private async terminate(): Promise<void> {
    this.connection?.close();
    this.connection = null;
    if (this.ended !== null) return;
    const gone = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    const limit = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS_MAX);
    await gone;
    clearTimeout(limit);
  }

  private end(reason: string): void {
    this.ended = reason;
    this.ending.abort(new Error(`the server at port ${this.port} ended: ${reason}\n${this.output}`));
  }

  /** At once, without waiting. */
  destroy(): void {
    live.delete(this);
    this.child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function processorMsOf(file: string): number {
  const stat = readFileSync(file, 'latin1');
  // behind the name, which may hold anything, the first field is the third
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS_AT]) + Number(fields[SYSTEM_TICKS_AT])) * TICK_MS;
}

/** Name of a cluster that nobody else on this network uses. */
export function clusterName(): string {
  return `bench-${randomBytes(4).toString('hex')}`;
}

function multiaddr(port: number): string {
  return `/ip4/127.0.0.1/tcp/${port}`;
}
