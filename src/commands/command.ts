/** COMMAND: the table of commands about itself. What it tells of each comes from metadata/. */
import type { Slice } from '../core/slice.ts';
import { matchGlob } from './glob.ts';
import { answerHelp } from './help-reply.ts';
import { redisEntry } from './metadata/entry.ts';
import { aclCategories, isOfCategory, metadataOf } from './metadata/index.ts';
import { hasKeys, keysOfCall } from './metadata/keys-of-call.ts';
import { writeDocs, writeInfo, writeStatuses } from './metadata/writing.ts';
import { Errors } from './reply.ts';
import type { CommandRegistry } from './services.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  '(no subcommand)',
  '    Describes all commands, as INFO does.',
  'COUNT',
  '    How many commands there are.',
  'DOCS [<command-name> ...]',
  '    What commands are for and which arguments they take; without names, of all.',
  'GETKEYS <full-command>',
  '    The keys in a command line.',
  'GETKEYSANDFLAGS <full-command>',
  '    The keys in a command line, and how the command uses them.',
  'INFO [<command-name> ...]',
  '    Arity, flags, keys and categories of commands; without names, of all.',
  'LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]',
  '    The names of commands and sub-commands.',
];

export const commandCommands: readonly Command[] = [
  {
    ...redisEntry('command', ({ reply, services }) => writeAll(reply, services.commands.all())),
    subcommands: [
      redisEntry('command|count', ({ reply, services }) => reply.integer(services.commands.all().length)),
      redisEntry('command|docs', runDocs),
      redisEntry('command|getkeys', (call) => runGetKeys(call, false)),
      redisEntry('command|getkeysandflags', (call) => runGetKeys(call, true)),
      redisEntry('command|help', ({ reply }) => answerHelp(reply, 'COMMAND', HELP)),
      redisEntry('command|info', runInfo),
      redisEntry('command|list', runList),
    ],
  },
];

function writeAll(reply: Call['reply'], commands: readonly Command[]): void {
  reply.array(commands.length);
  for (const command of commands) writeInfo(reply, command);
}

function runInfo({ args, argc, reply, services }: Call): void {
  if (argc === 2) {
    writeAll(reply, services.commands.all());
    return;
  }
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    const command = services.commands.find(args[i].latin1().toLowerCase());
    if (command === undefined) reply.nil();
    else writeInfo(reply, command);
  }
}

function runDocs({ args, argc, reply, services }: Call): void {
  const found: Command[] = argc === 2 ? [...services.commands.all()] : [];
  for (let i = 2; i < argc; i++) {
    const command = services.commands.find(args[i].latin1().toLowerCase());
    if (command !== undefined) found.push(command);
  }
  reply.map(found.length);
  for (const command of found) {
    reply.bulkText(command.name);
    writeDocs(reply, command);
  }
}

function runList({ args, argc, reply, services }: Call): void {
  let isWanted: ((command: Command) => boolean) | null = () => true;
  if (argc > 2) isWanted = argc === 5 && args[2].isWord('filterby') ? filterOf(args[3], args[4]) : null;
  if (isWanted === null) {
    reply.error(Errors.syntax);
    return;
  }
  const all = services.commands.all().flatMap((command) => [command, ...(command.subcommands ?? [])]);
  const wanted = all.filter(isWanted);
  reply.array(wanted.length);
  for (const { name } of wanted) reply.bulkText(name);
}

/** Null if there is no such filter. */
function filterOf(kind: Slice, value: Slice): ((command: Command) => boolean) | null {
  // no command comes from a module
  if (kind.isWord('module')) return () => false;
  if (kind.isWord('aclcat')) {
    const category = value.latin1().toLowerCase();
    return aclCategories().includes(category) ? (command) => isOfCategory(command, category) : () => false;
  }
  if (!kind.isWord('pattern')) return null;
  return (command) => {
    const name = Buffer.from(command.name);
    return matchGlob(value.bytes, value.start, value.end, name, 0, name.length, true);
  };
}

/** The command that a whole command line runs: a sub-command where its container has that. */
function commandOfLine(commands: CommandRegistry, line: readonly Slice[]): Command | undefined {
  const name = line[0].latin1().toLowerCase();
  const command = commands.find(name);
  if (command?.subcommands === undefined || line.length === 1) return command;
  return commands.find(`${name}|${line[1].latin1().toLowerCase()}`);
}

function runGetKeys({ args, argc, reply, services }: Call, withFlags: boolean): void {
  const line = args.slice(2, argc);
  const command = commandOfLine(services.commands, line);
  if (command === undefined) {
    reply.error('ERR Invalid command specified');
    return;
  }
  if (!hasKeys(command)) {
    reply.error('ERR The command has no key arguments');
    return;
  }
  if (command.arity > 0 ? line.length !== command.arity : line.length < -command.arity) {
    reply.error('ERR Invalid number of arguments specified for command');
    return;
  }
  const mayHaveNone = metadataOf(command).flags.includes('no_mandatory_keys');
  const uses = keysOfCall(command, line) ?? (mayHaveNone ? [] : null);
  if (uses === null) {
    reply.error('ERR Invalid arguments specified for command');
    return;
  }
  reply.array(uses.length);
  for (const { position, flags } of uses) {
    if (withFlags) reply.array(2);
    reply.bulk(line[position]);
    if (withFlags) writeStatuses(reply, flags);
  }
}
