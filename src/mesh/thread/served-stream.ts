/**
 * One libp2p stream that the command thread reads and writes from afar. What arrives is passed on, but never more than
 * that thread can keep up with; what it sends is counted until it has left.
 */
import type { Stream } from '@libp2p/interface';
import { closeOrAbort } from '../transport.ts';
import { tellRoomSeldom } from '../window-updates.ts';
import type { Report } from './messages.ts';
import type { Outbox } from './outbox.ts';

/** Passed on and not worked on yet: more, and the stream is not read; half, and it is read again. */
const UNWORKED_BYTES_MAX = 8 * 1024 * 1024;

export class ServedStream {
  private readonly stream: Stream;
  private readonly number: number;
  private readonly outbox: Outbox<Report>;
  private unworkedBytes = 0;
  private isPaused = false;
  /** Ordered, and not reported as sent yet. */
  private unsentBytes = 0;

  constructor(stream: Stream, number: number, outbox: Outbox<Report>, ended: () => void) {
    this.stream = stream;
    this.number = number;
    this.outbox = outbox;
    stream.inactivityTimeout = Number.MAX_SAFE_INTEGER;
    tellRoomSeldom(stream);
    stream.addEventListener('message', ({ data }) =>
      this.received(data instanceof Uint8Array ? data : data.subarray()),
    );
    for (const event of ['drain', 'idle'] as const) stream.addEventListener(event, () => this.reportSent());
    stream.addEventListener('remoteCloseWrite', () => outbox.say({ kind: 'remote closed writing', stream: number }));
    stream.addEventListener('close', () => {
      outbox.say({ kind: 'stream closed', stream: number });
      ended();
    });
  }

  send(bytes: Uint8Array): void {
    if (this.stream.writeStatus !== 'writable') return;
    this.unsentBytes += bytes.length;
    this.stream.send(bytes);
    this.reportSent();
  }

  workedOn(bytes: number): void {
    this.unworkedBytes -= bytes;
    if (!this.isPaused || this.unworkedBytes > UNWORKED_BYTES_MAX / 2) return;
    this.isPaused = false;
    if (this.stream.status === 'open') this.stream.resume();
  }

  close(): void {
    void closeOrAbort(this.stream);
  }

  abort(reason: string): void {
    this.stream.abort(new Error(reason));
  }

  private received(bytes: Uint8Array): void {
    this.outbox.pass(this.number, bytes);
    this.unworkedBytes += bytes.length;
    if (this.isPaused || this.unworkedBytes <= UNWORKED_BYTES_MAX || this.stream.status !== 'open') return;
    this.isPaused = true;
    this.stream.pause();
  }

  private reportSent(): void {
    const bytes = this.unsentBytes - this.stream.writeBufferLength;
    if (bytes <= 0) return;
    this.unsentBytes -= bytes;
    this.outbox.say({ kind: 'sent', stream: this.number, bytes });
  }
}
