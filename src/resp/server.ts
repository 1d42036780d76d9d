/**
 * The listener: sockets on one side, sessions on the other. Keeps the register of clients, their number within
 * `maxclients`, idle time-outs, CLIENT PAUSE, and back-pressure towards clients that do not read their replies.
 */
import net from 'node:net';
import type { Client } from '../commands/client.ts';
import { Dispatcher } from '../commands/dispatch.ts';
import type { Registry } from '../commands/registry.ts';
import type { ClientRegistry, Services } from '../commands/services.ts';
import type { Engine } from '../core/contract.ts';
import { Session, type Transport } from './session.ts';

/** A client with so many unread reply bytes is not read from until it has read them. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
const IDLE_CHECK_MS = 1000;
const KEEPALIVE_MS = 300_000;

export interface ServerOptions {
  engine: Engine;
  registry: Registry;
  services: Services;
  /** One line about something that went wrong with a client or a command. */
  warn(message: string, error?: unknown): void;
}

export class RespServer implements ClientRegistry {
  private readonly options: ServerOptions;
  private readonly dispatcher: Dispatcher;
  private readonly sessions = new Map<number, Session>();
  private readonly sockets = new Map<number, net.Socket>();
  private readonly listeners: net.Server[] = [];
  private nextId = 1;
  private pause: { untilMs: number; timer: NodeJS.Timeout } | null = null;
  private idleTimer: NodeJS.Timeout | null = null;

  constructor(options: ServerOptions) {
    this.options = options;
    this.dispatcher = new Dispatcher(options.registry, options.services, (error, command) =>
      options.warn(`command ${command} failed`, error),
    );
  }

  get count(): number {
    return this.sessions.size;
  }

  forEach(visit: (client: Client) => void): void {
    for (const session of this.sessions.values()) visit(session);
  }

  find(id: number): Client | undefined {
    return this.sessions.get(id);
  }

  /** Listens on every address; rejects with the socket's error (EADDRINUSE …). Returns the port, for port 0. */
  async listen(port: number, addresses: readonly string[]): Promise<number> {
    let bound = port;
    for (const address of addresses) {
      const server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS }, (socket) => this.accept(socket));
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: bound, host: address, backlog: 511 }, resolve);
      });
      server.on('error', (error) => this.options.warn('listener', error));
      const assigned = server.address();
      if (bound === 0 && assigned !== null && typeof assigned === 'object') bound = assigned.port;
      this.listeners.push(server);
    }
    this.idleTimer = setInterval(() => this.closeIdle(), IDLE_CHECK_MS);
    this.idleTimer.unref();
    return bound;
  }

  /** Stops accepting; what is being answered is answered, then connections close. */
  async close(): Promise<void> {
    if (this.idleTimer !== null) clearInterval(this.idleTimer);
    this.unpause();
    const closed = this.listeners.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.sockets.values()) socket.destroySoon();
    await Promise.all(closed);
  }

  pauseUntil(untilMs: number, _writesOnly: boolean): void {
    this.unpause();
    const timer = setTimeout(() => this.unpause(), Math.max(0, untilMs - Date.now()));
    this.pause = { untilMs, timer };
  }

  unpause(): void {
    if (this.pause === null) return;
    clearTimeout(this.pause.timer);
    this.pause = null;
    for (const session of this.sessions.values()) session.proceed();
  }

  /** A session without a socket: the same code for tests in one process. */
  open(transport: Transport): Session {
    const { engine, services } = this.options;
    const session = new Session(this.nextId++, engine, services, this.dispatcher, transport);
    session.mayRun = () => this.pause === null;
    this.sessions.set(session.id, session);
    session.onClose = () => this.sessions.delete(session.id);
    return session;
  }

  private accept(socket: net.Socket): void {
    const { services, warn } = this.options;
    services.statistics.connectionsReceived++;
    if (this.sessions.size >= services.config.limits.maxClients) {
      services.statistics.connectionsRejected++;
      socket.on('error', (error) => warn('refused client', error));
      socket.end('-ERR max number of clients reached\r\n');
      return;
    }
    const session = this.open(new SocketTransport(socket));
    this.sockets.set(session.id, socket);
    socket.on('data', (chunk) => {
      session.receive(chunk);
      if (socket.writableLength > UNREAD_BYTES_MAX) socket.pause();
    });
    socket.on('drain', () => socket.resume());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') warn(`client ${session.address}`, error);
    });
    socket.on('close', () => {
      this.sockets.delete(session.id);
      session.over();
    });
  }

  private closeIdle(): void {
    const { timeoutSeconds } = this.options.services.config.limits;
    if (timeoutSeconds === 0) return;
    const before = Date.now() - timeoutSeconds * 1000;
    for (const session of this.sessions.values()) if (session.lastCommandAtMs < before) session.kill();
  }
}

class SocketTransport implements Transport {
  readonly address: string;
  readonly localAddress: string;
  private readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    this.address = `${showHost(socket.remoteAddress)}:${socket.remotePort ?? 0}`;
    this.localAddress = `${showHost(socket.localAddress)}:${socket.localPort ?? 0}`;
  }

  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): boolean {
    this.socket.write(bytes);
    return this.socket.writableLength === 0;
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

function showHost(address: string | undefined): string {
  if (address === undefined) return '?';
  if (address.startsWith('::ffff:')) return address.slice(7);
  return address.includes(':') ? `[${address}]` : address;
}
