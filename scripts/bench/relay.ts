/**
 * A TCP relay on loopback between two servers: counts the bytes that pass in either direction, and can be cut, so that
 * both ends lose their connections at once and new ones are refused until it is restored. It may be a long way between them.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FarWay, type Way } from './far-way.ts';

export class Relay {
  /** Bytes from those who dial to the target, and back. */
  bytesToTarget = 0;
  bytesFromTarget = 0;
  port = 0;
  private readonly targetPort: number;
  private readonly way: Way | null;
  private readonly sockets = new Set<Socket>();
  private server: Server | null = null;

  private constructor(targetPort: number, way: Way | null) {
    this.targetPort = targetPort;
    this.way = way;
  }

  static async open(targetPort: number, way: Way | null = null): Promise<Relay> {
    const relay = new Relay(targetPort, way);
    await relay.restore();
    return relay;
  }

  get bytes(): number {
    return this.bytesToTarget + this.bytesFromTarget;
  }

  get connections(): number {
    return this.sockets.size / 2;
  }

  async cut(): Promise<void> {
    const { server } = this;
    this.server = null;
    for (const socket of this.sockets) socket.resetAndDestroy();
    if (server !== null) await new Promise((done) => server.close(done));
  }

  /** Listens again at the port that it had. */
  async restore(): Promise<void> {
    const server = createServer((socket) => this.join(socket));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    this.port = address.port;
  }

  private join(near: Socket): void {
    const far = connect(this.targetPort, '127.0.0.1');
    near.on('data', (chunk: Buffer) => (this.bytesToTarget += chunk.length));
    far.on('data', (chunk: Buffer) => (this.bytesFromTarget += chunk.length));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      this.sockets.add(from);
      from.setNoDelay(true);
      if (this.way === null) from.pipe(to);
      else new FarWay(from, to, this.way);
      // what ends one side ends the other; the reason is theirs to report
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}
