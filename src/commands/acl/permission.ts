/**
 * May this user run this command, with these keys and channels? Asked of users only that may not do everything: whoever
 * may is not asked anything, which is what keeps the usual case as fast as no ACLs.
 */
import type { Slice } from '../../core/slice.ts';
import { hasKeys, type KeyUse, keysOfCall } from '../metadata/keys-of-call.ts';
import type { Call, Command } from '../table.ts';
import { Access, type Selector } from './selector.ts';
import { shownText, type User } from './user.ts';

/** Which of the arguments was the reason; a command is its own. */
export interface Denial {
  readonly reason: 'command' | 'key' | 'channel';
  readonly position: number;
}

/** Of what several selectors refuse, that is told which got furthest. */
const RANK = { command: 0, key: 1, channel: 2 } as const;
const COMMAND_DENIED: Denial = { reason: 'command', position: 0 };

/** Commands that name channels. Leaving one is always allowed. */
const CHANNELS: ReadonlyMap<string, { readonly all: boolean; readonly arePatterns: boolean }> = new Map([
  ['publish', { all: false, arePatterns: false }],
  ['spublish', { all: false, arePatterns: false }],
  ['subscribe', { all: true, arePatterns: false }],
  ['ssubscribe', { all: true, arePatterns: false }],
  ['psubscribe', { all: true, arePatterns: true }],
]);

/** Null if the user may; args[0..argc) are the command's words. */
export function denialOf(user: User, command: Command, args: readonly Slice[], argc: number): Denial | null {
  if (user.unrestricted) return null;
  const words = args.length === argc ? args : args.slice(0, argc);
  const selectors = user.allSelectors();
  const needsKeys = hasKeys(command) && selectors.some(({ allKeys }) => !allKeys);
  const keys = needsKeys ? (keysOfCall(command, words, true) ?? []) : [];
  let worst = COMMAND_DENIED;
  for (const selector of selectors) {
    const denial = deniedBy(selector, command, words, keys);
    if (denial === null) return null;
    const further = RANK[denial.reason] - RANK[worst.reason];
    if (further > 0 || (further === 0 && denial.position > worst.position)) worst = denial;
  }
  return worst;
}

function deniedBy(
  selector: Selector,
  command: Command,
  words: readonly Slice[],
  keys: readonly KeyUse[],
): Denial | null {
  if (!selector.allowsCommand(command, words[1])) return COMMAND_DENIED;
  for (const { position, flags } of keys) {
    if (!selector.allowsKey(words[position].view(), accessOf(flags))) return { reason: 'key', position };
  }
  const channels = CHANNELS.get(command.name);
  const end = channels === undefined ? 0 : channels.all ? words.length : 2;
  for (let position = 1; position < end; position++) {
    if (!selector.allowsChannel(words[position].view(), channels?.arePatterns === true))
      return { reason: 'channel', position };
  }
  return null;
}

/** True if the user may run the command on any key that it reads: for keys that nobody can tell beforehand. */
export function mayReadAllKeys(user: User, command: Command, args: readonly Slice[], argc: number): boolean {
  const first = argc > 1 ? args[1] : undefined;
  return user.allSelectors().some((each) => each.allowsCommand(command, first) && each.allowsAnyKey(Access.read));
}

/** What a command wants of a key, by the flags of its key specification: a key that it only looks for it wants nothing of. */
function accessOf(flags: readonly string[]): number {
  let access = 0;
  for (const flag of flags) {
    if (flag === 'access') access |= Access.read;
    else if (flag === 'insert' || flag === 'delete' || flag === 'update') access |= Access.write;
  }
  return access;
}

/** Refuses the call that is set up, and notes it in the log: the error's text, or null if the user may. */
export function refusalByUser(call: Call, command: Command): string | null {
  const { acl, args, argc, client } = call;
  const denial = denialOf(client.user, command, args, argc);
  if (denial === null) return null;
  acl.log.note(call, denial.reason, subjectOf(denial, command, args));
  switch (denial.reason) {
    case 'command':
      return `NOPERM ${explainDenial(client.user, denial, command, args)}`;
    case 'key':
      return 'NOPERM No permissions to access a key';
    case 'channel':
      return 'NOPERM No permissions to access a channel';
  }
}

const CHANGED =
  'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. ' +
  'This command is no longer allowed for the following reason: ';
const CHANGED_REASONS: Readonly<Record<Denial['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments',
};

/** The same when EXEC comes to a queued command, which was allowed when it was queued. */
export function refusalOfQueued(call: Call, command: Command): string | null {
  const denial = denialOf(call.client.user, command, call.args, call.argc);
  if (denial === null) return null;
  call.acl.log.note(call, denial.reason, subjectOf(denial, command, call.args));
  return `${CHANGED}${CHANGED_REASONS[denial.reason]}`;
}

const IN_SCRIPT: Readonly<Record<Denial['reason'], string>> = {
  command: "can't run this command or subcommand",
  key: "can't access at least one of the keys mentioned in the command arguments",
  channel: "can't publish to the channel mentioned in the command",
};

/** The same when a script runs a command; `caller` is the call that runs the script, for the log. */
export function refusalInScript(call: Call, command: Command, caller: Call): string | null {
  const denial = denialOf(call.client.user, command, call.args, call.argc);
  if (denial === null) return null;
  const subject = subjectOf(denial, command, call.args);
  call.acl.log.note(caller, denial.reason, subject, caller.client.user.name, 'lua');
  return `The user executing the script ${IN_SCRIPT[denial.reason]}`;
}

/** In full, with the key or channel: for ACL DRYRUN. */
export function explainDenial(user: User, denial: Denial, command: Command, args: readonly Slice[]): string {
  const who = `User ${shownText(user.name)} has no permissions`;
  if (denial.reason === 'command') return `${who} to run the '${command.name}' command`;
  return `${who} to access the '${args[denial.position].text()}' ${denial.reason}`;
}

function subjectOf({ reason, position }: Denial, command: Command, args: readonly Slice[]): string {
  return reason === 'command' ? command.name : args[position].latin1();
}
