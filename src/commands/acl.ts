/** ACL, as far as there is one user: `default`, who may do everything, with the password of `requirepass` if there is one. */
import { createHash } from 'node:crypto';
import { answerHelp } from './help-reply.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import { aclCategories, isOfCategory } from './metadata/index.ts';
import { wrongArity } from './reply.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  'CAT [<category>]',
  '    The categories of commands, or the commands of one.',
  'GETUSER <username>',
  '    What a user may do.',
  'LIST',
  '    All users and what they may do, in the form of ACL files.',
  'USERS',
  '    The names of all users.',
  'WHOAMI',
  '    The name of the user of this connection.',
];
/** Known to Redis, not yet here. */
const UNSUPPORTED = ['deluser', 'dryrun', 'genpass', 'load', 'log', 'save', 'setuser'];

export const aclCommand: Command = redisContainer('acl', [
  redisEntry('acl|cat', runCat),
  redisEntry('acl|getuser', runGetUser),
  redisEntry('acl|help', ({ reply }) => answerHelp(reply, 'ACL', HELP)),
  redisEntry('acl|list', ({ reply, services }) => {
    const password = services.config.limits.requirePassword;
    reply.array(1);
    reply.bulkText(`user default on ${password === '' ? 'nopass' : `#${hashOf(password)}`} ~* &* +@all`);
  }),
  redisEntry('acl|users', ({ reply }) => {
    reply.array(1);
    reply.bulkText('default');
  }),
  redisEntry('acl|whoami', ({ client, reply }) => reply.bulkText(client.user)),
  ...UNSUPPORTED.map((name) =>
    redisEntry(`acl|${name}`, ({ reply }) =>
      reply.error(
        `ERR ACL ${name.toUpperCase()} is not supported: this version of Starling has one user, default, whose password is requirepass`,
      ),
    ),
  ),
]);

function hashOf(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}

function runCat({ args, argc, reply, services }: Call): void {
  if (argc > 3) {
    reply.error(wrongArity('acl|cat'));
    return;
  }
  let names = aclCategories();
  if (argc === 3) {
    const category = args[2].latin1().toLowerCase();
    if (!names.includes(category)) {
      reply.error(`ERR Unknown category '${args[2].text()}'`);
      return;
    }
    const all = services.commands.all().flatMap((command) => [command, ...(command.subcommands ?? [])]);
    names = all.filter((command) => isOfCategory(command, category)).map(({ name }) => name);
  }
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

function runGetUser({ args, reply, services }: Call): void {
  if (args[2].latin1() !== 'default') {
    reply.nil();
    return;
  }
  const password = services.config.limits.requirePassword;
  const flags = password === '' ? ['on', 'nopass'] : ['on'];
  reply.map(6);
  reply.bulkText('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('passwords');
  reply.array(password === '' ? 0 : 1);
  if (password !== '') reply.bulkText(hashOf(password));
  const rules: [name: string, rule: string][] = [
    ['commands', '+@all'],
    ['keys', '~*'],
    ['channels', '&*'],
  ];
  for (const [name, rule] of rules) {
    reply.bulkText(name);
    reply.bulkText(rule);
  }
  reply.bulkText('selectors');
  reply.array(0);
}
