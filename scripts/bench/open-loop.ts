/**
 * Writes on a schedule that does not wait for answers: write n is due at n / rate, and is counted from then, so that a
 * server that stalls does not slow down what it is measured by. Every answer must be OK.
 */
import { connect, type Socket } from 'node:net';

const OK = '+OK\r\n';
const ANSWER_MS_MAX = 30_000;

export class OpenLoop {
  /** Writes sent and answered so far. */
  sent = 0;
  answered = 0;
  private readonly socket: Socket;
  private readonly perSecond: number;
  private readonly total: number;
  private readonly command: (index: number) => string;
  private startMs = 0;
  private partial = '';
  private failure: Error | null = null;

  private constructor(socket: Socket, perSecond: number, total: number, command: (index: number) => string) {
    this.socket = socket;
    this.perSecond = perSecond;
    this.total = total;
    this.command = command;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.take(chunk.toString('latin1')));
    socket.on('error', (error) => (this.failure ??= error));
    socket.on('close', () => (this.failure ??= new Error('connection closed')));
  }

  /** `command` gives write `index` as it goes over the wire. */
  static async open(
    port: number,
    perSecond: number,
    total: number,
    command: (index: number) => string,
  ): Promise<OpenLoop> {
    return new OpenLoop(await connected(port), perSecond, total, command);
  }

  /** From now on write 0 is due. */
  start(): void {
    this.startMs = performance.now();
  }

  dueMs(index: number): number {
    return this.startMs + (index * 1000) / this.perSecond;
  }

  /** Sends what is due; to be called as often as the schedule shall be exact. */
  sendDue(): void {
    const due = Math.min(this.total, Math.floor(((performance.now() - this.startMs) * this.perSecond) / 1000) + 1);
    if (this.sent >= due) return;
    let commands = '';
    for (; this.sent < due; this.sent++) commands += this.command(this.sent);
    this.socket.write(commands, 'latin1');
  }

  /** Sends everything in its time, by a timer, and waits for the answers. */
  async run(): Promise<void> {
    this.start();
    try {
      while (this.sent < this.total) {
        this.assertHealthy();
        this.sendDue();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await this.finish();
    } finally {
      this.socket.destroy();
    }
  }

  /** Waits until all that was sent is answered. */
  async finish(): Promise<void> {
    const limit = performance.now() + ANSWER_MS_MAX;
    while (this.answered < this.sent) {
      this.assertHealthy();
      if (performance.now() > limit) throw new Error(`${this.sent - this.answered} writes were not answered`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.assertHealthy();
    this.socket.destroy();
  }

  assertHealthy(): void {
    if (this.failure !== null) throw this.failure;
  }

  private take(chunk: string): void {
    const text = this.partial + chunk;
    const whole = text.length - (text.length % OK.length);
    for (let at = 0; at < whole; at += OK.length) {
      if (!text.startsWith(OK, at)) {
        this.failure ??= new Error(`instead of OK: ${text.slice(at, at + 100)}`);
        return;
      }
      this.answered++;
    }
    this.partial = text.slice(whole);
  }
}

/** A connection without delay; errors after this are the caller's. */
export function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** A command of plain words as it goes over the wire. */
export function encoded(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
