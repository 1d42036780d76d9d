/** docs/configuration.md, from the table of directives. */
import type { Directive, DirectiveType } from '../../src/config/directive.ts';
import { DIRECTIVE_GROUPS, DIRECTIVES } from '../../src/config/directives.ts';

const HEAD = `# Configuration

<!-- Made by scripts/configuration-docs.ts from src/config/; edit those. -->

A node needs no configuration: \`starling\` listens for Redis clients on 127.0.0.1:6379, keeps its data in
\`./starling-data\`, and finds the other nodes of its network by itself. Everything else is a directive, and every
directive can be given in three places:

\`\`\`sh
starling --port 7000 --requirepass "open sesame" --no-mdns
STARLING_PORT=7000 starling
starling starling.conf                 # or --config starling.conf, or STARLING_CONFIG=starling.conf
\`\`\`

\`\`\`
# starling.conf: redis.conf's form, a comment on a line of its own
port 7000
requirepass "open sesame"
bind 127.0.0.1 -::1
\`\`\`

- A flag wins over the environment, the environment over the file. Within one source the last one wins; a list given
  several times adds up, and given empty (\`bootstrap ""\`) starts anew.
- An unknown name ends the start, with the nearest known one. \`starling --check-config\` checks and leaves.
- Sizes take units: \`100mb\` is 100 × 1024 × 1024 bytes, \`100m\` is 100,000,000.
- \`bind\` takes \`*\` and \`::*\` for every address, and \`-\` before one that may be missing.
- A password on a command line is seen by everybody on the machine (\`ps\`): better put it into a file or the environment.
- A line \`include FILE\` reads another file at that place; its path is relative to the file that names it.

While a node runs, \`CONFIG GET PATTERN\` shows the settings, \`CONFIG SET\` changes those marked *live*, and
\`CONFIG REWRITE\` saves them in the config file: comments and order stay, what the file does not say yet is added at its
end.
`;

const REDIS_HEAD = `## Directives of redis.conf without effect

A redis.conf can be used as it is. These are accepted, answered by \`CONFIG GET\` and \`CONFIG SET\` as Redis would, and do
nothing; a value other than the default is worth a warning at the start.
`;

const REFUSED_HEAD = `## Directives of redis.conf that are refused

Ignoring these would mislead, so a value other than the default ends the start. \`rename-command\`, \`loadmodule\` and
the other \`tls-\` directives are unknown.
`;

/** The whole page. */
export function configurationPage(): string {
  const groups = DIRECTIVE_GROUPS.map(
    ({ title, directives }) =>
      `## ${title}\n\n| directive | value | default | | |\n| --- | --- | --- | --- | --- |\n${directives.map(row).join('\n')}\n`,
  );
  return [HEAD, ...groups, REDIS_HEAD, withoutEffect(), REFUSED_HEAD, refused()].join('\n');
}

function row(directive: Directive): string {
  const names = [directive.name, ...(directive.aliases ?? [])].map(code).join(', ');
  const value = directive.default === '' ? '' : code(directive.default);
  const cells = [names, valuesOf(directive.type), value, directive.mutable ? '*live*' : '', directive.summary];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function valuesOf(type: DirectiveType): string {
  switch (type.kind) {
    case 'integer':
      return type.max >= Number.MAX_SAFE_INTEGER ? `${type.min} and up` : `${type.min}–${type.max}`;
    case 'bytes':
      return type.min === 0 ? 'size' : `size, ${type.min} and up`;
    case 'boolean':
      return '`yes`, `no`';
    case 'enum':
      return type.words.map(code).join(', ');
    case 'list':
      return type.of === 'multiaddrs' ? 'multiaddrs' : 'words';
    case 'users':
      return 'name and rules';
    case 'save':
      return 'pairs of seconds and changes';
    case 'bufferLimits':
      return 'class, hard limit, soft limit, seconds; several times';
    case 'fixed':
      return code(type.value);
    case 'octal':
      return 'octal';
    case 'percentiles':
      return 'percentages';
    case 'keyspaceEvents':
      return 'letters of `KEg$lshzxetdnmA`';
    case 'text':
      return 'text';
  }
}

function withoutEffect(): string {
  const directives = DIRECTIVES.filter(({ inert, hidden, type }) => inert && !hidden && type.kind !== 'fixed');
  return `${directives.map(({ name }) => code(name)).join(', ')}.\n`;
}

function refused(): string {
  const lines = DIRECTIVES.flatMap(({ name, aliases = [], type }) =>
    type.kind === 'fixed' ? [`- ${[name, ...aliases].map(code).join(', ')}: ${type.reason}.`] : [],
  );
  return `${lines.join('\n')}\n`;
}

function code(text: string): string {
  return `\`${text}\``;
}
