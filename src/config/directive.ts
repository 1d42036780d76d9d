/** What a directive is: the row of the table, and the shorthands with which its two halves are written. */
export type DirectiveType =
  | { kind: 'integer'; min: number; max: number }
  /** With `percent`, '50%' is a value too. */
  | { kind: 'bytes'; min: number; max: number; percent?: true }
  | { kind: 'boolean' }
  | { kind: 'enum'; words: readonly string[] }
  | { kind: 'text' }
  /** Permissions of a file. */
  | { kind: 'octal' }
  /** One value, and why no other. */
  | { kind: 'fixed'; value: string; reason: string }
  /** Words separated by blanks; given again it adds, and given empty it starts anew. */
  | { kind: 'list'; of: 'words' | 'multiaddrs' }
  /** ACL users, a line each; CONFIG GET and SET know nothing of them. */
  | { kind: 'users' }
  /** Redis's `save`: pairs of seconds and changes, a list otherwise. */
  | { kind: 'save' }
  /** Redis's `client-output-buffer-limit`: a class keeps its limits unless it is named. */
  | { kind: 'bufferLimits' }
  /** Numbers from 0 to 100, separated by blanks; none is a list too. */
  | { kind: 'percentiles' }
  /** Letters of `notify-keyspace-events`. */
  | { kind: 'keyspaceEvents' };

export interface Directive {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly type: DirectiveType;
  readonly default: string;
  /** CONFIG SET may change it. Of others it accepts the value that they have. */
  readonly mutable: boolean;
  /** Immutable in Redis too: CONFIG SET refuses it, even with the value that it has. */
  readonly frozen?: boolean;
  /** Never shown in logs or errors. */
  readonly secret?: boolean;
  /** CONFIG GET shows it only by its full name. */
  readonly hidden?: boolean;
  /** A directive of redis.conf that has no meaning here: kept and answered, and warned of when a file or flag sets it. */
  readonly inert?: boolean;
  readonly summary: string;
}

export interface DirectiveGroup {
  readonly title: string;
  readonly directives: readonly Directive[];
}

export const integer = (min: number, max: number): DirectiveType => ({ kind: 'integer', min, max });
export const bytes = (min = 0): DirectiveType => ({ kind: 'bytes', min, max: Number.MAX_SAFE_INTEGER });
export const boolean: DirectiveType = { kind: 'boolean' };
export const text: DirectiveType = { kind: 'text' };
export const wordList: DirectiveType = { kind: 'list', of: 'words' };
export const multiaddrList: DirectiveType = { kind: 'list', of: 'multiaddrs' };
export const oneOf = (...words: string[]): DirectiveType => ({ kind: 'enum', words });
export const COUNT = integer(0, 2147483647);
