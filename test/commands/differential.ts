/**
 * Redis as the specification: the same commands go to a real redis-server and to a Starling node in this process,
 * through the session code that serves sockets, and the bytes of the replies must be the same. Where there is no
 * redis-server, the tests made with `differentialTest` are skipped, and say so.
 *
 * Both servers read the same wall clock, a moment apart: compare deadlines that were given as points in time.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import { openAccessControl } from '../../src/access-control.ts';
import type { Services } from '../../src/commands/services.ts';
import { createEngine } from '../../src/core/index.ts';
import { decodeReply } from '../../src/resp/decode.ts';
import { LineFault, LineWords } from '../../src/resp/inline.ts';
import { encodeRequest, LocalClient } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import { commandRegistry, servicesOf } from '../conformance/services.ts';

/** One command: its arguments, or a line as redis-cli takes it, quotes and \x00 escapes included. */
export type Request = string | readonly (string | Buffer)[];

export interface Difference {
  readonly request: Request;
  readonly redis: Buffer;
  readonly starling: Buffer;
}

const START_LIMIT_MS = 10_000;
/** Commands before a difference that its message repeats. */
const SHOWN_BEFORE = 12;
const SHOWN_BYTES_MAX = 300;

export const hasRedisServer = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedisServer) console.log('SKIPPED: there is no redis-server to compare with; install one to run these tests');

/** uvu's test where a redis-server is installed, else its skip. */
export const differentialTest = hasRedisServer ? test : test.skip;

/** A redis-server and a Starling node side by side, each with one client. */
export class BothServers {
  readonly services: Services;
  readonly server: RespServer;
  private readonly redis: RedisProcess;
  private readonly starling: LocalClient;

  private constructor(redis: RedisProcess) {
    this.redis = redis;
    const known = servicesOf();
    const around: Omit<Services, 'clients'> = known;
    const services = around as Services & { clients: RespServer };
    this.services = services;
    const engine = createEngine({ replica: '00000000000000d1', hashSeed: 1 });
    engine.setNow(Date.now());
    engine.setStability('alone', 0);
    const warn = (message: string, error?: unknown): never => {
      throw new Error(message, { cause: error });
    };
    const acl = openAccessControl(known.config, commandRegistry);
    const server = new RespServer({ engine, registry: commandRegistry, services, acl, warn });
    services.clients = server;
    this.server = server;
    this.starling = new LocalClient(server);
  }

  /** `directives` are for both, such as { 'proto-max-bulk-len': '1048576' }. */
  static async open(directives: Readonly<Record<string, string>> = {}): Promise<BothServers> {
    const both = new BothServers(await RedisProcess.start());
    for (const [name, value] of Object.entries(directives)) {
      await both.redis.ask([['CONFIG', 'SET', name, value]]);
      const refusal = both.services.config.set([[name, value]]);
      if (refusal !== null) throw new Error(refusal);
    }
    return both;
  }

  /** The socket of the redis-server, for further clients. */
  get redisPath(): string {
    return this.redis.path;
  }

  /** The protocol of both clients: 2 or 3. */
  async speak(protocol: 2 | 3): Promise<void> {
    await this.answers([['HELLO', String(protocol)]]);
  }

  /** Both replies to each of the commands, whether they are the same or not. */
  async answers(requests: readonly Request[]): Promise<Difference[]> {
    const all = requests.map(argumentsOf);
    const [redis, starling] = await Promise.all([
      this.redis.ask(all),
      Promise.all(all.map((args) => this.starling.raw(...args))),
    ]);
    return requests.map((request, i) => ({ request, redis: redis[i], starling: starling[i] }));
  }

  /** Only of the redis-server: for what it tells about itself. */
  answersOfRedis(requests: readonly Request[]): Promise<Buffer[]> {
    return this.redis.ask(requests.map(argumentsOf));
  }

  /** Runs the commands on both and throws at the first reply that is not the same. */
  async compare(requests: readonly Request[]): Promise<void> {
    const answers = await this.answers(requests);
    const at = answers.findIndex(({ redis, starling }) => !redis.equals(starling));
    if (at >= 0) throw new Error(describe(answers, at));
  }

  /** From a clean database on. */
  async compareAfresh(requests: readonly Request[]): Promise<void> {
    await this.answers(['FLUSHALL']);
    await this.compare(requests);
  }

  close(): void {
    this.redis.stop();
  }
}

export function argumentsOf(request: Request): (string | Buffer)[] {
  if (typeof request !== 'string') return [...request];
  const bytes = Buffer.from(request, 'latin1');
  const line = new LineWords();
  if (line.split(bytes, 0, bytes.length) !== LineFault.none) throw new Error(`unbalanced quotes: ${request}`);
  const { bytes: words, ends, count } = line;
  return [...ends.subarray(0, count)].map((end, at) => Buffer.from(words.subarray(at === 0 ? 0 : ends[at - 1], end)));
}

function describe(answers: readonly Difference[], at: number): string {
  const { request, redis, starling } = answers[at];
  const before = answers.slice(Math.max(0, at - SHOWN_BEFORE), at);
  return [
    'a reply is not as of Redis',
    ...before.map((each) => `    after     ${showRequest(each.request)}`),
    `    command   ${showRequest(request)}`,
    `    Redis     ${show(redis)}`,
    `    Starling  ${show(starling)}`,
  ].join('\n');
}

function showRequest(request: Request): string {
  return argumentsOf(request)
    .map((arg) => show(arg))
    .join(' ');
}

function show(bytes: string | Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'));
  return text.length <= SHOWN_BYTES_MAX ? text : `${text.slice(0, SHOWN_BYTES_MAX)}… (${bytes.length} bytes)`;
}

/** A redis-server of our own on a Unix socket in a folder of its own, that keeps nothing. */
class RedisProcess {
  readonly path: string;
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly socket: Socket;
  private received: Buffer[] = [];
  private wake: () => void = () => {};
  private failure: Error | null = null;

  private constructor(child: ChildProcess, folder: string, socket: Socket) {
    this.path = join(folder, 'redis.sock');
    this.child = child;
    this.folder = folder;
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received.push(chunk);
      this.wake();
    });
    const fail = (error?: Error) => {
      this.failure = error ?? new Error('redis-server closed the connection');
      this.wake();
    };
    socket.on('error', fail);
    socket.on('close', () => fail());
  }

  static async start(): Promise<RedisProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'starling-differential-'));
    const path = join(folder, 'redis.sock');
    const options = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', options, { stdio: 'ignore' });
    process.once('exit', () => child.kill('SIGKILL'));
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      const socket = await tryConnect(path);
      if (socket !== null) return new RedisProcess(child, folder, socket);
      if (Date.now() > deadline) throw new Error(`redis-server does not answer on ${path}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends all at once, and gives the replies one by one. */
  async ask(requests: readonly (string | Buffer)[][]): Promise<Buffer[]> {
    this.socket.write(Buffer.concat(requests.map(encodeRequest)));
    const replies: Buffer[] = [];
    let at = 0;
    while (replies.length < requests.length) {
      const bytes = this.gather();
      const reply = at < bytes.length ? decodeReply(bytes, at) : null;
      if (reply !== null) {
        replies.push(bytes.subarray(at, reply.next));
        at = reply.next;
      } else await this.more();
    }
    this.received = [];
    return replies;
  }

  stop(): void {
    this.socket.destroy();
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private gather(): Buffer {
    if (this.received.length > 1) this.received = [Buffer.concat(this.received)];
    return this.received[0] ?? Buffer.alloc(0);
  }

  private more(): Promise<void> {
    if (this.failure !== null) throw this.failure;
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/** Null while nobody listens there yet. */
function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.once('error', () => resolve(null));
  });
}
