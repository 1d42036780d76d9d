/**
 * All commands, found by name. The hot path finds an entry from the bytes of the request, without making a string:
 * an open table over a hash of the lower-cased name. What each request asks of a command (its flags) is laid out
 * once, as bits.
 */
import type { Slice } from '../core/slice.ts';
import type { CommandRegistry } from './services.ts';
import type { Command, CommandFlag } from './table.ts';

/** What the dispatcher asks of a command at each request. */
export const Trait = {
  write: 1,
  denyOutOfMemory: 2,
  noAuth: 4,
  noMulti: 8,
  /** Runs at once, also after MULTI. */
  unqueued: 16,
  skipSlowLog: 32,
  /** May take long by its nature: its time is measured on its own. The others share the time of their chunk. */
  timed: 64,
  /** Ends or throws away a MULTI, or starts one: taken although memory is full. */
  transaction: 128,
  /** A RESP2 client that listens to channels may say it. */
  subscribed: 256,
  /** Taken while a script is past its time. */
  allowBusy: 512,
  /** Not for scripts. */
  noScript: 1024,
} as const;

export interface Entry {
  readonly command: Command;
  /** Dense, from 0: place in per-server columns. */
  readonly index: number;
  /** Bits of Trait. */
  readonly traits: number;
  /** The word that a request names it by: for `client|list` it is `list`. */
  readonly word: string;
  readonly subcommands: Entry[] | null;
}

const TABLE_SLOTS = 2048;
const UNQUEUED = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
const SUBSCRIBED = new Set([
  'ping',
  'subscribe',
  'psubscribe',
  'ssubscribe',
  'unsubscribe',
  'punsubscribe',
  'sunsubscribe',
  'quit',
  'reset',
]);
const TRANSACTION = new Set(['exec', 'discard', 'multi', 'quit', 'reset']);

export class Registry implements CommandRegistry {
  private readonly byName = new Map<string, Command>();
  private readonly slots: (Entry | undefined)[] = new Array(TABLE_SLOTS).fill(undefined);
  private readonly byCommand = new Map<Command, Entry>();
  private readonly top: Command[] = [];

  constructor(groups: readonly (readonly Command[])[]) {
    for (const command of groups.flat()) {
      if (this.byName.has(command.name)) throw new Error(`command ${command.name} is defined twice`);
      this.top.push(command);
      this.byName.set(command.name, command);
      for (const sub of command.subcommands ?? []) this.byName.set(sub.name, sub);
      this.place(this.enter(command));
    }
    this.top.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Command | undefined {
    return this.byName.get(name);
  }

  all(): readonly Command[] {
    return this.top;
  }

  /** The entry for a request's first argument, sub-commands not looked at. */
  lookup(name: Slice): Entry | undefined {
    for (let slot = hashName(name.bytes, name.start, name.end); ; slot = (slot + 1) & (TABLE_SLOTS - 1)) {
      const entry = this.slots[slot];
      if (entry === undefined || name.isWord(entry.word)) return entry;
    }
  }

  entryOf(command: Command): Entry {
    const entry = this.byCommand.get(command);
    if (entry === undefined) throw new Error(`command ${command.name} is not registered`);
    return entry;
  }

  private enter(command: Command): Entry {
    const bar = command.name.indexOf('|');
    const entry: Entry = {
      command,
      index: this.byCommand.size,
      traits: traitsOf(command),
      word: bar < 0 ? command.name : command.name.slice(bar + 1),
      subcommands: command.subcommands === undefined ? null : [],
    };
    this.byCommand.set(command, entry);
    for (const sub of command.subcommands ?? []) entry.subcommands?.push(this.enter(sub));
    return entry;
  }

  private place(entry: Entry): void {
    const bytes = Buffer.from(entry.word);
    let slot = hashName(bytes, 0, bytes.length);
    while (this.slots[slot] !== undefined) slot = (slot + 1) & (TABLE_SLOTS - 1);
    this.slots[slot] = entry;
  }
}

/** The sub-command of a container that a request's second argument names. */
export function findSubcommand(entries: readonly Entry[], word: Slice): Entry | undefined {
  for (const entry of entries) if (word.isWord(entry.word)) return entry;
  return undefined;
}

function traitsOf({ name, flags, complexity }: Command): number {
  const bit = (flag: CommandFlag, trait: number) => (flags.includes(flag) ? trait : 0);
  return (
    bit('write', Trait.write) |
    bit('denyoom', Trait.denyOutOfMemory) |
    bit('no_auth', Trait.noAuth) |
    bit('no_multi', Trait.noMulti) |
    bit('skip_slowlog', Trait.skipSlowLog) |
    bit('allow_busy', Trait.allowBusy) |
    bit('noscript', Trait.noScript) |
    (UNQUEUED.has(name) ? Trait.unqueued : 0) |
    (TRANSACTION.has(name) ? Trait.transaction : 0) |
    (SUBSCRIBED.has(name) ? Trait.subscribed : 0) |
    (flags.includes('fast') || complexity === 'O(1)' ? 0 : Trait.timed)
  );
}

function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] | 0x20)) | 0;
  return (hash ^ (hash >>> 11)) & (TABLE_SLOTS - 1);
}
