/**
 * A selector: which commands may be run, on which keys, with which channels. Every user has one, and may have more, each
 * of which is enough by itself. Names and patterns are kept as latin1 text, a character a byte.
 *
 * Invariant: commandRules, read from `fromAll` on, make exactly `allowed` and `firstArguments`.
 */
import type { Slice } from '../../core/slice.ts';
import { matchGlob } from '../glob.ts';
import { isOfCategory } from '../metadata/index.ts';
import type { CommandRegistry } from '../services.ts';
import type { Command } from '../table.ts';

/** What a key pattern allows; both are bits. */
export const Access = { read: 1, write: 2, both: 3 } as const;

interface KeyPattern {
  readonly text: string;
  readonly bytes: Buffer;
  access: number;
}

interface ChannelPattern {
  readonly text: string;
  readonly bytes: Buffer;
}

const SIGNS: Readonly<Record<number, string>> = { [Access.read]: '%R~', [Access.write]: '%W~', [Access.both]: '~' };

export class Selector {
  allKeys = false;
  allChannels: boolean;
  /** No command needs to be looked for in `allowed`. */
  allCommands = false;
  /** Began with +@all, not with -@all. */
  private fromAll = false;
  private readonly commandRules: string[] = [];
  private readonly allowed = new Set<Command>();
  private readonly firstArguments = new Map<Command, string[]>();
  private readonly keyPatterns: KeyPattern[] = [];
  private readonly channelPatterns: ChannelPattern[] = [];

  /** Allows nothing, but for all channels if it is made so. */
  constructor(allChannels: boolean) {
    this.allChannels = allChannels;
  }

  copy(): Selector {
    const copy = new Selector(this.allChannels);
    copy.allKeys = this.allKeys;
    copy.allCommands = this.allCommands;
    copy.fromAll = this.fromAll;
    copy.commandRules.push(...this.commandRules);
    for (const command of this.allowed) copy.allowed.add(command);
    for (const [command, words] of this.firstArguments) copy.firstArguments.set(command, [...words]);
    for (const pattern of this.keyPatterns) copy.keyPatterns.push({ ...pattern });
    copy.channelPatterns.push(...this.channelPatterns);
    return copy;
  }

  get unrestricted(): boolean {
    return this.allKeys && this.allChannels && this.allCommands;
  }

  // commands

  /** `word`: the argument behind the name, undefined if there is none. It may be long, and is read only if it matters. */
  allowsCommand(command: Command, word: Slice | undefined): boolean {
    if (this.allCommands || command.flags.includes('no_auth') || this.allowed.has(command)) return true;
    const words = this.firstArguments.get(command);
    return words !== undefined && word !== undefined && words.includes(word.latin1().toLowerCase());
  }

  /** `+@all` and `-@all`: whatever was said of commands before does not count any more. */
  setAllCommands(allow: boolean, commands: CommandRegistry): void {
    this.allCommands = allow;
    this.fromAll = allow;
    this.commandRules.length = 0;
    this.allowed.clear();
    this.firstArguments.clear();
    if (!allow) return;
    for (const command of withSubcommands(commands.all())) this.allowed.add(command);
  }

  setCommand(command: Command, allow: boolean): void {
    this.mark(command, allow);
    this.keepRule(command.name, allow);
  }

  /** `category`: one that there is, without its @. */
  setCategory(category: string, allow: boolean, commands: CommandRegistry): void {
    for (const command of withSubcommands(commands.all()))
      if (isOfCategory(command, category)) this.mark(command, allow);
    this.keepRule(`@${category}`, allow);
  }

  /** `+select|0`: a command that is forbidden otherwise may be run with this first argument. */
  allowFirstArgument(command: Command, word: string): void {
    const words = this.firstArguments.get(command) ?? [];
    this.firstArguments.set(command, words);
    if (!words.includes(word.toLowerCase())) words.push(word.toLowerCase());
    this.keepRule(`${command.name}|${word}`, true);
  }

  private mark(command: Command, allow: boolean): void {
    this.firstArguments.delete(command);
    for (const each of withSubcommands([command])) {
      if (allow) this.allowed.add(each);
      else this.allowed.delete(each);
    }
    if (!allow) this.allCommands = false;
  }

  /** The rule takes the place of those that it makes void: the same one, and those of sub-commands. */
  private keepRule(subject: string, allow: boolean): void {
    const name = subject.toLowerCase();
    const kept = this.commandRules.filter((rule) => rule.slice(1) !== name && !rule.slice(1).startsWith(`${name}|`));
    this.commandRules.splice(0, this.commandRules.length, ...kept, `${allow ? '+' : '-'}${name}`);
  }

  // keys

  setAllKeys(allow: boolean): void {
    this.allKeys = allow;
    this.keyPatterns.length = 0;
  }

  addKeyPattern(text: string, access: number): void {
    const known = this.keyPatterns.find((pattern) => pattern.text === text);
    if (known === undefined) this.keyPatterns.push({ text, bytes: Buffer.from(text, 'latin1'), access });
    else known.access |= access;
  }

  /** `access`: all that the command wants of the key must be allowed by one pattern. */
  allowsKey(key: Uint8Array, access: number): boolean {
    if (this.allKeys) return true;
    return this.keyPatterns.some((pattern) => (pattern.access & access) === access && matches(pattern.bytes, key));
  }

  allowsAnyKey(access: number): boolean {
    return this.allKeys || this.keyPatterns.some((each) => each.text === '*' && (each.access & access) === access);
  }

  // channels

  setAllChannels(allow: boolean): void {
    this.allChannels = allow;
    this.channelPatterns.length = 0;
  }

  addChannelPattern(text: string): void {
    if (this.hasChannelPattern(text)) return;
    this.channelPatterns.push({ text, bytes: Buffer.from(text, 'latin1') });
  }

  /** Of a pattern to listen to nobody knows what it may match: it must stand among the user's own, to the letter. */
  allowsChannel(name: Uint8Array, isPattern: boolean): boolean {
    if (this.allChannels) return true;
    return this.channelPatterns.some(({ bytes }) => (isPattern ? bytes.equals(name) : matches(bytes, name)));
  }

  hasChannelPattern(text: string): boolean {
    return this.channelPatterns.some((pattern) => pattern.text === text);
  }

  /** True if all that is allowed to listen to is allowed by one of `others`, as far as patterns can be compared. */
  hasChannelsWithin(others: readonly Selector[]): boolean {
    if (this.allChannels) return false;
    return this.channelPatterns.every(({ text }) => others.some((other) => other.hasChannelPattern(text)));
  }

  // what is shown

  describeCommands(): string {
    return [this.fromAll ? '+@all' : '-@all', ...this.commandRules].join(' ');
  }

  describeKeys(): string {
    if (this.allKeys) return '~*';
    return this.keyPatterns.map(describeKeyPattern).join(' ');
  }

  describeChannels(): string {
    return this.allChannels ? '&*' : this.channelPatterns.map(({ text }) => `&${text}`).join(' ');
  }

  /** As rules that make such a selector. */
  describe(): string {
    const channels = this.allChannels ? [] : ['resetchannels'];
    const parts = [this.describeKeys(), ...channels, this.describeChannels(), this.describeCommands()];
    return parts.filter((part) => part !== '').join(' ');
  }
}

/** `%RW~*` came as that, since `~*` is all keys: it must not be read as what allows more, and no other pattern beside it. */
function describeKeyPattern({ access, text }: KeyPattern): string {
  return access === Access.both && text === '*' ? '%RW~*' : `${SIGNS[access]}${text}`;
}

/** Commands, each with its sub-commands behind it. */
export function* withSubcommands(commands: readonly Command[]): Generator<Command> {
  for (const command of commands) {
    yield command;
    yield* command.subcommands ?? [];
  }
}

function matches(pattern: Uint8Array, text: Uint8Array): boolean {
  return matchGlob(pattern, 0, pattern.length, text, 0, text.length, false);
}
