/**
 * A socket as a session's Transport, and how sockets are read: all of them into one buffer. Node.js otherwise takes
 * 64 KiB of fresh memory for each read; one shared buffer is worth 20 to 30 % at pipeline depth 16. It is safe since a
 * chunk is used up, or copied, before the next read.
 */
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport } from './transport.ts';

const READ_BYTES = 256 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Hears of one socket. */
export interface SocketEvents {
  /** bytes[0..length) are valid until this returns. */
  received(bytes: Buffer, length: number): void;
  /** All that was written has gone. */
  drained(): void;
  /** The other side sends no more. */
  ended(): void;
  closed(): void;
  failed(error: NodeJS.ErrnoException): void;
}

export class SocketTransport implements Transport {
  readonly address: string;
  readonly localAddress: string;
  private readonly socket: net.Socket;

  /** `path`: of the UNIX socket that it came by. */
  constructor(socket: net.Socket, path: string | null) {
    this.socket = socket;
    this.address = path === null ? showAddress(socket.remoteAddress, socket.remotePort) : `${path}:0`;
    this.localAddress = path === null ? showAddress(socket.localAddress, socket.localPort) : `${path}:0`;
  }

  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): boolean {
    this.socket.write(bytes);
    // libuv wrote it all at once, as it does unless the kernel's buffer is full
    return this.socket.writableLength === 0;
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/**
 * Takes over a socket that a server with `pauseOnConnect` has accepted, and reads it into the shared buffer. That
 * needs the socket's handle, for which Node.js has no public name; without it, and under TLS, the socket is read in the
 * ordinary way.
 */
export function openSocket(accepted: net.Socket, events: SocketEvents): net.Socket {
  const socket = (accepted instanceof TLSSocket ? null : adoptHandle(accepted, events)) ?? readChunks(accepted, events);
  socket.on('drain', () => events.drained());
  socket.on('end', () => events.ended());
  socket.on('error', (error) => events.failed(error));
  socket.on('close', () => events.closed());
  return socket;
}

function adoptHandle(accepted: net.Socket, events: SocketEvents): net.Socket | null {
  const holder = accepted as unknown as { _handle?: { useUserBuffer?: unknown } | null };
  const handle = holder._handle;
  if (typeof handle?.useUserBuffer !== 'function') return null;
  // the server counts `accepted` out when it is destroyed, which without its handle leaves the connection alone
  holder._handle = null;
  accepted.destroy();
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: readBuffer,
      callback(length: number, bytes: Uint8Array): boolean {
        events.received(bytes as Buffer, length);
        return true;
      },
    },
  };
  return new net.Socket(options as net.SocketConstructorOpts);
}

function readChunks(accepted: net.Socket, events: SocketEvents): net.Socket {
  accepted.on('data', (chunk) => events.received(chunk, chunk.length));
  return accepted.resume();
}

function showAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0';
  const shown = host.startsWith('::ffff:') ? host.slice(7) : host;
  return `${shown.includes(':') ? `[${shown}]` : shown}:${port ?? 0}`;
}
