/**
 * All commands, found by name. The hot path finds an entry from the bytes of the request, without making a string:
 * an open table over a hash of the lower-cased name.
 */
import type { Slice } from '../core/slice.ts';
import type { CommandRegistry } from './services.ts';
import type { Command } from './table.ts';

const TABLE_SLOTS = 2048;

export class Registry implements CommandRegistry {
  private readonly byName = new Map<string, Command>();
  private readonly slots: (Command | undefined)[] = new Array(TABLE_SLOTS).fill(undefined);
  private readonly top: Command[] = [];

  constructor(groups: readonly (readonly Command[])[]) {
    for (const command of groups.flat()) {
      if (this.byName.has(command.name)) throw new Error(`command ${command.name} is defined twice`);
      this.top.push(command);
      this.byName.set(command.name, command);
      for (const sub of command.subcommands ?? []) this.byName.set(sub.name, sub);
      this.place(command);
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
  lookup(name: Slice): Command | undefined {
    for (let slot = hashName(name.bytes, name.start, name.end); ; slot = (slot + 1) % TABLE_SLOTS) {
      const command = this.slots[slot];
      if (command === undefined || name.isWord(command.name)) return command;
    }
  }

  private place(command: Command): void {
    const bytes = Buffer.from(command.name);
    let slot = hashName(bytes, 0, bytes.length);
    while (this.slots[slot] !== undefined) slot = (slot + 1) % TABLE_SLOTS;
    this.slots[slot] = command;
  }
}

function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] | 0x20)) | 0;
  return (hash ^ (hash >>> 11)) & (TABLE_SLOTS - 1);
}
