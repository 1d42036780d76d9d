/** A client of a simulated node: requests go in through the session code that serves sockets, replies come back whole. */
import { decodeReply, type ReplyValue } from '../../src/resp/decode.ts';
import { encodeRequest } from '../../src/resp/local-client.ts';
import type { RespServer } from '../../src/resp/server.ts';
import type { Session } from '../../src/resp/session.ts';

export class SimulatedClient {
  closed = false;
  private readonly session: Session;
  private received: Buffer = Buffer.alloc(0);
  private awaited: { left: number; replies: ReplyValue[]; done: (replies: ReplyValue[]) => void } | null = null;

  constructor(server: RespServer) {
    const close = () => {
      this.closed = true;
    };
    this.session = server.open({
      address: '127.0.0.1:0',
      localAddress: '127.0.0.1:0',
      pendingBytes: 0,
      write: (bytes) => {
        this.received = Buffer.concat([this.received, bytes]);
        this.take();
        return true;
      },
      pauseReading() {},
      resumeReading() {},
      end: close,
      destroy: close,
    });
  }

  /** Sends commands in one piece; `done` gets their replies. They run before this returns, where nothing blocks them. */
  ask(commands: readonly (readonly string[])[], done: (replies: ReplyValue[]) => void): void {
    if (this.awaited !== null) throw new Error('a client asks one thing at a time');
    this.awaited = { left: commands.length, replies: [], done };
    this.session.receive(Buffer.concat(commands.map((words) => encodeRequest(words))));
  }

  get busy(): boolean {
    return this.awaited !== null;
  }

  private take(): void {
    for (let reply = decodeReply(this.received); reply !== null; reply = decodeReply(this.received)) {
      const { awaited } = this;
      if (awaited === null) throw new Error('a reply that nobody asked for');
      this.received = this.received.subarray(reply.next);
      awaited.replies.push(reply.value);
      if (--awaited.left > 0) continue;
      this.awaited = null;
      awaited.done(awaited.replies);
    }
  }
}
