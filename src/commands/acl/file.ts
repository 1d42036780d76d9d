/**
 * The text of an ACL file: a line `user NAME RULES…` for each user, without comments, since ACL SAVE writes it anew.
 * Where it is kept is not known here. All is latin1 text, a character a byte.
 */
import { applyRule, mergeSelectors } from './rules.ts';
import { hasBlanks, RuleFault } from './selector-rules.ts';
import { shownText, User } from './user.ts';
import { DEFAULT_USER, type Users } from './users.ts';

/** Where the text is kept. Both throw if they cannot. */
export interface AclStorage {
  readonly path: string;
  read(): string;
  /** All or nothing, and on disk when it returns. */
  write(text: string): void;
}

const NOTHING_CHANGED = 'WARNING: ACL errors detected, no change to the previously active ACL rules was performed';

/** The users of a file, with the default user in any case; or, as one line of text, everything that is wrong with it. */
export function parseAclFile(text: string, path: string, users: Users): User[] | string {
  const found = new Map<string, User>();
  const faults: string[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const trimmed = line.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
    if (trimmed !== '') faults.push(...parseLine(trimmed.split(' '), `${path}:${at + 1}`, at + 1, users, found));
  }
  if (faults.length > 0) return [...faults, NOTHING_CHANGED].join(' ');
  if (!found.has(DEFAULT_USER)) found.set(DEFAULT_USER, users.almighty());
  return [...found.values()];
}

/** Adds the user of a line to those found; what is wrong with the line. */
function parseLine(
  [keyword, name, ...words]: readonly string[],
  where: string,
  number: number,
  users: Users,
  found: Map<string, User>,
): string[] {
  if (keyword !== 'user' || name === undefined)
    return [`${where} should start with user keyword followed by the username.`];
  if (hasBlanks(name)) return [`'${where}: username '${shownText(name)}' contains invalid characters.`];
  if (found.has(name)) return [`WARNING: Duplicate user '${shownText(name)}' found on line ${number}.`];
  const user = new User(name, users.channelsByDefault);
  found.set(name, user);
  const { rules, unmatched } = mergeSelectors(words);
  if (unmatched !== null) return [`${where}: Unmatched parenthesis in selector definition.`];
  return faultsOf(user, rules, where, users);
}

/** All unknown commands, and the first other fault: that may be the cause of those behind it, and tell of a password. */
function faultsOf(user: User, rules: readonly string[], where: string, users: Users): string[] {
  const faults: string[] = [];
  let named = false;
  for (const rule of rules) {
    const trimmed = rule.replace(/^[\t\r\n]+|[\t\r\n]+$/g, '');
    const fault = applyRule(user, trimmed, users);
    if (fault === RuleFault.unknownCommand)
      faults.push(`${where}: Error in applying operation '${shownText(trimmed)}': ${fault}.`);
    else if (fault !== null && !named) {
      faults.push(`${where}: ${fault}.`);
      named = true;
    }
  }
  return faults;
}

export function formatAclFile(users: Users): string {
  return users
    .all()
    .map((user) => `${user.line()}\n`)
    .join('');
}
