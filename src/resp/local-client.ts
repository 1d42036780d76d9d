/** A client in the same process, through the very code that serves sockets: for tests of several engines in one process. */
import { decodeReply, type ReplyValue } from './decode.ts';
import type { RespServer } from './server.ts';
import type { Session } from './session.ts';

export class LocalClient {
  private readonly session: Session;
  private received: Buffer[] = [];
  private wake: () => void = () => {};

  constructor(server: RespServer) {
    this.session = server.open({
      address: '127.0.0.1:0',
      localAddress: '127.0.0.1:0',
      pendingBytes: 0,
      write: (bytes) => {
        this.received.push(Buffer.from(bytes));
        this.wake();
        return true;
      },
      end() {},
      destroy() {},
    });
  }

  /** Runs one command and gives its reply's bytes. */
  async raw(...args: (string | Buffer)[]): Promise<Buffer> {
    this.received = [];
    const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) {
      const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    this.session.receive(Buffer.concat(parts));
    for (;;) {
      const bytes = Buffer.concat(this.received);
      if (bytes.length > 0 && decodeReply(bytes) !== null) return bytes;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async run(...args: (string | Buffer)[]): Promise<ReplyValue> {
    const decoded = decodeReply(await this.raw(...args));
    if (decoded === null) throw new Error(`no whole reply to ${args.join(' ')}`);
    return decoded.value;
  }
}
