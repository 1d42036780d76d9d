/**
 * One direction of a long way between two sockets: bytes leave one after the other at its rate, and arrive a while later.
 * What comes faster than that waits here for a moment, and then with whoever sends it.
 */
import type { Socket } from 'node:net';

export interface Way {
  /** In this direction. */
  readonly delayMs: number;
  readonly bytesPerMs: number;
}

/** Waits here at most, about; it goes on when half of that is gone. */
const WAITING_MS_MAX = 40;

export class FarWay {
  private readonly from: Socket;
  private readonly to: Socket;
  private readonly way: Way;
  private readonly underway: { readonly chunk: Buffer; readonly arrivesMs: number }[] = [];
  /** When the last byte that waits will have left. */
  private freeMs = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, way: Way) {
    this.from = from;
    this.to = to;
    this.way = way;
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.on('close', () => {
      if (this.timer !== null) clearTimeout(this.timer);
    });
  }

  private take(chunk: Buffer): void {
    const nowMs = performance.now();
    this.freeMs = Math.max(this.freeMs, nowMs) + chunk.length / this.way.bytesPerMs;
    this.underway.push({ chunk, arrivesMs: this.freeMs + this.way.delayMs });
    if (this.freeMs - nowMs > WAITING_MS_MAX) this.from.pause();
    this.timer ??= this.wake(nowMs);
  }

  /** One timer for all: several would not keep their order. */
  private wake(nowMs: number): NodeJS.Timeout {
    return setTimeout(() => this.bring(), Math.max(1, this.underway[0].arrivesMs - nowMs));
  }

  private bring(): void {
    const nowMs = performance.now();
    while (this.underway.length > 0 && this.underway[0].arrivesMs <= nowMs) {
      const [{ chunk }] = this.underway.splice(0, 1);
      if (this.to.writable) this.to.write(chunk);
    }
    if (this.freeMs - nowMs < WAITING_MS_MAX / 2) this.from.resume();
    this.timer = this.underway.length === 0 ? null : this.wake(nowMs);
  }
}
