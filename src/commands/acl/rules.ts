/**
 * ACL rules: the words of ACL SETUSER, of ACL files and of `user` lines. Those about the user are here, those about what
 * it may do go to one of its selectors.
 */
import type { CommandRegistry } from '../services.ts';
import { Selector } from './selector.ts';
import { applySelectorRule, RuleFault } from './selector-rules.ts';
import { hashOf, shownText, type User } from './user.ts';

/** What rules are read by. */
export interface RuleContext {
  readonly commands: CommandRegistry;
  /** Users and selectors begin with all channels, not with none: `acl-pubsub-default`. */
  readonly channelsByDefault: boolean;
}

const HASH = /^[0-9a-f]{64}$/;

/** Words of one selector that came as several, `(~a` and `+get)` say, made one rule. */
export function mergeSelectors(words: readonly string[]): { rules: string[]; unmatched: string | null } {
  const rules: string[] = [];
  let open: string[] = [];
  for (const word of words) {
    if (open.length === 0 && (!word.startsWith('(') || word.endsWith(')'))) {
      rules.push(word);
      continue;
    }
    open.push(word);
    if (!word.endsWith(')')) continue;
    rules.push(open.join(' '));
    open = [];
  }
  return { rules, unmatched: open.length === 0 ? null : open[0] };
}

/** Applies rules up to the first bad one: null, or what is wrong with it. `user` is a draft: it may be half changed then. */
export function applyRules(user: User, words: readonly string[], context: RuleContext): string | null {
  const { rules, unmatched } = mergeSelectors(words);
  if (unmatched !== null) return `Unmatched parenthesis in acl selector starting at '${shownText(unmatched)}'.`;
  for (const rule of rules) {
    const fault = applyRule(user, rule, context);
    if (fault !== null) return `Error in ACL SETUSER modifier '${shownText(rule)}': ${fault}`;
  }
  return null;
}

/** Applies one rule: null, or why it is no good. */
export function applyRule(user: User, rule: string, context: RuleContext): RuleFault | null {
  if (rule === '') return null;
  const change = USER_RULES.get(rule.toLowerCase());
  if (change !== undefined) {
    change(user, context);
    return null;
  }
  const rest = rule.slice(1);
  switch (rule[0]) {
    case '>':
      return addPassword(user, hashOf(Buffer.from(rest, 'latin1')));
    case '#':
      return addPassword(user, rest);
    case '<':
      return removePassword(user, hashOf(Buffer.from(rest, 'latin1')));
    case '!':
      return removePassword(user, rest);
    case '(':
      return rule.endsWith(')') ? addSelector(user, rest.slice(0, -1), context) : RuleFault.syntax;
    default:
      return applySelectorRule(user.root, rule, context.commands);
  }
}

type UserRule = (user: User, context: RuleContext) => void;

const USER_RULES: ReadonlyMap<string, UserRule> = new Map<string, UserRule>([
  ['on', (user) => setEnabled(user, true)],
  ['off', (user) => setEnabled(user, false)],
  ['nopass', (user) => forgetPasswords(user, true)],
  ['resetpass', (user) => forgetPasswords(user, false)],
  ['sanitize-payload', (user) => setSanitizing(user, true)],
  ['skip-sanitize-payload', (user) => setSanitizing(user, false)],
  ['clearselectors', (user) => user.selectors.splice(0)],
  ['reset', reset],
]);

function setEnabled(user: User, enabled: boolean): void {
  user.enabled = enabled;
}

function setSanitizing(user: User, sanitizes: boolean): void {
  user.sanitizesPayload = sanitizes;
}

function forgetPasswords(user: User, noPassword: boolean): void {
  user.passwords.length = 0;
  user.noPassword = noPassword;
}

function reset(user: User, { channelsByDefault }: RuleContext): void {
  setEnabled(user, false);
  setSanitizing(user, true);
  forgetPasswords(user, false);
  user.selectors.length = 0;
  user.root = new Selector(channelsByDefault);
}

function addPassword(user: User, hash: string): RuleFault | null {
  if (!HASH.test(hash)) return RuleFault.badHash;
  if (!user.passwords.includes(hash)) user.passwords.push(hash);
  user.noPassword = false;
  return null;
}

function removePassword({ passwords }: User, hash: string): RuleFault | null {
  if (!HASH.test(hash)) return RuleFault.badHash;
  const at = passwords.indexOf(hash);
  if (at < 0) return RuleFault.noSuchPassword;
  passwords.splice(at, 1);
  return null;
}

function addSelector(user: User, words: string, { channelsByDefault, commands }: RuleContext): RuleFault | null {
  const selector = new Selector(channelsByDefault);
  for (const word of words.split(/\s+/)) {
    // shown among other words, such a one would end the selector
    if (word.endsWith(')')) return RuleFault.syntax;
    const fault = word === '' ? null : applySelectorRule(selector, word, commands);
    if (fault !== null) return fault;
  }
  user.selectors.push(selector);
  return null;
}
