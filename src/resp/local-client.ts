/** A client in the same process, through the very code that serves sockets: for tests of several engines in one process. */
import { decodeReply, type ReplyValue } from './decode.ts';
import type { RespServer } from './server.ts';
import type { Session } from './session.ts';

export class LocalClient {
  private readonly session: Session;
  private received: Buffer = Buffer.alloc(0);
  private wake: () => void = () => {};
  private closed = false;
  /** Commands run one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(server: RespServer) {
    const close = () => {
      this.closed = true;
      this.wake();
    };
    this.session = server.open({
      address: '127.0.0.1:0',
      localAddress: '127.0.0.1:0',
      pendingBytes: 0,
      write: (bytes) => {
        this.received = Buffer.concat([this.received, bytes]);
        this.wake();
        return true;
      },
      pauseReading() {},
      resumeReading() {},
      end: close,
      destroy: close,
    });
  }

  /** Runs one command and gives its reply's bytes. */
  raw(...args: (string | Buffer)[]): Promise<Buffer> {
    const reply = this.last.then(() => this.ask(encodeRequest(args)));
    this.last = reply.catch(() => {});
    return reply;
  }

  /** The same, decoded: strings are latin1, errors are ReplyError values. */
  async run(...args: (string | Buffer)[]): Promise<ReplyValue> {
    const decoded = decodeReply(await this.raw(...args));
    if (decoded === null) throw new Error(`no whole reply to ${args.join(' ')}`);
    return decoded.value;
  }

  private async ask(request: Buffer): Promise<Buffer> {
    this.session.receive(request);
    for (;;) {
      const reply = decodeReply(this.received);
      if (reply !== null) {
        const bytes = this.received.subarray(0, reply.next);
        this.received = this.received.subarray(reply.next);
        return bytes;
      }
      if (this.closed) throw new Error('the connection is closed');
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** A request as clients send it; strings are latin1. */
export function encodeRequest(args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
