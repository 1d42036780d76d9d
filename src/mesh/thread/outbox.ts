/**
 * Gathers what one thread says to the other in a turn, in its order, and posts it at once: a message between threads
 * costs some ten microseconds, whatever it holds. Bytes are copied once, into memory of their own that is then handed over:
 * a slice would take all of the buffer along in which it lies.
 */
import type { StreamBytes } from './messages.ts';

export interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

interface Gathered {
  readonly stream: number;
  readonly pieces: Uint8Array[];
}

type Entry<Message> = { readonly said: Message } | { readonly gathered: Gathered };

export class Outbox<Message extends { kind: string }> {
  private readonly port: Port;
  /** Calls back at the end of the turn. */
  private readonly later: (flush: () => void) => void;
  private entries: Entry<Message | StreamBytes>[] = [];
  private buffers: ArrayBuffer[] = [];
  /** By stream: where its bytes are gathered. */
  private readonly open = new Map<number, Gathered>();
  private isDue = false;

  constructor(port: Port, later: (flush: () => void) => void) {
    this.port = port;
    this.later = later;
  }

  say(message: Message): void {
    this.entries.push({ said: message });
    this.due();
  }

  /** Of a stream. What comes in one turn is one piece at its end; the bytes may not be changed before that. */
  pass(stream: number, bytes: Uint8Array): void {
    const known = this.open.get(stream);
    if (known !== undefined) known.pieces.push(bytes);
    else {
      const gathered = { stream, pieces: [bytes] };
      this.open.set(stream, gathered);
      this.entries.push({ gathered });
    }
    this.due();
  }

  /** A copy that the next message hands over. */
  own(bytes: Uint8Array): Uint8Array {
    return this.joined([bytes]);
  }

  flush(): void {
    this.isDue = false;
    const messages = this.entries.map((entry) =>
      'said' in entry
        ? entry.said
        : { kind: 'bytes', stream: entry.gathered.stream, bytes: this.joined(entry.gathered.pieces) },
    );
    const { buffers } = this;
    this.entries = [];
    this.buffers = [];
    this.open.clear();
    this.port.postMessage(messages, buffers);
  }

  private due(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.later(() => this.flush());
  }

  private joined(pieces: readonly Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.buffers.push(whole.buffer);
    return whole;
  }
}
