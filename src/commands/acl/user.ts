/**
 * A user: who may come in by which password, and what it may do. Clients hold the object itself, so a change holds for
 * them at once. The name and everything in rules are latin1 text, a character a byte.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Selector } from './selector.ts';

export class User {
  readonly name: string;
  enabled = false;
  /** Any password will do. */
  noPassword = false;
  /** Kept and shown, without effect: RESTORE always checks all that it is given. */
  sanitizesPayload = true;
  /** May do everything: what every command asks. */
  unrestricted = false;
  /** SHA-256 as hex digits. */
  readonly passwords: string[] = [];
  root: Selector;
  readonly selectors: Selector[] = [];

  /** As a new user is: disabled, without rights. */
  constructor(name: string, allChannels: boolean) {
    this.name = name;
    this.root = new Selector(allChannels);
  }

  /** The root selector, then the others. */
  allSelectors(): Selector[] {
    return [this.root, ...this.selectors];
  }

  /** A user of the same name that may be changed without anybody noticing. */
  draft(): User {
    const draft = new User(this.name, false);
    draft.takeOver(this);
    return draft;
  }

  /** Takes over all but the name. */
  takeOver(other: User): void {
    this.enabled = other.enabled;
    this.noPassword = other.noPassword;
    this.sanitizesPayload = other.sanitizesPayload;
    this.passwords.splice(0, this.passwords.length, ...other.passwords);
    this.root = other.root.copy();
    this.selectors.splice(0, this.selectors.length, ...other.selectors.map((selector) => selector.copy()));
    this.unrestricted = this.allSelectors().some((selector) => selector.unrestricted);
  }

  /** Whether who gives this password may come in. The time it takes tells nothing of the passwords. */
  accepts(password: Uint8Array): boolean {
    if (!this.enabled) return false;
    if (this.noPassword) return true;
    const given = Buffer.from(hashOf(password));
    let accepted = false;
    for (const each of this.passwords) if (timingSafeEqual(given, Buffer.from(each))) accepted = true;
    return accepted;
  }

  flags(): string[] {
    return [
      this.enabled ? 'on' : 'off',
      ...(this.noPassword ? ['nopass'] : []),
      this.sanitizesPayload ? 'sanitize-payload' : 'skip-sanitize-payload',
    ];
  }

  /** As rules that make such a user of a new one. */
  describe(): string {
    return [
      ...this.flags(),
      ...this.passwords.map((hash) => `#${hash}`),
      this.root.describe(),
      ...this.selectors.map((selector) => `(${selector.describe()})`),
    ].join(' ');
  }

  /** A line of an ACL file or of the configuration. */
  line(): string {
    return `user ${this.name} ${this.describe()}`;
  }
}

/** How passwords are kept. */
export function hashOf(password: Uint8Array): string {
  return createHash('sha256').update(password).digest('hex');
}

/** A name, pattern or rule for people: the text that its bytes are. */
export function shownText(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString();
}
