/** A TCP proxy in front of a node that can stop passing bytes while it keeps its connections open, as a bad network does. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  readonly port: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private holding = false;
  private refusing = false;
  /** Bytes that may still pass. */
  private left = Number.POSITIVE_INFINITY;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  /** Passes everything on to a port of this machine. */
  static start(targetPort: number): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        const proxy = new TcpProxy(server, address.port);
        server.on('connection', (socket) => proxy.accept(socket, targetPort));
        running.add(proxy);
        resolve(proxy);
      });
    });
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.port}`;
  }

  /** Nothing passes any more, neither bytes nor the end of a connection; new ones are accepted and hang as well. */
  hold(): void {
    this.holding = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** What was held back passes. */
  resume(): void {
    this.holding = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Ends all connections; `refusing`: and takes no new ones. */
  cut(refusing = false): void {
    this.refusing = refusing;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends all connections as soon as so many more bytes have passed, in both directions together; and takes no new ones. */
  cutAfter(bytes: number): void {
    this.left = bytes;
  }

  /** Takes new connections again. */
  restore(): void {
    this.refusing = false;
  }

  stop(): void {
    running.delete(this);
    this.server.close();
    this.cut(true);
  }

  private accept(outer: Socket, targetPort: number): void {
    if (this.refusing) {
      outer.destroy();
      return;
    }
    const inner = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
    ]) {
      this.sockets.add(from);
      from.on('data', (bytes) => {
        to.write(bytes);
        this.left -= bytes.length;
        if (this.left > 0) return;
        this.left = Number.POSITIVE_INFINITY;
        this.cut(true);
      });
      from.on('end', () => to.end());
      from.on('close', () => {
        this.sockets.delete(from);
        if (!this.holding) to.destroy();
      });
      // an error is followed by close
      from.on('error', () => undefined);
      if (this.holding) from.pause();
    }
  }
}

const running = new Set<TcpProxy>();

export function stopProxies(): void {
  for (const proxy of running) proxy.stop();
}
