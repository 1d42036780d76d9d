/**
 * Sockets on one side, sessions on the other. Keeps the register of clients, their number within
 * `maxclients`, idle time-outs and CLIENT PAUSE.
 */
import type net from 'node:net';
import type { TlsOptions } from 'node:tls';
import { AccessControl } from '../commands/acl/access-control.ts';
import type { Client } from '../commands/client.ts';
import { Dispatcher } from '../commands/dispatch.ts';
import type { Registry } from '../commands/registry.ts';
import type { ClientRegistry, Services } from '../commands/services.ts';
import type { Engine } from '../core/contract.ts';
import { ClientEviction } from './client-eviction.ts';
import { Listeners, type ListenOptions } from './listeners.ts';
import { Outbox } from './outbox.ts';
import { Session } from './session.ts';
import { openSocket, SocketTransport } from './socket-transport.ts';
import type { Transport } from './transport.ts';

const IDLE_CHECK_MS = 1000;
/** What a closing server gives its clients to take their last replies. */
const CLOSE_GRACE_MS = 1000;
/** Longer timers of Node.js fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Redis's protected mode: the prefix is what clients know, and a line is all they show. */
const DENIED =
  'DENIED Starling runs in protected mode: no password is set, so it serves clients of its own host only. To serve ' +
  'others, set one (requirepass), or, where every host that can connect is trusted, say CONFIG SET protected-mode no ' +
  'from its own host or start it with --protected-mode no.';

export interface ServerOptions {
  readonly engine: Engine;
  readonly registry: Registry;
  /** `clients` of it is this server. */
  readonly services: Services;
  /** Who may do what. By default everybody everything. */
  readonly acl?: AccessControl;
  /** Runs its argument at the end of this turn of the event loop, before anything that comes in. Default: setImmediate. */
  defer?(work: () => void): void;
  /** One line about something that went wrong with a client or a command. */
  warn(message: string, error?: unknown): void;
}

export class RespServer implements ClientRegistry {
  private readonly options: ServerOptions;
  private readonly acl: AccessControl;
  private readonly dispatcher: Dispatcher;
  private readonly outbox: Outbox;
  private readonly sessions = new Map<number, Session>();
  private readonly sockets = new Set<net.Socket>();
  private readonly listeners: Listeners;
  private readonly eviction: ClientEviction;
  private nextId = 1;
  private pause: { readonly untilMs: number; readonly timer: NodeJS.Timeout } | null = null;
  private idleTimer: NodeJS.Timeout | null = null;

  constructor(options: ServerOptions) {
    this.options = options;
    this.outbox = new Outbox(options.defer);
    this.listeners = new Listeners({
      accepted: (socket, path) => this.accept(socket, path),
      failed: (what, error) => options.warn(what, error),
    });
    this.acl = options.acl ?? new AccessControl(options.registry);
    this.dispatcher = new Dispatcher(options.registry, options.services, this.acl, (error, command) =>
      options.warn(`command ${command} failed`, error),
    );
    this.eviction = new ClientEviction({
      services: options.services,
      forEach: (visit) => this.forEach(visit),
      warn: (message) => options.warn(message),
    });
    const { changes, config, eviction, keyWaits, latency, scripting, store } = options.services;
    changes.attach(options.engine, options.services);
    eviction.attach(options.engine, options.services);
    latency.follow(config);
    keyWaits.changes = changes;
    keyWaits.isHeld = () => this.dispatcher.paused !== 'none' || store.failure !== null || scripting.busy !== null;
    eviction.isHeld = keyWaits.isHeld;
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

  /** Rejects with an error that names the address and what to do. Returns the plain TCP port. */
  async listen(options: ListenOptions): Promise<number> {
    const bound = await this.listeners.open(options);
    this.idleTimer = setInterval(() => this.closeIdle(), IDLE_CHECK_MS);
    this.idleTimer.unref();
    return bound;
  }

  /** New certificates, for who connects from now on. Throws what OpenSSL says of them. */
  secureAnew(options: TlsOptions): void {
    this.listeners.secureAnew(options);
  }

  /** Stops accepting, and closes all connections once the replies written so far have gone. */
  async close(): Promise<void> {
    if (this.idleTimer !== null) clearInterval(this.idleTimer);
    this.clearPause();
    const closed = this.listeners.close();
    const gone = [...this.sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    this.outbox.flush();
    for (const socket of this.sockets) socket.destroySoon();
    const grace = setTimeout(() => {
      for (const socket of this.sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    await Promise.all([closed, ...gone]);
    clearTimeout(grace);
    for (const session of [...this.sessions.values()]) session.over();
  }

  /** A second pause within the first makes it at most longer and stricter, as in Redis. */
  pauseUntil(untilMs: number, writesOnly: boolean): void {
    const { dispatcher } = this;
    const until = Math.max(untilMs, this.pause?.untilMs ?? 0);
    this.clearPause();
    dispatcher.paused = writesOnly && dispatcher.paused !== 'all' ? 'writes' : 'all';
    this.options.engine.holdExpiry(true);
    this.pause = {
      untilMs: until,
      timer: setTimeout(() => this.endPause(until), Math.min(until - Date.now(), TIMER_MS_MAX)),
    };
  }

  unpause(): void {
    this.clearPause();
    this.dispatcher.paused = 'none';
    this.options.engine.holdExpiry(false);
    // whoever asks for it may stand within a command, where no other may run
    setImmediate(() => {
      for (const session of [...this.sessions.values()]) session.unpause();
      this.options.services.keyWaits.serve();
    });
  }

  /** A session without a socket: the same code for tests in one process. */
  open(transport: Transport): Session {
    const { engine, services, warn } = this.options;
    const { dispatcher, outbox } = this;
    const session = new Session({ id: this.nextId++, engine, services, dispatcher, transport, outbox, warn });
    this.sessions.set(session.id, session);
    session.onClose = () => {
      this.sessions.delete(session.id);
      this.eviction.forget(session);
    };
    session.onWeight = (atOnce) => this.eviction.weigh(session, atOnce);
    return session;
  }

  private accept(accepted: net.Socket, path: string | null): void {
    const { services, warn } = this.options;
    services.statistics.connectionsReceived++;
    const refusal = this.refusalOf(accepted);
    if (refusal !== null) {
      services.statistics.connectionsRejected++;
      accepted.on('error', () => accepted.destroy());
      accepted.resume();
      accepted.write(`-${refusal}\r\n`);
      accepted.destroySoon();
      return;
    }
    const socket = openSocket(accepted, {
      received: (bytes, length) => session.receive(bytes, length),
      drained: () => session.drained(),
      ended: () => session.inputEnded(),
      closed: () => {
        this.sockets.delete(socket);
        session.over();
      },
      failed: (error) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') warn(`client ${session.address}`, error);
      },
    });
    this.sockets.add(socket);
    const keepAliveSeconds = Number(services.config.get('tcp-keepalive'));
    if (path === null && keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
    const session = this.open(new SocketTransport(socket, path));
  }

  private refusalOf({ remoteAddress }: net.Socket): string | null {
    const { limits } = this.options.services.config;
    if (this.sessions.size >= limits.maxClients) return 'ERR max number of clients reached';
    if (limits.protectedMode && this.acl.users.default.noPassword && !isLoopback(remoteAddress)) return DENIED;
    return null;
  }

  /** Once a second: who has been silent for too long, or has left too much unread for too long. */
  private closeIdle(): void {
    const { config, monitors } = this.options.services;
    const { timeoutSeconds } = config.limits;
    const before = timeoutSeconds === 0 ? 0 : Date.now() - timeoutSeconds * 1000;
    for (const session of [...this.sessions.values()]) {
      if (session.outputBytes > 0) session.checkUnread();
      const listens = session.blocked || session.subscribed > 0 || monitors.has(session);
      if (session.lastCommandAtMs < before && !listens) session.kill();
    }
  }

  private endPause(untilMs: number): void {
    if (Date.now() < untilMs) this.pauseUntil(untilMs, this.dispatcher.paused === 'writes');
    else this.unpause();
  }

  private clearPause(): void {
    if (this.pause !== null) clearTimeout(this.pause.timer);
    this.pause = null;
  }
}

function isLoopback(address: string | undefined): boolean {
  // a socket that has closed already has none, and is no danger
  if (address === undefined || address === '::1') return true;
  return address.startsWith('127.') || address.startsWith('::ffff:127.');
}
