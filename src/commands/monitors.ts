/** MONITOR: clients that are shown every command as it runs, but for those of administrators and what they would give away. */
import type { Slice } from '../core/slice.ts';
import type { Client } from './client.ts';
import { redisEntry } from './metadata/entry.ts';
import type { Reply } from './reply.ts';
import { isCredential } from './slow-log.ts';
import type { Call, Command } from './table.ts';

export class Monitors {
  /** How many there are: every command asks. */
  count = 0;
  private readonly clients = new Set<Client>();

  add(client: Client): void {
    this.clients.add(client);
    this.count = this.clients.size;
  }

  remove(client: Client): void {
    this.clients.delete(client);
    this.count = this.clients.size;
  }

  has(client: Client): boolean {
    return this.clients.has(client);
  }

  /** Shows a command, if it may be seen, in Redis's form: UNIX time, database and address of who said it, its words. */
  show(call: Call): void {
    const { flags } = call.command;
    if (!flags.includes('skip_monitor') && !flags.includes('admin')) this.write(call);
  }

  /** Shows a script's call before the commands that it runs. */
  showScript(call: Call): void {
    if (this.count > 0) this.write(call);
  }

  private write({ args, argc, client, command: { name } }: Call): void {
    const now = Date.now();
    const seconds = `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}000`;
    let line = `${seconds} [${client.database} ${client.address}]`;
    const hiddenFrom = secretsFrom(args, argc);
    const isHidden = (at: number) => at >= hiddenFrom || (name === 'migrate' && isCredential(args, at));
    for (let i = 0; i < argc; i++) line += isHidden(i) ? ' "(redacted)"' : ` ${quoted(args[i])}`;
    const write = (reply: Reply) => reply.status(line);
    for (const each of this.clients) each.push(write);
  }
}

/** HELLO may carry a password, as AUTH does. */
function secretsFrom(args: readonly Slice[], argc: number): number {
  if (args[0].isWord('auth')) return 1;
  if (!args[0].isWord('hello')) return argc;
  for (let i = 2; i < argc; i++) if (args[i].isWord('auth')) return i + 1;
  return argc;
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

function quoted({ bytes, start, end }: Slice): string {
  let text = '"';
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    text +=
      ESCAPES[byte] ??
      (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`);
  }
  return `${text}"`;
}

export const monitorCommand: Command = redisEntry('monitor', ({ client, reply, services }) => {
  if (!client.mayBlock) {
    reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    return;
  }
  services.monitors.add(client);
  reply.ok();
});
