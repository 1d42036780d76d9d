/** All users of this node. They are its own: nothing of them goes to other nodes. */
import type { CommandRegistry } from '../services.ts';
import { applyRules, type RuleContext } from './rules.ts';
import { hasBlanks } from './selector-rules.ts';
import { hashOf, User } from './user.ts';

export const DEFAULT_USER = 'default';
const BAD_NAME = "Usernames can't contain spaces or null characters";

export class Users implements RuleContext {
  readonly commands: CommandRegistry;
  channelsByDefault = false;
  /** Whom everybody is that has not said AUTH: the same object for ever. */
  readonly default: User;
  private readonly byName = new Map<string, User>();

  constructor(commands: CommandRegistry) {
    this.commands = commands;
    this.default = this.almighty();
    this.byName.set(DEFAULT_USER, this.default);
  }

  /** Who connects needs no password. */
  get open(): boolean {
    return this.default.noPassword && this.default.enabled;
  }

  find(name: string): User | undefined {
    return this.byName.get(name);
  }

  /** Sorted by the bytes of their names. */
  all(): User[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Users may be made and changed by all of the rules or none: the user as it shall be, or the text of what is wrong. */
  drafted(name: string, words: readonly string[]): User | string {
    if (hasBlanks(name)) return BAD_NAME;
    const draft = this.byName.get(name)?.draft() ?? new User(name, this.channelsByDefault);
    return applyRules(draft, words, this) ?? draft;
  }

  /** Puts a draft in force. */
  adopt(draft: User): void {
    const known = this.byName.get(draft.name);
    const user = known ?? new User(draft.name, false);
    user.takeOver(draft);
    if (known === undefined) this.byName.set(draft.name, user);
  }

  /** The user that is no more; undefined if there was none. The default user stays. */
  remove(name: string): User | undefined {
    const user = this.byName.get(name);
    if (user === undefined || user === this.default) return undefined;
    this.byName.delete(name);
    return user;
  }

  /** `requirepass`: the one password of the default user, or none with an empty one. */
  setDefaultPassword(password: string): void {
    const { passwords } = this.default;
    passwords.length = 0;
    this.default.noPassword = password === '';
    if (password !== '') passwords.push(hashOf(Buffer.from(password)));
  }

  /** As the default user is where nobody has said otherwise: it may do everything, without a password. */
  almighty(): User {
    const user = new User(DEFAULT_USER, true);
    const fault = applyRules(user, ['on', 'nopass', '~*', '&*', '+@all'], this);
    if (fault !== null) throw new Error(fault);
    const settled = new User(DEFAULT_USER, true);
    settled.takeOver(user);
    return settled;
  }
}
