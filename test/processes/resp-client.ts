/**
 * A plain RESP2 client for tests: sends what it is told, answers in order, hides nothing. Clients of the real world
 * are tested beside it; this one is for what they would get in the way of (pipelines without end, dying servers).
 */
import { connect, type Socket } from 'node:net';
import type { Answer } from '../conformance/cases.ts';

export class RespClient {
  private readonly socket: Socket;
  private readonly waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  private input: Buffer = Buffer.alloc(0);
  private broken: Error | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('connection closed')));
  }

  static open(port: number, host = '127.0.0.1'): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RespClient(socket));
      });
    });
  }

  /** An error reply is an answer too; only a lost connection rejects. */
  command(...words: (string | number | Buffer)[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.broken !== null) {
        reject(this.broken);
        return;
      }
      this.waiting.push({ resolve, reject });
      this.socket.write(encode(words));
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.input = this.input.length === 0 ? chunk : Buffer.concat([this.input, chunk]);
    let at = 0;
    for (;;) {
      const parsed = parse(this.input, at);
      if (parsed === null) break;
      at = parsed.next;
      this.waiting.shift()?.resolve(parsed.answer);
    }
    this.input = this.input.subarray(at);
  }

  private end(error: Error): void {
    this.broken ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.broken);
  }
}

function encode(words: readonly (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Null while the reply at `at` is not complete. */
export function parse(input: Buffer, at: number): { answer: Answer; next: number } | null {
  const lineEnd = input.indexOf('\r\n', at);
  if (lineEnd < 0) return null;
  const text = input.toString('utf8', at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (input[at]) {
    case 0x2b: // +
      return { answer: text, next };
    case 0x2d: // -
      return { answer: { error: text }, next };
    case 0x3a: // :
      return { answer: Number(text), next };
    case 0x24: {
      // $
      const length = Number(text);
      if (length < 0) return { answer: null, next };
      if (input.length < next + length + 2) return null;
      return { answer: input.toString('utf8', next, next + length), next: next + length + 2 };
    }
    case 0x2a: // *
      return parseArray(input, Number(text), next);
    default:
      throw new Error(`no RESP2 reply: ${JSON.stringify(input.toString('latin1', at, at + 40))}`);
  }
}

function parseArray(input: Buffer, length: number, at: number): { answer: Answer; next: number } | null {
  if (length < 0) return { answer: null, next: at };
  const items: Answer[] = [];
  for (let i = 0; i < length; i++) {
    const item = parse(input, at);
    if (item === null) return null;
    items.push(item.answer);
    at = item.next;
  }
  return { answer: items, next: at };
}
