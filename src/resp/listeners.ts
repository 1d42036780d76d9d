/**
 * Where clients come in: TCP on several addresses, TLS on the same ones, a UNIX socket. What comes in is handed on as a
 * socket that is not read yet; how it came decides only how it may be read (socket-transport.ts).
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

export interface ListenOptions {
  /** 0: the system chooses; null: no plain TCP. */
  readonly port: number | null;
  readonly addresses: readonly string[];
  /** Connections that may wait to be accepted; default: as many as the system chooses. */
  readonly backlog?: number;
  readonly tls?: { readonly port: number; readonly options: tls.TlsOptions } | null;
  /** `mode`: of the socket file; 0: as the umask has it. */
  readonly unix?: { readonly path: string; readonly mode: number } | null;
}

export interface ListenerEvents {
  /** `path`: of the UNIX socket that it came by. */
  accepted(socket: net.Socket, path: string | null): void;
  /** Something went wrong with a listener, or with a client before it was one. */
  failed(what: string, error: Error): void;
}

export class Listeners {
  private readonly events: ListenerEvents;
  private readonly servers: net.Server[] = [];
  private readonly secured: tls.Server[] = [];
  private backlog: number | undefined;

  constructor(events: ListenerEvents) {
    this.events = events;
  }

  /** On every address or on none: rejects with an error that names the address and what to do. The plain TCP port. */
  async open({ port, addresses, backlog, tls: secure = null, unix = null }: ListenOptions): Promise<number> {
    this.backlog = backlog;
    let bound = port ?? 0;
    try {
      if (port !== null) for (const address of addresses) bound = await this.listen(this.plain(), bound, address);
      if (secure !== null)
        for (const address of addresses) await this.listen(this.encrypted(secure.options), secure.port, address);
      if (unix !== null) await this.listenAt(unix.path, unix.mode);
    } catch (error) {
      await this.close();
      throw error;
    }
    return bound;
  }

  /** New certificates: for who connects from now on. Throws what OpenSSL says of them. */
  secureAnew(options: tls.TlsOptions): void {
    for (const server of this.secured) server.setSecureContext(options);
  }

  /** Stops accepting; resolves when the last connection has gone. */
  async close(): Promise<void> {
    this.secured.length = 0;
    const servers = this.servers.splice(0);
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  private plain(path: string | null = null): net.Server {
    const options = {
      noDelay: true,
      pauseOnConnect: true,
      allowHalfOpen: true,
    };
    return net.createServer(options, (socket) => this.events.accepted(socket, path));
  }

  private encrypted(options: tls.TlsOptions): tls.Server {
    const server = tls.createServer({
      ...options,
      noDelay: true,
    });
    // OpenSSL lets a client go on whose certificate was asked for and is wrong, where it may also have none
    const isImpostor = (socket: tls.TLSSocket) =>
      options.requestCert === true && !socket.authorized && socket.getPeerX509Certificate() !== undefined;
    server.on('secureConnection', (socket) => {
      if (!isImpostor(socket)) {
        this.events.accepted(socket, null);
        return;
      }
      socket.on('error', () => socket.destroy());
      socket.destroy();
      this.events.failed(
        'client refused',
        new Error(`its certificate is no good: ${String(socket.authorizationError)}`),
      );
    });
    server.on('tlsClientError', (error) => this.events.failed('TLS handshake with a client', error));
    this.secured.push(server);
    return server;
  }

  private async listen(server: net.Server, port: number, address: string): Promise<number> {
    await this.begin(server, { port, host: address, ipv6Only: address.includes(':') }, `${address}:${port}`, REASONS);
    const assigned = server.address();
    return assigned !== null && typeof assigned === 'object' ? assigned.port : port;
  }

  private async listenAt(path: string, mode: number): Promise<void> {
    removeStale(path);
    await this.begin(this.plain(path), { path }, path, REASONS_OF_PATHS);
    if (mode !== 0) chmodSync(path, mode);
  }

  private async begin(server: net.Server, where: net.ListenOptions, place: string, reasons: Reasons): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, place, reasons)));
      server.listen({ ...where, backlog: this.backlog }, resolve);
    });
    server.on('error', (error) => this.events.failed('listener', error));
    this.servers.push(server);
  }
}

/** The socket that a node left behind which was killed. Anything else in that place stays. */
function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() === true) unlinkSync(path);
}

/** What to do, by error code. */
type Reasons = Readonly<Record<string, string>>;

const REASONS: Reasons = {
  EADDRINUSE: 'the port is in use: another server runs there; choose another port or stop it',
  EADDRNOTAVAIL: 'this machine has no such address; see `bind`',
  EACCES: 'not permitted; ports below 1024 need privileges',
  ENOTFOUND: 'the name cannot be resolved; see `bind`',
};
const REASONS_OF_PATHS: Reasons = {
  EADDRINUSE: 'something that is no socket is there',
  EACCES: 'not permitted, or there is no such directory',
};

function listenError(error: NodeJS.ErrnoException, place: string, reasons: Reasons): Error {
  const reason = reasons[error.code ?? ''] ?? error.message;
  return Object.assign(new Error(`cannot listen on ${place}: ${reason}`, { cause: error }), { code: error.code });
}
