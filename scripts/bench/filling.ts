/**
 * Data of the shapes that memory and start-up are measured by, written through one connection in big pipelines. Keys have
 * 16 bytes, values, fields and members 16 bytes each as well, all of them different; scores are whole numbers.
 */
import type { Socket } from 'node:net';
import { connected } from './open-loop.ts';

export const SHAPES = ['strings', 'hashes', 'sets', 'zsets', 'lists'] as const;
export type Shape = (typeof SHAPES)[number];

/** What a key of the shape holds. */
export const ELEMENTS: Record<Shape, number> = { strings: 1, hashes: 10, sets: 100, zsets: 100, lists: 100 };

/** Sent before the next piece is made, and so many pieces may be unanswered. */
const PIECE_BYTES = 128 * 1024;
const PIECES_MAX = 4;

/** Writes keys `from` up to `from + count`, and resolves when all are answered. Throws on an error reply. */
export async function fill(port: number, shape: Shape, count: number, from = 0): Promise<void> {
  await sendAll(port, commandsOf(shape, from, from + count));
}

function* commandsOf(shape: Shape, from: number, to: number): Generator<string> {
  for (let index = from; index < to; index++) yield commandFor(shape, index);
}

/** Sends encoded commands whose replies have so many lines each, and resolves when all are answered. Throws on an error reply. */
export async function sendAll(port: number, commands: Iterable<string>, linesPerReply = 1): Promise<void> {
  const socket = await connected(port);
  const replies = new Replies(socket);
  const sentAt: number[] = [];
  let sent = 0;
  let piece = '';
  const send = () => {
    socket.write(piece, 'latin1');
    piece = '';
    sentAt.push(sent * linesPerReply);
  };
  try {
    for (const command of commands) {
      piece += command;
      sent++;
      if (piece.length < PIECE_BYTES) continue;
      send();
      if (sentAt.length >= PIECES_MAX) await replies.reach(sentAt.splice(0, 1)[0]);
    }
    if (piece !== '') send();
    await replies.reach(sent * linesPerReply);
  } finally {
    socket.destroy();
  }
}

/** Counts lines. */
class Replies {
  private count = 0;
  /** A line begins with what comes next. */
  private isAtLine = true;
  private failure: Error | null = null;
  private awaited: { count: number; done: () => void; failed: (error: Error) => void } | null = null;

  constructor(socket: Socket) {
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('connection closed')));
  }

  reach(count: number): Promise<void> {
    return new Promise((done, failed) => {
      this.awaited = { count, done, failed };
      this.look();
    });
  }

  private take(chunk: Buffer): void {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.count++;
    const error = this.isAtLine && chunk[0] === 45 ? 0 : chunk.indexOf('\n-');
    if (error >= 0) this.fail(new Error(`an error reply: ${chunk.toString('latin1', error, error + 100).trim()}`));
    this.isAtLine = chunk.at(-1) === 10;
    this.look();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.look();
  }

  private look(): void {
    const { awaited } = this;
    if (awaited === null) return;
    if (this.failure !== null) awaited.failed(this.failure);
    else if (this.count >= awaited.count) awaited.done();
    else return;
    this.awaited = null;
  }
}

function commandFor(shape: Shape, index: number): string {
  const key = name('key:', index);
  const first = index * ELEMENTS[shape];
  switch (shape) {
    case 'strings':
      return words(['SET', key, name('val:', index)]);
    case 'hashes':
      return words(['HSET', key, ...each(shape, (at) => [name('fld:', at), name('val:', first + at)])]);
    case 'sets':
      return words(['SADD', key, ...each(shape, (at) => [name('mem:', first + at)])]);
    case 'zsets':
      return words(['ZADD', key, ...each(shape, (at) => [`${at}`, name('mem:', first + at)])]);
    case 'lists':
      return words(['RPUSH', key, ...each(shape, (at) => [name('val:', first + at)])]);
  }
}

function each(shape: Shape, make: (at: number) => string[]): string[] {
  return Array.from({ length: ELEMENTS[shape] }, (_, at) => make(at)).flat();
}

function name(prefix: string, index: number): string {
  return `${prefix}${`${index}`.padStart(12, '0')}`;
}

/** A command as it travels. */
export function words(all: readonly string[]): string {
  let text = `*${all.length}\r\n`;
  for (const word of all) text += `$${word.length}\r\n${word}\r\n`;
  return text;
}
