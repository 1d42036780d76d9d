/** ACL and its sub-commands: users and what they may do, on this node. */
import { randomBytes } from 'node:crypto';
import type { Slice } from '../../core/slice.ts';
import { integerArgument } from '../arguments.ts';
import { answerHelp } from '../help-reply.ts';
import { redisContainer, redisEntry } from '../metadata/entry.ts';
import { aclCategories, isOfCategory } from '../metadata/index.ts';
import { type Reply, wrongArity } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { disconnectListeners, disconnectUser } from './clients.ts';
import { formatAclFile, parseAclFile } from './file.ts';
import { runLog, wrongSubcommand } from './log-command.ts';
import { denialOf, explainDenial } from './permission.ts';
import { type Selector, withSubcommands } from './selector.ts';
import type { User } from './user.ts';
import { DEFAULT_USER } from './users.ts';

const GENERATED_BITS = 256;
const GENERATED_BITS_MAX = 4096;
const NO_FILE =
  'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER ' +
  'command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users ' +
  'in the Redis configuration.';
const NOT_SAVED = 'ERR There was an error trying to save the ACLs. Please check the server logs for more information';

const HELP = [
  'CAT [<category>]',
  '    The categories of commands, or the commands of one.',
  'DELUSER <username> [<username> ...]',
  '    Removes users, and disconnects their clients.',
  'DRYRUN <username> <command> [<arg> ...]',
  '    Whether a user might run a command; it is not run.',
  'GENPASS [<bits>]',
  '    A password that nobody guesses: 256 random bits, or as many as are asked for.',
  'GETUSER <username>',
  '    What a user may do.',
  'LIST',
  '    All users and what they may do, in the form of ACL files.',
  'LOAD',
  '    Takes the users from the ACL file.',
  'LOG [<count> | RESET]',
  '    What was refused lately, or forgets it.',
  'SAVE',
  '    Writes the users to the ACL file.',
  'SETUSER <username> [<rule> ...]',
  '    Makes or changes a user, by all of the rules or none.',
  'USERS',
  '    The names of all users.',
  'WHOAMI',
  '    The name of the user of this connection.',
];

export const aclCommand: Command = redisContainer('acl', [
  redisEntry('acl|cat', runCat),
  redisEntry('acl|deluser', runDelUser),
  redisEntry('acl|dryrun', runDryRun),
  redisEntry('acl|genpass', runGenPass),
  redisEntry('acl|getuser', runGetUser),
  redisEntry('acl|help', ({ reply }) => answerHelp(reply, 'ACL', HELP)),
  redisEntry('acl|list', ({ acl, reply }) => writeAll(reply, acl.users.all(), (user) => user.line())),
  redisEntry('acl|load', runLoad),
  redisEntry('acl|log', runLog),
  redisEntry('acl|save', runSave),
  redisEntry('acl|setuser', runSetUser),
  redisEntry('acl|users', ({ acl, reply }) => writeAll(reply, acl.users.all(), ({ name }) => name)),
  redisEntry('acl|whoami', ({ client, reply }) => writeText(reply, client.user.name)),
]);

function runCat({ args, argc, reply, services }: Call): void {
  if (argc > 3) {
    reply.error(wrongSubcommand(args[1]));
    return;
  }
  let names = aclCategories();
  if (argc === 3) {
    const category = args[2].latin1().toLowerCase();
    if (!names.includes(category)) {
      reply.error(`ERR Unknown category '${args[2].text()}'`);
      return;
    }
    const all = [...withSubcommands(services.commands.all())];
    names = all.filter((command) => isOfCategory(command, category)).map(({ name }) => name);
  }
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

function runSetUser({ acl, args, argc, reply, services }: Call): void {
  const [name, ...rules] = args.slice(2, argc).map((word) => word.latin1());
  const draft = acl.users.drafted(name, rules);
  if (typeof draft === 'string') {
    reply.error(`ERR ${draft}`);
    return;
  }
  const known = acl.users.find(name);
  if (known !== undefined) disconnectListeners(known, draft, services.clients);
  acl.users.adopt(draft);
  reply.ok();
}

function runDelUser({ acl, args, argc, reply, services }: Call): void {
  const names = args.slice(2, argc).map((word) => word.latin1());
  if (names.includes(DEFAULT_USER)) {
    reply.error("ERR The 'default' user cannot be removed");
    return;
  }
  let removed = 0;
  for (const name of names) {
    const user = acl.users.remove(name);
    if (user === undefined) continue;
    removed++;
    disconnectUser(user, services.clients);
  }
  reply.integer(removed);
}

function runGetUser({ acl, args, reply }: Call): void {
  const user = acl.users.find(args[2].latin1());
  if (user === undefined) {
    reply.nil();
    return;
  }
  const { passwords, root, selectors } = user;
  const flags = user.flags();
  reply.map(6);
  reply.bulkText('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('passwords');
  reply.array(passwords.length);
  for (const hash of passwords) reply.bulkText(hash);
  writeSelector(reply, root);
  reply.bulkText('selectors');
  reply.array(selectors.length);
  for (const selector of selectors) {
    reply.map(3);
    writeSelector(reply, selector);
  }
}

/** Three pairs of a map that is open. */
function writeSelector(reply: Reply, selector: Selector): void {
  reply.bulkText('commands');
  writeText(reply, selector.describeCommands());
  reply.bulkText('keys');
  writeText(reply, selector.describeKeys());
  reply.bulkText('channels');
  writeText(reply, selector.describeChannels());
}

function runGenPass(call: Call): void {
  const { argc, reply } = call;
  if (argc > 3) {
    reply.error(wrongSubcommand(call.args[1]));
    return;
  }
  const bits = argc === 3 ? integerArgument(call, 2) : GENERATED_BITS;
  if (bits === undefined) return;
  if (bits <= 0 || bits > GENERATED_BITS_MAX) {
    reply.error(
      'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ' +
        `${GENERATED_BITS_MAX}`,
    );
    return;
  }
  const digits = Math.ceil(Number(bits) / 4);
  reply.bulkText(
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
  );
}

function runDryRun({ acl, args, argc, reply, services }: Call): void {
  const user = acl.users.find(args[2].latin1());
  if (user === undefined) {
    reply.error(`ERR User '${args[2].text()}' not found`);
    return;
  }
  const line = args.slice(3, argc);
  const command = commandOf(services.commands, line);
  if (command === undefined) reply.error(`ERR Command '${args[3].text()}' not found`);
  else if (command.arity > 0 ? line.length !== command.arity : line.length < -command.arity)
    reply.error(wrongArity(command.name));
  else {
    const denial = denialOf(user, command, line, line.length);
    if (denial === null) reply.ok();
    else reply.bulkText(explainDenial(user, denial, command, line));
  }
}

/** The command that a line of words runs; undefined also for a container without such a sub-command. */
function commandOf(commands: Call['services']['commands'], line: readonly Slice[]): Command | undefined {
  const name = line[0].latin1().toLowerCase();
  const command = name.includes('|') ? undefined : commands.find(name);
  if (command?.subcommands === undefined || line.length === 1) return command;
  return commands.find(`${name}|${line[1].latin1().toLowerCase()}`);
}

function runLoad({ acl, reply, services }: Call): void {
  const { storage, users } = acl;
  if (storage === null) {
    reply.error(NO_FILE);
    return;
  }
  let text: string;
  try {
    text = storage.read();
  } catch (error) {
    reply.error(`ERR ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const found = parseAclFile(text, storage.path, users);
  if (typeof found === 'string') {
    reply.error(`ERR ${found}`);
    return;
  }
  const names = new Set(found.map(({ name }) => name));
  for (const user of users.all()) {
    if (!names.has(user.name) && users.remove(user.name) !== undefined) disconnectUser(user, services.clients);
  }
  for (const draft of found) {
    const known = users.find(draft.name);
    if (known !== undefined) disconnectListeners(known, draft, services.clients);
    users.adopt(draft);
  }
  reply.ok();
}

function runSave({ acl, reply, services }: Call): void {
  if (acl.storage === null) {
    reply.error(NO_FILE);
    return;
  }
  try {
    acl.storage.write(formatAclFile(acl.users));
    reply.ok();
  } catch (error) {
    services.node.log(`ACL SAVE: ${error instanceof Error ? error.message : String(error)}`);
    reply.error(NOT_SAVED);
  }
}

function writeAll(reply: Reply, users: readonly User[], textOf: (user: User) => string): void {
  reply.array(users.length);
  for (const user of users) writeText(reply, textOf(user));
}

/** Latin1 text as the bytes that it stands for. */
function writeText(reply: Reply, latin1: string): void {
  reply.bulkBytes(Buffer.from(latin1, 'latin1'));
}
