/**
 * The rules that say what a selector allows: commands, keys, channels. A rule that makes no sense changes nothing, and is
 * answered with what is wrong, in Redis's words.
 */
import { aclCategories } from '../metadata/index.ts';
import type { CommandRegistry } from '../services.ts';
import { Access, type Selector } from './selector.ts';

export const RuleFault = {
  unknownCommand: 'Unknown command or category name in ACL',
  syntax: 'Syntax error',
  keyAfterAll:
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. " +
    "Try 'resetkeys' to start with an empty list of patterns",
  channelAfterAll:
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. " +
    "Try 'resetchannels' to start with an empty list of channels",
  noSuchPassword: 'The password you are trying to remove from the user does not exist',
  badHash: 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
  argumentOfSubcommand: 'Allowing first-arg of a subcommand is not supported',
} as const;
export type RuleFault = (typeof RuleFault)[keyof typeof RuleFault];

/** Applies one rule: null, or why it is no good. */
export function applySelectorRule(selector: Selector, rule: string, commands: CommandRegistry): RuleFault | null {
  const whole = WHOLE_RULES.get(rule.toLowerCase());
  if (whole !== undefined) {
    whole(selector, commands);
    return null;
  }
  switch (rule[0]) {
    case '~':
      return addKeyPattern(selector, rule.slice(1), Access.both);
    case '%':
      return addKeyRule(selector, rule);
    case '&':
      return addChannelPattern(selector, rule.slice(1));
    case '+':
      return rule[1] === '@' ? setCategory(selector, rule, commands) : allow(selector, rule.slice(1), commands);
    case '-':
      return rule[1] === '@' ? setCategory(selector, rule, commands) : forbid(selector, rule.slice(1), commands);
    default:
      return RuleFault.syntax;
  }
}

type WholeRule = (selector: Selector, commands: CommandRegistry) => void;

const allKeys: WholeRule = (selector) => selector.setAllKeys(true);
const allChannels: WholeRule = (selector) => selector.setAllChannels(true);
const allCommands: WholeRule = (selector, commands) => selector.setAllCommands(true, commands);
const noCommands: WholeRule = (selector, commands) => selector.setAllCommands(false, commands);

const WHOLE_RULES: ReadonlyMap<string, WholeRule> = new Map<string, WholeRule>([
  ['allkeys', allKeys],
  ['~*', allKeys],
  ['resetkeys', (selector) => selector.setAllKeys(false)],
  ['allchannels', allChannels],
  ['&*', allChannels],
  ['resetchannels', (selector) => selector.setAllChannels(false)],
  ['allcommands', allCommands],
  ['+@all', allCommands],
  ['nocommands', noCommands],
  ['-@all', noCommands],
]);

/** True for names and patterns that a line of rules could not hold. */
export function hasBlanks(text: string): boolean {
  return /[ \t\n\v\f\r]/.test(text) || text.includes('\0');
}

/** `%R~`, `%W~` and `%RW~`, in whatever case and order. */
function addKeyRule(selector: Selector, rule: string): RuleFault | null {
  if (selector.allKeys) return RuleFault.keyAfterAll;
  const [, letters, pattern] = /^%(r|w|rw|wr)~(.*)$/is.exec(rule) ?? [];
  if (letters === undefined) return RuleFault.syntax;
  const lower = letters.toLowerCase();
  const access = (lower.includes('r') ? Access.read : 0) | (lower.includes('w') ? Access.write : 0);
  return addKeyPattern(selector, pattern, access);
}

function addKeyPattern(selector: Selector, pattern: string, access: number): RuleFault | null {
  if (selector.allKeys) return RuleFault.keyAfterAll;
  if (hasBlanks(pattern)) return RuleFault.syntax;
  selector.addKeyPattern(pattern, access);
  return null;
}

function addChannelPattern(selector: Selector, pattern: string): RuleFault | null {
  if (selector.allChannels) return RuleFault.channelAfterAll;
  if (hasBlanks(pattern)) return RuleFault.syntax;
  selector.addChannelPattern(pattern);
  return null;
}

function setCategory(selector: Selector, rule: string, commands: CommandRegistry): RuleFault | null {
  const category = rule.slice(2).toLowerCase();
  if (!aclCategories().includes(category)) return RuleFault.unknownCommand;
  selector.setCategory(category, rule[0] === '+', commands);
  return null;
}

/** A command, a sub-command, or a command with one first argument, which only a command without sub-commands may have. */
function allow(selector: Selector, name: string, commands: CommandRegistry): RuleFault | null {
  const bar = name.lastIndexOf('|');
  if (bar < 0) return setCommand(selector, name, true, commands);
  const container = commands.find(name.slice(0, bar).toLowerCase());
  if (container === undefined) return RuleFault.unknownCommand;
  if (container.name.includes('|')) return RuleFault.argumentOfSubcommand;
  const word = name.slice(bar + 1);
  if (word === '') return RuleFault.syntax;
  if (container.subcommands !== undefined) return setCommand(selector, name, true, commands);
  // it would be one word with what follows it in a line of rules
  if (hasBlanks(word)) return RuleFault.syntax;
  selector.allowFirstArgument(container, word);
  return null;
}

function forbid(selector: Selector, name: string, commands: CommandRegistry): RuleFault | null {
  return setCommand(selector, name, false, commands);
}

function setCommand(selector: Selector, name: string, allowed: boolean, commands: CommandRegistry): RuleFault | null {
  const command = commands.find(name.toLowerCase());
  if (command === undefined) return RuleFault.unknownCommand;
  selector.setCommand(command, allowed);
  return null;
}
