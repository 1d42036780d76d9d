/**
 * The users of this node: from the ACL file that `aclfile` names, or from `user` lines of the configuration, and before
 * all from `requirepass`. Also the way back: what CONFIG SET changes takes effect, and CONFIG REWRITE keeps the users.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AccessControl } from './commands/acl/access-control.ts';
import { type AclStorage, parseAclFile } from './commands/acl/file.ts';
import type { User } from './commands/acl/user.ts';
import { DEFAULT_USER } from './commands/acl/users.ts';
import type { CommandRegistry } from './commands/services.ts';
import type { Configuration } from './config/configuration.ts';
import { quote, splitLine } from './config/lines.ts';
import { ConfigError } from './config/sources.ts';
import { writeWhole } from './mesh/whole-file.ts';

const BOTH =
  'users are defined by user lines and by an ACL file (aclfile): move them all to one of the two; ' +
  'which would count is nothing to guess about';

/** Throws a ConfigError, of one line, if the users are no good. `notice` hears of what is odd and yet allowed. */
export function openAccessControl(
  configuration: Configuration,
  commands: CommandRegistry,
  notice: (line: string) => void = () => {},
): AccessControl {
  const acl = new AccessControl(commands);
  const follow = (name: string) => followSetting(acl, configuration, name);
  for (const name of ['requirepass', 'acllog-max-len', 'acl-pubsub-default']) follow(name);
  configuration.onChange(follow);
  const lines = linesOf(configuration);
  const path = configuration.text('aclfile');
  if (path !== '' && lines.length > 0) throw new ConfigError(BOTH);
  if (path === '') loadLines(acl, lines, notice);
  else loadFile(acl, resolve(configuration.dataDirectory, path));
  configuration.userLines = () => linesToKeep(acl, configuration);
  return acl;
}

function followSetting({ log, users }: AccessControl, configuration: Configuration, name: string): void {
  if (name === 'requirepass') users.setDefaultPassword(configuration.text(name));
  if (name === 'acllog-max-len') log.lengthMax = configuration.number(name);
  if (name === 'acl-pubsub-default') users.channelsByDefault = configuration.text(name) === 'allchannels';
}

/** The `user` lines, each as its words. */
function linesOf(configuration: Configuration): string[][] {
  const lines = configuration.raw('user').split('\n');
  return lines.filter((line) => line !== '').map((line) => (splitLine(line) ?? []).map(bytesOf));
}

function loadLines({ users }: AccessControl, lines: readonly string[][], notice: (line: string) => void): void {
  const names = new Set<string>();
  for (const [name, ...rules] of lines) {
    const shown = textOf(name);
    if (names.has(name))
      throw new ConfigError(`user ${shown}: Duplicate user found. A user can only be defined once in config files`);
    names.add(name);
    // the default user is there already; a line of its own says all of what it may do
    const drafted = users.drafted(name, name === DEFAULT_USER ? ['reset', ...rules] : rules);
    if (typeof drafted === 'string') throw new ConfigError(`user ${shown}: ${drafted}`);
    users.adopt(drafted);
    if (!drafted.enabled) notice(`user ${shown} is disabled: its line has no 'on'`);
  }
}

function loadFile(acl: AccessControl, path: string): void {
  acl.storage = new AclFile(path);
  const found = parseAclFile(readForStart(acl.storage), path, acl.users);
  if (typeof found === 'string') throw new ConfigError(found);
  for (const user of found) acl.users.adopt(user);
}

function readForStart(storage: AclStorage): string {
  try {
    return storage.read();
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
}

class AclFile implements AclStorage {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  read(): string {
    try {
      return readFileSync(this.path, 'latin1');
    } catch (error) {
      const { message } = error as NodeJS.ErrnoException;
      throw new Error(`Error loading ACLs, opening file '${this.path}': ${message}`, { cause: error });
    }
  }

  write(text: string): void {
    writeWhole(this.path, Buffer.from(text, 'latin1'));
  }
}

/** What CONFIG REWRITE writes: none where there is an ACL file, or nobody but a default user as `requirepass` makes it. */
function linesToKeep({ users, storage }: AccessControl, configuration: Configuration): string[] {
  const all = users.all();
  const plain = users.almighty();
  if (configuration.text('requirepass') !== '') {
    plain.noPassword = false;
    plain.passwords.push(...users.default.passwords);
  }
  if (storage !== null || (all.length === 1 && all[0].line() === plain.line())) return [];
  return all.map(lineFor);
}

/** The configuration is UTF-8, which names and patterns need not be. */
function lineFor(user: User): string {
  const line = user.line();
  if (bytesOf(textOf(line)) !== line)
    throw new Error(
      `user ${textOf(user.name)} has a name or patterns that are not UTF-8: only an ACL file can hold them`,
    );
  return line
    .split(' ')
    .map((word) => quote(textOf(word)))
    .join(' ');
}

/** The configuration is text, users are bytes. */
function bytesOf(word: string): string {
  return Buffer.from(word).toString('latin1');
}

function textOf(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString();
}
