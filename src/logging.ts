/** The node's log: pino, as JSON for machines or as plain lines for people. */
import { openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import pino from 'pino';

export type Logger = pino.Logger;

const LEVELS: Record<string, pino.LevelWithSilent> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  nothing: 'silent',
};
const MARKS: Record<number, string> = { 10: '.', 20: '.', 30: '*', 40: '#', 50: '#', 60: '#' };

/** `level` is a loglevel of redis.conf; `format` is auto, text or json; `file` is appended to, empty: stdout. Throws if it cannot be. */
export function createLogger(level: string, format: string, file = ''): Logger {
  const options = { level: pinoLevel(level), base: undefined };
  const fd = file === '' ? 1 : openSync(file, 'a', 0o640);
  return writesText(format, file)
    ? pino(options, new TextLines(fd))
    : pino(options, pino.destination({ fd, sync: true }));
}

/** Whether people read the log: by `format`, and by whether it goes to a terminal. */
export function writesText(format: string, file = ''): boolean {
  return format === 'text' || (format === 'auto' && file === '' && process.stdout.isTTY === true);
}

export function pinoLevel(level: string): pino.LevelWithSilent {
  return LEVELS[level] ?? 'info';
}

/** Lines in the form of Redis's log: pid:M date mark message. */
class TextLines extends Writable {
  private readonly fd: number;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const { level, time, msg, err, ...rest } = JSON.parse(chunk.toString()) as Record<string, unknown>;
    const details = Object.entries(rest).map(
      ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    const error = err === undefined ? '' : ` (${String((err as { message?: unknown }).message ?? err)})`;
    const at = new Date(Number(time)).toISOString().replace('T', ' ').replace('Z', '');
    const line = `${process.pid}:M ${at} ${MARKS[Number(level)] ?? '*'} ${String(msg)}${error}${details.join('')}\n`;
    if (this.fd === 1) process.stdout.write(line);
    else writeSync(this.fd, line);
    done();
  }
}
