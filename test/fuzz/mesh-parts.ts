/** What of libp2p the mesh's code holds in its hands, as far as it matters for what peers send: nothing goes anywhere. */
import type { Connection, Stream } from '@libp2p/interface';

/** A stream that takes everything, and brings what it is given. */
export class FuzzedStream extends EventTarget {
  readonly status = 'open';
  inactivityTimeout = 0;
  readonly writeBufferLength = 0;
  sentBytes = 0;
  aborted: Error | null = null;

  send(bytes: Uint8Array): boolean {
    this.sentBytes += bytes.length;
    return true;
  }

  abort(reason: Error): void {
    this.aborted = reason;
  }

  async close(): Promise<void> {}

  bring(bytes: Uint8Array): void {
    this.dispatchEvent(new MessageEvent('message', { data: bytes }));
  }

  asStream(): Stream {
    return this as unknown as Stream;
  }
}

export function connection(): Connection {
  return { abort() {} } as unknown as Connection;
}

/** Keeps what was warned of, to be looked at. */
export class FuzzedLog {
  readonly warnings: { details: object; message: string }[] = [];
  info(): void {}
  warn(details: object, message: string): void {
    this.warnings.push({ details, message });
  }
}
