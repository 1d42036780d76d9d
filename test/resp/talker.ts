/** Sessions without sockets: what is said comes back as text, at once. */
import type { Transport } from '../../src/resp/transport.ts';
import { serve } from './served.ts';

export class Talk implements Transport {
  readonly address = 'test:1';
  readonly localAddress = 'test:2';
  pendingBytes = 0;
  destroyed = false;
  private written = '';

  write(bytes: Buffer): boolean {
    this.written += bytes.toString('latin1');
    return true;
  }

  pauseReading(): void {}
  resumeReading(): void {}
  end(): void {}

  destroy(): void {
    this.destroyed = true;
  }

  /** What has been written since the last time. */
  get heard(): string {
    const { written } = this;
    this.written = '';
    return written;
  }
}

/** Opens sessions on one server: inline commands go in. */
export function talker(served = serve()) {
  const open = () => {
    const talk = new Talk();
    const session = served.server.open(talk);
    const say = (...lines: string[]) => {
      session.receive(Buffer.from(`${lines.join('\r\n')}\r\n`));
      return talk.heard;
    };
    return { talk, session, say };
  };
  return { served, open };
}
