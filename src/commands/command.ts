/** COMMAND: the table of commands about itself. */
import { matchGlob } from './glob.ts';
import { answerHelp } from './help-reply.ts';
import { Errors, type Reply } from './reply.ts';
import type { Call, Command } from './table.ts';

/** ACL categories of an entry: its own, and those that its flags imply, as Redis has them. */
export function categoriesOf(command: Command): string[] {
  const { flags } = command;
  const categories = new Set(command.acl);
  if (flags.includes('write')) categories.add('write');
  if (flags.includes('readonly') && !command.acl.includes('scripting')) categories.add('read');
  if (flags.includes('admin')) {
    categories.add('admin');
    categories.add('dangerous');
  }
  if (flags.includes('pubsub')) categories.add('pubsub');
  categories.add(flags.includes('fast') ? 'fast' : 'slow');
  if (flags.includes('blocking')) categories.add('blocking');
  return [...categories];
}

function shownKeys({ keys }: Command): readonly [number, number, number] {
  return 'shown' in keys ? keys.shown : keys;
}

/** Positions of the keys among the arguments of a call of this command. */
export function keyPositions(command: Command, args: Call['args'], argc: number): number[] {
  const { keys } = command;
  const found: number[] = [];
  if ('shown' in keys) keys.find(args, argc, found);
  else if (keys[0] > 0) {
    const last = keys[1] < 0 ? argc + keys[1] : keys[1];
    for (let i = keys[0]; i <= last && i < argc; i += keys[2]) found.push(i);
  }
  return found;
}

function writeInfo(reply: Reply, command: Command): void {
  const [first, last, step] = shownKeys(command);
  reply.array(10);
  reply.bulkText(command.name);
  reply.integer(command.arity);
  const flags = 'shown' in command.keys ? [...command.flags, 'movablekeys'] : command.flags;
  reply.set(flags.length);
  for (const flag of flags) reply.status(flag);
  reply.integer(first);
  reply.integer(last);
  reply.integer(step);
  const categories = categoriesOf(command);
  reply.set(categories.length);
  for (const category of categories) reply.status(`@${category}`);
  reply.array(0);
  writeKeySpecs(reply, command);
  const subcommands = command.subcommands ?? [];
  reply.array(subcommands.length);
  for (const each of subcommands) writeInfo(reply, each);
}

function writeKeySpecs(reply: Reply, command: Command): void {
  const [first, last, step] = shownKeys(command);
  if (first === 0) {
    reply.array(0);
    return;
  }
  reply.array(1);
  reply.map(3);
  reply.bulkText('flags');
  const access = command.flags.includes('write') ? 'RW' : 'RO';
  reply.set(2);
  reply.status(access);
  reply.status('ACCESS');
  reply.bulkText('begin_search');
  writeSpec(reply, 'index', [['index', first]]);
  reply.bulkText('find_keys');
  writeSpec(reply, 'range', [['lastkey', last < 0 ? last : last - first], ['keystep', step], ['limit', 0]]);
}

function writeSpec(reply: Reply, type: string, fields: readonly (readonly [string, number])[]): void {
  reply.map(2);
  reply.bulkText('type');
  reply.bulkText(type);
  reply.bulkText('spec');
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    reply.integer(value);
  }
}

function writeDocs(reply: Reply, command: Command): void {
  const fields: [string, string][] = [['summary', command.summary], ['since', command.since], ['group', command.group]];
  if (command.complexity !== undefined) fields.push(['complexity', command.complexity]);
  const subcommands = command.subcommands ?? [];
  reply.map(fields.length + (subcommands.length > 0 ? 1 : 0));
  for (const [name, value] of fields) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
  if (subcommands.length === 0) return;
  reply.bulkText('subcommands');
  reply.map(subcommands.length);
  for (const each of subcommands) {
    reply.bulkText(each.name);
    writeDocs(reply, each);
  }
}

/** The commands that args[2…] name, or all; unknown ones are null. */
function named({ args, argc, services }: Call): (Command | null)[] {
  if (argc === 2) return [...services.commands.all()];
  const found: (Command | null)[] = [];
  for (let i = 2; i < argc; i++) found.push(services.commands.find(args[i].latin1().toLowerCase()) ?? null);
  return found;
}

function runList(call: Call): void {
  const { args, argc, reply, services } = call;
  let wanted: (command: Command) => boolean = () => true;
  if (argc > 2) {
    if (argc !== 5 || !args[2].isWord('filterby')) {
      reply.error(Errors.syntax);
      return;
    }
    const value = args[4].latin1();
    if (args[3].isWord('module')) wanted = () => false;
    else if (args[3].isWord('aclcat')) wanted = (command) => categoriesOf(command).includes(value.toLowerCase());
    else if (args[3].isWord('pattern')) {
      wanted = (command) => {
        const name = Buffer.from(command.name);
        return matchGlob(args[4].bytes, args[4].start, args[4].end, name, 0, name.length, true);
      };
    } else {
      reply.error(Errors.syntax);
      return;
    }
  }
  const names = services.commands.all().flatMap((command) => [command, ...(command.subcommands ?? [])]).filter(wanted);
  reply.array(names.length);
  for (const command of names) reply.bulkText(command.name);
}

function runGetKeys(call: Call, withFlags: boolean): void {
  const { args, argc, reply, services } = call;
  const name = args[2].latin1().toLowerCase();
  const top = services.commands.find(name);
  const command = (argc > 3 && top?.subcommands !== undefined ? services.commands.find(`${name}|${args[3].latin1().toLowerCase()}`) : undefined) ?? top;
  if (command === undefined) {
    reply.error('ERR Invalid command specified');
    return;
  }
  const inner = argc - 2;
  if (command.arity > 0 ? inner !== command.arity : inner < -command.arity) {
    reply.error('ERR Invalid number of arguments specified for command');
    return;
  }
  const positions = keyPositions(command, args.slice(2, argc), inner);
  if (positions.length === 0) {
    reply.error(shownKeys(command)[0] === 0 && !('shown' in command.keys) ? 'ERR The command has no key arguments' : 'ERR Invalid arguments specified for command');
    return;
  }
  reply.array(positions.length);
  for (const position of positions) {
    if (withFlags) reply.array(2);
    reply.bulk(args[2 + position]);
    if (!withFlags) continue;
    reply.set(2);
    reply.status(command.flags.includes('write') ? 'RW' : 'RO');
    reply.status('ACCESS');
  }
}

const HELP = [
  '(no subcommand)', '    All commands.', 'COUNT', '    How many there are.', 'DOCS [<command-name> ...]', '    What commands are for.',
  'GETKEYS <full-command>', '    The keys in a command line.', 'GETKEYSANDFLAGS <full-command>', '    The keys and how they are used.',
  'INFO [<command-name> ...]', '    Arity, flags and keys of commands.', 'LIST', '    Names of all commands.',
];

function sub(name: string, arity: number, since: string, summary: string, run: (call: Call) => void): Command {
  return { name: `command|${name}`, arity, flags: ['loading', 'stale'], keys: [0, 0, 0], acl: ['connection'], since, summary, group: 'server', run };
}

export const commandCommands: readonly Command[] = [
  {
    name: 'command', arity: -1, flags: ['loading', 'stale'], keys: [0, 0, 0], acl: ['connection'], since: '2.8.13', summary: 'All commands.', group: 'server',
    run({ reply, services }) {
      const all = services.commands.all();
      reply.array(all.length);
      for (const command of all) writeInfo(reply, command);
    },
    subcommands: [
      sub('count', 2, '2.8.13', 'How many commands there are.', ({ reply, services }) => reply.integer(services.commands.all().length)),
      sub('info', -2, '2.8.13', 'Arity, flags and keys of commands.', (call) => {
        const found = named(call);
        call.reply.array(found.length);
        for (const command of found) {
          if (command === null) call.reply.nilArray();
          else writeInfo(call.reply, command);
        }
      }),
      sub('docs', -2, '7.0.0', 'What commands are for.', (call) => {
        const found = named(call).filter((command) => command !== null);
        call.reply.map(found.length);
        for (const command of found) {
          call.reply.bulkText(command.name);
          writeDocs(call.reply, command);
        }
      }),
      sub('list', -2, '7.0.0', 'Names of all commands.', runList),
      sub('getkeys', -3, '2.8.13', 'The keys in a command line.', (call) => runGetKeys(call, false)),
      sub('getkeysandflags', -3, '7.0.0', 'The keys in a command line and how they are used.', (call) => runGetKeys(call, true)),
      sub('help', 2, '5.0.0', 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'COMMAND', HELP)),
    ],
  },
];
